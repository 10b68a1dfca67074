/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Source of the notifier on cgroup v2: memory.events.local
 *
 * An oom counts in memory.events.local of the cgroup whose limit was hit, and nowhere else. v1's
 * notifier signals that cgroup's listeners and those of the cgroups below it. So to serve a listener
 * its own file is watched and that of each of its ancestors, up to the visible root; all are shared
 * between listeners, one open file per cgroup. What is new in a file goes to the registry, which
 * knows who is to be told.
 *
 * A count may jump by tens of thousands for a single kill (memory.max lowered below the usage makes
 * the kernel try again and again): one pass tells at most LOCAL_EVENTS_PASS_MAX of them.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/listener.h"
#include "source/host.h"

#define LOCAL_EVENTS_PASS_MAX 128

struct local_events;
struct local_cgroup;

enum {
	LOCAL_EVENTS_E_QUOTA = 1,
};

/* What a listener on a cgroup is not told, beyond anybody's power here. */
enum {
	LOCAL_EVENTS_UNREADABLE = 1U << 0, /* ooms of an ancestor: its file may not be read */
	LOCAL_EVENTS_OUTSIDE =
		1U << 1, /* those of ancestors above the visible root, if it has any */
};

struct local_events_args {
	int epoll_fd;                   /* borrowed; its data.ptr is a struct source_io */
	const struct cgroup_host *host; /* borrowed */
	struct registry *registry;      /* borrowed */
	size_t cgroups_max;
};

/* Returns 0 or a negated errno. */
int local_events_open(struct local_events **ret, const struct local_events_args *args);
struct local_events *local_events_close(struct local_events *le);
/*
 * Watches @at and its ancestors from inside this call on: what they counted before is known to the
 * registry when it returns, and not told to listeners that are added now. Each call needs its own
 * local_events_release(). Returns 0, LOCAL_EVENTS_E_QUOTA, or -EINVAL (the root of the hierarchy),
 * -ENODEV (gone, or no memory files there), -EOPNOTSUPP (a kernel before 5.2), -EACCES, -EMFILE, …
 */
int local_events_hold(struct local_events *le, const struct cgroup_at *at,
		      struct local_cgroup **ret);
void local_events_release(struct local_events *le, struct local_cgroup *c);
/* Whether the cgroup @id is watched: then local_events_hold() needs no path. */
bool local_events_knows(const struct local_events *le, uint64_t id);
/* The ids of @c and its ancestors. Returns how many there are; stores at most @max. */
size_t local_events_chain(const struct local_cgroup *c, uint64_t *ret_ids, size_t max);
/* LOCAL_EVENTS_* bits. */
unsigned local_events_unseen(const struct local_events *le, const struct local_cgroup *c);
/*
 * The limit of the cgroup @id was seen to be hit, before the victim is chosen: its count, which comes, is told
 * with it.
 */
void local_events_sighted(struct local_events *le, uint64_t id, uint64_t now_ns);
/* Reads every file now. */
void local_events_read_all(struct local_events *le, uint64_t now_ns);
/* To be called after the callbacks of a round: sets the timer to what is due next. */
void local_events_rearm(struct local_events *le);
/* What makes this slower than it should be, in words; NULL: nothing. */
const char *local_events_notice(const struct local_events *le);
