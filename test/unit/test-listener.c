/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables for what the notifier promises, then random trees and random calls against a model that
 * has no structure at all: it asks of every listener whether the cgroup is among its ancestors.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/listener.h"
#include "fail_malloc.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct registry_quota plenty = { .listeners = 1000, .cgroups = 1000 };

static int add(struct registry *r, struct listener *l, const uint64_t *ids, size_t n)
{
	const struct registry_chain chain = { .id = ids, .length = n };

	l->token = l;
	return registry_add(r, l, &chain);
}

#define ADD(r, l, ...)                                                                             \
	add((r), (l), (const uint64_t[]){ __VA_ARGS__ }, COUNT(((const uint64_t[]){ __VA_ARGS__ })))

/* The next delivery must be for @l. */
static void expect(struct registry *r, const struct listener *l, uint64_t count, bool ended)
{
	struct delivery d;

	assert_true(registry_next(r, &d));
	assert_ptr_equal(d.listener, l);
	assert_ptr_equal(d.token, l);
	assert_int_equal(d.count, count);
	assert_int_equal(d.ended, ended);
}

static void expect_none(struct registry *r)
{
	struct delivery d;

	assert_false(registry_next(r, &d));
}

/* A threshold's or pressure's listener: no oom is its business, the end of its cgroup is. */
static void what_is_there_for_something_else_hears_no_oom(void **state)
{
	struct registry *r = registry_new(&plenty);
	struct listener oom = { 0 }, other = { .no_oom = true };

	(void)state;
	assert_int_equal(registry_under_oom(r, 1, true), 0);
	assert_int_equal(ADD(r, &other, 2, 1), 0);
	expect_none(r);
	assert_int_equal(registry_under_oom(r, 1, false), 0);
	assert_int_equal(ADD(r, &oom, 2, 1), 0);
	registry_oom(r, 1, 3);
	expect(r, &oom, 3, false);
	expect_none(r);

	registry_signal(&other, 2);
	registry_signal(&other, 1);
	expect(r, &other, 3, false);
	registry_signal(&other, 1);
	registry_gone(r, 2);
	registry_signal(&other, 1);
	expect(r, &other, 2, true);
	expect(r, &oom, 1, true);
	registry_free(r);
}

/*
 *      1
 *     / \
 *    2   5
 *   / \
 *  3   4
 */
static void an_oom_goes_down_never_up_nor_aside(void **state)
{
	static const struct {
		uint64_t at;
		bool told[6]; /* by id; [0] is not used */
	} rows[] = {
		{ 1, { false, true, true, true, true, true } },
		{ 2, { false, false, true, true, true, false } },
		{ 3, { false, false, false, true, false, false } },
		{ 4, { false, false, false, false, true, false } },
		{ 5, { false, false, false, false, false, true } },
		{ 6, { false, false, false, false, false, false } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct registry *r = registry_new(&plenty);
		struct listener l[6] = { 0 };
		uint64_t told[6] = { 0 };
		struct delivery d;

		assert_int_equal(ADD(r, &l[3], 3, 2, 1), 0);
		assert_int_equal(ADD(r, &l[1], 1), 0);
		assert_int_equal(ADD(r, &l[5], 5, 1), 0);
		assert_int_equal(ADD(r, &l[4], 4, 2, 1), 0);
		assert_int_equal(ADD(r, &l[2], 2, 1), 0);
		registry_oom(r, rows[i].at, 3);
		while (registry_next(r, &d)) {
			assert_false(d.ended);
			told[d.listener - l] += d.count;
		}
		for (size_t k = 1; k < 6; k++)
			assert_int_equal(told[k], rows[i].told[k] ? 3 : 0);
		registry_free(r);
	}
}

static void all_on_one_cgroup_get_the_same(void **state)
{
	enum { N = 300 };
	struct registry *r = registry_new(&plenty);
	struct listener l[N] = { 0 };
	struct delivery d;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < N; i++)
		assert_int_equal(ADD(r, &l[i], 7, 1), 0);
	assert_int_equal(registry_listeners(r), N);
	assert_int_equal(registry_cgroups(r), 2);
	registry_oom(r, 7, 1);
	registry_oom(r, 1, 2);
	for (; registry_next(r, &d); n++)
		assert_int_equal(d.count, 3);
	assert_int_equal(n, N);
	for (size_t i = 0; i < N; i++)
		registry_remove(&l[i]);
	assert_int_equal(registry_listeners(r), 0);
	assert_int_equal(registry_cgroups(r), 0);
	registry_free(r);
}

