/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/flat_keyed.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Reads the digits at @p, which must end the line. */
static int parse_value(const char *p, uint64_t *ret)
{
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return -EBADMSG;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10U, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -ERANGE;
	if (*p != '\n' && *p != '\0')
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
