/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Details: what user space still found out, a moment later. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "told_impl.h"

static const char *const details_keys[] = {
	"victim_pid", "cmdline",   "exe",    "limit_bytes", "usage_bytes", "peak_bytes",
	"stat",       "processes", "looked", "more",        "timed_out",   NULL,
};
static const char *const stat_keys[] = { "anon", "file", "kernel", "slab", "sock", "shmem", NULL };
static const char *const process_keys[] = { "pid", "comm", "rss_bytes", NULL };

/* Of a victim: each has details once at most. */
static void same_victim_details(const json_t *d, const struct oom_truth *o, struct found *f)
{
	int64_t pid;
	size_t which;
	char *text;

	if (!field_int(d, "victim_pid", MAY, &pid)) {
		(void)field_there(d, "cmdline", ABSENT);
		(void)field_there(d, "exe", ABSENT);
		return;
	}
	which = victim_of(o, pid);
	if (which == OOM_VICTIMS)
		wrong("the details are of a process that is no victim");
	if (f->detailed[which])
		wrong("the victim has details already");
	f->detailed[which] = true;
	text = field_raw(d, "cmdline", MAY);
	if (text && (!*text || strncmp(o->victims[which]->cmdline, text, strlen(text)) != 0))
		wrong("cmdline should be %s", o->victims[which]->cmdline);
	free(text);
	field_is_name(d, "exe", MAY, o->victims[which]->exe);
}

/* A process that is still there, of those that the scene has started. */
static void same_process(const json_t *p, const struct told_truth *truth)
{
	int64_t pid;

	keys_are("a process", p, process_keys, no_keys);
	(void)field_int(p, "pid", MUST, &pid);
	for (size_t i = 0; i < truth->actors_n; i++) {
		const struct actor *a = &truth->actors[i];

		/* Empty: it was gone before that could be read, too. */
		if (a->t.pid == pid && !field_is_empty(p, "comm"))
			field_is_name(p, "comm", MUST, a->t.comm);
		if (a->t.pid == pid || a->hog.pid == pid)
			return;
	}
	wrong("a process of nobody");
}

static void same_largest(const json_t *d, const struct told_truth *truth)
{
	const json_t *list = json_object_get(d, "processes");
	int64_t number, last = INT64_MAX;

	if (!json_is_array(list) || json_array_size(list) > DETAILS_LARGEST)
		wrong("processes is no list, or too long");
	(void)field_int(d, "looked", MUST, &number);
	value_within("looked", number, (int64_t)json_array_size(list), DETAILS_LOOKED);
	if (field_bool(d, "more"))
		wrong("there are not that many processes");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);

		same_process(p, truth);
		(void)field_int(p, "rss_bytes", MUST, &number);
		value_within("rss_bytes", number, 0, last);
		last = number;
	}
}

/* What was read a moment later: some of it may be missing, and nothing of it is wrong. */
static void same_limit_details(const struct comparing *c, const json_t *line, const json_t *d,
			       const struct oom_truth *o)
{
	const json_t *stat = field_object(d, "stat", MUST, stat_keys, no_keys);
	int64_t number, limit = (int64_t)o->limit_bytes;

	same_largest(d, c->truth);
	for (const char *const *key = stat_keys; *key; key++)
		if (field_int(stat, *key, MAY, &number))
			value_within(*key, number, 0, INT64_MAX);
	if (o->global)
		return;
	same_place(line, "cgroup", "cgroup_id", &o->limit, MAY);
	field_is(d, "limit_bytes", MAY, limit);
	if (field_int(d, "usage_bytes", MAY, &number))
		value_within("usage_bytes", number, 0, limit);
	if (field_int(d, "peak_bytes", MAY, &number))
		value_within("peak_bytes", number, limit - (int64_t)MIB / 2, limit);
	if (field_int(stat, "anon", MAY, &number))
		value_within("anon", number, 0, limit);
}

void same_details(struct comparing *c, const json_t *line)
{
	const json_t *d = field_object(line, "details", MUST, details_keys, no_keys);
	int64_t incident;

	(void)field_int(line, "incident", MUST, &incident);
	for (size_t i = 0; i < c->truth->n; i++) {
		const struct oom_truth *o = &c->truth->ooms[i];

		if (!has_incident(&c->found[i], incident))
			continue;
		c->found[i].details += !is_killless(&c->found[i], incident);
		(void)field_there(line, "seq", ABSENT);
		(void)field_there(line, "victim", ABSENT);
		(void)field_bool(d, "timed_out");
		same_time(line, o, false);
		same_victim_details(d, o, &c->found[i]);
		same_limit_details(c, line, d, o);
		return;
	}
	wrong("details of no incident");
}