/* One owner may register the same eventfd many times: each is a listener of its own. */
static void one_token_many_times(void **state)
{
	struct registry *r = registry_new(&plenty);
	struct listener a = { 0 }, b = { 0 }, c = { 0 };
	const uint64_t at[] = { 7 }, elsewhere[] = { 8 };
	struct delivery d;
	uint64_t got = 0;

	(void)state;
	a.token = b.token = c.token = &got;
	assert_int_equal(registry_add(r, &a, &(struct registry_chain){ at, 1 }), 0);
	assert_int_equal(registry_add(r, &b, &(struct registry_chain){ at, 1 }), 0);
	assert_int_equal(registry_add(r, &c, &(struct registry_chain){ elsewhere, 1 }), 0);
	registry_oom(r, 7, 1);
	registry_oom(r, 8, 1);
	while (registry_next(r, &d))
		*(uint64_t *)d.token += d.count;
	assert_int_equal(got, 3);
	registry_free(r);
	assert_null(a.registry);
}

static void registering_under_oom_is_told_at_once(void **state)
{
	struct registry *r = registry_new(&plenty);
	struct listener before = { 0 }, on = { 0 }, below = { 0 }, above = { 0 }, aside = { 0 };
	struct listener after = { 0 };

	(void)state;
	assert_int_equal(ADD(r, &before, 2, 1), 0);
	assert_int_equal(registry_under_oom(r, 2, true), 0);
	expect_none(r);
	assert_int_equal(ADD(r, &on, 2, 1), 0);
	expect(r, &on, 1, false);
	assert_int_equal(ADD(r, &below, 3, 2, 1), 0);
	expect(r, &below, 1, false);
	assert_int_equal(ADD(r, &above, 1), 0);
	assert_int_equal(ADD(r, &aside, 4, 1), 0);
	expect_none(r);
	assert_int_equal(registry_under_oom(r, 2, false), 0);
	assert_int_equal(ADD(r, &after, 2, 1), 0);
	expect_none(r);
	registry_free(r);
}

/* It is known that 2 is under oom before anybody says where in the tree it lies. */
static void under_oom_before_anybody_listens(void **state)
{
	struct registry *r = registry_new(&plenty);
	struct listener l = { 0 };

	(void)state;
	assert_int_equal(registry_under_oom(r, 2, true), 0);
	assert_int_equal(registry_cgroups(r), 1);
	assert_int_equal(ADD(r, &l, 3, 2, 1), 0);
	expect(r, &l, 1, false);
	registry_oom(r, 1, 1);
	expect(r, &l, 1, false);
	registry_remove(&l);
	assert_int_equal(registry_cgroups(r), 2); /* 2, and 1 above it */
	assert_int_equal(registry_under_oom(r, 2, false), 0);
	assert_int_equal(registry_cgroups(r), 0);
	assert_int_equal(registry_under_oom(r, 2, false), 0);
	registry_free(r);
}

static void removal_tells_once_more_and_ends(void **state)
{
	struct registry *r = registry_new(&plenty);
	struct listener l[2] = { 0 }, below = { 0 }, above = { 0 };

	(void)state;
	assert_int_equal(ADD(r, &l[0], 2, 1), 0);
	assert_int_equal(ADD(r, &l[1], 2, 1), 0);
	assert_int_equal(ADD(r, &below, 3, 2, 1), 0);
	assert_int_equal(ADD(r, &above, 1), 0);
	registry_oom(r, 2, 4);
	registry_gone(r, 2);
	registry_gone(r, 2);
	expect(r, &l[0], 5, true);
	expect(r, &l[1], 5, true);
	expect(r, &below, 5, true);
	expect_none(r);
	registry_oom(r, 1, 1);
	registry_oom(r, 2, 1);
	registry_oom(r, 3, 1);
	expect(r, &above, 1, false);
	expect_none(r);
	/* They hold a place until their owner takes them out, but no cgroup. */
	assert_int_equal(registry_listeners(r), 4);
	assert_int_equal(registry_cgroups(r), 1);
	registry_remove(&l[0]);
	registry_remove(&l[0]);
	registry_remove(&below);
	assert_int_equal(registry_listeners(r), 2);
	registry_free(r);
	assert_null(l[1].registry);
	assert_null(above.registry);
}

