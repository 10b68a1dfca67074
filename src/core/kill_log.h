/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What is remembered of those who died for want of memory, and the answer to "was it that?"
 *
 *   deaths, as they are seen ──> kill_log_add() ──> the newest of them ──> kill_log_judge()
 *
 * It holds a fixed number of deaths; the oldest are forgotten, and how far back memory reaches is known.
 * So an answer can be "no": everything since then was seen, and the process is not among it. What was lost on
 * the way is noted with the moment at which that came to light: it may have been anybody who lived then.
 *
 * A process is named by its pid and when it began. A kernel message has the pid alone: it names a process
 * only if it was certainly printed after that one began.
 *
 * All times are the caller's CLOCK_BOOTTIME.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "core/victim.h"

struct kill_log;

enum kill_verdict {
	KILL_NO = 0,
	KILL_YES = 1,
	KILL_UNKNOWN = 2,
};

enum kill_why {
	KILL_WHY_SEEN = 1,
	KILL_WHY_SHARED = 2,
	KILL_WHY_STATUS = 3,
	KILL_WHY_NO_KILLS = 4,
	KILL_WHY_NOT_AMONG = 5,
	KILL_WHY_NOT_SEEN = 6,
	KILL_WHY_BEFORE = 7,
	KILL_WHY_LOST = 8,
	KILL_WHY_FORGOTTEN = 9,
	KILL_WHY_NAMESPACE = 10,
	KILL_WHY_EXITING = 11,
	KILL_WHY_COUNTERS = 12,
	KILL_WHY_REMOVED = 13,
	KILL_WHY_MAX,
};

/* How much of what happens is seen. */
enum kill_seeing {
	KILL_SEES_NOTHING,
	KILL_SEES_SOME, /* what messages tell */
	KILL_SEES_ALL,
};

/* How a process ended. */
enum kill_end {
	KILL_END_UNKNOWN,
	KILL_END_SIGKILL,
	KILL_END_OTHERWISE,
};

/* An event that the log and answers hold together. */
struct kill_event {
	struct oomn_event *event;
	unsigned refs;
};

/* Takes @e, also on failure. NULL without memory. */
struct kill_event *kill_event_new(struct oomn_event *e);
struct kill_event *kill_event_ref(struct kill_event *k);
/* Takes NULL; returns NULL. */
struct kill_event *kill_event_unref(struct kill_event *k);

struct kill_death {
	enum death how;
	struct task_id id;  /* of a message the pid alone, which may be a thread's */
	uint64_t cgroup_id; /* where its memory was charged; 0: not known */
	uint64_t when_ns;   /* a message: when it was read */
	bool message;
	/* A message: it was printed after that moment, and the kernel put that time on it. */
	uint64_t after_ns;
	uint64_t printed_ns;
	struct kill_event *event; /* NULL: there was no memory for it */
};

/* Remembers up to @max deaths, 1 or more. Returns NULL without memory. */
struct kill_log *kill_log_new(uint32_t max);
/* Takes NULL; returns NULL. */
struct kill_log *kill_log_free(struct kill_log *log);
/* From @now_ns on it is seen as much as @seeing. What was remembered stays. */
void kill_log_begin(struct kill_log *log, enum kill_seeing seeing, uint64_t now_ns);
/* Remembers @d, and takes its event. Of one process there is one death, the weightiest. */
void kill_log_add(struct kill_log *log, const struct kill_death *d);
/* It came to light at @now_ns that something was not seen. */
void kill_log_lost(struct kill_log *log, uint64_t now_ns);
enum kill_seeing kill_log_seeing(const struct kill_log *log);

struct kill_question {
	uint32_t pid;
	uint64_t start_ticks; /* as /proc tells it */
	uint64_t taken_ns;    /* it had not been killed yet */
	enum kill_end end;
	/* Kills on this host, when it had not been killed yet, and now. UINT64_MAX: not known. */
	uint64_t host_kills, host_kills_now;
	bool foreign; /* its pid is of another namespace than those of what is seen */
	/* What the caller's time namespace adds to CLOCK_BOOTTIME; 0 outside of one. */
	int64_t offset_ns;
	uint64_t hz;       /* ticks in a second */
	uint64_t ahead_ns; /* messages: how far the kernel's time on them may be ahead */
};

struct kill_answer {
	enum kill_verdict verdict;
	enum kill_why why;
	const struct kill_death *death; /* YES: it is the log's until that is changed */
};

void kill_log_judge(const struct kill_log *log, const struct kill_question *q,
		    struct kill_answer *ret);

struct kill_sum {
	uint64_t min;
	uint64_t max; /* UINT64_MAX: no bound */
	enum kill_why why;
};

/* A cgroup, and what is below it. */
struct kill_place {
	const char *path;
	uint64_t id; /* 0: not known */
	bool local;  /* that cgroup alone */
	bool all;    /* wherever it was */
};

/* How many were killed from @since_ns to @until_ns at @place. Only KILL_SEES_ALL gives a bound. */
void kill_log_sum(const struct kill_log *log, const struct kill_place *place, uint64_t since_ns,
		  uint64_t until_ns, struct kill_sum *ret);
