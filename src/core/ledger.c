/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tops of the ledger: opened with a baseline, passed, resolved, closed. The walks are in baseline.c and descent.c. */
#include "core/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/fd.h"
#include "core/ledger_impl.h"

struct ledger *ledger_new(const struct tree_ops *ops, ledger_report_fn report, void *ctx)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (l) {
		l->ops = ops;
		l->report = report;
		l->ctx = ctx;
		l->depth_max = LEDGER_DEPTH_MAX;
		l->depth_sure = LEDGER_DEPTH_SURE;
	}
	return l;
}

struct ledger *ledger_free(struct ledger *l)
{
	struct account *a, *tmp;

	if (!l)
		return NULL;
	/* Dropping a top takes others along: start anew with whatever is left. */
	while ((a = l->accounts.by_key)) {
		tmp = account_root(a);
		account_drop(&l->accounts, tmp);
	}
	free(l);
	return NULL;
}

int ledger_result(int r)
{
	switch (r) {
	case TREE_E_GONE:
		return LEDGER_E_GONE;
	case TREE_E_BUSY:
	case -ENOMEM:
		return LEDGER_E_AGAIN;
	case TREE_E_DENIED:
		return -EACCES;
	default:
		return r;
	}
}

static int result(const struct descent *d, int r)
{
	return r == 0 && d->again ? LEDGER_E_AGAIN : ledger_result(r);
}

int ledger_read_top(struct ledger *l, const struct account *top, struct reading *ret)
{
	int r = l->ops->read(l->ctx, top->top->dir, NULL, ret);

	if (r == 0 && ret->key != top->key)
		return TREE_E_GONE;
	if (r == 0)
		l->no_group_count = ret->no_group_count;
	return r;
}

int ledger_top_add(struct ledger *l, const struct ledger_top *top, uint64_t now_ns,
		   struct account **ret)
{
	struct descent d = { .l = l, .now_ns = now_ns };
	struct reading rd;
	struct account *a;
	int r;

	r = l->ops->read(l->ctx, top->dir, NULL, &rd);
	if (r != 0)
		return result(&d, r);
	if (account_find(&l->accounts, rd.key))
		return -EEXIST;
	a = account_new(&l->accounts, NULL, top->path, rd.key, top->id);
	if (!a)
		return -ENOMEM;
	a->top->dir = top->dir;
	if (!top->fresh)
		r = baseline_take(&d, a, top->dir);
	if (r != 0) {
		account_drop(&l->accounts, a);
		return result(&d, r);
	}
	for (unsigned k = 0; top->told && k < COUNTED_KINDS; k++) {
		a->top->interim.n[k] += (int64_t)(a->reported.n[k] - top->told->n[k]);
		a->reported.n[k] = top->told->n[k];
	}
	a->top->base = a->top->total = a->top->sealed = a->reported;
	*ret = a;
	return 0;
}

int ledger_top_news(struct ledger *l, struct account *top, bool *ret_news)
{
	struct descent d = { .l = l };
	struct reading rd;
	struct deltas news;
	int r;

	r = ledger_read_top(l, top, &rd);
	if (r != 0)
		return result(&d, r);
	news = counts_minus(&rd.counts, &top->reported);
	*ret_news = deltas_any_positive(&news);
	return 0;
}

int ledger_pass(struct ledger *l, struct account *top, uint64_t now_ns)
{
	struct descent d = { .l = l, .now_ns = now_ns };
	struct reading rd;
	int r;

	r = ledger_read_top(l, top, &rd);
	if (r != 0)
		return result(&d, r);
	top->top->total = top->top->sealed = rd.counts;
	r = descent_settle(&d, top, top->top->dir, &rd.counts, false);
	/* What came during the baseline is told by now: a rest that is found later is none of it. */
	if (r == 0 && !d.again && ledger_due(l, top) == UINT64_MAX)
		top->top->interim = (struct deltas){ 0 };
	return result(&d, r);
}

int ledger_seal(struct ledger *l, struct account *top)
{
	struct descent d = { .l = l };
	struct reading rd;
	int r;

	r = ledger_read_top(l, top, &rd);
	if (r == 0)
		top->top->sealed = rd.counts;
	return result(&d, r);
}

