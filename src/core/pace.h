/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Pacing: when to read again, and how often to walk
 *
 * Re-reads: the kernel notifies a memory.events file at most once per 10 ms, and the `max` events
 * that precede an oom use that slot up. So after a wakeup without news the counter is read up to 5
 * times more until the slot is over. A workload that hits `max` all day must not pay for that: after
 * three such slots in a row without news there are no re-reads until 100 ms were quiet.
 *
 * Walks: a walk may take long in a large tree. Walks get at most a tenth of a CPU; what comes
 * sooner waits, and is told late rather than lost.
 */
#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint64_t woken_ns;  /* the last wakeup */
	uint64_t reread_ns; /* when to read again; 0: not */
	unsigned rereads;   /* left in this slot */
	unsigned fruitless; /* slots in a row without news */
	uint64_t walk_ns;   /* not to be walked before */
	bool wanted;        /* a walk is waiting for its time */
};

/* A notification came at @now_ns and the counter showed news, or not. */
void pace_woken(struct pace *p, uint64_t now_ns, bool news);
/* The counter was read again at reread_ns. */
void pace_reread(struct pace *p, uint64_t now_ns, bool news);
/* Whether a walk may start now; if not, it is remembered, and pace_due() tells when. */
bool pace_may_walk(struct pace *p, uint64_t now_ns);
/* A walk that used @cost_ns of CPU time ended at @now_ns. */
void pace_walked(struct pace *p, uint64_t now_ns, uint64_t cost_ns);
/* The next time at which something is to be done; UINT64_MAX: nothing. */
uint64_t pace_due(const struct pace *p);
