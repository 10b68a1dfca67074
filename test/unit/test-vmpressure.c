/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <string.h>

#include "core/vmpressure.h"

#define MS NSEC_PER_MSEC
#define START (UINT64_C(1000) * NSEC_PER_SEC)
#define W VMPRESSURE_WINDOW

/* A small tree: a, a/b, a/b/c, with one watch of each mode and level on each. */
enum { A, B, C, NODES };
#define MODES 3
#define LEVELS 3

struct heard {
	struct vmpressure_watch watch; /* the first member */
	unsigned n;
};

static struct {
	struct vmpressure_node node[NODES];
	struct vmpressure_reading now[NODES];
	struct heard heard[NODES][MODES][LEVELS];
	uint64_t ns;
} t;

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.ns = START;
	for (unsigned i = 0; i < NODES; i++) {
		vmpressure_link(&t.node[i], i ? &t.node[i - 1] : NULL);
		vmpressure_start(&t.node[i], &t.now[i]);
	}
	return 0;
}

static void listen_on(unsigned node, enum pressure_mode mode)
{
	for (unsigned i = 0; i < LEVELS; i++) {
		struct heard *h = &t.heard[node][mode][i];

		h->watch.level = PRESSURE_LOW + i;
		h->watch.mode = mode;
		vmpressure_watch_add(&t.node[node], &h->watch);
	}
}

static void listen_everywhere(void)
{
	for (unsigned i = 0; i < NODES; i++)
		for (unsigned mode = 0; mode < MODES; mode++)
			listen_on(i, mode);
}

static void count(void *ctx, struct vmpressure_watch *w)
{
	(void)ctx;
	((struct heard *)w)->n++;
}

static const struct vmpressure_told told = { .signal = count };

static bool read_one(unsigned node)
{
	return vmpressure_read(&t.node[node], &t.now[node], t.ns, &told);
}

/* 10 ms later. */
static bool read_all(void)
{
	bool news = false;

	t.ns += 10 * MS;
	for (unsigned i = NODES; i-- > 0;)
		news |= read_one(i);
	return news;
}

/* No reading is the first after a rest any more. */
static void wake(void)
{
	(void)read_all();
}

/* Pages scanned in @node, and so in all above. */
static void scan(unsigned node, uint64_t scanned, uint64_t reclaimed)
{
	for (unsigned i = 0; i <= node; i++) {
		t.now[i].scanned += scanned;
		t.now[i].reclaimed += reclaimed;
	}
}

static void hit(unsigned node)
{
	t.now[node].limits_local++;
	for (unsigned i = 0; i <= node; i++)
		t.now[i].limits++;
}

static void oom(unsigned node)
{
	t.now[node].ooms_local++;
	for (unsigned i = 0; i <= node; i++)
		t.now[i].ooms++;
}

/* The highest level that was heard in that mode since the last call; 0: none. All below were as well. */
static unsigned heard(unsigned node, enum pressure_mode mode)
{
	unsigned level = 0;

	for (unsigned i = 0; i < LEVELS; i++) {
		if (t.heard[node][mode][i].n > 0) {
			assert_int_equal(level, i);
			level = i + 1;
		}
		assert_true(t.heard[node][mode][i].n <= 1);
		t.heard[node][mode][i].n = 0;
	}
	return level;
}

static void assert_heard(unsigned node, unsigned by_default, unsigned hierarchy, unsigned local)
{
	assert_int_equal(heard(node, PRESSURE_DEFAULT), by_default);
	assert_int_equal(heard(node, PRESSURE_HIERARCHY), hierarchy);
	assert_int_equal(heard(node, PRESSURE_LOCAL), local);
}

