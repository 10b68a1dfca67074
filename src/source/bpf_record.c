/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a record of the kernel's to a sighting
 *
 * First everything is checked, then it is written: a record that is not right gives nothing. The
 * writer is a program of ours, but it copies what the kernel's memory held at that moment, and reads
 * that fail leave 0.
 */
#include "source/bpf_record.h"

#include <errno.h>
#include <string.h>

#include "source/bpf/oom_record.h"

_Static_assert(TASK_COMM_MAX == OOM_RECORD_COMM, "comm");
/* A NUL becomes a slash, so only the end of each path and the root's slash are on top. */
_Static_assert(SIGHTING_TEXT >= OOM_RECORD_NAMES + 2 * OOM_RECORD_SLOTS + OOM_RECORD_ARGS + 1,
	       "text of all paths and of a command line");

static const enum sighting_kind kinds[] = {
	[OOM_RECORD_LIMIT] = SIGHTING_LIMIT,
	[OOM_RECORD_VICTIM] = SIGHTING_VICTIM,
	[OOM_RECORD_COLLATERAL] = SIGHTING_COLLATERAL,
	[OOM_RECORD_END] = SIGHTING_END,
};

/* Names from the leaf upwards, each with its NUL; none is empty or holds a slash. */
static bool names_right(const char *names, size_t bytes)
{
	size_t levels = 0;

	for (size_t at = 0; at < bytes; levels++) {
		size_t n = strnlen(names + at, bytes - at);

		if (n == 0 || n >= OOM_RECORD_NAME || n == bytes - at || memchr(names + at, '/', n))
			return false;
		at += n + 1;
	}
	return levels <= OOM_RECORD_LEVELS;
}

/* A path is its own bytes, or those of a slot before it, or none at all. */
static bool path_right(const struct oom_record *r, unsigned slot)
{
	const struct oom_record_path *p = &r->paths[slot];

	if (p->flags & ~(unsigned)OOM_RECORD_PATH_ALL)
		return false;
	if (!(p->flags & OOM_RECORD_PATH_THERE))
		return p->flags == 0 && p->bytes == 0 && p->same == 0;
	if (p->same == 0)
		return true;
	return p->same <= slot && p->bytes == 0 &&
	       (r->paths[p->same - 1].flags & OOM_RECORD_PATH_THERE) &&
	       r->paths[p->same - 1].same == 0;
}

static bool paths_right(const struct oom_record *r, const char *names)
{
	size_t at = 0;

	for (unsigned slot = 0; slot < OOM_RECORD_SLOTS; slot++) {
		size_t bytes = r->paths[slot].bytes;

		if (!path_right(r, slot) || bytes > r->names - at ||
		    !names_right(names + at, bytes))
			return false;
		at += bytes;
	}
	return at == r->names;
}

/* Turns the names around: "leaf\0above\0" becomes "/above/leaf". Returns what was written. */
static size_t put_path(char *to, const char *names, size_t bytes, bool whole)
{
	char *end = to + bytes, *p = end;

	if (bytes == 0) {
		to[0] = whole ? '/' : '\0';
		to[1] = '\0';
		return 2;
	}
	*p = '\0';
	for (size_t at = 0; at < bytes;) {
		size_t n = strlen(names + at);

		p -= n;
		memcpy(p, names + at, n);
		*--p = '/';
		at += n + 1;
	}
	if (!whole)
		memmove(to, to + 1, bytes);
	return bytes + 1;
}

/* Returns how much of the text is taken. */
static uint16_t put_paths(struct sighting *s, const struct oom_record *r, const char *names)
{
	struct cgroup_id *const slots[] = {
		[OOM_RECORD_SLOT_LIMIT] = &s->limit,
		[OOM_RECORD_SLOT_MEMORY] = &s->memory,
		[OOM_RECORD_SLOT_OWN] = &s->own,
		[OOM_RECORD_SLOT_TRIGGER] = &s->trigger_memory,
	};
	uint16_t to = 0;

	for (unsigned slot = 0; slot < OOM_RECORD_SLOTS; slot++) {
		const struct oom_record_path *p = &r->paths[slot];
		struct cgroup_id *c = slots[slot];

		if (!(p->flags & OOM_RECORD_PATH_THERE))
			continue;
		c->known = true;
		c->id = p->id;
		if (p->same > 0) {
			c->text = slots[p->same - 1]->text;
			c->whole = slots[p->same - 1]->whole;
			c->outside = slots[p->same - 1]->outside;
			continue;
		}
		c->whole = !(p->flags & OOM_RECORD_PATH_CUT);
		c->outside = p->flags & OOM_RECORD_PATH_OUTSIDE;
		c->text = to;
		to = (uint16_t)(to + put_path(s->text + to, names, p->bytes, c->whole));
		names += p->bytes;
	}
	return to;
}

/* Arguments end with a NUL each, unless the process has written over them. */
static void put_cmdline(struct sighting *s, const struct oom_record *r, const char *args,
			uint16_t to)
{
	char *text = s->text + to;
	size_t n = r->args;

	if (n == 0)
		return;
	s->cmdline_known = true;
	s->cmdline_cut = r->flags & OOM_RECORD_F_ARGS_CUT;
	s->cmdline = to;
	while (n > 0 && args[n - 1] == '\0')
		n--;
	for (size_t i = 0; i < n; i++)
		text[i] = args[i] ? args[i] : ' ';
	text[n] = '\0';
}

