/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The oracle: knows what truly happened in a simulated kernel, and judges what the ledger tells
 *
 * For each memory.events that ever was it keeps how much was told there, and which part of its
 * events the ledger has to tell: those since its watch began. An event that was being counted while
 * a watch was added (its window) may have been seen before or after: it may be told or not, at its
 * cgroup or above. Everything else is judged exactly:
 *
 *   placed    never more than truly happened in that very cgroup; at rest exactly that much in all
 *             that live
 *   removed   never more than happened in children of the named one that are gone, and was not told
 *   unplaced  likewise, or in what may not be read
 *   at rest   what was told at and below each living cgroup is what happened at and below it
 *
 * Memory that was switched off and on comes back with counters of which nobody can tell whether it
 * was hidden or begun anew: there only the sum at and below the parents is judged.
 */
#include <stdbool.h>
#include <stdint.h>

#include "sim_kernel.h"

/* One top. */
struct watch {
	struct account *account;
	struct sim_css *css;
	uint64_t key; /* the css under another one is not what was watched, as far as can be told */
	int handle;
	struct counts base; /* its account when it was added */
	struct counts told;
	uint64_t recounts; /* kills that were truly counted twice, all of it seen by this watch */
	uint64_t recounts_told; /* as many as were told to be possible */
	/* What removed children of its parent had counted, to know its own last counter one day. */
	bool guarded;
	struct deltas dead;
	unsigned changes;
};

struct tally {
	struct counts placed, removed, unplaced;
	struct counts lo;    /* local counter: what is below was before the watch */
	struct counts hi;    /* what is below may have been */
	struct counts extra; /* may be told twice: see oracle_window_close() */
	struct counts before;
	struct watch *watch; /* only at a top */
	bool used;           /* some watch took it in, or told something here */
};

struct oracle {
	struct sim_kernel *sim;
	struct tally *tallies; /* by css index */
	unsigned n, max;
	bool window;        /* a watch is being added */
	struct counts told; /* by all watches, also those that ended */
	uint64_t reports;
	char why[256]; /* what was wrong */
};

void oracle_init(struct oracle *o, struct sim_kernel *sim);
void oracle_done(struct oracle *o);
struct tally *oracle_tally(struct oracle *o, const struct sim_css *css);
/* The watch that @css lies in, or NULL. */
struct watch *oracle_owner(struct oracle *o, const struct sim_css *css);

/* Around ledger_top_add(). */
void oracle_window_open(struct oracle *o, const struct sim_css *top);
/* @w: the watch that was added, or NULL if it was not. */
void oracle_window_close(struct oracle *o, const struct sim_css *top, struct watch *w);
/* The same for a fresh top: all of it is to be told. */
void oracle_watch_fresh(struct oracle *o, const struct sim_css *top, struct watch *w);
/*
 * @w is no top any more. @forgotten: what it has not told will never be, as far as another watch above
 * it is concerned.
 */
void oracle_watch_end(struct oracle *o, struct watch *w, bool forgotten);

/* @closing: from ledger_top_close(). These return false and say why in o->why. */
bool oracle_report(struct oracle *o, struct watch *w, const struct ledger_report *report,
		   bool closing);
/* Everything has arrived and the ledger has nothing left to do. */
bool oracle_rest(struct oracle *o);
/* As far as the living go: what one undisturbed pass has to achieve. */
bool oracle_living_placed(struct oracle *o, const struct watch *w);
