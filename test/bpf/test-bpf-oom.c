/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The BPF source against real OOMs: every field is compared with what the test knows
 *
 * test-bpf-oom [--machine] [LEVEL]...: at each level that works here. A LEVEL that is named has to.
 * --machine: the whole machine is ours, and may run out of memory.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cases.h"

static const struct {
	const char *name;
	void (*run)(void);
	bool machine;
} cases[] = {
	{ "simple", case_simple, false },
	{ "one-cgroup", case_one_cgroup, false },
	{ "parent", case_parent, false },
	{ "grandparent", case_grandparent, false },
	{ "swap", case_swap, false },
	{ "deep", case_deep, false },
	{ "root", case_root, false },
	{ "at-once", case_at_once, false },
	{ "leader-gone", case_leader_gone, false },
	{ "threads", case_threads, false },
	{ "shared", case_shared, false },
	{ "vfork", case_vfork, false },
	{ "namespaces", case_namespaces, false },
	{ "threaded", case_threaded, false },
	{ "group", case_group, false },
	{ "group-shared", case_group_shared, false },
	{ "exiting", case_exiting, false },
	{ "cmdline", case_cmdline, false },
	{ "global", case_global, true },
};

static void run_level(enum bpf_oom_level level, bool machine)
{
	struct bpf_oom_options options = { .highest = level };
	struct bpf_oom_report report = { 0 };

	seen = (struct seen){ .scratch = &scratch, .machine = machine };
	seen_open(&seen, &options, &report);
	SAME(seen.level, level);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].machine && !machine)
			continue;
		seen_take(&seen, 0);
		seen_forget(&seen);
		cases[i].run();
		printf("ok %s %s\n", bpf_oom_level_name(level), cases[i].name);
		(void)fflush(stdout);
		for (const char *c = "spogltvnmewdcxy"; *c; c++)
			scratch_clear(&scratch, (const char[]){ *c, '\0' });
		scratch_clear(&scratch, "deep");
	}
	seen_close(&seen);
}

static bool named(int argc, char **argv, const char *what)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], what) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct bpf_oom_report report = { 0 };
	bool machine = named(argc, argv, "--machine");

	if (named(argc, argv, CMDLINE_ACT)) {
		touch(2 * LIMIT, MAP_PRIVATE);
		return 1;
	}
	skip_in_pid_namespace();
	HOLDS(bpf_oom_probe(&report) == 0);
	for (enum bpf_oom_level level = 0; level < BPF_OOM_LEVELS; level++) {
		const char *name = bpf_oom_level_name(level);

		printf("# %s: %s\n", name,
		       report.levels[level].tried == BPF_OOM_WORKS ? "works"
								   : report.levels[level].why);
		if (report.levels[level].tried != BPF_OOM_WORKS && named(argc, argv, name))
			die("%s has to work here", name);
	}
	if (report.level == BPF_OOM_NONE)
		skip_all(report.levels[BPF_OOM_TRACEPOINT].why);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	HOLDS(shared != MAP_FAILED);
	scratch_open(&scratch, NULL);
	for (enum bpf_oom_level level = 0; level < BPF_OOM_LEVELS; level++)
		if (report.levels[level].tried == BPF_OOM_WORKS)
			run_level(level, machine);
	scratch_close(&scratch);
	return 0;
}
