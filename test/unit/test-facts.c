/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts, looked at in plain directories that stand for /proc and for a hierarchy. */
#include "cmocka_all.h"

#include <errno.h>
#include <ftw.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail_malloc.h"
#include "source/facts.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

struct tree {
	char top[64];
	char cg[128];
	char proc[128];
};

static void make_dir(const char *top, const char *path)
{
	char full[1024];

	snprintf(full, sizeof(full), "%s/%s", top, path);
	if (mkdir(full, 0755) < 0 && errno != EEXIST)
		fail_msg("mkdir %s: %s", full, strerror(errno));
}

/* With the directories above it. */
static void make_file(const char *top, const char *path, const char *text)
{
	char full[1024];
	FILE *f;

	for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
		snprintf(full, sizeof(full), "%.*s", (int)(slash - path), path);
		make_dir(top, full);
	}
	snprintf(full, sizeof(full), "%s/%s", top, path);
	f = fopen(full, "we");
	if (!f)
		fail_msg("%s: %s", full, strerror(errno));
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void tree_make(struct tree *t)
{
	snprintf(t->top, sizeof(t->top), "/tmp/test-facts.XXXXXX");
	assert_non_null(mkdtemp(t->top));
	make_dir(t->top, "cg");
	make_dir(t->top, "proc");
	snprintf(t->cg, sizeof(t->cg), "%s/cg", t->top);
	snprintf(t->proc, sizeof(t->proc), "%s/proc", t->top);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}

