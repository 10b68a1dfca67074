/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Prints how many thousand times a second this processor's time stamp counter ticks; nothing where
 * there is none.
 *
 * An emulated machine is given the host's counter. Its kernel measures it at boot against an emulated
 * timer, and where the host is busy in just that moment it finds a third or a tenth: the machine's
 * clock then runs that much too fast for good, and whatever is given a minute gets seconds.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>

#define TRIES 100
#define PAUSE_NS 100000000

struct moment {
	uint64_t ns, ticks;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	/* not the one that is adjusted to the time of day */
	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Both clocks at once, as far as that goes: the try in which least time passed. */
static struct moment look(void)
{
	uint64_t before, after, ticks, least = UINT64_MAX;
	struct moment m = { 0 };

	for (int i = 0; i < TRIES; i++) {
		before = now_ns();
		ticks = __rdtsc();
		after = now_ns();
		if (after - before < least) {
			least = after - before;
			m = (struct moment){ .ns = before + least / 2, .ticks = ticks };
		}
	}
	return m;
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct moment a, b;

	a = look();
	nanosleep(&pause, NULL);
	b = look();
	printf("%" PRIu64 "\n", (b.ticks - a.ticks) * 1000000 / (b.ns - a.ns));
	return 0;
}
#else
int main(void)
{
	return 0;
}
#endif
