/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "core/kill_log.h"
#include "fail_malloc.h"

#define MS UINT64_C(1000000)
#define TICK (10 * MS)

/* The process that is asked about began in tick 100, that is from 1,000 to 1,010 ms. */
#define PID 7
#define TICKS 100
#define START (TICKS * TICK + 3 * MS)

static struct kill_event *event(const char *cgroup)
{
	struct oomn_event *e = event_new(EVENT_KILL);
	struct kill_event *k;

	assert_non_null(e);
	e->cgroup = cgroup ? strdup(cgroup) : NULL;
	k = kill_event_new(e);
	assert_non_null(k);
	return k;
}

static void add_at(struct kill_log *log, enum death how, uint32_t pid, uint64_t start_ns,
		   uint64_t when_ns)
{
	kill_log_add(log, &(struct kill_death){ .how = how,
						.id = { .pid = pid, .start_ns = start_ns },
						.when_ns = when_ns,
						.event = event("/a") });
}

static void add_message(struct kill_log *log, uint32_t pid, uint64_t after_ns, uint64_t printed_ns)
{
	kill_log_add(log, &(struct kill_death){ .how = DEATH_KILLED,
						.id = { .pid = pid },
						.when_ns = 5000 * MS,
						.message = true,
						.after_ns = after_ns,
						.printed_ns = printed_ns });
}

static const struct kill_question asked = {
	.pid = PID,
	.start_ticks = TICKS,
	.taken_ns = 1020 * MS,
	.end = KILL_END_SIGKILL,
	.host_kills = 4,
	.host_kills_now = 5,
	.hz = 100,
	.ahead_ns = 1005 * MS,
};

static void expect(const struct kill_log *log, const struct kill_question *q,
		   enum kill_verdict verdict, enum kill_why why)
{
	struct kill_answer a;

	kill_log_judge(log, q, &a);
	if (a.verdict != verdict || a.why != why)
		fail_msg("%d for %d, instead of %d for %d", (int)a.verdict, (int)a.why,
			 (int)verdict, (int)why);
	assert_int_equal(a.death != NULL, verdict == KILL_YES);
}

enum {
	Q_OTHERWISE = 1 << 0,   /* it ended by something else than SIGKILL */
	Q_NO_STATUS = 1 << 1,   /* how it ended is not known */
	Q_QUIET = 1 << 2,       /* nobody was killed on this host */
	Q_NO_VMSTAT = 1 << 3,   /* or it is not known whether */
	Q_FOREIGN = 1 << 4,     /* in another pid namespace */
	Q_EARLY = 1 << 5,       /* its id was got before the log began */
	Q_LOST = 1 << 6,        /* something was lost after that */
	Q_LOST_BEFORE = 1 << 7, /* or before */
};

struct row {
	enum kill_seeing seeing;
	unsigned flags;
	int death; /* enum death, as it is seen; -1: it is not */
	enum kill_verdict verdict;
	enum kill_why why;
};

