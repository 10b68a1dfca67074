/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The v1 source on the real hierarchy: cgroups that appear, are renamed and go
 */
#include "cmocka_all.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/signals.h"
#include "v1_box.h"

/* What the program gives a watch for its end (cli/watch_loop.h). */
#define WATCH_SETTLE_NS NSEC_PER_SEC

static struct box box;

static struct balance balance_of(const struct rig *r)
{
	struct balance b = { 0 };

	r->source->ops->balance(r->source, &b);
	return b;
}

static uint64_t kills_on_this_host(void)
{
	FILE *f = fopen("/proc/vmstat", "re");
	char line[128];
	uint64_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		(void)sscanf(line, "oom_kill %" SCNu64, &n);
	fclose(f);
	return n;
}

/* Made four deep in one go, and out of memory as soon as it is known. */
static void found_as_they_appear(void **state)
{
	enum { ROUNDS = 25 };
	char path[64];
	struct rig r;
	uint64_t heard[ROUNDS], all = 0;

	(void)state;
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(path, sizeof(path), "n%d", i);
		box_mkdir(&box, path);
		strcat(path, "/a");
		box_mkdir(&box, path);
		strcat(path, "/b");
		box_mkdir(&box, path);
		strcat(path, "/c");
		box_make(&box, path, BOX_LIMIT);
		rig_catch_up(&r);
		all += heard[i] = box_oom_heard(&box, path, path);
		rig_catch_up(&r);
	}
	rig_settle(&r);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(path, sizeof(path), "n%d/a/b/c", i);
		assert_int_equal(rig_count_limit(&r, EVENT_OOM, path, path), heard[i]);
		assert_int_equal(rig_count_limit(&r, EVENT_KILL, path, path), 1);
	}
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL), all);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
}

/* Out of memory before it was found: the kill is told, the oom is doubted and not made up. */
static void out_of_memory_before_it_is_found(void **state)
{
	struct balance b;
	struct rig r;
	uint64_t kills = kills_on_this_host();

	(void)state;
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	box_make(&box, "c", BOX_LIMIT);
	box_oom(&box, "c");
	rig_settle(&r);
	assert_int_equal(rig_count_limit(&r, EVENT_KILL, "c", NULL), 1);
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL), 0);
	/* No more is in doubt than was killed elsewhere meanwhile. */
	kills = kills_on_this_host() - kills;
	b = balance_of(&r);
	assert_int_equal(b.kind[EVENT_KILL].counted, b.kind[EVENT_KILL].reported);
	assert_true(b.kind[EVENT_KILL].unproven <= kills - 1);
	assert_true(b.kind[EVENT_OOM].unproven >= 1);
	assert_true(b.reasons & UNPROVEN_V1_CHANGING);
	rig_close(&r);
}

static void removals_are_no_ooms(void **state)
{
	enum { ROUNDS = 200 };
	char path[64];
	struct rig r, quiet;

	(void)state;
	rig_open(&r, &box);
	rig_watch(&r, "", false, true);
	rig_open(&quiet, &box);
	rig_watch(&quiet, "", false, false);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(path, sizeof(path), "g%d", i);
		box_mkdir(&box, path);
		rig_catch_up(&r);
		rig_catch_up(&quiet);
		box_rmdir(&box, path);
	}
	rig_settle(&r);
	rig_settle(&quiet);
	assert_int_equal(rig_count(&r, EVENT_GONE, NULL), ROUNDS);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(path, sizeof(path), "g%d", i);
		assert_int_equal(rig_count(&r, EVENT_GONE, path), 1);
	}
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL) + rig_count(&r, EVENT_KILL, NULL), 0);
	assert_null(quiet.first);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	rig_close(&quiet);
}

