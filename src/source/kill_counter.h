/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * How many were killed in a cgroup since a moment, as far as the kernel's counters tell
 *
 *   v2              oom_kill of memory.events, here and below, or of memory.events.local, here; with memory.oom.group one more for most groups
 *   v1              oom_kill of memory.oom_control, here and not below
 *   the real root   /proc/vmstat
 *   all of them     no more than /proc/vmstat has counted
 *
 * No descriptor is held: the file is found again by its path and known by its inode number.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/kill_log.h"
#include "source/host.h"

struct kill_counter {
	enum hierarchy hierarchy;
	bool local;        /* that cgroup alone */
	bool whole;        /* everything on this host */
	bool hierarchical; /* the counter has what is below, too */
	uint64_t id;       /* of the cgroup */
	const char *file;
	bool known; /* the counter could be read; then of its file the inode number, and: */
	uint64_t file_id;
	uint64_t kills;
	bool groups_known;
	uint64_t groups;
	uint64_t host; /* vmstat; UINT64_MAX: not to be read */
};

/* Starts to count from now on. @local: what happens below does not matter. */
void kill_counter_begin(struct kill_counter *c, const struct cgroup_host *host,
			const struct cgroup_at *at, bool local);
/*
 * What came since then. @path: of the cgroup, from the visible root; NULL: it is gone. The `why` is COUNTERS,
 * NO_KILLS, REMOVED or NOT_SEEN.
 */
void kill_counter_sum(const struct kill_counter *c, const struct cgroup_host *host,
		      const char *path, struct kill_sum *ret);

/* The same from figures alone. */
struct kill_counted {
	bool whole, hierarchical, local;
	bool known; /* the cgroup's counter, then and now; else it is gone */
	uint64_t kills;
	bool groups_known; /* group kills; v1 has none */
	bool groups_none;
	uint64_t groups;
	uint64_t host; /* vmstat; UINT64_MAX: not known */
};

void kill_counter_judge(const struct kill_counted *d, struct kill_sum *ret);
