/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk down: where did it happen?
 *
 * Every cgroup whose counter stands above its account is entered: first its own events
 * (memory.events.local), then its children, each read after its parent. Listing and descending are
 * two steps, so that only one directory is being listed at any time and only the names of children
 * with news are kept.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/fd.h"
#include "core/ledger_impl.h"

static void news_free(struct news *list)
{
	struct news *n, *tmp;

	LL_FOREACH_SAFE (list, n, tmp)
		free(n);
}

int descent_trouble(struct descent *d, int r)
{
	switch (r) {
	case TREE_E_GONE:
		return 0;
	case TREE_E_BUSY:
	case -ENOMEM:
		d->again = true;
		return 0;
	default:
		return r;
	}
}

/*
 * How many recounts @what stands for in the balance. Several reports may allow for the recount of one
 * group kill; it happened once.
 */
static uint64_t recounts_taken(struct ledger *l, const struct ledger_report *what, uint64_t untold)
{
	int64_t recounts = (int64_t)(what->count_max - what->count_min);

	if (what->kind == EVENT_GROUP_KILL)
		l->unbooked_groups += (int64_t)what->count_max;
	if (l->no_group_count)
		return (uint64_t)recounts;
	if (recounts > l->unbooked_groups + (int64_t)untold)
		recounts = l->unbooked_groups + (int64_t)untold;
	if (recounts < 0)
		recounts = 0;
	l->unbooked_groups -= recounts;
	return (uint64_t)recounts;
}

static void book(struct descent *d, struct account *a, const struct ledger_report *what)
{
	struct balance_line *line = &d->l->closed.kind[what->kind];
	uint64_t recounts;

	for (struct account *at = a; at; at = at->parent)
		at->reported.n[what->kind] += what->count_max;
	recounts = recounts_taken(d->l, what, d->hints.untold);
	line->reported += what->count_max - recounts;
	line->recounts += recounts;
	recounts_book(a, what);
}

int descent_report(struct descent *d, struct account *a, const struct ledger_report *what)
{
	struct ledger_report full = *what;
	int r;

	full.at = a;
	full.now_ns = d->now_ns;
	full.count_min = full.count_max;
	d->hints.uncounted = d->l->no_group_count;
	if (full.kind == EVENT_KILL)
		full.count_min -= recounts_possible(a, &full, &d->hints);
	r = d->l->report(d->l->ctx, &full);
	if (r == 0)
		book(d, a, &full);
	return r;
}

/*
 * Group kills go before kills, so that the recounts among these are known. A report that could not be
 * taken ends the work on its cgroup, and keeps the kills in it and below it until the next walk.
 */
static const enum event_kind report_order[COUNTED_KINDS] = { EVENT_OOM, EVENT_GROUP_KILL,
							     EVENT_KILL };

/* Adds how many group kills in @a, whose directory is @dir, are not told yet. */
static int add_untold_groups(struct descent *d, const struct account *a, int dir, uint64_t *sum)
{
	struct counts own;
	int r;

	if (d->l->no_group_count)
		return 0;
	r = d->l->ops->read_local(d->l->ctx, dir, &own);
	if (r == 0 && own.n[EVENT_GROUP_KILL] > a->own.n[EVENT_GROUP_KILL])
		*sum += own.n[EVENT_GROUP_KILL] - a->own.n[EVENT_GROUP_KILL];
	return r;
}

/*
 * A group above may have been killed since its own counters were read, and these kills be part of
 * it. The kernel counts the group kill before all but the first of its kills, so that reading again
 * now tells.
 */
static int look_above(struct descent *d)
{
	uint64_t untold = d->untold_groups;
	int r = 0;

	for (const struct level *up = d->level->up; up && r == 0; up = up->up)
		r = add_untold_groups(d, up->a, up->dir, &untold);
	d->hints.untold = untold;
	return r;
}

/* What happened in @a itself, whose local counters stand at @own. */
static int settle_own(struct descent *d, struct account *a, const struct counts *own,
		      struct deltas *rest)
{
	struct deltas news = counts_minus(own, &a->own);