/* Killed and removed while nobody looks: the ooms are all there, the kills are gone with the line. */
static void removed_unread(void **state)
{
	enum { ROUNDS = 40 };
	uint64_t heard[ROUNDS];
	char path[64];
	struct balance b;
	struct rig r;

	(void)state;
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(path, sizeof(path), "s%d", i);
		box_make(&box, path, BOX_LIMIT);
		rig_catch_up(&r);
		heard[i] = box_oom_heard(&box, path, path);
		box_rmdir(&box, path);
	}
	rig_settle(&r);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(path, sizeof(path), "s%d", i);
		assert_int_equal(rig_count_limit(&r, EVENT_OOM, path, path), heard[i]);
		assert_int_equal(rig_count(&r, EVENT_GONE, path), 1);
	}
	rig_balanced(&r, EVENT_OOM);
	b = balance_of(&r);
	assert_int_equal(rig_count(&r, EVENT_KILL, NULL) + b.kind[EVENT_KILL].unproven, ROUNDS);
	assert_true(b.reasons & UNPROVEN_V1_GONE);
	rig_close(&r);
}

/* Makes a cgroup, each with @levels above the last, runs out of memory in it and cleans up. */
static uint64_t make_and_remove(int maker, int i, int levels)
{
	char path[64];
	uint64_t heard;

	snprintf(path, sizeof(path), "m%d-%d", maker, i);
	for (int l = 1; l < levels; l++) {
		box_mkdir(&box, path);
		strcat(path, "/x");
	}
	box_make(&box, path, BOX_LIMIT);
	heard = box_oom_heard(&box, path, path);
	for (int l = levels; l > 0; l--) {
		box_rmdir(&box, path);
		if (l > 1)
			*strrchr(path, '/') = '\0';
	}
	return heard;
}

static void run_until_done(struct rig *r, int running)
{
	int status;

	while (running > 0) {
		rig_round(r, 50);
		while (running > 0 && waitpid(-1, &status, WNOHANG) > 0) {
			assert_int_equal(status, 0);
			running--;
		}
	}
}

static void short_lived(int makers, int rounds, int levels)
{
	uint64_t *heard =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t all = 0, ooms, kills, cgroups = (uint64_t)makers * (uint64_t)rounds;
	struct balance b;
	struct rig r;

	assert_true(heard != MAP_FAILED);
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	fflush(NULL);
	for (int m = 0; m < makers; m++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid > 0)
			continue;
		for (int i = 0; i < rounds; i++)
			heard[m] += make_and_remove(m, i, levels);
		_exit(0);
	}
	run_until_done(&r, makers);
	rig_settle(&r);
	for (int m = 0; m < makers; m++)
		all += heard[m];
	munmap(heard, 4096);
	b = balance_of(&r);
	ooms = rig_count(&r, EVENT_OOM, NULL);
	kills = rig_count(&r, EVENT_KILL, NULL);
	print_message("%" PRIu64 " short-lived cgroups, %d deep, %d at once: %" PRIu64
		      " of %" PRIu64 " ooms and %" PRIu64 " of %" PRIu64
		      " kills told, unproven %" PRId64 " and %" PRId64 "\n",
		      cgroups, levels, makers, ooms, all, kills, cgroups,
		      (int64_t)b.kind[EVENT_OOM].unproven, (int64_t)b.kind[EVENT_KILL].unproven);
	assert_true(ooms <= all && kills <= cgroups);
	assert_true(b.kind[EVENT_OOM].unproven >= all - ooms);
	assert_true(b.kind[EVENT_KILL].unproven >= cgroups - kills);
	assert_int_equal(b.kind[EVENT_OOM].counted, ooms);
	assert_int_equal(b.kind[EVENT_KILL].counted, kills);
	rig_close(&r);
}

static void short_lived_one(void **state)
{
	(void)state;
	short_lived(1, 60, 1);
}

static void short_lived_deep(void **state)
{
	(void)state;
	short_lived(1, 40, 4);
}

static void short_lived_eight(void **state)
{
	(void)state;
	short_lived(8, 10, 1);
}

/* The whole host, from the real root on: vmstat proves what the lines cannot show any more. */
static void removed_unread_on_the_whole_host(void **state)
{
	enum { ROUNDS = 20 };
	uint64_t ooms = 0;
	char path[64];
	struct rig r;

	(void)state;
	if (!box.host.v1.real_root || strchr(box.top + 1, '/')) {
		print_message("skipped: this machine is not ours alone\n");
		skip();
	}
	rig_open(&r, &box);
	rig_watch(&r, NULL, false, false);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(path, sizeof(path), "s%d", i);
		box_make(&box, path, BOX_LIMIT);
		rig_catch_up(&r);
		ooms += box_oom_heard(&box, path, path);
		box_rmdir(&box, path);
	}
	rig_until(&r, EVENT_KILL, NULL, ROUNDS);
	rig_settle(&r);
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL), ooms);
	assert_int_equal(rig_count(&r, EVENT_KILL, NULL), ROUNDS);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
}

