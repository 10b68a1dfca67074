/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ledger, one situation at a time: where an event is told, and what can go wrong on the way. */
#include "ledger_fixture.h"

#include "core/ledger_impl.h"

#include <errno.h>
#include <string.h>

/* ---- where events are told ---- */

struct happening {
	const char *path;
	enum event_kind kind;
	uint64_t n;
};

/* What happens in living cgroups is told in one pass, right there. */
static void places_what_lives(void **state)
{
	static const struct happening cases[][4] = {
		{ { "/t", EVENT_OOM, 1 } },
		{ { "/t/a", EVENT_OOM, 1 } },
		{ { "/t/b", EVENT_KILL, 3 } },
		{ { "/t/a/x", EVENT_KILL, 1 } },
		/* the limit above, the victim below */
		{ { "/t", EVENT_OOM, 1 }, { "/t/a/x", EVENT_KILL, 1 } },
		{ { "/t/a", EVENT_OOM, 1 }, { "/t/a/y", EVENT_KILL, 2 } },
		/* memory.max lowered below what is used */
		{ { "/t/a", EVENT_OOM, 57749 }, { "/t/a/x", EVENT_KILL, 1 } },
		{ { "/t", EVENT_KILL, 1 },
		  { "/t/a", EVENT_KILL, 2 },
		  { "/t/a/x", EVENT_KILL, 4 },
		  { "/t/b", EVENT_KILL, 8 } },
	};
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (size_t j = 0; j < 4 && cases[i][j].path; j++)
			happen(f, cases[i][j].path, cases[i][j].kind, cases[i][j].n);
		pass(f, t);
		for (size_t j = 0; j < 4 && cases[i][j].path; j++)
			expect(f, cases[i][j].path, cases[i][j].kind, cases[i][j].n, PLACED);
		expect_none(f);
		assert_int_equal(ledger_due(f->ledger, t), UINT64_MAX);
	}
	expect_balance(f, EVENT_KILL, 23);
	expect_balance(f, EVENT_OOM, 57753);
}

/* As deep as a path of 4,095 bytes can be. */
static void places_in_the_deep(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");
	char path[4096] = "/t";

	for (unsigned i = 1; i < LEDGER_DEPTH_MAX; i++)
		strcat(path, "/d");
	make(f, path);
	happen(f, path, EVENT_KILL, 1);
	pass(f, t);
	expect(f, path, EVENT_KILL, 1, PLACED);
	happen(f, path, EVENT_KILL, 2);
	unmake(f, path);
	settle(f, t);
	path[strlen(path) - 2] = '\0';
	expect(f, path, EVENT_KILL, 2, REMOVED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 3);
}

/* Deeper than that nobody looks: it is told as far down as one does, once. */
static void tells_unplaced_from_the_abyss(void **state)
{
	struct fixture *f = *state;
	struct account *t;
	char path[4096] = "/t", deepest[4096] = "";

	for (unsigned i = 1; strlen(path) + 2 < sizeof(path); i++) {
		if (i == LEDGER_DEPTH_MAX)
			strcpy(deepest, path);
		strcat(path, "/d");
	}
	make(f, path);
	happen(f, path, EVENT_KILL, 1);
	t = add(f, "/t");
	settle(f, t);
	expect_none(f);
	happen(f, path, EVENT_KILL, 2);
	happen(f, path, EVENT_OOM, 1);
	settle(f, t);
	expect(f, deepest, EVENT_OOM, 1, UNPLACED);
	expect(f, deepest, EVENT_KILL, 2, UNPLACED);
	settle(f, t);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 2);
	assert_true(f->sim->most_handles <= LEDGER_DEPTH_MAX + 2);
}

