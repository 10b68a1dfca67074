/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The baseline: what was counted before a watch began
 *
 * Takes the counter of a top, then those of everything below it that ever counted anything, as
 * known; parents before children, like every walk. It is repeated until the top's counter stood
 * still meanwhile: what came in between is known in number, but not in place.
 *
 * A top that exists already below becomes part of the tree. What it has not told yet is not known to
 * its new ancestors either. This holds only if it stood still too, and it is joined only when nothing
 * can fail any more: a top that could not be added leaves the others as they were.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/ledger_impl.h"

#define TRIES 5

/* A top below the new one, as found in the last try. */
struct join {
	struct account *top;
	struct account *parent;
	char *name;
	unsigned try;
	struct join *next;
};

struct baseline {
	struct descent *d;
	struct join *joins;
	unsigned try;
};

/* One directory being listed. */
struct scan {
	struct baseline *b;
	struct account *a;
	int dir;
	uint32_t serial;
	struct counts known;
};

static int scan_dir(struct baseline *b, struct account *a, int dir, const struct counts *total);

static int enter(struct scan *s, struct account *c, const struct counts *counts)
{
	const struct ledger *l = s->b->d->l;
	int child = -1;
	int r;

	c->reported = *counts;
	c->lumped = true;
	if (descent_too_deep(s->b->d, 0)) {
		account_lump(&s->b->d->l->accounts, c);
		return 0;
	}
	r = descent_open(s->b->d, s->dir, c, &child);
	if (r == 0) {
		r = scan_dir(s->b, c, child, counts);
		l->ops->close(l->ctx, child);
	}
	if (r != 0)
		account_lump(&s->b->d->l->accounts, c);
	if (r == TREE_E_BUSY && descent_too_deep(s->b->d, r))
		return 0;
	return r == TREE_E_DENIED || r == TREE_E_GONE ? 0 : r;
}

/* The top @c lies below @s->a, as @name. */
static int meet_top(struct scan *s, const char *name, struct account *c)
{
	struct join *j;

	LL_FOREACH (s->b->joins, j)
		if (j->top == c) {
			j->try = s->b->try;
			return 0;
		}
	j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	*j = (struct join){ .top = c, .parent = s->a, .name = strdup(name), .try = s->b->try };
	if (!j->name) {
		free(j);
		return -ENOMEM;
	}
	LL_PREPEND(s->b->joins, j);
	return 0;
}

static int each_child(void *arg, const char *name, uint64_t id)
{
	struct scan *s = arg;
	struct ledger *l = s->b->d->l;
	struct account *c;
	struct reading rd;
	int r;

	r = tree_read_child(l->ops, l->ctx, s->dir, name, &rd);
	/* It may only be hidden, and come back with what it counted before the watch. */
	if (r == TREE_E_OFF)
		account_saw_off(s->a, id);
	if (r == TREE_E_OFF || r == TREE_E_GONE || r == TREE_E_DENIED)
		return 0;
	if (r != 0 || counts_zero(&rd.counts))
		return r;
	c = account_find_below(&l->accounts, s->a, rd.key);
	if (!c)
		c = account_new(&l->accounts, s->a, name, rd.key, id);
	if (!c)
		return -ENOMEM;
	if (c->seen == s->serial)
		return 0; /* a listing may name one twice while others are removed */
	c->seen = s->serial;
	r = c->top ? meet_top(s, name, c) : enter(s, c, &rd.counts);
	/* What it has not reported, its ancestors have not either. */
	for (unsigned k = 0; r == 0 && k < COUNTED_KINDS; k++)
		s->known.n[k] -= rd.counts.n[k] - c->reported.n[k];
	return r;
}

static int scan_dir(struct baseline *b, struct account *a, int dir, const struct counts *total)
{
	struct ledger *l = b->d->l;
	struct scan s = { .b = b, .a = a, .dir = dir, .serial = ++l->serial, .known = *total };
	int r;

	b->d->depth++;
	r = l->ops->read_local(l->ctx, dir, &a->own);
	if (r == 0)
		r = l->ops->list(l->ctx, dir, each_child, &s);
	b->d->depth--;
	a->reported = s.known;
	a->lumped = r != 0;
	return r;
}

/* Links the tops that were met, with their share of the balance. */
static void join_all(struct baseline *b, struct account *a)
{
	struct ledger *l = b->d->l;
	struct join *j;

	LL_FOREACH (b->joins, j) {
		if (j->try != b->try)
			continue;
		for (unsigned k = 0; k < COUNTED_KINDS; k++) {
			l->closed.kind[k].counted += j->top->reported.n[k] - j->top->top->base.n[k];
			a->top->interim.n[k] += j->top->top->interim.n[k];
		}
		account_graft(j->top, j->parent, j->name);
		j->name = NULL;
	}
}

static struct join *free_all(struct join *joins)
{
	struct join *j, *tmp;

	LL_FOREACH_SAFE (joins, j, tmp) {
		free(j->name);
		free(j);
	}
	return NULL;
}

void baseline_take_child(struct descent *d, struct account *c, int dir, const struct counts *counts)
{
	struct baseline b = { .d = d };
	struct scan s = { .b = &b, .dir = dir };

	(void)enter(&s, c, counts); /* at worst it is known in sum */
	b.joins = free_all(b.joins);
}

int baseline_split(struct descent *d, struct account *a, int dir)
{
	const struct counts known = a->reported;
	struct baseline b = { .d = d };
	int r = scan_dir(&b, a, dir, &known);

	a->reported = known;
	b.joins = free_all(b.joins);
	if (r != 0)
		account_lump(&d->l->accounts, a);
	return r;
}

static bool joins_any(const struct baseline *b)
{
	const struct join *j;

	LL_FOREACH (b->joins, j)
		if (j->try == b->try)
			return true;
	return false;
}

int baseline_take(struct descent *d, struct account *a, int dir)
{
	struct baseline b = { .d = d };
	struct reading before = { 0 }, after = { 0 };
	bool still = false;
	int r = 0;

	while (r == 0 && !still && b.try < TRIES) {
		b.try++;
		r = ledger_read_top(d->l, a, &before);
		if (r == 0)
			r = scan_dir(&b, a, dir, &before.counts);
		if (r == 0)
			r = ledger_read_top(d->l, a, &after);
		still = counts_equal(&before.counts, &after.counts);
	}
	if (r == 0 && !still && joins_any(&b))
		r = TREE_E_BUSY;
	if (r == 0) {
		a->top->interim = counts_minus(&after.counts, &before.counts);
		join_all(&b, a);
	}
	b.joins = free_all(b.joins);
	return r;
}
