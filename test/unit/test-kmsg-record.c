/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/kmsg_record.h"

static void plain(void **state)
{
	struct kmsg_record r;

	(void)state;
	assert_int_equal(
		kmsg_record_parse("6,339,5140900,-;NET: \\x5ca\\x0a\\xff\n SUBSYSTEM=x\n", &r), 0);
	assert_int_equal(r.level, 6);
	assert_int_equal(r.facility, 0);
	assert_int_equal(r.seq, 339);
	assert_int_equal(r.time_us, 5140900);
	assert_false(r.cont);
	assert_false(r.cut);
	assert_string_equal(r.caller, "");
	assert_int_equal(r.len, 9);
	assert_memory_equal(r.text, "NET: \\a\n\xff", 10);
}

static void header(void **state)
{
	struct kmsg_record r;

	(void)state;
	assert_int_equal(kmsg_record_parse("12,0,0,-;I\n", &r), 0);
	assert_int_equal(r.facility, 1);
	assert_int_equal(r.level, 4);
	assert_int_equal(kmsg_record_parse("4,1,2,c,caller=T123;more", &r), 0);
	assert_true(r.cont);
	assert_string_equal(r.caller, "T123");
	assert_string_equal(r.text, "more");
	assert_int_equal(kmsg_record_parse("4,1,2,-,new=a;b,caller=T9;c", &r), 0);
	assert_string_equal(r.caller, "");
	assert_string_equal(r.text, "b,caller=T9;c");
	assert_int_equal(kmsg_record_parse("4,1,2,-,caller=T12345678901234567;x", &r), 0);
	assert_string_equal(r.caller, "");
	assert_int_equal(kmsg_record_parse("4,1,2,-;", &r), 0);
	assert_int_equal(r.len, 0);
}

static void malformed(void **state)
{
	static const char *const lines[] = {
		"",
		"x",
		"4",
		"4,1",
		"4,1,2",
		"4,1,2,-",
		"4,1,2,-\n;x",
		"4,,2,-;x",
		"-4,1,2,-;x",
		"4,1,9223372036854775808,-;x",
		"4294967296,1,2,-;x",
		" SUBSYSTEM=x",
	};
	struct kmsg_record r;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(kmsg_record_parse(lines[i], &r), -EBADMSG);
}

static void escapes(void **state)
{
	struct kmsg_record r;

	(void)state;
	assert_int_equal(kmsg_record_parse("4,1,2,-;\\x5cx41 \\xzz \\x4 \\", &r), 0);
	assert_string_equal(r.text, "\\x41 \\xzz \\x4 \\");
}

static void long_text(void **state)
{
	static char line[KMSG_READ_MAX + 1];
	size_t n = (size_t)sprintf(line, "4,1,2,-;");
	struct kmsg_record r;

	(void)state;
	memset(line + n, 'a', KMSG_TEXT_MAX);
	assert_int_equal(kmsg_record_parse(line, &r), 0);
	assert_int_equal(r.len, KMSG_TEXT_MAX);
	assert_false(r.cut);
	line[n + KMSG_TEXT_MAX] = 'b';
	assert_int_equal(kmsg_record_parse(line, &r), 0);
	assert_int_equal(r.len, KMSG_TEXT_MAX);
	assert_int_equal(strlen(r.text), KMSG_TEXT_MAX);
	assert_true(r.cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),   cmocka_unit_test(header),    cmocka_unit_test(malformed),
		cmocka_unit_test(escapes), cmocka_unit_test(long_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
