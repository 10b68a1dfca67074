/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard: what a top counted in its last moment
 *
 * A cgroup that is removed takes its counters along, its last kill included. Its parent's counter
 * has them: parent less own less living children is what all dead children ever counted. The
 * difference of that sum, before and after the removal, is the top's last counter, provided that no
 * other child died in between. inotify on the parent tells if one did; the sum is then taken anew
 * while the top still lives.
 *
 * The root keeps no counters. For a child of the root, /proc/vmstat stands in for the kills, where
 * it speaks of just this host; ooms remain unproven.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/fd.h"
#include "source/v2_source.h"
#include "source/vmstat.h"

/* inotify reports a removal a moment after the counters went: a neighbour's may be on its way. */
#define GUARD_TRIES 100

static int read_vmstat(void *ctx, struct counts *ret)
{
	struct v2_source *v2 = ctx;
	struct counts c = { 0 };
	int r = vmstat_kills(v2->s.host->proc, &c.n[EVENT_KILL]);

	if (r == 0)
		*ret = c;
	return r;
}

static int root_children(void *ctx, int dir, const char *name, struct reading *ret)
{
	struct v2_source *v2 = ctx;

	return v2_tree_ops.read(&v2->whole, dir, name, ret);
}

static int root_list(void *ctx, int dir, tree_each_fn each, void *arg)
{
	struct v2_source *v2 = ctx;

	return v2_tree_ops.list(&v2->whole, dir, each, arg);
}

static int root_gives_memory(void *ctx, int dir, bool *ret)
{
	struct v2_source *v2 = ctx;

	return v2_tree_ops.gives_memory(&v2->whole, dir, ret);
}

/* The tree below the root, whose own counter is vmstat's. */
static const struct tree_ops root_ops = {
	.read = root_children,
	.gives_memory = root_gives_memory,
	.list = root_list,
};

static int dead_sum(struct top *t, struct deltas *ret)
{
	struct v2_source *v2 = v2_of_top(t);
	struct ledger_dead of = { .except_id = t->id };
	_cleanup_close_ int dir = -1;
	int r;

	r = v2_tree_open(v2->s.host->v2.root_fd, t->parent, 0, &dir);
	if (r != 0)
		return r;
	of.dir = dir;
	if (!t->guard.root)
		return ledger_dead_sum(&v2_tree_ops, &v2->whole, &of, ret);
	of.parent = read_vmstat;
	return ledger_dead_sum(&root_ops, v2, &of, ret);
}

/* What the removed children of a flat top had counted before the watch. */
static int dead_below(struct top *t, struct deltas *ret)
{
	struct v2_source *v2 = v2_of_top(t);
	struct ledger_dead of = { 0 };
	_cleanup_close_ int dir = -1;
	int r;

	r = v2_tree_open(v2->s.host->v2.root_fd, t->path, t->id, &dir);
	if (r != 0)
		return r;
	of.dir = dir;
	return ledger_dead_sum(&v2_tree_ops, &v2->whole, &of, ret);
}

static bool still_alive(const struct top *t)
{
	struct reading rd;

	return v2_tree_ops.read(&v2_of_top(t)->tree, v2_tree_top(t->number), NULL, &rd) == 0;
}

void v2_guard_soil(struct top *t)
{
	if (!t->named || !t->guard.known)
		return;
	t->guard.dirty = true;
	t->guard.refresh_ns = v2_of_top(t)->now_ns;
}

bool v2_parent_gives(const struct top *t, const char *name, bool otherwise)
{
	_cleanup_close_ int dir = -1;
	bool gives = otherwise;

	if (v2_tree_open(v2_of_top(t)->s.host->v2.root_fd, t->parent, 0, &dir) == 0)
		(void)v2_tree_gives(dir, name, &gives);
	return gives;
}

/*
 * What happens to processes whose cgroup has no memory controller is counted by the nearest one above
 * that has, as its own.
 */
static int read_around(const struct top *t, struct counts *ret)
{
	struct v2_source *v2 = v2_of_top(t);
	_cleanup_close_ int dir = -1;
	int r;

	if (t->guard.root)
		return read_vmstat(v2, ret);
	r = v2_tree_open(v2->s.host->v2.root_fd, t->parent, 0, &dir);
	return r == 0 ? v2_tree_ops.read_local(&v2->whole, dir, ret) : r;
}

