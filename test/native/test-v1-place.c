/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The v1 source on the real hierarchy: ooms and kills are told where they belong
 */
#include "cmocka_all.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "v1_box.h"

static struct box box;

static void one_oom(void **state)
{
	struct rig r;
	uint64_t ooms;
	int fd;

	(void)state;
	box_make(&box, "a", BOX_LIMIT);
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	fd = box_listen(&box, "a");
	box_oom(&box, "a");
	ooms = box_heard(fd);
	close(fd);
	rig_until(&r, EVENT_OOM, "a", ooms);
	rig_until(&r, EVENT_KILL, "a", 1);
	/* as many kills as ooms: there is nothing left to wait for */
	assert_true(ooms > 1 || r.source->ops->deadline(r.source) == UINT64_MAX);
	rig_settle(&r);
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL), ooms);
	assert_int_equal(rig_count(&r, EVENT_KILL, NULL), 1);
	assert_int_equal(rig_count_limit(&r, EVENT_OOM, "a", "a"), ooms);
	assert_int_equal(rig_count_limit(&r, EVENT_KILL, "a", "a"), 1);
	assert_true(r.first->e->limit_bytes == BOX_LIMIT);
	assert_true(r.first->e->cgroup_id == box_id(&box, "a"));
	assert_false(r.first->e->limit_or_above);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	box_rmdir(&box, "a");
}

/* One after the other in the same cgroup: no kill is told before the oom that it came of. */
static void ooms_before_kills(void **state)
{
	enum { ROUNDS = 20 };
	uint64_t ooms = 0, kills = 0;
	struct rig r;

	(void)state;
	box_make(&box, "a", BOX_LIMIT);
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	for (int i = 0; i < ROUNDS; i++) {
		box_oom(&box, "a");
		rig_catch_up(&r);
	}
	rig_settle(&r);
	for (const struct seen *s = r.first; s; s = s->next) {
		ooms += s->e->kind == EVENT_OOM ? s->e->count_max : 0;
		kills += s->e->kind == EVENT_KILL ? s->e->count_max : 0;
		assert_true(kills <= ooms);
	}
	assert_int_equal(kills, ROUNDS);
	rig_close(&r);
}

/* As many descriptors as we may have: a descriptor for each cgroup is what registering takes. */
static bool allow_descriptors(rlim_t n)
{
	struct rlimit rl;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = rl.rlim_max;
	return rl.rlim_max >= n && setrlimit(RLIMIT_NOFILE, &rl) == 0;
}

/* 1,000 cgroups in 20 branches, an oom in each, one after the other. */
static void a_thousand(void **state)
{
	enum { BRANCHES = 20, LEAVES = 50 };
	uint64_t heard[BRANCHES][LEAVES], all = 0, start;
	char path[64];
	struct rig r;

	(void)state;
	if (!allow_descriptors(BRANCHES * LEAVES + 200)) {
		print_message("skipped: too few descriptors are allowed here\n");
		skip();
	}
	box_mkdir(&box, "t");
	for (int i = 0; i < BRANCHES; i++) {
		snprintf(path, sizeof(path), "t/b%d", i);
		box_mkdir(&box, path);
		for (int j = 0; j < LEAVES; j++) {
			snprintf(path, sizeof(path), "t/b%d/c%d", i, j);
			box_make(&box, path, BOX_LIMIT);
		}
	}
	rig_open(&r, &box);
	rig_watch(&r, "t", false, false);
	start = clock_boottime_ns();
	for (int i = 0; i < BRANCHES * LEAVES; i++) {
		int branch = i * 7 % BRANCHES, leaf = i / BRANCHES;

		snprintf(path, sizeof(path), "t/b%d/c%d", branch, leaf);
		all += heard[branch][leaf] = box_oom_heard(&box, path, path);
		rig_catch_up(&r);
	}
	start = clock_boottime_ns() - start;
	rig_settle(&r);
	for (int i = 0; i < BRANCHES; i++)
		for (int j = 0; j < LEAVES; j++) {
			snprintf(path, sizeof(path), "t/b%d/c%d", i, j);
			assert_int_equal(rig_count_limit(&r, EVENT_OOM, path, path), heard[i][j]);
			assert_int_equal(rig_count_limit(&r, EVENT_KILL, path, path), 1);
		}
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL), all);
	assert_int_equal(rig_count(&r, EVENT_KILL, NULL), BRANCHES * LEAVES);
	print_message("%" PRIu64 " ooms and %d kills in %d cgroups, %" PRIu64 " ms: all placed\n",
		      all, BRANCHES * LEAVES, BRANCHES * LEAVES, start / 1000000);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	box_clear(&box, "t");
}

