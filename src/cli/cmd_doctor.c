/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: what this host lets oomnotify see, and what that means in words
 *
 * The facts come from doctor_facts.c. Here they become a list of (key, value), from which the table
 * and the JSON object are both made, and a few sentences.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/cmd.h"
#include "cli/doctor_facts.h"
#include "cli/host_error.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/status.h"

#define SENTENCES_MAX 10

static const struct option longs[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct sentences {
	const char *text[SENTENCES_MAX];
	size_t used;
};

static void add(struct sentences *s, bool applies, const char *text)
{
	if (applies && s->used < SENTENCES_MAX)
		s->text[s->used++] = text;
}

static void add_v2(struct sentences *s, const struct doctor_facts *f)
{
	add(s, true, "OOMs are seen within about 10 ms; victims are not named.");
	add(s, true, "Kills in cgroups that are removed at once are counted all the same.");
	add(s, f->memory_enabled == ANSWER_NO,
	    "No cgroup has memory files yet: enable them with `echo +memory` into the root's "
	    "cgroup.subtree_control.");
	add(s, f->host->v2.local_events,
	    "memory_localevents hides what removed cgroups counted: mount cgroup2 without it.");
	add(s, f->group_count == ANSWER_NO,
	    "This kernel does not count group kills: a victim that is counted twice is told as a "
	    "range.");
}

static void add_v1(struct sentences *s, const struct doctor_facts *f)
{
	add(s, f->event_control == ANSWER_YES,
	    "OOMs are seen before the kill, through the kernel's own notifier; victims are not "
	    "named.");
	add(s, f->event_control == ANSWER_NO,
	    "Without the right to write cgroup.event_control kills are seen within a second, and "
	    "OOMs without a kill not at all.");
	add(s, true, "Kills in cgroups that are removed at once may stay unproven.");
	add(s, f->use_hierarchy == ANSWER_NO,
	    "memory.use_hierarchy is 0: a limit does not hold for the cgroups below it.");
}

static struct sentences meaning(const struct doctor_facts *f)
{
	struct sentences s = { 0 };

	if (f->hierarchy == HIERARCHY_V2)
		add_v2(&s, f);
	else if (f->hierarchy == HIERARCHY_V1)
		add_v1(&s, f);
	add(&s, f->hierarchy == HIERARCHY_NONE,
	    "No cgroup hierarchy has the memory controller: nothing can be watched.");
	add(&s, f->panic_on_oom != 0 && f->panic_on_oom != UINT64_MAX,
	    "vm.panic_on_oom is set: the machine stops instead of telling.");
	add(&s, f->host->namespaced,
	    "This is a cgroup namespace: what happens outside of it is not seen.");
	return s;
}

static json_t *number(uint64_t n)
{
	return n > INT64_MAX ? json_null() : json_integer((json_int_t)n);
}

static json_t *answer(enum answer a)
{
	return a == ANSWER_UNKNOWN ? json_null() : json_boolean(a == ANSWER_YES);
}

static json_t *text(const char *s)
{
	json_t *j = s ? json_string(s) : json_null();

	return j ? j : json_string("(not UTF-8)");
}

static const char *hierarchy_name(enum hierarchy h)
{
	return h == HIERARCHY_V2 ? "v2" : h == HIERARCHY_V1 ? "v1" : NULL;
}

/* The keys are stable (oomnotify-doctor(1)). NULL without memory. */
static json_t *facts_json(const struct doctor_facts *f)
{
	const struct cgroup_mount *mount = cgroup_host_memory(f->host, NULL);
	json_t *j = json_object();
	int r = 0;

	r |= json_object_set_new(j, "version", text(OOMN_VERSION));
	r |= json_object_set_new(j, "kernel", text(f->kernel));
	r |= json_object_set_new(j, "hierarchy", text(hierarchy_name(f->hierarchy)));
	r |= json_object_set_new(j, "hybrid",
				 json_boolean(f->hierarchy == HIERARCHY_V1 &&
					      f->host->v2.root_fd >= 0));
	r |= json_object_set_new(j, "mount", text(mount ? mount->where : NULL));
	r |= json_object_set_new(j, "whole_hierarchy", json_boolean(mount && mount->real_root));
	r |= json_object_set_new(j, "cgroup_namespace", json_boolean(f->host->namespaced));
	r |= json_object_set_new(j, "memory_localevents", json_boolean(f->host->v2.local_events));
	r |= json_object_set_new(j, "memory_enabled", answer(f->memory_enabled));
	r |= json_object_set_new(j, "group_kills_counted", answer(f->group_count));
	r |= json_object_set_new(j, "event_control_writable", answer(f->event_control));
	r |= json_object_set_new(j, "use_hierarchy", answer(f->use_hierarchy));
	r |= json_object_set_new(j, "pressure", answer(f->pressure));
	r |= json_object_set_new(j, "uid", json_integer(f->uid));
	r |= json_object_set_new(j, "panic_on_oom", number(f->panic_on_oom));
	r |= json_object_set_new(j, "swap_bytes", number(f->swap_bytes));
	r |= json_object_set_new(j, "open_files", number(f->files_soft));
	r |= json_object_set_new(j, "open_files_hard", number(f->files_hard));
	r |= json_object_set_new(j, "inotify_watches", number(f->inotify_watches));
	if (r == 0)
		return j;
	json_decref(j);
	return NULL;
}

static int print_json(json_t *facts, const struct doctor_facts *f)
{
	const struct sentences s = meaning(f);
	json_t *sources = json_array();
	json_t *words = json_array();
	int r = 0;

	for (size_t i = 0; i < DOCTOR_SOURCES; i++)
		r |= json_array_append_new(
			sources, json_pack("{s:s, s:b, s:s?}", "name", f->sources[i].name, "usable",
					   f->sources[i].usable, "why", f->sources[i].why));
	for (size_t i = 0; i < s.used; i++)
		r |= json_array_append_new(words, json_string(s.text[i]));
	r |= json_object_set_new(facts, "sources", sources);
	r |= json_object_set_new(facts, "meaning", words);
	r |= json_object_set_new(facts, "works", json_boolean(f->works));
	if (r != 0)
		return -ENOMEM;
	if (json_dumpf(facts, stdout, JSON_COMPACT) == 0)
		putchar('\n');
	return 0;
}

static void table_unref(struct libscols_table **t)
{
	scols_unref_table(*t);
}

static struct libscols_table *table(const char *const *columns, size_t n)
{
	struct libscols_table *t = scols_new_table();

	for (size_t i = 0; t && i < n; i++)
		if (!scols_table_new_column(t, columns[i], 0, 0)) {
			scols_unref_table(t);
			t = NULL;
		}
	if (t) {
		scols_table_set_termforce(t, SCOLS_TERMFORCE_NEVER);
		scols_table_set_stream(t, stdout);
	}
	return t;
}

/* One line of up to three cells. Returns 0 or a negated errno. */
static int add_line(struct libscols_table *t, const char *a, const char *b, const char *c)
{
	struct libscols_line *line = scols_table_new_line(t, NULL);
	int r = line ? 0 : -ENOMEM;

	if (r == 0)
		r = scols_line_set_data(line, 0, a);
	if (r == 0)
		r = scols_line_set_data(line, 1, b);
	if (r == 0 && c)
		r = scols_line_set_data(line, 2, c);
	return r;
}

static int print_facts(json_t *facts)
{
	static const char *const columns[] = { "FACT", "VALUE" };
	_cleanup_(table_unref) struct libscols_table *t = table(columns, 2);
	const char *key;
	json_t *value;
	int r = t ? 0 : -ENOMEM;

	json_object_foreach(facts, key, value)
	{
		_cleanup_free_ char *dumped = NULL;
		const char *shown = json_string_value(value);

		if (json_is_null(value))
			continue; /* not known, or of the other hierarchy */
		if (json_is_boolean(value))
			shown = json_is_true(value) ? "yes" : "no";
		if (!shown)
			shown = dumped = json_dumps(value, JSON_ENCODE_ANY);
		if (r == 0)
			r = shown ? add_line(t, key, shown, NULL) : -ENOMEM;
	}
	return r == 0 ? scols_print_table(t) : r;
}

static int print_sources(const struct doctor_facts *f)
{
	static const char *const columns[] = { "SOURCE", "USABLE", "WHY" };
	_cleanup_(table_unref) struct libscols_table *t = table(columns, 3);
	int r = t ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < DOCTOR_SOURCES; i++)
		r = add_line(t, f->sources[i].name, f->sources[i].usable ? "yes" : "no",
			     f->sources[i].why ? f->sources[i].why : "");
	return r == 0 ? scols_print_table(t) : r;
}

