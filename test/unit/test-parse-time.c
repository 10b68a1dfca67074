/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include "base/clock.h"
#include "base/parse_time.h"

static const struct {
	const char *text;
	int r;
	uint64_t ns;
} cases[] = {
	{ "0", 0, 0 },
	{ "10", 0, 10 * NSEC_PER_SEC },
	{ "10s", 0, 10 * NSEC_PER_SEC },
	{ "0.5", 0, NSEC_PER_SEC / 2 },
	{ ".25", 0, NSEC_PER_SEC / 4 },
	{ "0.000000001", 0, 1 },
	{ "0.0000000019", 0, 1 }, /* rounded down */
	{ "250ms", 0, 250 * NSEC_PER_MSEC },
	{ "1.5ms", 0, 1500 * NSEC_PER_USEC },
	{ "7us", 0, 7 * NSEC_PER_USEC },
	{ "2min", 0, 120 * NSEC_PER_SEC },
	{ "1.5h", 0, 5400 * NSEC_PER_SEC },
	{ "1d", 0, 86400 * NSEC_PER_SEC },
	{ "9223372036.854775807", 0, PARSE_TIME_MAX_NS },
	{ "9223372036.854775808", PARSE_TIME_E_RANGE, 0 },
	{ "9223372037", PARSE_TIME_E_RANGE, 0 },
	{ "18446744073709551615", PARSE_TIME_E_RANGE, 0 },
	{ "18446744073709551616", PARSE_TIME_E_RANGE, 0 },
	{ "300000000h", PARSE_TIME_E_RANGE, 0 },
	{ "-1", PARSE_TIME_E_RANGE, 0 },
	{ "-0.5ms", PARSE_TIME_E_RANGE, 0 },
	{ "", PARSE_TIME_E_MALFORMED, 0 },
	{ "abc", PARSE_TIME_E_MALFORMED, 0 },
	{ "-", PARSE_TIME_E_MALFORMED, 0 },
	{ "--1", PARSE_TIME_E_MALFORMED, 0 },
	{ "+1", PARSE_TIME_E_MALFORMED, 0 },
	{ "1 s", PARSE_TIME_E_MALFORMED, 0 },
	{ " 1", PARSE_TIME_E_MALFORMED, 0 },
	{ "1m", PARSE_TIME_E_MALFORMED, 0 }, /* minutes or milliseconds? */
	{ "1S", PARSE_TIME_E_MALFORMED, 0 },
	{ "1sec", PARSE_TIME_E_MALFORMED, 0 },
	{ "1min30s", PARSE_TIME_E_MALFORMED, 0 },
	{ "s", PARSE_TIME_E_MALFORMED, 0 },
	{ "1.", PARSE_TIME_E_MALFORMED, 0 },
	{ "1.s", PARSE_TIME_E_MALFORMED, 0 },
	{ "1,5", PARSE_TIME_E_MALFORMED, 0 },
	{ "inf", PARSE_TIME_E_MALFORMED, 0 },
	{ "nan", PARSE_TIME_E_MALFORMED, 0 },
	{ "1e3", PARSE_TIME_E_MALFORMED, 0 },
};

static void each_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ns = 42;
		int r = parse_time(cases[i].text, &ns);

		if (r != cases[i].r || ns != (r == 0 ? cases[i].ns : 42))
			fail_msg("'%s': %d, %llu", cases[i].text, r, (unsigned long long)ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