static void levels(void **state)
{
	static const struct {
		uint64_t scanned, reclaimed;
		enum pressure_level level;
	} rows[] = {
		{ 512, 512, PRESSURE_LOW },
		{ 512, 600, PRESSURE_LOW }, /* slab */
		{ 1000, 401, PRESSURE_LOW },
		{ 1000, 400, PRESSURE_MEDIUM },
		{ 1000, 51, PRESSURE_MEDIUM },
		{ 1000, 50, PRESSURE_CRITICAL },
		{ 512, 0, PRESSURE_CRITICAL },
		{ UINT64_MAX, 0, PRESSURE_CRITICAL },
		{ UINT64_MAX, UINT64_MAX - 1, PRESSURE_LOW },
		{ UINT64_MAX, UINT64_MAX / 3, PRESSURE_MEDIUM },
		{ UINT64_C(1) << 32, (UINT64_C(1) << 32) * 2 / 5 + 9, PRESSURE_LOW },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(vmpressure_level(rows[i].scanned, rows[i].reclaimed),
				 rows[i].level);
}

static void a_window_is_512_pages(void **state)
{
	(void)state;
	listen_on(C, PRESSURE_LOCAL);
	wake();
	hit(C);
	scan(C, W - 1, 0);
	assert_true(read_all());
	assert_int_equal(heard(C, PRESSURE_LOCAL), 0);
	/* What is left is kept, the next page makes it one. */
	scan(C, 1, 0);
	assert_true(read_all());
	assert_int_equal(heard(C, PRESSURE_LOCAL), PRESSURE_CRITICAL);
	/* Nothing of it is left then, and much at once is one. */
	scan(C, W - 1, 0);
	(void)read_all();
	assert_int_equal(heard(C, PRESSURE_LOCAL), 0);
	scan(C, 9 * W, 9 * W);
	(void)read_all();
	assert_int_equal(heard(C, PRESSURE_LOCAL), PRESSURE_LOW);
	assert_false(read_all());
}

static void all_modes_on_a_tree(void **state)
{
	static const struct {
		unsigned limit;
		unsigned told[NODES][MODES]; /* by mode; medium where it is 2 */
	} rows[] = {
		{ C, { { 0, 2, 0 }, { 0, 2, 0 }, { 2, 2, 2 } } },
		{ B, { { 0, 2, 0 }, { 2, 2, 2 }, { 0, 0, 0 } } },
		{ A, { { 2, 2, 2 }, { 0, 0, 0 }, { 0, 0, 0 } } },
	};

	(void)state;
	listen_everywhere();
	wake();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		hit(rows[i].limit);
		scan(C, 1000, 300); /* the pages are all in the leaf */
		(void)read_all();
		for (unsigned n = 0; n < NODES; n++)
			assert_heard(n, rows[i].told[n][PRESSURE_DEFAULT],
				     rows[i].told[n][PRESSURE_HIERARCHY],
				     rows[i].told[n][PRESSURE_LOCAL]);
		t.ns += VMPRESSURE_HOLD_NS;
	}
}

/* Nobody listens on C: what happens there comes to B from below. */
static void below_where_nobody_listens(void **state)
{
	(void)state;
	listen_on(A, PRESSURE_DEFAULT);
	listen_on(A, PRESSURE_HIERARCHY);
	listen_on(B, PRESSURE_DEFAULT);
	listen_on(B, PRESSURE_HIERARCHY);
	listen_on(B, PRESSURE_LOCAL);
	vmpressure_unlink(&t.node[C]);
	t.node[C].parent = NULL;
	wake();
	hit(C);
	scan(C, 1000, 0);
	(void)read_all();
	assert_heard(B, PRESSURE_CRITICAL, PRESSURE_CRITICAL, 0);
	assert_heard(A, 0, PRESSURE_CRITICAL, 0);
	/* A hears by default if nobody on B hears that level. */
	hit(C);
	vmpressure_watch_remove(&t.node[B], &t.heard[B][PRESSURE_DEFAULT][0].watch);
	vmpressure_watch_remove(&t.node[B], &t.heard[B][PRESSURE_HIERARCHY][0].watch);
	scan(C, 1000, 1000);
	(void)read_all();
	assert_heard(B, 0, 0, 0);
	assert_heard(A, PRESSURE_LOW, PRESSURE_LOW, 0);
}

/* Pages that C has claimed are not told of B once more; those of a neighbour of C are. */
static void what_is_claimed_is_taken_off(void **state)
{
	(void)state;
	listen_on(B, PRESSURE_HIERARCHY);
	listen_on(C, PRESSURE_HIERARCHY);
	wake();
	hit(C);
	scan(C, 1000, 1000);
	hit(B); /* of a neighbour: not local at B */
	t.now[B].limits_local--;
	scan(B, W - 1, 0);
	(void)read_all();
	assert_int_equal(heard(C, PRESSURE_HIERARCHY), PRESSURE_LOW);
	assert_int_equal(heard(B, PRESSURE_HIERARCHY), PRESSURE_LOW); /* C's, and no other */
	scan(B, 1, 0);
	(void)read_all();
	assert_int_equal(heard(C, PRESSURE_HIERARCHY), 0);
	assert_int_equal(heard(B, PRESSURE_HIERARCHY), PRESSURE_CRITICAL);
}

