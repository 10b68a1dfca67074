/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The v1 source on plain directories that take registrations: the test is the kernel that signals
 */
#include "v1_fake.h"

static void rename_cgroup(struct fake *f, const char *from, const char *to)
{
	char old[512], new[512];

	snprintf(old, sizeof(old), "%s/cg%s", f->top, from);
	snprintf(new, sizeof(new), "%s/cg%s", f->top, to);
	assert_int_equal(rename(old, new), 0);
}

/* Nothing says that those above were renamed, and each is found by its name: none is taken for removed. */
static void all_above_are_renamed(void **state)
{
	struct rlimit old = keep_no_files_open(8);
	struct fake f;

	(void)state;
	setup(&f);
	make_listening(&f, "/g");
	make_listening(&f, "/g/p");
	make_listening(&f, "/g/p/o");
	make_listening(&f, "/g/p/o/a");
	make_listening(&f, "/g/p/o/a/b");
	start(&f);
	watch(&f, "/g/p/o/a");
	rename_cgroup(&f, "/g/p", "/g/q");
	rename_cgroup(&f, "/g", "/h");
	send_signal(registered(&f, "/h/q/o"));
	go(&f, 0);
	send_signal(registered(&f, "/h/q/o/a"));
	send_signal(registered(&f, "/h/q/o/a/b"));
	wait_long(&f);
	expect_nothing(&f);
	assert_int_equal(engine_watches(f.engine), 1);
	send_signal(registered(&f, "/h/q/o/a/b"));
	wait_long(&f);
	expect(&f, EVENT_OOM, "/h/q/o/a/b", 1);
	expect_nothing(&f);
	teardown(&f);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/*
 * A cgroup and the one above it go, and that is seen before inotify's queue is read so far: what came and
 * went in it has still been seen.
 */
static void removed_with_what_was_never_seen(void **state)
{
	struct rlimit old = keep_no_files_open(3);
	char path[256];
	struct fake f;
	int fd;

	(void)state;
	setup(&f);
	make_listening(&f, "/a");
	make_listening(&f, "/a/d");
	start(&f);
	watch(&f, "/a");
	fd = registered(&f, "/a/d");
	snprintf(path, sizeof(path), "%s/cg/a/file", f.top);
	for (int i = 0; i < 500; i++) { /* more than is read in one round */
		write_text(path, "");
		assert_int_equal(unlink(path), 0);
	}
	make_listening(&f, "/a/d/x");
	remove_cgroup(&f, "/a/d/x");
	remove_cgroup(&f, "/a/d");
	send_signal(fd);
	wait_long(&f);
	assert_false(balance_of(&f).reasons & UNPROVEN_V1_UNSEEN);
	set_vmstat(&f, 101);
	settle(&f);
	assert_true(balance_of(&f).reasons & UNPROVEN_V1_UNSEEN);
	for (int k = 0; k < 5; k++)
		wait_long(&f);
	assert_true(f.source->ops->deadline(f.source) == UINT64_MAX);
	teardown(&f);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/* A kill that only the host has counted, and a cgroup that nobody saw: its oom is lost, and that is said. */
static void the_host_counts_what_was_never_seen(void **state)
{
	struct balance b;
	struct fake f;

	(void)state;
	for (int unseen = 0; unseen < 2; unseen++) {
		setup(&f);
		make_listening(&f, "/a");
		start(&f);
		watch(&f, "/");
		if (unseen) {
			make_listening(&f, "/a/x");
			remove_cgroup(&f, "/a/x");
		}
		set_vmstat(&f, 101);
		settle(&f);
		expect(&f, EVENT_KILL, "/", 1);
		b = balance_of(&f);
		assert_int_equal(balance_judge(&b, EVENT_MASK(EVENT_KILL)), BALANCE_BALANCED);
		assert_int_equal(b.reasons, unseen ? UNPROVEN_V1_UNSEEN : 0);
		assert_true(b.kind[EVENT_OOM].unproven == (unseen ? UINT64_MAX : 0));
		teardown(&f);
	}
}

/*
 * A removed cgroup loses its files one after the other, and there is a moment at which it can still be read
 * but not be registered any more: that is no want of rights.
 */
static void removed_while_it_is_registered(void **state)
{
	char path[256];
	struct fake f;

	(void)state;
	setup(&f);
	make_listening(&f, "/a");
	start(&f);
	watch(&f, "/a");
	make_listening(&f, "/a/x");
	snprintf(path, sizeof(path), "%s/cg/a/x/cgroup.event_control", f.top);
	assert_int_equal(unlink(path), 0);
	wait_long(&f);
	settle(&f);
	assert_null(f.source->ops->notice(f.source));
	assert_int_equal(balance_of(&f).reasons, 0);
	set_vmstat(&f, 101);
	settle(&f);
	assert_int_equal(balance_of(&f).reasons, UNPROVEN_V1_UNSEEN);
	teardown(&f);
}

/* Under oom for longer than a delivery takes, as 5.10 shows it now and then: nobody waits. */
static void under_oom_is_no_pause(void **state)
{
	struct fake f;

	(void)state;
	for (int disable = 0; disable < 2; disable++) {
		setup(&f);
		make_listening(&f, "/a");
		start(&f);
		watch(&f, "/a");
		set_control(&f, "/a", disable, 1, 0);
		send_signal(registered(&f, "/a"));
		wait_long(&f);
		expect(&f, EVENT_OOM, "/a", 1);
		if (disable)
			expect(&f, EVENT_PAUSED, "/a", 1);
		set_control(&f, "/a", disable, 0, 0);
		send_signal(registered(&f, "/a"));
		wait_long(&f);
		expect(&f, EVENT_OOM, "/a", 1);
		expect_nothing(&f); /* disabled alone is none, either */
		teardown(&f);
	}
}

/* Ooms are told 10 ms apart; a kill in between changes nothing unless an oom waits for it. */
static void a_kill_does_not_hurry_later_ooms(void **state)
{
	struct fake f;

	(void)state;
	setup(&f);
	make_listening(&f, "/a");
	start(&f);
	watch(&f, "/a");
	send_signal(registered(&f, "/a"));
	go(&f, 0);
	expect(&f, EVENT_OOM, "/a", 1);
	set_line(&f, "/a", 1);
	go(&f, 5 * NSEC_PER_MSEC);
	expect(&f, EVENT_KILL, "/a", 1);
	send_signal(registered(&f, "/a"));
	go(&f, NSEC_PER_MSEC);
	expect_nothing(&f);
	send_signal(registered(&f, "/a"));
	go(&f, 4 * NSEC_PER_MSEC);
	expect(&f, EVENT_OOM, "/a", 2);
	send_signal(registered(&f, "/a"));
	go(&f, NSEC_PER_MSEC);
	expect_nothing(&f);
	set_line(&f, "/a", 2);
	go(&f, 2 * NSEC_PER_MSEC);
	expect(&f, EVENT_OOM, "/a", 1);
	expect(&f, EVENT_KILL, "/a", 1);
	teardown(&f);
}

/* Takes an oom or the end of a cgroup below @top. Returns whether it was an oom. */
static bool take_below(struct fake *f, const char *top)
{
	_cleanup_event_ struct oomn_event *e = NULL;

	assert_int_equal(engine_next(f->engine, &e), 1);
	assert_true(e->kind == EVENT_OOM || e->kind == EVENT_GONE);
	assert_true(strcmp(e->cgroup, top) > 0);
	assert_int_equal(e->count_max, 1);
	return e->kind == EVENT_OOM;
}

/*
 * A top and what was below it go together, and the last signals come in any order, or never: its end is
 * told last, after all that happened below it.
 */
static void the_top_goes_last(void **state)
{
	static const int orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 0, -1, -1 }, { 0, 2, -1 } };
	struct rlimit old = keep_no_files_open(6);
	struct fake f;

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		int fds[3], ooms = 0;

		setup(&f);
		f.gone_all = true;
		make_listening(&f, "/a");
		make_listening(&f, "/a/b");
		make_listening(&f, "/a/b/c");
		start(&f);
		watch(&f, "/a");
		fds[0] = registered(&f, "/a");
		fds[1] = registered(&f, "/a/b");
		fds[2] = registered(&f, "/a/b/c");
		send_signal(fds[2]); /* an oom that is not looked at before all is over */
		remove_cgroup(&f, "/a/b/c");
		remove_cgroup(&f, "/a/b");
		remove_cgroup(&f, "/a");
		for (size_t k = 0; k < 3; k++) {
			if (orders[i][k] >= 0)
				send_signal(fds[orders[i][k]]);
			go(&f, 20 * NSEC_PER_MSEC);
		}
		for (int k = 0; k < 10; k++)
			wait_long(&f);
		for (int k = orders[i][1] > 0 ? 3 : 2; k > 0; k--)
			ooms += take_below(&f, "/a");
		assert_int_equal(ooms, orders[i][1] > 0);
		expect(&f, EVENT_GONE, "/a", 1);
		expect_nothing(&f);
		assert_int_equal(engine_watches(f.engine), 0);
		assert_true(f.source->ops->deadline(f.source) == UINT64_MAX);
		teardown(&f);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_above_are_renamed),
		cmocka_unit_test(removed_with_what_was_never_seen),
		cmocka_unit_test(the_host_counts_what_was_never_seen),
		cmocka_unit_test(removed_while_it_is_registered),
		cmocka_unit_test(under_oom_is_no_pause),
		cmocka_unit_test(a_kill_does_not_hurry_later_ooms),
		cmocka_unit_test(the_top_goes_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
