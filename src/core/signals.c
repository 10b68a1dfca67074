/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/signals.h"

#include <utlist.h>

#define BASELINE_TRIES 5
#define DEAD_SUM_UNKNOWN INT64_MAX
#define UNSETTLED_GAP_MIN_NS UINT64_C(1000000)
#define UNSETTLED_GAP_MAX_NS UINT64_C(1000000000)
/* Between two looks at all that are closed: in a storm of removals each has a time of its own. */
#define FINISH_GAP_NS UINT64_C(5000000)

void signals_init(struct signals_set *set, const struct signals_ops *ops, void *ctx)
{
	*set = (struct signals_set){
		.ops = ops,
		.ctx = ctx,
		.unsettled_ns = UINT64_MAX,
		.unsettled_gap = UNSETTLED_GAP_MIN_NS,
	};
}

static bool is_gone(const struct signals *s)
{
	return s->state >= SIGNALS_DYING;
}

static uint64_t take(struct signals_set *set, struct signals *s)
{
	uint64_t n = set->ops->read(s, set->ctx);

	s->sum += n;
	s->fresh |= n > 0;
	return n;
}

/*
 * S(parent): its own and all higher ooms. Too large by one, never too small, from the removal of the
 * parent until the signal of that is certain.
 */
static uint64_t parent_sum(const struct signals *s)
{
	const struct signals *p = s->parent;

	return p ? p->sum - (p->removal_out ? 1U : 0U) : 0;
}

/* Received since the baseline and neither told nor accounted for by the parent's @seen signals. */
static int64_t unexplained(const struct signals *s, uint64_t seen)
{
	return (int64_t)(s->sum - s->base - (seen - s->parent_base) - s->told);
}

/*
 * Whatever @s's account has counted so far has reached all below: no cgroup at or above is under oom.
 * A delivery that began before is then over, as the cgroup it starts from is marked until its end.
 */
static bool is_quiet(struct signals_set *set, struct signals *s)
{
	for (; s; s = s->parent)
		if (set->ops->under_oom(s, set->ctx))
			return false;
	return true;
}

/* The same for children that were read in one pass, then their parent: it is looked at once. */
static bool is_quiet_cached(struct signals_set *set, struct signals *s)
{
	if (!s)
		return true;
	if (s->quiet_pass != set->pass) {
		s->quiet_pass = set->pass;
		s->quiet = is_quiet(set, s);
	}
	return s->quiet;
}

static void unsettled_add(struct signals_set *set, struct signals *s, uint64_t now_ns)
{
	if (s->queue_prev)
		return;
	if (!set->unsettled) {
		set->unsettled_gap = UNSETTLED_GAP_MIN_NS;
		set->unsettled_ns = now_ns + set->unsettled_gap;
	}
	DL_APPEND2(set->unsettled, s, queue_prev, queue_next);
}

static void unsettled_remove(struct signals_set *set, struct signals *s)
{
	if (!s->queue_prev)
		return;
	DL_DELETE2(set->unsettled, s, queue_prev, queue_next);
	s->queue_prev = s->queue_next = NULL;
	if (!set->unsettled)
		set->unsettled_ns = UINT64_MAX;
}

static void die(struct signals_set *set, struct signals *s, uint64_t now_ns)
{
	unsettled_remove(set, s);
	s->blind = s->state == SIGNALS_UNSETTLED;
	s->state = SIGNALS_DYING;
	s->dead_ns = now_ns;
	s->dead_sum = DEAD_SUM_UNKNOWN;
	s->newly_dead = true;
	DL_APPEND2(set->dying, s, queue_prev, queue_next);
	set->ops->dead(s, set->ctx);
}

/*
 * What may have been @s's own besides what was told: all that its parent did not surely account for,
 * without the one signal of its removal.
 */
static uint64_t doubt_left(const struct signals *s)
{
	int64_t left;

	if (s->state == SIGNALS_UNSETTLED) {
		left = unexplained(s, parent_sum(s));
		return left > 0 ? (uint64_t)left : 0;
	}
	if (!is_gone(s))
		return 0;
	left = s->blind ? (int64_t)(s->sum - s->base) : unexplained(s, s->parent_safe);
	return left > 1 ? (uint64_t)left - 1 : 0;
}