/* The limit is the parent's, the victims are in its children. */
static void limit_above(void **state)
{
	enum { ROUNDS = 30 };
	uint64_t all = 0;
	char path[64];
	struct rig r;

	(void)state;
	box_make(&box, "p", BOX_LIMIT);
	box_mkdir(&box, "p/m");
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "p/m/c%d", i);
		box_mkdir(&box, path);
	}
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(path, sizeof(path), "p/m/c%d", i % 3);
		all += box_oom_heard(&box, path, "p");
		rig_until(&r, EVENT_KILL, path, (uint64_t)i / 3 + 1);
	}
	rig_settle(&r);
	assert_int_equal(rig_count_limit(&r, EVENT_OOM, "p", "p"), all);
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL), all);
	assert_int_equal(rig_count_limit(&r, EVENT_KILL, NULL, "p"), ROUNDS);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "p/m/c%d", i);
		assert_int_equal(rig_count(&r, EVENT_KILL, path), ROUNDS / 3);
	}
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	box_clear(&box, "p");
}

static void wait_all(const pid_t *pid, int n, struct rig *r)
{
	for (int i = 0; i < n; i++) {
		assert_true(hog_killed(pid[i]));
		rig_catch_up(r);
	}
}

/* Eight at once, each in a cgroup with a limit of its own. */
static void eight_beside_each_other(void **state)
{
	enum { EIGHT = 8, ROUNDS = 10 };
	char path[64];
	pid_t pid[EIGHT];
	int fd[EIGHT];
	struct rig r;

	(void)state;
	box_mkdir(&box, "p");
	for (int i = 0; i < EIGHT; i++) {
		snprintf(path, sizeof(path), "p/c%d", i);
		box_make(&box, path, BOX_LIMIT);
		fd[i] = box_listen(&box, path);
	}
	rig_open(&r, &box);
	rig_watch(&r, "p", false, false);
	for (int k = 0; k < ROUNDS; k++) {
		for (int i = 0; i < EIGHT; i++) {
			snprintf(path, sizeof(path), "p/c%d", i);
			pid[i] = hog_start(&box, path, 16 * BOX_LIMIT);
		}
		wait_all(pid, EIGHT, &r);
	}
	rig_settle(&r);
	for (int i = 0; i < EIGHT; i++) {
		snprintf(path, sizeof(path), "p/c%d", i);
		assert_int_equal(rig_count(&r, EVENT_OOM, path), box_heard(fd[i]));
		assert_int_equal(rig_count(&r, EVENT_KILL, path), ROUNDS);
		close(fd[i]);
	}
	assert_int_equal(rig_count(&r, EVENT_OOM, "p"), 0);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	box_clear(&box, "p");
}

/* Ooms are told 10 ms apart, unless there is a kill to tell; at the end what is left is told at once. */
static void check_pace(const struct seen *first)
{
	const struct oomn_event *last = NULL;
	uint64_t kill_ns = 0;

	for (const struct seen *s = first; s; s = s->next) {
		const struct seen *n = s->next;

		while (n && n->e->boottime_ns == s->e->boottime_ns) {
			if (n->e->kind == EVENT_KILL)
				kill_ns = n->e->boottime_ns;
			n = n->next;
		}
		if (s->e->kind != EVENT_OOM)
			continue;
		if (last && n && kill_ns != s->e->boottime_ns)
			assert_true(s->e->boottime_ns - last->boottime_ns >= 10 * NSEC_PER_MSEC);
		last = s->e;
	}
}

