/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The BPF source against real OOMs: every field is compared with what the test knows
 *
 * test-bpf-oom [--machine] [LEVEL]...: at each level that works here. A LEVEL that is named has to.
 * --machine: the whole machine is ours, and may run out of memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seen.h"

#define LIMIT ((size_t)16 << 20)
#define MIB ((size_t)1 << 20)

static struct seen seen;
static struct scratch scratch;

/* What processes tell beyond their pid. */
static struct {
	_Atomic pid_t child, shooter;
} * shared;

static void touch(size_t bytes, int flags)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	for (size_t i = 0; i < bytes; i += 4096)
		*(volatile char *)(p + i) = 1;
}

static bool set_adj(const char *adj)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, adj, strlen(adj)) >= 0;

	if (fd >= 0)
		(void)close(fd);
	return done;
}

static void overrun(void)
{
	(void)prctl(PR_SET_NAME, "overruns");
	if (!set_adj("300"))
		_exit(1);
	touch(2 * LIMIT, MAP_PRIVATE);
}

/* Stands still with 8 MiB of its own and 1 MiB that could be shared. */
static void hold(void)
{
	(void)prctl(PR_SET_NAME, "a\n\"\033[1m\xff\xc3(b) c");
	if (!set_adj("700"))
		_exit(1);
	touch(8 * MIB, MAP_PRIVATE);
	touch(1 * MIB, MAP_SHARED);
	if (setresuid(65534, 65533, 65532) < 0)
		_exit(1);
}

/*
 * Takes what only fits when somebody else is gone. Without the right to be spared (CAP_SYS_RESOURCE) it
 * is still the better one to keep.
 */
static void ask(void)
{
	(void)prctl(PR_SET_NAME, "asks");
	(void)set_adj("-1000");
	touch(12 * MIB, MAP_PRIVATE);
}

static bool has_scope(void)
{
	return seen.level != BPF_OOM_TRACEPOINT;
}

static uint64_t oom_kill(const char *path)
{
	return scratch_key(&scratch, path,
			   scratch.v2 ? "memory.events.local" : "memory.oom_control", "oom_kill");
}

/* The oom around @v, and that its limit was @path's. At the lowest level: that nothing is said of it. */
static void same_oom(const struct sighting *v, const char *path)
{
	const struct sighting *begin, *end;

	if (!has_scope()) {
		HOLDS(!v->in_oom && !v->limit.known && v->began_ns == 0);
		SAME(v->constraint, OOM_CONSTRAINT_UNKNOWN);
		SAME(v->total_bytes, BYTES_NONE);
		SAME(v->limit_bytes, BYTES_NONE);
		SAME(seen_count(&seen, SIGHTING_LIMIT) + seen_count(&seen, SIGHTING_END), 0);
		return;
	}
	begin = v;
	while (begin > seen.all && begin->kind != SIGHTING_LIMIT)
		begin--;
	end = v;
	while (end < seen.all + seen.n - 1 && end->kind != SIGHTING_END)
		end++;
	SAME(begin->kind, SIGHTING_LIMIT);
	SAME(end->kind, SIGHTING_END);
	for (const struct sighting *i = begin; i <= end; i++) {
		SAME(i->began_ns, begin->began_ns);
		SAME(i->trigger.tid, begin->trigger.tid);
		HOLDS(i->in_oom && i->when_ns >= i->began_ns);
		SAME(i->constraint, OOM_CONSTRAINT_MEMCG);
		SAME(i->order, 0);
		HOLDS(i->gfp != 0);
		SAME(i->limit_bytes, LIMIT);
		HOLDS(i->usage_bytes <= LIMIT);
		truth_same_cgroup(&seen, i, &i->limit, path);
		SAME(i->total_bytes, i->kind == SIGHTING_LIMIT ? BYTES_NONE : LIMIT);
	}
	HOLDS(begin->usage_bytes > LIMIT - MIB);
	HOLDS(end->chosen);
}