/*
 * One attempt at a baseline: nothing may be under way to @s, and the parent's sum must stand still
 * around the reading of @s. What @s received until then and its parent did not may have been its own.
 */
static bool baseline_try(struct signals_set *set, struct signals *s, uint64_t now_ns)
{
	struct signals *p = s->parent;
	bool quiet;

	if (p && take(set, p) > 0)
		signals_wake(set, p);
	quiet = is_quiet(set, s);
	(void)take(set, s);
	if (!quiet)
		return false;
	if (p && take(set, p) > 0) {
		signals_wake(set, p);
		return false;
	}
	if (!set->ops->alive(s, set->ctx)) {
		die(set, s, now_ns);
		return true;
	}
	s->doubt += doubt_left(s);
	s->base = s->sum;
	s->parent_base = s->parent_safe = parent_sum(s);
	s->state = SIGNALS_LIVE;
	return true;
}

void signals_add(struct signals_set *set, struct signals *s, struct signals *parent,
		 uint64_t now_ns)
{
	*s = (struct signals){
		.parent = parent,
		.depth = parent ? parent->depth + 1 : 0,
		.state = SIGNALS_UNSETTLED,
	};
	if (parent && take(set, parent) > 0)
		signals_wake(set, parent);
	s->parent_base = s->parent_safe = parent_sum(s);
	for (unsigned i = 0; i < BASELINE_TRIES; i++)
		if (baseline_try(set, s, now_ns))
			return;
	unsettled_add(set, s, now_ns);
}

void signals_drop(struct signals_set *set, struct signals *s)
{
	if (s->woken)
		DL_DELETE(set->woken, s);
	s->woken = false;
	if (s->state == SIGNALS_DYING)
		DL_DELETE2(set->dying, s, queue_prev, queue_next);
	else if (s->state == SIGNALS_CLOSED && !s->final)
		DL_DELETE2(set->closed, s, queue_prev, queue_next);
	else if (s->state == SIGNALS_CLOSED)
		DL_DELETE2(set->lingering, s, queue_prev, queue_next);
	else
		unsettled_remove(set, s);
	s->queue_prev = s->queue_next = NULL;
	s->state = SIGNALS_OFF;
}

void signals_wake(struct signals_set *set, struct signals *s)
{
	if (s->woken || s->state == SIGNALS_OFF)
		return;
	s->woken = true;
	DL_APPEND(set->woken, s);
}

void signals_suspect(struct signals_set *set, struct signals *s)
{
	s->fresh = true;
	signals_wake(set, s);
}

static int deeper_first(const struct signals *a, const struct signals *b)
{
	return a->depth < b->depth ? 1 : a->depth > b->depth ? -1 : 0;
}

/* What was read in this pass came from a cgroup that is alive, or from one that is not. */
static void confirm(struct signals_set *set, struct signals *s, uint64_t now_ns)
{
	bool quiet;

	quiet = is_quiet_cached(set, s->parent);
	if (!set->ops->alive(s, set->ctx))
		die(set, s, now_ns);
	else if (quiet)
		s->parent_safe = parent_sum(s);
	else
		unsettled_add(set, s, now_ns);
}

static void close_account(struct signals_set *set, struct signals *s)
{
	DL_DELETE2(set->dying, s, queue_prev, queue_next);
	s->state = SIGNALS_CLOSED;
	DL_APPEND2(set->closed, s, queue_prev, queue_next);
	set->finish_ns = 0;
	set->ops->closed(s, set->ctx);
}

/*
 * When the removal's signal of @s, which is gone, is taken to be among those read. If one of them may
 * be it, the true one would have come by then; if none may be it, it is still to come.
 */
static uint64_t removal_due_ns(const struct signals *s)
{
	return s->dead_ns +
	       (unexplained(s, parent_sum(s)) > 0 ? SIGNALS_REMOVAL_NS : SIGNALS_SILENT_NS);
}

