/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Children whose memory was hidden
 *
 * Where a controller stays on that needs memory (io), switching memory off in cgroup.subtree_control
 * only hides it (css_visible()): the files go, and counting goes on. Switched on again, memory.events
 * comes back under another key, with its old counts.
 *
 *   child                              was told                         now shows    what of it is news
 *   known under a former key           its `reported`, of itself        the sum      the difference
 *   unknown, or back from hiding       what came meanwhile, of the      the sum      what nobody told
 *                                      parent, unplaced
 *
 * Both are suspects: what they claim may have been told. A claim is a counter less its account, and
 * all claims together are as much as the parent itself has to tell, if nothing of it is gone:
 *
 *   claims of the children + own news  =  the parent's counter - its account
 *
 * Then every claim is good. More is claimed than there is: somebody claims what was told; for sure if
 * it is more than the counter read after the children. Less is claimed: what is gone may hide such a
 * claim. In doubt the second look decides, and what is still in doubt then is left to the parent: an
 * event told there, unplaced, is less bad than one told twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "core/ledger_impl.h"

/* By how much the claims are more than the parent has to tell; less than 0: something is gone. */
struct excess {
	struct deltas perhaps; /* by its counter as read before the children */
	struct deltas surely;  /* by its counter as read after them */
};

enum verdict {
	CLAIM_GOOD,
	CLAIM_BAD,
	CLAIM_WAITS, /* for the second look */
};

/* The listing has subtracted the children's claims from li->rest already. */
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

static bool claims_add_up(const struct excess *x)
{
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		if (x->perhaps.n[k] != 0)
			return false;
	return true;
}

static enum verdict judge(const struct listing *li, const struct excess *x,
			  const struct deltas *claim)
{
	enum verdict v = CLAIM_GOOD;

	for (unsigned k = 0; k < COUNTED_KINDS; k++) {
		if (claim->n[k] <= 0)
			continue;
		if (x->surely.n[k] > 0)
			return CLAIM_BAD;
		if (x->perhaps.n[k] != 0)
			v = li->final ? CLAIM_BAD : CLAIM_WAITS;
	}
	return v;
}

static struct deltas claim_of(const struct news *n)
{
	return counts_minus(&n->total, &n->account->reported);
}

/* @claim is none of the child's: what of it is new is for the parent to tell. */
static void give_back(struct listing *li, const struct deltas *claim)
{
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		li->rest->n[k] += claim->n[k];
	li->parent->rest_unplaced = true;
}

static void put_off(struct listing *li, struct news *n)
{
	const struct deltas claim = claim_of(n);

	n->later = true;
	if (n->former)
		n->former->seen = n->account->seen; /* not to be let go until then */
	give_back(li, &claim);
}

/* Nothing of it was ever told, nor known before. */
static bool unknown(const struct account *a)
{
	return counts_zero(&a->reported);
}

/* Something of it may have been told of the parent. */
static bool was_out_of_sight(const struct listing *li, const struct account *a)
{
	return a->id <= li->parent->off_id && (unknown(a) || a->returned);
}

