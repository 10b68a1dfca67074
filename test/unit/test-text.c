/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fail_malloc.h"
#include "sink/text.h"

/* 2026-07-04T12:34:56.000789Z */
#define SOME_TIME_NS UINT64_C(1783168496000789999)

static const struct text_style plain = { 0 };
static const struct text_style terminal = { .aligned = true };
static const struct text_style coloured = { .aligned = true, .colour = true };
static const struct text_style ascii = { .aligned = true, .ascii = true };

static struct oomn_event *make(enum event_kind kind, const char *cgroup)
{
	struct oomn_event *e = event_new(kind);

	assert_non_null(e);
	e->realtime_ns = SOME_TIME_NS;
	e->cgroup = cgroup ? strdup(cgroup) : NULL;
	return e;
}

static struct oomn_event *with_limit(struct oomn_event *e, const char *cgroup, uint64_t bytes)
{
	e->limit_cgroup = strdup(cgroup);
	e->limit_bytes = bytes;
	return e;
}

static struct oomn_event *with_count(struct oomn_event *e, uint64_t min, uint64_t max)
{
	e->count_min = min;
	e->count_max = max;
	return e;
}

static void expect_at(const struct text_style *style, struct text_state *state,
		      struct oomn_event *e, const char *text)
{
	char *line = NULL;

	assert_int_equal(text_encode_event(style, e, state, &line), 0);
	assert_string_equal(line, text);
	free(line);
	event_free(e);
}

static void expect(const struct text_style *style, struct oomn_event *e, const char *text)
{
	struct text_state lines = { 0 };

	expect_at(style, &lines, e, text);
}

#define WHEN "2026-07-04T12:34:56.000789+0000\t"

static void each_kind_in_words(void **state)
{
	(void)state;
	expect(&plain, make(EVENT_OOM, "/a"), WHEN "oom\t/a\t1 oom");
	expect(&plain, with_count(make(EVENT_OOM, "/a"), 57749, 57749), WHEN "oom\t/a\t57749 ooms");
	expect(&plain, make(EVENT_KILL, "/a"), WHEN "kill\t/a\t1 kill");
	expect(&plain, with_count(make(EVENT_KILL, "/a"), 5, 6), WHEN "kill\t/a\t5 or 6 kills");
	expect(&plain, with_count(make(EVENT_KILL, "/a"), 0, 1), WHEN "kill\t/a\t0 or 1 kill");
	expect(&plain, with_count(make(EVENT_KILL, "/a"), 5, 7), WHEN "kill\t/a\t5 to 7 kills");
	expect(&plain, make(EVENT_GROUP_KILL, "/a"), WHEN "group_kill\t/a\t1 group kill");
	expect(&plain, make(EVENT_PAUSED, "/a"),
	       WHEN "paused\t/a\t1 pause, tasks wait (oom_kill_disable)");
	expect(&plain, make(EVENT_GONE, "/a"), WHEN "gone\t/a\tcgroup was removed");
	expect(&plain, with_count(make(EVENT_LOST, NULL), 12, 12),
	       WHEN "lost\t-\t12 events dropped, not taken in time");
}

static void where_it_happened(void **state)
{
	struct oomn_event *e = make(EVENT_KILL, "/a");

	(void)state;
	e->removed = true;
	expect(&plain, e, WHEN "kill\t/a\t1 kill, here or in a removed cgroup below");
	e = make(EVENT_KILL, "/a");
	e->unplaced = true;
	expect(&plain, e, WHEN "kill\t/a\t1 kill, here or below, not known where");
}

static void the_limit(void **state)
{
	struct oomn_event *e;

	(void)state;
	expect(&plain, with_limit(make(EVENT_OOM, "/a"), "/a", 32 << 20),
	       WHEN "oom\t/a\t1 oom, limit 32 MiB");
	expect(&plain, with_limit(make(EVENT_OOM, "/a/b"), "/a", 32 << 20),
	       WHEN "oom\t/a/b\t1 oom, limit 32 MiB of /a");
	expect(&plain, with_limit(make(EVENT_OOM, "/a/b"), "/a\n", BYTES_NONE),
	       WHEN "oom\t/a/b\t1 oom, limit of /a\\x0a");
	expect(&plain, with_limit(make(EVENT_OOM, "/a"), "/a", BYTES_NONE), WHEN "oom\t/a\t1 oom");
	e = with_limit(make(EVENT_OOM, "/a"), "/a", BYTES_NONE);
	e->limit_or_above = true;
	expect(&plain, e, WHEN "oom\t/a\t1 oom, limit here or above");
	e = with_limit(make(EVENT_OOM, "/a/b"), "/a", BYTES_NONE);
	e->limit_or_above = true;
	expect(&plain, e, WHEN "oom\t/a/b\t1 oom, limit of /a or above");
}