/* Eight at once at one limit: many more ooms than kills, in few events, and none anywhere else. */
static void eight_at_one_limit(void **state)
{
	enum { EIGHT = 8 };
	uint64_t ooms, kills = 0, events = 0;
	char path[64];
	struct rig r;
	int fd;

	(void)state;
	box_make(&box, "p", 2 * BOX_LIMIT);
	fd = box_listen(&box, "p");
	rig_open(&r, &box);
	rig_watch(&r, "p", false, false);
	for (int i = 0; i < EIGHT; i++) {
		snprintf(path, sizeof(path), "p/c%d", i);
		box_mkdir(&box, path);
	}
	rig_catch_up(&r); /* before there is anything in them that could have been missed */
	for (int i = 0; i < EIGHT; i++) {
		snprintf(path, sizeof(path), "p/c%d", i);
		(void)hog_start(&box, path, 14 * BOX_LIMIT);
	}
	for (int left = EIGHT; left > 0;) {
		rig_round(&r, 10);
		while (left > 0 && waitpid(-1, NULL, WNOHANG) > 0)
			left--;
	}
	rig_settle(&r);
	ooms = rig_count(&r, EVENT_OOM, "p");
	assert_int_equal(ooms, box_heard(fd));
	close(fd);
	for (int i = 0; i < EIGHT; i++) {
		snprintf(path, sizeof(path), "p/c%d", i);
		kills += box_key(&box, path, "memory.oom_control", "oom_kill");
		assert_int_equal(rig_count(&r, EVENT_OOM, path), 0);
		assert_int_equal(rig_count(&r, EVENT_KILL, path),
				 box_key(&box, path, "memory.oom_control", "oom_kill"));
	}
	for (const struct seen *s = r.first; s; s = s->next)
		events += s->e->kind == EVENT_OOM;
	check_pace(r.first);
	print_message("%" PRIu64 " ooms and %" PRIu64 " kills at one limit, in %" PRIu64
		      " oom events\n",
		      ooms, kills, events);
	assert_true(ooms >= 1 && kills >= 1);
	rig_balanced(&r, EVENT_KILL);
	rig_balanced(&r, EVENT_OOM);
	rig_close(&r);
	box_clear(&box, "p");
}

/* A watch on a child alone: the limit above it is not its business, the kill is. */
static void limit_outside_of_the_watch(void **state)
{
	struct rig r;

	(void)state;
	box_make(&box, "p", BOX_LIMIT);
	box_mkdir(&box, "p/c");
	rig_open(&r, &box);
	rig_watch(&r, "p/c", false, false);
	box_oom(&box, "p/c");
	rig_until(&r, EVENT_KILL, "p/c", 1);
	rig_settle(&r);
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL), 0);
	assert_int_equal(rig_count_limit(&r, EVENT_KILL, "p/c", "p"), 1);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	box_clear(&box, "p");
}

/* A watch on one cgroup alone: the ones below it are not its business. */
static void one_cgroup_alone(void **state)
{
	uint64_t ooms;
	struct rig r;

	(void)state;
	box_make(&box, "p", 4 * BOX_LIMIT);
	box_make(&box, "p/c", BOX_LIMIT);
	rig_open(&r, &box);
	rig_watch(&r, "p", true, false);
	box_oom(&box, "p/c");
	ooms = box_oom_heard(&box, "p", "p");
	rig_until(&r, EVENT_KILL, "p", 1);
	box_make(&box, "p/d", BOX_LIMIT);
	box_oom(&box, "p/d");
	rig_settle(&r);
	assert_int_equal(rig_count_limit(&r, EVENT_OOM, "p", "p"), ooms);
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL), ooms);
	assert_int_equal(rig_count(&r, EVENT_KILL, NULL), 1);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	box_clear(&box, "p");
}

