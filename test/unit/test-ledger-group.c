/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Group kills: a victim that the kernel counts twice is never told as a kill too many
 *
 * oom_kill_process() counts the chosen victim, then the group kill, then every member of the group,
 * the victim among them: N processes, N + 1 kills. Each test kills groups of 5 in some way; what is
 * told must add up to 5 at least and to 6 at most, wherever the counters were read in between.
 */
#include "ledger_fixture.h"

#include <errno.h>

#define SECOND UINT64_C(1000000000)

static void group_begins(struct fixture *f, const char *victim, const char *group)
{
	happen(f, victim, EVENT_KILL, 1);
	happen(f, group, EVENT_GROUP_KILL, 1);
}

static void told_in_one(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");
	struct balance b = { 0 };

	happen(f, "/t/b", EVENT_OOM, 1);
	group_begins(f, "/t/b", "/t/b");
	happen(f, "/t/b", EVENT_KILL, 5);
	pass(f, t);
	expect(f, "/t/b", EVENT_OOM, 1, PLACED);
	expect(f, "/t/b", EVENT_GROUP_KILL, 1, PLACED);
	expect_range(f, "/t/b", 5, 6, PLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 6);
	ledger_balance(f->ledger, &b);
	assert_int_equal(b.kind[EVENT_KILL].recounts, 1);
	/* spent: what comes next is another matter */
	happen(f, "/t/b", EVENT_KILL, 1);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 1, PLACED);
}

static void read_before_the_group_is_counted(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/b", EVENT_KILL, 1);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 1, PLACED);
	happen(f, "/t/b", EVENT_GROUP_KILL, 1);
	happen(f, "/t/b", EVENT_KILL, 5);
	pass(f, t);
	expect(f, "/t/b", EVENT_GROUP_KILL, 1, PLACED);
	expect_range(f, "/t/b", 4, 5, PLACED);
	expect_none(f);
}

static void read_after_the_group_is_counted(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	group_begins(f, "/t/b", "/t/b");
	pass(f, t);
	expect(f, "/t/b", EVENT_GROUP_KILL, 1, PLACED);
	expect(f, "/t/b", EVENT_KILL, 1, PLACED); /* the victim's first */
	happen(f, "/t/b", EVENT_KILL, 5);
	pass(f, t);
	expect_range(f, "/t/b", 4, 5, PLACED);
	expect_none(f);
}

/* Which of the members was the victim is not known: each report allows for it. */
static void members_in_several_cgroups(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");
	struct balance b = { 0 };

	group_begins(f, "/t/a/x", "/t/a");
	happen(f, "/t/a/x", EVENT_KILL, 3);
	happen(f, "/t/a/y", EVENT_KILL, 2);
	happen(f, "/t/b", EVENT_KILL, 1); /* not of that group */
	pass(f, t);
	expect(f, "/t/a", EVENT_GROUP_KILL, 1, PLACED);
	expect_range(f, "/t/a/x", 3, 4, PLACED);
	expect_range(f, "/t/a/y", 1, 2, PLACED);
	expect(f, "/t/b", EVENT_KILL, 1, PLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 7);
	ledger_balance(f->ledger, &b);
	assert_int_equal(b.kind[EVENT_KILL].recounts, 1); /* in one of them */
}

/* Where a member died alone in its cgroup, the victim was another one. */
static void one_member_in_each_cgroup(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	group_begins(f, "/t/a/x", "/t/a");
	happen(f, "/t/a/x", EVENT_KILL, 1);
	happen(f, "/t/a/y", EVENT_KILL, 1);
	pass(f, t);
	expect(f, "/t/a", EVENT_GROUP_KILL, 1, PLACED);
	expect_range(f, "/t/a/x", 1, 2, PLACED);
	expect(f, "/t/a/y", EVENT_KILL, 1, PLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 3);
}

/* However late the next walk is: what it finds was counted since the last one. */
static void told_late(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/b", EVENT_KILL, 1);
	pass(f, t);
	happen(f, "/t/b", EVENT_GROUP_KILL, 1);
	pass(f, t);
	f->n_told = 0;
	happen(f, "/t/b", EVENT_KILL, 5);
	f->now_ns += 8 * SECOND;
	pass(f, t);
	expect_range(f, "/t/b", 4, 5, PLACED);
	expect_none(f);
}

/* The kills of a group come at once: long after it, with a look in between, there are none to come. */
static void over_after_a_look(void **state)
{
	static const char *const how[] = { "/t", "/t/a/x" };

	for (size_t i = 0; i < 2; i++) {
		struct fixture *f;
		struct account *t;

		fixture_setup(state);
		f = *state;
		t = add(f, "/t");
		happen(f, "/t/b", EVENT_GROUP_KILL, 1);
		pass(f, t);
		f->now_ns += 2 * SECOND;
		if (i == 1)
			happen(f, how[i], EVENT_KILL, 1); /* a walk past /t/b, or none at all */
		pass(f, t);
		f->now_ns += 1;
		f->n_told = 0;
		happen(f, "/t/b", EVENT_KILL, 5);
		pass(f, t);
		expect(f, "/t/b", EVENT_KILL, 5, PLACED);
		expect_none(f);
		fixture_teardown(state);
	}
}

