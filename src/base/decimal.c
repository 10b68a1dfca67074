/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/decimal.h"

#include <stdbool.h>
#include <stddef.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool push_digit(uint64_t *value, char c)
{
	return !__builtin_mul_overflow(*value, 10U, value) &&
	       !__builtin_add_overflow(*value, (uint64_t)(c - '0'), value);
}

int decimal_parse(const char *text, struct decimal *ret, const char **ret_end)
{
	struct decimal d = { .divisor = 1 };
	const char *s = text;
	bool fits = true;

	if (!is_digit(s[0]) && s[0] != '.')
		return DECIMAL_E_MALFORMED;
	for (; is_digit(*s); s++)
		fits = fits && push_digit(&d.whole, *s);
	if (*s == '.') {
		s++;
		if (!is_digit(*s))
			return DECIMAL_E_MALFORMED;
		for (size_t n = 0; is_digit(*s); s++, n++) {
			if (n == DECIMAL_FRACTION_MAX)
				return DECIMAL_E_MALFORMED;
			push_digit(&d.fraction, *s); /* 18 digits always fit */
			d.divisor *= 10;
		}
	}
	if (!fits)
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
