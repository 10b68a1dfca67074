/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Source of the notifier on cgroup v2: reclaim pressure, the counterpart of v1's memory.pressure_level
 *
 * core/vmpressure.h has what is signalled to whom, and how that differs from v1. A reclaim for a limit
 * begins with a count in memory.events of its cgroup and all above, which wakes whoever polls these.
 * Then they, and pgscan and pgsteal in memory.stat, are read every 10 ms, by and by more seldom when nothing
 * moves, until nothing did for 300 ms. Before and after nothing is read, and nothing runs.
 *
 * memory.pressure (PSI) wakes nobody here. A limit has counted by the time that somebody stalls on it,
 * and a stall without such a count is reclaim for somebody else, of which listeners are not told.
 *
 * Each cgroup with a listener takes four descriptors.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/listener.h"
#include "core/vmpressure.h"
#include "source/host.h"

struct pressure;
struct pressure_watch;

enum {
	PRESSURE_E_QUOTA = 1,
};

struct pressure_args {
	int epoll_fd;                   /* borrowed; its data.ptr is a struct source_io */
	const struct cgroup_host *host; /* borrowed */
	struct registry *registry;      /* borrowed */
	size_t cgroups_max;
};

/* Returns 0 or a negated errno. */
int pressure_open(struct pressure **ret, const struct pressure_args *args);
/* Releases what was added, too. Takes NULL; returns NULL. */
struct pressure *pressure_close(struct pressure *p);
/*
 * Has @l signalled for pressure of @level and above in @at, from what is counted after this call on. @l
 * may be added to the registry later, and must outlive the watch. Who tells the registry of the
 * cgroup's removal is not here. Returns 0 and a watch to be released with pressure_remove(),
 * PRESSURE_E_QUOTA, -EINVAL (the root of the hierarchy; @level or @mode is none), -ENODEV (gone, or no
 * memory files there), -EOPNOTSUPP (a kernel before 5.2), -EACCES, -EMFILE, -ENOMEM, …
 */
int pressure_add(struct pressure *p, const struct cgroup_at *at, enum pressure_level level,
		 enum pressure_mode mode, struct listener *l, struct pressure_watch **ret);
/* Takes NULL. Not from within a callback of the epoll instance. */
void pressure_remove(struct pressure *p, struct pressure_watch *w);
/* To be called after the callbacks of a round: sets the timer to what is due next. */
void pressure_rearm(struct pressure *p);
/* Reads every cgroup now. */
void pressure_read_all(struct pressure *p, uint64_t now_ns);
/* What makes this less than it should be, in words; NULL: nothing. */
const char *pressure_notice(const struct pressure *p);
