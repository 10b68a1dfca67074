/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <string.h>

#include "cli/kinds.h"

static void lists(void **state)
{
	struct kinds_bad bad = { 0 };
	uint32_t mask = 0;

	(void)state;
	assert_int_equal(kinds_parse("oom", &mask, &bad), 0);
	assert_int_equal(mask, OOMN_OOM);
	assert_int_equal(kinds_parse("kill,oom,kill", &mask, &bad), 0);
	assert_int_equal(mask, OOMN_OOM | OOMN_KILL);
	assert_int_equal(kinds_parse("oom,kill,group_kill,collateral,details,paused,gone,lost",
				     &mask, &bad),
			 0);
	assert_int_equal(mask, KINDS_ALL);
	assert_null(bad.word);
}

static void bad_words(void **state)
{
	static const struct {
		const char *list;
		size_t at;
		size_t n;
	} cases[] = {
		{ "", 0, 0 },         { ",", 0, 0 },
		{ "oom,", 4, 0 },     { "oom,,kill", 4, 0 },
		{ "kil", 0, 3 },      { "oom,kills", 4, 5 },
		{ "OOM", 0, 3 },      { " oom", 0, 4 },
		{ "oom kill", 0, 8 }, { "oom;kill", 0, 8 },
		{ "gone,o", 5, 1 },   { "oom,this_is_longer_than_any_kind_can_be_it_is", 4, 41 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kinds_bad bad = { 0 };
		uint32_t mask = 42;

		assert_int_equal(kinds_parse(cases[i].list, &mask, &bad), KINDS_E_UNKNOWN);
		assert_int_equal(mask, 42);
		assert_int_equal(bad.word - cases[i].list, cases[i].at);
		assert_int_equal(bad.n, cases[i].n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(bad_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