/* A process in @victim stands still; another in @asker runs over the limit of @limit and is spared. */
static void held(const char *limit, const char *victim, const char *asker)
{
	struct hog v = hog_start(&scratch, victim, hold), a = hog_start(&scratch, asker, ask);
	struct truth vt, at;
	const struct sighting *s;

	hog_go(&v);
	truth_read(&vt, v.pid);
	truth_read(&at, a.pid);
	(void)strcpy(at.comm, "asks");
	hog_go(&a);
	SAME(WTERMSIG(hog_wait(&v)), SIGKILL);
	hog_kill(&a);
	seen_until(&seen, a.pid, has_scope() ? SIGHTING_END : SIGHTING_VICTIM, 1);
	SAME(seen_count(&seen, SIGHTING_VICTIM), 1);
	SAME(seen_count(&seen, SIGHTING_COLLATERAL), 0);
	s = seen_of(&seen, SIGHTING_VICTIM, v.pid);
	SAME(s->task.tid, v.pid);
	truth_same_victim(&vt, &seen, s);
	truth_same_sizes(&seen, &vt, s);
	HOLDS(s->shmem_bytes >= (s->exact ? MIB : MIB / 2));
	truth_same_task(&at, &s->trigger);
	SAME(s->trigger.tid, a.pid);
	truth_same_cgroup(&seen, s, &s->memory, victim);
	truth_same_cgroup(&seen, s, &s->trigger_memory, asker);
	SAME(s->oom_kill, oom_kill(victim));
	same_oom(s, limit);
	if (has_scope())
		SAME(seen_of(&seen, SIGHTING_END, a.pid)->victims, 1);
}

static void case_simple(void)
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

static void case_one_cgroup(void)
{
	scratch_make(&scratch, "o", false);
	scratch_limit(&scratch, "o", LIMIT);
	held("o", "o", "o");
}

static void case_parent(void)
{
	scratch_make(&scratch, "p", true);
	scratch_make(&scratch, "p/v", false);
	scratch_make(&scratch, "p/a", false);
	scratch_limit(&scratch, "p", LIMIT);
	held("p", "p/v", "p/a");
}

static void case_grandparent(void)
{
	scratch_make(&scratch, "g", true);
	scratch_make(&scratch, "g/x", true);
	scratch_make(&scratch, "g/x/v", false);
	scratch_make(&scratch, "g/y", true);
	scratch_make(&scratch, "g/y/a", false);
	scratch_limit(&scratch, "g", LIMIT);
	held("g", "g/x/v", "g/y/a");
}

static void *thread_without_leader(void *unused)
{
	char text[512], *state = NULL;

	do {
		int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, text, sizeof(text) - 1);

		(void)close(fd);
		if (n <= 0)
			_exit(1);
		text[n] = '\0';
		state = strrchr(text, ')') + 2;
		(void)sched_yield();
	} while (*state != 'Z');
	shared->shooter = gettid();
	(void)prctl(PR_SET_NAME, "not the leader");
	touch(2 * LIMIT, MAP_PRIVATE);
	return unused;
}

static void leaderless(void)
{
	pthread_t thread;

	(void)prctl(PR_SET_NAME, "leader");
	if (pthread_create(&thread, NULL, thread_without_leader, NULL) != 0)
		_exit(1);
	(void)syscall(SYS_exit, 0);
}

/* The process is meant, whichever thread the kernel took hold of. */
static void case_leader_gone(void)
{
	const struct sighting *v;
	struct truth t;
	struct hog h;

	scratch_make(&scratch, "l", false);
	scratch_limit(&scratch, "l", LIMIT);
	h = hog_start(&scratch, "l", leaderless);
	truth_read(&t, h.pid);
	(void)strcpy(t.comm, "leader");
	hog_go(&h);
	SAME(WTERMSIG(hog_wait(&h)), SIGKILL);
	seen_until(&seen, h.pid, has_scope() ? SIGHTING_END : SIGHTING_VICTIM, 1);
	SAME(seen_count(&seen, SIGHTING_COLLATERAL), 0);
	v = seen_of(&seen, SIGHTING_VICTIM, h.pid);
	truth_same_victim(&t, &seen, v);
	truth_same_task(&t, &v->trigger);
	SAME(v->task.tid, shared->shooter);
	SAME(v->trigger.tid, shared->shooter);
	SAME(v->oom_kill, 1);
}

