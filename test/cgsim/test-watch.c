/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The monitor on a fake tree: scripted changes, and what is told of them
 *
 * Each step changes files, lets the monitor work until it has nothing left to do, and compares the
 * events as lines of text: "KIND PATH COUNT[-MAX] [removed] [limit PATH BYTES]".
 */
#include "cmocka_all.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

#include "watch_fixture.h"

static void a_kill_is_placed_with_its_limit(void **state)
{
	struct fixture *f = *state;
	struct balance b;

	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/t");
	fake_mkdir(&f->ft, "p/t/leaf");
	fake_write(&f->ft, "p/t/leaf", "memory.max", "16777216\n");
	fake_count(&f->ft, "p/t/leaf", "oom_kill", 7); /* before the watch: no news */
	watch(f, "p/t");
	told(f, "");
	fake_count(&f->ft, "p/t/leaf", "max", 35);
	told(f, "");
	fake_count(&f->ft, "p/t/leaf", "oom", 1);
	fake_count(&f->ft, "p/t/leaf", "oom_kill", 1);
	told(f, "oom /p/t/leaf 1 limit /p/t/leaf 16777216\n"
		"kill /p/t/leaf 1\n");
	fake_count(&f->ft, "p", "oom_kill", 1); /* beside the watch */
	told(f, "");
	b = settle(f);
	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_BALANCED);
	assert_int_equal(b.kind[EVENT_KILL].counted, 1);
	assert_int_equal(b.kind[EVENT_OOM].counted, 1);
}

static void expect_cookies(struct fixture *f, uint64_t first, size_t n)
{
	_cleanup_event_ struct oomn_event *e = NULL;

	assert_int_equal(monitor_next(f->m, &e), 1);
	assert_int_equal(e->kind, EVENT_KILL);
	assert_int_equal(e->cookie, first);
	assert_int_equal(e->cookies_n, n);
}

static bool is_readable(const struct oomn_monitor *m)
{
	struct pollfd p = { .fd = monitor_get_fd(m), .events = POLLIN };

	return poll(&p, 1, 1000) == 1;
}

/* What it counted before is the older watch's alone, and its reader is woken for it. */
static void a_new_watch_is_not_told_what_was_before(void **state)
{
	struct fixture *f = *state;
	uint64_t older;

	fake_mkdir(&f->ft, "a");
	fake_mkdir(&f->ft, "a/b");
	watch(f, "a");
	older = f->cookie;
	told(f, "");
	fake_count(&f->ft, "a/b", "oom_kill", 1);
	watch(f, "a/b");
	assert_true(is_readable(f->m));
	expect_cookies(f, older, 1);
	fake_count(&f->ft, "a/b", "oom_kill", 1);
	while (monitor_settle(f->m) == MONITOR_E_AGAIN)
		assert_true(is_readable(f->m));
	expect_cookies(f, f->cookie, 2);
}

/* The same with the older one below: it joins the new one's tree with what it had not told. */
static void a_new_watch_above_is_not_told_what_was_before(void **state)
{
	struct fixture *f = *state;
	uint64_t older;

	fake_mkdir(&f->ft, "a");
	fake_mkdir(&f->ft, "a/b");
	watch(f, "a/b");
	older = f->cookie;
	told(f, "");
	fake_count(&f->ft, "a/b", "oom_kill", 1);
	watch(f, "a");
	expect_cookies(f, older, 1);
}

/* memory.max lowered below usage: tens of thousands of ooms for one kill are one event. */
static void many_ooms_are_one_event(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "t");
	watch(f, "t");
	fake_count(&f->ft, "t", "oom", 57749);
	fake_count(&f->ft, "t", "oom_kill", 1);
	told(f, "oom /t 57749\nkill /t 1\n");
}

static void a_removed_child_is_told_at_its_parent(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "t");
	fake_mkdir(&f->ft, "t/inner");
	watch(f, "t");
	fake_mkdir(&f->ft, "t/inner/leaf");
	fake_count(&f->ft, "t/inner/leaf", "oom", 1);
	fake_count(&f->ft, "t/inner/leaf", "oom_kill", 1);
	fake_rmdir(&f->ft, "t/inner/leaf");
	told(f, "oom /t/inner 1 removed\nkill /t/inner 1 removed\n");
	balanced(f);
}

static void a_group_kill_may_count_its_victim_twice(void **state)
{
	struct fixture *f = *state;
	struct balance b;

	fake_mkdir(&f->ft, "t");
	fake_mkdir(&f->ft, "t/g");
	watch(f, "t");
	fake_count(&f->ft, "t/g", "oom", 1);
	fake_count(&f->ft, "t/g", "oom_group_kill", 1);
	fake_count(&f->ft, "t/g", "oom_kill", 6);
	told(f, "oom /t/g 1\ngroup_kill /t/g 1\nkill /t/g 5-6\n");
	b = settle(f);
	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_BALANCED);
	assert_int_equal(b.kind[EVENT_KILL].recounts, 1);
}

