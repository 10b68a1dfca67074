/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Paths of cgroups
 *
 * Raw bytes, absolute. The normal form is "/" or "/a/b": no empty component, no ".", no "..", no
 * slash at the end. What the kernel prints for a cgroup namespace may begin with "/..", once for
 * each level that the cgroup lies above the namespace's root or beside it.
 */
#include <stdbool.h>
#include <stddef.h>

enum {
	PATH_E_OUTSIDE = 1, /* not below the root in question */
};

/* Brings @path, which begins with a slash, into the normal form. ".." at "/" stays at "/". */
void path_normalize(char *path);
/*
 * The normal form of @below taken from @dir, which may be NULL for "/". Returns a heap string, or
 * NULL without memory.
 */
char *path_join(const char *dir, const char *below);
/* How many bytes at the front of the normal path @path are its parent's; 0 for "/". */
size_t path_parent_len(const char *path);
/* Whether @path lies below @top, and is not @top itself; both in the normal form. */
bool path_is_below(const char *path, const char *top);
/* The same, or @path is @top. */
bool path_is_at_or_below(const char *path, const char *top);
/*
 * What leads from @root to @path; both as the kernel prints them, seen from one cgroup namespace.
 * @ret_rest points into @path: "" or "/a/b". @ret_unknown levels lie between @root and the first
 * component of it: of those above its root, a namespace shows how many there are, not their names.
 * Returns 0 or PATH_E_OUTSIDE.
 */
int path_from_root(const char *path, const char *root, unsigned *ret_unknown,
		   const char **ret_rest);