static void tree_done(struct tree *t)
{
	assert_int_equal(nftw(t->top, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void tree_open(const struct tree *t, enum hierarchy h, struct cgroup_host *ret)
{
	assert_int_equal(cgroup_host_open_fake(ret, t->cg, h), 0);
	free(ret->proc);
	ret->proc = strdup(t->proc);
	assert_non_null(ret->proc);
}

static void gather(const struct tree *t, enum hierarchy h, struct facts *f)
{
	struct cgroup_host host;

	tree_open(t, h, &host);
	assert_int_equal(facts_gather(f, &host, t->proc), 0);
	cgroup_host_close(&host);
}

static void fill_proc(const char *proc)
{
	make_file(proc, "sys/fs/inotify/max_user_watches", "8200\n");
	make_file(proc, "sys/fs/inotify/max_user_instances", "128\n");
	make_file(proc, "sys/fs/inotify/max_queued_events", "16384\n");
	make_file(proc, "sys/vm/panic_on_oom", "2\n");
	make_file(proc, "sys/vm/overcommit_memory", "1\n");
	make_file(proc, "pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	make_file(proc, "vmstat", "nr_free_pages 1\noom_kill 7\n");
	make_file(proc, "meminfo",
		  "MemTotal: 16 kB\nSwapTotalOld: 5 kB\nSwapTotal:       2048 kB\nSwapFree:        "
		  " 512 kB\n");
	make_file(proc, "self/status",
		  "Name:\tx\nCapPrm:\tffffffffffffffff\nCapEff:\t"
		  "0000000400000000\n");
	make_file(proc, "self/cgroup", "2:memory:/a\n0::/a/b\n");
}

static void what_proc_tells(void **state)
{
	struct tree t;
	struct facts f;

	(void)state;
	tree_make(&t);
	fill_proc(t.proc);
	gather(&t, HIERARCHY_V1, &f);
	assert_int_equal(f.inotify_watches, 8200);
	assert_int_equal(f.inotify_instances, 128);
	assert_int_equal(f.inotify_queue, 16384);
	assert_int_equal(f.panic_on_oom, 2);
	assert_int_equal(f.overcommit_memory, 1);
	assert_int_equal(f.psi, FACT_YES);
	assert_int_equal(f.vmstat_oom_kill, FACT_YES);
	assert_int_equal(f.swap_total_bytes, 2048 * 1024);
	assert_int_equal(f.swap_free_bytes, 512 * 1024);
	assert_true(f.have_capabilities);
	assert_int_equal(f.capabilities, UINT64_C(1) << CAP_SYSLOG);
	assert_int_equal(f.euid, geteuid());
	assert_true(f.release[0] != '\0' && f.machine[0] != '\0');
	assert_true(f.nofile_soft > 0 && f.nofile_hard >= f.nofile_soft);
	tree_done(&t);
}

static void what_proc_does_not_tell(void **state)
{
	struct tree t;
	struct facts f;

	(void)state;
	tree_make(&t);
	make_file(t.proc, "vmstat", "nr_free_pages 1\n");
	make_file(t.proc, "sys/vm/panic_on_oom", "x\n");
	make_file(t.proc, "sys/vm/overcommit_memory", "-1\n");
	make_file(t.proc, "meminfo", "MemTotal: 16 kB\nSwapTotal:\n");
	gather(&t, HIERARCHY_V2, &f);
	assert_int_equal(f.vmstat_oom_kill, FACT_NO);
	assert_int_equal(f.psi, FACT_NO);
	assert_int_equal(f.panic_on_oom, FACT_NUMBER_UNKNOWN);
	assert_int_equal(f.overcommit_memory, FACT_NUMBER_UNKNOWN);
	assert_int_equal(f.swap_total_bytes, FACT_NUMBER_UNKNOWN);
	assert_int_equal(f.swap_free_bytes, FACT_NUMBER_UNKNOWN);
	assert_int_equal(f.inotify_watches, FACT_NUMBER_UNKNOWN);
	assert_false(f.have_capabilities);
	tree_done(&t);
}

static void v1_files(void **state)
{
	static const struct {
		const char *use_hierarchy; /* NULL: no such file */
		enum fact fact;
	} rows[] = {
		{ NULL, FACT_YES },
		{ "1\n", FACT_YES },
		{ "0\n", FACT_NO },
	};
	struct tree t;
	struct facts f;

	(void)state;
	tree_make(&t);
	gather(&t, HIERARCHY_V1, &f);
	assert_int_equal(f.memory, HIERARCHY_V1);
	assert_int_equal(f.layout, FACTS_LAYOUT_V1);
	assert_int_equal(f.counters_readable, FACT_NO);
	assert_int_equal(f.event_control_writable, FACT_NO);
	assert_int_equal(f.oom_group, FACT_UNKNOWN);
	assert_int_equal(f.read_only, FACT_NO);
	assert_int_equal(f.descriptors, FACT_YES);
	make_file(t.cg, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
	make_file(t.cg, "cgroup.event_control", "");
	for (size_t i = 0; i < N(rows); i++) {
		if (rows[i].use_hierarchy)
			make_file(t.cg, "memory.use_hierarchy", rows[i].use_hierarchy);
		gather(&t, HIERARCHY_V1, &f);
		assert_int_equal(f.use_hierarchy, rows[i].fact);
		assert_int_equal(f.counters_readable, FACT_YES);
		assert_int_equal(f.event_control_writable, FACT_YES);
	}
	tree_done(&t);
}

static void v2_files(void **state)
{
	struct tree t;
	struct facts f;

	(void)state;
	tree_make(&t);
	fill_proc(t.proc);
	make_dir(t.cg, "z");
	gather(&t, HIERARCHY_V2, &f);
	assert_int_equal(f.memory, HIERARCHY_V2);
	assert_int_equal(f.layout, FACTS_LAYOUT_V2);
	assert_int_equal(f.counters_exist, FACT_NO);
	assert_int_equal(f.counters_readable, FACT_UNKNOWN);
	assert_int_equal(f.use_hierarchy, FACT_UNKNOWN);
	/* Any child of the root will do … */
	make_file(t.cg, "z/memory.events", "oom 0\noom_kill 0\n");
	gather(&t, HIERARCHY_V2, &f);
	assert_int_equal(f.counters_exist, FACT_YES);
	assert_int_equal(f.counters_readable, FACT_YES);
	assert_int_equal(f.oom_group, FACT_NO);
	assert_int_equal(f.oom_group_kill, FACT_NO);
	/* … but rather this process's own cgroup, or one above it. */
	make_dir(t.cg, "a");
	make_dir(t.cg, "a/b");
	make_file(t.cg, "a/memory.events", "oom 0\noom_kill 0\noom_group_kill 0\n");
	make_file(t.cg, "a/memory.oom.group", "0\n");
	gather(&t, HIERARCHY_V2, &f);
	assert_int_equal(f.oom_group, FACT_YES);
	assert_int_equal(f.oom_group_kill, FACT_YES);
	tree_done(&t);
}

static void why_there_is_no_memory(void **state)
{
	static const char head[] = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t1\t1\n";
	static const struct {
		const char *line; /* NULL: no /proc/cgroups */
		bool v2, real_root, v1;
		enum facts_absence absence;
		enum facts_layout layout;
	} rows[] = {
		{ NULL, false, false, false, FACTS_ABSENCE_NO_CGROUPS, FACTS_LAYOUT_NONE },
		{ "memory\t0\t1\t1\n", false, false, false, FACTS_ABSENCE_NO_CGROUPS,
		  FACTS_LAYOUT_NONE },
		{ "memory\t0\t1\t0\n", true, true, false, FACTS_ABSENCE_DISABLED, FACTS_LAYOUT_V2 },
		{ "memory\t0\t1\t0\n", false, false, false, FACTS_ABSENCE_DISABLED,
		  FACTS_LAYOUT_NONE },
		{ "memory\t4\t71\t1\n", true, true, true, FACTS_ABSENCE_V1_UNMOUNTED,
		  FACTS_LAYOUT_HYBRID },
		{ "memory\t0\t71\t1\n", false, false, true, FACTS_ABSENCE_V2_UNMOUNTED,
		  FACTS_LAYOUT_V1 },
		{ "memory\t0\t71\t1\n", true, false, false, FACTS_ABSENCE_NOT_DELEGATED,
		  FACTS_LAYOUT_V2 },
		/* without CONFIG_MEMCG_V1 there is no line, though v2 has the controller */
		{ "", true, false, false, FACTS_ABSENCE_NOT_DELEGATED, FACTS_LAYOUT_V2 },
		{ "memory_x\t4\t1\t1\n", true, true, false, FACTS_ABSENCE_NOT_BUILT,
		  FACTS_LAYOUT_V2 },
		{ NULL, true, false, false, FACTS_ABSENCE_NOT_DELEGATED, FACTS_LAYOUT_V2 },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct cgroup_host host = CGROUP_HOST_NULL;
		struct tree t;
		struct facts f;
		char text[256];

		tree_make(&t);
		if (rows[i].v2) {
			tree_open(&t, HIERARCHY_V2, &host);
			host.v2.has_memory = false;
			host.v2.real_root = rows[i].real_root;
		}
		if (rows[i].line) {
			snprintf(text, sizeof(text), "%s%s", head, rows[i].line);
			make_file(t.proc, "cgroups", text);
		}
		if (rows[i].v1)
			make_file(t.proc, "self/mountinfo",
				  "5 1 0:9 / /cpu rw - cgroup c rw,cpu\n");
		assert_int_equal(facts_gather(&f, &host, t.proc), 0);
		if (f.absence != rows[i].absence || f.layout != rows[i].layout)
			fail_msg("row %zu: %u %u", i, f.absence, f.layout);
		assert_int_equal(f.memory, HIERARCHY_NONE);
		cgroup_host_close(&host);
		tree_done(&t);
	}
}

struct gathering {
	struct cgroup_host host;
	const char *proc;
	struct facts facts;
};

static int gathering_run(void *ctx)
{
	struct gathering *g = ctx;

	return facts_gather(&g->facts, &g->host, g->proc);
}

static void without_memory(void **state)
{
	static struct gathering g;
	const struct fail_malloc_case c = {
		.run = gathering_run, .ctx = &g, .out = &g.facts, .out_size = sizeof(g.facts)
	};
	struct tree t;

	(void)state;
	tree_make(&t);
	fill_proc(t.proc);
	make_file(t.proc, "self/mountinfo", "5 1 0:9 / /cpu rw - cgroup c rw,cpu\n");
	make_file(t.cg, "z/memory.events", "oom 0\noom_kill 0\n");
	g.proc = t.proc;
	tree_open(&t, HIERARCHY_V2, &g.host);
	assert_true(fail_malloc_each(&c) > 0);
	cgroup_host_close(&g.host);
	tree_open(&t, HIERARCHY_V1, &g.host);
	assert_true(fail_malloc_each(&c) > 0);
	cgroup_host_close(&g.host);
	tree_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_proc_tells),
		cmocka_unit_test(what_proc_does_not_tell),
		cmocka_unit_test(v1_files),
		cmocka_unit_test(v2_files),
		cmocka_unit_test(why_there_is_no_memory),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
