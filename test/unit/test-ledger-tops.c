/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tops of the ledger: added over one another, sealed, removed. */
#include "ledger_fixture.h"

#include <errno.h>

/* ---- the baseline ---- */

static void another_in_b_as_t_is_listed(struct fixture *f)
{
	static const struct trigger again = { SIM_LIST, "/t", NULL, another_in_b_as_t_is_listed,
					      0 };

	happen(f, "/t/b", EVENT_KILL, 1);
	f->trigger = &again;
}

/* Known in number, but not in place; that stays so if the report is not taken at first. */
static void tells_what_came_during_the_baseline_unplaced(void **state)
{
	static const struct trigger trigger = { SIM_LIST, "/t", NULL, another_in_b_as_t_is_listed,
						0 };
	struct fixture *f = *state;
	struct account *t;

	f->trigger = &trigger;
	t = add(f, "/t");
	f->trigger = NULL;
	f->refuse_at = 1;
	f->refuse = -ENOMEM;
	settle(f, t);
	expect(f, "/t", EVENT_KILL, 1, UNPLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 1);
	short_life_of_c(f);
	settle(f, t);
	expect(f, "/t", EVENT_KILL, 2, REMOVED);
	expect_none(f);
}

static void another_in_b_after_it_was_read(struct fixture *f)
{
	static const struct trigger again = { SIM_LIST, "/t/b", NULL,
					      another_in_b_after_it_was_read, 0 };

	happen(f, "/t/b", EVENT_KILL, 1);
	f->trigger = &again;
}

/* All of it turned out to lie in what lives: what is removed later was not meant. */
static void forgets_the_baseline_once_all_is_placed(void **state)
{
	static const struct trigger trigger = { SIM_LIST, "/t/b", NULL,
						another_in_b_after_it_was_read, 0 };
	struct fixture *f = *state;
	struct account *t;

	happen(f, "/t/b", EVENT_KILL, 1);
	f->trigger = &trigger;
	t = add(f, "/t");
	f->trigger = NULL;
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 1, PLACED);
	expect_none(f);
	short_life_of_c(f);
	settle(f, t);
	expect(f, "/t", EVENT_KILL, 2, REMOVED);
	expect_none(f);
}

static void another_in_x_as_a_is_listed(struct fixture *f)
{
	static const struct trigger again = { SIM_LIST, "/t/a", NULL, another_in_x_as_a_is_listed,
					      0 };

	happen(f, "/t/a/x", EVENT_KILL, 1);
	f->trigger = &again;
}

/* A new top takes that over from the one below. */
static void takes_over_what_came_during_a_baseline(void **state)
{
	static const struct trigger trigger = { SIM_LIST, "/t/a", NULL, another_in_x_as_a_is_listed,
						0 };
	struct fixture *f = *state;
	struct account *t;

	f->trigger = &trigger;
	add(f, "/t/a");
	f->trigger = NULL;
	t = add(f, "/t");
	settle(f, t);
	expect(f, "/t/a", EVENT_KILL, 1, UNPLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 1);
}

static void make_a_anew(struct fixture *f)
{
	unmake(f, "/t/a/x");
	unmake(f, "/t/a/y");
	unmake(f, "/t/a");
	make(f, "/t/a/x");
	happen(f, "/t/a/x", EVENT_KILL, 1);
}

/* /t/a is made anew between its reading and its opening: what is found in it belongs to the new one. */
static void made_anew_during_the_baseline(void **state)
{
	static const struct trigger trigger = { SIM_OPEN, "/t", "a", make_a_anew, 0 };
	struct fixture *f = *state;
	struct account *t;

	happen(f, "/t/a/x", EVENT_KILL, 1);
	f->trigger = &trigger;
	t = add(f, "/t");
	assert_null(f->trigger);
	happen(f, "/t/a/x", EVENT_KILL, 2);
	settle(f, t);
	expect(f, "/t/a/x", EVENT_KILL, 2, PLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 2);
}

/* ---- tops over tops ---- */

