/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include "core/reread.h"

#define MS NSEC_PER_MSEC
#define START (UINT64_C(1000) * NSEC_PER_SEC)

/* Reads whenever it is due, up to @until. Returns how often; @late is how much after each time. */
static unsigned read_until(struct reread *r, uint64_t until, uint64_t late)
{
	unsigned n = 0;

	while (r->due_ns <= until) {
		reread_done(r, r->due_ns + late, false);
		n++;
	}
	return n;
}

static void looks_again_until_the_slot_is_over(void **state)
{
	struct reread r = REREAD_INIT;

	(void)state;
	assert_int_equal(r.due_ns, UINT64_MAX);
	reread_woken(&r, START, false);
	for (unsigned i = 1; i <= REREAD_TIMES; i++) {
		assert_int_equal(r.due_ns, START + i * REREAD_SLOT_NS / REREAD_TIMES);
		reread_done(&r, r.due_ns, false);
	}
	assert_int_equal(r.due_ns, UINT64_MAX);
}

static void news_ends_it(void **state)
{
	struct reread r = REREAD_INIT;

	(void)state;
	reread_woken(&r, START, true);
	assert_int_equal(r.due_ns, UINT64_MAX);
	reread_woken(&r, START + 50 * MS, false);
	assert_int_not_equal(r.due_ns, UINT64_MAX);
	reread_done(&r, r.due_ns, true);
	assert_int_equal(r.due_ns, UINT64_MAX);
	reread_woken(&r, START + 60 * MS, false);
	reread_woken(&r, START + 61 * MS, true);
	assert_int_equal(r.due_ns, UINT64_MAX);
}

static void who_is_late_does_not_catch_up(void **state)
{
	struct reread r = REREAD_INIT;

	(void)state;
	reread_woken(&r, START, false);
	assert_int_equal(read_until(&r, START + 100 * MS, 3 * MS), 2); /* at 5 and at 10 */
	reread_woken(&r, START + 200 * MS, false);
	assert_int_equal(read_until(&r, START + 300 * MS, 50 * MS), 1);
}

/* 10 s of a file that changes every 10 ms and never brings news: 3 slots of reads, not 1,000. */
static void a_noisy_file_costs_no_more_than_its_wakeups(void **state)
{
	struct reread r = REREAD_INIT;
	unsigned reads = 0;

	(void)state;
	for (uint64_t t = START; t < START + 10 * NSEC_PER_SEC; t += 10 * MS) {
		reread_woken(&r, t, false);
		reads += read_until(&r, t + 9 * MS, 0);
	}
	assert_in_range(reads, REREAD_FRUITLESS_MAX * (REREAD_TIMES - 1),
			REREAD_FRUITLESS_MAX * REREAD_TIMES);
}

static void quiet_or_news_make_it_look_again(void **state)
{
	struct reread r = REREAD_INIT;
	uint64_t t = START;

	(void)state;
	for (unsigned i = 0; i < 10; i++, t += 10 * MS)
		reread_woken(&r, t, false);
	assert_int_equal(r.due_ns, UINT64_MAX);
	t = r.woken_ns + REREAD_QUIET_NS - 1;
	reread_woken(&r, t, false);
	assert_int_equal(r.due_ns, UINT64_MAX);
	t += REREAD_QUIET_NS;
	reread_woken(&r, t, false);
	assert_int_not_equal(r.due_ns, UINT64_MAX);

	for (unsigned i = 0; i < 10; i++, t += 10 * MS)
		reread_woken(&r, t, false);
	assert_int_equal(r.due_ns, UINT64_MAX);
	reread_woken(&r, t, true);
	reread_woken(&r, t + 10 * MS, false);
	assert_int_not_equal(r.due_ns, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_again_until_the_slot_is_over),
		cmocka_unit_test(news_ends_it),
		cmocka_unit_test(who_is_late_does_not_catch_up),
		cmocka_unit_test(a_noisy_file_costs_no_more_than_its_wakeups),
		cmocka_unit_test(quiet_or_news_make_it_look_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
