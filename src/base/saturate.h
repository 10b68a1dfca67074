/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* Sums that stay at the largest number instead of beginning anew. */
#include <stdint.h>

static inline uint64_t add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}
