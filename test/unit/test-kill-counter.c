/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail_malloc.h"
#include "source/kill_counter.h"

#define MANY UINT64_MAX

static const struct {
	struct kill_counted d;
	uint64_t min, max;
	enum kill_why why;
} rows[] = {
	/* v2, with and without oom_group_kill. */
	{ { .hierarchical = true, .known = true, .kills = 4, .groups_known = true, .host = 9 },
	  4,
	  4,
	  KILL_WHY_COUNTERS },
	{ { .hierarchical = true,
	    .known = true,
	    .kills = 4,
	    .groups_known = true,
	    .groups = 1,
	    .host = 9 },
	  3,
	  4,
	  KILL_WHY_COUNTERS },
	{ { .hierarchical = true,
	    .known = true,
	    .kills = 5,
	    .groups_known = true,
	    .groups = 4,
	    .host = 9 },
	  3,
	  5,
	  KILL_WHY_COUNTERS },
	{ { .hierarchical = true,
	    .known = true,
	    .kills = 4,
	    .groups_known = true,
	    .groups = 9,
	    .host = 9 },
	  2,
	  4,
	  KILL_WHY_COUNTERS },
	{ { .hierarchical = true, .known = true, .kills = 5, .host = 9 }, 3, 5, KILL_WHY_COUNTERS },
	{ { .hierarchical = true, .known = true, .kills = 1, .host = MANY },
	  1,
	  1,
	  KILL_WHY_COUNTERS },
	{ { .hierarchical = true, .known = true, .host = 9 }, 0, 0, KILL_WHY_COUNTERS },
	/* That cgroup alone, where the counter has more. */
	{ { .hierarchical = true, .local = true, .known = true, .kills = 4, .host = 9 },
	  0,
	  4,
	  KILL_WHY_COUNTERS },
	{ { .hierarchical = true, .local = true, .known = true, .kills = 4, .host = 3 },
	  0,
	  3,
	  KILL_WHY_COUNTERS },
	{ { .local = true, .known = true, .groups_none = true, .kills = 4, .host = 9 },
	  4,
	  4,
	  KILL_WHY_COUNTERS },
	/* v1: what is below is not in it. */
	{ { .known = true, .groups_none = true, .kills = 4, .host = 9 }, 4, 9, KILL_WHY_COUNTERS },
	{ { .known = true, .groups_none = true, .kills = 4, .host = 4 }, 4, 4, KILL_WHY_COUNTERS },
	{ { .known = true, .groups_none = true, .kills = 4, .host = MANY },
	  4,
	  MANY,
	  KILL_WHY_NOT_SEEN },
	/* Gone. */
	{ { .hierarchical = true, .host = 9 }, 0, 9, KILL_WHY_REMOVED },
	{ { .hierarchical = true, .host = MANY }, 0, MANY, KILL_WHY_REMOVED },
	{ { .host = 0 }, 0, 0, KILL_WHY_NO_KILLS },
	/* Everything. */
	{ { .whole = true, .groups_none = true, .host = 9 }, 9, 9, KILL_WHY_COUNTERS },
	{ { .whole = true, .host = 9 }, 5, 9, KILL_WHY_COUNTERS },
};

static void figures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kill_sum s;

		kill_counter_judge(&rows[i].d, &s);
		print_message("row %zu\n", i);
		assert_true(s.min == rows[i].min && s.max == rows[i].max);
		assert_int_equal(s.why, rows[i].why);
	}
}

