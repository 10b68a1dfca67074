/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queries on a /proc and cgroups of plain files: what is seen is fed by hand. */
#include "cmocka_all.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "fail_malloc.h"
#include "lib/query.h"

#define TICK (NSEC_PER_SEC / 100)
#define KILLED SIGKILL /* a wait status */
#define EXITED (3 << 8)

struct rig {
	char dir[64];
	struct cgroup_host host;
	struct cgroup_at at;
	struct query q;
	int rounds; /* of draining, until there is no more */
	bool alive;
};

static void put(const struct rig *r, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void put_dir(const struct rig *r, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static bool drain(void *ctx)
{
	struct rig *r = ctx;

	if (r->rounds > 0 && --r->rounds > 0)
		return false;
	query_drained(&r->q, clock_boottime_ns());
	return true;
}

static void begin(struct rig *r, uint32_t history_max)
{
	*r = (struct rig){ .host = CGROUP_HOST_NULL, .at = CGROUP_AT_NULL, .alive = true };
	(void)snprintf(r->dir, sizeof(r->dir), "/tmp/test-query.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	put_dir(r, "a");
	put_dir(r, "self");
	put_dir(r, "self/ns");
	put(r, "vmstat", "oom_kill 100\n");
	put(r, "a/memory.events", "oom_kill 7\noom_group_kill 0\n");
	assert_int_equal(cgroup_host_open_fake(&r->host, r->dir, HIERARCHY_V2), 0);
	free(r->host.proc);
	r->host.proc = strdup(r->dir);
	assert_int_equal(cgroup_host_resolve(&r->host, "/a", &r->at), 0);
	{
		char path[256];

		(void)snprintf(path, sizeof(path), "%s/self/ns/pid", r->dir);
		assert_int_equal(symlink("pid:[4026531836]", path), 0);
	}
	assert_int_equal(query_init(&r->q, &(struct query_args){ .host = &r->host,
								 .history_max = history_max,
								 .drain = drain,
								 .ctx = r }),
			 0);
	query_opening(&r->q);
	query_opened(&r->q, KILL_SEES_ALL);
}

static void end(struct rig *r)
{
	char command[128];

	query_deinit(&r->q);
	query_deinit(&r->q);
	cgroup_at_close(&r->at);
	cgroup_host_close(&r->host);
	(void)snprintf(command, sizeof(command), "rm -r %s", r->dir);
	assert_int_equal(system(command), 0);
}

static struct sighting sighting(uint32_t pid, uint64_t start_ns)
{
	struct sighting s = {
		.kind = SIGHTING_VICTIM,
		.when_ns = clock_boottime_ns(),
		.task_known = true,
		.task = { .pid = pid, .tid = pid, .start_ns = start_ns, .comm = "dies" },
		.memory = { .known = true, .whole = true, .id = 5 }
	};

	strcpy(s.text, "/a");
	return s;
}

/* The process 7, which began in tick 3. */
static struct process_id id_now(void)
{
	return (struct process_id){
		.pid = 7, .start_ticks = 3, .taken_ns = clock_boottime_ns(), .host_kills = 99
	};
}

static void expect(struct rig *r, const struct process_id *id, int status,
		   enum kill_verdict verdict, enum kill_why why)
{
	struct query_answer a;

	assert_int_equal(query_process(&r->q, id, status, &a), 0);
	print_message("verdict %d for %d\n", (int)a.verdict, (int)a.why);
	assert_int_equal(a.verdict, verdict);
	assert_int_equal(a.why, why);
	assert_int_equal(a.event != NULL, verdict == KILL_YES);
	kill_event_unref(a.event);
}

static void processes(void **state)
{
	struct process_id id, other;
	struct query_answer a;
	struct sighting s;
	struct rig r;

	(void)state;
	begin(&r, 16);
	id = other = id_now();
	expect(&r, &id, KILLED, KILL_NO, KILL_WHY_NOT_AMONG);
	expect(&r, &id, EXITED, KILL_NO, KILL_WHY_STATUS);
	other.host_kills = 100;
	expect(&r, &other, KILLED, KILL_NO, KILL_WHY_NO_KILLS);
	s = sighting(7, 3 * TICK);
	query_died(&r.q, &s, DEATH_KILLED, 4);
	assert_int_equal(query_process(&r.q, &id, KILLED, &a), 0);
	assert_int_equal(a.why, KILL_WHY_SEEN);
	assert_int_equal(a.event->event->kind, EVENT_KILL);
	assert_int_equal(a.event->event->incident, 4);
	assert_string_equal(a.event->event->cgroup, "/a");
	assert_true(a.event->event->realtime_ns > 0);
	kill_event_unref(a.event);
	expect(&r, &id, EXITED, KILL_NO, KILL_WHY_STATUS);
	expect(&r, &id, SIGTERM, KILL_NO, KILL_WHY_STATUS);
	expect(&r, &id, KILLED | 0x80, KILL_YES, KILL_WHY_SEEN); /* the core flag */
	expect(&r, &id, -1, KILL_YES, KILL_WHY_SEEN);
	/* What has not ended, and what is no id. */
	assert_int_equal(query_process(&r.q, &id, (SIGSTOP << 8) | 0x7f, &a), -EINVAL);
	assert_int_equal(query_process(&r.q, &id, 0xffff, &a), -EINVAL);
	other.taken_ns += 1000 * NSEC_PER_SEC;
	assert_int_equal(query_process(&r.q, &other, KILLED, &a), -EINVAL);
	other = id;
	other.pid = 0;
	assert_int_equal(query_process(&r.q, &other, KILLED, &a), -EINVAL);
	end(&r);
}

static void along(void **state)
{
	struct process_id id;
	struct query_answer a;
	struct sighting s;
	struct rig r;

	(void)state;
	begin(&r, 16);
	id = id_now();
	s = sighting(7, 3 * TICK);
	query_died(&r.q, &s, DEATH_EXITING, 1);
	expect(&r, &id, KILLED, KILL_NO, KILL_WHY_EXITING);
	s.shared_with = 6;
	query_died(&r.q, &s, DEATH_SHARED, 1);
	assert_int_equal(query_process(&r.q, &id, KILLED, &a), 0);
	assert_int_equal(a.why, KILL_WHY_SHARED);
	assert_int_equal(a.event->event->kind, EVENT_COLLATERAL);
	assert_int_equal(a.event->event->shared_with, 6);
	kill_event_unref(a.event);
	end(&r);
}

/* What is missed, or cannot be read to its end, is an unknown; to who comes later it does not matter. */
static void lost(void **state)
{
	struct process_id id;
	struct rig r;

	(void)state;
	begin(&r, 16);
	id = id_now();
	r.rounds = 100;
	expect(&r, &id, KILLED, KILL_NO, KILL_WHY_NOT_AMONG);
	query_missed(&r.q);
	expect(&r, &id, KILLED, KILL_UNKNOWN, KILL_WHY_LOST);
	id = id_now();
	expect(&r, &id, KILLED, KILL_NO, KILL_WHY_NOT_AMONG);
	r.rounds = 1000000;
	expect(&r, &id, KILLED, KILL_UNKNOWN, KILL_WHY_LOST);
	end(&r);
}

/* An oom may have been under way while the witness was opened, if somebody was killed meanwhile. */
static void opening(void **state)
{
	struct process_id id;
	struct rig r;

	(void)state;
	begin(&r, 16);
	id = id_now();
	query_opening(&r.q);
	query_opened(&r.q, KILL_SEES_ALL);
	expect(&r, &id, KILLED, KILL_UNKNOWN, KILL_WHY_BEFORE);
	id = id_now();
	expect(&r, &id, KILLED, KILL_NO, KILL_WHY_NOT_AMONG);
	query_opening(&r.q);
	put(&r, "vmstat", "oom_kill 101\n");
	query_opened(&r.q, KILL_SEES_ALL);
	id = id_now();
	expect(&r, &id, KILLED, KILL_UNKNOWN, KILL_WHY_BEFORE);
	query_blind(&r.q);
	expect(&r, &id, KILLED, KILL_UNKNOWN, KILL_WHY_NOT_SEEN);
	end(&r);
}

static void printed(void **state)
{
	struct kmsg_kill k = { .pid = 7 };
	struct process_id id;
	struct rig r;

	(void)state;
	begin(&r, 16);
	query_opened(&r.q, KILL_SEES_SOME);
	id = id_now();
	id.start_ticks = id.taken_ns / TICK;
	query_printed(&r.q, &k, 1, clock_boottime_ns());
	expect(&r, &id, KILLED, KILL_UNKNOWN, KILL_WHY_NOT_SEEN);
	/* All was read after it began; then this came. */
	query_drained(&r.q, (id.start_ticks + 1) * TICK);
	query_printed(&r.q, &k, 1, clock_boottime_ns());
	expect(&r, &id, KILLED, KILL_YES, KILL_WHY_SEEN);
	end(&r);
}

static bool is_alive(void *ctx, uint64_t cookie)
{
	const struct rig *r = ctx;

	return cookie != 1 || r->alive;
}

static void expect_kills(struct rig *r, uint64_t cookie, uint64_t since, uint64_t min, uint64_t max,
			 enum kill_why why)
{
	struct kill_sum s;

	assert_int_equal(query_kills(&r->q, cookie, since, &s), 0);
	print_message("%d to %d for %d\n", (int)s.min, (int)s.max, (int)s.why);
	assert_true(s.min == min && s.max == max);
	assert_int_equal(s.why, why);
}

static void watches(void **state)
{
	struct kill_sum sum;
	struct sighting s;
	uint64_t middle;
	struct rig r;

	(void)state;
	begin(&r, 16);
	assert_int_equal(query_kills(&r.q, 1, 0, &sum), -ENOENT);
	assert_int_equal(query_watch_begin(&r.q, &r.at, false, 1), 0);
	expect_kills(&r, 1, 0, 0, 0, KILL_WHY_SEEN);
	assert_int_equal(query_kills(&r.q, 1, 1, &sum), -EINVAL);
	s = sighting(7, 3 * TICK);
	s.memory.id = r.at.id;
	query_died(&r.q, &s, DEATH_KILLED, 1);
	expect_kills(&r, 1, 0, 1, 1, KILL_WHY_SEEN);
	middle = clock_boottime_ns();
	expect_kills(&r, 1, middle, 0, 0, KILL_WHY_SEEN);
	s = sighting(8, 3 * TICK);
	s.memory.id = r.at.id;
	query_died(&r.q, &s, DEATH_KILLED, 1);
	expect_kills(&r, 1, 0, 2, 2, KILL_WHY_SEEN);
	expect_kills(&r, 1, middle, 1, 1, KILL_WHY_SEEN);
	/* One was lost: then counters say what they can. Of a later moment they are a bound. */
	query_missed(&r.q);
	put(&r, "vmstat", "oom_kill 105\n");
	put(&r, "a/memory.events", "oom_kill 10\noom_group_kill 0\n");
	expect_kills(&r, 1, 0, 3, 3, KILL_WHY_COUNTERS);
	expect_kills(&r, 1, middle, 1, 3, KILL_WHY_COUNTERS);
	/* It is gone; what comes there later is another one's. */
	r.alive = false;
	query_watches_sweep(&r.q, is_alive, &r);
	assert_int_equal(r.q.live, 0);
	put(&r, "vmstat", "oom_kill 109\n");
	s = sighting(9, 3 * TICK);
	s.memory.id = r.at.id;
	query_died(&r.q, &s, DEATH_KILLED, 1);
	expect_kills(&r, 1, 0, 2, 5, KILL_WHY_REMOVED);
	query_watch_forget(&r.q, 1);
	query_watch_forget(&r.q, 1);
	assert_int_equal(query_kills(&r.q, 1, 0, &sum), -ENOENT);
	end(&r);
}

/* Those that ended are kept up to a number, and a cookie can be used again. */
static void many_watches(void **state)
{
	struct kill_sum s;
	struct rig r;

	(void)state;
	begin(&r, 16);
	r.alive = false;
	for (uint64_t i = 0; i < QUERY_ENDED_MAX + 3; i++) {
		assert_int_equal(query_watch_begin(&r.q, &r.at, false, 1), 0);
		query_watches_sweep(&r.q, is_alive, &r);
	}
	assert_int_equal(r.q.ended_n, 1);
	assert_int_equal(query_watch_begin(&r.q, &r.at, true, 1), 0);
	assert_int_equal(r.q.ended_n, 0);
	assert_int_equal(r.q.live, 1);
	query_watch_forget(&r.q, 1);
	r.alive = true;
	for (uint64_t i = 10; i < QUERY_ENDED_MAX + 13; i++)
		assert_int_equal(query_watch_begin(&r.q, &r.at, false, i), 0);
	assert_int_equal(r.q.live, QUERY_ENDED_MAX + 3);
	assert_int_equal(query_kills(&r.q, 10, 0, &s), 0);
	end(&r);
}

static bool none_is_alive(void *ctx, uint64_t cookie)
{
	(void)ctx;
	(void)cookie;
	return false;
}

static void oldest_goes(void **state)
{
	struct kill_sum s;
	struct rig r;

	(void)state;
	begin(&r, 16);
	for (uint64_t i = 0; i < QUERY_ENDED_MAX + 3; i++) {
		assert_int_equal(query_watch_begin(&r.q, &r.at, false, i), 0);
		query_watches_sweep(&r.q, none_is_alive, NULL);
	}
	assert_int_equal(r.q.ended_n, QUERY_ENDED_MAX);
	for (uint64_t i = 0; i < QUERY_ENDED_MAX + 3; i++)
		assert_int_equal(query_kills(&r.q, i, 0, &s), i < 3 ? -ENOENT : 0);
	end(&r);
}

static int watch_it(void *ctx)
{
	struct rig *r = ctx;

	return query_watch_begin(&r->q, &r->at, false, 1);
}

static void unwatch_it(void *ctx)
{
	struct rig *r = ctx;

	query_watch_forget(&r->q, 1);
}

static int init_it(void *ctx)
{
	struct rig *r = ctx;
	struct query q = { 0 };
	int err = query_init(&q, &(struct query_args){ .host = &r->host, .history_max = 16 });

	query_deinit(&q);
	return err;
}

/* Without memory for its event a death is still one; then its answer makes do with what is known. */
static void no_memory(void **state)
{
	struct process_id id;
	struct query_answer a;
	struct sighting s;
	struct rig r;

	(void)state;
	begin(&r, 16);
	fail_malloc_each(&(struct fail_malloc_case){
		.run = watch_it, .undo = unwatch_it, .ctx = &r, .may_succeed = true });
	fail_malloc_each(
		&(struct fail_malloc_case){ .run = init_it, .ctx = &r, .may_succeed = true });
	id = id_now();
	s = sighting(7, 3 * TICK);
	fail_malloc_arm(1, true);
	query_died(&r.q, &s, DEATH_KILLED, 1);
	assert_int_equal(query_process(&r.q, &id, KILLED, &a), -ENOMEM);
	assert_true(fail_malloc_disarm());
	assert_int_equal(query_process(&r.q, &id, KILLED, &a), 0);
	assert_int_equal(a.verdict, KILL_YES);
	assert_int_equal(a.event->event->victim->id.pid, 7);
	assert_int_equal(a.event->event->cgroup_id, 5);
	kill_event_unref(a.event);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes),    cmocka_unit_test(along),
		cmocka_unit_test(lost),         cmocka_unit_test(opening),
		cmocka_unit_test(printed),      cmocka_unit_test(watches),
		cmocka_unit_test(many_watches), cmocka_unit_test(oldest_goes),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
