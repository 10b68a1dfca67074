/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/words.h"

#include <string.h>

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

bool words_have(const char *text, size_t len, const char *separators, const char *word)
{
	size_t n = strlen(word), start = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && !is_one_of(text[i], separators))
			continue;
		if (n > 0 && i - start == n && memcmp(text + start, word, n) == 0)
			return true;
		start = i + 1;
	}
	return false;
}
