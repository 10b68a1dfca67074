/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Inside of the source of the v2 notifier: one counter file (local_file.c), the cgroup and its
 * ancestors (local_chain.c), what wakes it and when (local_events.c)
 *
 * A cgroup here is one that a listener wants, or an ancestor of one. Those with children keep their
 * directory open, so that a child's file can be opened again and its removal verified; a leaf costs
 * one descriptor, the file.
 *
 *   NEW ───┐                ┌─ read ────────────> OPEN ─┬─ ENODEV, but it is there ─> tried to open
 *   OFF ───┤                ├─ no such file ────> OFF   └─ other errors ──> LATER
 *   DENIED ┼─ tried to open ┤
 *   LATER ─┘                ├─ EACCES, EPERM ───> DENIED
 *                           └─ anything else ───> LATER
 *   each of them ── the cgroup is not there any more ──> GONE: its listeners have ended
 *
 * OFF and DENIED are tried again when controllers were switched or a listener is added, LATER once a
 * second as well.
 */
#include <uthash.h>
#include <utlist.h>

#include "base/timer.h"
#include "core/early.h"
#include "core/reread.h"
#include "source/local_events.h"
#include "source/source.h"
#include "source/tree_watch.h"

#define LOOK_NS NSEC_PER_SEC

enum local_state {
	STATE_NEW,
	STATE_OPEN,
	STATE_OFF,    /* no memory files: the root, or memory is switched off */
	STATE_DENIED, /* its file may not be read */
	STATE_LATER,  /* its file could not be opened or read for now */
	STATE_GONE,
};

struct tallies {
	uint64_t oom;
	uint64_t max;
};

struct local_cgroup {
	struct source_io io; /* for events_fd */
	struct local_events *le;
	uint64_t id;
	enum local_state state;
	int events_fd;
	int dir_fd; /* -1 in one that has a parent and no children */
	char *name;
	bool known;     /* `seen` was read at some time */
	bool continues; /* what the next file opened counts is what `seen` is of */
	struct tallies seen;
	struct early early;
	unsigned refs; /* holders and children */
	struct reread reread;
	bool awaited; /* on le->awaited: reread.due_ns will come */
	struct local_cgroup *awaited_prev, *awaited_next;
	bool lagging; /* on le->lagging */
	struct local_cgroup *lagging_prev, *lagging_next;
	/* Held in one that has children: */
	struct watched *removals;
	struct watched *switches;
	bool unwatched; /* inotify refused one of them */
	struct local_cgroup *parent;
	struct local_cgroup *children;
	struct local_cgroup *prev, *next; /* among the parent's children */
	UT_hash_handle hh;
};

struct local_events {
	struct local_events_args args;
	const struct cgroup_mount *mount;
	uint64_t root_id;
	struct local_cgroup *cgroups;
	struct tree_watch *changes;
	struct source_io changes_io;
	struct timer timer;
	struct source_io timer_io;
	struct local_cgroup *awaited;
	struct local_cgroup *lagging; /* STATE_LATER or unwatched */
	uint64_t look_ns;             /* when to try those again */
};

enum local_why {
	WHY_WOKEN, /* the kernel said that the file changed */
	WHY_DUE,   /* it is read again within the slot */
	WHY_ASKED,
};

/* local_file.c */

/* Enters @state, and the list of laggards where that belongs on it. */
void local_set_state(struct local_cgroup *c, enum local_state state);
/* Reads the file of @c, which is STATE_OPEN, and tells what is new; it may be in any state then. */
void local_look(struct local_cgroup *c, enum local_why why, uint64_t now_ns);
/* Tries to open the file of @c anew. Returns 0, or why it is not STATE_OPEN now. */
int local_reopen(struct local_cgroup *c);
/* Brings the state of @c up to date, whatever was missed. */
void local_verify(struct local_cgroup *c, uint64_t now_ns);
void local_file_close(struct local_cgroup *c);
/* What epoll calls for the file. */
int local_file_ready(struct source_io *io, uint32_t events, uint64_t now_ns);

/* local_chain.c */

/* Watches for what happens to the children of @c. Returns 0 or -ENOMEM: nothing else is an error. */
int local_life_watch(struct local_cgroup *c);
void local_cgroup_free(struct local_cgroup *c);
