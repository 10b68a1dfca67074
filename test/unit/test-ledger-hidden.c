/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that was hidden: old counters come back under new keys, and are told neither twice nor
 * never (core/hidden.c)
 */
#include "ledger_fixture.h"

/* With io still on, switching memory off only hides it: old counters come back under new keys. */
static void hide_below(struct fixture *f, struct sim_dir *d)
{
	for (struct sim_dir *c = d->children; c; c = c->next)
		hide_below(f, c);
	assert_true(sim_hide(f->sim, d));
}

static void hide_b(struct fixture *f)
{
	hide_below(f, at(f, "/t"));
}

static void show_b(struct fixture *f)
{
	assert_true(sim_control(f->sim, at(f, "/t"), true));
}

static void goes_on_after_hiding(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/b", EVENT_KILL, 5);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 5, PLACED);
	hide_b(f);
	happen(f, "/t", EVENT_KILL, 1);
	pass(f, t); /* nothing of /t/b is forgotten meanwhile */
	expect(f, "/t", EVENT_KILL, 1, PLACED);
	show_b(f);
	happen(f, "/t/b", EVENT_KILL, 2);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 2, PLACED);
	settle(f, t);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 8);
}

/* What is counted in hiding is told of the parent, and not again when it can be seen. */
static void tells_once_what_came_in_hiding(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/b", EVENT_KILL, 5);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 5, PLACED);
	hide_b(f);
	sim_count(f->sim, at(f, "/t/b")->hidden, EVENT_KILL, 3);
	sim_count(f->sim, at(f, "/t/a")->hidden, EVENT_KILL, 1); /* of it nothing was known */
	settle(f, t);
	expect(f, "/t", EVENT_KILL, 4, UNPLACED);
	show_b(f);
	happen(f, "/t", EVENT_OOM, 1);
	settle(f, t);
	expect(f, "/t", EVENT_OOM, 1, PLACED);
	happen(f, "/t/b", EVENT_KILL, 1);
	happen(f, "/t/a", EVENT_KILL, 1);
	settle(f, t);
	expect(f, "/t/b", EVENT_KILL, 1, PLACED);
	expect(f, "/t/a", EVENT_KILL, 1, PLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 11);
}

/* A watch that begins while it is hidden: what was counted before stays before. */
static void knows_what_was_hidden_at_the_baseline(void **state)
{
	struct fixture *f = *state;
	struct account *t;

	happen(f, "/t/b", EVENT_KILL, 5);
	hide_b(f);
	t = add(f, "/t");
	show_b(f);
	happen(f, "/t/a", EVENT_KILL, 1);
	settle(f, t);
	expect_balance(f, EVENT_KILL, 1);
	assert_int_equal(f->reports, 1);
}

/* Begun anew, or hidden? Where what is gone leaves room for both, nothing is told of it twice. */
static void leaves_what_may_be_old_to_the_parent(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/b", EVENT_KILL, 5);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 5, PLACED);
	happen(f, "/t/b", EVENT_KILL, 1); /* lost with its memory.events */
	memory_off_and_on(f);
	happen(f, "/t/b", EVENT_KILL, 5);
	settle(f, t);
	expect(f, "/t/b", EVENT_KILL, 4, PLACED);
	expect(f, "/t", EVENT_KILL, 6, UNPLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 15);
}

/* Two came back: one with what was told of the parent, one with what nobody told. Which is which? */
static void tells_neither_of_two_suspects_twice(void **state)
{
	static const char *const hidden[] = { "/t/a", "/t/b" };

	for (unsigned i = 0; i < 2; i++) {
		struct fixture *f;
		struct account *t;

		fixture_setup(state);
		f = *state;
		t = add(f, "/t");
		hide_b(f);
		sim_count(f->sim, at(f, hidden[i])->hidden, EVENT_KILL, 1);
		settle(f, t);
		expect(f, "/t", EVENT_KILL, 1, UNPLACED);
		show_b(f);
		happen(f, hidden[!i], EVENT_KILL, 1);
		settle(f, t);
		expect(f, "/t", EVENT_KILL, 1, UNPLACED);
		expect_none(f);
		expect_balance(f, EVENT_KILL, 2);
		/* All that can be seen is known by now: from here on nobody is a suspect. */
		happen(f, hidden[i], EVENT_KILL, 1);
		settle(f, t);
		expect(f, hidden[i], EVENT_KILL, 1, PLACED);
		short_life_of_c(f);
		happen(f, hidden[i], EVENT_KILL, 1);
		settle(f, t);
		expect(f, hidden[i], EVENT_KILL, 1, PLACED);
		expect(f, "/t", EVENT_KILL, 2, REMOVED);
		expect_none(f);
		fixture_teardown(state);
	}
}

/* Memory that was switched on later: where the claims add up, they are good. */
static void places_the_first_event_of_one_switched_on(void **state)
{
	struct fixture *f = *state;
	struct account *t;

	memory_off(f);
	t = add(f, "/t");
	assert_true(sim_control(f->sim, at(f, "/t"), true));
	happen(f, "/t/b", EVENT_KILL, 3);
	settle(f, t);
	expect(f, "/t/b", EVENT_KILL, 3, PLACED);
	/* One of many, in one listing with others that are gone: it was quiet, and is known all the same. */
	short_life_of_c(f);
	happen(f, "/t/a", EVENT_KILL, 1);
	settle(f, t);
	expect(f, "/t/a", EVENT_KILL, 1, PLACED);
	expect(f, "/t", EVENT_KILL, 2, REMOVED);
	expect_none(f);
}

static void two_more_in_b(struct fixture *f)
{
	happen(f, "/t/b", EVENT_KILL, 2);
}

/* What comes during the listing looks like too much; the second look knows better. */
static void gives_suspects_a_second_look(void **state)
{
	static const struct trigger trigger = { SIM_READ, "/t", "b", two_more_in_b, 0 };
	struct fixture *f = *state;
	struct account *t;

	memory_off(f);
	t = add(f, "/t");
	assert_true(sim_control(f->sim, at(f, "/t"), true));
	happen(f, "/t/b", EVENT_KILL, 1);
	f->trigger = &trigger;
	settle(f, t);
	assert_null(f->trigger);
	expect(f, "/t/b", EVENT_KILL, 3, PLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 3);
}

/* Made anew during the listing, which still names the old one: no suspect. */
static void suspects_nobody_for_an_old_id(void **state)
{
	static const struct trigger trigger = { SIM_READ, "/t", "b", remake_b, 0 };
	struct fixture *f = *state;
	struct account *t;

	memory_off(f);
	t = add(f, "/t");
	assert_true(sim_control(f->sim, at(f, "/t"), true));
	assert_true(sim_control(f->sim, at(f, "/t/a"), true));
	short_life_of_c(f);
	f->trigger = &trigger;
	settle(f, t);
	assert_null(f->trigger);
	settle(f, t);
	expect(f, "/t/b", EVENT_KILL, 9, PLACED);
	expect(f, "/t", EVENT_KILL, 2, REMOVED);
	expect_none(f);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(goes_on_after_hiding),
		T(tells_once_what_came_in_hiding),
		T(knows_what_was_hidden_at_the_baseline),
		T(leaves_what_may_be_old_to_the_parent),
		cmocka_unit_test(tells_neither_of_two_suspects_twice),
		T(places_the_first_event_of_one_switched_on),
		T(suspects_nobody_for_an_old_id),
		T(gives_suspects_a_second_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
