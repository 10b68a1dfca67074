/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seen.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOON_MS 60000 /* a machine may be slow */

void seen_open(struct seen *s, const struct bpf_oom_options *options, struct bpf_oom_report *report)
{
	int r = bpf_oom_open(&s->bpf, options, report);

	if (r != 0)
		die("%s does not work: %s", bpf_oom_level_name(options->highest),
		    report->levels[options->highest].why);
	s->level = report->level;
	s->victim_is_task = report->victim_is_task;
	s->all = calloc(SEEN_MAX, sizeof(*s->all));
	if (!s->all)
		die("out of memory");
	s->n = 0;
}

void seen_close(struct seen *s)
{
	s->bpf = bpf_oom_close(s->bpf);
	free(s->all);
	s->all = NULL;
}

void seen_forget(struct seen *s)
{
	s->n = 0;
}

/* Others on the same machine may have ooms too. */
static bool ours(const struct seen *s, const struct sighting *v)
{
	const char *path = sighting_path(v, &v->trigger_memory);

	return s->machine || (path && strstr(path, strrchr(s->scratch->base, '/')));
}

void seen_take(struct seen *s, pid_t trigger)
{
	const struct sighting *next;
	int r;

	while ((r = bpf_oom_next(s->bpf, &next)) > 0) {
		if (trigger ? next->trigger.pid != (uint32_t)trigger : !ours(s, next))
			continue;
		if (s->n == SEEN_MAX)
			die("more sightings than there is room for");
		s->all[s->n++] = *next;
	}
	if (r < 0)
		die("a record that makes no sense");
}

void seen_until(struct seen *s, pid_t trigger, enum sighting_kind kind, size_t count)
{
	struct pollfd p = { .fd = bpf_oom_fd(s->bpf), .events = POLLIN };

	for (;;) {
		seen_take(s, trigger);
		if (seen_count(s, kind) >= count)
			return;
		if (poll(&p, 1, SOON_MS) <= 0)
			die("%zu sightings of kind %d instead of %zu", seen_count(s, kind),
			    (int)kind, count);
	}
}

size_t seen_count(const struct seen *s, enum sighting_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->all[i].kind == kind;
	return n;
}

const struct sighting *seen_of(const struct seen *s, enum sighting_kind kind, pid_t pid)
{
	bool by_trigger = kind == SIGHTING_LIMIT || kind == SIGHTING_END;

	for (size_t i = 0; i < s->n; i++) {
		const struct sighting *v = &s->all[i];

		if (v->kind == kind && (by_trigger ? v->trigger.pid : v->task.pid) == (uint32_t)pid)
			return v;
	}
	die("nothing of kind %d about process %d", (int)kind, (int)pid);
}

static void read_file(pid_t pid, const char *name, char *ret, size_t size)
{
	char path[64];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	f = fopen(path, "re");
	n = f ? fread(ret, 1, size - 1, f) : 0;
	if (n == 0)
		die("%s: %s", path, strerror(errno));
	(void)fclose(f);
	ret[n] = '\0';
}

/* "Key:   123 kB" */
static uint64_t number(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	if (!at)
		die("no %s", key);
	return strtoull(at + strlen(key), NULL, 10);
}

static void read_cgroups(struct truth *t, const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		const char *controllers = strchr(line, ':') + 1;
		const char *path = strchr(controllers, ':') + 1;
		char *to = NULL;

		if (*controllers == ':')
			to = t->own;
		else if (strncmp(controllers, "memory:", 7) == 0)
			to = t->memory;
		if (to)
			(void)snprintf(to, sizeof(t->own), "%.*s", (int)strcspn(path, "\n"), path);
	}
	/* The line of a hierarchy that was never mounted can be missing. */
	if (!*t->own)
		(void)strcpy(t->own, "/");
	if (!*t->memory)
		memcpy(t->memory, t->own, sizeof(t->memory));
}