static void *thread_waits(void *unused)
{
	touch(MIB / 2, MAP_PRIVATE);
	(void)pause();
	return unused;
}

static void many_threads(void)
{
	pthread_t thread;

	(void)prctl(PR_SET_NAME, "threads");
	for (int i = 0; i < 8; i++)
		if (pthread_create(&thread, NULL, thread_waits, NULL) != 0)
			_exit(1);
	touch(2 * LIMIT, MAP_PRIVATE);
}

static void case_threads(void)
{
	const struct sighting *v;
	struct truth t;
	struct hog h;

	scratch_make(&scratch, "t", false);
	scratch_limit(&scratch, "t", LIMIT);
	h = hog_start(&scratch, "t", many_threads);
	truth_read(&t, h.pid);
	(void)strcpy(t.comm, "threads");
	hog_go(&h);
	SAME(WTERMSIG(hog_wait(&h)), SIGKILL);
	seen_until(&seen, 0, SIGHTING_VICTIM, 1);
	seen_take(&seen, h.pid);
	SAME(seen_count(&seen, SIGHTING_COLLATERAL), 0);
	v = seen_of(&seen, SIGHTING_VICTIM, h.pid);
	truth_same_victim(&t, &seen, v);
	SAME(v->task.tid, h.pid);
	SAME(v->oom_kill, 1);
}

static int waits(void *unused)
{
	(void)unused;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pause();
}

static void with_sharer(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	shared->child = clone(waits, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	if (shared->child < 0)
		_exit(1);
	touch(2 * LIMIT, MAP_PRIVATE);
}

/* Two processes with one memory: one is the victim, and the other dies of it without a count. */
static void case_shared(void)
{
	const struct sighting *v = NULL, *c = NULL;
	struct hog h;

	scratch_make(&scratch, "v", false);
	scratch_limit(&scratch, "v", LIMIT);
	h = hog_start(&scratch, "v", with_sharer);
	hog_go(&h);
	SAME(WTERMSIG(hog_wait(&h)), SIGKILL);
	seen_until(&seen, h.pid, SIGHTING_COLLATERAL, 1);
	for (size_t i = 0; i < seen.n; i++) {
		if (seen.all[i].kind == SIGHTING_VICTIM)
			v = &seen.all[i];
		if (seen.all[i].kind == SIGHTING_COLLATERAL)
			c = &seen.all[i];
	}
	HOLDS(v && c && v < c);
	SAME(v->task.pid + c->task.pid, (uint32_t)h.pid + (uint32_t)shared->child);
	HOLDS(v->task.pid == (uint32_t)h.pid || c->task.pid == (uint32_t)h.pid);
	SAME(c->shared_with, v->task.pid);
	SAME(v->oom_kill, 1);
	SAME(c->oom_kill, 1);
	truth_same_cgroup(&seen, v, &v->memory, "v");
	truth_same_cgroup(&seen, c, &c->memory, "v");
}

static void in_namespaces(void)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID | CLONE_NEWCGROUP) < 0)
		_exit(1);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, "first");
		touch(2 * LIMIT, MAP_PRIVATE);
	}
	shared->child = pid;
	(void)waitpid(pid, NULL, 0);
}

static void case_namespaces(void)
{
	const struct sighting *v;
	struct hog h;

	scratch_make(&scratch, "n", false);
	scratch_limit(&scratch, "n", LIMIT);
	h = hog_start(&scratch, "n", in_namespaces);
	hog_go(&h);
	seen_until(&seen, shared->child, SIGHTING_VICTIM, 1);
	hog_kill(&h);
	v = seen_of(&seen, SIGHTING_VICTIM, shared->child);
	SAME(v->task.ns_pid, 1);
	SAME(v->trigger.ns_pid, 1);
	HOLDS(strcmp(v->task.comm, "first") == 0);
	truth_same_cgroup(&seen, v, &v->memory, "n");
	SAME(v->oom_kill, 1);
}

