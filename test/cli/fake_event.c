/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The events of a script: one table of keys for each structure that an event is made of
 */
#include "test/cli/fake_event.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/cli/fake_script.h"

enum type {
	A_NUMBER, /* uint64_t */
	A_SHORT,  /* uint32_t */
	A_SIZE,   /* size_t */
	AN_INT,
	A_FLAG, /* set by its key alone */
	A_NAME, /* on the heap */
	A_COMM,
	A_KIND,
	A_COUNT, /* N or MIN..MAX */
	A_HIERARCHY,
	A_CONSTRAINT,
	AN_EVIDENCE,
	A_PROCESS, /* PID,COMM,RSS: one more */
};

struct field {
	const char *key;
	enum type type;
	size_t offset;
};

#define OF_EVENT(m) offsetof(struct oomn_event, m)
static const struct field of_event[] = {
	{ "kind", A_KIND, OF_EVENT(kind) },
	{ "count", A_COUNT, 0 },
	{ "cgroup", A_NAME, OF_EVENT(cgroup) },
	{ "id", A_NUMBER, OF_EVENT(cgroup_id) },
	{ "hierarchy", A_HIERARCHY, OF_EVENT(hierarchy) },
	{ "removed", A_FLAG, OF_EVENT(removed) },
	{ "unplaced", A_FLAG, OF_EVENT(unplaced) },
	{ "evidence", AN_EVIDENCE, OF_EVENT(evidence) },
	{ "realtime", A_NUMBER, OF_EVENT(realtime_ns) },
	{ "boottime", A_NUMBER, OF_EVENT(boottime_ns) },
	{ "limit", A_NAME, OF_EVENT(limit_cgroup) },
	{ "limit-id", A_NUMBER, OF_EVENT(limit_id) },
	{ "limit-bytes", A_NUMBER, OF_EVENT(limit_bytes) },
	{ "or-above", A_FLAG, OF_EVENT(limit_or_above) },
	{ "outside", A_FLAG, OF_EVENT(limit_outside) },
	{ "usage", A_NUMBER, OF_EVENT(usage_bytes) },
	{ "swap", A_NUMBER, OF_EVENT(swap_limit_bytes) },
	{ "swap-usage", A_NUMBER, OF_EVENT(swap_usage_bytes) },
	{ "incident", A_NUMBER, OF_EVENT(incident) },
	{ "constraint", A_CONSTRAINT, OF_EVENT(constraint) },
	{ "order", AN_INT, OF_EVENT(order) },
	{ "total", A_NUMBER, OF_EVENT(total_bytes) },
	{ "shared-with", A_SHORT, OF_EVENT(shared_with) },
	{ 0 },
};

#define OF_PROCESS(m) offsetof(struct oomn_process, m)
static const struct field of_process[] = {
	{ "pid", A_SHORT, OF_PROCESS(id.pid) },
	{ "tid", A_SHORT, OF_PROCESS(id.tid) },
	{ "ns-pid", A_SHORT, OF_PROCESS(id.ns_pid) },
	{ "uid", A_SHORT, OF_PROCESS(id.uid) },
	{ "comm", A_COMM, OF_PROCESS(id.comm) },
	{ "start", A_NUMBER, OF_PROCESS(id.start_ns) },
	{ "cgroup", A_NAME, OF_PROCESS(cgroup) },
	{ "cgroup-id", A_NUMBER, OF_PROCESS(cgroup_id) },
	{ "own-cgroup", A_NAME, OF_PROCESS(own_cgroup) },
	{ "own-cgroup-id", A_NUMBER, OF_PROCESS(own_cgroup_id) },
	{ "total-vm", A_NUMBER, OF_PROCESS(total_vm_bytes) },
	{ "anon", A_NUMBER, OF_PROCESS(anon_bytes) },
	{ "file", A_NUMBER, OF_PROCESS(file_bytes) },
	{ "shmem", A_NUMBER, OF_PROCESS(shmem_bytes) },
	{ "tables", A_NUMBER, OF_PROCESS(table_bytes) },
	{ "exact", A_FLAG, OF_PROCESS(exact) },
	{ "adj", AN_INT, OF_PROCESS(oom_score_adj) },
	{ "cmdline", A_NAME, OF_PROCESS(cmdline) },
	{ 0 },
};