	deltas_subtract(rest, &news);
	if (news.n[EVENT_KILL] > 0) {
		int r = look_above(d);

		if (r != 0)
			return r;
	}
	for (unsigned i = 0; i < COUNTED_KINDS; i++) {
		enum event_kind k = report_order[i];
		int r;

		if (news.n[k] <= 0)
			continue;
		r = descent_report(d, a,
				   &(struct ledger_report){ .kind = k,
							    .count_max = (uint64_t)news.n[k] });
		if (r < 0)
			return r;
		a->own.n[k] += (uint64_t)news.n[k];
	}
	return 0;
}

static int remember(struct listing *li, const char *name, uint64_t id, const struct reading *rd,
		    struct account *child)
{
	struct news *n;

	if (!child)
		child = account_new(&li->d->l->accounts, li->parent, name, rd->key, id);
	if (!child)
		return -ENOMEM;
	child->seen = li->d->l->serial;
	n = malloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	*n = (struct news){ .account = child, .total = rd->counts };
	LL_PREPEND(li->news, n);
	return 0;
}

int tree_read_child(const struct tree_ops *ops, void *ctx, int dir, const char *name,
		    struct reading *ret)
{
	int r = ops->read(ctx, dir, name, ret);
	bool on = true;

	/* It may have come back before the second question: then it can be read now. */
	for (unsigned i = 0; i < 2 && r == TREE_E_GONE; i++) {
		r = ops->gives_memory(ctx, dir, &on);
		if (r == 0 && on)
			r = ops->read(ctx, dir, name, ret);
		else if (r != TREE_E_BUSY && r != TREE_E_GONE && r != -ENOMEM)
			r = TREE_E_OFF; /* as far as anybody knows */
	}
	return r;
}

/* A child that has counted something: is any of it news? */
static int weigh_child(struct listing *li, const char *name, uint64_t id, const struct reading *rd)
{
	static const struct counts nothing = { 0 };
	struct descent *d = li->d;
	struct account *child = account_find_below(&d->l->accounts, li->parent, rd->key);
	struct deltas news = counts_minus(&rd->counts, child ? &child->reported : &nothing);

	if (child && child->seen == d->l->serial)
		return 0; /* a listing may name one twice while others are removed */
	if (child)
		child->seen = d->l->serial;
	deltas_subtract(li->rest, &news);
	if (deltas_any_positive(&news))
		return descent_trouble(d, remember(li, name, id, rd, child));
	if (child)
		child->looked_ns = d->now_ns;
	return 0;
}

static int each_child(void *arg, const char *name, uint64_t id)
{
	struct listing *li = arg;
	struct descent *d = li->d;
	struct reading rd;
	int r;

	r = tree_read_child(d->l->ops, d->l->ctx, li->dir, name, &rd);
	if (r == TREE_E_OFF) {
		li->off = true;
		account_saw_off(li->parent, id);
	}
	li->blind |= r == TREE_E_DENIED;
	if (r == 0 && !counts_zero(&rd.counts))
		return weigh_child(li, name, id, &rd);
	return r == TREE_E_OFF || r == TREE_E_DENIED ? 0 : descent_trouble(d, r);
}

/* Opens the directory that has @a's name now, and reads it. Returns 0, TREE_E_* or a negated errno. */
static int open_and_read(struct descent *d, int dir, const struct account *a, int *ret,
			 struct reading *ret_reading)
{
	const struct tree_ops *ops = d->l->ops;
	int child = -1;
	int r = ops->open(d->l->ctx, dir, a->name, &child);

	if (r != 0)
		return r;
	r = ops->read(d->l->ctx, child, NULL, ret_reading);
	if (r == 0)
		*ret = child;
	else
		ops->close(d->l->ctx, child);
	return r;
}

int descent_open(struct descent *d, int dir, struct account *a, int *ret)
{
	struct reading rd;
	int child = -1;
	int r = open_and_read(d, dir, a, &child, &rd);

	if (r != 0)
		return r;
	if (rd.key != a->key) {
		d->l->ops->close(d->l->ctx, child);
		return TREE_E_GONE;
	}
	a->id = rd.id;
	*ret = child;
	return 0;
}

int descent_ask(struct descent *d, int dir, const struct account *a, struct reading *ret)
{
	int child = -1;
	int r = open_and_read(d, dir, a, &child, ret);

	if (r == 0)
		d->l->ops->close(d->l->ctx, child);
	return r;
}

/* A child that showed no counts was not weighed: its account may be ahead of what is on its way. */
static bool lives(struct descent *d, int dir, const struct account *child)
{
	struct reading rd;
	int r = descent_ask(d, dir, child, &rd);

	return r == 0 ? rd.key == child->key : r != TREE_E_GONE;
}