/* Renamed: inside of the watched tree, the watched cgroup itself, and the one above it. */
static void renamed(void **state)
{
	uint64_t ooms[4];
	struct rig r;

	(void)state;
	box_mkdir(&box, "p");
	box_mkdir(&box, "p/top");
	box_make(&box, "p/top/c", BOX_LIMIT);
	rig_open(&r, &box);
	rig_watch(&r, "p/top", false, false);
	box_rename(&box, "p/top/c", "p/top/d");
	rig_catch_up(&r);
	ooms[0] = box_oom_heard(&box, "p/top/d", "p/top/d");
	rig_until(&r, EVENT_KILL, "p/top/d", 1);
	box_rename(&box, "p/top", "p/pot");
	ooms[1] = box_oom_heard(&box, "p/pot/d", "p/pot/d");
	rig_until(&r, EVENT_KILL, "p/pot/d", 1);
	box_rename(&box, "p", "q");
	ooms[2] = box_oom_heard(&box, "q/pot/d", "q/pot/d");
	rig_until(&r, EVENT_KILL, "q/pot/d", 1);
	box_make(&box, "q/pot/e", BOX_LIMIT);
	rig_catch_up(&r);
	ooms[3] = box_oom_heard(&box, "q/pot/e", "q/pot/e");
	rig_until(&r, EVENT_KILL, "q/pot/e", 1);
	rig_settle(&r);
	assert_int_equal(rig_count_limit(&r, EVENT_OOM, "p/top/d", "p/top/d"), ooms[0]);
	assert_int_equal(rig_count_limit(&r, EVENT_OOM, "p/pot/d", "p/pot/d"), ooms[1]);
	assert_int_equal(rig_count_limit(&r, EVENT_OOM, "q/pot/d", "q/pot/d"), ooms[2]);
	assert_int_equal(rig_count_limit(&r, EVENT_OOM, "q/pot/e", "q/pot/e"), ooms[3]);
	assert_int_equal(rig_count(&r, EVENT_GONE, NULL), 0);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
}

/* The same name, another cgroup. */
static void replaced(void **state)
{
	struct rig r;
	uint64_t ids[2], ooms[2];

	(void)state;
	rig_open(&r, &box);
	rig_watch(&r, "", false, true);
	for (int i = 0; i < 2; i++) {
		box_make(&box, "c", BOX_LIMIT);
		ids[i] = box_id(&box, "c");
		rig_catch_up(&r);
		ooms[i] = box_oom_heard(&box, "c", "c");
		rig_until(&r, EVENT_KILL, "c", (uint64_t)i + 1);
		box_rmdir(&box, "c");
	}
	rig_settle(&r);
	assert_true(ids[0] != ids[1]);
	for (int i = 0; i < 2; i++)
		for (int kind = 0; kind < EVENT_KIND_MAX; kind++) {
			uint64_t n = 0;

			for (const struct seen *s = r.first; s; s = s->next)
				if (s->e->kind == (enum event_kind)kind &&
				    s->e->cgroup_id == ids[i])
					n += s->e->count_max;
			if (kind == EVENT_OOM)
				assert_int_equal(n, ooms[i]);
			else
				assert_int_equal(n, kind == EVENT_KILL || kind == EVENT_GONE);
		}
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
}

