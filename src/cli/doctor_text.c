/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The report for people: facts, sources, and sentences
 *
 * smartcols lays the tables out; on a terminal long cells are folded at blanks, elsewhere nothing is
 * cut.
 */
#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/fd.h"
#include "cli/doctor.h"
#include "cli/fold.h"

#define FOLDED_MIN 24 /* in a terminal that is narrower than that it breaks words after all */

struct page {
	const struct doctor_report *r;
	const struct text_style *style;
	struct libscols_table *table;
};

static void table_unrefp(struct libscols_table **t)
{
	scols_unref_table(*t);
}

static int table_new(const struct text_style *style, const char *const *columns, size_t n,
		     struct libscols_table **ret)
{
	_cleanup_(table_unrefp) struct libscols_table *t = scols_new_table();

	if (!t)
		return -ENOMEM;
	(void)scols_table_enable_colors(t, style->colour);
	(void)scols_table_enable_noheadings(t, columns[0][0] == '\0');
	for (size_t i = 0; i < n; i++) {
		int flags = i == n - 1 && style->aligned ? SCOLS_FL_WRAP : 0;
		struct libscols_column *c = scols_table_new_column(t, columns[i], 0, flags);

		/* Names are escaped already; smartcols would do that once more. */
		if (!c || scols_column_set_safechars(c, "\\\n") < 0)
			return -ENOMEM;
		/* By itself it breaks lines in the middle of a word. */
		if (flags && scols_column_set_wrapfunc(c, scols_wrapnl_chunksize,
						       scols_wrapnl_nextchunk, NULL) < 0)
			return -ENOMEM;
	}
	*ret = ptr_steal(&t);
	return 0;
}

/* One line; @colour is that of the second cell, or NULL. */
static int add_line(const struct page *p, const char *const *cells, size_t n, const char *colour)
{
	struct libscols_line *line = scols_table_new_line(p->table, NULL);

	if (!line)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (scols_line_set_data(line, i, cells[i]) < 0)
			return -ENOMEM;
	if (colour && p->style->colour &&
	    scols_cell_set_color(scols_line_get_cell(line, 1), colour))
		return -ENOMEM;
	return 0;
}

static int add(const struct page *p, const char *name, const char *value)
{
	const char *cells[] = { name, value };

	return add_line(p, cells, 2, NULL);
}

static int add_fact(const struct page *p, const char *name, enum fact fact, const char *yes,
		    const char *no)
{
	const char *cells[] = { name, fact == FACT_YES ? yes : no };

	if (fact == FACT_UNKNOWN)
		cells[1] = "unknown";
	return add_line(p, cells, 2, NULL);
}

static const char *number(int64_t v, char *to, size_t size)
{
	if (v == FACT_NUMBER_UNKNOWN)
		snprintf(to, size, "unknown");
	else if (v == FACT_NUMBER_UNLIMITED)
		snprintf(to, size, "unlimited");
	else
		snprintf(to, size, "%" PRId64, v);
	return to;
}

static int add_number(const struct page *p, const char *name, int64_t v)
{
	char text[32];

	return add(p, name, number(v, text, sizeof(text)));
}

static int add_kernel(const struct page *p)
{
	const struct facts *f = p->r->facts;
	char text[2 * sizeof(f->release)];

	snprintf(text, sizeof(text), "%s %s", f->release, f->machine);
	return add(p, "kernel", text);
}

