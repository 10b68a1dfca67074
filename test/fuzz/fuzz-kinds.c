/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <string.h>

#include "cli/kinds.h"

/* Whether @n bytes of @word are the name of a kind, and which. */
static uint32_t mask_of(const char *word, size_t n)
{
	for (uint32_t k = 1; k & KINDS_ALL; k <<= 1) {
		const char *name = kinds_name(k);

		if (strlen(name) == n && memcmp(name, word, n) == 0)
			return k;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct kinds_bad bad = { 0 };
	uint32_t mask = 0x5a5a, want = 0;
	struct fuzz_text t;
	const char *word;
	int r;

	fuzz_text_init(&t, data, n);
	r = kinds_parse(t.text, &mask, &bad);
	for (word = t.text;; word = strchr(word, ',') + 1) {
		size_t len = strcspn(word, ",");

		if (mask_of(word, len) == 0)
			break;
		want |= mask_of(word, len);
		if (word[len] == '\0') {
			word = NULL;
			break;
		}
	}
	if (word)
		FUZZ_CHECK(r == KINDS_E_UNKNOWN && mask == 0x5a5a && bad.word == word &&
			   bad.n == strcspn(word, ","));
	else
		FUZZ_CHECK(r == 0 && mask == want);
	fuzz_text_done(&t);
	return 0;
}
