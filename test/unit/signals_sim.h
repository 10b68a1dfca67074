/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A simulated kernel for signals
 *
 * The kernel here does what memcontrol does, one step at a time: an oom marks its subtree as under
 * oom, signals it cgroup by cgroup in pre-order (new children are met at the end of the list), then
 * takes the marks back; a removed cgroup stays signalled until its registration ends some time later,
 * with one signal more. Between any two looks of the code under test any of that may go on. Deliveries
 * are not even kept from overlapping, which the kernel mostly does.
 */
#include "cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/signals.h"

#define CGROUPS 24
#define DELIVERIES 6
#define NONE (-1)

/* One cgroup: the kernel's side first, then ours, then what is true. */
struct cg {
	struct signals sig;
	bool used, exists, listed, registered;
	int parent;    /* NONE: below the root, which has no limit */
	unsigned born; /* siblings are met in this order */
	unsigned under_oom;
	uint64_t eventfd;
	uint64_t offline_ns; /* when its registration ends */
	bool closed, released;
	bool complete;  /* nothing can come to light any more */
	bool disturbed; /* something was under way as it was registered or removed */
	uint64_t own;   /* ooms since it was registered */
	uint64_t told;
};

struct delivery {
	bool active, silent, paused;
	int from, at;
	unsigned marked;
};

struct sim {
	struct signals_set set;
	struct cg cg[CGROUPS];
	struct delivery d[DELIVERIES];
	unsigned born;
	uint64_t now_ns;
	uint64_t random;
	bool frozen;   /* no kernel steps while we look */
	int script_at; /* the look of ours at which `script` runs once instead; 0: at none */
	void (*script)(struct sim *sim);
	uint64_t steps, cgroups, ooms, looks, disturbed, doubts;
};

static inline uint64_t rnd(struct sim *sim, uint64_t below)
{
	sim->random ^= sim->random << 13;
	sim->random ^= sim->random >> 7;
	sim->random ^= sim->random << 17;
	return sim->random % below;
}

static inline bool at_or_above(const struct sim *sim, int top, int c)
{
	for (; c != NONE; c = sim->cg[c].parent)
		if (c == top)
			return true;
	return false;
}

/* The next child of @parent born after @after, dead ones included; NONE: there is none. */
static inline int next_child(const struct sim *sim, int parent, unsigned after)
{
	int best = NONE;

	for (int i = 0; i < CGROUPS; i++)
		if (sim->cg[i].used && sim->cg[i].parent == parent && sim->cg[i].born > after &&
		    (best == NONE || sim->cg[i].born < sim->cg[best].born))
			best = i;
	return best;
}

static inline int next_in_preorder(const struct sim *sim, int from, int at)
{
	int next = next_child(sim, at, 0);

	while (next == NONE && at != from) {
		next = next_child(sim, sim->cg[at].parent, sim->cg[at].born);
		at = sim->cg[at].parent;
	}
	return next;
}

/*
 * The kernel takes its mark back from all that are there by then, also from a cgroup made since: that
 * can hide a delivery which began in that new cgroup. Here only what was marked is unmarked.
 */
static inline void mark(struct sim *sim, struct delivery *d)
{
	for (int i = d->from; i != NONE; i = next_in_preorder(sim, d->from, i)) {
		sim->cg[i].under_oom++;
		d->marked |= 1U << i;
	}
}

static inline void unmark(struct sim *sim, struct delivery *d)
{
	for (int i = 0; i < CGROUPS; i++)
		if (d->marked & 1U << i)
			sim->cg[i].under_oom--;
}

/* Someone's account is in a state where what goes on at @at cannot be told apart. */
static inline void disturb(struct sim *sim, int at)
{
	for (int i = 0; i < CGROUPS; i++)
		if (sim->cg[i].used && (!sim->cg[i].exists || !sim->cg[i].registered ||
					sim->cg[i].sig.state == SIGNALS_UNSETTLED))
			if (at_or_above(sim, at, i))
				sim->cg[i].disturbed = true;
}

static inline void kernel_oom(struct sim *sim)
{
	int c = (int)rnd(sim, CGROUPS);
	struct delivery *d = &sim->d[rnd(sim, DELIVERIES)];

	if (d->active || !sim->cg[c].used || !sim->cg[c].exists)
		return;
	*d = (struct delivery){ .active = true, .silent = rnd(sim, 4) == 0, .from = c, .at = c };
	mark(sim, d);
	disturb(sim, c);
	if (d->silent)
		return;
	sim->cg[c].own += sim->cg[c].registered;
	sim->ooms++;
}

static inline void kernel_deliver(struct sim *sim)
{
	uint64_t start = rnd(sim, DELIVERIES);
	struct delivery *d = &sim->d[start];

	for (uint64_t i = 0; i < DELIVERIES && !d->active; i++)
		d = &sim->d[(start + i) % DELIVERIES];
	if (!d->active)
		return;
	disturb(sim, d->from);
	if (d->at != NONE && !d->silent) {
		sim->cg[d->at].eventfd += sim->cg[d->at].listed;
		d->at = next_in_preorder(sim, d->from, d->at);
		return;
	}
	if (!d->paused && rnd(sim, 8) == 0) {
		d->paused = true; /* oom_kill_disable: it stays marked until someone makes room */
		return;
	}
	if (d->paused && rnd(sim, 8) != 0)
		return;
	unmark(sim, d);
	d->active = false;
}

