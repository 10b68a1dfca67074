/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include "base/decimal.h"
#include "base/parse_size.h"

static const struct {
	const char *text;
	int r;
	uint64_t bytes;
} cases[] = {
	{ "0", 0, 0 },
	{ "1", 0, 1 },
	{ "4096", 0, 4096 },
	{ "0004096", 0, 4096 },
	{ "64M", 0, 64 << 20 },
	{ "64m", 0, 64 << 20 },
	{ "64MiB", 0, 64 << 20 },
	{ "1K", 0, 1 << 10 },
	{ "1.5G", 0, UINT64_C(3) << 29 },
	{ ".5K", 0, 512 },
	{ "0.1K", 0, 102 }, /* 102.4, rounded down */
	{ "1T", 0, UINT64_C(1) << 40 },
	{ "1P", 0, UINT64_C(1) << 50 },
	{ "15E", 0, UINT64_C(15) << 60 },
	{ "15.999999999999999999E", 0, UINT64_C(18446744073709551614) },
	{ "18446744073709551614", 0, UINT64_MAX - 1 },
	{ "max", 0, PARSE_SIZE_MAX },
	{ "18446744073709551615", PARSE_SIZE_E_RANGE, 0 }, /* it would mean "max" */
	{ "18446744073709551616", PARSE_SIZE_E_RANGE, 0 },
	{ "99999999999999999999999999", PARSE_SIZE_E_RANGE, 0 },
	{ "16E", PARSE_SIZE_E_RANGE, 0 },
	{ "17179869184G", PARSE_SIZE_E_RANGE, 0 },
	{ "-1", PARSE_SIZE_E_RANGE, 0 },
	{ "-64M", PARSE_SIZE_E_RANGE, 0 },
	{ "", PARSE_SIZE_E_MALFORMED, 0 },
	{ "-", PARSE_SIZE_E_MALFORMED, 0 },
	{ "--1", PARSE_SIZE_E_MALFORMED, 0 },
	{ "+1", PARSE_SIZE_E_MALFORMED, 0 },
	{ " 1", PARSE_SIZE_E_MALFORMED, 0 },
	{ "1 ", PARSE_SIZE_E_MALFORMED, 0 },
	{ "1\n", PARSE_SIZE_E_MALFORMED, 0 },
	{ "M", PARSE_SIZE_E_MALFORMED, 0 },
	{ "64MB", PARSE_SIZE_E_MALFORMED, 0 }, /* of 1000 or of 1024? */
	{ "64Mi", PARSE_SIZE_E_MALFORMED, 0 },
	{ "64iB", PARSE_SIZE_E_MALFORMED, 0 },
	{ "64X", PARSE_SIZE_E_MALFORMED, 0 },
	{ "64MM", PARSE_SIZE_E_MALFORMED, 0 },
	{ "1.", PARSE_SIZE_E_MALFORMED, 0 },
	{ "1.M", PARSE_SIZE_E_MALFORMED, 0 },
	{ ".", PARSE_SIZE_E_MALFORMED, 0 },
	{ "1.2.3", PARSE_SIZE_E_MALFORMED, 0 },
	{ "1,5G", PARSE_SIZE_E_MALFORMED, 0 },
	{ "0x10", PARSE_SIZE_E_MALFORMED, 0 },
	{ "1e3", PARSE_SIZE_E_MALFORMED, 0 },
	{ "MAX", PARSE_SIZE_E_MALFORMED, 0 },
	{ "maximum", PARSE_SIZE_E_MALFORMED, 0 },
	{ "0.1234567890123456789", PARSE_SIZE_E_MALFORMED, 0 }, /* 19 digits */
};

static void each_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = 42;
		int r = parse_size(cases[i].text, &bytes);

		if (r != cases[i].r || bytes != (r == 0 ? cases[i].bytes : 42))
			fail_msg("'%s': %d, %llu", cases[i].text, r, (unsigned long long)bytes);
	}
}

static void plain_integers(void **state)
{
	uint64_t n = 42;

	(void)state;
	assert_int_equal(decimal_u64("18446744073709551615", &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(decimal_u64("0", &n), 0);
	assert_int_equal(n, 0);
	n = 42;
	assert_int_equal(decimal_u64("18446744073709551616", &n), DECIMAL_E_RANGE);
	assert_int_equal(decimal_u64("1.0", &n), DECIMAL_E_MALFORMED);
	assert_int_equal(decimal_u64("1K", &n), DECIMAL_E_MALFORMED);
	assert_int_equal(decimal_u64("-1", &n), DECIMAL_E_MALFORMED);
	assert_int_equal(decimal_u64("", &n), DECIMAL_E_MALFORMED);
	assert_int_equal(n, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case),
		cmocka_unit_test(plain_integers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