static void takes_the_past_as_known(void **state)
{
	struct fixture *f = *state;
	struct account *t;

	happen(f, "/t", EVENT_OOM, 2);
	happen(f, "/t/a/x", EVENT_KILL, 7);
	make(f, "/t/c");
	happen(f, "/t/c", EVENT_KILL, 1);
	unmake(f, "/t/c");
	t = add(f, "/t");
	pass(f, t);
	expect_none(f);
	happen(f, "/t/a/x", EVENT_KILL, 1);
	pass(f, t);
	expect(f, "/t/a/x", EVENT_KILL, 1, PLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 1);
	expect_balance(f, EVENT_OOM, 0);
}

static void takes_everything_in_a_fresh_top_as_news(void **state)
{
	struct fixture *f = *state;
	struct account *t = NULL;

	happen(f, "/t/b", EVENT_KILL, 2);
	assert_int_equal(try_add(f, "/t", true, &t), 0);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 2, PLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 2);
}

static void tells_news_from_noise(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");
	bool news = true;

	assert_int_equal(ledger_top_news(f->ledger, t, &news), 0);
	assert_false(news);
	f->calls = 0;
	pass(f, t); /* a wakeup for `max` costs one read */
	assert_int_equal(f->calls, 1);
	happen(f, "/t/a", EVENT_OOM, 1);
	assert_int_equal(ledger_top_news(f->ledger, t, &news), 0);
	assert_true(news);
	pass(f, t);
	expect(f, "/t/a", EVENT_OOM, 1, PLACED);
}

static void tells_what_the_removed_counted_a_slot_later(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	make(f, "/t/a/z");
	happen(f, "/t/a/z", EVENT_KILL, 2);
	unmake(f, "/t/a/z");
	pass(f, t);
	expect_none(f);
	assert_int_equal(ledger_due(f->ledger, t), f->now_ns + LEDGER_SLOT_NS);
	/* too early */
	assert_int_equal(ledger_resolve(f->ledger, t, f->now_ns + LEDGER_SLOT_NS - 1), 0);
	expect_none(f);
	resolve(f, t);
	expect(f, "/t/a", EVENT_KILL, 2, REMOVED);
	expect_none(f);
	assert_int_equal(ledger_due(f->ledger, t), UINT64_MAX);
	expect_balance(f, EVENT_KILL, 2);
}

/* Rests at several levels, some of them below what goes away itself meanwhile. */
static void tells_the_removed_at_the_nearest_that_lives(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	make(f, "/t/a/x/1");
	make(f, "/t/c");
	happen(f, "/t/a/x/1", EVENT_KILL, 1);
	happen(f, "/t/c", EVENT_KILL, 4);
	unmake(f, "/t/a/x/1");
	unmake(f, "/t/c");
	pass(f, t);
	expect_none(f);
	happen(f, "/t/a/x", EVENT_KILL, 8);
	unmake(f, "/t/a/x"); /* its rest goes with it, to /t/a */
	settle(f, t);
	expect(f, "/t", EVENT_KILL, 4, REMOVED);
	expect(f, "/t/a", EVENT_KILL, 9, REMOVED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 13);
}

/* What was told in a cgroup that lived is not told again once it is gone. */
static void keeps_what_was_told_of_the_removed(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/b", EVENT_KILL, 1);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 1, PLACED);
	happen(f, "/t/b", EVENT_KILL, 2);
	unmake(f, "/t/b");
	settle(f, t);
	expect(f, "/t", EVENT_KILL, 2, REMOVED);
	expect_none(f);
}

static void knows_one_made_anew_by_its_key(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/b", EVENT_KILL, 5);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 5, PLACED);
	unmake(f, "/t/b");
	make(f, "/t/b");
	happen(f, "/t/b", EVENT_KILL, 1);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 1, PLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 6);
}

