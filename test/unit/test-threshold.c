/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/threshold.h"
#include "fail_malloc.h"

#define MS NSEC_PER_MSEC
#define MIB (UINT64_C(1) << 20)
#define START (UINT64_C(1000) * NSEC_PER_SEC)
#define MANY 2000

/* Listeners on one cgroup, and what each was signalled. */
static struct {
	struct registry *registry;
	struct listener listeners[MANY];
	uint64_t got[MANY];
	struct thresholds t;
	uint64_t now_ns;
} f;

static int setup(void **state)
{
	const struct registry_quota quota = { .listeners = MANY, .cgroups = 1 };
	const uint64_t id = 7;

	(void)state;
	memset(&f, 0, sizeof(f));
	f.now_ns = START;
	f.registry = registry_new(&quota);
	assert_non_null(f.registry);
	for (size_t i = 0; i < MANY; i++) {
		f.listeners[i].token = &f.got[i];
		f.listeners[i].no_oom = true;
		assert_int_equal(registry_add(f.registry, &f.listeners[i],
					      &(struct registry_chain){ &id, 1 }),
				 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	thresholds_deinit(&f.t);
	registry_free(f.registry);
	return 0;
}

static void add(size_t i, uint64_t bytes)
{
	assert_int_equal(thresholds_add(&f.t, bytes, &f.listeners[i]), 0);
}

/* One sample, @after_ns after the last. */
static bool feed_after(uint64_t after_ns, uint64_t usage, uint64_t peak)
{
	struct delivery d;
	bool used_up;

	memset(f.got, 0, sizeof(f.got));
	f.now_ns += after_ns;
	used_up = thresholds_feed(&f.t, usage, peak, f.now_ns);
	while (registry_next(f.registry, &d))
		*(uint64_t *)d.token += d.count;
	return used_up;
}

static bool feed(uint64_t usage, uint64_t peak)
{
	return feed_after(10 * MS, usage, peak);
}

static void what_is_rounded(void **state)
{
	static const struct {
		uint64_t bytes, page, r;
	} rows[] = {
		{ 0, 4096, 0 },
		{ 1, 4096, 0 },
		{ 4095, 4096, 0 },
		{ 4096, 4096, 4096 },
		{ 8191, 4096, 4096 },
		{ 65536 + 4096, 65536, 65536 },
		{ UINT64_MAX, 4096, 0 },
		{ UINT64_MAX - 4095, 4096, 0 },
		{ UINT64_MAX - 4096, 4096, UINT64_MAX - 8191 },
		{ UINT64_MAX, 65536, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(threshold_round(rows[i].bytes, rows[i].page), rows[i].r);
}

/* Thresholds at 100, 200, 300: usage before, at the sample, the peak in between; signals of each. */
static void what_is_crossed(void **state)
{
	static const struct {
		uint64_t before, usage, peak;
		uint64_t got[3];
		bool used_up;
	} rows[] = {
		{ 0, 0, 0, { 0, 0, 0 }, false },
		{ 0, 99, 0, { 0, 0, 0 }, false },
		{ 0, 100, 0, { 1, 0, 0 }, false }, /* passed: threshold <= usage */
		{ 99, 100, 100, { 1, 0, 0 }, false },
		{ 100, 100, 100, { 0, 0, 0 }, false },
		{ 100, 99, 100, { 1, 0, 0 }, true },
		{ 0, 300, 300, { 1, 1, 1 }, false },
		{ 300, 0, 300, { 1, 1, 1 }, true },
		{ 250, 150, 250, { 0, 1, 0 }, true },
		{ 0, UINT64_MAX, UINT64_MAX, { 1, 1, 1 }, false },
		{ UINT64_MAX, 0, UINT64_MAX, { 1, 1, 1 }, true },
		/* up and down in between */
		{ 0, 0, 100, { 2, 0, 0 }, true },
		{ 0, 0, 99, { 0, 0, 0 }, false },
		{ 0, 0, 300, { 2, 2, 2 }, true },
		{ 0, 150, 200, { 1, 2, 0 }, true },
		{ 150, 150, 299, { 0, 2, 0 }, true },
		{ 150, 50, 250, { 1, 2, 0 }, true },
		{ 250, 50, 350, { 1, 1, 2 }, true },
		{ 350, 350, UINT64_MAX, { 0, 0, 0 }, false },
		/* a peak from before `usage` was read may be lower than that */
		{ 0, 300, 150, { 1, 1, 1 }, false },
		{ 300, 300, 150, { 0, 0, 0 }, false },
		{ 300, 0, 50, { 1, 1, 1 }, false },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		add(i, 100 * (i + 1));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool used_up;

		(void)feed(rows[i].before, 0);
		used_up = feed(rows[i].usage, rows[i].peak);
		if (memcmp(f.got, rows[i].got, sizeof(rows[i].got)) != 0 ||
		    used_up != rows[i].used_up)
			fail_msg("row %zu: %d %d %d, %d", i, (int)f.got[0], (int)f.got[1],
				 (int)f.got[2], used_up);
	}
}

static void adding_signals_nothing(void **state)
{
	(void)state;
	assert_false(feed(150, 150));
	add(0, 100);
	add(1, 200);
	assert_false(feed(150, 150));
	assert_int_equal(f.got[0], 0);
	assert_int_equal(f.got[1], 0);
	assert_true(
		feed(50, 150)); /* registered below usage: the first signal comes when it falls */
	assert_int_equal(f.got[0], 1);
	assert_int_equal(f.got[1], 0);
}

static void equal_ones(void **state)
{
	(void)state;
	add(0, 100);
	add(1, 100);
	add(0, 100); /* the same listener again */
	add(2, 101);
	(void)feed(100, 0);
	assert_int_equal(f.got[0], 2);
	assert_int_equal(f.got[1], 1);
	assert_int_equal(f.got[2], 0);
	thresholds_remove(&f.t, 100, &f.listeners[0]);
	(void)feed(0, 0);
	assert_int_equal(f.got[0], 1);
	assert_int_equal(f.got[1], 1);
	thresholds_remove(&f.t, 100, &f.listeners[2]); /* there is none */
	thresholds_remove(&f.t, 99, &f.listeners[1]);
	assert_int_equal(f.t.n, 3);
	thresholds_remove(&f.t, 100, &f.listeners[0]);
	thresholds_remove(&f.t, 100, &f.listeners[1]);
	thresholds_remove(&f.t, 101, &f.listeners[2]);
	assert_int_equal(f.t.n, 0);
	assert_int_equal(thresholds_step(&f.t), UINT64_MAX);
}

/* Usage wanders; each listener has as many signals as its threshold was crossed. */
static void many(void **state)
{
	static uint64_t bytes[MANY], expected[MANY], sum[MANY];
	uint64_t usage = 0;

	(void)state;
	srandom(4);
	memset(expected, 0, sizeof(expected));
	memset(sum, 0, sizeof(sum));
	for (size_t i = 0; i < MANY; i++) {
		bytes[i] = 1 + (uint64_t)random() % 1000;
		add(i, bytes[i]);
	}
	for (unsigned round = 0; round < 500; round++) {
		uint64_t to = (uint64_t)random() % 1100;
		uint64_t peak = (uint64_t)random() % 1100;

		if (round == 250)
			for (size_t i = 0; i < MANY; i += 2)
				thresholds_remove(&f.t, bytes[i], &f.listeners[i]);
		(void)feed(to, peak);
		for (size_t i = 0; i < MANY; i++) {
			bool was = bytes[i] <= usage, is = bytes[i] <= to;

			sum[i] += f.got[i];
			if (round >= 250 && i % 2 == 0)
				continue;
			if (was != is)
				expected[i]++;
			else if (!was && bytes[i] <= peak)
				expected[i] += 2;
		}
		usage = to;
	}
	assert_memory_equal(sum, expected, sizeof(sum));
}

/* After a long rest at @usage, with one threshold of @bytes. */
static void how_soon_from_rest(void **state)
{
	static const struct {
		uint64_t bytes, usage, step_ns;
	} rows[] = {
		{ 1024 * MIB, 0, 100 * MS },
		{ 1024 * MIB, 1024 * MIB - 100 * MIB, 97656250 },
		{ 1024 * MIB, 1024 * MIB - 10 * MIB, 9765625 },
		{ 1024 * MIB, 1024 * MIB - 5 * MIB, 5 * MS },
		{ 1024 * MIB, 1024 * MIB - 1, 5 * MS },
		{ 1024 * MIB, 1024 * MIB, 5 * MS },
		{ 1024 * MIB, 1024 * MIB + 10 * MIB - 1, 9765625 },
		{ 1024 * MIB, UINT64_MAX, 100 * MS },
		{ UINT64_MAX, 0, 100 * MS },
		{ 1, UINT64_MAX, 100 * MS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		add(0, rows[i].bytes);
		(void)feed(rows[i].usage, 0);
		for (unsigned n = 0; n < 100; n++)
			(void)feed_after(100 * MS, rows[i].usage, 0);
		assert_int_equal(thresholds_step(&f.t), rows[i].step_ns);
		thresholds_remove(&f.t, rows[i].bytes, &f.listeners[0]);
	}
}

/* 400 MiB in 100 ms: taken for 8 GiB/s. Half of the speed is forgotten in 100 ms. */
static void speed_is_followed(void **state)
{
	(void)state;
	add(0, 2048 * MIB);
	(void)feed(0, 0);
	(void)feed_after(100 * MS, 400 * MIB, 0);
	assert_int_equal(f.t.speed, 4000 * MIB);
	(void)feed_after(100 * MS, 400 * MIB, 0);
	assert_int_equal(f.t.speed, 2000 * MIB);
	(void)feed_after(50 * MS, 400 * MIB, 0);
	assert_int_equal(f.t.speed, 1500 * MIB);
	assert_int_equal(thresholds_step(&f.t), 100 * MS); /* 549 ms away */
	(void)feed_after(100 * MS, 1800 * MIB, 0);
	assert_int_equal(f.t.speed, 14000 * MIB);
	assert_int_equal(thresholds_step(&f.t), 248 * NSEC_PER_SEC / 28000);
	/* What went up and down moved, too. */
	(void)feed_after(100 * MS, 1800 * MIB, 0);
	(void)feed_after(100 * MS, 1000 * MIB, 3000 * MIB);
	assert_int_equal(f.t.speed, 20000 * MIB);
	/* Two looks at nearly the same time make no speed out of a batch of charges. */
	(void)feed_after(10000 * MS, 1000 * MIB, 0);
	for (unsigned i = 0; i < 20; i++)
		(void)feed_after(100 * MS, 1000 * MIB, 0);
	(void)feed_after(1, 1000 * MIB + 256 * 1024, 0);
	assert_int_equal(f.t.speed, 250 * MIB);
	/* A clock that stands still or goes back is no reason to divide by nothing. */
	(void)feed_after(0, UINT64_MAX, UINT64_MAX);
	f.now_ns -= MS;
	(void)feed_after(0, 0, UINT64_MAX);
	assert_int_equal(f.t.speed, UINT64_MAX);
	assert_int_equal(thresholds_step(&f.t), 5 * MS);
}

/*
 * A usage that moves at any constant speed up to 1 GiB/s, sampled as told and not a moment later: it is
 * never past a threshold for more than 5 ms when it is read.
 */
static void nothing_near_is_late(void **state)
{
	(void)state;
	for (uint64_t speed = MIB; speed <= 1024 * MIB; speed *= 2) { /* a second */
		const uint64_t threshold = 700 * MIB + 12345;
		uint64_t usage = threshold - speed / 4, passed_ns = f.now_ns + 250 * MS;

		add(0, threshold);
		(void)feed(usage, 0);
		passed_ns = f.now_ns + 250 * MS;
		for (unsigned reads = 0;; reads++) {
			uint64_t step = thresholds_step(&f.t);

			assert_in_range(step, THRESHOLD_STEP_MIN_NS, THRESHOLD_STEP_MAX_NS);
			usage += speed / 1000 * step / MS;
			(void)feed_after(step, usage, 0);
			if (f.got[0])
				break;
			assert_true(reads < 60);
		}
		assert_true(f.now_ns <= passed_ns + THRESHOLD_STEP_MIN_NS + MS / 10);
		thresholds_remove(&f.t, threshold, &f.listeners[0]);
	}
}

static int add_ten(void *ctx)
{
	(void)ctx;
	for (size_t i = 0; i < 10; i++) {
		int r = thresholds_add(&f.t, 10 - i, &f.listeners[i]);

		if (r < 0) { /* those before are as they were */
			(void)feed(0, 0);
			(void)feed(10, 0);
			for (size_t k = 0; k < 10; k++)
				assert_int_equal(f.got[k], k < i);
			thresholds_deinit(&f.t);
			return r;
		}
	}
	return 0;
}

static void forget_all(void *ctx)
{
	(void)ctx;
	thresholds_deinit(&f.t);
}

static void without_memory(void **state)
{
	const struct fail_malloc_case c = { .run = add_ten, .undo = forget_all };

	(void)state;
	assert_int_equal(fail_malloc_each(&c), 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_rounded),
		TEST(what_is_crossed),
		TEST(adding_signals_nothing),
		TEST(equal_ones),
		TEST(many),
		TEST(how_soon_from_rest),
		TEST(speed_is_followed),
		TEST(nothing_near_is_late),
		TEST(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
