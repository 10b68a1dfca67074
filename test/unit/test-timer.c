/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "base/timer.h"

static bool ready(const struct timer *t, int timeout_ms)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) > 0;
}

static bool is_set(const struct timer *t)
{
	struct itimerspec at;

	assert_int_equal(timerfd_gettime(t->fd, &at), 0);
	return at.it_value.tv_sec > 0 || at.it_value.tv_nsec > 0;
}

static void set_and_taken(void **state)
{
	struct timer t = TIMER_NULL;

	(void)state;
	assert_int_equal(timer_open(&t), 0);
	assert_int_equal(fcntl(t.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(timer_take(&t), 0); /* it was not ready */
	assert_int_equal(timer_arm(&t, UINT64_MAX), 0);
	assert_false(is_set(&t));
	assert_int_equal(timer_arm(&t, clock_boottime_ns() + 1000 * NSEC_PER_SEC), 0);
	assert_true(is_set(&t));
	assert_int_equal(timer_arm(&t, UINT64_MAX), 0);
	assert_false(is_set(&t));
	assert_int_equal(timer_arm(&t, clock_boottime_ns() + NSEC_PER_MSEC), 0);
	assert_true(ready(&t, 10000));
	assert_int_equal(timer_take(&t), 0);
	assert_false(ready(&t, 0));
	assert_int_equal(t.due_ns, UINT64_MAX);
	timer_close(&t);
	timer_close(&t);
	assert_int_equal(t.fd, -1);
}

/* A time that has passed makes it ready, the very first one too. */
static void in_the_past(void **state)
{
	static const uint64_t past[] = { 0, 1, NSEC_PER_SEC };
	struct timer t = TIMER_NULL;

	(void)state;
	assert_int_equal(timer_open(&t), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(timer_arm(&t, past[i]), 0);
		assert_true(ready(&t, 10000));
		assert_int_equal(timer_take(&t), 0);
	}
	/* The same time again, after it was taken. */
	assert_int_equal(timer_arm(&t, past[2]), 0);
	assert_true(ready(&t, 10000));
	timer_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_and_taken),
		cmocka_unit_test(in_the_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
