/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/vmpressure.h"

#include <stddef.h>

#include <utlist.h>

#define MEDIUM 60
#define CRITICAL 95

enum pressure_level vmpressure_level(uint64_t scanned, uint64_t reclaimed)
{
	uint64_t scale, pressure;

	/* More may be reclaimed than scanned: slab. */
	if (reclaimed >= scanned)
		return PRESSURE_LOW;
	for (; scanned > UINT32_MAX / 2; scanned >>= 1)
		reclaimed >>= 1; /* so that no product overflows */
	/* Rounded as in vmpressure_calc_level(). */
	scale = scanned + reclaimed;
	pressure = (scale - reclaimed * scale / scanned) * 100 / scale;
	if (pressure >= CRITICAL)
		return PRESSURE_CRITICAL;
	return pressure >= MEDIUM ? PRESSURE_MEDIUM : PRESSURE_LOW;
}

static void cut(struct vmpressure_node *node)
{
	if (node->parent)
		DL_DELETE(node->parent->children, node);
	node->parent = NULL;
}

void vmpressure_link(struct vmpressure_node *node, struct vmpressure_node *parent)
{
	cut(node);
	node->parent = parent;
	if (parent)
		DL_APPEND(parent->children, node);
}

void vmpressure_unlink(struct vmpressure_node *node)
{
	struct vmpressure_node *child, *tmp;

	DL_FOREACH_SAFE (node->children, child, tmp)
		vmpressure_link(child, node->parent);
	cut(node);
}

void vmpressure_watch_add(struct vmpressure_node *node, struct vmpressure_watch *w)
{
	DL_APPEND(node->watches, w);
}

void vmpressure_watch_remove(struct vmpressure_node *node, struct vmpressure_watch *w)
{
	DL_DELETE(node->watches, w);
}

/* Returns whether somebody was signalled. @from_below: the target is below @node. */
static bool tell_node(const struct vmpressure_node *node, enum pressure_level level,
		      bool from_below, bool signalled, const struct vmpressure_told *told)
{
	struct vmpressure_watch *w;
	bool any = false;

	DL_FOREACH (node->watches, w) {
		if (level < w->level || (from_below && w->mode == PRESSURE_LOCAL) ||
		    (signalled && w->mode == PRESSURE_DEFAULT))
			continue;
		told->signal(told->ctx, w);
		any = true;
	}
	return any;
}

/* vmpressure_work_fn(): the walk from a target up. */
static void tell(const struct vmpressure_node *node, enum pressure_level level, bool from_below,
		 const struct vmpressure_told *told)
{
	bool signalled = false;

	for (; node; node = node->parent, from_below = true)
		signalled |= tell_node(node, level, from_below, signalled, told);
}

static bool is_target(struct vmpressure_target *t, bool hit, uint64_t now_ns)
{
	if (hit)
		t->hit_ns = now_ns;
	return t->hit_ns != 0 && now_ns - t->hit_ns <= VMPRESSURE_HOLD_NS;
}

/* Returns the level of what was collected, or 0 while that is no window. @oom: whatever was. */
static unsigned judge(struct vmpressure_target *t, bool oom, bool rested)
{
	enum pressure_level level = PRESSURE_CRITICAL;

	if (!oom) {
		if (t->scanned < VMPRESSURE_WINDOW)
			return 0;
		level = rested ? PRESSURE_LOW : vmpressure_level(t->scanned, t->reclaimed);
	}
	t->scanned = t->reclaimed = 0;
	return level;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Adds to @balance what was counted below and takes off what was claimed there. Returns whether more
 * was counted: then it is even again.
 */
static bool unclaimed(int64_t *balance, int64_t below, uint64_t claimed)
{
	*balance += below - (int64_t)claimed;
	if (*balance <= 0)
		return false;
	*balance = 0;
	return true;
}

static bool went_back(const struct vmpressure_reading *now, const struct vmpressure_reading *seen)
{
	return now->scanned < seen->scanned || now->reclaimed < seen->reclaimed ||
	       now->limits < seen->limits || now->limits_local < seen->limits_local ||
	       now->ooms < seen->ooms || now->ooms_local < seen->ooms_local;
}

static struct vmpressure_reading added(const struct vmpressure_reading *now,
				       const struct vmpressure_reading *seen)
{
	return (struct vmpressure_reading){
		.scanned = now->scanned - seen->scanned,
		.reclaimed = now->reclaimed - seen->reclaimed,
		.limits = now->limits - seen->limits,
		.limits_local = now->limits_local - seen->limits_local,
		.ooms = now->ooms - seen->ooms,
		.ooms_local = now->ooms_local - seen->ooms_local,
	};
}

static void claim(struct vmpressure_node *parent, const struct vmpressure_reading *d, bool all,
		  const struct vmpressure_claim *below)
{
	if (!parent)
		return;
	parent->claimed.scanned += all ? d->scanned : least(below->scanned, d->scanned);
	parent->claimed.reclaimed += all ? d->reclaimed : least(below->reclaimed, d->reclaimed);
	parent->claimed.limits += d->limits;
	parent->claimed.ooms += d->ooms;
}

bool vmpressure_read(struct vmpressure_node *node, const struct vmpressure_reading *reading,
		     uint64_t now_ns, const struct vmpressure_told *told)
{
	struct vmpressure_claim claimed = node->claimed;
	bool own, below, hit_below, oom_below, rested = node->rested;
	struct vmpressure_reading d;
	unsigned level;

	if (went_back(reading, &node->seen)) {
		vmpressure_start(node, reading);
		return false;
	}
	d = added(reading, &node->seen);
	node->seen = *reading;
	node->rested = false;
	node->claimed = (struct vmpressure_claim){ 0 };

	hit_below = unclaimed(&node->limits_unclaimed, (int64_t)(d.limits - d.limits_local),
			      claimed.limits);
	oom_below =
		unclaimed(&node->ooms_unclaimed, (int64_t)(d.ooms - d.ooms_local), claimed.ooms);
	own = is_target(&node->own, d.limits_local > 0, now_ns);
	below = is_target(&node->below, hit_below, now_ns);
	if (own) {
		node->own.scanned += d.scanned;
		node->own.reclaimed += d.reclaimed;
	} else if (below) {
		node->below.scanned += less(d.scanned, claimed.scanned);
		node->below.reclaimed += less(d.reclaimed, claimed.reclaimed);
	}
	claim(node->parent, &d, own || below, &claimed);

	level = judge(&node->own, d.ooms_local > 0, rested);
	if (level != 0)
		tell(node, level, false, told);
	level = judge(&node->below, oom_below, rested);
	if (level != 0)
		tell(node, level, true, told);
	return d.limits > 0 || d.ooms > 0 || ((own || below) && d.scanned > 0);
}

void vmpressure_rest(struct vmpressure_node *node)
{
	node->rested = true;
	node->own.hit_ns = node->below.hit_ns = 0;
}

void vmpressure_start(struct vmpressure_node *node, const struct vmpressure_reading *reading)
{
	node->seen = *reading;
	node->rested = true;
	node->own = node->below = (struct vmpressure_target){ 0 };
	node->claimed = (struct vmpressure_claim){ 0 };
	node->limits_unclaimed = node->ooms_unclaimed = 0;
}
