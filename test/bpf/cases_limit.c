/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scenarios about whose limit it was. */
#include "cases.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void case_simple(void)
{
	scratch_make(&scratch, "s", false);
	scratch_limit(&scratch, "s", LIMIT);
	for (unsigned i = 1; i <= 3; i++) {
		struct hog h = hog_start(&scratch, "s", overrun);
		const struct sighting *v;
		struct truth t;

		truth_read(&t, h.pid);
		(void)strcpy(t.comm, "overruns");
		t.oom_score_adj = 300;
		hog_go(&h);
		SAME(WTERMSIG(hog_wait(&h)), SIGKILL);
		/* Who waits for the victim's end can read the record by then, without waiting any more. */
		seen_take(&seen, h.pid);
		SAME(seen_count(&seen, SIGHTING_VICTIM), 1);
		seen_until(&seen, h.pid, has_scope() ? SIGHTING_END : SIGHTING_VICTIM, 1);
		v = seen_of(&seen, SIGHTING_VICTIM, h.pid);
		truth_same_victim(&t, &seen, v);
		truth_same_task(&t, &v->trigger);
		truth_same_cgroup(&seen, v, &v->memory, "s");
		SAME(v->oom_kill, i);
		/* What it had before was charged to its parent. */
		HOLDS(v->anon_bytes - t.anon <= LIMIT && v->anon_bytes - t.anon > LIMIT - 2 * MIB);
		same_oom(v, "s");
		seen_forget(&seen);
	}
}

void case_one_cgroup(void)
{
	scratch_make(&scratch, "o", false);
	scratch_limit(&scratch, "o", LIMIT);
	held("o", "o", "o");
}

void case_parent(void)
{
	scratch_make(&scratch, "p", true);
	scratch_make(&scratch, "p/v", false);
	scratch_make(&scratch, "p/a", false);
	scratch_limit(&scratch, "p", LIMIT);
	held("p", "p/v", "p/a");
}

void case_grandparent(void)
{
	scratch_make(&scratch, "g", true);
	scratch_make(&scratch, "g/x", true);
	scratch_make(&scratch, "g/x/v", false);
	scratch_make(&scratch, "g/y", true);
	scratch_make(&scratch, "g/y/a", false);
	scratch_limit(&scratch, "g", LIMIT);
	held("g", "g/x/v", "g/y/a");
}

#define SWAP_LIMIT (LIMIT / 2)

/* A limit of swap is told with the oom, whether it was the one that was hit or not. */
static void one_with_swap(uint64_t swap_limit)
{
	struct hog h = hog_start(&scratch, "s", overrun);
	const struct sighting *v;

	hog_go(&h);
	SAME(WTERMSIG(hog_wait(&h)), SIGKILL);
	seen_until(&seen, h.pid, has_scope() ? SIGHTING_END : SIGHTING_VICTIM, 1);
	v = seen_of(&seen, SIGHTING_VICTIM, h.pid);
	same_oom(v, "s");
	SAME(v->swap_limit_bytes, has_scope() ? swap_limit : BYTES_NONE);
	if (!has_scope()) {
		SAME(v->swap_usage_bytes, BYTES_NONE);
	} else if (scratch.v2) {
		HOLDS(v->swap_usage_bytes <= swap_limit);
	} else {
		HOLDS(v->swap_usage_bytes >= v->usage_bytes && v->swap_usage_bytes <= swap_limit);
	}
}

static void limit_swap(const char *file, size_t bytes)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%zu", bytes);
	if (scratch_write(&scratch, "s", file, text) < 0)
		die("%s cannot be set", file);
}

void case_swap(void)
{
	const char *file = scratch.v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes";

	scratch_make(&scratch, "s", false);
	scratch_limit(&scratch, "s", LIMIT);
	if (access(scratch_path(&scratch, "s", file), F_OK) < 0) {
		printf("# no %s here\n", file);
		return;
	}
	if (scratch.v2) {
		one_with_swap(0);
		limit_swap(file, SWAP_LIMIT);
		one_with_swap(SWAP_LIMIT);
	} else {
		one_with_swap(BYTES_NONE);
		limit_swap(file, LIMIT + SWAP_LIMIT);
		one_with_swap(LIMIT + SWAP_LIMIT);
		/* Both are full at once, and the kernel asks for this one first. */
		limit_swap(file, LIMIT);
		one_with_swap(LIMIT);
	}
}

#define DEEP 24
#define DEEP_NAME 200