static void put_task(struct task_id *to, const struct oom_record_task *from)
{
	to->pid = from->pid;
	to->tid = from->tid;
	to->ns_pid = from->ns_pid;
	to->uid = from->uid;
	to->start_ns = from->start_ns;
	memcpy(to->comm, from->comm, sizeof(to->comm));
	to->comm[sizeof(to->comm) - 1] = '\0';
}

/* The kernel's "no limit" is the most pages that a signed number of bytes can hold. */
static uint64_t bytes_of(uint64_t pages, uint64_t page_size)
{
	return pages >= (uint64_t)INT64_MAX / page_size ? BYTES_NONE : pages * page_size;
}

static void put_memory(struct sighting *s, const struct oom_record *r, uint64_t page_size)
{
	bool mm = r->flags & OOM_RECORD_F_MM, limit = r->flags & OOM_RECORD_F_LIMIT;

	s->total_vm_bytes = mm ? bytes_of(r->total_vm_pages, page_size) : BYTES_NONE;
	s->anon_bytes = mm ? bytes_of(r->anon_pages, page_size) : BYTES_NONE;
	s->file_bytes = mm ? bytes_of(r->file_pages, page_size) : BYTES_NONE;
	s->shmem_bytes = mm ? bytes_of(r->shmem_pages, page_size) : BYTES_NONE;
	s->table_bytes = mm ? r->table_bytes : BYTES_NONE;
	s->exact = mm && r->flags & OOM_RECORD_F_EXACT;
	s->limit_bytes = limit ? bytes_of(r->limit_pages, page_size) : BYTES_NONE;
	s->usage_bytes = limit ? bytes_of(r->usage_pages, page_size) : BYTES_NONE;
	s->swap_limit_bytes = limit ? bytes_of(r->swap_limit_pages, page_size) : BYTES_NONE;
	s->swap_usage_bytes = limit ? bytes_of(r->swap_usage_pages, page_size) : BYTES_NONE;
}

/* A memory cgroup's limit leaves only one answer, which the kernel itself writes down later. */
static void put_cause(struct sighting *s, const struct oom_record *r, uint64_t page_size)
{
	static const enum oom_constraint constraints[] = {
		OOM_CONSTRAINT_NONE,
		OOM_CONSTRAINT_CPUSET,
		OOM_CONSTRAINT_MEMORY_POLICY,
		OOM_CONSTRAINT_MEMCG,
	};

	s->constraint = OOM_CONSTRAINT_UNKNOWN;
	s->total_bytes = BYTES_NONE;
	if (r->flags & OOM_RECORD_F_LIMIT)
		s->constraint = OOM_CONSTRAINT_MEMCG;
	if (!(r->flags & OOM_RECORD_F_CAUSE))
		return;
	s->total_bytes = bytes_of(r->total_pages, page_size);
	if (r->constraint < sizeof(constraints) / sizeof(constraints[0]))
		s->constraint = constraints[r->constraint];
}

/* @size: of the whole record, of which @r is the fixed part. */
static bool record_right(const struct oom_record *r, size_t size, const char *names)
{
	if (r->kind < OOM_RECORD_LIMIT || r->kind > OOM_RECORD_END ||
	    (r->flags & ~(unsigned)OOM_RECORD_F_ALL))
		return false;
	if (r->names > OOM_RECORD_NAMES || r->args > OOM_RECORD_ARGS ||
	    size != sizeof(*r) + r->names + r->args)
		return false;
	if ((r->args > 0 && r->kind != OOM_RECORD_VICTIM) ||
	    (r->args != OOM_RECORD_ARGS && r->flags & OOM_RECORD_F_ARGS_CUT))
		return false;
	return paths_right(r, names);
}

int bpf_record_decode(const void *data, size_t size, uint64_t page_size, struct sighting *ret)
{
	const char *names = (const char *)data + sizeof(struct oom_record);
	struct oom_record r;
	struct sighting *s = ret;

	if (size < sizeof(r))
		return -EBADMSG;
	memcpy(&r, data, sizeof(r));
	if (!record_right(&r, size, names))
		return -EBADMSG;

	memset(s, 0, offsetof(struct sighting, text));
	s->kind = kinds[r.kind];
	s->when_ns = r.when_ns;
	s->in_oom = r.flags & OOM_RECORD_F_SCOPED;
	s->began_ns = s->in_oom ? r.began_ns : 0;
	s->v1 = r.flags & OOM_RECORD_F_V1;
	s->counted = r.flags & OOM_RECORD_F_COUNTED;
	s->oom_kill = s->counted ? r.oom_kill : 0;
	s->task_known = r.flags & OOM_RECORD_F_TASK;
	s->killed = s->kind == SIGHTING_VICTIM && r.flags & OOM_RECORD_F_KILLED;
	s->oom_score_adj = r.oom_score_adj;
	s->order = r.order;
	s->gfp = r.gfp;
	s->shared_with = s->kind == SIGHTING_COLLATERAL ? r.victims : 0;
	s->victims = s->kind == SIGHTING_END ? r.victims : 0;
	s->chosen = r.flags & OOM_RECORD_F_CHOSEN;
	put_task(&s->trigger, &r.trigger);
	put_task(&s->task, &r.task);
	put_memory(s, &r, page_size);
	put_cause(s, &r, page_size);
	put_cmdline(s, &r, names + r.names, put_paths(s, &r, names));
	return 0;
}
