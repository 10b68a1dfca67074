/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/flat_keyed.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/digits.h"

/* Reads the digits at @p, which must end the line. */
static int parse_value(const char *p, uint64_t *ret)
{
	const char *end;
	uint64_t v;
	int r = digits_parse(p, UINT64_MAX, &v, &end);

	if (r != 0)
		return r == DIGITS_E_RANGE ? -ERANGE : -EBADMSG;
	if (*end != '\n' && *end != '\0')
		return -EBADMSG;
	*ret = v;
	return 0;
}

int flat_keyed_u64(const char *text, const char *key, uint64_t *ret)
{
	size_t n = strlen(key);
	const char *line = text;

	while (line && *line) {
		if (strncmp(line, key, n) == 0 && line[n] == ' ')
			return parse_value(line + n + 1, ret);
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return FLAT_KEYED_E_NO_KEY;
}