#define GROUP 5

static void case_group(void)
{
	struct hog h[GROUP];
	struct truth t[GROUP];

	scratch_make(&scratch, "m", false);
	scratch_limit(&scratch, "m", LIMIT);
	if (!scratch.v2 || scratch_write(&scratch, "m", "memory.oom.group", "1") < 0)
		return;
	for (int i = 0; i < GROUP; i++) {
		h[i] = hog_start(&scratch, "m", i == 0 ? overrun : hog_nothing);
		if (i > 0)
			hog_go(&h[i]);
		truth_read(&t[i], h[i].pid);
	}
	(void)strcpy(t[0].comm, "overruns");
	t[0].oom_score_adj = 300;
	hog_go(&h[0]);
	for (int i = 0; i < GROUP; i++)
		SAME(WTERMSIG(hog_wait(&h[i])), SIGKILL);
	seen_until(&seen, h[0].pid, has_scope() ? SIGHTING_END : SIGHTING_VICTIM,
		   has_scope() ? 1 : GROUP);
	SAME(seen_count(&seen, SIGHTING_VICTIM), GROUP);
	SAME(seen_count(&seen, SIGHTING_COLLATERAL), 0);
	for (int i = 0; i < GROUP; i++) {
		const struct sighting *v = seen_of(&seen, SIGHTING_VICTIM, h[i].pid);

		truth_same_victim(&t[i], &seen, v);
		same_oom(v, "m");
	}
	if (has_scope())
		SAME(seen_of(&seen, SIGHTING_END, h[0].pid)->victims, GROUP);
}

#define SHORT 60

/* Records are read when all the cgroups are gone: they carry the paths. */
static void case_removed(void)
{
	static struct {
		pid_t pid;
		uint64_t id;
		char path[512];
	} dead[SHORT];

	for (int i = 0; i < SHORT; i++) {
		struct cgroup_at at;
		struct hog h;
		char name[16];

		(void)snprintf(name, sizeof(name), "short-%d", i);
		scratch_make(&scratch, name, false);
		scratch_limit(&scratch, name, LIMIT / 4);
		scratch_at(&scratch, name, &at);
		dead[i].id = at.id;
		(void)snprintf(dead[i].path, sizeof(dead[i].path), "%s", at.path);
		scratch_at_close(&at);
		h = hog_start(&scratch, name, overrun);
		dead[i].pid = h.pid;
		hog_go(&h);
		SAME(WTERMSIG(hog_wait(&h)), SIGKILL);
		scratch_remove(&scratch, name);
	}
	seen_take(&seen, 0);
	for (int i = 0; i < SHORT; i++) {
		const struct sighting *v = seen_of(&seen, SIGHTING_VICTIM, dead[i].pid);
		const char *path = sighting_path(v, &v->memory);

		SAME(v->memory.id, dead[i].id);
		HOLDS(v->memory.whole && strlen(path) >= strlen(dead[i].path));
		HOLDS(strcmp(path + strlen(path) - strlen(dead[i].path), dead[i].path) == 0);
		SAME(v->limit.id, has_scope() ? dead[i].id : 0);
		SAME(v->oom_kill, 1);
	}
	for (enum sighting_kind k = SIGHTING_LIMIT; k < SIGHTING_KIND_MAX; k++)
		SAME(bpf_oom_lost(seen.bpf, k), 0);
}

#define DEEP 24
#define DEEP_NAME 200

/* A path that does not fit lacks its beginning, and says so. */
static void case_deep(void)
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

#define EARLY 40

/*
 * Who waits for the victim's end can read the record by then, always. How often who waits for both is
 * woken by the record first depends on when a busy host lets a machine's processors run: a figure.
 */
