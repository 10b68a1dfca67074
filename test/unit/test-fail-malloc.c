/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The helper itself: code that is right passes, each kind of slip is seen. */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail_malloc.h"

enum slip {
	SLIP_NONE,
	SLIP_LEAKS_MEMORY,
	SLIP_LEAKS_FD,
	SLIP_WRONG_ERROR,
	SLIP_WRITES_OUTPUT,
	SLIP_IGNORES_FAILURE,
};

struct subject {
	enum slip slip;
	char *made[3];
	void *leaked;
	int leaked_fd;
	int out;
};

static void subject_undo(void *ctx)
{
	struct subject *s = ctx;

	for (size_t i = 0; i < 3; i++) {
		free(s->made[i]);
		s->made[i] = NULL;
	}
}

/* Four allocations: malloc, realloc, asprintf, strdup. */
static int subject_run(void *ctx)
{
	struct subject *s = ctx;
	char *grown;
	int r = -ENOMEM;

	memset(s->made, 0, sizeof(s->made));
	s->made[0] = malloc(8);
	if (!s->made[0])
		return r;
	grown = realloc(s->made[0], 4096);
	if (!grown)
		goto fail;
	s->made[0] = grown;
	if (asprintf(&s->made[1], "%d", 7) < 0) {
		s->made[1] = NULL;
		goto fail;
	}
	s->made[2] = strdup("x");
	if (!s->made[2] && s->slip != SLIP_IGNORES_FAILURE)
		goto fail;
	s->out = 1;
	return 0;
fail:
	if (s->slip == SLIP_LEAKS_MEMORY) {
		s->leaked = s->made[0];
		s->made[0] = NULL;
	}
	if (s->slip == SLIP_LEAKS_FD)
		s->leaked_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (s->slip == SLIP_WRITES_OUTPUT)
		s->out = 1;
	subject_undo(s);
	return s->slip == SLIP_WRONG_ERROR ? -EIO : r;
}

static int check(enum slip slip, bool may_succeed, char *why, size_t why_size)
{
	struct subject s = { .slip = slip, .leaked_fd = -1 };
	const struct fail_malloc_case c = {
		.run = subject_run,
		.undo = subject_undo,
		.ctx = &s,
		.out = &s.out,
		.out_size = sizeof(s.out),
		.may_succeed = may_succeed,
	};
	size_t n = 0;
	int r = fail_malloc_check(&c, why, why_size, &n);

	if (r == 0)
		assert_int_equal(n, 4);
	free(s.leaked);
	if (s.leaked_fd >= 0)
		(void)close(s.leaked_fd);
	return r;
}

static void right_code_passes(void **state)
{
	char why[256] = "";

	(void)state;
	assert_int_equal(check(SLIP_NONE, false, why, sizeof(why)), 0);
	assert_string_equal(why, "");
	assert_int_equal(check(SLIP_IGNORES_FAILURE, true, why, sizeof(why)), 0);
}

static void each_slip_is_seen(void **state)
{
	static const struct {
		enum slip slip;
		const char *why;
	} rows[] = {
		{ SLIP_LEAKS_MEMORY, "left behind: memory" },
		{ SLIP_LEAKS_FD, "left behind: a descriptor" },
		{ SLIP_WRONG_ERROR, "returned -5" },
		{ SLIP_WRITES_OUTPUT, "the output was written" },
		{ SLIP_IGNORES_FAILURE, "returned 0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char why[256] = "";

		assert_int_equal(check(rows[i].slip, false, why, sizeof(why)), -1);
		assert_non_null(strstr(why, rows[i].why));
	}
}

static void by_hand(void **state)
{
	void *volatile a, *volatile b; /* a compiler may drop a malloc() that nobody looks at */

	(void)state;
	fail_malloc_arm(2, false);
	a = malloc(1);
	b = malloc(1);
	assert_non_null(a);
	assert_null(b);
	assert_true(fail_malloc_disarm());
	free(a);
	fail_malloc_arm(1, false);
	assert_false(fail_malloc_disarm());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_code_passes),
		cmocka_unit_test(each_slip_is_seen),
		cmocka_unit_test(by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