static void a_removed_cgroup_is_no_longer_under_oom(void **state)
{
	struct registry *r = registry_new(&plenty);
	struct listener l = { 0 };

	(void)state;
	assert_int_equal(registry_under_oom(r, 2, true), 0);
	registry_gone(r, 2);
	assert_int_equal(registry_cgroups(r), 0);
	assert_int_equal(ADD(r, &l, 2, 1), 0);
	expect_none(r);
	registry_free(r);
}

/* Between two deliveries anything may go, also the very one just delivered and the next one. */
static void removing_between_deliveries(void **state)
{
	struct registry *r = registry_new(&plenty);
	struct listener l[4] = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(l); i++)
		assert_int_equal(ADD(r, &l[i], 2, 1), 0);
	registry_oom(r, 2, 1);
	expect(r, &l[0], 1, false);
	registry_remove(&l[0]);
	registry_remove(&l[1]);
	expect(r, &l[2], 1, false);
	registry_gone(r, 2);
	registry_remove(&l[2]);
	/* A listener that comes back begins anew. */
	assert_int_equal(ADD(r, &l[1], 5, 1), 0);
	registry_oom(r, 1, 2);
	expect(r, &l[3], 2, true);
	expect(r, &l[1], 2, false);
	expect_none(r);
	registry_free(r);
}

static void counts_do_not_wrap(void **state)
{
	struct registry *r = registry_new(&plenty);
	struct listener l = { 0 };

	(void)state;
	assert_int_equal(ADD(r, &l, 2), 0);
	registry_oom(r, 2, 0);
	expect_none(r);
	registry_oom(r, 2, UINT64_MAX);
	registry_oom(r, 2, 2);
	expect(r, &l, UINT64_MAX, false);
	registry_free(r);
}

static void a_quota_refuses_and_leaves_nothing(void **state)
{
	const struct registry_quota small = { .listeners = 2, .cgroups = 3 };
	struct registry *r = registry_new(&small);
	struct listener a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	assert_int_equal(ADD(r, &a, 4, 3, 2, 1), LISTENER_E_QUOTA);
	assert_int_equal(registry_cgroups(r), 0);
	assert_null(a.registry);
	assert_int_equal(ADD(r, &a, 3, 2, 1), 0);
	assert_int_equal(ADD(r, &b, 4, 2, 1), LISTENER_E_QUOTA);
	assert_int_equal(registry_under_oom(r, 9, true), LISTENER_E_QUOTA);
	assert_int_equal(registry_under_oom(r, 9, false), 0);
	assert_int_equal(registry_cgroups(r), 3);
	assert_int_equal(ADD(r, &b, 2, 1), 0);
	assert_int_equal(ADD(r, &c, 2, 1), LISTENER_E_QUOTA);
	registry_remove(&b);
	assert_int_equal(ADD(r, &c, 2, 1), 0);
	registry_free(r);
}