/*
 * Accounts of children that this listing did not meet: removed, or made anew under another key. Where
 * there are children without memory files they may be hidden, and come back.
 */
static void let_go_unseen(struct descent *d, const struct listing *li, uint32_t serial)
{
	struct account *child, *tmp;

	DL_FOREACH_SAFE (li->parent->children, child, tmp) {
		if (child->seen == serial)
			continue;
		if (li->off)
			account_hand_over(child);
		else if (!lives(d, li->dir, child))
			account_drop(&d->l->accounts, child);
	}
}

static int enter(struct descent *d, int dir, const struct news *n)
{
	bool group = d->hints.group;
	int child = -1;
	int r;

	r = descent_open(d, dir, n->account, &child);
	if (r != 0)
		return r;
	r = descent_settle(d, n->account, child, &n->total, false);
	d->l->ops->close(d->l->ctx, child);
	d->hints.group = group;
	return r;
}

/*
 * What was read below @dir is @a's only if @dir still has @a's memory.events: the memory controller may
 * have been given up and taken anew since @a was read.
 */
static int confirm(struct descent *d, struct account *a, int dir, struct counts *ret)
{
	struct reading rd;
	int r = d->l->ops->read(d->l->ctx, dir, NULL, &rd);

	if (r != 0)
		return r;
	if (rd.key != a->key)
		return TREE_E_GONE;
	a->id = rd.id;
	*ret = rd.counts;
	return 0;
}

/* Tells the news of a child that is not to be entered here, unplaced. */
static int tell_in_sum(struct descent *d, struct listing *li, const struct news *n)
{
	struct account *a = n->account;

	account_lump(&d->l->accounts, a);
	for (unsigned k = 0; k < COUNTED_KINDS; k++) {
		struct deltas one = { 0 };
		int r;

		one.n[k] = (int64_t)(n->total.n[k] - a->reported.n[k]);
		r = descent_rest(d, li->parent, &one, &(struct ledger_report){ .unplaced = true });
		if (r < 0)
			return r;
		if (one.n[k] > 0)
			a->reported.n[k] = n->total.n[k];
	}
	return 0;
}

bool descent_too_deep(const struct descent *d, int trouble)
{
	return d->depth >= (trouble == TREE_E_BUSY ? d->l->depth_sure : d->l->depth_max);
}

static int settle_child(struct descent *d, struct listing *li, const struct news *n)
{
	int r = 0;

	if (n->later)
		return 0;
	if (!descent_too_deep(d, 0))
		r = enter(d, li->dir, n);
	if (descent_too_deep(d, r))
		return tell_in_sum(d, li, n);
	return r == TREE_E_GONE ? hidden_look(d, li, n->account) : r;
}

