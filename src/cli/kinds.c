/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/kinds.h"

#include <stdio.h>
#include <string.h>

#include "cli/say.h"
#include "core/event.h"

#define WORD_MAX 32 /* no kind is that long */

static void say_bad(const char *option, const char *word, size_t n)
{
	char names[256] = "";

	for (unsigned k = 0; k < EVENT_KIND_MAX; k++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			 k > 0 ? ", " : "", event_kind_name((enum event_kind)k));
	if (n == 0)
		say("%s: a kind is missing: give some of %s, with commas between", option, names);
	else
		say("%s: unknown kind '%.*s': the kinds are %s", option,
		    n > WORD_MAX ? WORD_MAX : (int)n, word, names);
}

int kinds_parse(const char *option, const char *list, unsigned *ret)
{
	unsigned mask = 0;

	for (const char *word = list;; word++) {
		size_t n = strcspn(word, ",");
		char name[WORD_MAX + 1] = "";
		enum event_kind kind;

		if (n <= WORD_MAX)
			memcpy(name, word, n);
		if (!event_kind_from_name(name, &kind)) {
			say_bad(option, word, n);
			return -1;
		}
		mask |= EVENT_MASK(kind);
		word += n;
		if (*word == '\0')
			break;
	}
	*ret = mask;
	return 0;
}