/* What was before a watch is not told to it, and what it shares with another is told once. */
static void watches_come_and_go(void **state)
{
	struct rig r;
	uint64_t inner, ooms;

	(void)state;
	box_mkdir(&box, "p");
	box_make(&box, "p/c", BOX_LIMIT);
	box_oom(&box, "p/c");
	rig_open(&r, &box);
	inner = rig_watch(&r, "p/c", false, false);
	rig_settle(&r);
	assert_int_equal(rig_count(&r, EVENT_KILL, NULL) + rig_count(&r, EVENT_OOM, NULL), 0);
	ooms = box_oom_heard(&box, "p/c", "p/c");
	rig_watch(&r, "p", false, false);
	ooms += box_oom_heard(&box, "p/c", "p/c");
	rig_settle(&r);
	assert_int_equal(rig_count(&r, EVENT_OOM, "p/c"), ooms);
	assert_int_equal(rig_count(&r, EVENT_KILL, "p/c"), 2);
	assert_int_equal(r.source->ops->detach(r.source, inner), 0);
	assert_int_equal(r.source->ops->detach(r.source, inner), -ENOENT);
	assert_int_equal(engine_watch_remove(r.engine, inner), 0);
	ooms += box_oom_heard(&box, "p/c", "p/c");
	rig_settle(&r);
	assert_int_equal(rig_count(&r, EVENT_OOM, "p/c"), ooms);
	assert_int_equal(rig_count(&r, EVENT_KILL, "p/c"), 3);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	box_clear(&box, "p");
}

static void paused(void **state)
{
	struct rig r;
	pid_t pid;
	int fd;

	(void)state;
	box_make(&box, "p", BOX_LIMIT);
	box_mkdir(&box, "p/c");
	assert_int_equal(box_write(&box, "p", "memory.oom_control", "1"), 0);
	fd = box_listen(&box, "p");
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	pid = hog_start(&box, "p/c", 4 * BOX_LIMIT);
	rig_until(&r, EVENT_PAUSED, "p", 1);
	assert_int_equal(rig_count(&r, EVENT_OOM, "p"), 1);
	assert_int_equal(rig_count(&r, EVENT_KILL, NULL), 0);
	rig_settle(&r);
	assert_int_equal(box_write(&box, "p", "memory.oom_control", "0"), 0);
	assert_true(hog_killed(pid));
	rig_until(&r, EVENT_KILL, "p/c", 1);
	rig_settle(&r);
	assert_int_equal(rig_count(&r, EVENT_OOM, "p"), rig_count(&r, EVENT_OOM, NULL));
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL), box_heard(fd));
	close(fd);
	assert_int_equal(rig_count(&r, EVENT_PAUSED, NULL), 1);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	box_clear(&box, "p");
}

/* A kill below two limits that were hit at about the same time: nobody knows of which it came. */
static void two_limits(void **state)
{
	char text[32];
	struct rig r;
	pid_t pid;

	(void)state;
	box_make(&box, "p", 4 * BOX_LIMIT);
	box_make(&box, "p/c", BOX_LIMIT);
	assert_int_equal(box_write(&box, "p/c", "memory.oom_control", "1"), 0);
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	pid = hog_start(&box, "p/c", 16 * BOX_LIMIT);
	rig_until(&r, EVENT_PAUSED, "p/c", 1);
	snprintf(text, sizeof(text), "%zu", 16 * BOX_LIMIT);
	assert_int_equal(box_write(&box, "p/c", "memory.limit_in_bytes", text), 0);
	assert_true(hog_killed(pid));
	rig_until(&r, EVENT_KILL, "p/c", 1);
	rig_settle(&r);
	assert_true(rig_count_limit(&r, EVENT_OOM, "p", "p") >= 1);
	assert_int_equal(rig_count_limit(&r, EVENT_OOM, "p/c", "p/c"), 1);
	assert_int_equal(rig_count_limit(&r, EVENT_KILL, "p/c", NULL), 1);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
}

/* A pause that was there before the watch is not told; what follows it is. */
static void paused_before(void **state)
{
	struct rig r;
	pid_t pid;
	int fd;

	(void)state;
	box_make(&box, "p", BOX_LIMIT);
	box_make(&box, "p/c", 16 * BOX_LIMIT);
	assert_int_equal(box_write(&box, "p", "memory.oom_control", "1"), 0);
	pid = hog_start(&box, "p/c", 4 * BOX_LIMIT);
	while (!box_key(&box, "p", "memory.oom_control", "under_oom"))
		;
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	while (r.source->ops->deadline(r.source) != UINT64_MAX)
		rig_catch_up(&r); /* until it is known to be a pause */
	assert_null(r.first);
	fd = box_listen(&box, "p");
	assert_int_equal(box_heard(fd), 1); /* as it is under oom */
	assert_int_equal(box_write(&box, "p", "memory.oom_control", "0"), 0);
	assert_true(hog_killed(pid));
	rig_until(&r, EVENT_KILL, "p/c", 1);
	rig_settle(&r);
	assert_int_equal(rig_count(&r, EVENT_OOM, "p"), rig_count(&r, EVENT_OOM, NULL));
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL), box_heard(fd));
	close(fd);
	assert_int_equal(rig_count(&r, EVENT_PAUSED, NULL), 0);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	box_clear(&box, "p");
}