/* The group was told while it lived, its kills when it was gone. */
static void removed_in_between(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/a/x", EVENT_KILL, 1);
	pass(f, t);
	expect(f, "/t/a/x", EVENT_KILL, 1, PLACED);
	happen(f, "/t/a", EVENT_GROUP_KILL, 1);
	pass(f, t);
	expect(f, "/t/a", EVENT_GROUP_KILL, 1, PLACED);
	happen(f, "/t/a/x", EVENT_KILL, 5);
	unmake(f, "/t/a/x");
	unmake(f, "/t/a/y");
	unmake(f, "/t/a");
	happen(f, "/t/b", EVENT_KILL, 1); /* not of that group */
	settle(f, t);
	expect(f, "/t/b", EVENT_KILL, 1, PLACED);
	expect_range(f, "/t", 4, 5, REMOVED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 7);
}

static void removed_before_anything_was_told(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	group_begins(f, "/t/b", "/t/b");
	happen(f, "/t/b", EVENT_KILL, 5);
	unmake(f, "/t/b");
	settle(f, t);
	expect(f, "/t", EVENT_GROUP_KILL, 1, REMOVED);
	expect_range(f, "/t", 5, 6, REMOVED);
	happen(f, "/t/a/x", EVENT_KILL, 1);
	settle(f, t);
	expect(f, "/t/a/x", EVENT_KILL, 1, PLACED);
	expect_none(f);
}

static void kills_wait_for_a_group_that_was_not_taken(void **state)
{
	static const char *const group[] = { "/t/b", "/t" };

	for (size_t i = 0; i < 2; i++)
		for (int dead = 0; dead < 2; dead++) {
			struct fixture *f;
			struct account *t;

			fixture_setup(state);
			f = *state;
			t = add(f, "/t");
			group_begins(f, "/t/b", group[i]);
			happen(f, "/t/b", EVENT_KILL, 5);
			if (dead)
				unmake(f, "/t/b");
			f->refuse_at = 1;
			f->refuse = -ENOMEM;
			settle(f, t);
			expect(f, dead ? "/t" : group[i], EVENT_GROUP_KILL, 1,
			       dead && i == 0 ? REMOVED : PLACED);
			expect_range(f, dead ? "/t" : "/t/b", 5, 6, dead ? REMOVED : PLACED);
			expect_none(f);
			expect_balance(f, EVENT_KILL, 6);
			fixture_teardown(state);
		}
}

static void group_of_a(struct fixture *f)
{
	group_begins(f, "/t/a/x", "/t/a");
	happen(f, "/t/a/x", EVENT_KILL, 5);
}

static void group_of_a_and_gone(struct fixture *f)
{
	group_of_a(f);
	unmake(f, "/t/a/x");
}

/* The group's counter was read before the group kill, its members' counters after it. */
static void killed_in_the_middle_of_a_walk(void **state)
{
	static const struct trigger triggers[] = {
		{ SIM_LIST, "/t/a", NULL, group_of_a, 0 },
		{ SIM_OPEN, "/t/a", "x", group_of_a, 0 },
		{ SIM_READ_LOCAL, "/t/a/x", NULL, group_of_a, 0 },
		{ SIM_LIST, "/t/a", NULL, group_of_a_and_gone, 0 },
	};

	for (size_t i = 0; i < sizeof(triggers) / sizeof(*triggers); i++) {
		uint64_t min = 0, max = 0;
		struct fixture *f;
		struct account *t;

		fixture_setup(state);
		f = *state;
		t = add(f, "/t");
		happen(f, "/t/a/x", EVENT_KILL, 1);
		f->trigger = &triggers[i];
		settle(f, t);
		assert_null(f->trigger);
		for (unsigned j = 0; j < f->n_told; j++)
			if (f->told[j].kind == EVENT_KILL) {
				min += f->told[j].min;
				max += f->told[j].max;
			}
		assert_int_equal(max, 7);
		assert_true(min <= 6);
		expect_balance(f, EVENT_KILL, 7);
		fixture_teardown(state);
	}
}

static void a_top_that_was_a_group(void **state)
{
	struct fixture *f = *state;
	struct account *b = add(f, "/t/b");
	struct counts last;

	group_begins(f, "/t/b", "/t/b");
	happen(f, "/t/b", EVENT_KILL, 5);
	last = at(f, "/t/b")->css->hier;
	unmake(f, "/t/b");
	assert_int_equal(ledger_top_close(f->ledger, b, &last, f->now_ns), 0);
	expect(f, "/t/b", EVENT_GROUP_KILL, 1, REMOVED);
	expect_range(f, "/t/b", 5, 6, REMOVED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 6);
}

