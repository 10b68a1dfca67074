/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The three counters of a cgroup that matter here, and signed differences between them
 *
 * The kernel only ever adds to a counter. Differences are signed all the same: an account may run
 * ahead of a counter that was read a moment too early, and must then go below zero, not wrap.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"

struct counts {
	uint64_t n[COUNTED_KINDS]; /* by EVENT_OOM, EVENT_KILL, EVENT_GROUP_KILL */
};

struct deltas {
	int64_t n[COUNTED_KINDS];
};

static inline bool counts_zero(const struct counts *c)
{
	return c->n[EVENT_OOM] == 0 && c->n[EVENT_KILL] == 0 && c->n[EVENT_GROUP_KILL] == 0;
}

static inline bool counts_equal(const struct counts *a, const struct counts *b)
{
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		if (a->n[k] != b->n[k])
			return false;
	return true;
}

static inline struct deltas counts_minus(const struct counts *a, const struct counts *b)
{
	struct deltas d;

	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		d.n[k] = (int64_t)(a->n[k] - b->n[k]);
	return d;
}

static inline void deltas_subtract(struct deltas *from, const struct deltas *d)
{
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		from->n[k] -= d->n[k];
}

static inline bool deltas_any_positive(const struct deltas *d)
{
	return d->n[EVENT_OOM] > 0 || d->n[EVENT_KILL] > 0 || d->n[EVENT_GROUP_KILL] > 0;
}