/* What is known: 3 below 2 below 1, and 9, which is under oom and may lie anywhere. */
static void chains_that_cannot_be(void **state)
{
	static const struct {
		uint64_t id[4];
		size_t n;
		int r;
	} rows[] = {
		{ { 3, 2, 1 }, 3, 0 },
		{ { 3 }, 1, 0 },          /* seen from inside of it: nothing above */
		{ { 3, 2 }, 2, 0 },       /* from inside of 2 */
		{ { 3, 2, 1, 8 }, 4, 0 }, /* from further outside */
		{ { 5, 9 }, 2, 0 },
		{ { 5, 9, 1 }, 3, 0 },
		{ { 0 }, 0, -EINVAL },
		{ { 3, 1 }, 2, -EINVAL },
		{ { 3, 9 }, 2, -EINVAL },
		{ { 5, 3, 1 }, 3, -EINVAL },
		{ { 2, 2 }, 2, -EINVAL },
		{ { 5, 6, 5 }, 3, -EINVAL },
		{ { 1, 3 }, 2, -EINVAL },    /* 1 is above 3 already */
		{ { 5, 1, 3 }, 3, -EINVAL }, /* the same, further up */
		{ { 9, 5, 9 }, 3, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct registry *r = registry_new(&plenty);
		struct listener known = { 0 }, l = { 0 };

		assert_int_equal(ADD(r, &known, 3, 2, 1), 0);
		assert_int_equal(registry_under_oom(r, 9, true), 0);
		assert_int_equal(add(r, &l, rows[i].id, rows[i].n), rows[i].r);
		if (rows[i].r != 0)
			assert_int_equal(registry_cgroups(r), 4);
		registry_free(r);
	}
}

static void free_takes_null(void **state)
{
	struct listener never = { 0 };

	(void)state;
	assert_null(registry_free(NULL));
	registry_remove(&never);
}

struct memory_run {
	struct registry *r;
	struct listener l[2];
};

static void memory_undo(void *ctx)
{
	struct memory_run *m = ctx;

	m->r = registry_free(m->r);
}

static int memory_run(void *ctx)
{
	struct memory_run *m = ctx;
	int r;

	memset(m, 0, sizeof(*m));
	m->r = registry_new(&plenty);
	if (!m->r)
		return -ENOMEM;
	r = ADD(m->r, &m->l[0], 2, 1);
	assert_int_equal(registry_cgroups(m->r), r == 0 ? 2 : 0);
	if (r == 0) {
		r = registry_under_oom(m->r, 9, true);
		assert_int_equal(registry_cgroups(m->r), r == 0 ? 3 : 2);
	}
	if (r == 0) {
		r = ADD(m->r, &m->l[1], 4, 3, 2, 1);
		assert_int_equal(registry_cgroups(m->r), r == 0 ? 5 : 3);
	}
	/* Whoever is linked in is told all the same. */
	registry_oom(m->r, 1, 1);
	for (size_t i = 0; i < COUNT(m->l); i++)
		if (m->l[i].registry)
			expect(m->r, &m->l[i], 1, false);
	expect_none(m->r);
	if (r != 0)
		memory_undo(m);
	return r;
}

/* A registration that gets no memory leaves nothing, and what is linked in works on. */
static void no_memory(void **state)
{
	struct memory_run m;
	const struct fail_malloc_case c = { .run = memory_run, .undo = memory_undo, .ctx = &m };

	(void)state;
	assert_true(fail_malloc_each(&c) >= 6);
}

/* The model */

enum { M_CGROUPS = 24, M_LISTENERS = 32, M_STEPS = 400, M_ROUNDS = 3000 };

struct m_listener {
	bool added, ended;
	unsigned at;
	uint64_t due;
};

struct m {
	unsigned parent[M_CGROUPS]; /* 0 is the root and its own parent */
	bool alive[M_CGROUPS];
	bool under_oom[M_CGROUPS];
	uint64_t id[M_CGROUPS];
	struct m_listener l[M_LISTENERS];
	uint64_t next_id;
	struct registry *r;
	struct listener real[M_LISTENERS];
};

static uint64_t rnd_state;

static unsigned rnd(unsigned n)
{
	/* splitmix64 */
	uint64_t z = (rnd_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (unsigned)((z ^ (z >> 31)) % n);
}

static bool m_below(const struct m *m, unsigned c, unsigned top)
{
	for (; c != top; c = m->parent[c])
		if (c == 0)
			return false;
	return true;
}

static void m_make(struct m *m, unsigned c, unsigned parent)
{
	m->parent[c] = parent;
	m->alive[c] = true;
	m->under_oom[c] = false;
	m->id[c] = ++m->next_id;
}

static unsigned m_some_alive(const struct m *m)
{
	unsigned c;

	do
		c = rnd(M_CGROUPS);
	while (!m->alive[c]);
	return c;
}

static void step_add(struct m *m, unsigned i)
{
	uint64_t ids[M_CGROUPS + 1];
	struct registry_chain chain = { .id = ids };
	unsigned at = m_some_alive(m);

	for (unsigned c = at;; c = m->parent[c]) {
		ids[chain.length++] = m->id[c];
		if (c == 0)
			break;
	}
	m->real[i] = (struct listener){ .token = &m->l[i] };
	assert_int_equal(registry_add(m->r, &m->real[i], &chain), 0);
	m->l[i] = (struct m_listener){ .added = true, .at = at };
	for (unsigned c = 0; c < M_CGROUPS; c++)
		if (m->alive[c] && m->under_oom[c] && m_below(m, at, c))
			m->l[i].due = 1;
}

static void step_gone(struct m *m)
{
	unsigned top = m_some_alive(m);

	if (top == 0)
		return;
	registry_gone(m->r, m->id[top]);
	for (unsigned i = 0; i < M_LISTENERS; i++)
		if (m->l[i].added && !m->l[i].ended && m_below(m, m->l[i].at, top)) {
			m->l[i].due++;
			m->l[i].ended = true;
		}
	/* Below first: m_below() needs the way up. */
	bool dead[M_CGROUPS];

	for (unsigned c = 0; c < M_CGROUPS; c++)
		dead[c] = m->alive[c] && m_below(m, c, top);
	for (unsigned c = 0; c < M_CGROUPS; c++)
		if (dead[c]) {
			m->alive[c] = false;
			assert_int_equal(registry_under_oom(m->r, m->id[c], false), 0);
		}
}

static void step_oom(struct m *m)
{
	unsigned at = m_some_alive(m), n = 1 + rnd(3);

	registry_oom(m->r, m->id[at], n);
	for (unsigned i = 0; i < M_LISTENERS; i++)
		if (m->l[i].added && !m->l[i].ended && m_below(m, m->l[i].at, at))
			m->l[i].due += n;
}

static void step_deliver(struct m *m)
{
	struct delivery d;

	for (unsigned n = rnd(8); n > 0 && registry_next(m->r, &d); n--) {
		struct m_listener *l = d.token;

		assert_true(l->added);
		assert_int_equal(d.count, l->due);
		assert_int_equal(d.ended, l->ended);
		l->due = 0;
	}
}

static void step(struct m *m)
{
	unsigned i = rnd(M_LISTENERS), c = rnd(M_CGROUPS);

	switch (rnd(7)) {
	case 0:
	case 1:
		if (!m->l[i].added)
			step_add(m, i);
		break;
	case 2:
		registry_remove(&m->real[i]);
		m->l[i] = (struct m_listener){ 0 };
		break;
	case 3:
		step_oom(m);
		break;
	case 4:
		if (!m->alive[c])
			m_make(m, c, m_some_alive(m));
		else if (rnd(3) == 0)
			step_gone(m);
		break;
	case 5:
		if (m->alive[c]) {
			m->under_oom[c] = !m->under_oom[c];
			assert_int_equal(registry_under_oom(m->r, m->id[c], m->under_oom[c]), 0);
		}
		break;
	default:
		step_deliver(m);
	}
}

/* What the registry holds is what is wanted: listened on, above that, or under oom. */
static void check_sizes(const struct m *m)
{
	size_t listeners = 0, at_most = 0, at_least = 0;

	for (unsigned i = 0; i < M_LISTENERS; i++)
		listeners += m->l[i].added;
	assert_int_equal(registry_listeners(m->r), listeners);
	for (unsigned c = 0; c < M_CGROUPS; c++) {
		bool wanted = m->alive[c] && m->under_oom[c], above = false;

		for (unsigned i = 0; m->alive[c] && i < M_LISTENERS; i++)
			wanted |= m->l[i].added && !m->l[i].ended && m_below(m, m->l[i].at, c);
		/* Above one that is under oom it depends on whether anybody named its chain. */
		for (unsigned k = 0; m->alive[c] && k < M_CGROUPS; k++)
			above |= m->alive[k] && m->under_oom[k] && m_below(m, k, c);
		at_least += wanted;
		at_most += wanted || above;
	}
	assert_in_range(registry_cgroups(m->r), at_least, at_most);
}

static void drain_and_compare(struct m *m)
{
	struct delivery d;

	while (registry_next(m->r, &d)) {
		struct m_listener *l = d.token;

		assert_int_equal(d.count, l->due);
		assert_int_equal(d.ended, l->ended);
		l->due = 0;
	}
	for (unsigned i = 0; i < M_LISTENERS; i++)
		assert_int_equal(m->l[i].due, 0);
}

static void random_calls_agree_with_a_model(void **state)
{
	(void)state;
	for (unsigned round = 0; round < M_ROUNDS; round++) {
		struct m m = { .r = registry_new(&plenty) };

		rnd_state = round;
		m_make(&m, 0, 0);
		for (unsigned s = 0; s < M_STEPS; s++) {
			step(&m);
			check_sizes(&m);
		}
		drain_and_compare(&m);
		registry_free(m.r);
	}
	print_message("%u random calls\n", M_ROUNDS * M_STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_oom_goes_down_never_up_nor_aside),
		cmocka_unit_test(what_is_there_for_something_else_hears_no_oom),
		cmocka_unit_test(all_on_one_cgroup_get_the_same),
		cmocka_unit_test(one_token_many_times),
		cmocka_unit_test(registering_under_oom_is_told_at_once),
		cmocka_unit_test(under_oom_before_anybody_listens),
		cmocka_unit_test(removal_tells_once_more_and_ends),
		cmocka_unit_test(a_removed_cgroup_is_no_longer_under_oom),
		cmocka_unit_test(removing_between_deliveries),
		cmocka_unit_test(counts_do_not_wrap),
		cmocka_unit_test(a_quota_refuses_and_leaves_nothing),
		cmocka_unit_test(chains_that_cannot_be),
		cmocka_unit_test(free_takes_null),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(random_calls_agree_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
