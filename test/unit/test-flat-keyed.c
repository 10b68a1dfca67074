/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>

#include "base/flat_keyed.h"

static const char events_7_2[] =
	"low 0\nhigh 3\nmax 17\noom 2\noom_kill 1\noom_group_kill 0\nsock_throttled 0\n";

static void finds_by_key(void **state)
{
	uint64_t v = 99;

	(void)state;
	assert_int_equal(flat_keyed_u64(events_7_2, "max", &v), 0);
	assert_int_equal(v, 17);
	assert_int_equal(flat_keyed_u64(events_7_2, "oom", &v), 0);
	assert_int_equal(v, 2);
	assert_int_equal(flat_keyed_u64(events_7_2, "sock_throttled", &v), 0);
	assert_int_equal(v, 0);
}

/* "oom" must not be answered with the line of "oom_kill", nor with a value or a suffix. */
static void a_prefix_is_no_key(void **state)
{
	uint64_t v = 99;

	(void)state;
	assert_int_equal(flat_keyed_u64("oom_kill 7\n", "oom", &v), FLAT_KEYED_E_NO_KEY);
	assert_int_equal(flat_keyed_u64("my oom 7\n", "oom", &v), FLAT_KEYED_E_NO_KEY);
	assert_int_equal(flat_keyed_u64("", "oom", &v), FLAT_KEYED_E_NO_KEY);
	assert_int_equal(v, 99);
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t v;
	} rows[] = {
		{ "k 0", 0, 0 },
		{ "k 18446744073709551615\n", 0, UINT64_MAX },
		{ "k 18446744073709551616\n", -ERANGE, 0 },
		{ "k 99999999999999999999999\n", -ERANGE, 0 },
		{ "k -1\n", -EBADMSG, 0 },
		{ "k +1\n", -EBADMSG, 0 },
		{ "k  1\n", -EBADMSG, 0 },
		{ "k 1 \n", -EBADMSG, 0 },
		{ "k \n", -EBADMSG, 0 },
		{ "k 1\r\n", -EBADMSG, 0 },
		{ "k\n", FLAT_KEYED_E_NO_KEY, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t v = 99;

		assert_int_equal(flat_keyed_u64(rows[i].text, "k", &v), rows[i].r);
		assert_int_equal(v, rows[i].r == 0 ? rows[i].v : 99);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_key),
		cmocka_unit_test(a_prefix_is_no_key),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