static void starts_anew_when_memory_was_off(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/b", EVENT_KILL, 5);
	happen(f, "/t/b", EVENT_OOM, 1);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 5, PLACED);
	expect(f, "/t/b", EVENT_OOM, 1, PLACED);
	happen(f, "/t/b", EVENT_OOM, 1); /* lost with its memory.events */
	memory_off(f);
	happen(f, "/t", EVENT_KILL, 2); /* processes in /t/b count here now */
	assert_true(sim_control(f->sim, at(f, "/t"), true));
	happen(f, "/t/b", EVENT_KILL, 3);
	settle(f, t);
	expect(f, "/t", EVENT_KILL, 2, PLACED);
	expect(f, "/t/b", EVENT_KILL, 3, PLACED);
	expect(f, "/t", EVENT_OOM, 1, REMOVED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 10);
}

/* A listing of several parts may name a child twice while others go. */
static void counts_a_child_named_twice_once(void **state)
{
	struct fixture *f = *state;
	struct account *t;
	struct account *b = add(f, "/t/b");

	happen(f, "/t/b", EVENT_KILL, 2);
	pass(f, b);
	expect(f, "/t/b", EVENT_KILL, 2, PLACED);
	happen(f, "/t/b", EVENT_KILL, 2);
	f->sim->list_twice = true;
	t = add(f, "/t"); /* takes the top over, with what it has not told */
	assert_ptr_equal(account_parent(b), t);
	happen(f, "/t/a/x", EVENT_KILL, 3);
	short_life_of_c(f);
	pass(f, t);
	expect(f, "/t/b", EVENT_KILL, 2, PLACED);
	expect(f, "/t/a/x", EVENT_KILL, 3, PLACED);
	settle(f, t);
	expect(f, "/t", EVENT_KILL, 2, REMOVED);
	expect_none(f);
}

/* Told in sum for want of descriptors, it takes along what was still to be told below it. */
static void tells_in_sum_once(void **state)
{
	static const struct trigger busy = { SIM_OPEN, "/t/a", "x", NULL, TREE_E_BUSY };
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	f->ledger->depth_sure = 2;
	make(f, "/t/a/x/z/c");
	happen(f, "/t/a/x/z/c", EVENT_KILL, 1);
	unmake(f, "/t/a/x/z/c");
	pass(f, t); /* a rest at /t/a/x/z is to be looked at again */
	f->trigger = &busy;
	pass(f, t);
	assert_null(f->trigger);
	expect(f, "/t/a", EVENT_KILL, 1, UNPLACED);
	settle(f, t);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 1);
	/* Looked into again, what is new then is not told as of something that is gone. */
	happen(f, "/t/a/x", EVENT_KILL, 1);
	settle(f, t);
	expect(f, "/t/a/x", EVENT_KILL, 1, UNPLACED);
	happen(f, "/t/a/x", EVENT_KILL, 1);
	settle(f, t);
	expect(f, "/t/a/x", EVENT_KILL, 1, PLACED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 3);
}

/* An event that the leaf shows and the top not yet: told early, and not once more when it arrives. */
static void tells_what_is_on_its_way_once(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/a/y", EVENT_KILL, 1);
	assert_true(sim_begin(f->sim, at(f, "/t/a/x")->css, EVENT_KILL, 1));
	assert_false(sim_step(f->sim, 0));
	pass(f, t);
	expect(f, "/t/a/y", EVENT_KILL, 1, PLACED);
	expect(f, "/t/a/x", EVENT_KILL, 1, PLACED);
	/* The account is ahead of the counter: that hides one event until the other has arrived. */
	make(f, "/t/c");
	happen(f, "/t/c", EVENT_KILL, 1);
	unmake(f, "/t/c");
	pass(f, t);
	assert_int_equal(ledger_due(f->ledger, t), UINT64_MAX);
	sim_land(f->sim);
	settle(f, t);
	expect(f, "/t", EVENT_KILL, 1, REMOVED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 3);
}

/* ---- what changes in the middle of a walk ---- */

static void remove_b(struct fixture *f)
{
	unmake(f, "/t/b");
}

static void more_in_b(struct fixture *f)
{
	happen(f, "/t/b", EVENT_KILL, 2);
}

