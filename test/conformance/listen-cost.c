/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * listen-cost [SECONDS [PROGRAM]]: what listening costs while a cgroup only hits `max` (cgroup v2)
 *
 * Beside each other, on the same cgroup and for the same time: a bare reader (epoll_wait and pread,
 * nothing else), lib/listen, and PROGRAM's `listen` (oomnotify). None of the wakeups brings an oom.
 * Fails if one of ours takes more than 1.5 times the CPU time of the bare reader.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "lib/listen.h"
#include "scratch.h"

#define PERCENT_MAX 150
#define ROUNDS 5

static struct scratch s;
static const char *program;

/* Each of these says one byte on @ready when it listens, and goes on until it is killed. */

static void be_bare(int ready)
{
	struct epoll_event ev = { .events = EPOLLPRI };
	int fd = open(scratch_path(&s, "m", "memory.events.local"), O_RDONLY | O_CLOEXEC);
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	char text[1024];

	if (fd < 0 || pread(fd, text, sizeof(text), 0) < 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 || write(ready, "", 1) != 1)
		_exit(1);
	while (epoll_wait(epoll_fd, &ev, 1, -1) >= 0 && pread(fd, text, sizeof(text), 0) > 0)
		;
	_exit(1);
}

static void be_library(int ready)
{
	struct oomn_listener *h;
	struct cgroup_at at;
	struct listen *l;
	struct pollfd p = { .events = POLLIN };

	scratch_at(&s, "m", &at);
	if (listen_open(&l, &s.host, NULL) < 0 ||
	    listen_add(l, &at, eventfd(0, EFD_CLOEXEC), NULL, &h) < 0 || write(ready, "", 1) != 1)
		_exit(1);
	p.fd = listen_get_fd(l);
	while (poll(&p, 1, -1) > 0 && listen_dispatch(l) == 0)
		;
	_exit(1);
}

static void be_program(int ready)
{
	const char *path = scratch_path(&s, "m", "");

	if (dup2(ready, STDERR_FILENO) < 0) /* its ready line */
		_exit(1);
	(void)execlp(program, program, "listen", path, "-n", "1000000000", NULL);
	_exit(1);
}

static const struct reader {
	const char *name;
	void (*be)(int ready);
} readers[] = {
	{ "bare reader", be_bare },
	{ "library", be_library },
	{ "program", be_program },
};
#define READERS (sizeof(readers) / sizeof(readers[0]))

/*
 * An emulated processor that sleeps takes its time to wake up, and the kernel charges that to whom it
 * wakes up for: the first of the readers. So it is never let sleep.
 */
static void burn(int ready)
{
	struct sched_param none = { 0 };

	(void)sched_setscheduler(0, SCHED_IDLE, &none);
	(void)!write(ready, "", 1);
	for (;;)
		;
}

/* Who shares a processor with the workload is charged for interrupts that are none of his. */
static void pin(size_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* on one processor it is as it is */
}

static pid_t start(const struct reader *r)
{
	int pipe_fd[2];
	pid_t pid;
	char c;

	fflush(NULL);
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		r->be(pipe_fd[1]);
	}
	(void)close(pipe_fd[1]);
	if (pid < 0 || read(pipe_fd[0], &c, 1) != 1)
		die("%s does not start", r->name);
	/* Kept open: what the program says on standard error must have somewhere to go. */
	return pid;
}

