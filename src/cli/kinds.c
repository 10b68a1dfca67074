/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/kinds.h"

#include <string.h>

#include "core/event.h"

#define WORD_MAX 32 /* no kind is that long */

int kinds_parse(const char *list, unsigned *ret, struct kinds_bad *ret_bad)
{
	unsigned mask = 0;

	for (const char *word = list;; word++) {
		size_t n = strcspn(word, ",");
		char name[WORD_MAX + 1] = "";
		enum event_kind kind;

		if (n <= WORD_MAX)
			memcpy(name, word, n);
		if (!event_kind_from_name(name, &kind)) {
			*ret_bad = (struct kinds_bad){ word, n };
			return KINDS_E_UNKNOWN;
		}
		mask |= EVENT_MASK(kind);
		word += n;
		if (*word == '\0')
			break;
	}
	*ret = mask;
	return 0;
}
