/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The balance: what the kernel counted against what was told, per kind
 *
 *   counted = reported + recounts          what is proven
 *   unproven                               what may have happened and cannot be known, with reasons
 *
 * Each source adds its own share; the program prints the sum and ends with its verdict.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"

enum unproven_reason {
	/* A watched child of the root vanished: no parent counter. */
	UNPROVEN_TOP_UNDER_ROOT = 1U << 0,
	/* A watched cgroup vanished together with neighbours: whose the last events were is open. */
	UNPROVEN_SIBLINGS_GONE = 1U << 1,
	/* memory_localevents: cgroups vanished with their counters. */
	UNPROVEN_LOCALEVENTS = 1U << 2,
	/* v1: cgroups vanished with their oom_kill counters. */
	UNPROVEN_V1_GONE = 1U << 3,
	/* v1 without event_control: ooms are not seen, only kills. */
	UNPROVEN_V1_POLLED = 1U << 4,
	/* Counters could not be read (rights, descriptors, memory). */
	UNPROVEN_UNREADABLE = 1U << 5,
	/* Counters moved on until the end. */
	UNPROVEN_RESTLESS = 1U << 6,
	/* --local: whether the last events were its own or a removed child's is open. */
	UNPROVEN_CHILDREN_GONE = 1U << 7,
	/* v1: a limit was hit while a cgroup below it was made or removed: one oom may be another's. */
	UNPROVEN_V1_CHANGING = 1U << 8,
	/* v1: cgroups came and went before they could be registered. */
	UNPROVEN_V1_UNSEEN = 1U << 9,
	/* v1: no descriptors to register or to read all cgroups with. */
	UNPROVEN_V1_DESCRIPTORS = 1U << 10,
	/* Children of the root may have come and gone unseen: inotify told too little. */
	UNPROVEN_UNSEEN = 1U << 11,
	/* Memory was switched off for a while: what happened meanwhile is not known. */
	UNPROVEN_SWITCHED = 1U << 12,
};
#define UNPROVEN_REASONS 13

struct balance_line {
	uint64_t counted;  /* by the kernel since the watch began */
	uint64_t reported; /* at least that many were told: the sum of count_min */
	uint64_t recounts; /* at most that many of `counted` may be a victim counted twice */
	uint64_t
		unproven; /* at most that many may have happened unseen; UINT64_MAX: no bound known */
	unsigned
		reasons; /* UNPROVEN_* bits of this kind; 0: those of the whole, if it is unproven */
};

struct balance {
	struct balance_line kind[COUNTED_KINDS];
	unsigned reasons; /* UNPROVEN_* bits */
	uint64_t late;    /* descents put off by the CPU budget: told late, not lost */
	uint64_t lost;    /* events dropped from the queue since nobody took them */
	/* By sightings: */
	uint64_t identified; /* kills told with the victim's name */
	uint64_t names_late; /* that came when their kill had been told without */
	uint64_t names_lost; /* that the kernel, or we, had no room for */
};

enum balance_verdict {
	BALANCE_BALANCED,
	BALANCE_DIFFERS,
	BALANCE_UNPROVEN,
};

/* Adds @b to @sum, in which each kind that is unproven then has reasons of its own. */
void balance_add(struct balance *sum, const struct balance *b);
/* Judges the kinds in @kinds (EVENT_MASK bits): differs before unproven before balanced. */
enum balance_verdict balance_judge(const struct balance *b, unsigned kinds);
/* One sentence for a single UNPROVEN_* bit. */
const char *unproven_reason_text(unsigned bit);
