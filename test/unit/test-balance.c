/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <string.h>

#include "core/balance.h"

static void judges_each_line(void **state)
{
	static const struct {
		struct balance_line line;
		enum balance_verdict verdict;
	} cases[] = {
		{ { 0, 0, 0, 0, 0 }, BALANCE_BALANCED },
		{ { 5, 5, 0, 0, 0 }, BALANCE_BALANCED },
		{ { 6, 5, 1, 0, 0 }, BALANCE_BALANCED },
		{ { 6, 5, 0, 0, 0 }, BALANCE_DIFFERS },
		{ { 5, 6, 0, 0, 0 }, BALANCE_DIFFERS },
		{ { 5, 5, 1, 0, 0 }, BALANCE_DIFFERS },
		{ { 5, 5, 0, 1, 0 }, BALANCE_UNPROVEN },
		{ { 0, 0, 0, UINT64_MAX, 0 }, BALANCE_UNPROVEN },
		/* a difference is a difference, whatever is unproven besides */
		{ { 6, 5, 0, 1, 0 }, BALANCE_DIFFERS },
		/* no sum wraps around into a balance */
		{ { 4, UINT64_MAX, 5, 0, 0 }, BALANCE_DIFFERS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (unsigned k = 0; k < COUNTED_KINDS; k++) {
			struct balance b = { 0 };

			b.kind[k] = cases[i].line;
			assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), cases[i].verdict);
			assert_int_equal(balance_judge(&b, EVENT_MASK(k)), cases[i].verdict);
			/* a kind that was not asked for is not judged */
			assert_int_equal(balance_judge(&b, EVENT_MASK_ALL & ~EVENT_MASK(k)),
					 BALANCE_BALANCED);
		}
}

/* The first kind that is unproven does not hide that the last one differs. */
static void a_difference_goes_before_what_is_unproven(void **state)
{
	struct balance b = { 0 };

	(void)state;
	b.kind[EVENT_OOM].unproven = 1;
	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_UNPROVEN);
	b.kind[EVENT_GROUP_KILL].counted = 1;
	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_DIFFERS);
}

static void adds_up_without_wrapping(void **state)
{
	struct balance sum = { .reasons = UNPROVEN_V1_GONE, .late = 1, .lost = 2 };
	struct balance more = { .reasons = UNPROVEN_LOCALEVENTS, .late = 10, .lost = 20 };

	(void)state;
	sum.kind[EVENT_KILL] = (struct balance_line){ 1, 2, 3, UINT64_MAX, 0 };
	more.kind[EVENT_KILL] = (struct balance_line){ 10, 20, 30, 1, 0 };
	more.kind[EVENT_OOM] = (struct balance_line){ UINT64_MAX, 1, 1, 1, 0 };
	balance_add(&sum, &more);
	balance_add(&sum, &more);
	assert_int_equal(sum.kind[EVENT_KILL].counted, 21);
	assert_int_equal(sum.kind[EVENT_KILL].reported, 42);
	assert_int_equal(sum.kind[EVENT_KILL].recounts, 63);
	assert_true(sum.kind[EVENT_KILL].unproven == UINT64_MAX);
	assert_true(sum.kind[EVENT_OOM].counted == UINT64_MAX);
	assert_int_equal(sum.kind[EVENT_OOM].unproven, 2);
	assert_int_equal(sum.reasons, UNPROVEN_V1_GONE | UNPROVEN_LOCALEVENTS);
	assert_int_equal(sum.late, 21);
	assert_int_equal(sum.lost, 42);
}

/* So that who asked for kills alone is not told why ooms are unproven. */
static void each_kind_keeps_its_reasons(void **state)
{
	struct balance sum = { 0 }, source = { 0 }, more = { .reasons = UNPROVEN_RESTLESS };
	struct balance share = { .reasons = UNPROVEN_SIBLINGS_GONE };

	(void)state;
	share.kind[EVENT_OOM].unproven = 1;
	balance_add(&source, &share);
	share = (struct balance){ .reasons = UNPROVEN_LOCALEVENTS };
	share.kind[EVENT_KILL].unproven = UINT64_MAX;
	balance_add(&source, &share);
	balance_add(&sum, &source);
	more.kind[EVENT_KILL].unproven = 3;
	balance_add(&sum, &more);
	assert_int_equal(sum.kind[EVENT_OOM].reasons, UNPROVEN_SIBLINGS_GONE);
	assert_int_equal(sum.kind[EVENT_KILL].reasons, UNPROVEN_LOCALEVENTS | UNPROVEN_RESTLESS);
	assert_int_equal(sum.kind[EVENT_GROUP_KILL].reasons, 0);
	assert_int_equal(sum.reasons,
			 UNPROVEN_SIBLINGS_GONE | UNPROVEN_LOCALEVENTS | UNPROVEN_RESTLESS);
}

static void each_reason_has_words_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < UNPROVEN_REASONS; i++) {
		const char *text = unproven_reason_text(1U << i);

		assert_true(strlen(text) > 10);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(text, unproven_reason_text(1U << j));
	}
	assert_string_equal(unproven_reason_text(1U << UNPROVEN_REASONS), "unknown");
	assert_int_equal(UNPROVEN_SWITCHED, 1U << (UNPROVEN_REASONS - 1)); /* the last one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_each_line),
		cmocka_unit_test(a_difference_goes_before_what_is_unproven),
		cmocka_unit_test(adds_up_without_wrapping),
		cmocka_unit_test(each_kind_keeps_its_reasons),
		cmocka_unit_test(each_reason_has_words_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