static int by_id_and_age(const void *a, const void *b)
{
	const struct account *x = *(struct account *const *)a, *y = *(struct account *const *)b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* The accounts of children that the listing did not meet, by id; the last of an id is its latest. */
struct unseen {
	struct account **by_id;
	size_t n;
};

static int collect_unseen(const struct listing *li, uint32_t serial, struct unseen *ret)
{
	struct unseen u = { 0 };
	struct account *a;

	DL_FOREACH (li->parent->children, a)
		u.n += a->seen != serial;
	if (u.n == 0) {
		*ret = u;
		return 0;
	}
	u.by_id = reallocarray(NULL, u.n, sizeof(struct account *));
	if (!u.by_id)
		return -ENOMEM;
	u.n = 0;
	DL_FOREACH (li->parent->children, a)
		if (a->seen != serial)
			u.by_id[u.n++] = a;
	qsort(u.by_id, u.n, sizeof(struct account *), by_id_and_age);
	*ret = u;
	return 0;
}

/* What @n is the return of, if it can be. */
static struct account *find_former(const struct unseen *u, const struct news *n)
{
	struct account *former;
	size_t low = 0, high = u->n;

	while (low < high) { /* for the first above that id */
		size_t mid = low + (high - low) / 2;

		if (u->by_id[mid]->id <= n->account->id)
			low = mid + 1;
		else
			high = mid;
	}
	former = low > 0 && u->by_id[low - 1]->id == n->account->id ? u->by_id[low - 1] : NULL;
	for (unsigned k = 0; former && k < COUNTED_KINDS; k++)
		if (n->total.n[k] < former->reported.n[k])
			return NULL; /* begun anew */
	return former;
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

static bool any_unknown(const struct listing *li)
{
	const struct news *n;

	LL_FOREACH (li->news, n)
		if (unknown(n->account))
			return true;
	return false;
}

/* Sets n->former and n->suspect. Returns whether there is any suspect. */
static bool find_suspects(struct descent *d, struct listing *li, const struct unseen *u)
{
	bool any = false;
	struct news *n;

	LL_FOREACH (li->news, n) {
		if (unknown(n->account))
			n->former = find_former(u, n);
		if (!n->former && !was_out_of_sight(li, n->account))
			continue;
		if (unknown(n->account) && learn_id(d, li, n->account) != 0) {
			put_off(li, n);
			d->again = true;
			continue;
		}
		n->former = unknown(n->account) ? find_former(u, n) : NULL;
		n->suspect = n->former || was_out_of_sight(li, n->account);
		any |= n->suspect;
	}
	return any;
}

/* Known under a former key: what was told then is no news. All are judged by the same excess. */
static void go_on_as_before(struct descent *d, struct listing *li, struct excess *x)
{
	static const struct counts nothing = { 0 };
	const struct excess found = *x;
	struct news *n;

	LL_FOREACH (li->news, n) {
		struct deltas known;

		if (!n->suspect || !n->former)
			continue;
		known = counts_minus(&n->former->reported, &nothing);
		switch (judge(li, &found, &known)) {
		case CLAIM_GOOD:
			break;
		case CLAIM_BAD:
			give_back(li, &known);
			deltas_subtract(&x->perhaps, &known);
			deltas_subtract(&x->surely, &known);
			account_take_over(&d->l->accounts, n->account, n->former);
			n->former = NULL;
			break;
		case CLAIM_WAITS:
			put_off(li, n);
			break;
		}
	}
}

static void leave_to_parent(struct descent *d, struct listing *li, const struct excess *x)
{
	struct news *n;

	LL_FOREACH (li->news, n) {
		struct deltas claim = claim_of(n);

		if (!n->suspect || n->later || !was_out_of_sight(li, n->account))
			continue;
		switch (judge(li, x, &claim)) {
		case CLAIM_GOOD:
			break;
		case CLAIM_BAD:
			give_back(li, &claim);
			baseline_take_child(d, n->account, li->dir, &n->total);
			break;
		case CLAIM_WAITS:
			put_off(li, n);
			break;
		}
	}
}

int hidden_settle(struct descent *d, struct listing *li, const struct deltas *own_news,
		  const struct counts *after, uint32_t serial)
{
	struct excess x = excess_of(li, own_news, after);
	struct unseen unseen = { 0 };
	int r = 0;

	if (claims_add_up(&x) && !li->off && !li->blind && !d->again)
		li->parent->off_id = 0; /* all that can be seen is known by now */
	if (any_unknown(li))
		r = collect_unseen(li, serial, &unseen);
	if (r == 0 && find_suspects(d, li, &unseen)) {
		go_on_as_before(d, li, &x);
		leave_to_parent(d, li, &x);
	}
	free(unseen.by_id);
	return r;
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
