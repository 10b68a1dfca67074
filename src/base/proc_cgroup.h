/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * /proc/PID/cgroup: in which cgroup of each hierarchy a process is (cgroups(7))
 *
 *   4:memory:/user/a      a v1 hierarchy: number, controllers (or name=…), path
 *   0::/user.slice/a      cgroup v2
 *
 * Paths are seen from the reader's cgroup namespace: see base/path.h. The kernel refuses a newline in
 * a cgroup's name, and escapes nothing else. A v2 path ends in " (deleted)" if
 * the cgroup was removed while a dead process was still in it, or if that is its name.
 */
#include <stddef.h>

enum {
	PROC_CGROUP_E_NO_LINE = 1, /* no such hierarchy in the text */
};

struct proc_cgroup {
	const char *path; /* in the text itself, not terminated */
	size_t len;
};

/*
 * Finds the line of the v1 hierarchy that @controller is bound to, or that of v2 if it is NULL.
 * Returns 0, PROC_CGROUP_E_NO_LINE, or -EBADMSG for a text that is something else.
 */
int proc_cgroup_find(const char *text, const char *controller, struct proc_cgroup *ret);