/* The counters of a top go with it; its parent's prove its last moment. */
static void a_top_that_dies_is_settled_from_its_parent(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/old"); /* died before: not the top's */
	fake_count(&f->ft, "p/old", "oom_kill", 5);
	fake_rmdir(&f->ft, "p/old");
	fake_mkdir(&f->ft, "p/neighbour");
	fake_count(&f->ft, "p/neighbour", "oom_kill", 2);
	fake_mkdir(&f->ft, "p/t");
	watch(f, "p/t");
	fake_count(&f->ft, "p/neighbour", "oom_kill", 3);
	fake_count(&f->ft, "p/t", "oom", 1);
	fake_count(&f->ft, "p/t", "oom_kill", 1);
	fake_rmdir(&f->ft, "p/t");
	told(f, "oom /p/t 1 removed\nkill /p/t 1 removed\ngone /p/t 1\n");
	assert_int_equal(monitor_watches(f->m), 0);
	balanced(f);
}

/* Two die at once: whose the kill was is open, and is said to be. */
static void neighbours_that_die_together_are_not_guessed_at(void **state)
{
	struct fixture *f = *state;
	struct balance b;

	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/t");
	fake_mkdir(&f->ft, "p/neighbour");
	watch(f, "p/t");
	fake_count(&f->ft, "p/neighbour", "oom_kill", 1);
	fake_rmdir(&f->ft, "p/neighbour");
	fake_rmdir(&f->ft, "p/t");
	told(f, "gone /p/t 1\n");
	b = settle(f);
	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_UNPROVEN);
	assert_int_equal(b.kind[EVENT_KILL].unproven, 1);
	assert_int_equal(b.kind[EVENT_OOM].unproven, 0);
	assert_true(b.reasons & UNPROVEN_SIBLINGS_GONE);
}

/* A neighbour that died while the top lived on is taken into account in time. */
static void a_neighbour_that_died_before_is_not_the_tops(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/t");
	fake_mkdir(&f->ft, "p/neighbour");
	watch(f, "p/t");
	fake_count(&f->ft, "p/neighbour", "oom_kill", 4);
	fake_rmdir(&f->ft, "p/neighbour");
	told(f, "");
	fake_count(&f->ft, "p/t", "oom_kill", 1);
	fake_rmdir(&f->ft, "p/t");
	told(f, "kill /p/t 1 removed\ngone /p/t 1\n");
	balanced(f);
}

static void a_top_below_the_root_cannot_be_proven(void **state)
{
	struct fixture *f = *state;
	struct balance b;

	fake_mkdir(&f->ft, "t");
	watch(f, "t");
	fake_rmdir(&f->ft, "t");
	told(f, "gone /t 1\n");
	b = settle(f);
	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_UNPROVEN);
}

/* The controller switched off and on: the account starts anew, nothing is told twice or lost. */
static void a_controller_switched_off_and_on_is_a_new_account(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/t");
	fake_count(&f->ft, "p/t", "oom_kill", 3);
	watch(f, "p/t");
	fake_count(&f->ft, "p/t", "oom_kill", 1);
	fake_memory(&f->ft, "p/t", false);
	told(f, "kill /p/t 1 removed\n");
	assert_int_equal(monitor_watches(f->m), 1);
	fake_memory(&f->ft, "p/t", true);
	fake_count(&f->ft, "p/t", "oom_kill", 2);
	told(f, "kill /p/t 2\n");
	balanced(f);
}

static void a_child_switched_off_and_on_starts_anew(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "t");
	fake_mkdir(&f->ft, "t/c");
	fake_count(&f->ft, "t/c", "oom_kill", 9);
	watch(f, "t");
	fake_memory(&f->ft, "t/c", false);
	fake_memory(&f->ft, "t/c", true);
	fake_count(&f->ft, "t/c", "oom_kill", 1);
	told(f, "kill /t/c 1\n");
	balanced(f);
}

static void the_whole_host_follows_tops_that_come_and_go(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "old");
	fake_count(&f->ft, "old", "oom_kill", 4);
	watch(f, "");
	fake_mkdir(&f->ft, "new");
	fake_mkdir(&f->ft, "new/leaf");
	fake_count(&f->ft, "new/leaf", "oom_kill",
		   2); /* before anybody looked: news all the same */
	fake_count(&f->ft, "old", "oom_kill", 1);
	work(f);
	assert_non_null(strstr(f->text, "kill /new/leaf 2\n"));
	assert_non_null(strstr(f->text, "kill /old 1\n"));
	f->text[0] = '\0';
	fake_rmdir(&f->ft, "old");
	told(f, "gone /old 1\n");
	assert_int_equal(monitor_watches(f->m), 1);
}

static void overlapping_watches_tell_each_event_once(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "a");
	fake_mkdir(&f->ft, "a/b");
	fake_mkdir(&f->ft, "a/b/c");
	watch(f, "a/b/c");
	fake_count(&f->ft, "a/b/c", "oom_kill", 1);
	told(f, "kill /a/b/c 1\n");
	watch(f, "a/b"); /* takes the other's account over */
	fake_count(&f->ft, "a/b/c", "oom_kill", 1);
	fake_count(&f->ft, "a/b", "oom_kill", 1);
	told(f, "kill /a/b 1\nkill /a/b/c 1\n");
	fake_rmdir(&f->ft, "a/b/c");
	told(f, "gone /a/b/c 1\n");
	assert_int_equal(monitor_watches(f->m), 1);
	balanced(f);
}

