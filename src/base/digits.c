/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/digits.h"

int digits_parse(const char *text, uint64_t max, uint64_t *ret, const char **ret_end)
{
	const char *s = text;
	uint64_t v = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10U, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v) || v > max)
			return DIGITS_E_RANGE;
	if (s == text)
		return DIGITS_E_NONE;
	*ret = v;
	*ret_end = s;
	return 0;
}
