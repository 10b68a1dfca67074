/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What the parts of oomstorm share: the order it was given, the cgroups it works in (storm_cell.c)
 * and what came of it
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEPTH_MAX 32
#define GROUP_MAX 1000
#define CELL_PATH_MAX 512

struct storm {
	const char *dir;
	int dir_fd;
	bool v1;
	bool keep;
	bool top_dies;
	bool existing;
	unsigned count;
	unsigned depth;
	unsigned makers;
	unsigned group; /* sleeping members beside the one that eats; 0: no group kill */
	unsigned pool;
	unsigned rate; /* a second, of all makers together; 0: as fast as it goes */
	uint64_t linger_ns;
	size_t limit;
	uint64_t seed;
	uint64_t start_ns;
	char **cells; /* pool and existing: paths below @dir, leaves */
	size_t cells_n;
	struct tally *tally;
};

/* In memory that all makers share. */
struct tally {
	atomic_uint made;   /* cgroups */
	atomic_uint kills;  /* processes that ended by SIGKILL */
	atomic_uint failed; /* rounds in which anything went another way */
};

/* Prints what failed in a round on standard error. Returns -1. */
int storm_warn(const char *path, const char *what, int err);

/* The path of a cell called @name: NAME, NAME/n, NAME/n/n … as deep as the order says. */
void cell_path(const struct storm *s, const char *name, char ret[static CELL_PATH_MAX]);
/* Makes the cgroups of @path, the inner ones with memory for their children. Returns 0 or -1. */
int cell_make(const struct storm *s, const char *path);
/* Puts the limit on the leaf @path, or takes it off. Returns 0 or -1. */
int cell_limit(const struct storm *s, const char *path, bool on);
/* Removes the cgroups of @path, leaf first. Returns 0 or -1. */
int cell_remove(const struct storm *s, const char *path);
/* Fills s->cells with all cgroups below s->dir that have none below them. */
void cells_find(struct storm *s);
/* Makes s->pool cells and fills s->cells with them. */
void cells_make(struct storm *s);

/* One round: a process, or a group of them, is killed in the leaf @path. Returns 0 or -1. */
int storm_kill(const struct storm *s, const char *path);