/* A count that is seen below first, and above one reading later, is no other one. */
static void counts_on_their_way_up(void **state)
{
	(void)state;
	listen_on(B, PRESSURE_LOCAL);
	listen_on(B, PRESSURE_HIERARCHY);
	wake();
	hit(C);
	t.now[B].limits--;
	(void)read_all();
	t.now[B].limits++;
	t.ns += 2 * VMPRESSURE_HOLD_NS; /* C is the target no more */
	(void)read_all();
	scan(B, 1000, 0); /* for somebody above */
	(void)read_all();
	assert_heard(B, 0, 0, 0);
}

static void reclaim_from_above_is_not_told(void **state)
{
	(void)state;
	listen_everywhere();
	wake();
	scan(C, 100 * W, 0);
	assert_false(read_all());
	for (unsigned n = 0; n < NODES; n++)
		assert_heard(n, 0, 0, 0);
}

static void a_target_is_one_for_some_time(void **state)
{
	(void)state;
	listen_on(C, PRESSURE_LOCAL);
	wake();
	hit(C);
	(void)read_all();
	t.ns += VMPRESSURE_HOLD_NS - 10 * MS;
	scan(C, W, 0);
	(void)read_all();
	assert_int_equal(heard(C, PRESSURE_LOCAL), PRESSURE_CRITICAL);
	scan(C, W, 0);
	assert_false(read_all());
	assert_int_equal(heard(C, PRESSURE_LOCAL), 0);
}

static void after_a_rest_it_is_low(void **state)
{
	(void)state;
	listen_on(C, PRESSURE_LOCAL);
	wake();
	hit(C);
	scan(C, W, 0);
	for (unsigned i = 0; i < NODES; i++)
		vmpressure_rest(&t.node[i]);
	(void)read_all();
	assert_int_equal(heard(C, PRESSURE_LOCAL), PRESSURE_LOW);
	scan(C, W, 0);
	(void)read_all();
	assert_int_equal(heard(C, PRESSURE_LOCAL), PRESSURE_CRITICAL);
	/* An oom is sure. */
	for (unsigned i = 0; i < NODES; i++)
		vmpressure_rest(&t.node[i]);
	oom(C);
	(void)read_all();
	assert_int_equal(heard(C, PRESSURE_LOCAL), PRESSURE_CRITICAL);
}

/* Without swap nothing is scanned when there is nothing to be had: v1 says so by priority. */
static void an_oom_is_critical(void **state)
{
	(void)state;
	listen_everywhere();
	wake();
	oom(C);
	assert_true(read_all());
	assert_heard(C, 3, 3, 3);
	assert_heard(B, 0, 3, 0);
	assert_heard(A, 0, 3, 0);
	/* However much could be had before; and what was collected until then went into it. */
	hit(B);
	oom(B);
	scan(C, 100 * W, 100 * W);
	(void)read_all();
	assert_heard(C, 0, 0, 0);
	assert_heard(B, 3, 3, 3);
	assert_heard(A, 0, 3, 0);
	(void)read_all();
	assert_heard(B, 0, 0, 0);
}

static void counters_that_go_back_begin_anew(void **state)
{
	(void)state;
	listen_on(C, PRESSURE_LOCAL);
	wake();
	hit(C);
	scan(C, W - 1, 0);
	(void)read_all();
	t.now[C] = (struct vmpressure_reading){ .scanned = W - 2, .limits = 1, .limits_local = 1 };
	assert_false(read_one(C));
	assert_int_equal(heard(C, PRESSURE_LOCAL), 0);
	/* Neither the rest of a window nor the target is left. */
	t.now[C].scanned += W;
	(void)read_one(C);
	assert_int_equal(heard(C, PRESSURE_LOCAL), 0);
	t.now[C].limits_local++;
	t.now[C].limits++;
	t.now[C].scanned += W;
	(void)read_one(C);
	assert_int_equal(heard(C, PRESSURE_LOCAL), PRESSURE_CRITICAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(levels, setup),
		cmocka_unit_test_setup(a_window_is_512_pages, setup),
		cmocka_unit_test_setup(all_modes_on_a_tree, setup),
		cmocka_unit_test_setup(below_where_nobody_listens, setup),
		cmocka_unit_test_setup(what_is_claimed_is_taken_off, setup),
		cmocka_unit_test_setup(counts_on_their_way_up, setup),
		cmocka_unit_test_setup(reclaim_from_above_is_not_told, setup),
		cmocka_unit_test_setup(a_target_is_one_for_some_time, setup),
		cmocka_unit_test_setup(after_a_rest_it_is_low, setup),
		cmocka_unit_test_setup(an_oom_is_critical, setup),
		cmocka_unit_test_setup(counters_that_go_back_begin_anew, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
