/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/decimal.h"

#include <stddef.h>
#include <string.h>

#include "base/digits.h"

/* The digits after a point. Returns 0 and where they end, or DECIMAL_E_MALFORMED. */
static int parse_fraction(const char *s, struct decimal *d, const char **ret_end)
{
	size_t n = strspn(s, DIGITS);

	/* As many as are allowed always fit. */
	if (n > DECIMAL_FRACTION_MAX || digits_parse(s, UINT64_MAX, &d->fraction, ret_end) != 0)
		return DECIMAL_E_MALFORMED;
	while (n-- > 0)
		d->divisor *= 10;
	return 0;
}

int decimal_parse(const char *text, struct decimal *ret, const char **ret_end)
{
	struct decimal d = { .divisor = 1 };
	const char *s = text;
	int whole = digits_parse(text, UINT64_MAX, &d.whole, &s);

	if (whole == DIGITS_E_NONE && *s != '.')
		return DECIMAL_E_MALFORMED;
	if (whole == DIGITS_E_RANGE)
		s += strspn(s, DIGITS);
	if (*s == '.' && parse_fraction(s + 1, &d, &s) != 0)
		return DECIMAL_E_MALFORMED;
	if (whole == DIGITS_E_RANGE)
		return DECIMAL_E_RANGE;
	*ret = d;
	*ret_end = s;
	return 0;
}

int decimal_scale(const struct decimal *d, uint64_t unit, uint64_t *ret)
{
	/* The fraction is less than 1, so that its share is less than `unit`. */
	uint64_t share = (uint64_t)((unsigned __int128)d->fraction * unit / d->divisor);
	uint64_t value;

	if (__builtin_mul_overflow(d->whole, unit, &value) ||
	    __builtin_add_overflow(value, share, &value))
		return DECIMAL_E_RANGE;
	*ret = value;
	return 0;
}

int decimal_u64(const char *text, uint64_t *ret)
{
	struct decimal d;
	const char *end;
	int r = decimal_parse(text, &d, &end);

	if (r != 0)
		return r;
	if (*end != '\0' || d.divisor != 1)
		return DECIMAL_E_MALFORMED;
	*ret = d.whole;
	return 0;
}
