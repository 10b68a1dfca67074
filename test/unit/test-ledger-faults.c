/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger when something fails: each read, each report and each allocation in turn
 *
 * One story is told again and again, each time with another thing failing. What is told in the end
 * must always be the same: late, but not less, not twice, and not elsewhere.
 */
#include "ledger_fixture.h"

#include <errno.h>
#include <string.h>

#include "fail_malloc.h"

/* ---- the story ---- */

struct story {
	struct fixture *f;
	struct account *a, *t;
};

static int add_a(struct story *s)
{
	return s->a ? 0 : try_add(s->f, "/t/a", false, &s->a);
}

static int pass_a(struct story *s)
{
	return ledger_pass(s->f->ledger, s->a, s->f->now_ns);
}

static int add_t(struct story *s)
{
	return s->t ? 0 : try_add(s->f, "/t", false, &s->t);
}

static int pass_t(struct story *s)
{
	return ledger_pass(s->f->ledger, s->t, s->f->now_ns);
}

static int resolve_t(struct story *s)
{
	return ledger_resolve(s->f->ledger, s->t, s->f->now_ns);
}

static void the_past(struct fixture *f)
{
	happen(f, "/t/a", EVENT_OOM, 3);
	happen(f, "/t/a/y", EVENT_KILL, 3);
	happen(f, "/t/b", EVENT_KILL, 1);
}

static void one_dies_in_a(struct fixture *f)
{
	happen(f, "/t/a", EVENT_OOM, 1);
	happen(f, "/t/a/x", EVENT_KILL, 1);
	make(f, "/t/a/z");
	happen(f, "/t/a/z", EVENT_KILL, 2);
	unmake(f, "/t/a/z");
}

static void more_below(struct fixture *f)
{
	happen(f, "/t/a/x", EVENT_KILL, 4); /* not told yet when /t takes over */
	make(f, "/t/b/1");
	make(f, "/t/b/2");
}

static void all_over(struct fixture *f)
{
	happen(f, "/t/b/1", EVENT_KILL, 8);
	happen(f, "/t/b/2", EVENT_OOM, 8);
	happen(f, "/t/b/2", EVENT_KILL, 16);
	unmake(f, "/t/b/2");
	happen(f, "/t/a/y", EVENT_OOM, 16);
	happen(f, "/t/a/x", EVENT_KILL, 1);
	happen(f, "/t/a", EVENT_GROUP_KILL, 1);
	happen(f, "/t/a/x", EVENT_KILL, 32);
	happen(f, "/t", EVENT_OOM, 32);
}

static void a_slot_later(struct fixture *f)
{
	f->now_ns += LEDGER_SLOT_NS;
	unmake(f, "/t/a/x");
	make(f, "/t/a/x");
	happen(f, "/t/a/x", EVENT_KILL, 64);
}

static const struct step {
	void (*happens)(struct fixture *f);
	int (*call)(struct story *s);
} steps[] = {
	{ the_past, add_a },  { one_dies_in_a, pass_a },   { more_below, add_t },
	{ all_over, pass_t }, { a_slot_later, resolve_t }, { NULL, pass_t },
};
#define STEPS (sizeof(steps) / sizeof(*steps))

static bool may_come(int r)
{
	return r == 0 || r == LEDGER_E_AGAIN || r == -ENOMEM;
}

static void check_told(struct fixture *f);

/* What fails in step @nr; the step is then taken once more. Returns false if it never came to that. */
typedef bool (*fail_fn)(struct story *s, const struct step *step, unsigned n);

/* Returns true if something failed. */
static bool tell(size_t nr, fail_fn fails, unsigned n)
{
	struct story s = { 0 };
	bool failed = false;
	void *state = NULL;

	fixture_setup(&state);
	s.f = state;
	for (size_t i = 0; i < STEPS; i++) {
		int r;

		if (steps[i].happens)
			steps[i].happens(s.f);
		if (i == nr)
			failed = fails(&s, &steps[i], n);
		r = steps[i].call(&s);
		assert_int_equal(r, 0);
	}
	settle(s.f, s.t);
	check_told(s.f);
	assert_int_equal(s.f->sim->n_handles, 2); /* the two tops' own */
	fixture_teardown(&state);
	return failed;
}

static void each_in_turn(fail_fn fails)
{
	for (size_t nr = 0; nr < STEPS; nr++) {
		unsigned n = 1;

		while (tell(nr, fails, n))
			n++;
		/* The last pass finds nothing new. */
		assert_true(n > 1 || nr == STEPS - 1);
	}
}

/* ---- what has to be told ---- */

struct sum {
	const char *path;
	enum event_kind kind;
	enum how how;
	uint64_t n;
};

static void take_sum(struct fixture *f, const struct sum *want)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < f->n_told;) {
		struct told *t = &f->told[i];

		if (t->kind == want->kind && strcmp(t->path, want->path) == 0 &&
		    t->removed == (want->how == REMOVED) &&
		    t->unplaced == (want->how == UNPLACED)) {
			n += t->max;
			memmove(t, t + 1, (--f->n_told - i) * sizeof(*t));
		} else {
			i++;
		}
	}
	if (n != want->n)
		fail_msg("%s %s: told %llu instead of %llu", want->path,
			 event_kind_name(want->kind), (unsigned long long)n,
			 (unsigned long long)want->n);
}