/* A watch ends with its cgroup, after all that happened in it; the other watch goes on. */
static void watched_tops_go(void **state)
{
	uint64_t ooms;
	struct rig r;

	(void)state;
	box_mkdir(&box, "p");
	box_make(&box, "p/a", BOX_LIMIT);
	box_make(&box, "p/b", BOX_LIMIT);
	rig_open(&r, &box);
	rig_watch(&r, "p/a", false, false);
	rig_watch(&r, "p/b", false, false);
	assert_int_equal(engine_watches(r.engine), 2);
	ooms = box_oom_heard(&box, "p/a", "p/a");
	box_rmdir(&box, "p/a");
	rig_until(&r, EVENT_GONE, "p/a", 1);
	assert_int_equal(engine_watches(r.engine), 1);
	assert_int_equal(rig_count(&r, EVENT_OOM, "p/a"), ooms);
	assert_int_equal(r.last->e->kind, EVENT_GONE);
	box_oom(&box, "p/b");
	rig_until(&r, EVENT_KILL, "p/b", 1);
	box_rmdir(&box, "p/b");
	rig_until(&r, EVENT_GONE, "p/b", 1);
	assert_int_equal(engine_watches(r.engine), 0);
	rig_settle(&r);
	rig_balanced(&r, EVENT_OOM);
	while (r.source->ops->deadline(r.source) != UINT64_MAX)
		rig_round(&r, 1000);
	rig_close(&r);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * The usual end of a watch: its cgroup is removed. The removal is known before the kernel's signal of it
 * comes, so that signal is known for what it is, and nobody waits any longer.
 */
static void a_watch_ends_soon(void **state)
{
	enum { ROUNDS = 21 };
	uint64_t took[ROUNDS], median;
	struct rig r;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t ooms = 0, start;

		box_make(&box, "a", BOX_LIMIT);
		rig_open(&r, &box);
		rig_watch(&r, "a", i % 3 == 1, false);
		rig_catch_up(&r);
		if (i % 2) {
			ooms = box_oom_heard(&box, "a", "a");
			rig_until(&r, EVENT_KILL, "a", 1);
		}
		start = clock_boottime_ns();
		box_rmdir(&box, "a");
		rig_until(&r, EVENT_GONE, "a", 1);
		took[i] = clock_boottime_ns() - start;
		assert_int_equal(engine_watches(r.engine), 0);
		assert_int_equal(rig_count(&r, EVENT_OOM, "a"), ooms);
		start = clock_boottime_ns();
		rig_settle(&r);
		assert_true(clock_boottime_ns() - start < WATCH_SETTLE_NS);
		rig_balanced(&r, EVENT_OOM);
		rig_balanced(&r, EVENT_KILL);
		rig_close(&r);
	}
	qsort(took, ROUNDS, sizeof(took[0]), by_size);
	median = took[ROUNDS / 2];
	print_message("from rmdir to the end of the watch: median %.1f ms, worst %.1f ms\n",
		      (double)median / 1e6, (double)took[ROUNDS - 1] / 1e6);
	assert_true(median < SIGNALS_CLOSE_NS);
}

/* It was removed, and all that it left came, while nobody looked: nothing says which signal is which. */
static void a_watch_ends_unseen(void **state)
{
	uint64_t ooms = 0, start;
	struct rig r;

	(void)state;
	for (int with_oom = 0; with_oom < 2; with_oom++) {
		int fd;

		box_make(&box, "a", BOX_LIMIT);
		rig_open(&r, &box);
		rig_watch(&r, "a", false, false);
		rig_catch_up(&r);
		if (with_oom)
			ooms = box_oom_heard(&box, "a", "a");
		fd = box_listen(&box, "a");
		box_rmdir(&box, "a");
		box_wait_heard(fd);
		start = clock_boottime_ns();
		rig_until(&r, EVENT_GONE, "a", 1);
		rig_settle(&r);
		assert_true(clock_boottime_ns() - start < WATCH_SETTLE_NS);
		assert_int_equal(rig_count(&r, EVENT_OOM, "a"), ooms);
		rig_balanced(&r, EVENT_OOM);
		rig_close(&r);
	}
}

static const char *level(int top, int depth)
{
	static char path[32];

	snprintf(path, sizeof(path), "p%d%.*s", top, 2 * depth, "/a/b");
	return path;
}

/* Each removed from below, a watched top last; half of them had ooms, half are looked at meanwhile. */
static uint64_t remove_tops(struct rig *r, int tops)
{
	uint64_t ooms = 0;

	for (int i = 0; i < tops; i++) {
		for (int depth = 0; i % 2 && depth < 3; depth += 2) {
			char path[32];

			strcpy(path, level(i, depth));
			ooms += box_oom_heard(&box, path, path);
		}
		for (int depth = 2; depth >= 0; depth--) {
			box_rmdir(&box, level(i, depth));
			if (i % 4 > 1)
				rig_catch_up(r);
		}
	}
	return ooms;
}