static uint64_t cpu_ns(pid_t pid)
{
	struct timespec ts;
	clockid_t id;

	if (clock_getcpuclockid(pid, &id) != 0 || clock_gettime(id, &ts) < 0)
		die("process %d has ended", (int)pid);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* The number after @key in a file of /proc/PID. */
static uint64_t proc_number(pid_t pid, const char *file, const char *key)
{
	char path[64], line[256];
	uint64_t n = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			n = strtoull(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return n;
}

struct reading {
	uint64_t cpu_ns[READERS];
	uint64_t wakeups[READERS];
	uint64_t reads[READERS];
	uint64_t max; /* what the workload did meanwhile */
};

static void measure(const pid_t *pid, size_t n, time_t seconds, struct reading *ret)
{
	ret->max = scratch_key(&s, "m", "memory.events.local", "max");
	for (size_t i = 0; i < n; i++) {
		ret->cpu_ns[i] = cpu_ns(pid[i]);
		ret->wakeups[i] = proc_number(pid[i], "status", "voluntary_ctxt_switches:");
		ret->reads[i] = proc_number(pid[i], "io", "syscr:");
	}
	(void)nanosleep(&(struct timespec){ .tv_sec = seconds }, NULL);
	for (size_t i = 0; i < n; i++) {
		ret->cpu_ns[i] = cpu_ns(pid[i]) - ret->cpu_ns[i];
		ret->wakeups[i] =
			proc_number(pid[i], "status", "voluntary_ctxt_switches:") - ret->wakeups[i];
		ret->reads[i] = proc_number(pid[i], "io", "syscr:") - ret->reads[i];
	}
	ret->max = scratch_key(&s, "m", "memory.events.local", "max") - ret->max;
}

/* The least of several rounds: what disturbs a measurement only ever adds to one of the two. */
static bool judge(const struct reading *rounds, size_t reader)
{
	uint64_t least = UINT64_MAX;

	printf("%s\n", readers[reader].name);
	for (size_t i = 0; i < ROUNDS; i++) {
		const uint64_t *took = rounds[i].cpu_ns;
		uint64_t percent = took[reader] * 100 / took[0];

		printf("\t%6" PRIu64 " us CPU (%" PRIu64 " %%), %" PRIu64 " wakeups, %" PRIu64
		       " reads\n",
		       took[reader] / NSEC_PER_USEC, percent, rounds[i].wakeups[reader],
		       rounds[i].reads[reader]);
		least = percent < least ? percent : least;
	}
	return least <= PERCENT_MAX;
}

static bool run_rounds(const pid_t *pid, size_t n, time_t seconds)
{
	struct reading rounds[ROUNDS];
	bool ok = true;

	for (size_t i = 0; i < ROUNDS; i++) {
		measure(pid, n, seconds, &rounds[i]);
		printf("%d s: max %" PRIu64 "\n", (int)seconds, rounds[i].max);
	}
	printf("oom %" PRIu64 "\n", scratch_key(&s, "m", "memory.events.local", "oom"));
	for (size_t i = 0; i < n; i++)
		ok &= judge(rounds, i);
	return ok;
}

int main(int argc, char **argv)
{
	time_t seconds = argc > 1 ? atoi(argv[1]) : 4;
	size_t n = argc > 2 ? READERS : READERS - 1;
	pid_t pid[READERS], burner;
	struct hog h;
	bool ok;

	program = argc > 2 ? argv[2] : NULL;
	scratch_open(&s, NULL);
	if (!s.v2) {
		scratch_close(&s);
		skip_all("no cgroup v2 with memory here");
	}
	scratch_make(&s, "m", false);
	scratch_limit(&s, "m", SCRATCH_LIMIT);
	pin(1);
	burner = start(&(struct reader){ "burner", burn });
	for (size_t i = 0; i < n; i++)
		pid[i] = start(&readers[i]);
	pin(0);
	h = hog_start(&s, "m", hog_lazyfree_for_ever);
	if (write(h.go, "", 1) != 1)
		die("the workload has ended");
	while (scratch_key(&s, "m", "memory.events.local", "max") < 100)
		;
	ok = run_rounds(pid, n, seconds);
	hog_kill(&h);
	for (size_t i = 0; i < n; i++)
		(void)kill(pid[i], SIGKILL);
	(void)kill(burner, SIGKILL);
	while (wait(NULL) > 0)
		;
	scratch_close(&s);
	printf("%s\n", ok ? "all as it must be" : "FAILED");
	return !ok;
}
