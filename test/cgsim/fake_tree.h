/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A fake cgroup v2 tree in a temporary directory: plain files with the names and texts of a real
 * one, changed in the order in which the kernel would change them. It shows what the source does with
 * files; what kernels do is shown by test/kernel and in the machines.
 */
#include <stdint.h>

#include "source/host.h"

struct fake_tree {
	char dir[64];
	int fd;
	char graves[64]; /* where removed files are kept */
	int graves_fd;
	unsigned buried;
	struct cgroup_host host;
};

/* Makes the tree: a root without memory.events, as the real root is. Exits the test on trouble. */
void fake_open(struct fake_tree *ft);
/* Removes it with all that is in it. */
void fake_close(struct fake_tree *ft);
/* A cgroup with memory files; @path from the root, without a leading "/". */
void fake_mkdir(struct fake_tree *ft, const char *path);
void fake_rmdir(struct fake_tree *ft, const char *path);
/* Switches the memory controller of @path off (its files go) or on (new files that start at 0). */
void fake_memory(struct fake_tree *ft, const char *path, bool on);
/* Counts @n of @key at @path: there first, locally and in all, then in each ancestor. */
void fake_count(struct fake_tree *ft, const char *path, const char *key, uint64_t n);
/* Writes @text into @path/@file. */
void fake_write(struct fake_tree *ft, const char *path, const char *file, const char *text);
/* The cgroup, resolved. */
void fake_at(struct fake_tree *ft, const char *path, struct cgroup_at *ret);