/* /t/a/x is watched, then /t/a, then /t: one tree in the end, and nothing told twice or not at all. */
static void takes_over_the_tops_below(void **state)
{
	struct fixture *f = *state;
	struct account *x, *a, *t;

	happen(f, "/t/a/x", EVENT_KILL, 100);
	x = add(f, "/t/a/x");
	happen(f, "/t/a/x", EVENT_KILL, 1);
	pass(f, x);
	expect(f, "/t/a/x", EVENT_KILL, 1, PLACED);
	happen(f, "/t/a/x", EVENT_KILL, 2); /* not yet told when /t/a takes over */
	happen(f, "/t/a/y", EVENT_KILL, 200);
	a = add(f, "/t/a");
	assert_ptr_equal(account_parent(x), a);
	happen(f, "/t/a/y", EVENT_KILL, 4);
	t = add(f, "/t");
	assert_ptr_equal(account_parent(a), t);
	happen(f, "/t/a", EVENT_KILL, 8);
	pass(f, t);
	expect(f, "/t/a/x", EVENT_KILL, 2, PLACED);
	expect(f, "/t/a/y", EVENT_KILL, 4, PLACED);
	expect(f, "/t/a", EVENT_KILL, 8, PLACED);
	settle(f, t);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 15);
}

/* A second look that a top below waits for is the new top's to take. */
static void takes_over_rests(void **state)
{
	struct fixture *f = *state;
	struct account *a = add(f, "/t/a");
	struct account *t;

	happen(f, "/t/a/x", EVENT_KILL, 1);
	unmake(f, "/t/a/x");
	pass(f, a);
	t = add(f, "/t");
	assert_int_equal(ledger_due(f->ledger, t), f->now_ns + LEDGER_SLOT_NS);
	settle(f, t);
	expect(f, "/t/a", EVENT_KILL, 1, REMOVED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 1);
}

/* Adding a top fails at each place in turn: the top below goes on as if nothing had been. */
static void a_top_that_cannot_be_added_changes_nothing(void **state)
{
	unsigned n = 0;
	int r;

	do {
		struct fixture *f;
		struct account *x, *t = NULL;

		fixture_setup(state);
		f = *state;
		happen(f, "/t/a/y", EVENT_KILL, 100);
		x = add(f, "/t/a/x");
		happen(f, "/t/a/x", EVENT_KILL, 1);
		f->calls = 0;
		f->fault_at = ++n;
		f->fault = TREE_E_BUSY;
		r = try_add(f, "/t", false, &t);
		if (r != 0) {
			assert_int_equal(r, LEDGER_E_AGAIN);
			assert_null(account_parent(x));
			pass(f, x);
			expect(f, "/t/a/x", EVENT_KILL, 1, PLACED);
			happen(f, "/t/a/x", EVENT_KILL, 2);
			t = add(f, "/t");
		}
		assert_non_null(account_parent(x));
		settle(f, t);
		expect(f, "/t/a/x", EVENT_KILL, r == 0 ? 1 : 2, PLACED);
		expect_none(f);
		expect_balance(f, EVENT_KILL, r == 0 ? 1 : 3);
		fixture_teardown(state);
	} while (r != 0);
	assert_true(n > 10);
}

/* The top below has counted an event that has not come up to the new one: its account begins at -1. */
static void a_new_top_may_begin_below_zero(void **state)
{
	struct fixture *f = *state;
	struct account *t;
	bool news;

	add(f, "/t/b");
	assert_true(sim_begin(f->sim, at(f, "/t/b")->css, EVENT_KILL, 1));
	assert_false(sim_step(f->sim, 0));
	t = add(f, "/t");
	assert_int_equal((int64_t)account_reported(t)->n[EVENT_KILL], -1);
	assert_int_equal(ledger_top_news(f->ledger, t, &news), 0);
	assert_true(news);
	assert_int_equal(ledger_seal(f->ledger, t), 0);
	expect_balance(f, EVENT_KILL, 0);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 1, PLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 1);
}

static void another_in_x(struct fixture *f)
{
	static const struct trigger again = { SIM_LIST, "/t", NULL, another_in_x, 0 };

	happen(f, "/t/a/x", EVENT_KILL, 1);
	f->trigger = &again;
}

/* The top below moves on all the time: what it has not told cannot be known at one moment. */
static void a_restless_top_below_puts_off_the_new_one(void **state)
{
	static const struct trigger trigger = { SIM_LIST, "/t", NULL, another_in_x, 0 };
	struct fixture *f = *state;
	struct account *x = add(f, "/t/a/x");
	struct account *t = NULL;

	f->trigger = &trigger;
	assert_int_equal(try_add(f, "/t", false, &t), LEDGER_E_AGAIN);
	f->trigger = NULL;
	pass(f, x);
	assert_int_equal(f->n_told, 1);
	f->n_told = 0;
	t = add(f, "/t");
	settle(f, t);
	expect_none(f);
}

