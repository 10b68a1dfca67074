/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Scratch cgroups with a process in them that runs out of memory
 *
 * Whatever the machine has, v1 or v2, below a base cgroup in which cgroups with limits can be made.
 * A failure ends the program: there is nothing to test then.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/types.h>

#include "source/host.h"

#define SCRATCH_LIMIT ((size_t)8 << 20)
#define SCRATCH_DEPTH 8

noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends with the status that means "skipped". */
noreturn void skip_all(const char *why);
/* Skips all in a pid namespace of its own: what the kernel calls a process is not what is known here. */
void skip_in_pid_namespace(void);

struct scratch {
	struct cgroup_host host; /* only what lib/listen needs of it */
	bool v2;
	char base[512]; /* the path of a directory that is ours */
};

/*
 * Finds the memory hierarchy, and makes a cgroup for this process's scratch below @parent (NULL: its
 * own memory cgroup).
 */
void scratch_open(struct scratch *ret, const char *parent);
/* Removes all that is left. */
void scratch_close(struct scratch *s);

/* @path is relative to the base. Parents must exist; on v2 @inner ones hold no process. */
void scratch_make(const struct scratch *s, const char *path, bool inner);
/* Once nothing runs in it any more. */
void scratch_remove(const struct scratch *s, const char *path);
/* Removes it and all below it, with the processes that are left there. */
void scratch_clear(const struct scratch *s, const char *path);
void scratch_limit(const struct scratch *s, const char *path, size_t bytes);
/* Returns 0 or a negated errno. */
int scratch_write(const struct scratch *s, const char *path, const char *file, const char *text);
uint64_t scratch_key(const struct scratch *s, const char *path, const char *file, const char *key);
/* Opens it as cgroup_host_resolve() would. */
void scratch_at(const struct scratch *s, const char *path, struct cgroup_at *ret);
void scratch_at_close(struct cgroup_at *at);
/* A path on the file system, in a buffer that the next call takes again. */
const char *scratch_path(const struct scratch *s, const char *path, const char *file);

/* A process in cgroup @path that begins with @act when it is released with hog_go(). */
struct hog {
	pid_t pid;
	int go;
};
/* What it does: returns when it is done, if it lives so long. */
typedef void (*hog_act)(void);
void hog_overrun(void); /* touches memory until it is killed */
void hog_syscall(void); /* the same, but it is the kernel that touches it, in read(2) */
void hog_lazyfree(
	void); /* twice the limit, in pieces given back with MADV_FREE: hits `max`, no oom */
void hog_lazyfree_for_ever(void);
void hog_hold(void);    /* takes three quarters of the limit, then waits */
void hog_nothing(void); /* waits */
struct hog hog_start(const struct scratch *s, const char *path, hog_act act);
/* Releases it and waits until it has begun to wait or has ended. */
void hog_go(struct hog *h);
int hog_wait(struct hog *h);
void hog_kill(struct hog *h);
/* Starts one that overruns the limit and waits until it was killed. */
void scratch_oom(const struct scratch *s, const char *path);