static void removed_at_any_moment(void **state)
{
	static const struct trigger triggers[] = {
		{ SIM_LIST, "/t", NULL, remove_b, 0 },
		{ SIM_EACH, "/t", "b", remove_b, 0 },
		{ SIM_READ, "/t", "b", remove_b, 0 },
		{ SIM_OPEN, "/t", "b", remove_b, 0 },
		{ SIM_READ_LOCAL, "/t/b", NULL, remove_b, 0 },
		/* Its directory is still there: it may be only its files that are not. */
		{ SIM_LIST, "/t", NULL, memory_off, 0 },
		{ SIM_OPEN, "/t", "b", memory_off, 0 },
		{ SIM_READ_LOCAL, "/t/b", NULL, memory_off, 0 },
	};

	for (size_t i = 0; i < sizeof(triggers) / sizeof(*triggers); i++) {
		struct fixture *f;
		struct account *t;

		fixture_setup(state);
		f = *state;
		t = add(f, "/t");
		happen(f, "/t/b", EVENT_KILL, 1);
		f->trigger = &triggers[i];
		pass(f, t);
		assert_null(f->trigger);
		settle(f, t);
		expect(f, "/t", EVENT_KILL, 1, triggers[i].act == memory_off ? UNPLACED : REMOVED);
		expect_none(f);
		expect_balance(f, EVENT_KILL, 1);
		fixture_teardown(state);
	}
}

/* What is entered must be what was read: the name alone may be another cgroup's by now. */
static void made_anew_at_any_moment(void **state)
{
	static const struct trigger triggers[] = {
		{ SIM_EACH, "/t", "b", remake_b, 0 },
		{ SIM_OPEN, "/t", "b", remake_b, 0 },
		{ SIM_READ_LOCAL, "/t/b", NULL, remake_b, 0 },
		{ SIM_OPEN, "/t", "b", memory_off_and_on, 0 },
		{ SIM_READ_LOCAL, "/t/b", NULL, memory_off_and_on, 0 },
	};

	for (size_t i = 0; i < sizeof(triggers) / sizeof(*triggers); i++) {
		struct fixture *f;
		struct account *t;

		fixture_setup(state);
		f = *state;
		t = add(f, "/t");
		happen(f, "/t/b", EVENT_KILL, 5);
		pass(f, t);
		expect(f, "/t/b", EVENT_KILL, 5, PLACED);
		happen(f, "/t/b", EVENT_KILL, 1);
		f->trigger = &triggers[i];
		pass(f, t);
		assert_null(f->trigger);
		settle(f, t);
		if (triggers[i].act == remake_b) {
			expect(f, "/t/b", EVENT_KILL, 9, PLACED);
			expect(f, "/t", EVENT_KILL, 1, REMOVED);
		} else { /* which of them came before it was off is not known */
			expect(f, "/t", EVENT_KILL, 5, UNPLACED);
		}
		expect_none(f);
		expect_balance(f, EVENT_KILL, triggers[i].act == remake_b ? 15 : 10);
		fixture_teardown(state);
	}
}

static void make_a_anew(struct fixture *f)
{
	static const struct trigger busy = { SIM_READ, "/t", "b", NULL, TREE_E_BUSY };

	unmake(f, "/t/a/x");
	unmake(f, "/t/a/y");
	unmake(f, "/t/a");
	make(f, "/t/a/x");
	happen(f, "/t/a/x", EVENT_KILL, 4);
	f->trigger = &busy;
}

/* What was met below a stranger is no child of the one that was meant, nor of nobody. */
static void made_anew_with_children(void **state)
{
	static const struct trigger trigger = { SIM_OPEN, "/t", "a", make_a_anew, 0 };
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/a/x", EVENT_KILL, 1);
	f->trigger = &trigger;
	pass(f, t);
	/* This walk cannot read /t/b, and may conclude nothing from not meeting the old /t/a. */
	assert_int_equal(ledger_pass(f->ledger, t, f->now_ns), LEDGER_E_AGAIN);
	settle(f, t);
	expect(f, "/t/a/x", EVENT_KILL, 4, PLACED);
	expect(f, "/t", EVENT_KILL, 1, REMOVED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 5);
}

