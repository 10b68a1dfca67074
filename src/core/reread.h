/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * When to read a counter again although nobody said so
 *
 * The kernel notifies each cgroup file at most once per 10 ms. An oom is preceded by `max` events,
 * which use that slot up: the wakeup for `max` comes at once, the one for the oom only when the slot
 * is over. So after a wakeup that brought no oom the file is read a few times more until then.
 *
 *   quiet ──woken, no news──> looking ──5 reads or the slot is over──> quiet
 *                                └────── news ─────────────────────────┘
 *
 * A workload that only hits `max` wakes its reader a hundred times a second and never brings news:
 * after 3 fruitless wakeups in a row there are no further reads until 100 ms went by without one.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define REREAD_SLOT_NS (10 * NSEC_PER_MSEC) /* CGROUP_FILE_NOTIFY_MIN_INTV */
#define REREAD_TIMES 5
#define REREAD_FRUITLESS_MAX 3
#define REREAD_QUIET_NS (100 * NSEC_PER_MSEC)

struct reread {
	uint64_t due_ns; /* UINT64_MAX: not until woken */
	uint64_t woken_ns;
	unsigned left;      /* reads in this slot */
	unsigned fruitless; /* wakeups in a row */
};

#define REREAD_INIT ((struct reread){ .due_ns = UINT64_MAX })

/* The file said that it changed, and was read: was there what we look for? */
void reread_woken(struct reread *r, uint64_t now_ns, bool news);
/* It was read again since due_ns had come. */
void reread_done(struct reread *r, uint64_t now_ns, bool news);