/* Nothing of what was at or below @top is told after its end. */
static void assert_last(const struct rig *r, const char *top)
{
	bool ended = false;

	for (const struct seen *s = r->first; s; s = s->next) {
		if (strncmp(s->e->cgroup, top, strlen(top)) != 0)
			continue;
		assert_false(ended);
		ended = s->e->kind == EVENT_GONE && strcmp(s->e->cgroup, top) == 0;
	}
	assert_true(ended);
}

static void what_is_below_goes_first(void **state)
{
	enum { TOPS = 8 };
	uint64_t ooms, told;
	struct balance b;
	struct rig r;

	(void)state;
	rig_open(&r, &box);
	for (int i = 0; i < TOPS; i++) {
		box_make(&box, level(i, 0), 4 * BOX_LIMIT);
		box_mkdir(&box, level(i, 1));
		box_make(&box, level(i, 2), BOX_LIMIT);
		rig_watch(&r, level(i, 0), false, true);
	}
	ooms = remove_tops(&r, TOPS);
	for (int i = 0; i < TOPS; i++)
		rig_until(&r, EVENT_GONE, level(i, 0), 1);
	assert_int_equal(engine_watches(r.engine), 0);
	for (int i = 0; i < TOPS; i++) {
		for (int depth = 0; depth < 3; depth++)
			assert_int_equal(rig_count(&r, EVENT_GONE, level(i, depth)), 1);
		assert_last(&r, box_name(&box, level(i, 0)));
	}
	rig_settle(&r);
	b = balance_of(&r);
	told = rig_count(&r, EVENT_OOM, NULL);
	assert_int_equal(b.kind[EVENT_OOM].reported, told);
	assert_true(told <= ooms && told + b.kind[EVENT_OOM].unproven >= ooms);
	rig_close(&r);
}

/* A branch with ooms in each of its levels is removed at once. */
static void a_branch_goes(void **state)
{
	static const char *const levels[] = { "a", "a/b", "a/b/c", "a/b/c/d" };
	uint64_t ooms[4], all = 0;
	struct rig r;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		box_make(&box, levels[i], (size_t)(4 - i) * 3 * BOX_LIMIT);
	rig_open(&r, &box);
	rig_watch(&r, "", false, true);
	for (size_t i = 0; i < 4; i++)
		all += ooms[i] = box_oom_heard(&box, levels[i], levels[i]);
	box_clear(&box, "a");
	rig_settle(&r);
	for (size_t i = 0; i < 4; i++) {
		assert_true(rig_count(&r, EVENT_OOM, levels[i]) <= ooms[i]);
		assert_int_equal(rig_count(&r, EVENT_GONE, levels[i]), 1);
	}
	/* Each oom further up came at an unknown time before the removals: told or doubted. */
	assert_true(rig_count(&r, EVENT_OOM, NULL) + balance_of(&r).kind[EVENT_OOM].unproven >=
		    all);
	rig_close(&r);
}

/* Hundreds come and go beside it: only what happens is told. */
static void in_a_storm(void **state)
{
	enum { MAKERS = 3, ROUNDS = 400 };
	char path[64];
	pid_t pid[MAKERS];
	struct rig r;
	uint64_t ooms = 0, kills = 0;

	(void)state;
	box_make(&box, "c", BOX_LIMIT);
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	fflush(NULL);
	for (int m = 0; m < MAKERS; m++) {
		pid[m] = fork();
		assert_true(pid[m] >= 0);
		for (int i = 0; pid[m] == 0 && i < ROUNDS; i++) {
			snprintf(path, sizeof(path), "w%d-%d", m, i % 7);
			box_mkdir(&box, path);
			box_rmdir(&box, path);
		}
		if (pid[m] == 0)
			_exit(0);
	}
	for (int m = 0; m < MAKERS;) {
		int status;

		ooms += box_oom_heard(&box, "c", "c");
		kills++;
		rig_catch_up(&r);
		while (m < MAKERS && waitpid(pid[m], &status, WNOHANG) > 0) {
			assert_int_equal(status, 0);
			m++;
		}
	}
	rig_settle(&r);
	print_message("%d cgroups came and went, %" PRIu64 " ooms beside them\n", MAKERS * ROUNDS,
		      ooms);
	assert_int_equal(rig_count(&r, EVENT_OOM, "c"), ooms);
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL), ooms);
	assert_int_equal(rig_count(&r, EVENT_KILL, "c"), kills);
	assert_int_equal(rig_count(&r, EVENT_KILL, NULL), kills);
	rig_close(&r);
}