static const struct row rows[] = {
	{ KILL_SEES_ALL, 0, DEATH_KILLED, KILL_YES, KILL_WHY_SEEN },
	{ KILL_SEES_ALL, Q_NO_STATUS, DEATH_KILLED, KILL_YES, KILL_WHY_SEEN },
	{ KILL_SEES_ALL, 0, DEATH_SHARED, KILL_YES, KILL_WHY_SHARED },
	{ KILL_SEES_ALL, 0, DEATH_EXITING, KILL_NO, KILL_WHY_EXITING },
	{ KILL_SEES_ALL, 0, -1, KILL_NO, KILL_WHY_NOT_AMONG },
	{ KILL_SEES_ALL, Q_NO_STATUS, -1, KILL_NO, KILL_WHY_NOT_AMONG },
	{ KILL_SEES_ALL, Q_NO_VMSTAT, -1, KILL_NO, KILL_WHY_NOT_AMONG },
	/* It was chosen while it ended by itself. */
	{ KILL_SEES_ALL, Q_OTHERWISE, DEATH_KILLED, KILL_NO, KILL_WHY_STATUS },
	{ KILL_SEES_ALL, Q_OTHERWISE, -1, KILL_NO, KILL_WHY_STATUS },
	/* What was seen is so, whatever else was not. */
	{ KILL_SEES_ALL, Q_EARLY | Q_LOST, DEATH_KILLED, KILL_YES, KILL_WHY_SEEN },
	{ KILL_SEES_ALL, Q_EARLY | Q_LOST, DEATH_SHARED, KILL_YES, KILL_WHY_SHARED },
	{ KILL_SEES_NOTHING, 0, DEATH_KILLED, KILL_YES, KILL_WHY_SEEN },
	/* What was not seen may have been. */
	{ KILL_SEES_ALL, Q_EARLY, -1, KILL_UNKNOWN, KILL_WHY_BEFORE },
	{ KILL_SEES_ALL, Q_EARLY, DEATH_EXITING, KILL_UNKNOWN, KILL_WHY_BEFORE },
	{ KILL_SEES_ALL, Q_LOST, -1, KILL_UNKNOWN, KILL_WHY_LOST },
	{ KILL_SEES_ALL, Q_LOST, DEATH_EXITING, KILL_UNKNOWN, KILL_WHY_LOST },
	{ KILL_SEES_ALL, Q_LOST_BEFORE, -1, KILL_NO, KILL_WHY_NOT_AMONG },
	{ KILL_SEES_ALL, Q_LOST | Q_QUIET, -1, KILL_NO, KILL_WHY_NO_KILLS },
	{ KILL_SEES_ALL, Q_EARLY | Q_QUIET, -1, KILL_NO, KILL_WHY_NO_KILLS },
	/* Of another namespace a pid says nothing, and the start alone can only rule it out. */
	{ KILL_SEES_ALL, Q_FOREIGN, -1, KILL_NO, KILL_WHY_NOT_AMONG },
	{ KILL_SEES_ALL, Q_FOREIGN, DEATH_KILLED, KILL_UNKNOWN, KILL_WHY_NAMESPACE },
	{ KILL_SEES_ALL, Q_FOREIGN, DEATH_SHARED, KILL_UNKNOWN, KILL_WHY_NAMESPACE },
	{ KILL_SEES_ALL, Q_FOREIGN, DEATH_EXITING, KILL_NO, KILL_WHY_NOT_AMONG },
	{ KILL_SEES_ALL, Q_FOREIGN | Q_LOST, -1, KILL_UNKNOWN, KILL_WHY_LOST },
	{ KILL_SEES_ALL, Q_FOREIGN | Q_OTHERWISE, -1, KILL_NO, KILL_WHY_STATUS },
	/* Where not all is seen, only status and vmstat say no. */
	{ KILL_SEES_SOME, 0, -1, KILL_UNKNOWN, KILL_WHY_NOT_SEEN },
	{ KILL_SEES_SOME, Q_FOREIGN, -1, KILL_UNKNOWN, KILL_WHY_NAMESPACE },
	{ KILL_SEES_SOME, Q_QUIET, -1, KILL_NO, KILL_WHY_NO_KILLS },
	{ KILL_SEES_SOME, Q_OTHERWISE, -1, KILL_NO, KILL_WHY_STATUS },
	{ KILL_SEES_NOTHING, 0, -1, KILL_UNKNOWN, KILL_WHY_NOT_SEEN },
	{ KILL_SEES_NOTHING, Q_NO_VMSTAT, -1, KILL_UNKNOWN, KILL_WHY_NOT_SEEN },
	{ KILL_SEES_NOTHING, Q_FOREIGN, -1, KILL_UNKNOWN, KILL_WHY_NOT_SEEN },
	{ KILL_SEES_NOTHING, Q_QUIET, -1, KILL_NO, KILL_WHY_NO_KILLS },
	{ KILL_SEES_NOTHING, Q_FOREIGN | Q_QUIET, -1, KILL_NO, KILL_WHY_NO_KILLS },
	{ KILL_SEES_NOTHING, Q_OTHERWISE, -1, KILL_NO, KILL_WHY_STATUS },
};

static void verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct kill_log *log = kill_log_new(8);
		struct kill_question q = asked;

		print_message("row %zu\n", i);
		assert_non_null(log);
		kill_log_begin(log, r->seeing, r->flags & Q_EARLY ? 1021 * MS : 1020 * MS);
		if (r->death >= 0)
			add_at(log, (enum death)r->death, PID, START, 1030 * MS);
		if (r->flags & (Q_LOST | Q_LOST_BEFORE))
			kill_log_lost(log, r->flags & Q_LOST ? 1020 * MS : 1019 * MS);
		if (r->flags & (Q_OTHERWISE | Q_NO_STATUS))
			q.end = r->flags & Q_OTHERWISE ? KILL_END_OTHERWISE : KILL_END_UNKNOWN;
		if (r->flags & Q_QUIET)
			q.host_kills_now = q.host_kills;
		if (r->flags & Q_NO_VMSTAT)
			q.host_kills = q.host_kills_now = UINT64_MAX;
		q.foreign = r->flags & Q_FOREIGN;
		expect(log, &q, r->verdict, r->why);
		assert_null(kill_log_free(log));
	}
}

