/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* What ledger.c, baseline.c and descent.c share; internal to core/. */
#include "core/account.h"

struct ledger {
	const struct tree_ops *ops;
	ledger_report_fn report;
	void *ctx;
	struct account_table accounts;
	uint32_t serial; /* of the last listing */
	struct balance
		closed; /* `counted` of tops that are closed; `reported` and `recounts` of all */
};

/* One walk through the tree. */
struct descent {
	struct ledger *l;
	uint64_t now_ns;
	bool again; /* something could not be read: a later walk has to */
	bool group; /* on kernels that do not count group kills: memory.oom.group is set here or above */
};

/* Reads a top's own memory.events. Returns 0, TREE_E_*, or a negated errno. */
int ledger_read_top(const struct ledger *l, const struct account *top, struct reading *ret);
/*
 * Takes all that was counted at and below @a, a new top, as known, and joins the tops below it.
 * Returns 0, TREE_E_* or a negated errno; then nothing but @a and the accounts below it has changed.
 */
int baseline_take(struct descent *d, struct account *a, int dir);
/*
 * Reports what is new at and below @a, whose counter stands at @total. @final: a rest is reported
 * now; else it is kept for a second look. Returns 0, TREE_E_* if @a itself could not be looked into,
 * or a negated errno.
 */
int descent_settle(struct descent *d, struct account *a, int dir, const struct reading *total,
		   bool final);
/* Books @count events of @kind at @a after handing them to the report function. */
int descent_report(struct descent *d, struct account *a, const struct ledger_report *what);
/* TREE_E_GONE is no trouble, TREE_E_BUSY marks @d for another walk; anything else is returned. */
int descent_trouble(struct descent *d, int r);