/* ---- kernels before 5.17, which do not count group kills ---- */

static void old_kernel(struct fixture *f, const char *group)
{
	f->sim->no_group_count = true;
	at(f, group)->group = true;
}

static void one_oom_is_one_group_kill(void **state)
{
	struct fixture *f = *state;
	struct account *t;

	old_kernel(f, "/t/a");
	t = add(f, "/t");
	happen(f, "/t/a", EVENT_OOM, 1);
	happen(f, "/t/a/x", EVENT_KILL, 6);
	happen(f, "/t/b", EVENT_KILL, 2);
	pass(f, t);
	expect(f, "/t/a", EVENT_OOM, 1, PLACED);
	expect_range(f, "/t/a/x", 5, 6, PLACED);
	expect(f, "/t/b", EVENT_KILL, 2, PLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 8);
}

static void six_in_b(struct fixture *f)
{
	happen(f, "/t/b", EVENT_KILL, 6);
}

/* The walk set out for the oom, and met the kills on its way. */
static void an_old_kernels_kills_come_while_we_look(void **state)
{
	static const struct trigger trigger = { SIM_READ_LOCAL, "/t/b", NULL, six_in_b, 0 };
	struct fixture *f = *state;
	struct account *t;

	old_kernel(f, "/t/b");
	t = add(f, "/t");
	happen(f, "/t/b", EVENT_OOM, 1);
	f->trigger = &trigger;
	settle(f, t);
	expect(f, "/t/b", EVENT_OOM, 1, PLACED);
	expect_range(f, "/t/b", 5, 6, PLACED);
	expect_none(f);
}

/* Memory ran out above what is watched: how many group kills that were is not known. */
static void half_may_be_recounts_without_an_oom(void **state)
{
	struct fixture *f = *state;
	struct account *t;

	old_kernel(f, "/t/a");
	t = add(f, "/t");
	happen(f, "/t/a/x", EVENT_KILL, 5);
	pass(f, t);
	expect_range(f, "/t/a/x", 3, 5, PLACED);
	expect_none(f);
}

/* The second look starts below the group, and has to know of it. */
static void a_removed_member_of_an_old_kernels_group(void **state)
{
	struct fixture *f = *state;
	struct account *t;

	old_kernel(f, "/t");
	t = add(f, "/t");
	make(f, "/t/a/z");
	happen(f, "/t", EVENT_OOM, 1);
	happen(f, "/t/a/z", EVENT_KILL, 6);
	unmake(f, "/t/a/z");
	settle(f, t);
	expect(f, "/t", EVENT_OOM, 1, PLACED);
	expect_range(f, "/t/a", 5, 6, REMOVED);
	expect_none(f);
}

/* Removed before memory.oom.group could be read: one oom and six kills are a group kill. */
static void a_group_of_an_old_kernel_gone_at_once(void **state)
{
	struct fixture *f = *state;
	struct account *t;

	f->sim->no_group_count = true;
	t = add(f, "/t");
	happen(f, "/t/b", EVENT_OOM, 1);
	happen(f, "/t/b", EVENT_KILL, 6);
	unmake(f, "/t/b");
	settle(f, t);
	expect(f, "/t", EVENT_OOM, 1, REMOVED);
	expect_range(f, "/t", 5, 6, REMOVED);
	/* its oom was told while it lived */
	make(f, "/t/c");
	happen(f, "/t/c", EVENT_OOM, 1);
	pass(f, t);
	expect(f, "/t/c", EVENT_OOM, 1, PLACED);
	happen(f, "/t/c", EVENT_KILL, 6);
	unmake(f, "/t/c");
	settle(f, t);
	expect_range(f, "/t", 5, 6, REMOVED);
	/* one kill for each oom: no group */
	for (int i = 0; i < 3; i++) {
		make(f, "/t/c");
		happen(f, "/t/c", EVENT_OOM, 1);
		happen(f, "/t/c", EVENT_KILL, 1);
		unmake(f, "/t/c");
	}
	settle(f, t);
	expect(f, "/t", EVENT_OOM, 3, REMOVED);
	expect(f, "/t", EVENT_KILL, 3, REMOVED);
	expect_none(f);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(told_in_one),
		T(read_before_the_group_is_counted),
		T(read_after_the_group_is_counted),
		T(members_in_several_cgroups),
		T(one_member_in_each_cgroup),
		T(told_late),
		cmocka_unit_test(over_after_a_look),
		T(removed_in_between),
		T(removed_before_anything_was_told),
		cmocka_unit_test(kills_wait_for_a_group_that_was_not_taken),
		cmocka_unit_test(killed_in_the_middle_of_a_walk),
		T(a_top_that_was_a_group),
		T(one_oom_is_one_group_kill),
		T(an_old_kernels_kills_come_while_we_look),
		T(half_may_be_recounts_without_an_oom),
		T(a_removed_member_of_an_old_kernels_group),
		T(a_group_of_an_old_kernel_gone_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
