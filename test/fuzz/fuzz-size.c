/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse_size.h"

/* Integers, with one of the suffixes or none: what they mean is plain. */
static void check_integer(const char *text, int r, uint64_t v)
{
	static const char units[] = "kmgtpe";
	size_t digits = strspn(text, "0123456789");
	unsigned shift = 0;
	uint64_t w;

	if (digits == 0 || strlen(text) > digits + 1)
		return;
	if (text[digits] != '\0') {
		const char *unit = strchr(units, text[digits] | 0x20);

		if (!unit)
			return;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	errno = 0;
	w = strtoull(text, NULL, 10);
	if (errno == ERANGE || w > (UINT64_MAX >> shift) || w << shift == UINT64_MAX)
		FUZZ_CHECK(r == PARSE_SIZE_E_RANGE);
	else
		FUZZ_CHECK(r == 0 && v == w << shift);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint64_t v = 0x5a5a, again;
	struct fuzz_text t;
	char text[32];
	int r;

	fuzz_text_init(&t, data, n);
	r = parse_size(t.text, &v);
	FUZZ_CHECK(r == 0 || r == PARSE_SIZE_E_MALFORMED || r == PARSE_SIZE_E_RANGE);
	FUZZ_CHECK(r == 0 || v == 0x5a5a);
	check_integer(t.text, r, v);
	if (r == 0 && v != PARSE_SIZE_MAX) {
		snprintf(text, sizeof(text), "%" PRIu64, v);
		FUZZ_CHECK(parse_size(text, &again) == 0 && again == v);
	}
	if (r == 0 && v == PARSE_SIZE_MAX)
		FUZZ_CHECK(strcmp(t.text, "max") == 0);
	fuzz_text_done(&t);
	return 0;
}
