/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse_time.h"

/* Whole numbers in each unit: what they mean is plain. */
static void check_integer(const char *text, int r, uint64_t v)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "", 1000000000U },      { "s", 1000000000U },    { "us", 1000U },
		{ "ms", 1000000U },       { "min", 60000000000U }, { "h", 3600000000000U },
		{ "d", 86400000000000U },
	};
	size_t digits = strspn(text, "0123456789");
	uint64_t w;

	for (size_t i = 0; digits > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + digits, units[i].name) != 0)
			continue;
		errno = 0;
		w = strtoull(text, NULL, 10);
		if (errno == ERANGE || w > PARSE_TIME_MAX_NS / units[i].ns)
			FUZZ_CHECK(r == PARSE_TIME_E_RANGE);
		else
			FUZZ_CHECK(r == 0 && v == w * units[i].ns);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint64_t v = 0x5a5a, again;
	struct fuzz_text t;
	char text[64];
	int r;

	fuzz_text_init(&t, data, n);
	r = parse_time(t.text, &v);
	FUZZ_CHECK(r == 0 || r == PARSE_TIME_E_MALFORMED || r == PARSE_TIME_E_RANGE);
	FUZZ_CHECK(r == 0 || v == 0x5a5a);
	check_integer(t.text, r, v);
	if (r == 0) {
		FUZZ_CHECK(v <= PARSE_TIME_MAX_NS);
		snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64, v / 1000000000U,
			 v % 1000000000U);
		FUZZ_CHECK(parse_time(text, &again) == 0 && again == v);
	}
	fuzz_text_done(&t);
	return 0;
}