/* "cgroup v1, mounted at /sys/fs/cgroup/memory" */
static int add_place(const struct page *p, const char *name, const char *what, const char *where)
{
	_cleanup_free_ char *shown = NULL, *text = NULL;

	shown = escape_name(where, p->style->ascii ? ESCAPE_ASCII : 0);
	if (!shown)
		return -ENOMEM;
	if (asprintf(&text, "%s %s", what, shown) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return add(p, name, text);
}

static int add_memory(const struct page *p)
{
	static const char *const layouts[] = {
		[FACTS_LAYOUT_NONE] = "none is mounted",
		[FACTS_LAYOUT_V1] = "v1",
		[FACTS_LAYOUT_V2] = "v2",
		[FACTS_LAYOUT_HYBRID] = "v1 and v2 (hybrid)",
	};
	const struct cgroup_mount *m = cgroup_host_memory(p->r->host, NULL);
	int r = add(p, "cgroup file systems", layouts[p->r->facts->layout]);

	if (r == 0)
		r = add(p, "cgroup namespace",
			p->r->host->namespaced ? "yes, one of its own" : "no");
	if (r < 0)
		return r;
	if (!m)
		return add(p, "memory controller", "not here");
	r = add_place(p, "memory controller",
		      p->r->facts->memory == HIERARCHY_V1 ? "cgroup v1, mounted at"
							  : "cgroup v2, mounted at",
		      m->where);
	if (r < 0)
		return r;
	if (m->real_root)
		return add(p, "visible root", "that of the hierarchy");
	if (strcmp(m->root, "/") == 0)
		return add(p, "visible root", "that of the cgroup namespace");
	return add_place(p, "visible root", "a part, mounted from", m->root);
}

static int add_v1(const struct page *p)
{
	const struct facts *f = p->r->facts;
	int r = add_fact(p, "memory.oom_control", f->counters_readable, "readable", "not readable");

	if (r == 0)
		r = add_fact(p, "cgroup.event_control", f->event_control_writable, "writable",
			     f->read_only == FACT_YES ? "not writable, mounted read-only"
						      : "not writable");
	if (r == 0)
		r = add_fact(p, "memory.use_hierarchy", f->use_hierarchy, "on", "off");
	return r;
}

static int add_v2(const struct page *p)
{
	const struct facts *f = p->r->facts;
	int r;

	if (f->counters_exist == FACT_NO)
		r = add(p, "memory.events", "in no cgroup yet");
	else
		r = add_fact(p, "memory.events", f->counters_readable, "readable", "not readable");
	if (r == 0)
		r = add(p, "memory_localevents", p->r->host->v2.local_events ? "on" : "off");
	if (f->counters_exist == FACT_NO)
		return r; /* nothing to look at */
	if (r == 0 && f->oom_group == FACT_YES)
		r = add_fact(p, "memory.oom.group", f->oom_group_kill,
			     "yes, group kills are counted", "yes, group kills are not counted");
	else if (r == 0)
		r = add_fact(p, "memory.oom.group", f->oom_group, "", "no");
	return r;
}

static int add_rights(const struct page *p)
{
	const struct facts *f = p->r->facts;
	char text[512] = "";
	const char *name;
	size_t n = 0;
	unsigned bit;
	int r;

	snprintf(text, sizeof(text), "uid %u%s", (unsigned)f->euid, f->euid == 0 ? ", root" : "");
	r = add(p, "user", text);
	if (r < 0)
		return r;
	if (!f->have_capabilities)
		return add(p, "capabilities", "unknown");
	for (unsigned i = 0; (name = facts_capability(i, &bit)); i++)
		if (f->capabilities >> bit & 1)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? " " : "",
					      name);
	return add(p, "capabilities", n > 0 ? text : "none of those that matter here");
}

static int add_swap(const struct page *p)
{
	const struct facts *f = p->r->facts;
	char text[64];

	if (f->swap_total_bytes <= 0)
		return add(p, "swap", f->swap_total_bytes == 0 ? "none" : "unknown");
	snprintf(text, sizeof(text), "%" PRId64 " MiB, %" PRId64 " MiB free",
		 f->swap_total_bytes >> 20, f->swap_free_bytes >> 20);
	return add(p, "swap", text);
}

static int add_limits(const struct page *p)
{
	const struct facts *f = p->r->facts;
	char text[160], a[32], b[32], c[32];
	int r;

	snprintf(text, sizeof(text), "%s, at most %s", number(f->nofile_soft, a, sizeof(a)),
		 number(f->nofile_hard, b, sizeof(b)));
	r = add(p, "open files", text);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%s watches, %s instances, %s queued events",
		 number(f->inotify_watches, a, sizeof(a)),
		 number(f->inotify_instances, b, sizeof(b)),
		 number(f->inotify_queue, c, sizeof(c)));
	return add(p, "inotify", text);
}

static int add_host(const struct page *p)
{
	const struct facts *f = p->r->facts;
	int r = add_fact(p, "pressure (PSI)", f->psi, "yes", "no");

	if (r == 0)
		r = add_swap(p);
	if (r == 0)
		r = add_number(p, "vm.panic_on_oom", f->panic_on_oom);
	if (r == 0)
		r = add_number(p, "vm.overcommit_memory", f->overcommit_memory);
	return r;
}