uint64_t ledger_due(const struct ledger *l, const struct account *top)
{
	uint64_t due = UINT64_MAX;
	struct account *a;

	DL_FOREACH2 (l->accounts.rests, a, rest_next)
		if (account_root(a) == top && a->rest_due_ns < due)
			due = a->rest_due_ns;
	return due;
}

/* Opens the directory of @a by walking down from its top. */
static int open_account(struct descent *d, struct account *a, int *ret)
{
	const struct ledger *l = d->l;
	int dir = -1;
	int r;

	if (a->top) {
		*ret = a->top->dir;
		return 0;
	}
	r = open_account(d, a->parent, &dir);
	if (r != 0)
		return r;
	r = descent_come_through(d, a->parent, dir);
	if (r == 0)
		r = descent_open(d, dir, a, ret);
	if (!a->parent->top)
		l->ops->close(l->ctx, dir);
	return r;
}

/* The second look at @a, its counter first. */
static int look_again(struct descent *d, struct account *a, int dir)
{
	struct reading rd;
	int r = d->l->ops->read(d->l->ctx, dir, NULL, &rd);

	if (r == 0 && rd.key != a->key)
		r = TREE_E_GONE; /* the parent's counter has it */
	return r == 0 ? descent_settle(d, a, dir, &rd.counts, true) : r;
}

static int resolve_one(struct descent *d, struct account *a)
{
	int dir = -1;
	int r;

	account_rest_set(&d->l->accounts, a, false);
	for (const struct account *up = a->parent; up; up = up->parent)
		d->depth++;
	r = open_account(d, a, &dir);
	if (r != 0)
		return r;
	r = look_again(d, a, dir);
	if (!a->top)
		d->l->ops->close(d->l->ctx, dir);
	return r;
}

static struct account *find_due(const struct ledger *l, const struct account *top, uint64_t now_ns)
{
	struct account *a;

	DL_FOREACH2 (l->accounts.rests, a, rest_next)
		if (a->rest_due_ns <= now_ns && account_root(a) == top)
			return a;
	return NULL;
}

int ledger_resolve(struct ledger *l, struct account *top, uint64_t now_ns)
{
	struct account *a;
	bool again = false;
	int r;

	/* Each round clears one; what is kept anew is due later than now. */
	while ((a = find_due(l, top, now_ns))) {
		struct descent d = { .l = l, .now_ns = now_ns };

		r = resolve_one(&d, a);
		if (r == TREE_E_BUSY || r == -ENOMEM || d.again) {
			again = true; /* @a may have been dropped meanwhile: a new pass finds the rest */
			continue;
		}
		if (r < 0 || (r > 0 && a == top))
			return result(&d, r);
	}
	return again ? LEDGER_E_AGAIN : 0;
}

/* The account is proven if it lies between what the last pass began with and what was read last. */
static uint64_t proven_total(const struct account *top, unsigned kind)
{
	uint64_t told = top->reported.n[kind];

	/* Signed, as an account may begin below 0: a joined top had run ahead of this one. */
	if ((int64_t)(told - top->top->total.n[kind]) < 0)
		return top->top->total.n[kind];
	if ((int64_t)(told - top->top->sealed.n[kind]) > 0)
		return top->top->sealed.n[kind];
	return told;
}

int ledger_top_close(struct ledger *l, struct account *top, const struct counts *last,
		     uint64_t now_ns)
{
	struct descent d = { .l = l, .now_ns = now_ns };
	struct deltas rest = { 0 };
	int r;

	if (last) {
		rest = counts_minus(last, &top->reported);
		top->top->total = top->top->sealed = *last;
	} else {
		top->top->total = top->top->sealed = top->reported;
	}
	r = descent_rest(&d, top, &rest, &(struct ledger_report){ .closing = true });
	if (r < 0)
		return r;
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		l->closed.kind[k].counted += proven_total(top, k) - top->top->base.n[k];
	account_drop(&l->accounts, top);
	return 0;
}

void ledger_balance(const struct ledger *l, struct balance *sum)
{
	const struct account *a, *tmp;

	balance_add(sum, &l->closed);
	HASH_ITER (hh, l->accounts.by_key, a, tmp)
		for (unsigned k = 0; a->top && k < COUNTED_KINDS; k++)
			sum->kind[k].counted += proven_total(a, k) - a->top->base.n[k];
}
