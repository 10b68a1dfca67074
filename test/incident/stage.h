/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Actors: processes in scratch cgroups that stand still while the truth about them is read, and then
 * run out of memory
 *
 * An actor's own code calls stand() where it is what it will be known as. actor_start() returns then,
 * with all that /proc says of it; actor_go() lets it go on.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/seen.h"
#include "scratch.h"

#define MIB ((size_t)1 << 20)
#define LIMIT (16 * MIB)

/* How the kernel is looked at, from the best down. */
enum level {
	LEVEL_FENTRY,
	LEVEL_KPROBE,
	LEVEL_TRACEPOINT,
	LEVEL_KMSG,
	LEVEL_NONE, /* counters alone */
	LEVELS,
};

struct stage {
	struct scratch scratch;
	const char *program; /* path of oomnotify */
	const char *source;  /* for its --source=, or NULL */
	enum level level;
	bool machine; /* nothing is between us and the root, and nobody else is there */
};

extern struct stage stage;

const char *level_name(enum level level);
/* The word that --source= takes for it. */
const char *level_source(enum level level);
/* Finds the level that is called @name. */
bool level_from_name(const char *name, enum level *ret);
static inline bool level_bpf(void)
{
	return stage.level <= LEVEL_TRACEPOINT;
}
/* Whether an oom is seen as a whole, with its limit and its end. */
static inline bool level_scope(void)
{
	return stage.level <= LEVEL_KPROBE;
}
static inline bool level_names(void)
{
	return stage.level <= LEVEL_KMSG;
}

/* A cgroup, as it is to be told, also when it is gone. */
struct place {
	char path[512];
	uint64_t id;
};

/* Of the scratch cgroup @path. */
void place_of(struct place *ret, const char *path);

struct actor {
	struct hog hog;
	int gate;
	struct truth t;      /* of the process that stood, which need not be the hog itself */
	uint32_t stood_tid;  /* of the thread that stood, in its own pid namespace */
	uint32_t tid;        /* of the thread that asks for memory */
	bool shares;         /* its memory, with threads or processes */
	bool still;          /* it dies as it stood: its sizes are known to the byte */
	struct place memory; /* where its memory is charged */
	struct place own;    /* of the task, in the v2 hierarchy */
	char cmdline[4096], exe[512];
};

/* In the actor's own process: stands still until actor_go(). */
void stand(void);
/* A process in @cgroup; its memory is charged to @memory (NULL: the same). */
void actor_start(struct actor *a, const char *cgroup, const char *memory, hog_act act);
/* Lets it go on; returns at once. */
void actor_go(struct actor *a);
/* Waits until it was killed, and reaps it. */
void actor_killed(struct actor *a);
/* Ends it, whatever it does. */
void actor_end(struct actor *a);

/* What actors do; those that have to be told something take it from these. */
char *take_pages(size_t bytes, int flags);
void touch_pages(char *at, size_t bytes);
bool set_adj(const char *adj);
void act_overrun(void); /* 32 MiB, name "overruns", oom_score_adj 300 */
void act_hold(void);    /* 8 MiB of its own and 1 MiB shared; a hostile name, adj 700, uid 65534 */
void act_ask(void);     /* 12 MiB, to be kept: adj -1000 */
void act_rest(void);    /* nothing */

/*
 * One after the other, and nothing more: a process named @comm overruns @cgroup's limit, is killed and
 * reaped. Returns its pid, and when its parent had it, CLOCK_MONOTONIC.
 */
pid_t quick_kill(const char *cgroup, const char *comm, uint64_t *ret_reaped_ns);

/* Of the whole machine, in bytes. */
size_t memory_total(void);
/* A number in a file of a scratch cgroup, or BYTES_NONE: "max", v1's word for that, or no file. */
uint64_t scratch_bytes(const char *path, const char *file);
/* Whether memory.events has @key. */
bool scratch_has_key(const char *key);
/* What the kernel has counted in the whole scratch: v2, @key of memory.events. */
uint64_t counted(const char *key);
