/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Spans of time as a user types them: "10" and "0.5" are seconds; "250ms", "1.5min", "2h"
 */
#include <stdint.h>

/* About 292 years: a span added to a clock never wraps. */
#define PARSE_TIME_MAX_NS ((uint64_t)INT64_MAX)

enum {
	PARSE_TIME_E_MALFORMED = 1,
	PARSE_TIME_E_RANGE, /* negative, or above PARSE_TIME_MAX_NS */
};

/* Returns 0 and the span in nanoseconds, rounded down, or PARSE_TIME_E_*. */
int parse_time(const char *text, uint64_t *ret_ns);
