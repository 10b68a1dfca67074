/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <stdlib.h>

#include "core/early.h"

static void seen_first(void **state)
{
	struct early e = { 0 };

	(void)state;
	assert_true(early_seen(&e, 10));
	assert_true(early_seen(&e, 20));
	assert_int_equal(early_counted(&e, 1, 30), 0);
	assert_int_equal(early_counted(&e, 1, 40), 0);
	assert_int_equal(early_counted(&e, 1, 50), 1);
}

static void counted_first(void **state)
{
	struct early e = { 0 };

	(void)state;
	assert_int_equal(early_counted(&e, 2, 10), 2);
	assert_false(early_seen(&e, 20));
	assert_false(early_seen(&e, 30));
	assert_true(early_seen(&e, 40));
	assert_int_equal(early_counted(&e, 1, 50), 0);
}

/* What is counted and never seen does not swallow what is seen a moment later. */
static void counted_and_never_seen(void **state)
{
	struct early e = { 0 };

	(void)state;
	assert_int_equal(early_counted(&e, 5, 10), 5);
	assert_true(early_seen(&e, 10 + EARLY_WAIT_NS));
	assert_int_equal(early_counted(&e, 1, 20 + EARLY_WAIT_NS), 0);
}

/* It was in the first reading already: what only the counter tells later is told. */
static void seen_and_never_counted(void **state)
{
	struct early e = { 0 };

	(void)state;
	assert_true(early_seen(&e, 10));
	assert_int_equal(early_counted(&e, 1, 10 + EARLY_KEEP_NS), 1);
	for (uint64_t i = 0; i < 2 * EARLY_MAX; i++)
		(void)early_seen(&e, 20 + EARLY_KEEP_NS);
	assert_true(early_seen(&e, 20 + 2 * EARLY_KEEP_NS));
}

static void no_more_than_so_many_ahead(void **state)
{
	struct early e = { 0 };
	uint64_t told = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		told += early_seen(&e, 10) ? 1 : 0;
	assert_int_equal(told, EARLY_MAX);
	assert_int_equal(early_counted(&e, 1000, 20), 1000 - EARLY_MAX);
}

/* However they interleave within their time, no more are told than happened, and all that were counted. */
static void random_order(void **state)
{
	(void)state;
	srand(4);
	for (int run = 0; run < 1000; run++) {
		uint64_t happened = 0, seen = 0, counted = 0, told = 0, now = 1;
		struct early e = { 0 };

		while (happened < 50 || counted < happened || seen < happened) {
			switch (rand() % 3) {
			case 0:
				happened += happened < 50 ? 1 : 0;
				break;
			case 1:
				if (seen < happened) {
					seen++;
					told += early_seen(&e, now) ? 1 : 0;
				}
				break;
			default:
				told += early_counted(&e, happened - counted, now);
				counted = happened;
			}
			now++;
		}
		assert_int_equal(told, happened);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seen_first),
		cmocka_unit_test(counted_first),
		cmocka_unit_test(counted_and_never_seen),
		cmocka_unit_test(seen_and_never_counted),
		cmocka_unit_test(no_more_than_so_many_ahead),
		cmocka_unit_test(random_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