static void check_told(struct fixture *f)
{
	static const struct sum sums[] = {
		{ "/t/a", EVENT_OOM, PLACED, 1 },        { "/t/a", EVENT_KILL, REMOVED, 2 },
		{ "/t/a", EVENT_GROUP_KILL, PLACED, 1 }, { "/t/a/y", EVENT_OOM, PLACED, 16 },
		{ "/t/a/x", EVENT_KILL, PLACED, 102 },   { "/t/b/1", EVENT_KILL, PLACED, 8 },
		{ "/t/b", EVENT_OOM, REMOVED, 8 },       { "/t/b", EVENT_KILL, REMOVED, 16 },
		{ "/t", EVENT_OOM, PLACED, 32 },
	};
	uint64_t recounts = 0;

	for (unsigned i = 0; i < f->n_told; i++)
		recounts += f->told[i].max - f->told[i].min;
	assert_true(recounts >= 1);
	for (size_t i = 0; i < sizeof(sums) / sizeof(*sums); i++)
		take_sum(f, &sums[i]);
	expect_none(f);
	expect_balance(f, EVENT_KILL, 128);
}

/* ---- what fails ---- */

static bool call_fails(struct story *s, const struct step *step, unsigned n, int with)
{
	struct fixture *f = s->f;
	bool reached;
	int r;

	f->calls = 0;
	f->fault_at = n;
	f->fault = with;
	r = step->call(s);
	reached = f->calls >= n;
	f->fault_at = 0;
	assert_true(may_come(r));
	assert_true(reached || r == 0);
	return reached;
}

static bool busy(struct story *s, const struct step *step, unsigned n)
{
	return call_fails(s, step, n, TREE_E_BUSY);
}

static bool no_memory_in_the_tree(struct story *s, const struct step *step, unsigned n)
{
	return call_fails(s, step, n, -ENOMEM);
}

static bool refused(struct story *s, const struct step *step, unsigned n)
{
	struct fixture *f = s->f;
	bool reached;
	int r;

	f->reports = 0;
	f->refuse_at = n;
	f->refuse = -ENOMEM;
	r = step->call(s);
	reached = f->reports >= n;
	f->refuse_at = 0;
	assert_int_equal(r, reached ? LEDGER_E_AGAIN : 0);
	return reached;
}

static bool malloc_fails(struct story *s, const struct step *step, unsigned n, bool all)
{
	bool failed;
	int r;

	fail_malloc_arm(n, all);
	r = step->call(s);
	failed = fail_malloc_disarm();
	assert_true(may_come(r));
	assert_true(failed || r == 0);
	return failed;
}

static bool one_malloc_fails(struct story *s, const struct step *step, unsigned n)
{
	return malloc_fails(s, step, n, false);
}

static bool all_mallocs_fail(struct story *s, const struct step *step, unsigned n)
{
	return malloc_fails(s, step, n, true);
}

static bool nothing(struct story *s, const struct step *step, unsigned n)
{
	(void)s;
	(void)step;
	(void)n;
	return false;
}

/* ---- tests ---- */

static void tells_the_story(void **state)
{
	(void)state;
	assert_false(tell(0, nothing, 1));
}

static void reads_fail(void **state)
{
	(void)state;
	each_in_turn(busy);
	each_in_turn(no_memory_in_the_tree);
}

static void reports_are_refused(void **state)
{
	(void)state;
	for (size_t nr = 0; nr < STEPS; nr++)
		for (unsigned n = 1; tell(nr, refused, n);)
			n++;
}

static void allocations_fail(void **state)
{
	(void)state;
	each_in_turn(one_malloc_fails);
	each_in_turn(all_mallocs_fail);
}

static int new_ledger(void *ctx)
{
	struct ledger **l = ctx;

	*l = ledger_new(&sim_tree_ops, NULL, NULL);
	return *l ? 0 : -ENOMEM;
}

static void free_ledger(void *ctx)
{
	struct ledger **l = ctx;

	*l = ledger_free(*l);
	assert_null(*l);
	assert_null(ledger_free(NULL));
}

static void a_ledger_cannot_be_made(void **state)
{
	struct ledger *l = NULL;
	const struct fail_malloc_case c = { .run = new_ledger, .undo = free_ledger, .ctx = &l };

	(void)state;
	assert_int_equal(fail_malloc_each(&c), 1);
}

/* An error that is not just "not now" ends the walk and is handed on as it is. */
static void an_error_is_handed_on(void **state)
{
	struct fixture *f = *state;
	struct account *t = add(f, "/t");

	happen(f, "/t/a/x", EVENT_KILL, 1);
	f->refuse_at = 1;
	f->refuse = -EPIPE;
	assert_int_equal(ledger_pass(f->ledger, t, f->now_ns), -EPIPE);
	for (unsigned n = 1; n < 8; n++) {
		f->calls = 0;
		f->fault_at = n;
		f->fault = -EBADMSG;
		assert_int_equal(ledger_pass(f->ledger, t, f->now_ns), -EBADMSG);
	}
	f->calls = 0;
	f->fault_at = 1;
	f->fault = TREE_E_DENIED;
	assert_int_equal(ledger_pass(f->ledger, t, f->now_ns), -EACCES);
	settle(f, t);
	expect(f, "/t/a/x", EVENT_KILL, 1, PLACED);
	expect_none(f);
}

/* A ledger is given up with tops, rests and joined tops in it. */
static void can_be_given_up_at_any_time(void **state)
{
	struct fixture *f = *state;
	struct account *t;

	add(f, "/t/a");
	happen(f, "/t/a/x", EVENT_KILL, 1);
	t = add(f, "/t");
	short_life_of_c(f);
	pass(f, t);
	make(f, "/u");
	add(f, "/u");
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_the_story),
		cmocka_unit_test(reads_fail),
		cmocka_unit_test(reports_are_refused),
		cmocka_unit_test(allocations_fail),
		cmocka_unit_test(a_ledger_cannot_be_made),
		T(an_error_is_handed_on),
		T(can_be_given_up_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