static void sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 bytes" },
		{ 1023, "1023 bytes" },
		{ 4096, "4 KiB" },
		{ (UINT64_C(1) << 20) - 1, "1023.9 KiB" },
		{ UINT64_C(33) << 20, "33 MiB" },
		{ UINT64_C(3) << 19, "1.5 MiB" },
		{ (UINT64_C(1) << 30) - 4096, "1023.9 MiB" },
		{ UINT64_C(3) << 29, "1.5 GiB" },
		{ UINT64_C(2) << 40, "2 TiB" },
		{ UINT64_C(2) << 50, "2 PiB" },
		{ UINT64_MAX - 1, "15.9 EiB" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), WHEN "oom\t/a\t1 oom, limit %s", cases[i].text);
		expect(&plain, with_limit(make(EVENT_OOM, "/a"), "/a", cases[i].bytes), text);
	}
}

static void terminal_is_aligned(void **state)
{
	struct text_state lines = { 0 };

	(void)state;
	expect_at(&terminal, &lines, make(EVENT_OOM, "/a"),
		  "Jul 04 12:34:56.000  oom         /a                        1 oom");
	expect_at(&terminal, &lines, make(EVENT_KILL, "/tr\303\250s/\346\227\245\346\234\254"),
		  "Jul 04 12:34:56.000  kill        /tr\303\250s/\346\227\245\346\234\254"
		  "                1 kill");
	expect_at(&terminal, &lines, make(EVENT_GROUP_KILL, "/123456789/123456789/123456789"),
		  "Jul 04 12:34:56.000  group_kill  /123456789/123456789/123456789  1 group kill");
	expect_at(&terminal, &lines, make(EVENT_OOM, "/a"),
		  "Jul 04 12:34:56.000  oom         /a                              1 oom");
	expect_at(&terminal, &lines, make(EVENT_OOM, "/123456789/123456789/123456789/123456789/"),
		  "Jul 04 12:34:56.000  oom         /123456789/123456789/123456789/123456789/"
		  "  1 oom");
	assert_int_equal(lines.name_width, strlen("/123456789/123456789/123456789"));
}

static void colour_is_the_kind_s_only(void **state)
{
	(void)state;
	expect(&coloured, make(EVENT_KILL, "/\033[31m"),
	       "Jul 04 12:34:56.000  \033[1;31mkill\033[0m        /\\x1b[31m                 1 "
	       "kill");
}

static void a_terminal_without_utf8_gets_ascii(void **state)
{
	(void)state;
	/* 0x9b is part of a letter in UTF-8 and begins an escape in Latin-1. */
	expect(&ascii, with_limit(make(EVENT_KILL, "/\333\233"), "/\333\233b", 4096),
	       "Jul 04 12:34:56.000  kill        /\\xdb\\x9b                 "
	       "1 kill, limit 4 KiB of /\\xdb\\x9bb");
}

struct encoding {
	const struct oomn_event *event;
	char *line;
};

static int encode(void *ctx)
{
	struct encoding *c = ctx;
	struct text_state lines = { 0 };

	return text_encode_event(&terminal, c->event, &lines, &c->line);
}

static void free_line(void *ctx)
{
	free(((struct encoding *)ctx)->line);
}

static void memory_fails_at_every_place(void **state)
{
	struct oomn_event *e = with_limit(make(EVENT_KILL, "/a"), "/b", 4096);
	struct encoding c = { .event = e };
	const struct fail_malloc_case each = { .run = encode,
					       .undo = free_line,
					       .ctx = &c,
					       .out = &c.line,
					       .out_size = sizeof(c.line) };

	(void)state;
	assert_true(fail_malloc_each(&each) >= 2); /* both names */
	event_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_in_words),
		cmocka_unit_test(where_it_happened),
		cmocka_unit_test(the_limit),
		cmocka_unit_test(sizes),
		cmocka_unit_test(terminal_is_aligned),
		cmocka_unit_test(colour_is_the_kind_s_only),
		cmocka_unit_test(a_terminal_without_utf8_gets_ascii),
		cmocka_unit_test(memory_fails_at_every_place),
	};

	setenv("TZ", "UTC0", 1);
	tzset();
	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		puts("skip: columns of a terminal cannot be counted without locale C.UTF-8");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
