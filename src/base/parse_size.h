/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Sizes as a user types them: "4096", "64M", "1.5G", "max"
 *
 * K, M, G, T, P and E stand for powers of 1024, in either case, as in the kernel's memparse(); "iB"
 * may follow. Anything else after the number is an error: what it would have meant is a guess.
 */
#include <stdint.h>

#define PARSE_SIZE_MAX UINT64_MAX /* "max": no limit */

enum {
	PARSE_SIZE_E_MALFORMED = 1,
	PARSE_SIZE_E_RANGE, /* negative, or 2^64-1 and more */
};

/* Returns 0 and the size in bytes, rounded down, or PARSE_SIZE_E_*. */
int parse_size(const char *text, uint64_t *ret_bytes);