static inline void kernel_mkdir(struct sim *sim)
{
	int c = (int)rnd(sim, CGROUPS), parent = (int)rnd(sim, CGROUPS + 2);

	if (parent >= CGROUPS)
		parent = NONE;
	else if (!sim->cg[parent].used || !sim->cg[parent].exists)
		return;
	if (sim->cg[c].used)
		return;
	sim->cg[c] =
		(struct cg){ .used = true, .exists = true, .parent = parent, .born = ++sim->born };
	sim->cgroups++;
}

static inline void kernel_rmdir(struct sim *sim)
{
	struct cg *c = &sim->cg[rnd(sim, CGROUPS)];
	int id = (int)(c - sim->cg);

	if (!c->used || !c->exists)
		return;
	for (int i = 0; i < CGROUPS; i++)
		if (sim->cg[i].used && sim->cg[i].exists && sim->cg[i].parent == id)
			return;
	/* Whoever ran into this very limit is a task in here: it cannot be removed. */
	for (int i = 0; i < DELIVERIES; i++)
		if (sim->d[i].active && sim->d[i].from == id)
			return;
	/* A signal of the parent's that we have not yet followed to @c while it was alive. */
	if (c->parent != NONE && c->registered &&
	    sim->cg[c->parent].sig.sum + sim->cg[c->parent].eventfd != c->sig.parent_safe)
		c->disturbed = true;
	c->exists = false;
	/* half: we may be in the middle of a pass, which began earlier */
	c->offline_ns = sim->now_ns + rnd(sim, rnd(sim, 2) ? SIGNALS_REMOVAL_NS / 2 : 4000000);
	for (int i = 0; i < DELIVERIES; i++)
		if (sim->d[i].active && at_or_above(sim, sim->d[i].from, id))
			c->disturbed = true;
}

static inline bool has_online_child(const struct sim *sim, int parent)
{
	for (int i = 0; i < CGROUPS; i++)
		if (sim->cg[i].used && sim->cg[i].parent == parent &&
		    (sim->cg[i].exists || sim->cg[i].offline_ns != UINT64_MAX))
			return true;
	return false;
}

/* A cgroup goes offline some time after its removal, and never before those that were below it. */
static inline bool kernel_offline_one(struct sim *sim)
{
	for (int i = 0; i < CGROUPS; i++) {
		struct cg *c = &sim->cg[i];

		if (!c->used || c->exists || c->offline_ns > sim->now_ns ||
		    has_online_child(sim, i))
			continue;
		c->offline_ns = UINT64_MAX;
		c->eventfd += c->listed;
		c->listed = false;
		return true;
	}
	return false;
}

static inline void kernel_offline(struct sim *sim)
{
	while (kernel_offline_one(sim))
		;
}

/* The slot of a cgroup that nobody refers to any more. */
static inline void kernel_free(struct sim *sim)
{
	struct cg *c = &sim->cg[rnd(sim, CGROUPS)];
	int id = (int)(c - sim->cg);

	if (!c->used || c->exists || c->listed || c->offline_ns != UINT64_MAX ||
	    (c->registered && !c->released))
		return;
	for (int i = 0; i < CGROUPS; i++)
		if (sim->cg[i].used && sim->cg[i].parent == id)
			return;
	for (int i = 0; i < DELIVERIES; i++)
		if (sim->d[i].active && at_or_above(sim, sim->d[i].from, id))
			return;
	c->used = false;
}

static inline void kernel_step(struct sim *sim)
{
	sim->steps++;
	sim->now_ns += rnd(sim, 2000000);
	kernel_offline(sim);
	switch (rnd(sim, 32)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		kernel_oom(sim);
		break;
	case 5:
	case 6:
		kernel_mkdir(sim);
		break;
	case 7:
		kernel_rmdir(sim);
		break;
	case 8:
		kernel_free(sim);
		break;
	default:
		kernel_deliver(sim);
	}
}

/* What may go on between one look of ours and the next. */
static inline void kernel_runs(struct sim *sim)
{
	if (sim->script_at > 0 && --sim->script_at == 0)
		sim->script(sim);
	if (sim->frozen)
		return;
	for (uint64_t n = rnd(sim, 8) == 0 ? rnd(sim, 32) : rnd(sim, 4); n > 0; n--)
		kernel_step(sim);
}

static inline struct cg *cg_of(struct signals *s)
{
	return (struct cg *)s; /* its first member */
}

static inline uint64_t sim_read(struct signals *s, void *ctx)
{
	uint64_t n;

	kernel_runs(ctx);
	n = cg_of(s)->eventfd;
	cg_of(s)->eventfd = 0;
	return n;
}

static inline bool sim_under_oom(struct signals *s, void *ctx)
{
	kernel_runs(ctx);
	return cg_of(s)->exists && cg_of(s)->under_oom > 0;
}

static inline bool sim_alive(struct signals *s, void *ctx)
{
	kernel_runs(ctx);
	return cg_of(s)->exists;
}