/* ---- the end of a top ---- */

static int dead_sum(struct fixture *f, const char *path, struct deltas *ret)
{
	int dir = sim_open(f->sim, at(f, path));
	const struct ledger_dead of = { .dir = dir };
	int r = ledger_dead_sum(&sim_tree_ops, f->sim, &of, ret);

	sim_close(f->sim, dir);
	return r;
}

static int root_total(void *ctx, struct counts *ret)
{
	*ret = ((struct sim_kernel *)ctx)->total;
	return 0;
}

static void sums_up_the_dead(void **state)
{
	struct fixture *f = *state;
	struct deltas dead = { { 9, 9, 9 } };
	struct ledger_dead of;
	int dir;

	happen(f, "/t", EVENT_OOM, 1);
	happen(f, "/t/a/x", EVENT_KILL, 2);
	assert_int_equal(dead_sum(f, "/t", &dead), 0);
	assert_int_equal(dead.n[EVENT_KILL], 0);
	assert_int_equal(dead.n[EVENT_OOM], 0);
	short_life_of_c(f);
	assert_int_equal(dead_sum(f, "/t", &dead), 0);
	assert_int_equal(dead.n[EVENT_KILL], 2);
	f->sim->list_twice = true; /* as a listing may while others go */
	assert_int_equal(dead_sum(f, "/t", &dead), 0);
	assert_int_equal(dead.n[EVENT_KILL], 2);
	/* of the root, whose counter comes from elsewhere */
	make(f, "/u");
	happen(f, "/u", EVENT_KILL, 5);
	unmake(f, "/u");
	dir = sim_open(f->sim, f->sim->root);
	of = (struct ledger_dead){ .dir = dir, .parent = root_total };
	assert_int_equal(ledger_dead_sum(&sim_tree_ops, f->sim, &of, &dead), 0);
	assert_int_equal(dead.n[EVENT_KILL], 5);
	sim_close(f->sim, dir);
}

static void another_in_b(struct fixture *f)
{
	static const struct trigger again = { SIM_EACH, "/t", "b", another_in_b, 0 };

	happen(f, "/t/b", EVENT_KILL, 1);
	f->trigger = &again;
}

static void says_why_there_is_no_sum_of_the_dead(void **state)
{
	static const struct trigger restless = { SIM_EACH, "/t", "b", another_in_b, 0 };
	static const struct trigger busy = { SIM_READ, "/t", "b", NULL, TREE_E_BUSY };
	static const struct trigger gone = { SIM_READ, "/t", NULL, memory_off, 0 };
	struct fixture *f = *state;
	struct deltas dead = { { 9, 9, 9 } };

	f->trigger = &restless;
	assert_int_equal(dead_sum(f, "/t", &dead), LEDGER_E_AGAIN);
	f->trigger = &busy;
	assert_int_equal(dead_sum(f, "/t", &dead), LEDGER_E_AGAIN);
	at(f, "/t/b")->denied = SIM_DENIED_FILES;
	assert_int_equal(dead_sum(f, "/t", &dead), -EACCES);
	assert_int_equal(dead.n[EVENT_KILL], 9);
	at(f, "/t/b")->denied = SIM_ALLOWED;
	f->trigger = &gone; /* what lives without memory files may have counted, and count again */
	assert_int_equal(dead_sum(f, "/t", &dead), -EACCES);
	assert_int_equal(dead_sum(f, "/", &dead), LEDGER_E_GONE); /* has no counters */
}

/* The counter of the parent proves what a removed top had counted and not told. */
static void tells_the_last_moment_of_a_top(void **state)
{
	struct fixture *f = *state;
	struct account *b = add(f, "/t/b");
	struct deltas before, after;
	struct counts last;

	happen(f, "/t/b", EVENT_KILL, 1);
	assert_int_equal(dead_sum(f, "/t", &before), 0);
	pass(f, b);
	expect(f, "/t/b", EVENT_KILL, 1, PLACED);
	happen(f, "/t/b", EVENT_KILL, 2);
	happen(f, "/t/b", EVENT_OOM, 1);
	unmake(f, "/t/b");
	assert_int_equal(ledger_pass(f->ledger, b, f->now_ns), LEDGER_E_GONE);
	assert_int_equal(dead_sum(f, "/t", &after), 0);
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		last.n[k] = (uint64_t)(after.n[k] - before.n[k]);
	f->refuse_at = f->reports + 2; /* the second of its reports is refused: once more then */
	f->refuse = -ENOMEM;
	assert_int_equal(ledger_top_close(f->ledger, b, &last, f->now_ns), -ENOMEM);
	assert_int_equal(ledger_top_close(f->ledger, b, &last, f->now_ns), 0);
	assert_true(f->told[0].closing && f->told[1].closing);
	expect(f, "/t/b", EVENT_KILL, 2, REMOVED);
	expect(f, "/t/b", EVENT_OOM, 1, REMOVED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 3);
	expect_balance(f, EVENT_OOM, 1);
}

