/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "sink/text_layout.h"
#include "sink/text_words.h"

/* In the tables: a part behind '|', a paragraph behind '/', a long one behind '~'. */
static char *words_from(const char *text)
{
	char *words = strdup(text);

	assert_non_null(words);
	for (char *c = words; *c != '\0'; c++)
		*c = *c == '|'   ? WORDS_PART
		     : *c == '/' ? WORDS_PARAGRAPH
		     : *c == '~' ? WORDS_LONG
				 : *c;
	return words;
}

static void expect(struct text_layout l, const char *words, const char *want)
{
	char *parts = words_from(words), *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	text_lay_out(f, parts, &l);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(text, want);
	free(text);
	free(parts);
}

/* Behind "abc" in a column of 4, with two blanks; below it from column 2. */
static struct text_layout terminal(size_t columns)
{
	return (struct text_layout){
		.aligned = true, .at = 3, .start = 6, .indent = 2, .columns = columns
	};
}

static void one_line_for_a_pipe(void **state)
{
	const struct text_layout pipe = { .columns = 10 };

	(void)state;
	expect(pipe, "one", "one");
	expect(pipe, "one|two/three|four~five is long", "one, two, three, four, five is long");
}

static void paragraphs_on_a_terminal(void **state)
{
	(void)state;
	expect(terminal(0), "one", "   one");
	expect(terminal(0), "one|two/three|four/five", "   one, two\n  three, four\n  five");
}

/* At its edge and one column before it, with and without the comma behind. */
static void parts_that_cross_the_edge(void **state)
{
	(void)state;
	expect(terminal(14), "one|two", "   one, two");
	expect(terminal(13), "one|two", "   one,\n  two");
	expect(terminal(10), "one|two", "   one,\n  two");
	expect(terminal(9), "one|two", "\n  one,\n  two");
	expect(terminal(9), "one", "   one");
	expect(terminal(8), "one", "\n  one");
	expect(terminal(11), "a/one|two|x", "   a\n  one, two,\n  x");
	expect(terminal(10), "a/one|two|x", "   a\n  one,\n  two, x");
}

static void a_part_longer_than_a_line_stays_whole(void **state)
{
	(void)state;
	expect(terminal(12), "0123456789abcdef|two", "\n  0123456789abcdef,\n  two");
	expect(terminal(12), "a/0123456789abcdef|two", "   a\n  0123456789abcdef,\n  two");
}

static void long_ones_are_cut(void **state)
{
	struct text_layout ascii = terminal(12);

	(void)state;
	ascii.ascii = true;
	expect(terminal(0), "a~0123456789abcdef", "   a\n  0123456789abcdef");
	expect(terminal(12), "a~0123456789", "   a\n  0123456789");
	expect(terminal(12), "a~0123456789a", "   a\n  012345678\u2026");
	expect(ascii, "a~0123456789a", "   a\n  0123456...");
	/* Not within an escaped byte, nor within a character that takes two columns. */
	expect(terminal(12), "a~01234567\\xff9", "   a\n  01234567\u2026");
	expect(terminal(12), "a~01234\\xff9ab", "   a\n  01234\\xff\u2026");
	expect(terminal(12), "a~01234567\u65e5\u672c", "   a\n  01234567\u2026");
	expect(terminal(12), "a~0123456\u65e5\u672c", "   a\n  0123456\u65e5\u2026");
	expect(terminal(2), "a~0123", "\n  a\n  \u2026");
	/* The first of all: nothing stands behind the cgroup. */
	expect(terminal(12), "~0123456789a", "\n  012345678\u2026");
	expect(terminal(12), "a~0123456789a/b", "   a\n  012345678\u2026\n  b");
}

static void columns_of_characters(void **state)
{
	(void)state;
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("a\303\250"), 2);
	assert_int_equal(text_width("\346\227\245"), 2);
	assert_int_equal(text_width("\377\376a"), 3);
	assert_int_equal(text_width("\343\200"), 2); /* the beginning of one that is wide */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_for_a_pipe),
		cmocka_unit_test(paragraphs_on_a_terminal),
		cmocka_unit_test(parts_that_cross_the_edge),
		cmocka_unit_test(a_part_longer_than_a_line_stays_whole),
		cmocka_unit_test(long_ones_are_cut),
		cmocka_unit_test(columns_of_characters),
	};

	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		puts("skip: columns of a terminal cannot be counted without locale C.UTF-8");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
