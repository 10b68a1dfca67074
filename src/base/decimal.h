/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Decimal numbers as a user types them: "12", "1.5", ".5", without sign, blank or exponent
 *
 * The number is kept exact, as an integer and a fraction, until the unit that follows it is known.
 */
#include <stdint.h>

struct decimal {
	uint64_t whole;
	uint64_t fraction; /* the digits after the point, as an integer */
	uint64_t divisor;  /* 10 to the number of these digits */
};

enum {
	DECIMAL_E_MALFORMED = 1, /* no digit where one belongs, or too many after the point */
	DECIMAL_E_RANGE,         /* does not fit into 64 bits */
};

#define DECIMAL_FRACTION_MAX 18

/* Reads the number that @text begins with. Returns 0 and where it ends, or DECIMAL_E_*. */
int decimal_parse(const char *text, struct decimal *ret, const char **ret_end);
/* @d times @unit, rounded down. Returns 0 or DECIMAL_E_RANGE. */
int decimal_scale(const struct decimal *d, uint64_t unit, uint64_t *ret);
/* Reads @text, which is one plain integer from its first to its last byte. Returns 0 or DECIMAL_E_*. */
int decimal_u64(const char *text, uint64_t *ret);
