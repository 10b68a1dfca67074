/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/text_words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/fd.h"

/* How a kind is shown: SGR parameters of its colour, and what one and several of it are called. */
static const struct {
	const char *sgr;
	const char *one;
	const char *many;
} kinds[EVENT_KIND_MAX] = {
	[EVENT_OOM] = { "33", "oom", "ooms" },
	[EVENT_KILL] = { "1;31", "kill", "kills" },
	[EVENT_GROUP_KILL] = { "1;35", "group kill", "group kills" },
	[EVENT_COLLATERAL] = { "31", "process died along", "processes died along" },
	[EVENT_DETAILS] = { "2", "set of details", "sets of details" },
	[EVENT_PAUSED] = { "36", "pause, tasks wait (oom_kill_disable)",
			   "pauses, tasks wait (oom_kill_disable)" },
	[EVENT_GONE] = { "2", "cgroup was removed", "cgroups were removed" },
	[EVENT_LOST] = { "7", "event dropped, not taken in time",
			 "events dropped, not taken in time" },
};

const char *words_colour(enum event_kind kind)
{
	return kinds[kind].sgr;
}

void words_part(struct words *w)
{
	if (w->any)
		fputc(w->mark, w->f);
	w->any = true;
	w->mark = WORDS_PART;
}

void words_paragraph(struct words *w)
{
	w->mark = WORDS_PARAGRAPH;
}

void words_name_n(struct words *w, const char *raw, size_t n)
{
	_cleanup_free_ char *text = malloc(ESCAPE_ROOM(n));

	if (!text) {
		w->failed = true;
		return;
	}
	escape_bytes(raw, n, w->escape, text);
	fputs(text, w->f);
}

void words_name(struct words *w, const char *raw)
{
	words_name_n(w, raw, strlen(raw));
}

void words_size(struct words *w, uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned unit = 0;
	uint64_t tenths;

	while (unit < 6 && bytes >> (10 * (unit + 1)) != 0)
		unit++;
	if (unit == 0) {
		fprintf(w->f, "%" PRIu64 " %s", bytes, units[0]);
		return;
	}
	/* The part below the unit, in tenths rounded down: 1023.9 MiB never becomes 1024.0. */
	tenths = ((bytes >> (10 * (unit - 1))) & 1023) * 10 / 1024;
	fprintf(w->f, "%" PRIu64, bytes >> (10 * unit));
	if (tenths > 0)
		fprintf(w->f, ".%" PRIu64, tenths);
	fprintf(w->f, " %s", units[unit]);
}

void words_size_part(struct words *w, const char *what, uint64_t bytes)
{
	if (bytes == BYTES_NONE)
		return;
	words_part(w);
	fprintf(w->f, "%s ", what);
	if (bytes == 0)
		fputc('0', w->f);
	else
		words_size(w, bytes);
}

void words_process(struct words *w, uint32_t pid, const char *comm)
{
	if (pid != 0)
		fprintf(w->f, "%" PRIu32, pid);
	if (comm[0] == '\0')
		return;
	fputs(pid != 0 ? " (" : "(", w->f);
	words_name(w, comm);
	fputc(')', w->f);
}

void words_command(struct words *w, const char *cmdline)
{
	if (!cmdline)
		return;
	fputc(WORDS_LONG, w->f); /* also at the very beginning, so that it begins a line */
	w->any = true;
	w->mark = WORDS_PART;
	fputs("command: ", w->f);
	words_name(w, cmdline);
	words_paragraph(w);
}

static void put_count(struct words *w, const struct oomn_event *e)
{
	const char *word = e->count_max == 1 ? kinds[e->kind].one : kinds[e->kind].many;

	words_part(w);
	if (e->kind == EVENT_GONE && e->count_max == 1)
		fputs(word, w->f);
	else if (e->count_min == e->count_max)
		fprintf(w->f, "%" PRIu64 " %s", e->count_max, word);
	else
		fprintf(w->f, "%" PRIu64 " %s %" PRIu64 " %s", e->count_min,
			e->count_max - e->count_min == 1 ? "or" : "to", e->count_max, word);
}

