/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include "core/pace.h"

#define MS UINT64_C(1000000)

static void small_walks_never_wait(void **state)
{
	struct pace p = { 0 };
	uint64_t now = 1000 * MS;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		assert_true(pace_may_walk(&p, now));
		now += MS;
		pace_walked(&p, now, MS);
	}
}

static void a_long_walk_is_paid_for(void **state)
{
	struct pace p = { 0 };
	uint64_t now = 1000 * MS;

	(void)state;
	pace_walked(&p, now, 300 * MS); /* 100 ms of it were saved up */
	assert_false(pace_may_walk(&p, now));
	assert_int_equal(pace_due(&p), now + 2000 * MS);
	assert_false(pace_may_walk(&p, now + 2000 * MS - 1));
	assert_true(pace_may_walk(&p, now + 2000 * MS));
	assert_int_equal(pace_due(&p), UINT64_MAX);
}

/* Over ten minutes of walks as often as they may: a tenth of a CPU, and the credit. */
static void walks_get_a_tenth(void **state)
{
	struct pace p = { 0 };
	uint64_t start = 1000 * MS, now = start, used = 0;

	(void)state;
	while (now < start + 600000 * MS) {
		if (!pace_may_walk(&p, now)) {
			now = pace_due(&p);
			continue;
		}
		now += 37 * MS;
		used += 37 * MS;
		pace_walked(&p, now, 37 * MS);
	}
	assert_in_range(used, 59000 * MS, 60200 * MS);
}

static void a_long_rest_does_not_overflow(void **state)
{
	struct pace p = { 0 };

	(void)state;
	pace_walked(&p, 1000 * MS, 5000 * MS);
	pace_walked(&p, UINT64_MAX / 2, MS);
	assert_int_equal(p.credit_ns, PACE_CREDIT_NS - (int64_t)MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_walks_never_wait),
		cmocka_unit_test(a_long_walk_is_paid_for),
		cmocka_unit_test(walks_get_a_tenth),
		cmocka_unit_test(a_long_rest_does_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