static void make_z_anew(struct fixture *f)
{
	unmake(f, "/t/z");
	make(f, "/t/z");
	happen(f, "/t/z", EVENT_KILL, 1);
}

/* A listing tells names and ids of one moment, and the names are read in the next. */
static void tells_the_id_of_the_one_it_read(void **state)
{
	static const struct trigger trigger = { SIM_EACH, "/t", "z", make_z_anew, 0 };
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	make(f, "/t/z");
	happen(f, "/t/b", EVENT_KILL, 1);
	f->sim->list_batch = 8;
	f->trigger = &trigger;
	pass(f, t);
	settle(f, t);
	assert_int_equal(f->n_told, 2);
	for (unsigned i = 0; i < f->n_told; i++)
		assert_int_equal(f->told[i].id, at(f, f->told[i].path)->id);
}

static void remove_a(struct fixture *f)
{
	unmake(f, "/t/a/x");
	unmake(f, "/t/a/y");
	unmake(f, "/t/a");
}

/* /t/a has told its own when it goes away, before a child of it is entered. */
static void removed_after_its_own_was_told(void **state)
{
	static const struct trigger trigger = { SIM_OPEN, "/t/a", "x", remove_a, 0 };
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/a", EVENT_KILL, 1);
	happen(f, "/t/a/x", EVENT_KILL, 2);
	f->trigger = &trigger;
	pass(f, t);
	expect(f, "/t/a", EVENT_KILL, 1, PLACED);
	settle(f, t);
	expect(f, "/t", EVENT_KILL, 2, REMOVED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 3);
}

/* What comes after the top was read is for the next pass, wherever this one meets it. */
static void later_events_wait_or_are_told_once(void **state)
{
	static const struct trigger triggers[] = {
		{ SIM_LIST, "/t", NULL, more_in_b, 0 },
		{ SIM_OPEN, "/t", "b", more_in_b, 0 },
		{ SIM_LIST, "/t/b", NULL, more_in_b, 0 },
	};

	for (size_t i = 0; i < sizeof(triggers) / sizeof(*triggers); i++) {
		struct fixture *f;
		struct account *t;
		uint64_t told = 0;

		fixture_setup(state);
		f = *state;
		t = add(f, "/t");
		happen(f, "/t/b", EVENT_KILL, 1);
		f->trigger = &triggers[i];
		pass(f, t);
		settle(f, t);
		for (unsigned j = 0; j < f->n_told; j++) {
			assert_string_equal(f->told[j].path, "/t/b");
			assert_false(f->told[j].removed || f->told[j].unplaced);
			told += f->told[j].max;
		}
		assert_int_equal(told, 3);
		expect_balance(f, EVENT_KILL, 3);
		fixture_teardown(state);
	}
}

/* What dies while the second look is being taken is not in its counter: the next look has it. */
static void second_look_leaves_later_events_alone(void **state)
{
	static const struct trigger trigger = { SIM_LIST, "/t", NULL, short_life_of_c, 0 };
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	short_life_of_c(f);
	pass(f, t);
	f->now_ns += LEDGER_SLOT_NS;
	f->trigger = &trigger;
	assert_int_equal(ledger_resolve(f->ledger, t, f->now_ns), 0);
	expect(f, "/t", EVENT_KILL, 2, REMOVED);
	expect_none(f);
	settle(f, t);
	expect(f, "/t", EVENT_KILL, 2, REMOVED);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 4);
}

/* Kills that go on in what lives do not put off those in what is gone. */
static void a_steady_flow_hides_no_rest(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	short_life_of_c(f);
	pass(f, t);
	happen(f, "/t/b", EVENT_KILL, 5);
	pass(f, t);
	resolve(f, t);
	expect(f, "/t/b", EVENT_KILL, 5, PLACED);
	expect(f, "/t", EVENT_KILL, 2, REMOVED);
	expect_none(f);
}

