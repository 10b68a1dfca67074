/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Inside of the source of pressure: the files of one cgroup (pressure_file.c), the cgroups as a tree
 * (pressure_tree.c), when they are read (pressure.c)
 *
 *   resting ── its memory.events wakes, or one below is read ──> active
 *      ^────────────────── 300 ms without news ─────────────────────┘
 *
 * Only resting ones are armed in the epoll instance of their own (EPOLLONESHOT): the active are read by
 * the clock, all in one go, each before those above it.
 *
 * Files stay with a memory controller: switched off and on, it has new ones. Its switch is the parent's
 * cgroup.subtree_control, which is watched.
 */
#include <uthash.h>
#include <utlist.h>

#include "base/timer.h"
#include "core/pace.h"
#include "source/pressure.h"
#include "source/source.h"
#include "source/tree_watch.h"

#define PRESSURE_SLOT_NS                                                                           \
	(10 * NSEC_PER_MSEC) /* CGROUP_FILE_NOTIFY_MIN_INTV: as often as it can wake */
#define PRESSURE_SLOWEST_NS (160 * NSEC_PER_MSEC)
#define PRESSURE_QUIET_NS (300 * NSEC_PER_MSEC)
#define PRESSURE_LOOK_NS NSEC_PER_SEC

enum pressure_state {
	PRESSURE_OFF, /* removed, or memory is switched off: there are no files */
	PRESSURE_OPEN,
	PRESSURE_LATER, /* files could not be opened for now: tried once a second */
};

struct pressure_cgroup {
	struct vmpressure_node node; /* the first member */
	struct pressure *p;
	uint64_t id;
	char *path;
	unsigned depth;
	bool placed; /* in the tree and in p->by_path; not once another one has its path */
	enum pressure_state state;
	int dir_fd;
	int events_fd;
	int local_fd;
	int stat_fd;
	struct watched *switches;
	bool unwatched; /* inotify refused */
	bool active;    /* on p->active */
	uint64_t news_ns;
	struct pressure_cgroup *prev, *next; /* on p->active */
	UT_hash_handle hh;
	UT_hash_handle hh_path;
};

struct pressure_watch {
	struct vmpressure_watch watch; /* the first member */
	struct listener *listener;
	struct pressure_cgroup *cgroup;
};

struct pressure {
	struct pressure_args args;
	uint64_t root_id;
	struct vmpressure_node top; /* above all; never read */
	struct pressure_cgroup *by_id;
	struct pressure_cgroup *by_path;
	struct pressure_cgroup *active;
	int wake_fd; /* epoll: memory.events of all; data.ptr is the cgroup */
	struct source_io wake_io;
	struct tree_watch *changes;
	struct source_io changes_io;
	struct timer timer;
	struct source_io timer_io;
	struct pace pace;
	uint64_t read_ns; /* when the active were last read */
	uint64_t slot_ns; /* how long after that they are again */
	uint64_t look_ns; /* when to try again what is PRESSURE_LATER; UINT64_MAX: nothing is */
};

/* pressure_file.c */

/*
 * Opens the files of @c, reads them for something to compare with, and has it wake. Returns 0; -ENODEV:
 * there are none; -EOPNOTSUPP; or another negated errno. Sets its state.
 */
int pressure_file_open(struct pressure_cgroup *c);
void pressure_file_close(struct pressure_cgroup *c);
/* Brings its state up to date, whatever became of its files. */
void pressure_file_verify(struct pressure_cgroup *c);
/* Of an open one. Returns 0 or a negated errno. */
int pressure_file_read(const struct pressure_cgroup *c, struct vmpressure_reading *ret);
/* Has it wake again. */
void pressure_file_arm(struct pressure_cgroup *c);
/* Watches for its controller being switched. Returns 0 or -ENOMEM: nothing else is an error. */
int pressure_file_watch(struct pressure_cgroup *c);

/* pressure_tree.c */

struct pressure_cgroup *pressure_parent(const struct pressure_cgroup *c);
/* Returns 0 and a cgroup with its files open, or as pressure_add(). */
int pressure_cgroup_get(struct pressure *p, const struct cgroup_at *at,
			struct pressure_cgroup **ret);
/* Frees @c if it has no watch. */
void pressure_cgroup_put(struct pressure_cgroup *c);

/* pressure.c */

/* Has @c and those above it read by the clock. */
void pressure_activate(struct pressure_cgroup *c, uint64_t now_ns);
void pressure_deactivate(struct pressure_cgroup *c);
