/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Directories of the cgroup tree under inotify
 *
 * Removal of a cgroup shows only in its parent directory (IN_DELETE|IN_ISDIR); its own files and
 * its own directory stay silent before 7.x. A controller that is switched on shows as IN_MODIFY of
 * the parent's cgroup.subtree_control; the files that appear give no IN_CREATE.
 *
 * Watches are few (max_user_watches), so each is counted by those who need it and given back.
 */
#include <stdbool.h>
#include <stdint.h>

struct tree_watch;

enum tree_change {
	TREE_CREATED,  /* a cgroup called `name` appeared in `dir` */
	TREE_DELETED,  /* a cgroup called `name` was removed from `dir` */
	TREE_CONTROL,  /* cgroup.subtree_control of `dir` was written */
	TREE_COUNTED,  /* a counter of `dir` moved */
	TREE_OVERFLOW, /* some changes were lost: look at everything anew */
};

/* What of a cgroup is watched. */
enum tree_object {
	TREE_CHILDREN,     /* directories that appear in it or are removed from it */
	TREE_SWITCHES,     /* its cgroup.subtree_control */
	TREE_EVENTS,       /* its memory.events: where no descriptor is to be had for EPOLLPRI */
	TREE_EVENTS_LOCAL, /* its memory.events.local */
};

typedef void (*tree_change_fn)(void *ctx, enum tree_change what, const char *dir, const char *name);

enum {
	TREE_WATCH_E_LIMIT = 1, /* fs.inotify.max_user_watches is reached */
	TREE_WATCH_E_GONE,
};

/* @root_fd is borrowed. Returns 0 or a negated errno (EMFILE: max_user_instances). */
int tree_watch_open(struct tree_watch **ret, int root_fd);
struct tree_watch *tree_watch_close(struct tree_watch *tw);
/* The descriptor to poll for EPOLLIN. */
int tree_watch_fd(const struct tree_watch *tw);
/*
 * Watches @what of the cgroup @dir (a path from the root). Calls nest. Returns 0, TREE_WATCH_E_* or a
 * negated errno.
 */
int tree_watch_add(struct tree_watch *tw, const char *dir, enum tree_object what);
/* Takes one tree_watch_add() back. */
void tree_watch_remove(struct tree_watch *tw, const char *dir, enum tree_object what);
/* Reads what happened and calls @changed for each change. Returns 0 or a negated errno. */
int tree_watch_read(struct tree_watch *tw, tree_change_fn changed, void *ctx);
/* Whether a watch could not be had because of the limit. */
bool tree_watch_limited(const struct tree_watch *tw);
