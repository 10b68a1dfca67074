/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"

/* The first word of the text is found in it, and also behind another. */
static void check_first(const struct fuzz_text *t)
{
	size_t skip = strspn(t->text, ", \n"), n = strcspn(t->text + skip, ", \n");
	char *word = strndup(t->text + skip, n), *longer = NULL;

	FUZZ_CHECK(word && asprintf(&longer, "x%s,%s\n%s", word, word, t->text) >= 0);
	FUZZ_CHECK(words_have(t->text, t->len, ", \n", word) == (n > 0));
	FUZZ_CHECK(words_have(longer, strlen(longer), ", \n", word) == (n > 0));
	free(word);
	free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const words[] = { "memory", "io", "", "a" };
	struct fuzz_text t;

	fuzz_text_init(&t, data, n);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words_have(t.text, t.len, ", \n", words[i]))
			FUZZ_CHECK(memmem(t.text, t.len, words[i], strlen(words[i])));
	if (t.len == strlen(t.text))
		check_first(&t);
	fuzz_text_done(&t);
	return 0;
}