/* The kernel rounds down to a tick; another process of the same pid began in another one. */
static void which_process(void **state)
{
	static const struct {
		uint32_t pid;
		uint64_t start_ns;
		bool same;
	} others[] = {
		{ PID, TICKS * TICK, true },      { PID, (TICKS + 1) * TICK - 1, true },
		{ PID, TICKS * TICK - 1, false }, { PID, (TICKS + 1) * TICK, false },
		{ PID + 1, START, false },        { PID + 8, START, false }, /* in the same chain */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct kill_log *log = kill_log_new(8);

		assert_non_null(log);
		kill_log_begin(log, KILL_SEES_ALL, 0);
		add_at(log, DEATH_KILLED, others[i].pid, others[i].start_ns, 1030 * MS);
		if (others[i].same)
			expect(log, &asked, KILL_YES, KILL_WHY_SEEN);
		else
			expect(log, &asked, KILL_NO, KILL_WHY_NOT_AMONG);
		kill_log_free(log);
	}
}

/* In a time namespace /proc tells starts with its offset, but on old kernels without. */
static void time_namespace(void **state)
{
	struct kill_question q = asked;
	struct kill_log *log = kill_log_new(8);

	(void)state;
	assert_non_null(log);
	kill_log_begin(log, KILL_SEES_ALL, 0);
	add_at(log, DEATH_KILLED, PID, START, 1030 * MS);
	q.offset_ns = (int64_t)(50 * TICK);
	expect(log, &q, KILL_YES, KILL_WHY_SEEN);
	q.start_ticks = TICKS + 50;
	expect(log, &q, KILL_YES, KILL_WHY_SEEN);
	q.offset_ns = -(int64_t)(50 * TICK);
	expect(log, &q, KILL_NO, KILL_WHY_NOT_AMONG);
	q.start_ticks = TICKS - 50;
	expect(log, &q, KILL_YES, KILL_WHY_SEEN);
	q.offset_ns = 0;
	expect(log, &q, KILL_NO, KILL_WHY_NOT_AMONG);
	kill_log_free(log);
}

/* Of one process the weightiest is kept, in whatever order they come, and the others count for nothing. */
static void weights(void **state)
{
	static const enum kill_why whys[] = {
		[DEATH_EXITING] = KILL_WHY_EXITING,
		[DEATH_SHARED] = KILL_WHY_SHARED,
		[DEATH_KILLED] = KILL_WHY_SEEN,
	};

	(void)state;
	for (enum death a = DEATH_EXITING; a <= DEATH_KILLED; a++)
		for (enum death b = DEATH_EXITING; b <= DEATH_KILLED; b++) {
			struct kill_log *log = kill_log_new(2);
			enum death most = a > b ? a : b;
			struct kill_sum sum;

			assert_non_null(log);
			kill_log_begin(log, KILL_SEES_ALL, 0);
			add_at(log, a, PID, START, 1030 * MS);
			add_at(log, b, PID, START, 1031 * MS);
			expect(log, &asked, most == DEATH_EXITING ? KILL_NO : KILL_YES, whys[most]);
			kill_log_sum(log, &(struct kill_place){ .path = "/a" }, 0, UINT64_MAX,
				     &sum);
			assert_int_equal(sum.min, most == DEATH_KILLED);
			assert_int_equal(sum.max, sum.min);
			kill_log_free(log);
		}
}

/* Three of five are remembered; then what the first two were is not known. */
static void overflow(void **state)
{
	struct kill_log *log = kill_log_new(3);
	struct kill_question q = asked;
	struct kill_sum sum;

	(void)state;
	assert_non_null(log);
	kill_log_begin(log, KILL_SEES_ALL, 0);
	for (uint32_t i = 0; i < 5; i++) /* 16 apart: all in one chain */
		add_at(log, DEATH_KILLED, PID + 16 * i, START, (1030 + i) * MS);
	expect(log, &q, KILL_UNKNOWN, KILL_WHY_FORGOTTEN);
	q.pid = PID + 16;
	expect(log, &q, KILL_UNKNOWN, KILL_WHY_FORGOTTEN);
	for (uint32_t i = 2; i < 5; i++) {
		q.pid = PID + 16 * i;
		expect(log, &q, KILL_YES, KILL_WHY_SEEN);
	}
	/* The newest that was forgotten died at 1,031. */
	q.pid = PID + 1;
	q.taken_ns = 1031 * MS;
	expect(log, &q, KILL_UNKNOWN, KILL_WHY_FORGOTTEN);
	q.taken_ns++;
	expect(log, &q, KILL_NO, KILL_WHY_NOT_AMONG);
	kill_log_sum(log, &(struct kill_place){ .path = "/a" }, 1031 * MS, UINT64_MAX, &sum);
	assert_int_equal(sum.min, 3);
	assert_true(sum.max == UINT64_MAX);
	assert_int_equal(sum.why, KILL_WHY_FORGOTTEN);
	kill_log_sum(log, &(struct kill_place){ .path = "/a" }, 1031 * MS + 1, UINT64_MAX, &sum);
	assert_int_equal(sum.max, 3);
	kill_log_free(log);
}