static int print_text(json_t *facts, const struct doctor_facts *f)
{
	const struct sentences s = meaning(f);
	int r = print_facts(facts);

	if (r == 0) {
		putchar('\n');
		r = print_sources(f);
	}
	if (r < 0)
		return r;
	putchar('\n');
	for (size_t i = 0; i < s.used; i++)
		puts(s.text[i]);
	puts(f->works ? "`oomnotify watch` works here." : "`oomnotify watch` does not work here.");
	return 0;
}

static int examine(bool json)
{
	_cleanup_host_ struct cgroup_host host = CGROUP_HOST_NULL;
	struct doctor_facts f;
	json_t *facts;
	int r;

	r = cgroup_host_open(&host, "/proc");
	if (r < 0)
		return host_error_say(NULL, NULL, r);
	doctor_look(&host, &f);
	facts = facts_json(&f);
	r = !facts ? -ENOMEM : json ? print_json(facts, &f) : print_text(facts, &f);
	json_decref(facts);
	if (r < 0)
		return host_error_say(NULL, NULL, r);
	return say_end_of_output(f.works ? STATUS_OK : STATUS_FAILURE);
}

int cmd_doctor(int argc, char **argv)
{
	bool json = false;
	int c;

	while ((c = options_next(argc, argv, ":h", longs)) != OPTIONS_END) {
		if (c == 'h')
			return command_usage("doctor");
		if (c == OPTIONS_BAD)
			return STATUS_USAGE;
		json |= c == 'j';
	}
	if (optind < argc) {
		say("doctor: '%s': takes no names: it looks at this host as a whole", argv[optind]);
		return STATUS_USAGE;
	}
	return examine(json);
}