/*
 * A removal's own signal looks like an oom to those below: once it is old, know it for what it is. What
 * is known of one cgroup can make it certain for the next one down.
 */
static void know_removals(struct signals *s, uint64_t now_ns)
{
	bool more = true;

	while (more) {
		more = false;
		for (struct signals *a = s; a; a = a->parent) {
			if (!is_gone(a) || a->removal_out || now_ns < removal_due_ns(a) ||
			    unexplained(a, parent_sum(a)) <= 0)
				continue;
			a->removal_out = more = true;
		}
	}
}

/* One more than at its death, which no cgroup above accounts for: it cannot run out of memory any more. */
static void see_removal(struct signals_set *set, struct signals *s)
{
	if (s->removal_out || unexplained(s, parent_sum(s)) + (int64_t)s->told <= s->dead_sum)
		return;
	s->removal_out = true;
	s->dead_ns = 0; /* nothing comes after that signal: it can go at once */
	if (s->state == SIGNALS_DYING)
		close_account(set, s);
	else
		set->finish_ns = 0;
}

/* Tells what is certain. @s was read before its parent, in this pass. */
static void evaluate(struct signals_set *set, struct signals *s, uint64_t now_ns)
{
	int64_t n;

	if (s->state < SIGNALS_LIVE)
		return;
	if (is_gone(s)) {
		know_removals(s->parent, now_ns);
		see_removal(set, s);
	}
	if (s->blind)
		return;
	n = unexplained(s, parent_sum(s));
	if (is_gone(s))
		n--;
	if (n <= 0)
		return;
	s->told += (uint64_t)n;
	set->ops->own(s, (uint64_t)n, set->ctx);
}

/* Those below may be told only by what their parents received later: all above belongs to it. */
static void wake_upward(struct signals_set *set)
{
	struct signals *s;

	for (s = set->woken; s; s = s->next)
		if (s->parent)
			signals_wake(set, s->parent);
	DL_SORT(set->woken, deeper_first);
}

/*
 * How much @s has received that its parent does not explain, once nothing is under way to it: all of
 * its own ooms are in that, so one signal more is that of its removal. Too much is no harm here.
 */
static void take_dead_sum(struct signals_set *set, struct signals *s)
{
	int64_t left;

	if (!is_quiet(set, s->parent))
		return;
	if (take(set, s) > 0)
		signals_wake(set, s);
	left = unexplained(s, parent_sum(s));
	s->dead_sum = (left > 0 ? left : 0) + (int64_t)s->told;
}

/* Those that died last are at the end. */
static void look_at_newly_dead(struct signals_set *set)
{
	struct signals *s = set->dying ? set->dying->queue_prev : NULL;

	for (; s && s->newly_dead; s = s->queue_prev) {
		s->newly_dead = false;
		take_dead_sum(set, s);
	}
}

static void read_woken(struct signals_set *set, uint64_t now_ns)
{
	struct signals *s, *tmp;
	bool unsettled = false;

	wake_upward(set);
	DL_FOREACH (set->woken, s)
		(void)take(set, s);
	DL_FOREACH (set->woken, s) {
		if (s->state == SIGNALS_LIVE && s->fresh)
			confirm(set, s, now_ns);
		s->fresh = false;
		unsettled |= s->state == SIGNALS_UNSETTLED;
	}
	DL_FOREACH_SAFE (set->woken, s, tmp) {
		DL_DELETE(set->woken, s);
		s->woken = false;
		evaluate(set, s, now_ns);
	}
	if (unsettled)
		set->unsettled_ns = now_ns;
}

static bool settle_try(struct signals_set *set, struct signals *s, uint64_t now_ns)
{
	if (s->state == SIGNALS_UNSETTLED)
		return baseline_try(set, s, now_ns);
	if (!is_quiet(set, s->parent))
		return false;
	if (set->ops->alive(s, set->ctx))
		s->parent_safe = parent_sum(s);
	else
		die(set, s, now_ns);
	return true;
}