/* Thousands through a small ring: chains hold, and only the newest are there. */
static void churn(void **state)
{
	struct kill_log *log = kill_log_new(100);
	struct kill_question q = asked;

	(void)state;
	assert_non_null(log);
	kill_log_begin(log, KILL_SEES_ALL, 0);
	for (uint32_t i = 1; i <= 5000; i++)
		add_at(log, DEATH_KILLED, i * 37 % 1009 + 1, START + i * TICK, i * MS);
	for (uint32_t i = 1; i <= 5000; i++) {
		q.pid = i * 37 % 1009 + 1;
		q.start_ticks = TICKS + i;
		if (i > 4900)
			expect(log, &q, KILL_YES, KILL_WHY_SEEN);
		else
			expect(log, &q, KILL_UNKNOWN, KILL_WHY_FORGOTTEN);
	}
	kill_log_free(log);
}

/*
 * A message names this process, and not an earlier one of its pid, if it was printed after this one began:
 * since that was past when all had been read before, or by the kernel's own time, with room for its drift.
 */
static void messages(void **state)
{
	static const struct {
		uint64_t after_ns, printed_ns;
		int64_t offset_ns;
		bool named;
	} lines[] = {
		{ 1010 * MS, 0, 0, true },
		{ 1010 * MS - 1, 0, 0, false },
		{ 0, 1010 * MS, 0, false },
		{ 0, 2015 * MS, 0, true },
		{ 0, 2015 * MS - 1, 0, false },
		{ 0, 2015 * MS, 1, false },
		{ 1010 * MS, 2015 * MS, 1, true },
		/* An earlier process of that pid, which was read a moment after all before it. */
		{ 999 * MS, 0, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct kill_log *log = kill_log_new(8);
		struct kill_question q = asked;

		assert_non_null(log);
		kill_log_begin(log, KILL_SEES_SOME, 0);
		add_message(log, PID + 1, lines[i].after_ns, lines[i].printed_ns);
		expect(log, &q, KILL_UNKNOWN, KILL_WHY_NOT_SEEN);
		add_message(log, PID, lines[i].after_ns, lines[i].printed_ns);
		q.offset_ns = lines[i].offset_ns;
		if (lines[i].named)
			expect(log, &q, KILL_YES, KILL_WHY_SEEN);
		else
			expect(log, &q, KILL_UNKNOWN, KILL_WHY_NOT_SEEN);
		q.foreign = true;
		expect(log, &q, KILL_UNKNOWN, KILL_WHY_NAMESPACE);
		q.foreign = false;
		q.end = KILL_END_OTHERWISE;
		expect(log, &q, KILL_NO, KILL_WHY_STATUS);
		kill_log_free(log);
	}
}

static void sums(void **state)
{
	static const struct {
		const char *path;
		uint64_t id, when;
		enum death how;
	} deaths[] = {
		{ "/a", 1, 10, DEATH_KILLED },   { "/a/b", 2, 20, DEATH_KILLED },
		{ "/a", 9, 30, DEATH_KILLED },   { "/ab", 3, 40, DEATH_KILLED },
		{ "/a/b", 2, 50, DEATH_SHARED }, { "/a/c", 4, 60, DEATH_KILLED },
		{ NULL, 5, 70, DEATH_KILLED },   { NULL, 1, 80, DEATH_KILLED },
	};
	static const struct {
		struct kill_place place;
		uint64_t since, until, min, max;
	} asks[] = {
		{ { .path = "/a", .id = 1 }, 0, 100, 4, 5 },
		{ { .path = "/a" }, 0, 100, 4, 6 }, /* whichever of that name */
		{ { .path = "/a", .id = 1, .local = true }, 0, 100, 2, 3 },
		{ { .path = "/a", .id = 9, .local = true }, 0, 100, 1, 3 },
		{ { .path = "/a/b", .id = 2 }, 0, 100, 1, 3 },
		{ { .path = "/a", .id = 1 }, 20, 60, 2, 2 },
		{ { .path = "/a", .id = 1 }, 21, 59, 0, 0 },
		{ { .path = "/", .all = true }, 0, 100, 7, 7 },
	};
	struct kill_log *log = kill_log_new(16);
	struct kill_sum sum;

	(void)state;
	assert_non_null(log);
	kill_log_begin(log, KILL_SEES_ALL, 0);
	for (uint32_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++)
		kill_log_add(log, &(struct kill_death){ .how = deaths[i].how,
							.id = { .pid = i + 1, .start_ns = 1 },
							.cgroup_id = deaths[i].id,
							.when_ns = deaths[i].when,
							.event = event(deaths[i].path) });
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		kill_log_sum(log, &asks[i].place, asks[i].since, asks[i].until, &sum);
		print_message("ask %zu: %d %d\n", i, (int)sum.min, (int)sum.max);
		assert_int_equal(sum.min, asks[i].min);
		assert_int_equal(sum.max, asks[i].max);
		assert_int_equal(sum.why, KILL_WHY_SEEN);
	}
	kill_log_begin(log, KILL_SEES_ALL, 21);
	kill_log_sum(log, &asks[0].place, 20, 60, &sum);
	assert_true(sum.min == 2 && sum.max == UINT64_MAX && sum.why == KILL_WHY_BEFORE);
	kill_log_lost(log, 25);
	kill_log_sum(log, &asks[0].place, 25, 60, &sum);
	assert_true(sum.min == 1 && sum.max == UINT64_MAX && sum.why == KILL_WHY_LOST);
	kill_log_sum(log, &asks[0].place, 26, 60, &sum);
	assert_true(sum.max == 1 && sum.why == KILL_WHY_SEEN);
	kill_log_begin(log, KILL_SEES_SOME, 21);
	kill_log_sum(log, &asks[0].place, 26, 60, &sum);
	assert_true(sum.max == UINT64_MAX && sum.why == KILL_WHY_NOT_SEEN);
	kill_log_free(log);
}