static void put_limit_itself(struct words *w, const struct oomn_event *e)
{
	bool own = e->cgroup && e->limit_cgroup && strcmp(e->cgroup, e->limit_cgroup) == 0;

	/* Of an oom its cgroup is the limit's, unless said otherwise; of a victim it need not be. */
	if (own && e->limit_bytes == BYTES_NONE && !e->limit_or_above && !e->victim)
		return;
	words_part(w);
	fputs("limit", w->f);
	if (e->limit_bytes != BYTES_NONE) {
		fputc(' ', w->f);
		words_size(w, e->limit_bytes);
	}
	if (!e->limit_cgroup) {
		fprintf(w->f, " of a cgroup that is not %s",
			e->limit_outside ? "visible here" : "known");
	} else if (!own) {
		fputs(" of ", w->f);
		words_name(w, e->limit_cgroup);
	}
	if (e->limit_or_above)
		fputs(own ? " here or above" : " or above", w->f);
	else if (own && e->limit_bytes == BYTES_NONE)
		fputs(" here", w->f);
}

/* Of what the kernel found short, if that was no cgroup's memory. */
static const char *const shortages[OOM_CONSTRAINT_MAX] = {
	[OOM_CONSTRAINT_NONE] = "global: the whole machine ran out of memory",
	[OOM_CONSTRAINT_CPUSET] = "cpuset: its memory nodes ran out of memory",
	[OOM_CONSTRAINT_MEMORY_POLICY] = "mempolicy: its memory nodes ran out of memory",
};

void words_limit(struct words *w, const struct oomn_event *e)
{
	bool v1 = e->hierarchy == HIERARCHY_V1;
	bool known = e->limit_cgroup || e->limit_outside || e->limit_bytes != BYTES_NONE;

	if (w->told & TOLD_LIMIT)
		return;
	if (known)
		put_limit_itself(w, e);
	if (known && e->limit_bytes != BYTES_NONE)
		words_size_part(w, "used", e->usage_bytes);
	/* Swap that is not used did not make the memory short; nor did it help. */
	if (known && e->swap_limit_bytes != BYTES_NONE && e->swap_usage_bytes > 0) {
		words_size_part(w, v1 ? "memory and swap limit" : "swap limit",
				e->swap_limit_bytes);
		words_size_part(w, v1 ? "memory and swap used" : "swap used", e->swap_usage_bytes);
	}
	if (shortages[e->constraint] && e->order != ORDER_SYSRQ) {
		words_part(w);
		fputs(shortages[e->constraint], w->f);
	} else if (!known && e->constraint == OOM_CONSTRAINT_MEMCG) {
		words_part(w);
		fputs("limit of a cgroup that is not known", w->f);
	}
	if (e->order > 0) {
		words_part(w);
		fprintf(w->f, "allocation of order %d", e->order);
	}
}

/* Is there more to say of it than how many? */
static bool says_more(const struct oomn_event *e)
{
	return e->victim || e->details ||
	       (e->kind == EVENT_OOM && (e->trigger || e->constraint != OOM_CONSTRAINT_UNKNOWN));
}

void words_of_event(struct words *w, const struct oomn_event *e)
{
	bool counted = e->count_min != 1 || e->count_max != 1 || !says_more(e) || !w->terse;

	if (counted)
		put_count(w, e);
	if (e->removed || e->unplaced) {
		words_part(w);
		fputs(e->removed ? "here or in a removed cgroup below"
				 : "here or below, not known where",
		      w->f);
	}
	if (e->victim || e->details) {
		if (counted) {
			fputs(": ", w->f);
			w->any = false;
		}
		if (e->victim)
			words_of_victim(w, e);
		else
			words_of_details(w, e->details);
		return;
	}
	words_limit(w, e);
	words_trigger(w, e);
	/* All the rest of it was told above. */
	if (!w->any)
		put_count(w, e);
}