/* Hundreds come and go as fast as they can, and nothing else happens: nobody is blamed for anything. */
static void a_storm_is_no_want_of_rights(void **state)
{
	enum { ROUNDS = 800 };
	uint64_t start;
	struct rig r;
	pid_t pid;

	(void)state;
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	for (int i = 0; pid == 0 && i < ROUNDS; i++) {
		char path[32];

		snprintf(path, sizeof(path), "s%d", i);
		box_mkdir(&box, path);
		box_rmdir(&box, path);
	}
	if (pid == 0)
		_exit(0);
	run_until_done(&r, 1);
	start = clock_boottime_ns();
	rig_settle(&r);
	print_message("%d came and went; settled in %.0f ms\n", ROUNDS,
		      (double)(clock_boottime_ns() - start) / 1e6);
	assert_true(clock_boottime_ns() - start < WATCH_SETTLE_NS);
	assert_null(r.source->ops->notice(r.source));
	assert_int_equal(balance_of(&r).reasons & ~(unsigned)UNPROVEN_V1_UNSEEN, 0);
	rig_close(&r);
}

/* Two seconds at rest. Returns false if somebody was killed elsewhere meanwhile: that is looked into. */
static bool rest(struct rig *r)
{
	uint64_t kills = kills_on_this_host(), start;
	bool waits = false;

	while (r->source->ops->deadline(r->source) != UINT64_MAX)
		rig_round(r, 100);
	start = r->rounds;
	for (uint64_t end = clock_boottime_ns() + 2 * NSEC_PER_SEC; clock_boottime_ns() < end;) {
		rig_round(r, 1000);
		waits |= r->source->ops->deadline(r->source) != UINT64_MAX;
	}
	if (kills_on_this_host() != kills)
		return false;
	print_message("%" PRIu64 " rounds in 2 s at rest, each of a second at most\n",
		      r->rounds - start);
	assert_false(waits);
	return true;
}

/* Nothing to do: nothing is waited for. */
static void at_rest(void **state)
{
	char path[64];
	struct rig r;

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "c%d", i);
		box_make(&box, path, BOX_LIMIT);
	}
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	box_oom(&box, "c7");
	rig_until(&r, EVENT_KILL, "c7", 1);
	rig_settle(&r);
	for (int i = 0; !rest(&r); i++)
		if (i == 4) {
			print_message("skipped: others are killed here all the time\n");
			skip();
		}
	rig_close(&r);
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
		cmocka_unit_test_teardown(found_as_they_appear, clear_box),
		cmocka_unit_test_teardown(out_of_memory_before_it_is_found, clear_box),
		cmocka_unit_test_teardown(removals_are_no_ooms, clear_box),
		cmocka_unit_test_teardown(removed_unread, clear_box),
		cmocka_unit_test_teardown(short_lived_one, clear_box),
		cmocka_unit_test_teardown(short_lived_deep, clear_box),
		cmocka_unit_test_teardown(short_lived_eight, clear_box),
		cmocka_unit_test_teardown(removed_unread_on_the_whole_host, clear_box),
		cmocka_unit_test_teardown(renamed, clear_box),
		cmocka_unit_test_teardown(replaced, clear_box),
		cmocka_unit_test_teardown(watched_tops_go, clear_box),
		cmocka_unit_test_teardown(a_watch_ends_soon, clear_box),
		cmocka_unit_test_teardown(a_watch_ends_unseen, clear_box),
		cmocka_unit_test_teardown(what_is_below_goes_first, clear_box),
		cmocka_unit_test_teardown(a_branch_goes, clear_box),
		cmocka_unit_test_teardown(in_a_storm, clear_box),
		cmocka_unit_test_teardown(a_storm_is_no_want_of_rights, clear_box),
		cmocka_unit_test_teardown(at_rest, clear_box),
	};

	return cmocka_run_group_tests(tests, open_box, close_box);
}