/* Cgroups and /proc of plain files. */
struct rig {
	char dir[64];
	struct cgroup_host host;
	struct cgroup_at at;
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

static void begin(struct rig *r, enum hierarchy h)
{
	char path[256];

	*r = (struct rig){ .host = CGROUP_HOST_NULL, .at = CGROUP_AT_NULL };
	(void)snprintf(r->dir, sizeof(r->dir), "/tmp/test-kill-counter.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	(void)snprintf(path, sizeof(path), "%s/a", r->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	put(r, "vmstat", "oom_kill 100\n");
	assert_int_equal(cgroup_host_open_fake(&r->host, r->dir, h), 0);
	free(r->host.proc);
	r->host.proc = strdup(r->dir);
	assert_int_equal(cgroup_host_resolve(&r->host, "/a", &r->at), 0);
}

static void end(struct rig *r)
{
	char command[128];

	cgroup_at_close(&r->at);
	cgroup_host_close(&r->host);
	(void)snprintf(command, sizeof(command), "rm -r %s", r->dir);
	assert_int_equal(system(command), 0);
}

static void expect(const struct rig *r, const struct kill_counter *c, uint64_t min, uint64_t max,
		   enum kill_why why)
{
	struct kill_sum s;

	kill_counter_sum(c, &r->host, "/a", &s);
	assert_true(s.min == min && s.max == max);
	assert_int_equal(s.why, why);
}

static void of_v2(void **state)
{
	struct kill_counter c, local;
	char path[256], other[256];
	struct rig r;

	(void)state;
	begin(&r, HIERARCHY_V2);
	put(&r, "a/memory.events", "oom 1\noom_kill 7\noom_group_kill 2\n");
	put(&r, "a/memory.events.local", "oom 1\noom_kill 3\noom_group_kill 2\n");
	kill_counter_begin(&c, &r.host, &r.at, false);
	kill_counter_begin(&local, &r.host, &r.at, true);
	expect(&r, &c, 0, 0, KILL_WHY_NO_KILLS);
	put(&r, "vmstat", "oom_kill 110\n");
	expect(&r, &c, 0, 0, KILL_WHY_COUNTERS);
	put(&r, "a/memory.events", "oom 1\noom_kill 12\noom_group_kill 3\n");
	expect(&r, &c, 4, 5, KILL_WHY_COUNTERS);
	expect(&r, &local, 0, 0, KILL_WHY_COUNTERS);
	put(&r, "a/memory.events.local", "oom 1\noom_kill 4\noom_group_kill 2\n");
	expect(&r, &local, 1, 1, KILL_WHY_COUNTERS);
	/* What is no counter, and one that went back. */
	put(&r, "a/memory.events", "oom 1\n");
	expect(&r, &c, 0, 10, KILL_WHY_REMOVED);
	put(&r, "a/memory.events", "oom_kill 6\n");
	expect(&r, &c, 0, 10, KILL_WHY_REMOVED);
	/* Another file: it counts anew. */
	(void)snprintf(path, sizeof(path), "%s/a/memory.events", r.dir);
	(void)snprintf(other, sizeof(other), "%s/a/old", r.dir);
	assert_int_equal(rename(path, other), 0);
	put(&r, "a/memory.events", "oom_kill 50\n");
	expect(&r, &c, 0, 10, KILL_WHY_REMOVED);
	/* Another cgroup of the same name. */
	assert_int_equal(rename(other, path), 0);
	(void)snprintf(path, sizeof(path), "%s/a", r.dir);
	(void)snprintf(other, sizeof(other), "%s/b", r.dir);
	assert_int_equal(rename(path, other), 0);
	expect(&r, &c, 0, 10, KILL_WHY_REMOVED);
	assert_int_equal(mkdir(path, 0755), 0);
	put(&r, "a/memory.events", "oom_kill 50\n");
	expect(&r, &c, 0, 10, KILL_WHY_REMOVED);
	put(&r, "vmstat", "x 1\n");
	expect(&r, &c, 0, MANY, KILL_WHY_REMOVED);
	end(&r);
}

static void of_v1(void **state)
{
	struct kill_counter c;
	struct rig r;

	(void)state;
	begin(&r, HIERARCHY_V1);
	put(&r, "a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
	kill_counter_begin(&c, &r.host, &r.at, false);
	put(&r, "a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 9\n");
	put(&r, "vmstat", "oom_kill 103\n");
	expect(&r, &c, 2, 3, KILL_WHY_COUNTERS);
	put(&r, "vmstat", "oom_kill 102\n");
	expect(&r, &c, 2, 2, KILL_WHY_COUNTERS);
	kill_counter_begin(&c, &r.host, &r.at, true);
	put(&r, "a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 10\n");
	put(&r, "vmstat", "oom_kill 109\n");
	expect(&r, &c, 1, 1, KILL_WHY_COUNTERS);
	end(&r);
}

static void of_everything(void **state)
{
	struct cgroup_at root;
	struct kill_counter c;
	struct kill_sum s;
	struct rig r;

	(void)state;
	begin(&r, HIERARCHY_V2);
	assert_int_equal(cgroup_host_root(&r.host, &root), 0);
	kill_counter_begin(&c, &r.host, &root, false);
	put(&r, "vmstat", "oom_kill 105\n");
	kill_counter_sum(&c, &r.host, "/", &s);
	assert_true(s.min == 3 && s.max == 5 && s.why == KILL_WHY_COUNTERS);
	cgroup_at_close(&root);
	end(&r);
}

/* vmstat takes memory to be read: without, it is not known, and that is all. */
static void no_memory(void **state)
{
	struct kill_counter c;
	struct kill_sum s;
	struct rig r;

	(void)state;
	begin(&r, HIERARCHY_V2);
	put(&r, "a/memory.events", "oom_kill 7\n");
	fail_malloc_arm(1, true);
	kill_counter_begin(&c, &r.host, &r.at, false);
	kill_counter_sum(&c, &r.host, "/a", &s);
	assert_true(fail_malloc_disarm());
	assert_true(c.host == MANY && c.known);
	assert_true(s.min == 0 && s.max == 0 && s.why == KILL_WHY_COUNTERS);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures),   cmocka_unit_test(of_v2),
		cmocka_unit_test(of_v1),     cmocka_unit_test(of_everything),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
