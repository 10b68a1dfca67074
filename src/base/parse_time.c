/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse_time.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/decimal.h"

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "", NSEC_PER_SEC },          { "us", NSEC_PER_USEC },      { "ms", NSEC_PER_MSEC },
	{ "s", NSEC_PER_SEC },         { "min", 60 * NSEC_PER_SEC }, { "h", 3600 * NSEC_PER_SEC },
	{ "d", 86400 * NSEC_PER_SEC },
};

static uint64_t time_unit(const char *s)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].name, s) == 0)
			return units[i].ns;
	return 0;
}

int parse_time(const char *text, uint64_t *ret_ns)
{
	bool negative = text[0] == '-';
	struct decimal d;
	const char *end;
	uint64_t unit, ns;
	int r;

	r = decimal_parse(negative ? text + 1 : text, &d, &end);
	if (r != 0)
		return r == DECIMAL_E_RANGE ? PARSE_TIME_E_RANGE : PARSE_TIME_E_MALFORMED;
	unit = time_unit(end);
	if (unit == 0)
		return PARSE_TIME_E_MALFORMED;
	if (negative || decimal_scale(&d, unit, &ns) != 0 || ns > PARSE_TIME_MAX_NS)
		return PARSE_TIME_E_RANGE;
	*ret_ns = ns;
	return 0;
}
