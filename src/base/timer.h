/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A timer on CLOCK_BOOTTIME, as a descriptor to poll for EPOLLIN
 */
#include <stdint.h>

struct timer {
	int fd;
	uint64_t due_ns; /* what it is set to; UINT64_MAX: to nothing */
};

#define TIMER_NULL                                                                                 \
	{                                                                                          \
		.fd = -1, .due_ns = UINT64_MAX                                                     \
	}

/* Returns 0 or a negated errno. */
int timer_open(struct timer *t);
/* Takes one that was never opened, or is closed already. */
void timer_close(struct timer *t);
/*
 * Sets it to @due_ns, which may have passed (then it is ready at once), or to nothing (UINT64_MAX).
 * Does nothing if it is set to that already. Returns 0 or a negated errno.
 */
int timer_arm(struct timer *t, uint64_t due_ns);
/* To be called when it is ready: it is set to nothing then. Returns 0 or a negated errno. */
int timer_take(struct timer *t);
