/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Inside of the source of usage thresholds: the files of one cgroup (usage_file.c), when they are read,
 * and who wants them (usage.c)
 *
 *   OPEN ── ENODEV ─┬─ the directory is there ──> OFF: memory was switched off; tried once a second
 *    ^              └─ it is not ──────────────> GONE: for good
 *    └── the files are there again ── OFF ── the directory is not ──> GONE
 *
 * What is OPEN and has thresholds is in one of USAGE_STEPS queues, by the time until its next sample.
 * All members of a queue wait equally long, so each queue is in the order in which they are due, and
 * the first of each tell when the timer has to ring. Times are rounded down to whole steps of the
 * shortest kind: what is due at about the same time is read in one round.
 */
#include <uthash.h>
#include <utlist.h>

#include "base/timer.h"
#include "core/pace.h"
#include "core/threshold.h"
#include "source/source.h"
#include "source/usage.h"

#define USAGE_STEPS 5
#define USAGE_LOOK_NS NSEC_PER_SEC

enum usage_state {
	USAGE_OPEN,
	USAGE_OFF,
	USAGE_GONE,
};

struct usage_watch {
	struct usage_cgroup *cgroup;
	struct listener *listener;
	uint64_t bytes; /* 0: never crossed */
	bool swap;
	struct usage_watch *prev, *next; /* on the same cgroup */
};

struct usage_cgroup {
	struct source_io hint_io; /* for events_fd and psi_fd */
	struct usage *usage;
	uint64_t id;
	enum usage_state state;
	int dir_fd; /* O_PATH */
	int current_fd;
	int swap_fd; /* -1 while nobody wants it */
	int peak_fd; /* -1: there is none to be had */
	int events_fd;
	int psi_fd;
	bool resets;  /* peak_fd can be reset */
	bool failing; /* the last sample could not be taken */
	uint64_t peak_seen;
	struct thresholds memory, memsw;
	struct usage_watch *watches;
	int queue; /* the index of the one it is in; -1: none */
	uint64_t due_ns;
	struct usage_cgroup *prev, *next; /* in that queue */
	UT_hash_handle hh;
};

struct usage {
	struct usage_args args;
	uint64_t root_id;
	uint64_t page;
	struct usage_cgroup *cgroups;
	struct usage_cgroup *queues[USAGE_STEPS];
	struct timer timer;
	struct source_io timer_io;
	struct pace pace;
	uint64_t slow_ns; /* when samples were last put off to save CPU; 0: never */
	unsigned n_psi;
	unsigned n_off;
	uint64_t look_ns; /* when to try those that are OFF again */
};

/* usage_file.c */

/* Opens the files of @c, which has dir_fd. Returns 0 or a negated errno; then none is open. */
int usage_files_open(struct usage_cgroup *c);
/* Closes them, but for dir_fd. */
void usage_files_close(struct usage_cgroup *c);
/* Opens and closes memory.swap.current. */
int usage_swap_open(struct usage_cgroup *c);
void usage_swap_close(struct usage_cgroup *c);
/*
 * Reads @c and feeds its thresholds. @anew: what memory.peak had is told, and must not be told to
 * thresholds that are added now. Returns 0 or a negated errno, -ENODEV if memory is gone from there.
 */
int usage_sample(struct usage_cgroup *c, bool anew, uint64_t now_ns);
/* Whether its directory still exists. */
bool usage_is_there(const struct usage_cgroup *c);
