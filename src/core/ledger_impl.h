/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* What ledger.c, baseline.c and descent.c share; internal to core/. */
#include "core/account.h"

struct ledger {
	const struct tree_ops *ops;
	ledger_report_fn report;
	void *ctx;
	unsigned depth_max, depth_sure; /* LEDGER_DEPTH_*, but for tests */
	struct account_table accounts;
	uint32_t serial;         /* of the last listing */
	bool no_group_count;     /* the kernel does not count group kills */
	int64_t unbooked_groups; /* group kills told, less recounts in the balance */
	struct balance
		closed; /* `counted` of tops that are closed; `reported` and `recounts` of all */
};

/* A directory that a walk stands in, and the one above it. */
struct level {
	const struct account *a;
	int dir;
	const struct level *up;
};

/* One walk through the tree. */
struct descent {
	struct ledger *l;
	uint64_t now_ns;
	bool again; /* something could not be read: a later walk has to */
	const struct level *level;
	unsigned depth;         /* levels below the top, this one included */
	uint64_t untold_groups; /* counted above the first level, and not told yet */
	struct recount_hints hints;
};

/* A child with news, found by a listing. */
struct news {
	struct account *account;
	struct counts total;
	struct account *former; /* of the same directory, under another key */
	bool suspect;           /* some of it may have been told: see hidden.c */
	bool later;             /* left to the second look */
	struct news *next;
};

struct listing {
	struct descent *d;
	struct account *parent;
	int dir;
	const struct counts *total; /* the parent's counter, read before */
	struct deltas *rest;        /* what the children seen so far do not explain */
	bool final;                 /* the second look */
	bool blind;                 /* a child may not be read */
	bool off;                   /* a child has no memory files */
	struct news *news;
};

/* What the ledger's callers are told about a TREE_E_*. */
int ledger_result(int r);
/* Reads a top's own memory.events. Returns 0, TREE_E_*, or a negated errno. */
int ledger_read_top(struct ledger *l, const struct account *top, struct reading *ret);
/*
 * Takes all that was counted at and below @a, a new top, as known, and joins the tops below it.
 * Returns 0, TREE_E_* or a negated errno; then nothing but @a and the accounts below it has changed.
 */
int baseline_take(struct descent *d, struct account *a, int dir);
/*
 * The same for @c, child of @dir, with counters at @counts, whatever of them was told before. If it
 * may not be looked into now, it stays lumped.
 */
void baseline_take_child(struct descent *d, struct account *c, int dir,
			 const struct counts *counts);
/* Finds out the parts of @a's account, which is lumped. Returns 0, TREE_E_* or a negated errno. */
int baseline_split(struct descent *d, struct account *a, int dir);
/* Of tree_read_child() alone: no memory files, since the parent gives none to its children. */
#define TREE_E_OFF 100

/*
 * memory.events of child @name of @dir, as tree_ops.read; but TREE_E_GONE says that it is gone, and
 * TREE_E_OFF that it may live on without.
 */
int tree_read_child(const struct tree_ops *ops, void *ctx, int dir, const char *name,
		    struct reading *ret);
/* Whether to go no deeper, for that or for the @trouble in doing so: TREE_E_BUSY, or 0. */
bool descent_too_deep(const struct descent *d, int trouble);
/*
 * Opens the directory of @a, child of @dir; that it is still the same is seen by its memory.events:
 * the name may be another one's by now, as may the id that came with it from a listing, which is
 * put right. Returns 0, TREE_E_* or a negated errno.
 */
int descent_open(struct descent *d, int dir, struct account *a, int *ret);
/* Asks the directory of @a, child of @dir, itself. Returns 0, TREE_E_* or a negated errno. */
int descent_ask(struct descent *d, int dir, const struct account *a, struct reading *ret);
/*
 * Reports what is new at and below @a, whose counters stand at @total. @final: a rest is reported
 * now; else it is kept for a second look. Returns 0, TREE_E_* if @a itself could not be looked into,
 * or a negated errno.
 */
int descent_settle(struct descent *d, struct account *a, int dir, const struct counts *total,
		   bool final);
/*
 * The walk comes through @dir, the directory of @a, on its way to where it begins: takes in what has
 * to be known of the groups above. Returns 0, TREE_E_* or a negated errno.
 */
int descent_come_through(struct descent *d, const struct account *a, int dir);
/*
 * Reports @rest, which nothing that lives at or below @a explains: as unplaced if @how says so or it
 * may have come during the baseline, else as removed.
 */
int descent_rest(struct descent *d, struct account *a, const struct deltas *rest,
		 const struct ledger_report *how);
/* Hands a report about @a to the report function, and books it unless it could not be taken. */
int descent_report(struct descent *d, struct account *a, const struct ledger_report *what);
/* TREE_E_GONE is no trouble, TREE_E_BUSY marks @d for another walk; anything else is returned. */
int descent_trouble(struct descent *d, int r);
/*
 * Sorts out what of the claims in @li is no news since it comes from children that were hidden: see
 * hidden.c. @own_news: what the parent itself claims; @after: its counter, read after the listing,
 * which had @serial. Returns 0 or -ENOMEM.
 */
int hidden_settle(struct descent *d, struct listing *li, const struct deltas *own_news,
		  const struct counts *after, uint32_t serial);
/*
 * The files of @a, a child with news, went away before it could be entered: what it has not told is
 * the parent's to explain. Finds out if it may come back with that. Returns TREE_E_GONE, TREE_E_BUSY
 * or a negated errno.
 */
int hidden_look(struct descent *d, struct listing *li, const struct account *a);