void truth_read(struct truth *t, pid_t pid)
{
	char text[16384], *at;

	memset(t, 0, sizeof(*t));
	t->pid = pid;
	read_file(pid, "comm", text, sizeof(text));
	text[strlen(text) - 1] = '\0'; /* its newline; a comm can have some of its own */
	memcpy(t->comm, text, strnlen(text, TASK_COMM_MAX - 1));
	read_file(pid, "status", text, sizeof(text));
	t->uid = (uint32_t)number(text, "\nUid:");
	t->total_vm = number(text, "\nVmSize:") * 1024;
	t->tables = number(text, "\nVmPTE:") * 1024;
	at = strstr(text, "\nNSpid:") + 1;
	at[strcspn(at, "\n")] = '\0';
	t->ns_pid = (uint32_t)strtoul(strrchr(at, '\t'), NULL, 10);
	read_file(pid, "stat", text, sizeof(text));
	at = strrchr(text, ')') + 2; /* the third field, of which start time is the 22nd */
	for (int field = 3; field < 22; field++)
		at = strchr(at, ' ') + 1;
	t->start_ticks = strtoull(at, NULL, 10);
	read_file(pid, "oom_score_adj", text, sizeof(text));
	t->oom_score_adj = atoi(text); /* NOLINT(cert-err34-c) */
	read_file(pid, "cgroup", text, sizeof(text));
	read_cgroups(t, text);
	/* It walks the page tables, where all others give what the kernel has noted down so far. */
	read_file(pid, "smaps_rollup", text, sizeof(text));
	t->rss = number(text, "\nRss:") * 1024;
	t->anon = number(text, "\nAnonymous:") * 1024;
}

void truth_same_task(const struct truth *t, const struct task_id *id)
{
	SAME(id->pid, t->pid);
	SAME(id->uid, t->uid);
	SAME(id->ns_pid, t->ns_pid);
	SAME(id->start_ns / (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK)),
	     t->start_ticks);
	if (strcmp(id->comm, t->comm) != 0)
		die("comm is \"%s\", should be \"%s\"", id->comm, t->comm);
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* A cgroup namespace hides the beginning of every path. */
static void same_path(const struct seen *s, const struct sighting *v, const struct cgroup_id *c,
		      const char *path)
{
	const char *is = sighting_path(v, c);

	HOLDS(is && c->whole);
	if (s->machine ? strcmp(is, path) != 0 : !ends_with(is, path))
		die("the path is %s, should be %s", is, path);
}

void truth_same_cgroup(const struct seen *s, const struct sighting *v, const struct cgroup_id *c,
		       const char *path)
{
	struct cgroup_at at;

	scratch_at(s->scratch, path, &at);
	HOLDS(c->known);
	SAME(c->id, at.id);
	same_path(s, v, c, at.path);
	scratch_at_close(&at);
}

void truth_same_victim(const struct truth *t, const struct seen *s, const struct sighting *v)
{
	HOLDS(v->task_known && v->counted && v->killed);
	SAME(v->v1, !s->scratch->v2);
	truth_same_task(t, &v->task);
	SAME(v->oom_score_adj, t->oom_score_adj);
	same_path(s, v, &v->memory, t->memory);
	same_path(s, v, &v->own, t->own);
	if (!s->scratch->v2)
		SAME(v->own.id, 1); /* v2 is not used there: its root */
	else
		SAME(v->own.id, v->memory.id);
}

/* Each counter lacks less than a batch for each processor: lib/percpu_counter.c. */
static void same_rss(uint64_t is, uint64_t should, bool exact, uint64_t counters)
{
	uint64_t cpus = (uint64_t)sysconf(_SC_NPROCESSORS_CONF), batch = cpus > 16 ? 2 * cpus : 32;
	uint64_t off = exact ? 0 : counters * batch * cpus * 4096;

	if (is > should + off || is + off < should)
		die("rss is %" PRIu64 ", should be %" PRIu64 " (off by %" PRIu64 " at most)", is,
		    should, off);
}

void truth_same_sizes(const struct seen *s, const struct truth *t, const struct sighting *v)
{
	HOLDS(v->exact || !s->machine);
	SAME(v->total_vm_bytes, t->total_vm);
	SAME(v->table_bytes, t->tables);
	same_rss(v->anon_bytes, t->anon, v->exact, 1);
	same_rss(v->file_bytes + v->shmem_bytes, t->rss - t->anon, v->exact, 2);
}
