/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes that use memory in a scratch cgroup
 *
 *   start: fork, move into the cgroup, take what it has to hold, say "ready"
 *   go:    act
 *
 * So that limits can be set and listeners registered while it waits. A process dies with the one
 * that started it, and takes no more than HOG_MAX whatever the limit says.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "kf.h"

#define HOG_MAX ((size_t)64 << 20)
#define CHUNK ((size_t)512 << 10)

static void touch(char *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 4096)
		((volatile char *)p)[i] = 1;
}

static char *map(size_t bytes, int advice)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		_exit(3);
	madvise(p, bytes, advice);
	return p;
}

/* Small pages, so that the figures do not depend on the machine's setting for huge ones. */
static char *map_small(size_t bytes)
{
	return map(bytes, MADV_NOHUGEPAGE);
}

/*
 * Never more than one chunk is not yet freed, so the limit is hit again and again and reclaim can
 * always help: the pages are clean, they need neither swap nor a disk.
 */
static noreturn void lazyfree(void)
{
	const size_t bytes = 2 * KF_LIMIT;
	char *p = map_small(bytes);

	for (;;) {
		for (size_t i = 0; i < bytes; i += CHUNK) {
			touch(p + i, CHUNK);
			if (madvise(p + i, CHUNK, MADV_FREE) != 0)
				_exit(4);
		}
	}
}

static noreturn void everything(void)
{
	const size_t step = (size_t)16 << 20;

	for (;;)
		touch(map(step, MADV_HUGEPAGE), step);
}

static noreturn void act(enum hog_act what)
{
	switch (what) {
	case HOG_EXIT:
		_exit(0);
	case HOG_OVERRUN:
		touch(map_small(HOG_MAX), HOG_MAX);
		_exit(5); /* no limit stopped it */
	case HOG_EVERYTHING:
		everything();
	case HOG_LAZYFREE:
		lazyfree();
	}
	_exit(6);
}

pid_t hog_fork(void)
{
	pid_t parent = getpid(), pid;
	sigset_t none;

	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0, "fork: %m");
	if (pid > 0)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(2);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

/* The first to die if the whole machine runs out: nobody else's process may, for a test. */
static void volunteer(void)
{
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1000", 4) != 4)
		_exit(2);
}

/* Where the sharer is to live, and whether it has arrived there. */
static const struct cg *sharer_home;
static atomic_int sharer_settled; /* 1: yes, -1: it cannot */

static noreturn int sharer(void *unused)
{
	(void)unused;
	sharer_settled = cg_try_write(sharer_home, "cgroup.procs", "0") == 0 ? 1 : -1;
	for (;;)
		pause();
}

/* Its parent is the fact, so that it can be waited for. Returns its pid once it has moved. */
static pid_t share_memory(const struct cg *home)
{
	static char stack[64 << 10] __attribute__((aligned(16)));
	pid_t pid;

	sharer_home = home;
	pid = clone(sharer, stack + sizeof(stack), CLONE_VM | CLONE_PARENT | SIGCHLD, NULL);
	/* libc's state is shared: one of the two only at a time */
	while (pid > 0 && !sharer_settled)
		syscall(SYS_sched_yield);
	return sharer_settled == 1 ? pid : -1;
}

static struct hog start(const struct cg *c, size_t bytes, enum hog_act what, const struct cg *home,
			pid_t *ret_sharer)
{
	int ready[2], go[2];
	pid_t shares = 0;
	struct hog h;
	char b;

	CHECK(pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0, "pipe: %m");
	h.pid = hog_fork();
	if (h.pid == 0) {
		close(ready[0]);
		close(go[1]);
		volunteer();
		if (cg_try_write(c, "cgroup.procs", "0") != 0)
			_exit(2);
		if (bytes > 0)
			touch(map_small(bytes), bytes);
		if (home)
			shares = share_memory(home);
		if (write(ready[1], &shares, sizeof(shares)) < 0 || read(go[0], &b, 1) != 1)
			_exit(2);
		act(what);
	}
	close(ready[1]);
	close(go[0]);
	CHECK(read(ready[0], &shares, sizeof(shares)) == sizeof(shares),
	      "no process could be set up in %s", c->path);
	CHECK(shares >= 0, "no process to share memory with");
	close(ready[0]);
	h.go = go[1];
	*ret_sharer = shares;
	return h;
}

struct hog hog_start(const struct cg *c, size_t bytes, enum hog_act what)
{
	pid_t unused;

	return start(c, bytes, what, NULL, &unused);
}

struct hog hog_start_shared(const struct cg *c, const struct cg *home, pid_t *ret_sharer)
{
	return start(c, 0, HOG_OVERRUN, home, ret_sharer);
}

void hog_go(const struct hog *h)
{
	CHECK(write(h->go, "g", 1) == 1, "process %d is gone: %m", (int)h->pid);
}

int hog_wait(const struct hog *h)
{
	int status = 0;
	pid_t r;

	do
		r = waitpid(h->pid, &status, 0);
	while (r < 0 && errno == EINTR);
	CHECK(r == h->pid, "waitpid: %m");
	close(h->go);
	return status;
}

void hog_kill(const struct hog *h)
{
	CHECK(kill(h->pid, SIGKILL) == 0, "kill: %m");
	hog_wait(h);
}

bool killed_by_oom(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

void hog_oom(const struct cg *c)
{
	struct hog h = hog_start(c, 0, HOG_OVERRUN);
	int status;

	hog_go(&h);
	status = hog_wait(&h);
	CHECK(killed_by_oom(status), "the process in %s ended with wait status %#x", c->path,
	      (unsigned)status);
}
