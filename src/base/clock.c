/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(id, &ts); /* fails only for a clock that does not exist */
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_boottime_ns(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

uint64_t clock_realtime_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t clock_realtime_at(uint64_t boottime_ns)
{
	uint64_t best = UINT64_MAX, realtime = 0, boottime = 0;

	/* Both clocks at one moment: as near as they can be read, if this was interrupted in between. */
	for (int i = 0; i < 3; i++) {
		uint64_t before = clock_boottime_ns();
		uint64_t middle = clock_realtime_ns();
		uint64_t took = clock_boottime_ns() - before;

		if (took < best) {
			best = took;
			realtime = middle;
			boottime = before + took / 2;
		}
	}
	return realtime - boottime + boottime_ns;
}

uint64_t clock_slewed_ns(void)
{
	uint64_t raw = read_clock(CLOCK_MONOTONIC_RAW), slewed = read_clock(CLOCK_MONOTONIC);

	return raw > slewed ? raw - slewed : slewed - raw;
}

uint64_t clock_thread_ns(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
