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
 * has. Compared with the counter as read before them, news that came meanwhile look the same
 * (`perhaps`); with the counter as read after them it is sure, but for an event just being counted.
 */
#include <utlist.h>

#include "core/ledger_impl.h"

/* What is claimed in excess of the parent's counter. */
struct excess {
	struct deltas perhaps, surely;
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

/* @claim is not @n's to make. */
static void withdraw(struct listing *li, struct excess *x, const struct deltas *claim)
{
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		li->rest->n[k] += claim->n[k];
	deltas_subtract(&x->perhaps, claim);
	deltas_subtract(&x->surely, claim);
}

/* The excess stays what it is: that one waits proves nothing about the others. */
static void postpone(struct descent *d, struct listing *li, struct news *n)
{
	n->later = true;
	d->again = true;
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		li->rest->n[k] += (int64_t)(n->total.n[k] - n->account->reported.n[k]);
}

/* Nothing of it was ever told, nor known before. */
static bool unknown(const struct account *a)
{
	return counts_zero(&a->reported);
}

/* Whether @excess may come of @known. */
static bool comes_of(const struct deltas *excess, const struct counts *known)
{
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		if (excess->n[k] > 0 && known->n[k] > 0)
			return true;
	return false;
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

static void go_on(struct descent *d, struct listing *li, struct excess *x, struct news *n)
{
	static const struct counts nothing = { 0 };
	struct account *before = former(n);
	struct deltas known;

	if (!before)
		return;
	if (comes_of(&x->surely, &before->reported)) {
		known = counts_minus(&before->reported, &nothing);
		account_take_over(&d->l->accounts, n->account, before);
		withdraw(li, x, &known);
	} else if (comes_of(&x->perhaps, &before->reported)) {
		postpone(d, li, n);
	}
}

/* What was counted in hiding: its parent has told it, or will. */
static void leave_to_parent(struct descent *d, struct listing *li, struct excess *x, struct news *n)
{
	struct account *a = n->account;
	struct deltas claim = counts_minus(&n->total, &a->reported);

	if (n->later || a->id > li->parent->off_id || !(unknown(a) || a->returned))
		return;
	if (deltas_any_positive(&x->surely)) {
		baseline_take_child(d, a, li->dir, &n->total);
		withdraw(li, x, &claim);
	} else if (deltas_any_positive(&x->perhaps)) {
		postpone(d, li, n);
	}
}

void hidden_settle(struct descent *d, struct listing *li, const struct deltas *own_news,
		   const struct counts *after)
{
	struct excess x = excess_of(li, own_news, after);
	struct news *n;

	if (!deltas_any_positive(&x.perhaps))
		return;
	LL_FOREACH (li->news, n)
		if (unknown(n->account) && learn_id(d, li, n->account) != 0)
			postpone(d, li, n);
		else
			go_on(d, li, &x, n);
	LL_FOREACH (li->news, n)
		leave_to_parent(d, li, &x, n);
}