static void settle_due(struct signals_set *set, uint64_t now_ns)
{
	struct signals *s, *tmp;

	if (now_ns < set->unsettled_ns)
		return;
	DL_FOREACH_SAFE2 (set->unsettled, s, tmp, queue_next)
		if (settle_try(set, s, now_ns) && !is_gone(s))
			unsettled_remove(set, s);
	if (!set->unsettled)
		return;
	set->unsettled_ns = now_ns + set->unsettled_gap;
	if (set->unsettled_gap < UNSETTLED_GAP_MAX_NS)
		set->unsettled_gap *= 2;
}

uint64_t signals_doubt(const struct signals *s)
{
	return s->doubt + doubt_left(s);
}

void signals_clear_doubt(struct signals *s)
{
	s->doubt = 0;
	if (s->state != SIGNALS_UNSETTLED)
		return;
	s->base = s->sum;
	s->parent_base = parent_sum(s);
}

/* When all that @s and those above it that are gone have received is known for what it is. */
static uint64_t known_ns(struct signals *s, uint64_t now_ns)
{
	uint64_t at = 0;

	know_removals(s, now_ns);
	for (const struct signals *a = s; a && is_gone(a); a = a->parent)
		if (!a->removal_out && removal_due_ns(a) > at)
			at = removal_due_ns(a);
	return at;
}

static void release(struct signals_set *set, struct signals *s)
{
	s->doubt = signals_doubt(s);
	s->queue_prev = s->queue_next = NULL;
	if (s->woken)
		DL_DELETE(set->woken, s);
	s->woken = false;
	s->state = SIGNALS_OFF;
	set->ops->released(s, set->ctx);
}

/* Tells what has become certain of those that are closed. */
static void finish_due(struct signals_set *set, uint64_t now_ns)
{
	struct signals *s, *tmp;
	uint64_t next = UINT64_MAX;

	if (now_ns < set->finish_ns)
		return;
	DL_FOREACH_SAFE2 (set->closed, s, tmp, queue_next) {
		uint64_t at = known_ns(s, now_ns);

		if (at > now_ns) {
			next = at < next ? at : next;
			continue;
		}
		evaluate(set, s, now_ns);
		s->final = true;
		DL_DELETE2(set->closed, s, queue_prev, queue_next);
		if (s->dead_ns == 0)
			release(set, s);
		else
			DL_APPEND2(set->lingering, s, queue_prev, queue_next);
	}
	set->finish_ns = next > now_ns + FINISH_GAP_NS ? next : now_ns + FINISH_GAP_NS;
}

static void bury_due(struct signals_set *set, uint64_t now_ns)
{
	while (set->dying && now_ns >= set->dying->dead_ns + SIGNALS_CLOSE_NS)
		close_account(set, set->dying);
	finish_due(set, now_ns);
	while (set->lingering && now_ns >= set->lingering->dead_ns + SIGNALS_LINGER_NS) {
		struct signals *s = set->lingering;

		evaluate(set, s, now_ns);
		DL_DELETE2(set->lingering, s, queue_prev, queue_next);
		release(set, s);
	}
}

void signals_pass(struct signals_set *set, uint64_t now_ns)
{
	set->pass++;
	read_woken(set, now_ns);
	settle_due(set, now_ns);
	look_at_newly_dead(set);
	bury_due(set, now_ns);
}

uint64_t signals_deadline(const struct signals_set *set)
{
	uint64_t at = set->unsettled_ns;

	if (set->woken)
		return 0;
	if (set->dying && set->dying->dead_ns + SIGNALS_CLOSE_NS < at)
		at = set->dying->dead_ns + SIGNALS_CLOSE_NS;
	if (set->closed && set->finish_ns < at)
		at = set->finish_ns;
	if (set->lingering && set->lingering->dead_ns + SIGNALS_LINGER_NS < at)
		at = set->lingering->dead_ns + SIGNALS_LINGER_NS;
	return at;
}

bool signals_complete(const struct signals *s)
{
	return s->state == SIGNALS_OFF || (s->final && !s->woken);
}

bool signals_open(const struct signals_set *set)
{
	const struct signals *s;

	if (set->woken || set->dying)
		return true;
	DL_FOREACH2 (set->closed, s, queue_next)
		if (!s->blind)
			return true;
	return false;
}
