/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Accounts of the ledger: a forest with a hash over all of it; internal to core/
 *
 * Only cgroups that ever counted something, and the tops, have one: 100,000 quiet cgroups cost
 * nothing. The accounts of removed cgroups are dropped when their parent is next listed; what was
 * reported from them stays in the accounts of their ancestors.
 */
#include <stdbool.h>

#include <uthash.h>

#include "core/ledger.h"
#include "core/recount.h"

/* Only tops have this. */
struct account_top {
	int dir;              /* borrowed from the source */
	struct counts base;   /* the account when it was opened */
	struct counts total;  /* the counter as the last pass found it */
	struct counts sealed; /* the counter as ledger_seal() found it */
	struct deltas
		interim; /* what came while the baseline was taken: known in number, not in place */
};

struct account {
	uint64_t key;
	uint64_t number; /* grows with each account that is made */
	uint64_t id;
	char *name; /* one component; the full path for a top */
	struct account *parent;
	struct account *children;
	struct account *prev, *next;
	struct counts reported; /* from the whole subtree, own events included; absolute */
	struct counts own;      /* the part of it that happened right here */
	/* A rest that no living child explained, waiting for its second look. */
	bool rest_pending;
	struct account *rest_prev, *rest_next; /* in account_table.rests */
	uint64_t rest_due_ns;
	struct recounts recounts;
	uint64_t looked_ns; /* when all that its counter showed was told */
	uint32_t seen;      /* serial of the listing that last met it */
	/*
	 * Children without memory files were met, and this was the newest of them (ids only grow): they
	 * may come back with counts that were told already (hidden.c). 0: all that live are known.
	 */
	uint64_t off_id;
	bool rest_unplaced; /* the pending rest may lie in children that live */
	bool returned; /* from hiding: what it counted meanwhile may have been told of its parent */
	bool lumped; /* `reported` is known in sum only: `own` and the children's accounts are not */
	struct account_top *top;
	UT_hash_handle hh;
};

struct account_table {
	struct account *by_key;
	uint64_t made;
	struct account *rests; /* those with rest_pending */
};

/* A new account, linked below @parent (NULL: a top) and into the table, or NULL without memory. */
struct account *account_new(struct account_table *t, struct account *parent, const char *name,
			    uint64_t key, uint64_t id);
struct account *account_find(const struct account_table *t, uint64_t key);
/*
 * The same for what was just met below @parent. If it was met below another one before, that one was
 * a stranger who had taken the name of what was to be opened: it is linked where it belongs.
 */
struct account *account_find_below(const struct account_table *t, struct account *parent,
				   uint64_t key);
/* Unlinks and frees @a and all below it. What of its groups is still to come is its parent's now. */
void account_drop(struct account_table *t, struct account *a);
/* The child @id of @a was met without memory files. */
void account_saw_off(struct account *a, uint64_t id);
/* @a, new, is what @before was, back under another key: takes over all it holds. @before is freed. */
void account_take_over(struct account_table *t, struct account *a, struct account *before);
/* @a is hidden, with all below it: what of their groups is still to come is its parent's now. */
void account_hand_over(struct account *a);
/* Drops all below @a, whose account is from now on known in sum only. */
void account_lump(struct account_table *t, struct account *a);
/* Puts @a among the rests to be looked at again, or takes it out; twice is once. */
void account_rest_set(struct account_table *t, struct account *a, bool pending);
/* Links the former top @a, with all below it, under @parent as @name (on the heap, now @a's). */
void account_graft(struct account *a, struct account *parent, char *name);
/* When all that was to be told of @a was told: a look at what lies above it says so, too. */
uint64_t account_looked(const struct account *a);
/* The top that @a lies in; @a itself if it is one. */
struct account *account_root(struct account *a);
