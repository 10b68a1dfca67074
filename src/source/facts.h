/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Facts about the machine that decide what can be seen of its OOMs, for `oomnotify doctor`
 *
 * Each is looked at, none is concluded from a version number. Looking changes nothing.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "source/host.h"

/* FACT_UNKNOWN: could not be looked at, or means nothing here. */
enum fact {
	FACT_UNKNOWN = -1,
	FACT_NO = 0,
	FACT_YES = 1,
};

#define FACT_NUMBER_UNKNOWN INT64_C(-1)
#define FACT_NUMBER_UNLIMITED INT64_MAX

/* Which cgroup file systems are mounted, whatever controllers they have. */
enum facts_layout {
	FACTS_LAYOUT_NONE,
	FACTS_LAYOUT_V1,
	FACTS_LAYOUT_V2,
	FACTS_LAYOUT_HYBRID,
};

/* Why no hierarchy that is seen has the memory controller. */
enum facts_absence {
	FACTS_ABSENCE_NONE,          /* one has it */
	FACTS_ABSENCE_NO_CGROUPS,    /* no cgroup file system is mounted */
	FACTS_ABSENCE_DISABLED,      /* cgroup_disable=memory, or so the kernel says */
	FACTS_ABSENCE_V1_UNMOUNTED,  /* a v1 hierarchy has it, which is not mounted here */
	FACTS_ABSENCE_V2_UNMOUNTED,  /* v2 has it, which is not mounted here */
	FACTS_ABSENCE_NOT_DELEGATED, /* v2 has it, but it is not enabled for the visible root */
	FACTS_ABSENCE_NOT_BUILT,     /* the kernel has no memory controller */
};

struct facts {
	char release[65]; /* as in struct utsname */
	char machine[65];

	enum facts_layout layout;
	enum hierarchy memory;
	enum facts_absence absence;

	/* Of the hierarchy that holds memory. */
	enum fact counters_exist;         /* v2: at least one visible cgroup has memory.events */
	enum fact counters_readable;      /* memory.events, v1's memory.oom_control */
	enum fact event_control_writable; /* v1 */
	enum fact read_only;              /* it is mounted so: nothing can be registered */
	enum fact use_hierarchy;          /* v1: a limit holds for the cgroups below, too */
	enum fact oom_group;              /* v2: memory.oom.group is there */
	enum fact oom_group_kill;         /* v2: and its kills are counted */

	enum fact psi;
	enum fact kmsg_readable;
	enum fact vmstat_oom_kill; /* /proc/vmstat counts the host's kills */
	enum fact inotify;         /* an instance can be had */
	enum fact descriptors;     /* as many more can be had as a watch of the whole host takes */

	int64_t inotify_watches; /* fs.inotify.max_user_watches */
	int64_t inotify_instances;
	int64_t inotify_queue;
	int64_t nofile_soft;
	int64_t nofile_hard;
	int64_t panic_on_oom;
	int64_t overcommit_memory;
	int64_t swap_total_bytes;
	int64_t swap_free_bytes;

	uid_t euid;
	bool have_capabilities;
	uint64_t capabilities; /* effective; bits as in linux/capability.h */
};

/*
 * Looks at everything. @host may be CGROUP_HOST_NULL, if cgroup_host_open() found no cgroups; @proc is
 * "/proc". Returns 0 or -ENOMEM: what cannot be looked at is FACT_UNKNOWN.
 */
int facts_gather(struct facts *ret, const struct cgroup_host *host, const char *proc);
/* "CAP_SYSLOG", … for those that matter to this program, by index; NULL: no more. */
const char *facts_capability(unsigned index, unsigned *ret_bit);