static void closes_without_knowing_the_last_moment(void **state)
{
	struct fixture *f = *state;
	struct account *b = add(f, "/t/b");

	happen(f, "/t/b", EVENT_KILL, 1);
	pass(f, b);
	expect(f, "/t/b", EVENT_KILL, 1, PLACED);
	happen(f, "/t/b", EVENT_KILL, 2);
	unmake(f, "/t/b");
	assert_int_equal(ledger_pass(f->ledger, b, f->now_ns), LEDGER_E_GONE);
	assert_int_equal(ledger_resolve(f->ledger, b, f->now_ns), 0); /* nothing is due */
	assert_int_equal(ledger_seal(f->ledger, b), LEDGER_E_GONE);
	assert_int_equal(ledger_top_close(f->ledger, b, NULL, f->now_ns), 0);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 1); /* of the rest nothing is claimed */
}

/* The same directory with a memory.events that starts at 0 is not the top that was. */
static void sees_that_its_memory_was_off(void **state)
{
	struct fixture *f = *state;
	struct account *b = add(f, "/t/b");
	bool news;

	happen(f, "/t/b", EVENT_KILL, 2);
	pass(f, b);
	memory_off(f);
	assert_true(sim_control(f->sim, at(f, "/t"), true));
	assert_int_equal(ledger_pass(f->ledger, b, f->now_ns), LEDGER_E_GONE);
	assert_int_equal(ledger_top_news(f->ledger, b, &news), LEDGER_E_GONE);
	assert_int_equal(ledger_seal(f->ledger, b), LEDGER_E_GONE);
	happen(f, "/t/b", EVENT_KILL, 3);
	assert_int_equal(ledger_pass(f->ledger, b, f->now_ns), LEDGER_E_GONE);
	expect(f, "/t/b", EVENT_KILL, 2, PLACED);
	expect_none(f);
}

/* A walk that is going on when the balance is drawn up: proven is what lies between both readings. */
static void seals_what_moved_on(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");
	struct balance b = { 0 };

	happen(f, "/t/b", EVENT_KILL, 1);
	pass(f, t);
	happen(f, "/t/b", EVENT_KILL, 2); /* after the last pass: not told, and no difference */
	assert_int_equal(ledger_seal(f->ledger, t), 0);
	expect_balance(f, EVENT_KILL, 1);
	pass(f, t);
	expect_balance(f, EVENT_KILL, 3);
	/* Told early: the counter moves past it before the seal. */
	happen(f, "/t/b", EVENT_KILL, 1);
	assert_true(sim_begin(f->sim, at(f, "/t/b")->css, EVENT_KILL, 1));
	assert_false(sim_step(f->sim, 0));
	pass(f, t);
	ledger_balance(f->ledger, &b);
	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_DIFFERS);
	sim_land(f->sim);
	assert_int_equal(ledger_seal(f->ledger, t), 0);
	expect_balance(f, EVENT_KILL, 5);
	/* A rest that waits for its second look is missing until then. */
	short_life_of_c(f);
	pass(f, t);
	b = (struct balance){ 0 };
	ledger_balance(f->ledger, &b);
	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_DIFFERS);
	settle(f, t);
	expect_balance(f, EVENT_KILL, 7);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(tells_what_came_during_the_baseline_unplaced),
		T(forgets_the_baseline_once_all_is_placed),
		T(takes_over_what_came_during_a_baseline),
		T(made_anew_during_the_baseline),
		T(takes_over_the_tops_below),
		T(takes_over_rests),
		cmocka_unit_test(a_top_that_cannot_be_added_changes_nothing),
		T(a_new_top_may_begin_below_zero),
		T(a_restless_top_below_puts_off_the_new_one),
		T(sums_up_the_dead),
		T(says_why_there_is_no_sum_of_the_dead),
		T(tells_the_last_moment_of_a_top),
		T(closes_without_knowing_the_last_moment),
		T(sees_that_its_memory_was_off),
		T(seals_what_moved_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
