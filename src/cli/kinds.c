/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/kinds.h"

#include <string.h>

const char *kinds_name(uint32_t kind)
{
	return kind == KIND_DETAILS ? "details" : oomn_kind_name(kind);
}

/* The kind that is called by the @n bytes of @word; 0: none. */
static uint32_t find(const char *word, size_t n)
{
	for (uint32_t kind = 1; kind & KINDS_ALL; kind <<= 1) {
		const char *name = kinds_name(kind);

		if (strlen(name) == n && memcmp(name, word, n) == 0)
			return kind;
	}
	return 0;
}

int kinds_parse(const char *list, uint32_t *ret, struct kinds_bad *ret_bad)
{
	uint32_t mask = 0;

	for (const char *word = list;; word++) {
		size_t n = strcspn(word, ",");
		uint32_t kind = find(word, n);

		if (kind == 0) {
			*ret_bad = (struct kinds_bad){ word, n };
			return KINDS_E_UNKNOWN;
		}
		mask |= kind;
		word += n;
		if (*word == '\0')
			break;
	}
	*ret = mask;
	return 0;
}
