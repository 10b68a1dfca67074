/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Decimal digits, without sign, blank or point: what every number in a text begins with
 */
#include <stdint.h>

#define DIGITS "0123456789"

enum {
	DIGITS_E_NONE = 1, /* the text does not begin with a digit */
	DIGITS_E_RANGE,    /* above @max */
};

/*
 * Reads the digits that @text begins with, as a number of at most @max. Returns 0 and where they end,
 * or DIGITS_E_*.
 */
int digits_parse(const char *text, uint64_t max, uint64_t *ret, const char **ret_end);
