/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What `watch` watches: names become cgroups, cgroups become watches of a monitor
 *
 * All names are resolved before the first watch begins, and a single one that fails ends it all:
 * nothing is ever watched by half.
 */
#include <stdbool.h>
#include <stddef.h>

#include "include/oomnotify.h"
#include "source/host.h"

struct watch_target {
	struct cgroup_at at;
	bool whole_host;
};

struct watch_targets {
	struct watch_target *list;
	size_t used;
};

/*
 * Resolves @names, none of which may be the root of the whole hierarchy if @local. No name at all is
 * all that is visible. A cgroup that is named twice is watched once. What
 * is watched at another place than was named is said, unless @quiet. Returns 0 or, after saying what
 * is wrong, an exit status.
 */
int watch_targets_resolve(struct watch_targets *ret, const struct cgroup_host *host,
			  char *const *names, bool local, bool quiet);
void watch_targets_free(struct watch_targets *targets);
#define _cleanup_targets_ __attribute__((cleanup(watch_targets_free)))
/* Starts to watch all of them. Returns 0 or, after saying what is wrong, an exit status. */
int watch_targets_add(const struct watch_targets *targets, struct oomn_monitor *m, uint32_t flags,
		      uint32_t kinds);
/* "/a/b (cgroup v2)" and so on, for people; on the heap, NULL without memory. */
char *watch_targets_describe(const struct watch_targets *targets, const struct cgroup_host *host);
/* What is not seen since the visible root has cgroups above it, in words; NULL: it has none. */
const char *watch_targets_unseen(const struct watch_targets *targets,
				 const struct cgroup_host *host);
