/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <string.h>

#include "base/words.h"

static void one_of_them(void **state)
{
	static const struct {
		const char *text;
		const char *separators;
		const char *word;
		bool has;
	} rows[] = {
		{ "memory", ",", "memory", true },
		{ "cpu,memory,pids", ",", "memory", true },
		{ "cpu,memory", ",", "cpu", true },
		{ "cpu memory\n", " \n", "memory", true },
		{ "\n memory  io \n", " \n", "io", true },
		{ "memory_localevents", ",", "memory", false },
		{ "mem,ory", ",", "memory", false },
		{ "hugememory,x", ",", "memory", false },
		{ "cpu memory", ",", "memory", false },
		{ ",,", ",", "", false },
		{ "", ",", "", false },
		{ "", ",", "x", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (words_have(rows[i].text, strlen(rows[i].text), rows[i].separators,
			       rows[i].word) != rows[i].has)
			fail_msg("'%s' in '%s'", rows[i].word, rows[i].text);
}

/* The text ends where it is said to end, and nowhere else. */
static void within_the_length(void **state)
{
	static const char with_nul[] = "a\0b,c";

	(void)state;
	assert_true(words_have("cpu,memory:/x", 10, ",", "memory"));
	assert_false(words_have("cpu,memory", 9, ",", "memory"));
	assert_true(words_have("cpu,memory", 9, ",", "memor"));
	assert_false(words_have("memory", 0, ",", "memory"));
	assert_true(words_have(with_nul, 5, ",", "c"));
	assert_false(words_have(with_nul, 5, ",", "b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_them),
		cmocka_unit_test(within_the_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
