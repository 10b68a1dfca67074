/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"

static const struct {
	const char *raw;
	size_t n;
	const char *text;
} cases[] = {
#define CASE(raw, text)                                                                            \
	{                                                                                          \
		raw, sizeof(raw) - 1, text                                                         \
	}
	CASE("", ""),
	CASE("/system.slice/a b.service", "/system.slice/a b.service"),
	CASE("'\"$`", "'\"$`"),
	CASE("a\nb\tc\r", "a\\x0ab\\x09c\\x0d"),
	CASE("\033[31m", "\\x1b[31m"),
	CASE("\177", "\\x7f"),
	CASE("\\", "\\x5c"),
	CASE("\\x41", "\\x5cx41"), /* looks escaped, but is a name */
	CASE("tr\303\250s", "tr\303\250s"),
	CASE("\346\227\245\346\234\254", "\346\227\245\346\234\254"),
	CASE("\360\237\220\247", "\360\237\220\247"),
	CASE("\377", "\\xff"),
	CASE("\200", "\\x80"),
	CASE("\303", "\\xc3"),                            /* cut short */
	CASE("\303(", "\\xc3("),                          /* what follows is kept */
	CASE("\360\237\220", "\\xf0\\x9f\\x90"),          /* cut short by one of four */
	CASE("\300\257", "\\xc0\\xaf"),                   /* overlong '/' */
	CASE("\340\200\257", "\\xe0\\x80\\xaf"),          /* overlong in three */
	CASE("\355\240\200", "\\xed\\xa0\\x80"),          /* surrogate */
	CASE("\364\220\200\200", "\\xf4\\x90\\x80\\x80"), /* above U+10FFFF */
	CASE("\302\233", "\\xc2\\x9b"),                   /* U+009B, CSI */
	CASE("\342\200\256", "\\xe2\\x80\\xae"),          /* right-to-left override */
	CASE("\342\200\250", "\\xe2\\x80\\xa8"),          /* line separator */
	CASE("a\302\255b", "a\\xc2\\xadb"),               /* U+00AD, soft hyphen */
	CASE("\342\200\212", "\342\200\212"),             /* U+200A: narrow, but seen */
	CASE("\342\200\213", "\\xe2\\x80\\x8b"),          /* U+200B, zero width space */
	CASE("\342\200\214", "\\xe2\\x80\\x8c"),          /* U+200C, non-joiner */
	CASE("\342\200\215", "\\xe2\\x80\\x8d"),          /* U+200D, joiner */
	CASE("\342\200\217", "\\xe2\\x80\\x8f"),          /* U+200F */
	CASE("\342\200\220", "\342\200\220"),             /* U+2010, hyphen */
	CASE("\342\201\237", "\342\201\237"),             /* U+205F: a space */
	CASE("\342\201\240", "\\xe2\\x81\\xa0"),          /* U+2060, word joiner */
	CASE("\342\201\257", "\\xe2\\x81\\xaf"),          /* U+206F, digit shapes */
	CASE("\342\201\260", "\342\201\260"),             /* U+2070, superscript zero */
	CASE("\357\273\277", "\\xef\\xbb\\xbf"),          /* U+FEFF */
	CASE("\363\240\200\200", "\\xf3\\xa0\\x80\\x80"), /* U+E0000 */
	CASE("\363\240\201\277", "\\xf3\\xa0\\x81\\xbf"), /* U+E007F, cancel tag */
	CASE("\363\240\202\200", "\363\240\202\200"),     /* U+E0080: no such character */
	CASE("a\0b", "a\\x00b"),
#undef CASE
};

static void each_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[ESCAPE_ROOM(64)];
		size_t n = escape_bytes(cases[i].raw, cases[i].n, 0, text);

		assert_string_equal(text, cases[i].text);
		assert_int_equal(n, strlen(cases[i].text));
	}
}

static void ascii_lets_nothing_else_through(void **state)
{
	char *text = escape_name("tr\303\250s \233", ESCAPE_ASCII);

	(void)state;
	assert_string_equal(text, "tr\\xc3\\xa8s \\x9b");
	free(text);
}

/* What oomnotify-events(5) tells a reader to do: each `\xHH` is that byte, all else is itself. */
static size_t undo(const char *text, char *ret)
{
	size_t n = 0;

	for (; *text != '\0'; n++) {
		char hex[3] = "";

		if (*text != '\\') {
			ret[n] = *text++;
			continue;
		}
		assert_int_equal(text[1], 'x');
		memcpy(hex, text + 2, 2);
		assert_int_equal(strspn(hex, "0123456789abcdef"), 2);
		ret[n] = (char)strtoul(hex, NULL, 16);
		text += 4;
	}
	return n;
}

static void any_bytes_can_be_got_back(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (unsigned round = 0; round < 100000; round++) {
		char raw[32], text[ESCAPE_ROOM(sizeof(raw))], back[sizeof(text)];
		size_t n = (size_t)rand_r(&seed) % sizeof(raw);
		size_t len;

		for (size_t i = 0; i < n; i++)
			raw[i] = (char)rand_r(&seed);
		len = escape_bytes(raw, n, round % 2 ? ESCAPE_ASCII : 0, text);
		assert_true(len < sizeof(text));
		for (size_t i = 0, size; i < len; i += size) {
			uint32_t c;

			size = utf8_char(text + i, len - i, &c);
			assert_int_not_equal(size, 0);
			assert_true(c >= 0x20 && c != 0x7f);
			assert_true(round % 2 == 0 || c < 0x7f);
		}
		assert_int_equal(undo(text, back), n);
		assert_memory_equal(back, raw, n);
	}
}

static void every_code_point_is_decoded(void **state)
{
	(void)state;
	for (uint32_t c = 0x80; c <= 0x10ffff; c++) {
		char s[5] = { 0 };
		uint32_t got = 0;
		size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

		s[0] = (char)((0xf00U >> n & 0xff) | c >> (6 * (n - 1)));
		for (size_t i = 1; i < n; i++)
			s[i] = (char)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
		if (c >= 0xd800 && c <= 0xdfff) {
			assert_int_equal(utf8_char(s, n, &got), 0);
			continue;
		}
		assert_int_equal(utf8_char(s, n, &got), n);
		assert_int_equal(got, c);
		assert_int_equal(utf8_char(s, n - 1, &got), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case),
		cmocka_unit_test(ascii_lets_nothing_else_through),
		cmocka_unit_test(any_bytes_can_be_got_back),
		cmocka_unit_test(every_code_point_is_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