/* The other limit, of memory and swap together: the same cgroup, and memory.limit_in_bytes is told. */
static void memory_and_swap(void **state)
{
	uint64_t ooms;
	char text[32];
	struct rig r;

	(void)state;
	box_make(&box, "p", BOX_LIMIT);
	snprintf(text, sizeof(text), "%zu", BOX_LIMIT);
	if (box_write(&box, "p", "memory.memsw.limit_in_bytes", text) < 0) {
		box_clear(&box, "p");
		print_message("skipped: no swap accounting here\n");
		skip();
	}
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	ooms = box_oom_heard(&box, "p", "p");
	rig_until(&r, EVENT_KILL, "p", 1);
	rig_settle(&r);
	assert_int_equal(rig_count_limit(&r, EVENT_OOM, "p", "p"), ooms);
	assert_true(r.first->e->limit_bytes == BOX_LIMIT);
	rig_close(&r);
	box_clear(&box, "p");
}

/* A box beside the other, where use_hierarchy is what the cgroup above it has. */
static bool flat_box(struct box *ret)
{
	*ret = box;
	strcat(ret->base, "-flat");
	strcat(ret->top, "-flat");
	assert_int_equal(mkdir(ret->base, 0755), 0);
	return box_write(ret, "", "memory.use_hierarchy", "0") == 0;
}

/* Before 5.11: a parent with use_hierarchy=0 neither limits nor signals its children. */
static void flat(void **state)
{
	uint64_t above = 0, below = 0;
	struct box fb;
	struct rig r;

	(void)state;
	if (!flat_box(&fb)) {
		box_rmdir(&fb, "");
		print_message("skipped: every v1 cgroup is hierarchical here\n");
		skip();
	}
	box_make(&fb, "p", BOX_LIMIT);
	box_make(&fb, "p/c", BOX_LIMIT);
	rig_open(&r, &fb);
	rig_watch(&r, "p", false, false);
	for (int i = 0; i < 5; i++) {
		above += box_oom_heard(&fb, "p", "p");
		below += box_oom_heard(&fb, "p/c", "p/c");
		rig_catch_up(&r);
	}
	rig_settle(&r);
	assert_int_equal(rig_count_limit(&r, EVENT_OOM, "p", "p"), above);
	assert_int_equal(rig_count_limit(&r, EVENT_OOM, "p/c", "p/c"), below);
	assert_int_equal(rig_count(&r, EVENT_KILL, "p"), 5);
	assert_int_equal(rig_count(&r, EVENT_KILL, "p/c"), 5);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	box_clear_all(&fb);
	box_rmdir(&fb, "");
}

static int open_box(void **state)
{
	(void)state;
	box_open(&box);
	return 0;
}

static int clear_box(void **state)
{
	(void)state;
	box_clear_all(&box);
	return 0;
}

static int close_box(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_oom, clear_box),
		cmocka_unit_test_teardown(ooms_before_kills, clear_box),
		cmocka_unit_test_teardown(a_thousand, clear_box),
		cmocka_unit_test_teardown(limit_above, clear_box),
		cmocka_unit_test_teardown(eight_beside_each_other, clear_box),
		cmocka_unit_test_teardown(eight_at_one_limit, clear_box),
		cmocka_unit_test_teardown(limit_outside_of_the_watch, clear_box),
		cmocka_unit_test_teardown(one_cgroup_alone, clear_box),
		cmocka_unit_test_teardown(watches_come_and_go, clear_box),
		cmocka_unit_test_teardown(paused, clear_box),
		cmocka_unit_test_teardown(two_limits, clear_box),
		cmocka_unit_test_teardown(paused_before, clear_box),
		cmocka_unit_test_teardown(memory_and_swap, clear_box),
		cmocka_unit_test_teardown(flat, clear_box),
	};

	return cmocka_run_group_tests(tests, open_box, close_box);
}
