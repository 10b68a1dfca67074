/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scenarios about who was killed. */
#include "cases.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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
void case_leader_gone(void)
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

void case_threads(void)
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
void case_shared(void)
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

static void with_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		shared->child = (pid_t)syscall(SYS_getpid);
		touch(2 * LIMIT, MAP_PRIVATE);
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
}

/* The kernel spares a child on its way to exec: its parent is the victim of what it asked for. */
void case_vfork(void)
{
	const struct sighting *v, *c;
	struct hog h;

	scratch_make(&scratch, "v", false);
	scratch_limit(&scratch, "v", LIMIT);
	h = hog_start(&scratch, "v", with_vfork);
	hog_go(&h);
	SAME(WTERMSIG(hog_wait(&h)), SIGKILL);
	seen_until(&seen, shared->child, has_scope() ? SIGHTING_END : SIGHTING_COLLATERAL, 1);
	SAME(seen_count(&seen, SIGHTING_VICTIM), 1);
	SAME(seen_count(&seen, SIGHTING_COLLATERAL), 1);
	v = seen_of(&seen, SIGHTING_VICTIM, h.pid);
	c = seen_of(&seen, SIGHTING_COLLATERAL, shared->child);
	SAME(v->trigger.pid, shared->child);
	SAME(c->trigger.pid, shared->child);
	SAME(c->shared_with, h.pid);
	HOLDS(v->killed && !c->killed);
	SAME(v->oom_kill, 1);
	SAME(c->oom_kill, 1);
	HOLDS(sighting_cmdline(v) && !sighting_cmdline(c));
	truth_same_cgroup(&seen, c, &c->memory, "v");
	same_oom(v, "v");
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

void case_namespaces(void)
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

void case_group(void)
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

/* Members of a group share their memory: the one that dies along has its own turn, and count. */
void case_group_shared(void)
{
	const struct sighting *c;
	uint32_t child;
	struct hog h;

	scratch_make(&scratch, "m", false);
	scratch_limit(&scratch, "m", LIMIT);
	if (!scratch.v2 || scratch_write(&scratch, "m", "memory.oom.group", "1") < 0)
		return;
	h = hog_start(&scratch, "m", with_sharer);
	hog_go(&h);
	SAME(WTERMSIG(hog_wait(&h)), SIGKILL);
	child = (uint32_t)shared->child;
	seen_until(&seen, h.pid, has_scope() ? SIGHTING_END : SIGHTING_VICTIM, has_scope() ? 1 : 2);
	SAME(seen_count(&seen, SIGHTING_VICTIM), 2);
	HOLDS(seen_of(&seen, SIGHTING_VICTIM, h.pid)->killed);
	HOLDS(seen_of(&seen, SIGHTING_VICTIM, (pid_t)child)->killed);
	SAME(seen_count(&seen, SIGHTING_COLLATERAL), 1);
	for (c = seen.all; c->kind != SIGHTING_COLLATERAL;)
		c++;
	SAME(c->task.pid + c->shared_with, (uint32_t)h.pid + child);
}

/* A leaf without memory of its own: what it uses is charged to the domain above it. */
void case_threaded(void)
{
	const struct sighting *v;
	struct hog h;
	int procs;

	if (!scratch.v2)
		return;
	scratch_make(&scratch, "d", false);
	scratch_limit(&scratch, "d", LIMIT);
	scratch_make(&scratch, "d/leaf", false);
	if (scratch_write(&scratch, "d/leaf", "cgroup.type", "threaded") < 0)
		die("no threaded cgroup can be made");
	h = hog_start(&scratch, "d", overrun);
	procs = open(scratch_path(&scratch, "d/leaf", "cgroup.procs"), O_WRONLY | O_CLOEXEC);
	HOLDS(dprintf(procs, "%d", (int)h.pid) > 0);
	(void)close(procs);
	hog_go(&h);
	SAME(WTERMSIG(hog_wait(&h)), SIGKILL);
	seen_until(&seen, h.pid, has_scope() ? SIGHTING_END : SIGHTING_VICTIM, 1);
	v = seen_of(&seen, SIGHTING_VICTIM, h.pid);
	HOLDS(v->killed);
	truth_same_cgroup(&seen, v, &v->memory, "d");
	truth_same_cgroup(&seen, v, &v->trigger_memory, "d");
	truth_same_cgroup(&seen, v, &v->own, "d/leaf");
	SAME(v->oom_kill, oom_kill("d"));
	same_oom(v, "d");
}

static void *thread_pauses(void *unused)
{
	(void)pause();
	return unused;
}

/* Two threads: before 6.1 the end of a single one was no end of a group to the kernel. */
static void end_slowly(void)
{
	pthread_t thread;

	touch(8 * MIB, MAP_PRIVATE);
	if (!set_adj("700") || pthread_create(&thread, NULL, thread_pauses, NULL) != 0)
		_exit(1);
	_exit(7);
}

/*
 * A process that exits and still has its memory is stopped there, by ptrace. It is chosen and marked,
 * and its memory is taken: but it is not killed, and nobody counts it.
 */
void case_exiting(void)
{
	const struct sighting *v;
	struct hog e, a;
	char c = 0;
	int status;

	scratch_make(&scratch, "e", false);
	scratch_limit(&scratch, "e", LIMIT);
	e = hog_start(&scratch, "e", end_slowly);
	a = hog_start(&scratch, "e", ask);
	HOLDS(ptrace(PTRACE_SEIZE, e.pid, NULL, (void *)PTRACE_O_TRACEEXIT) == 0);
	HOLDS(write(e.go, &c, 1) == 1);
	HOLDS(waitpid(e.pid, &status, 0) == e.pid);
	HOLDS(WIFSTOPPED(status) && status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8));
	hog_go(&a);
	seen_until(&seen, a.pid, has_scope() ? SIGHTING_END : SIGHTING_VICTIM, 1);
	/* First of all: nothing else can end it, should the comparison fail. */
	HOLDS(ptrace(PTRACE_CONT, e.pid, NULL, NULL) == 0);
	status = hog_wait(&e);
	hog_kill(&a);
	HOLDS(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	for (v = seen.all; v->kind != SIGHTING_VICTIM;)
		v++;
	HOLDS(!v->killed);
	SAME(v->task.tid, e.pid);
	SAME(v->trigger.pid, a.pid);
	SAME(oom_kill("e"), 0);
	same_oom(v, "e");
	/* Without a signal, and with an id only, there is nothing that leads to the process. */
	HOLDS(v->task_known == (has_scope() || seen.victim_is_task));
	if (v->task_known) {
		HOLDS(v->counted);
		SAME(v->task.pid, e.pid);
		SAME(v->oom_kill, 0);
		truth_same_cgroup(&seen, v, &v->memory, "e");
	}
}

#define LONG_LINE 2000

static const char *arguments[] = { "/proc/self/exe",       CMDLINE_ACT, "",
				   "\xff\n\033[1m\"a b\\", NULL,        NULL };

static void execute(void)
{
	char *argv[sizeof(arguments) / sizeof(arguments[0])];

	memcpy(argv, arguments, sizeof(argv));
	(void)execv(argv[0], argv);
	_exit(1);
}

/* Returns how long the whole line is, arguments joined. */
static size_t join(char *to)
{
	size_t n = 0;

	for (const char **a = arguments; *a; a++)
		n += (size_t)sprintf(to + n, "%s%s", n > 0 ? " " : "", *a);
	return n;
}

static void one_cmdline(void)
{
	char whole[2 * LONG_LINE];
	size_t n = join(whole), told = n + 1 > 512 ? 512 : n;
	struct hog h = hog_start(&scratch, "c", execute);
	const struct sighting *v;
	const char *is;

	hog_go(&h);
	SAME(WTERMSIG(hog_wait(&h)), SIGKILL);
	seen_until(&seen, h.pid, SIGHTING_VICTIM, 1);
	v = seen_of(&seen, SIGHTING_VICTIM, h.pid);
	is = sighting_cmdline(v);
	HOLDS(is);
	SAME(v->cmdline_cut, told < n);
	SAME(strlen(is), told);
	if (memcmp(is, whole, told) != 0)
		die("the command line is %s, should be %s", is, whole);
}

/* The victim asked for the memory itself, so what it was started with can be read at once. */
void case_cmdline(void)
{
	static char rest[LONG_LINE];

	scratch_make(&scratch, "c", false);
	scratch_limit(&scratch, "c", LIMIT);
	one_cmdline();
	memset(rest, 'r', sizeof(rest) - 1);
	arguments[4] = rest;
	one_cmdline();
	arguments[4] = NULL;
}
