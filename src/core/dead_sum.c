/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the removed children of a directory counted
 *
 * Living children are collected by key and counted once each: a listing may name one twice.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "core/ledger_impl.h"

#define TRIES 5

struct living {
	uint64_t key;
	struct counts counts;
};

struct census {
	const struct tree_ops *ops;
	void *ctx;
	const struct ledger_dead *of;
	struct living *living;
	size_t n, max;
};

static int add_living(struct census *c, const struct reading *rd)
{
	struct living *grown;

	if (c->n == c->max) {
		c->max = c->max ? 2 * c->max : 64;
		grown = reallocarray(c->living, c->max, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		c->living = grown;
	}
	c->living[c->n++] = (struct living){ .key = rd->key, .counts = rd->counts };
	return 0;
}

static int each_child(void *arg, const char *name, uint64_t id)
{
	struct census *c = arg;
	struct reading rd;
	int r;

	r = tree_read_child(c->ops, c->ctx, c->of->dir, name, &rd);
	if (r == TREE_E_OFF)
		return id == c->of->except_id ? 0 : TREE_E_DENIED;
	if (r == TREE_E_GONE)
		return 0;
	return r != 0 || counts_zero(&rd.counts) ? r : add_living(c, &rd);
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = ((const struct living *)a)->key, y = ((const struct living *)b)->key;

	return x < y ? -1 : x > y;
}

static void subtract_living(struct census *c, struct deltas *sum)
{
	static const struct counts nothing = { 0 };

	if (c->n > 1)
		qsort(c->living, c->n, sizeof(*c->living), by_key);
	for (size_t i = 0; i < c->n; i++) {
		struct deltas one = counts_minus(&c->living[i].counts, &nothing);

		if (i == 0 || c->living[i].key != c->living[i - 1].key)
			deltas_subtract(sum, &one);
	}
}

static int read_parent(const struct census *c, struct counts *ret)
{
	struct reading rd;
	int r;

	if (c->of->parent)
		return c->of->parent(c->ctx, ret);
	r = c->ops->read(c->ctx, c->of->dir, NULL, &rd);
	if (r == 0)
		*ret = rd.counts;
	return r;
}

/* One try. @ret_still: the parent's counter stood still meanwhile. */
static int take(struct census *c, struct deltas *ret, bool *ret_still)
{
	struct counts before = { 0 }, after = { 0 }, own = { 0 };
	int r;

	c->n = 0;
	r = read_parent(c, &before);
	if (r == 0 && !c->of->parent)
		r = c->ops->read_local(c->ctx, c->of->dir, &own);
	if (r == 0)
		r = c->ops->list(c->ctx, c->of->dir, each_child, c);
	if (r == 0)
		r = read_parent(c, &after);
	if (r != 0)
		return r;
	*ret_still = counts_equal(&before, &after);
	*ret = counts_minus(&before, &own);
	subtract_living(c, ret);
	return 0;
}

int ledger_dead_sum(const struct tree_ops *ops, void *ctx, const struct ledger_dead *of,
		    struct deltas *ret)
{
	struct census c = { .ops = ops, .ctx = ctx, .of = of };
	struct deltas sum;
	bool still = false;
	int r = 0;

	for (unsigned i = 0; i < TRIES && r == 0 && !still; i++)
		r = take(&c, &sum, &still);
	free(c.living);
	if (r != 0)
		return ledger_result(r);
	if (!still)
		return LEDGER_E_AGAIN;
	*ret = sum;
	return 0;
}