/* A path that does not fit lacks its beginning, and says so. */
void case_deep(void)
{
	char name[DEEP_NAME + 1];
	const struct sighting *v;
	struct stat st;
	struct hog h;
	int fd[DEEP + 1], procs;
	const char *path;

	memset(name, 'd', DEEP_NAME);
	name[DEEP_NAME] = '\0';
	scratch_make(&scratch, "deep", false);
	scratch_limit(&scratch, "deep", LIMIT);
	fd[0] = open(scratch_path(&scratch, "deep", ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEEP; i++) {
		HOLDS(mkdirat(fd[i], name, 0755) == 0);
		fd[i + 1] = openat(fd[i], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		HOLDS(fd[i + 1] >= 0);
	}
	HOLDS(fstat(fd[DEEP], &st) == 0);
	h = hog_start(&scratch, "deep", overrun);
	procs = openat(fd[DEEP], "cgroup.procs", O_WRONLY | O_CLOEXEC);
	HOLDS(dprintf(procs, "%d", (int)h.pid) > 0);
	(void)close(procs);
	hog_go(&h);
	SAME(WTERMSIG(hog_wait(&h)), SIGKILL);
	seen_until(&seen, h.pid, SIGHTING_VICTIM, 1);
	v = seen_of(&seen, SIGHTING_VICTIM, h.pid);
	/* On v2 nobody has enabled memory down there. */
	path = sighting_path(v, scratch.v2 ? &v->own : &v->memory);
	SAME((scratch.v2 ? &v->own : &v->memory)->id, st.st_ino);
	HOLDS(!(scratch.v2 ? &v->own : &v->memory)->whole);
	SAME((strlen(path) + 1) % (DEEP_NAME + 1), 0);
	HOLDS(strlen(path) > DEEP_NAME && strncmp(path, name, DEEP_NAME) == 0);
	if (scratch.v2)
		truth_same_cgroup(&seen, v, &v->memory, "deep");
	for (int i = DEEP; i >= 0; i--) {
		while (i > 0 && unlinkat(fd[i - 1], name, AT_REMOVEDIR) < 0)
			HOLDS(errno == EBUSY);
		(void)close(fd[i]);
	}
}

static uint64_t cgroup_id(const char *path)
{
	struct cgroup_at at;
	uint64_t id;

	scratch_at(&scratch, path, &at);
	id = at.id;
	scratch_at_close(&at);
	return id;
}

static void same_root(const struct sighting *v, const struct cgroup_id *c, const char *path)
{
	HOLDS(c->known && c->whole && !c->outside);
	if (strcmp(sighting_path(v, c), path) != 0)
		die("the path is %s, should be %s", sighting_path(v, c), path);
}

/* What is not below it keeps the path that it has in the kernel. */
static void same_outside(const struct sighting *v, const struct cgroup_id *c, const char *path)
{
	HOLDS(c->known && c->whole && c->outside);
	truth_same_cgroup(&seen, v, c, path);
}

static struct seen below;

/* A process in w/x/v is killed for one in w/a, at w's limit. */
static const struct sighting *oom_below(uint64_t root_v1, uint64_t root_v2)
{
	struct bpf_oom_options options = { .highest = seen.level,
					   .root_v1 = root_v1,
					   .root_v2 = root_v2 };
	struct bpf_oom_report report = { 0 };
	struct hog v, a;

	below = (struct seen){ .scratch = &scratch, .machine = seen.machine };
	seen_open(&below, &options, &report);
	v = hog_start(&scratch, "w/x/v", hold);
	a = hog_start(&scratch, "w/a", ask);
	hog_go(&v);
	hog_go(&a);
	SAME(WTERMSIG(hog_wait(&v)), SIGKILL);
	hog_kill(&a);
	seen_until(&below, a.pid, has_scope() ? SIGHTING_END : SIGHTING_VICTIM, 1);
	return seen_of(&below, SIGHTING_VICTIM, v.pid);
}

#define NO_CGROUP UINT64_MAX

void case_root(void)
{
	const struct sighting *v;
	uint64_t id;

	scratch_make(&scratch, "w", true);
	scratch_make(&scratch, "w/x", true);
	scratch_make(&scratch, "w/x/v", false);
	scratch_make(&scratch, "w/a", false);
	scratch_limit(&scratch, "w", LIMIT);

	id = cgroup_id("w");
	v = oom_below(scratch.v2 ? NO_CGROUP : id, scratch.v2 ? id : NO_CGROUP);
	same_root(v, &v->memory, "/x/v");
	same_root(v, &v->trigger_memory, "/a");
	if (has_scope())
		same_root(v, &v->limit, "/");
	HOLDS(v->own.outside == !scratch.v2);

	seen_close(&below);

	id = cgroup_id("w/x");
	v = oom_below(scratch.v2 ? NO_CGROUP : id, scratch.v2 ? id : 1);
	same_root(v, &v->memory, "/v");
	same_outside(v, &v->trigger_memory, "w/a");
	if (has_scope())
		same_outside(v, &v->limit, "w");
	same_root(v, &v->own, scratch.v2 ? "/v" : "/");
	seen_close(&below);

	v = oom_below(1, 1);
	truth_same_cgroup(&seen, v, &v->memory, "w/x/v");
	HOLDS(!v->memory.outside && !v->own.outside && !v->trigger_memory.outside &&
	      !v->limit.outside);
	seen_close(&below);
}

#define AT_ONCE 10
#define AT_ONCE_TRIES 200

static void overrun_together(void)
{
	/* Both are on their way to the limit before either is there. */
	shared->ready++;
	while (shared->ready < 2)
		;
	touch(2 * LIMIT, MAP_PRIVATE);
}

static struct hog start_on(const char *path, size_t cpu)
{
	cpu_set_t all, one;
	struct hog h;

	HOLDS(sched_getaffinity(0, sizeof(all), &all) == 0);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	HOLDS(sched_setaffinity(0, sizeof(one), &one) == 0);
	h = hog_start(&scratch, path, overrun_together);
	HOLDS(sched_setaffinity(0, sizeof(all), &all) == 0);
	return h;
}

/* From the first to the last record of an oom there is none of another. */
static void same_undivided(void)
{
	const struct sighting *open = NULL;

	for (size_t i = 0; i < seen.n; i++) {
		const struct sighting *v = &seen.all[i];

		if (v->kind == SIGHTING_LIMIT) {
			HOLDS(!open);
			open = v;
		}
		HOLDS(open);
		SAME(v->began_ns, open->began_ns);
		SAME(v->trigger.tid, open->trigger.tid);
		if (v->kind == SIGHTING_END)
			open = NULL;
	}
	HOLDS(!open);
}

/* When the first of all children is reaped. */
static uint64_t wait_both(struct hog h[2])
{
	struct timespec now;

	for (int i = 0; i < 2; i++) {
		int status;

		HOLDS(waitpid(-1, &status, 0) > 0);
		SAME(WTERMSIG(status), SIGKILL);
		if (i == 0)
			HOLDS(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
		(void)close(h[i].go);
	}
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Returns whether both ooms came before the end of either victim was seen. */
static bool once_at_once(const size_t cpus[2])
{
	static const char *const paths[] = { "x", "y" };
	uint64_t ended;
	struct hog h[2];
	char c = 0;
	bool both = true;

	shared->ready = 0;
	for (int i = 0; i < 2; i++)
		h[i] = start_on(paths[i], cpus[i]);
	for (int i = 0; i < 2; i++)
		HOLDS(write(h[i].go, &c, 1) == 1);
	ended = wait_both(h);
	seen_forget(&seen);
	seen_until(&seen, 0, has_scope() ? SIGHTING_END : SIGHTING_VICTIM, 2);
	if (has_scope())
		same_undivided();
	for (int i = 0; i < 2; i++) {
		const struct sighting *v = seen_of(&seen, SIGHTING_VICTIM, h[i].pid);

		SAME(v->trigger.pid, h[i].pid);
		HOLDS(v->killed);
		truth_same_cgroup(&seen, v, &v->memory, paths[i]);
		truth_same_cgroup(&seen, v, &v->trigger_memory, paths[i]);
		SAME(v->oom_kill, oom_kill(paths[i]));
		same_oom(v, paths[i]);
		both = both && v->when_ns < ended;
	}
	return both;
}

/* Ooms that run into each other on two processors stay apart in what is told of them. */
void case_at_once(void)
{
	size_t cpus[2] = { 0, 0 };
	int found = 0, tries = 0, n = 0;
	cpu_set_t all;

	HOLDS(sched_getaffinity(0, sizeof(all), &all) == 0);
	for (size_t cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &all))
			cpus[n++] = cpu;
	if (n < 2) {
		printf("# one processor: nothing happens at once\n");
		return;
	}
	for (int i = 0; i < 2; i++) {
		scratch_make(&scratch, i ? "y" : "x", false);
		scratch_limit(&scratch, i ? "y" : "x", LIMIT);
	}
	for (; found < AT_ONCE && tries < AT_ONCE_TRIES; tries++)
		found += once_at_once(cpus);
	printf("# %s: two at once in %d of %d\n", bpf_oom_level_name(seen.level), found, tries);
	SAME(found, AT_ONCE);
}

static uint64_t memory_total(void)
{
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	HOLDS(f && fgets(line, sizeof(line), f));
	(void)fclose(f);
	return strtoull(line + strlen("MemTotal:"), NULL, 10) * 1024;
}

/* The machine itself runs out of memory: whoever asks last, this one is killed. */
void case_global(void)
{
	const struct sighting *v, *l;
	uint64_t total = memory_total();
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (set_adj("1000"))
			touch(total, MAP_PRIVATE | MAP_NORESERVE);
		_exit(0);
	}
	HOLDS(waitpid(pid, &status, 0) == pid);
	SAME(WTERMSIG(status), SIGKILL);
	seen_until(&seen, 0, has_scope() ? SIGHTING_END : SIGHTING_VICTIM, 1);
	v = seen_of(&seen, SIGHTING_VICTIM, pid);
	HOLDS(!v->limit.known);
	SAME(v->oom_score_adj, 1000);
	SAME(v->task.uid, 0);
	if (!has_scope())
		return;
	HOLDS(v->in_oom);
	SAME(v->constraint, OOM_CONSTRAINT_NONE);
	SAME(v->total_bytes, total);
	l = seen_of(&seen, SIGHTING_LIMIT, (pid_t)v->trigger.pid);
	HOLDS(l->in_oom && !l->limit.known);
	SAME(l->constraint, OOM_CONSTRAINT_UNKNOWN);
}
