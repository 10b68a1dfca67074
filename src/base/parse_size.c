/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse_size.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/decimal.h"

/* The unit that @s names, or 0. */
static uint64_t size_unit(const char *s)
{
	static const char letters[] = "KMGTPE";
	const char *at;

	if (*s == '\0')
		return 1;
	at = strchr(letters, *s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);
	if (!at || (s[1] != '\0' && strcmp(s + 1, "iB") != 0))
		return 0;
	return UINT64_C(1) << (10 * (unsigned)(at - letters + 1));
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
	bool negative = text[0] == '-';
	struct decimal d;
	const char *end;
	uint64_t unit, bytes;
	int r;

	if (strcmp(text, "max") == 0) {
		*ret_bytes = PARSE_SIZE_MAX;
		return 0;
	}
	r = decimal_parse(negative ? text + 1 : text, &d, &end);
	if (r != 0)
		return r == DECIMAL_E_RANGE ? PARSE_SIZE_E_RANGE : PARSE_SIZE_E_MALFORMED;
	unit = size_unit(end);
	if (unit == 0)
		return PARSE_SIZE_E_MALFORMED;
	if (negative || decimal_scale(&d, unit, &bytes) != 0 || bytes == PARSE_SIZE_MAX)
		return PARSE_SIZE_E_RANGE;
	*ret_bytes = bytes;
	return 0;
}
