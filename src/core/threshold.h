/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Usage thresholds of one cgroup: who is signalled by what was read, and when to read again
 *
 * cgroup v1 compares usage with the thresholds while it charges; v2 has nothing of that kind, so usage
 * is sampled. A threshold is passed when it is <= usage; its listener gets one signal for each time that
 * this changes, up or down, between two samples:
 *
 *   before   after   peak in between    signals
 *   below    passed  -                  1
 *   passed   below   -                  1
 *   below    below   passed             2
 *   passed   passed  -                  0: a dip within one step is not seen, the kernel keeps no lowest
 *                                          usage
 *
 * Pace. The next sample comes when the nearest threshold can be reached, but not before 5 ms and not
 * after 100 ms. What can be reached: usage is taken to move at 1 GiB/s or at twice the speed it was
 * just seen at, whichever is more. A usage that moves no faster than that is *near* where it matters:
 * it is never past a threshold for longer than 5 ms before it is read, which leaves as much for the
 * way to the listener within 10 ms. One that starts faster (a large process exits, huge pages are filled)
 * is read 100 ms after the last sample at the latest. 5 ms cost 200 reads a second for as long as usage is
 * within 5 MiB of a threshold; 100 ms cost ten, which is what nobody notices, and the longest that a
 * shrinking cache can be late without having grown by more than some hundred MiB.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/listener.h"

#define THRESHOLD_STEP_MIN_NS (5 * NSEC_PER_MSEC)
#define THRESHOLD_STEP_MAX_NS (100 * NSEC_PER_MSEC)
#define THRESHOLD_SPEED_MIN (UINT64_C(1) << 30) /* bytes in a second */

struct threshold {
	uint64_t bytes;
	struct listener *listener; /* borrowed */
};

/* To begin with all zero. */
struct thresholds {
	struct threshold *sorted;
	size_t n;
	size_t room;
	uint64_t usage; /* at the last sample */
	uint64_t at_ns; /* when that was */
	uint64_t speed; /* seen of late, bytes in a second */
};

/*
 * What @bytes stand for with pages of @page bytes, a power of two: rounded down to a page. 0 if that is
 * one that never is passed, or always.
 */
uint64_t threshold_round(uint64_t bytes, uint64_t page);

void thresholds_deinit(struct thresholds *t);
/*
 * Adds one of @bytes, 1 or more, for @l: what was fed last counts as its first sample, so that adding
 * signals nothing. The same may be added often. Returns 0 or -ENOMEM.
 */
int thresholds_add(struct thresholds *t, uint64_t bytes, struct listener *l);
/* Takes out one that was added so; does nothing if there is none. */
void thresholds_remove(struct thresholds *t, uint64_t bytes, const struct listener *l);
/*
 * Usage was read as @usage at @now_ns, and had been at least @peak for a moment since the last time (0: not
 * known). Signals what was crossed. Returns whether @peak passed a threshold that @usage does not: then
 * it is used up, and must not be told again.
 */
bool thresholds_feed(struct thresholds *t, uint64_t usage, uint64_t peak, uint64_t now_ns);
/* How long after the last sample the next one is to be; UINT64_MAX: there is nothing to look for. */
uint64_t thresholds_step(const struct thresholds *t);
