/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thresholds are an array sorted by size, so a sample costs a search and those that it crossed,
 * however many there are.
 */
#include "core/threshold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Charges come in batches of 64 pages: two samples that are closer would make a speed out of one. */
#define SPAN_MIN_NS NSEC_PER_MSEC

uint64_t threshold_round(uint64_t bytes, uint64_t page)
{
	bytes &= ~(page - 1);
	/* No usage comes so far; a sum that was saturated must not, either. */
	return bytes == (UINT64_MAX & ~(page - 1)) ? 0 : bytes;
}

void thresholds_deinit(struct thresholds *t)
{
	free(t->sorted);
	*t = (struct thresholds){ 0 };
}

/* How many of them are <= @usage: the index of the first that is not. */
static size_t passed(const struct thresholds *t, uint64_t usage)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->sorted[mid].bytes <= usage)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int thresholds_add(struct thresholds *t, uint64_t bytes, struct listener *l)
{
	size_t i;

	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 4;
		struct threshold *more = reallocarray(t->sorted, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->sorted = more;
		t->room = room;
	}
	i = passed(t, bytes);
	memmove(t->sorted + i + 1, t->sorted + i, (t->n - i) * sizeof(*t->sorted));
	t->sorted[i] = (struct threshold){ .bytes = bytes, .listener = l };
	t->n++;
	return 0;
}

void thresholds_remove(struct thresholds *t, uint64_t bytes, const struct listener *l)
{
	size_t i = passed(t, bytes);

	while (i > 0 && t->sorted[i - 1].bytes == bytes) {
		if (t->sorted[--i].listener != l)
			continue;
		t->n--;
		memmove(t->sorted + i, t->sorted + i + 1, (t->n - i) * sizeof(*t->sorted));
		return;
	}
}

static uint64_t saturated(unsigned __int128 n)
{
	return n > UINT64_MAX ? UINT64_MAX : (uint64_t)n;
}

static uint64_t between(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Half of an old speed is forgotten within the longest step. */
static void see_speed(struct thresholds *t, uint64_t usage, uint64_t peak, uint64_t now_ns)
{
	uint64_t span = now_ns > t->at_ns ? now_ns - t->at_ns : 0;
	uint64_t moved = between(usage, t->usage);
	uint64_t old = t->speed;

	if (peak > usage && peak > t->usage && peak - t->usage > moved)
		moved = peak - t->usage;
	if (peak > usage && peak > t->usage && peak - usage > moved)
		moved = peak - usage;
	if (span < THRESHOLD_STEP_MAX_NS)
		old -= (uint64_t)((unsigned __int128)old * span / (2 * THRESHOLD_STEP_MAX_NS));
	else
		old /= 2;
	if (span < SPAN_MIN_NS)
		span = SPAN_MIN_NS;
	t->speed = saturated((unsigned __int128)moved * NSEC_PER_SEC / span);
	if (t->speed < old)
		t->speed = old;
}

bool thresholds_feed(struct thresholds *t, uint64_t usage, uint64_t peak, uint64_t now_ns)
{
	size_t before = passed(t, t->usage), after = passed(t, usage), highest = passed(t, peak);
	size_t low = before < after ? before : after;
	size_t high = before < after ? after : before;

	for (size_t i = low; i < high; i++)
		registry_signal(t->sorted[i].listener, 1);
	for (size_t i = high; i < highest; i++)
		registry_signal(t->sorted[i].listener, 2);
	if (t->n > 0)
		see_speed(t, usage, peak, now_ns);
	else
		t->speed = 0;
	t->usage = usage;
	t->at_ns = now_ns;
	return highest > after;
}

/* To the nearest change: up to the next threshold, or down until the last one is no longer passed. */
static uint64_t distance(const struct thresholds *t)
{
	size_t i = passed(t, t->usage);
	uint64_t up = i < t->n ? t->sorted[i].bytes - t->usage : UINT64_MAX;
	uint64_t down = i > 0 ? t->usage - t->sorted[i - 1].bytes + 1 : UINT64_MAX;

	return up < down ? up : down;
}

uint64_t thresholds_step(const struct thresholds *t)
{
	uint64_t speed, step;

	if (t->n == 0)
		return UINT64_MAX;
	speed = saturated((unsigned __int128)t->speed * 2);
	if (speed < THRESHOLD_SPEED_MIN)
		speed = THRESHOLD_SPEED_MIN;
	step = saturated((unsigned __int128)distance(t) * NSEC_PER_SEC / speed);
	if (step < THRESHOLD_STEP_MIN_NS)
		return THRESHOLD_STEP_MIN_NS;
	return step < THRESHOLD_STEP_MAX_NS ? step : THRESHOLD_STEP_MAX_NS;
}