/* Bytes of the widest cell in @column, or of its heading. Only the last one's texts are not ASCII. */
static size_t column_width(struct libscols_table *t, size_t column)
{
	struct libscols_column *c = scols_table_get_column(t, column);
	const char *heading = scols_cell_get_data(scols_column_get_header(c));
	size_t width = heading ? strlen(heading) : 0;

	for (size_t i = 0; i < scols_table_get_nlines(t); i++) {
		struct libscols_line *line = scols_table_get_line(t, i);
		const char *text = scols_cell_get_data(scols_line_get_cell(line, column));

		if (text && strlen(text) > width)
			width = strlen(text);
	}
	return width;
}

/* Folds the cells of the last column, so that all fits the terminal. */
static int fold_last_column(struct libscols_table *t)
{
	size_t columns = scols_table_get_ncols(t), before = 0;
	size_t width = scols_table_get_termwidth(t);

	for (size_t i = 0; i + 1 < columns; i++)
		before += column_width(t, i) + 1;
	width = width > before + FOLDED_MIN ? width - before : FOLDED_MIN;
	for (size_t i = 0; i < scols_table_get_nlines(t); i++) {
		struct libscols_line *line = scols_table_get_line(t, i);
		const char *text = scols_cell_get_data(scols_line_get_cell(line, columns - 1));
		_cleanup_free_ char *folded = text ? strdup(text) : NULL;

		if (!text)
			continue;
		if (!folded)
			return -ENOMEM;
		fold(folded, width);
		if (scols_line_set_data(line, columns - 1, folded) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* smartcols fills the last column up with blanks, where its cell is empty. */
static int print_table(const struct page *p)
{
	_cleanup_free_ char *text = NULL;
	int r = p->style->aligned ? fold_last_column(p->table) : 0;

	if (r == 0)
		r = scols_print_table_to_string(p->table, &text);
	if (r < 0 || !text)
		return r;
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n"), n = len;

		while (n > 0 && line[n - 1] == ' ')
			n--;
		printf("%.*s\n", (int)n, line);
		line += len + (line[len] == '\n');
	}
	return 0;
}

static int print_facts(struct page *p)
{
	static const char *const columns[] = { "", "" };
	_cleanup_(table_unrefp) struct libscols_table *t = NULL;
	int r = table_new(p->style, columns, 2, &t);

	if (r < 0)
		return r;
	p->table = t;
	r = add_kernel(p);
	if (r == 0)
		r = add_memory(p);
	if (r == 0 && p->r->facts->memory == HIERARCHY_V1)
		r = add_v1(p);
	if (r == 0 && p->r->facts->memory == HIERARCHY_V2)
		r = add_v2(p);
	if (r == 0)
		r = add_rights(p);
	if (r == 0)
		r = add_limits(p);
	if (r == 0)
		r = add_host(p);
	return r == 0 ? print_table(p) : r;
}

static int print_sources(struct page *p)
{
	static const char *const columns[] = { "SOURCE", "USABLE", "WHY" };
	_cleanup_(table_unrefp) struct libscols_table *t = NULL;
	int r = table_new(p->style, columns, 3, &t);

	if (r < 0)
		return r;
	p->table = t;
	for (size_t i = 0; i < DOCTOR_SOURCES; i++) {
		const struct doctor_source *s = &p->r->sources[i];
		const char *cells[] = { s->name, s->usable ? "yes" : "no", s->why };

		r = add_line(p, cells, 3, s->usable ? "green" : "yellow");
		if (r < 0)
			return r;
	}
	return print_table(p);
}

static int print_notes(struct page *p)
{
	static const char *const columns[] = { "", "" };
	static const char *const marks[] = {
		[DOCTOR_INFO] = "-", [DOCTOR_LIMIT] = "!", [DOCTOR_PROBLEM] = "x"
	};
	_cleanup_(table_unrefp) struct libscols_table *t = NULL;
	int r = table_new(p->style, columns, 2, &t);

	if (r < 0)
		return r;
	p->table = t;
	for (size_t i = 0; i < p->r->notes_n; i++) {
		const struct doctor_note *n = &p->r->notes[i];
		const char *cells[] = { marks[n->level], n->text };

		r = add_line(p, cells, 2, n->level == DOCTOR_PROBLEM ? "red" : NULL);
		if (r < 0)
			return r;
	}
	return p->r->notes_n > 0 ? print_table(p) : 0;
}

int doctor_print_text(const struct doctor_report *report, const struct text_style *style)
{
	struct page p = { .r = report, .style = style };
	int r = print_facts(&p);

	if (r < 0)
		return r;
	fputc('\n', stdout);
	r = print_sources(&p);
	if (r < 0)
		return r;
	printf("\n'oomnotify watch' %s here.\n", report->works ? "works" : "does not work");
	return print_notes(&p);
}
