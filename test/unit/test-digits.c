/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <string.h>

#include "base/digits.h"

static void numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int r;
		uint64_t value;
		const char *rest;
	} rows[] = {
		{ "0", 0, 0, 0, "" },
		{ "007x", 9, 0, 7, "x" },
		{ "12 34", 99, 0, 12, " 34" },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX, "" },
		{ "18446744073709551616", UINT64_MAX, DIGITS_E_RANGE, 0, NULL },
		{ "99999999999999999999999", UINT64_MAX, DIGITS_E_RANGE, 0, NULL },
		{ "10", 9, DIGITS_E_RANGE, 0, NULL },
		{ "9", 9, 0, 9, "" },
		{ "", 9, DIGITS_E_NONE, 0, NULL },
		{ "-1", 9, DIGITS_E_NONE, 0, NULL },
		{ "+1", 9, DIGITS_E_NONE, 0, NULL },
		{ " 1", 9, DIGITS_E_NONE, 0, NULL },
		{ "x", 9, DIGITS_E_NONE, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *end = NULL;
		uint64_t v = 99;

		if (digits_parse(rows[i].text, rows[i].max, &v, &end) != rows[i].r)
			fail_msg("'%s'", rows[i].text);
		if (rows[i].r != 0) {
			assert_int_equal(v, 99);
			assert_null(end);
			continue;
		}
		assert_int_equal(v, rows[i].value);
		assert_string_equal(end, rows[i].rest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
