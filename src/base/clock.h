/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stdint.h>

#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC UINT64_C(1000000000)

/* CLOCK_BOOTTIME: goes on while the machine sleeps; what all internal times are. */
uint64_t clock_boottime_ns(void);
/* CLOCK_REALTIME, for output only. */
uint64_t clock_realtime_ns(void);
/* CLOCK_REALTIME at the moment @boottime_ns of CLOCK_BOOTTIME, as the wall clock is set now. */
uint64_t clock_realtime_at(uint64_t boottime_ns);
/* By how much CLOCK_MONOTONIC has been slewed since the machine began, whichever way. */
uint64_t clock_slewed_ns(void);
/* CPU time of the calling thread. */
uint64_t clock_thread_ns(void);
