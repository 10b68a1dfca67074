/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The table of scenarios: each makes real ooms in cgroups of its own, and compares what was told
 * of them with what it knows
 */
#include "seen.h"

#define LIMIT ((size_t)16 << 20)
#define MIB ((size_t)1 << 20)
#define ASKS "\xff\n\"\033]0;\\x`\x80\t" /* a comm that is no text */

extern struct seen seen;
extern struct scratch scratch;

/* What processes tell beyond their pid. */
extern struct shared {
	_Atomic pid_t child, shooter;
	_Atomic int ready;
} * shared;

/* What processes do. */
void touch(size_t bytes, int flags);
bool set_adj(const char *adj);
void overrun(void);
/* Stands still with 8 MiB of its own and 1 MiB that could be shared. */
void hold(void);
/*
 * Takes what only fits when somebody else is gone. Without the right to be spared (CAP_SYS_RESOURCE) it
 * is still the better one to keep.
 */
void ask(void);

bool has_scope(void);
uint64_t oom_kill(const char *path);
/* The oom around @v, and that its limit was @path's. At the lowest level: that nothing is said of it. */
void same_oom(const struct sighting *v, const char *path);
/* A process in @victim stands still; another in @asker runs over the limit of @limit and is spared. */
void held(const char *limit, const char *victim, const char *asker);

/* Whose limit it was. */
void case_simple(void);
void case_one_cgroup(void);
void case_parent(void);
void case_grandparent(void);
void case_swap(void);
void case_deep(void);
void case_root(void);
void case_at_once(void);
void case_global(void);

/* Who was killed. */
void case_leader_gone(void);
void case_threads(void);
void case_shared(void);
void case_vfork(void);
void case_namespaces(void);
void case_threaded(void);
void case_group(void);
void case_group_shared(void);
void case_exiting(void);
void case_cmdline(void);
/* What case_cmdline() executes this program for. */
#define CMDLINE_ACT "--overrun"