static int settle_children(struct descent *d, struct listing *li)
{
	struct news *n;

	LL_FOREACH (li->news, n) {
		int r = settle_child(d, li, n);

		if (r == TREE_E_GONE || r == TREE_E_DENIED) {
			/* It cannot be asked any more: what it has not told is the parent's to explain. */
			struct deltas untold = counts_minus(&n->account->reported, &n->total);

			deltas_subtract(li->rest, &untold);
			li->blind |= r == TREE_E_DENIED;
		} else if (r != 0) {
			r = descent_trouble(d, r);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/*
 * Whether what @a itself has counted by now, @own, belongs to what was told of it. Taken for the return
 * of a former one it may be none: then it has counted less, or more than there are news.
 */
static bool fits(const struct account *a, const struct counts *own, const struct counts *total)
{
	struct deltas news = counts_minus(total, &a->reported);

	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		if (own->n[k] < a->own.n[k] ||
		    (a->returned && (int64_t)(own->n[k] - a->own.n[k]) > news.n[k]))
			return false;
	return true;
}

/* Reads what @li->parent itself has counted, and finds out the parts of its account if need be. */
static int read_own(struct descent *d, struct listing *li, struct counts *ret)
{
	struct account *a = li->parent;
	int r = d->l->ops->read_local(d->l->ctx, li->dir, ret);

	if (r != 0)
		return r;
	a->lumped |= !fits(a, ret, li->total);
	a->returned = false;
	if (a->lumped) {
		a->rest_unplaced = true; /* what is new by now is among what is split */
		r = baseline_split(d, a, li->dir);
		*ret = a->own;
	}
	return r;
}

/* Looks at @li->dir and all in it, then reports what of it is new. */
static int settle_all(struct descent *d, struct listing *li)
{
	uint32_t serial;
	struct deltas own_news;
	struct counts own, after;
	int r;

	r = read_own(d, li, &own);
	serial = ++d->l->serial;
	if (r == 0)
		r = d->l->ops->list(d->l->ctx, li->dir, each_child, li);
	if (r == 0)
		r = confirm(d, li->parent, li->dir, &after);
	if (r != 0)
		return r;
	own_news = counts_minus(&own, &li->parent->own);
	r = hidden_settle(d, li, &own_news, &after, serial);
	if (r != 0)
		return r;
	if (!d->again)
		let_go_unseen(d, li, serial);
	r = settle_own(d, li->parent, &own, li->rest);
	return r == 0 ? settle_children(d, li) : r;
}

int descent_rest(struct descent *d, struct account *a, const struct deltas *rest,
		 const struct ledger_report *how)
{
	struct deltas *interim = &account_root(a)->top->interim;

	for (unsigned i = 0; i < COUNTED_KINDS; i++) {
		struct ledger_report what = *how;
		int r;

		what.kind = report_order[i];
		if (rest->n[what.kind] <= 0)
			continue;
		what.count_max = (uint64_t)rest->n[what.kind];
		what.unplaced |= interim->n[what.kind] > 0;
		what.removed = !what.unplaced;
		r = descent_report(d, a, &what);
		if (r < 0)
			return r;
		interim->n[what.kind] -= rest->n[what.kind] < interim->n[what.kind]
						 ? rest->n[what.kind]
						 : interim->n[what.kind];
	}
	return 0;
}

static void keep_rest(struct descent *d, struct account *a)
{
	if (a->rest_pending)
		return; /* the older look counts */
	account_rest_set(&d->l->accounts, a, true);
	a->rest_due_ns = d->now_ns + LEDGER_SLOT_NS;
}

/* Before 5.17 nothing counts group kills; then memory.oom.group tells that they are possible. */
static int look_at_group(struct descent *d, int dir)
{
	bool group = false;
	int r;

	if (!d->l->no_group_count || d->hints.group)
		return 0;
	r = d->l->ops->is_group(d->l->ctx, dir, &group);
	if (r == 0)
		d->hints.group = group;
	return r == TREE_E_DENIED ? 0 : r;
}

int descent_come_through(struct descent *d, const struct account *a, int dir)
{
	int r = add_untold_groups(d, a, dir, &d->untold_groups);

	d->hints.untold = d->untold_groups;
	return r == 0 ? look_at_group(d, dir) : r;
}

/* What nothing that was met explains: kept for a second look, then told. */
static int settle_rest(struct descent *d, struct listing *li)
{
	struct account *a = li->parent;
	int r;

	if (!deltas_any_positive(li->rest)) {
		a->rest_unplaced = false;
		return 0;
	}
	if (!li->final) {
		keep_rest(d, a);
		return 0;
	}
	r = descent_rest(d, a, li->rest, &(struct ledger_report){ .unplaced = a->rest_unplaced });
	if (r == 0)
		a->rest_unplaced = false;
	return r;
}

int descent_settle(struct descent *d, struct account *a, int dir, const struct counts *total,
		   bool final)
{
	struct deltas rest = counts_minus(total, &a->reported);
	struct listing li = {
		.d = d, .parent = a, .dir = dir, .total = total, .rest = &rest, .final = final
	};
	const struct level level = { .a = a, .dir = dir, .up = d->level };
	bool outer_again = d->again;
	int r = 0;

	if (!deltas_any_positive(&rest)) {
		a->looked_ns = d->now_ns;
		return 0;
	}
	d->level = &level;
	d->depth++;
	d->again = false;
	r = look_at_group(d, dir); /* kills may come while we look */
	if (r == 0)
		r = settle_all(d, &li);
	news_free(li.news);
	d->hints.untold = d->untold_groups;
	a->rest_unplaced |= li.blind || li.off;
	if (r == 0 && !d->again)
		r = settle_rest(d, &li);
	d->again |= outer_again;
	d->level = level.up;
	d->depth--;
	return r;
}