/* Nothing is concluded from a walk in which something could not be read. */
static void a_child_that_cannot_be_read_now_is_not_gone(void **state)
{
	static const struct trigger triggers[] = {
		{ SIM_READ, "/t", "b", NULL, TREE_E_BUSY },
		{ SIM_OPEN, "/t", "b", NULL, TREE_E_BUSY },
		{ SIM_READ_LOCAL, "/t/b", NULL, NULL, -ENOMEM },
		{ SIM_LIST, "/t/b", NULL, NULL, TREE_E_BUSY },
		{ SIM_LIST, "/t", NULL, NULL, TREE_E_BUSY },
	};

	for (size_t i = 0; i < sizeof(triggers) / sizeof(*triggers); i++) {
		struct fixture *f;
		struct account *t;

		fixture_setup(state);
		f = *state;
		t = add(f, "/t");
		happen(f, "/t/b", EVENT_KILL, 1);
		f->trigger = &triggers[i];
		assert_int_equal(ledger_pass(f->ledger, t, f->now_ns), LEDGER_E_AGAIN);
		assert_int_equal(ledger_due(f->ledger, t), UINT64_MAX);
		settle(f, t);
		expect(f, "/t/b", EVENT_KILL, 1, PLACED);
		expect_none(f);
		fixture_teardown(state);
	}
}

/* ---- what may not be read ---- */

static void tells_what_it_may_not_read_unplaced(void **state)
{
	static const enum sim_denied how[] = { SIM_DENIED_DIR, SIM_DENIED_FILES };

	for (size_t i = 0; i < 2; i++) {
		struct fixture *f;
		struct account *t;

		fixture_setup(state);
		f = *state;
		happen(f, "/t/a/x", EVENT_KILL, 3);
		at(f, "/t/a")->denied = how[i];
		t = add(f, "/t");
		pass(f, t);
		settle(f, t);
		expect_none(f); /* the past is known, if not where */
		happen(f, "/t/a/x", EVENT_KILL, 1);
		happen(f, "/t/b", EVENT_KILL, 1);
		pass(f, t);
		expect(f, "/t/b", EVENT_KILL, 1, PLACED);
		expect_none(f);
		resolve(f, t);
		expect(f, "/t", EVENT_KILL, 1, UNPLACED);
		happen(f, "/t/b", EVENT_KILL, 1);
		settle(f, t);
		expect(f, "/t/b", EVENT_KILL, 1, PLACED);
		expect_none(f);
		expect_balance(f, EVENT_KILL, 3);
		fixture_teardown(state);
	}
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(places_what_lives),
		T(places_in_the_deep),
		T(tells_unplaced_from_the_abyss),
		T(takes_the_past_as_known),
		T(takes_everything_in_a_fresh_top_as_news),
		T(tells_news_from_noise),
		T(tells_what_the_removed_counted_a_slot_later),
		T(tells_the_removed_at_the_nearest_that_lives),
		T(keeps_what_was_told_of_the_removed),
		T(knows_one_made_anew_by_its_key),
		T(starts_anew_when_memory_was_off),
		T(counts_a_child_named_twice_once),
		T(tells_in_sum_once),
		T(tells_what_is_on_its_way_once),
		cmocka_unit_test(removed_at_any_moment),
		cmocka_unit_test(made_anew_at_any_moment),
		T(made_anew_with_children),
		T(tells_the_id_of_the_one_it_read),
		T(removed_after_its_own_was_told),
		cmocka_unit_test(later_events_wait_or_are_told_once),
		T(second_look_leaves_later_events_alone),
		T(a_steady_flow_hides_no_rest),
		cmocka_unit_test(a_child_that_cannot_be_read_now_is_not_gone),
		cmocka_unit_test(tells_what_it_may_not_read_unplaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