static void case_early(void)
{
	int early = 0;

	scratch_make(&scratch, "e", false);
	scratch_limit(&scratch, "e", LIMIT / 4);
	for (int i = 0; i < EARLY; i++) {
		struct hog h = hog_start(&scratch, "e", overrun);
		struct pollfd p[] = {
			{ .fd = bpf_oom_fd(seen.bpf), .events = POLLIN },
			{ .fd = (int)syscall(SYS_pidfd_open, h.pid, 0), .events = POLLIN },
		};
		char c = 0;

		HOLDS(p[1].fd >= 0);
		seen_take(&seen, 0);
		seen_forget(&seen);
		HOLDS(write(h.go, &c, 1) == 1);
		HOLDS(poll(p, 2, 60000) > 0);
		early += (p[0].revents & POLLIN) && !(p[1].revents & POLLIN);
		HOLDS(poll(&p[1], 1, 60000) == 1);
		seen_take(&seen, h.pid);
		SAME(seen_of(&seen, SIGHTING_VICTIM, h.pid)->oom_kill, i + 1);
		SAME(WTERMSIG(hog_wait(&h)), SIGKILL);
		(void)close(p[1].fd);
	}
	printf("# %s: readable before the victim could be reaped: %d of %d\n",
	       bpf_oom_level_name(seen.level), early, EARLY);
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
static void case_global(void)
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

#define KILLS 100

/* A ring of one page that nobody reads: what is read at last and what was lost make up all. */
static void lost(struct bpf_oom_options options, struct bpf_oom_report *report)
{
	uint64_t missed;

	options.ring_bytes = 4096;
	seen_open(&seen, &options, report);
	scratch_make(&scratch, "x", false);
	scratch_limit(&scratch, "x", LIMIT / 4);
	for (int i = 0; i < KILLS; i++)
		scratch_oom(&scratch, "x");
	missed = bpf_oom_lost(seen.bpf, SIGHTING_VICTIM);
	seen_take(&seen, 0);
	HOLDS(missed > 0 && missed < KILLS);
	SAME(seen_count(&seen, SIGHTING_VICTIM) + missed, KILLS);
	SAME(seen_count(&seen, SIGHTING_END) + bpf_oom_lost(seen.bpf, SIGHTING_END),
	     seen_count(&seen, SIGHTING_LIMIT) + bpf_oom_lost(seen.bpf, SIGHTING_LIMIT));
	printf("# %s: of %d, read %zu and lost %d\n", bpf_oom_level_name(seen.level), KILLS,
	       seen_count(&seen, SIGHTING_VICTIM), (int)missed);
	scratch_clear(&scratch, "x");
	seen_close(&seen);
}

static const struct {
	const char *name;
	void (*run)(void);
	bool machine;
} cases[] = {
	{ "simple", case_simple, false },
	{ "one-cgroup", case_one_cgroup, false },
	{ "parent", case_parent, false },
	{ "grandparent", case_grandparent, false },
	{ "leader-gone", case_leader_gone, false },
	{ "threads", case_threads, false },
	{ "shared", case_shared, false },
	{ "namespaces", case_namespaces, false },
	{ "group", case_group, false },
	{ "removed", case_removed, false },
	{ "deep", case_deep, false },
	{ "early", case_early, false },
	{ "global", case_global, true },
};

static void run_level(enum bpf_oom_level level, bool machine)
{
	struct bpf_oom_options options = { .highest = level };
	struct bpf_oom_report report = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].machine && !machine)
			continue;
		seen = (struct seen){ .scratch = &scratch, .machine = machine };
		seen_open(&seen, &options, &report);
		SAME(seen.level, level);
		cases[i].run();
		seen_close(&seen);
		printf("ok %s %s\n", bpf_oom_level_name(level), cases[i].name);
		(void)fflush(stdout);
		for (const char *c = "spoglgtvnmew"; *c; c++)
			scratch_clear(&scratch, (const char[]){ *c, '\0' });
		scratch_clear(&scratch, "deep");
	}
	lost(options, &report);
	printf("ok %s lost\n", bpf_oom_level_name(level));
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
