/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The cgroup v2 tree as the ledger sees it
 *
 * A directory is a descriptor, opened while the ledger walks through it. The tops are known by a
 * number below -1 instead: their directories are opened by path for each walk, and the inode number
 * proves that it is still the same cgroup. So a watched top costs one descriptor, that of its
 * memory.events.
 *
 * "Flat" reads memory.events.local in place of memory.events and lists no children: the account of
 * one cgroup alone.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/ledger.h"

/* Finds the path and the id of top number @n; false if there is none. */
typedef bool (*v2_tree_top_fn)(void *ctx, unsigned n, const char **ret_path, uint64_t *ret_id);

struct v2_tree {
	int root_fd; /* the mount, borrowed */
	bool flat;
	v2_tree_top_fn top;
	void *top_ctx;
};

/* The handle of top number @n. */
static inline int v2_tree_top(unsigned n)
{
	return -2 - (int)n;
}

/* All of these take a struct v2_tree as context. */
extern const struct tree_ops v2_tree_ops;

/*
 * Opens the cgroup @path below @root_fd; it must have the inode number @id unless that is 0.
 * Returns a descriptor, or a negated TREE_E_* or errno: see v2_tree_trouble().
 */
int v2_tree_open(int root_fd, const char *path, uint64_t id, int *ret);
/* The TREE_E_* for errno @err, or the negated errno if it means trouble of another kind. */
int v2_tree_trouble(int err);
/* Whether the cgroup at @dir_fd gives the controller @name to its children. 0, TREE_E_* or < 0. */
int v2_tree_gives(int dir_fd, const char *name, bool *ret);
/* Parses the text of memory.events or memory.events.local. Returns 0 or -EBADMSG. */
int memory_events_parse(const char *text, struct reading *ret);