#define OF_DETAILS(m) offsetof(struct oom_details, m)
static const struct field of_details[] = {
	{ "pid", A_SHORT, OF_DETAILS(victim_pid) },
	{ "cmdline", A_NAME, OF_DETAILS(cmdline) },
	{ "exe", A_NAME, OF_DETAILS(exe) },
	{ "limit", A_NUMBER, OF_DETAILS(limit_bytes) },
	{ "usage", A_NUMBER, OF_DETAILS(usage_bytes) },
	{ "peak", A_NUMBER, OF_DETAILS(peak_bytes) },
	{ "anon", A_NUMBER, OF_DETAILS(stat.anon) },
	{ "file", A_NUMBER, OF_DETAILS(stat.file) },
	{ "kernel", A_NUMBER, OF_DETAILS(stat.kernel) },
	{ "slab", A_NUMBER, OF_DETAILS(stat.slab) },
	{ "sock", A_NUMBER, OF_DETAILS(stat.sock) },
	{ "shmem", A_NUMBER, OF_DETAILS(stat.shmem) },
	{ "process", A_PROCESS, 0 },
	{ "looked", A_SIZE, OF_DETAILS(looked) },
	{ "more", A_FLAG, OF_DETAILS(more) },
	{ "timed-out", A_FLAG, OF_DETAILS(timed_out) },
	{ 0 },
};

static void *must(void *p)
{
	if (!p)
		fake_die("out of memory");
	return p;
}

enum event_kind fake_kind(const char *name)
{
	enum event_kind k;

	if (!event_kind_from_name(name, &k))
		fake_die("unknown kind: %s", name);
	return k;
}

enum hierarchy fake_hierarchy(const char *name)
{
	return strcmp(name, "v1") == 0 ? HIERARCHY_V1 : HIERARCHY_V2;
}

static enum oom_constraint constraint(const char *name)
{
	for (enum oom_constraint c = OOM_CONSTRAINT_NONE; c < OOM_CONSTRAINT_MAX; c++)
		if (strcmp(oom_constraint_name(c), name) == 0)
			return c;
	fake_die("unknown constraint: %s", name);
}

static unsigned evidence(char *list)
{
	unsigned bits = 0;
	char *rest;

	for (char *w = strtok_r(list, ",", &rest); w; w = strtok_r(NULL, ",", &rest))
		for (unsigned bit = 1; bit <= EVIDENCE_VMSTAT; bit <<= 1)
			if (strcmp(evidence_name(bit), w) == 0)
				bits |= bit;
	return bits;
}

static void set_count(struct oomn_event *e, char *text)
{
	char *dots = strstr(text, "..");

	if (dots)
		*dots = '\0';
	e->count_min = fake_number(text);
	e->count_max = dots ? fake_number(dots + 2) : e->count_min;
}

static void set_comm(char *to, const char *value)
{
	char *raw = fake_bytes(value);

	if (snprintf(to, TASK_COMM_MAX, "%s", raw) >= TASK_COMM_MAX)
		fake_die("too long for a comm: %s", value);
	free(raw);
}

static void add_process(struct oom_details *d, char *value)
{
	char *rest, *pid = strtok_r(value, ",", &rest), *comm = strtok_r(NULL, ",", &rest);
	char *rss = strtok_r(NULL, ",", &rest);

	if (!rss || d->largest_n == DETAILS_LARGEST)
		fake_die("at most %d processes, each PID,COMM,RSS", DETAILS_LARGEST);
	d->largest[d->largest_n].pid = (uint32_t)fake_number(pid);
	set_comm(d->largest[d->largest_n].comm, comm);
	d->largest[d->largest_n].rss_bytes = fake_number(rss);
	d->largest_n++;
}

