/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Children whose memory was hidden
 *
 * Where a controller stays on that needs memory (io), switching memory off in cgroup.subtree_control
 * only hides it (css_visible()): the files go, counting goes on, and what it counts meanwhile is told
 * of the parent. Switched on again, memory.events comes back under another key, with its old counts.
 * Taken for a new one it would claim events a second time.
 *
 * Who claims too much is found by the parent's counter: its children cannot have more news than it
 * has, and have as much if none of them is gone.
 *
 *   more than the counter read after them   surely too much, but for an event just being counted
 *   more than the counter read before them  perhaps: or it came meanwhile. Another walk tells
 *   just as much                            nobody claims too much
 *   less                                    what is gone may hide it. The second look tells what is;
 *                                           then a doubtful claim is left to the parent, since an
 *                                           event told there is less bad than one told twice
 */
#include <utlist.h>

#include "core/ledger_impl.h"

/* What is claimed in excess of the parent's counter. */
struct excess {
	struct deltas perhaps, surely;
};

enum verdict {
	CLAIM_GOOD,
	CLAIM_BAD,
	CLAIM_LATER,  /* another walk */
	CLAIM_SECOND, /* the second look */
};

static struct excess excess_of(const struct listing *li, const struct deltas *own_news,
			       const struct counts *after)
{
	const struct deltas since = counts_minus(after, li->total);
	struct excess x = { .perhaps = *own_news };

	deltas_subtract(&x.perhaps, li->rest);
	x.surely = x.perhaps;
	deltas_subtract(&x.surely, &since);
	return x;
}

/* Whether @claim may be made once more, in any kind. */
static enum verdict judge(const struct listing *li, const struct excess *x,
			  const struct deltas *claim)
{
	enum verdict v = CLAIM_GOOD;

	for (unsigned k = 0; k < COUNTED_KINDS; k++) {
		if (claim->n[k] <= 0)
			continue;
		if (x->surely.n[k] > 0)
			return CLAIM_BAD;
		if (x->perhaps.n[k] > 0)
			v = CLAIM_LATER;
		else if (x->perhaps.n[k] < 0 && v == CLAIM_GOOD)
			v = li->final ? CLAIM_BAD : CLAIM_SECOND;
	}
	return v;
}

/* @claim is not a child's to make. */
static void withdraw(struct listing *li, struct excess *x, const struct deltas *claim)
{
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		li->rest->n[k] += claim->n[k];
	deltas_subtract(&x->perhaps, claim);
	deltas_subtract(&x->surely, claim);
}

static struct deltas claim_of(const struct news *n)
{
	return counts_minus(&n->total, &n->account->reported);
}

/* Nothing of it was ever told, nor known before. */
static bool unknown(const struct account *a)
{
	return counts_zero(&a->reported);
}

/* What @n is the return of, if it can be. */
static struct account *former(const struct news *n)
{
	struct account *before = unknown(n->account) ? account_before(n->account) : NULL;

	if (!before || before->seen == n->account->seen)
		return NULL;
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		if (n->total.n[k] < before->reported.n[k])
			return NULL; /* begun anew */
	return before;
}

/* The excess stays what it is: that one waits proves nothing about the others. */
static void postpone(struct descent *d, struct listing *li, struct news *n, bool again)
{
	struct account *before = former(n);
	struct deltas claim = claim_of(n);

	if (before)
		before->seen = n->account->seen; /* to be kept until then */
	n->later = true;
	d->again |= again;
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		li->rest->n[k] += claim.n[k];
}

/*
 * The id in a listing may be that of a former directory of the same name. Returns 0, also if it is
 * gone or may not be asked; TREE_E_BUSY or a negated errno.
 */
static int learn_id(struct descent *d, const struct listing *li, struct account *a)
{
	struct reading rd;
	int r = descent_ask(d, li->dir, a, &rd);

	if (r == 0 && rd.key == a->key)
		a->id = rd.id;
	return r == TREE_E_GONE || r == TREE_E_DENIED ? 0 : r;
}

int hidden_look(struct descent *d, struct listing *li, const struct account *a)
{
	struct reading rd;
	int r = tree_read_child(d->l->ops, d->l->ctx, li->dir, a->name, &rd);

	if (r == 0)
		r = descent_ask(d, li->dir, a, &rd);
	if (r == TREE_E_OFF)
		li->off = true;
	if (r == TREE_E_OFF || (r == 0 && rd.id == a->id))
		account_saw_off(li->parent, a->id);
	return r == TREE_E_BUSY || r < 0 ? r : TREE_E_GONE;
}

/* Whether @claim of @n is withdrawn. If that cannot be told yet, @n waits. */
static bool withdrawn(struct descent *d, struct listing *li, struct excess *x, struct news *n,
		      const struct deltas *claim)
{
	switch (judge(li, x, claim)) {
	case CLAIM_BAD:
		withdraw(li, x, claim);
		return true;
	case CLAIM_LATER:
		postpone(d, li, n, true);
		return false;
	case CLAIM_SECOND:
		postpone(d, li, n, false);
		return false;
	default:
		return false;
	}
}

static void go_on(struct descent *d, struct listing *li, struct excess *x, struct news *n)
{
	static const struct counts nothing = { 0 };
	struct account *before = former(n);
	struct deltas known;

	if (!before)
		return;
	known = counts_minus(&before->reported, &nothing);
	if (withdrawn(d, li, x, n, &known))
		account_take_over(&d->l->accounts, n->account, before);
}

/* What was counted in hiding: its parent has told it, or will. */
static void leave_to_parent(struct descent *d, struct listing *li, struct excess *x, struct news *n)
{
	struct deltas claim = claim_of(n);

	if (withdrawn(d, li, x, n, &claim))
		baseline_take_child(d, n->account, li->dir, &n->total);
}

/* Its memory may have been hidden while something of it was told of the parent. */
static bool may_have_hidden(const struct listing *li, const struct account *a)
{
	return a->id <= li->parent->off_id && (unknown(a) || a->returned);
}

void hidden_settle(struct descent *d, struct listing *li, const struct deltas *own_news,
		   const struct counts *after)
{
	struct excess x = excess_of(li, own_news, after);
	struct news *n;

	LL_FOREACH (li->news, n) {
		if (!former(n) && !may_have_hidden(li, n->account))
			continue;
		if (unknown(n->account) && learn_id(d, li, n->account) != 0)
			postpone(d, li, n, true);
		else
			go_on(d, li, &x, n);
	}
	LL_FOREACH (li->news, n)
		if (!n->later && may_have_hidden(li, n->account))
			leave_to_parent(d, li, &x, n);
}