static void take_around(struct top *t)
{
	struct counts around;

	if (read_around(t, &around) != 0 || !still_alive(t))
		return;
	t->guard.around_known = true;
	t->guard.around = around;
}

void v2_guard_span(const struct top *t, bool hidden, struct balance *ret)
{
	const struct guard *g = &t->guard;
	struct balance b = { 0 };
	struct counts now;
	bool known = !hidden && g->around_known && read_around(t, &now) == 0;

	for (unsigned k = 0; k < COUNTED_KINDS; k++) {
		uint64_t count = known ? now.n[k] - g->around.n[k] : UINT64_MAX;

		if (count == 0 || (k == EVENT_KILL && g->root && v2_of_top(t)->host.on))
			continue;
		if (!hidden && !t->named)
			continue; /* no limit of its own, and those above are watched */
		b.kind[k].unproven = count;
		b.reasons |= UNPROVEN_SWITCHED;
	}
	*ret = b;
}

void v2_guard_take(struct top *t)
{
	struct guard *g = &t->guard;
	struct deltas dead;
	int r;

	g->refresh_ns = 0;
	take_around(t);
	if (v2_of_top(t)->local_events)
		return; /* the parent's counter has nothing of its children's */
	r = dead_sum(t, &dead);
	if (r == 0 && v2_of_top(t)->tree.flat && !g->known && !g->children)
		r = dead_below(t, &g->below);
	/* Alive after the sum was taken: it is not in it. */
	if (r == 0 && still_alive(t)) {
		g->known = true;
		g->dirty = false;
		g->dead = dead;
	} else if (r == LEDGER_E_AGAIN) {
		g->refresh_ns = clock_boottime_ns() + LEDGER_SLOT_NS; /* it would not stand still */
	}
}

int v2_guard_measure(struct top *t)
{
	int r;

	if (!t->guard.known)
		return TREE_E_DENIED;
	r = dead_sum(t, &t->dead);
	if (r == LEDGER_E_AGAIN && ++t->tries < GUARD_TRIES)
		return SOURCE_E_AGAIN;
	return r == 0 ? 0 : TREE_E_DENIED;
}

static void unproven(struct top *t, unsigned kind, uint64_t count, enum unproven_reason reason)
{
	struct v2_source *v2 = v2_of_top(t);
	struct balance b = { .reasons = reason };

	b.kind[kind].unproven = count;
	balance_add(&v2->unproven, &b);
}

/* Without a guard nothing is known of the last moment, but for kills that the host's account has. */
static void judge_unknown(struct top *t)
{
	const struct v2_source *v2 = v2_of_top(t);
	enum unproven_reason reason = v2->local_events ? UNPROVEN_LOCALEVENTS
				      : t->guard.root  ? UNPROVEN_TOP_UNDER_ROOT
				      : !v2_parent_gives(t, "memory", true) ? UNPROVEN_SWITCHED
									    : UNPROVEN_UNREADABLE;

	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		if (k != EVENT_KILL || !v2->host.on)
			unproven(t, k, UINT64_MAX, reason);
}

/* One kind: stores the last counter in @last if it is proven. */
static void judge_kind(struct top *t, unsigned k, struct counts *last)
{
	const struct guard *g = &t->guard;
	uint64_t told = account_reported(t->account)->n[k];
	int64_t rest = t->dead.n[k] - g->dead.n[k] - g->below.n[k] - (int64_t)told;

	if (g->root && k != EVENT_KILL)
		unproven(t, k, UINT64_MAX, UNPROVEN_TOP_UNDER_ROOT);
	else if (rest > 0 && (g->dirty || !t->neighbours))
		unproven(t, k, (uint64_t)rest, UNPROVEN_SIBLINGS_GONE);
	else if (rest > 0 && g->children)
		unproven(t, k, (uint64_t)rest, UNPROVEN_CHILDREN_GONE);
	else if (rest > 0)
		last->n[k] = told + (uint64_t)rest;
}

int v2_guard_judge(struct top *t, uint64_t now_ns)
{
	struct v2_source *v2 = v2_of_top(t);
	struct counts last = *account_reported(t->account);
	int r;

	if (t->measured)
		for (unsigned k = 0; k < COUNTED_KINDS; k++)
			judge_kind(t, k, &last);
	else
		judge_unknown(t);
	r = ledger_top_close(v2->ledger, t->account, t->measured ? &last : NULL, now_ns);
	if (r < 0)
		return r;
	t->account = NULL;
	t->told = last;
	t->closed = true;
	return 0;
}
