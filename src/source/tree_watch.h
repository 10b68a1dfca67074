/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Cgroup directories under inotify: children that come and go, controllers switched on and off
 *
 * The removal of a cgroup wakes nobody who polls its files, and before 7.x nobody who watches it or
 * its files with inotify. Its parent directory reports IN_DELETE|IN_ISDIR. A controller that is
 * switched on or off makes or takes files just as silently; the write that does it gives IN_MODIFY
 * on the parent's cgroup.subtree_control. The directory is not watched for IN_MODIFY, which would
 * report that write too, and with it every counter in it that moves while somebody holds it open.
 *
 * What is watched is an inode. The kernel has one watch for each, shared by all who hold it, and
 * given back with the last: watches are few (max_user_watches). A cgroup that is removed and made
 * anew under its name is another inode; who held the old one holds nothing that tells any more.
 */
#include <stdbool.h>
#include <stdint.h>

struct tree_watch;
struct watched;

enum tree_change_kind {
	TREE_CREATED,  /* a cgroup called `name` appeared in the directory */
	TREE_DELETED,  /* a cgroup called `name` was removed from it */
	TREE_CONTROL,  /* its cgroup.subtree_control was written */
	TREE_COUNTED,  /* a counter of it moved */
	TREE_OVERFLOW, /* some changes were lost: look at everything anew. Nothing else is set. */
};

/* Valid during the call. */
struct tree_change {
	enum tree_change_kind kind;
	uint64_t id;      /* of the directory: its inode number */
	const char *dir;  /* as the first who holds it called it */
	const char *name; /* of the child */
};

/* What of a cgroup is watched. */
enum tree_object {
	TREE_CHILDREN,     /* directories that appear in it or are removed from it */
	TREE_SWITCHES,     /* its cgroup.subtree_control */
	TREE_EVENTS,       /* its memory.events: where no descriptor is to be had for EPOLLPRI */
	TREE_EVENTS_LOCAL, /* its memory.events.local */
};

/* May hold and release. */
typedef void (*tree_change_fn)(void *ctx, const struct tree_change *change);

enum {
	TREE_WATCH_E_LIMIT =
		1,         /* inotify refuses: max_user_watches is reached, or /proc is closed */
	TREE_WATCH_E_GONE, /* the directory is, or the file in it */
	TREE_WATCH_E_MORE, /* there is more to read: the descriptor is still ready */
};

/* Returns 0 or a negated errno (EMFILE: max_user_instances, too). */
int tree_watch_open(struct tree_watch **ret);
/* All that is held must have been released. */
struct tree_watch *tree_watch_close(struct tree_watch *tw);
/* The descriptor to poll for EPOLLIN. */
int tree_watch_fd(const struct tree_watch *tw);
/*
 * Watches @what of the cgroup @dir, a path below @at_fd; a "/" before it is skipped, and "" is @at_fd
 * itself. What happens after it returned is told. Returns 0 and what is held, which is the caller's
 * to release; TREE_WATCH_E_LIMIT, TREE_WATCH_E_GONE, or a negated errno. @held is to begin as NULL; what
 * it holds already is released, so that to hold again makes sure of the inode that is there now.
 */
int tree_watch_hold(struct tree_watch *tw, int at_fd, const char *dir, enum tree_object what,
		    struct watched **held);
/* Takes one tree_watch_hold() back. Returns NULL. */
struct watched *tree_watch_release(struct tree_watch *tw, struct watched *w);
/* Tells a bounded number of changes. Returns 0, TREE_WATCH_E_MORE or a negated errno. */
int tree_watch_read(struct tree_watch *tw, tree_change_fn changed, void *ctx);
/* Whether a watch was ever refused. */
bool tree_watch_limited(const struct tree_watch *tw);