/* An answer's event outlives the log. */
static void events(void **state)
{
	struct kill_log *log = kill_log_new(1);
	struct kill_event *held;
	struct kill_answer a;

	(void)state;
	assert_non_null(log);
	add_at(log, DEATH_KILLED, PID, START, 1030 * MS);
	kill_log_judge(log, &asked, &a);
	held = kill_event_ref(a.death->event);
	add_at(log, DEATH_KILLED, PID + 1, START, 1031 * MS);
	assert_null(kill_log_free(log));
	assert_string_equal(held->event->cgroup, "/a");
	assert_null(kill_event_unref(held));
	assert_null(kill_event_unref(NULL));
	assert_null(kill_log_free(NULL));
}

static int make(void *ctx)
{
	struct kill_log **ret = ctx, *log = kill_log_new(64);

	if (!log)
		return -ENOMEM;
	*ret = log;
	return 0;
}

static void unmake(void *ctx)
{
	struct kill_log **log = ctx;

	kill_log_free(*log);
}

static int make_event(void *ctx)
{
	struct kill_event **ret = ctx, *k;
	struct oomn_event *e = event_new(EVENT_KILL);

	k = e ? kill_event_new(e) : NULL;
	if (!k)
		return -ENOMEM;
	*ret = k;
	return 0;
}

static void unmake_event(void *ctx)
{
	struct kill_event **k = ctx;

	kill_event_unref(*k);
}

static void no_memory(void **state)
{
	struct kill_log *log;
	struct kill_event *k;

	(void)state;
	fail_malloc_each(&(struct fail_malloc_case){ .run = make,
						     .undo = unmake,
						     .ctx = &log,
						     .out = &log,
						     .out_size = sizeof(void *) });
	fail_malloc_each(&(struct fail_malloc_case){ .run = make_event,
						     .undo = unmake_event,
						     .ctx = &k,
						     .out = &k,
						     .out_size = sizeof(void *) });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),       cmocka_unit_test(which_process),
		cmocka_unit_test(time_namespace), cmocka_unit_test(weights),
		cmocka_unit_test(overflow),       cmocka_unit_test(churn),
		cmocka_unit_test(messages),       cmocka_unit_test(sums),
		cmocka_unit_test(events),         cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