/* A watch above takes over those below, whether they counted something by then or not. */
static void a_watch_above_takes_over_those_below(void **state)
{
	static const char *const above[] = { "a", "" };

	for (size_t i = 0; i < 2; i++) {
		struct fixture *f;

		setup(state);
		f = *state;
		fake_mkdir(&f->ft, "a");
		fake_mkdir(&f->ft, "a/b");
		fake_mkdir(&f->ft, "a/c");
		watch(f, "a/b");
		watch(f, "a/c");
		fake_count(&f->ft, "a/b", "oom_kill", 1);
		told(f, "kill /a/b 1\n");
		watch(f, above[i]);
		fake_count(&f->ft, "a/b", "oom_kill", 2);
		told(f, "kill /a/b 2\n");
		fake_count(&f->ft, "a/c", "oom_kill", 3);
		told(f, "kill /a/c 3\n");
		balanced(f);
		teardown(state);
	}
}

static void local_is_that_cgroup_alone(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/t");
	fake_mkdir(&f->ft, "p/t/c");
	assert_int_equal(watch_flags(f, "p/t", MONITOR_LOCAL), 0);
	assert_int_equal(watch_flags(f, "p", 0), -EINVAL);
	fake_count(&f->ft, "p/t/c", "oom_kill", 1);
	told(f, "");
	fake_count(&f->ft, "p/t", "oom", 1);
	told(f, "oom /p/t 1\n");
	balanced(f);
}

static void gone_for_all_and_for_those_with_events(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "t");
	fake_mkdir(&f->ft, "t/quiet");
	fake_mkdir(&f->ft, "t/loud");
	watch(f, "t");
	fake_count(&f->ft, "t/loud", "oom_kill", 1);
	told(f, "kill /t/loud 1\n");
	fake_rmdir(&f->ft, "t/quiet");
	fake_rmdir(&f->ft, "t/loud");
	told(f, "gone /t/loud 1\n");
	fake_mkdir(&f->ft, "t/deep");
	assert_int_equal(watch_flags(f, "t/deep", MONITOR_GONE_ALL), 0);
	fake_mkdir(&f->ft, "t/deep/later");
	work(f);
	fake_rmdir(&f->ft, "t/deep/later");
	told(f, "gone /t/deep/later 1\n");
}

static void odd_names_pass_unchanged(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "t");
	fake_mkdir(&f->ft, "t/a\nb\"\x1b[31m\xff\\");
	watch(f, "t");
	fake_count(&f->ft, "t/a\nb\"\x1b[31m\xff\\", "oom_kill", 1);
	told(f, "kill /t/a\nb\"\x1b[31m\xff\\ 1\n");
}

static void unknown_keys_are_skipped_and_malformed_ones_told(void **state)
{
	struct fixture *f = *state;
	struct balance b;

	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/t");
	watch(f, "p/t");
	fake_write(&f->ft, "p/t", "memory.events",
		   "low 0\nhigh 0\nmax 0\noom 1\noom_kill 0\noom_group_kill 0\nsock_throttled 4\n");
	fake_write(&f->ft, "p/t", "memory.events.local",
		   "low 0\nhigh 0\nmax 0\noom 1\noom_kill 0\noom_group_kill 0\nsock_throttled 4\n");
	told(f, "oom /p/t 1\n");
	fake_write(&f->ft, "p/t", "memory.events", "oom x\noom_kill 0\n");
	told(f, "");
	b = settle(f);
	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_UNPROVEN);
	assert_true(b.reasons & UNPROVEN_UNREADABLE);
}

static void what_is_not_there_is_refused(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "t");
	fake_memory(&f->ft, "t", false);
	assert_int_equal(watch_flags(f, "t", 0), -ENODEV);
	assert_int_equal(monitor_watches(f->m), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_kill_is_placed_with_its_limit),
		CASE(many_ooms_are_one_event),
		CASE(a_removed_child_is_told_at_its_parent),
		CASE(a_group_kill_may_count_its_victim_twice),
		CASE(a_top_that_dies_is_settled_from_its_parent),
		CASE(neighbours_that_die_together_are_not_guessed_at),
		CASE(a_neighbour_that_died_before_is_not_the_tops),
		CASE(a_top_below_the_root_cannot_be_proven),
		CASE(a_controller_switched_off_and_on_is_a_new_account),
		CASE(a_child_switched_off_and_on_starts_anew),
		CASE(the_whole_host_follows_tops_that_come_and_go),
		CASE(a_new_watch_is_not_told_what_was_before),
		CASE(a_new_watch_above_is_not_told_what_was_before),
		CASE(overlapping_watches_tell_each_event_once),
		cmocka_unit_test(a_watch_above_takes_over_those_below),
		CASE(local_is_that_cgroup_alone),
		CASE(gone_for_all_and_for_those_with_events),
		CASE(odd_names_pass_unchanged),
		CASE(unknown_keys_are_skipped_and_malformed_ones_told),
		CASE(what_is_not_there_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