static void set_number(void *at, enum type type, const char *value)
{
	switch (type) {
	case A_NUMBER:
		*(uint64_t *)at = fake_number(value);
		break;
	case A_SHORT:
		*(uint32_t *)at = (uint32_t)fake_number(value);
		break;
	case A_SIZE:
		*(size_t *)at = fake_number(value);
		break;
	default:
		*(int *)at = atoi(value);
	}
}

static void set_field(void *object, const struct field *f, char *value)
{
	void *at = (char *)object + f->offset;

	switch (f->type) {
	case A_FLAG:
		*(bool *)at = true;
		break;
	case A_NAME:
		free(*(char **)at);
		*(char **)at = fake_bytes(value);
		break;
	case A_COMM:
		set_comm(at, value);
		break;
	case A_KIND:
		*(enum event_kind *)at = fake_kind(value);
		break;
	case A_COUNT:
		set_count(object, value);
		break;
	case A_HIERARCHY:
		*(enum hierarchy *)at = fake_hierarchy(value);
		break;
	case A_CONSTRAINT:
		*(enum oom_constraint *)at = constraint(value);
		break;
	case AN_EVIDENCE:
		*(unsigned *)at = evidence(value);
		break;
	case A_PROCESS:
		add_process(object, value);
		break;
	default:
		set_number(at, f->type, value);
	}
}

static void set_in(void *object, const struct field *fields, const char *key, char *value)
{
	for (const struct field *f = fields; f->key; f++)
		if (strcmp(f->key, key) == 0) {
			set_field(object, f, value);
			return;
		}
	fake_die("unknown key: %s", key);
}

void fake_event_set(struct oomn_event *e, const char *key, const char *value)
{
	const char *dot = strchr(key, '.'), *of = dot ? dot + 1 : key;
	char *copy = must(strdup(value));

	if (!dot) {
		set_in(e, of_event, of, copy);
	} else if (strncmp(key, "trigger.", (size_t)(of - key)) == 0) {
		e->trigger = e->trigger ? e->trigger : must(oom_process_new());
		set_in(e->trigger, of_process, of, copy);
	} else if (strncmp(key, "victim.", (size_t)(of - key)) == 0) {
		e->victim = e->victim ? e->victim : must(oom_process_new());
		set_in(e->victim, of_process, of, copy);
	} else if (strncmp(key, "details.", (size_t)(of - key)) == 0) {
		e->details = e->details ? e->details : must(oom_details_new());
		set_in(e->details, of_details, of, copy);
	} else {
		fake_die("unknown key: %s", key);
	}
	free(copy);
}

static char *copy_name(const char *name)
{
	return name ? must(strdup(name)) : NULL;
}

static struct oomn_process *process_dup(const struct oomn_process *p)
{
	struct oomn_process *d = must(oom_process_new());

	*d = *p;
	d->cgroup = p->cgroup ? must(strdup(p->cgroup)) : NULL;
	d->own_cgroup = p->own_cgroup ? must(strdup(p->own_cgroup)) : NULL;
	d->cmdline = p->cmdline ? must(strdup(p->cmdline)) : NULL;
	return d;
}

struct oomn_event *fake_event_copy(const struct oomn_event *from)
{
	struct oomn_event *e = must(event_new(from->kind));

	*e = *from;
	e->cgroup = copy_name(from->cgroup);
	e->limit_cgroup = copy_name(from->limit_cgroup);
	e->trigger = from->trigger ? process_dup(from->trigger) : NULL;
	e->victim = from->victim ? process_dup(from->victim) : NULL;
	if (from->details) {
		e->details = must(oom_details_new());
		*e->details = *from->details;
		e->details->cmdline = copy_name(from->details->cmdline);
		e->details->exe = copy_name(from->details->exe);
		e->details->cgroup = copy_name(from->details->cgroup);
	}
	return e;
}
