/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "tool.h"

#define EAT_LIMITS 8 /* how many times its limit a process tries to use */

/* Runs in the child. It must not outlive a storm that was broken off. */
static void join(int procs_fd)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || write(procs_fd, "0", 1) != 1)
		_exit(1);
}

static _Noreturn void eat(const struct storm *s, int procs_fd)
{
	join(procs_fd);
	/* Chosen before anybody else in the same cgroup; raising it is always allowed. */
	(void)tool_write(AT_FDCWD, "/proc/self/oom_score_adj", "1000");
	tool_touch(tool_map(EAT_LIMITS * s->limit), EAT_LIMITS * s->limit);
	_exit(0);
}

static _Noreturn void sleep_in(int procs_fd, int ready_fd)
{
	join(procs_fd);
	if (write(ready_fd, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* Starts the sleeping members and waits until all are in. Returns 0 or -1. */
static int start_sleepers(const struct storm *s, const char *path, int procs_fd, pid_t *pids)
{
	_cleanup_close_ int ready_fd = -1;
	int fds[2];
	char byte;

	if (s->group == 0)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return storm_warn(path, "pipe", errno);
	ready_fd = fds[0];
	for (unsigned i = 0; i < s->group; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			sleep_in(procs_fd, fds[1]);
		if (pids[i] < 0) {
			close(fds[1]);
			return storm_warn(path, "fork", errno);
		}
	}
	close(fds[1]);
	for (unsigned i = 0; i < s->group; i++)
		if (read(ready_fd, &byte, 1) != 1)
			return storm_warn(path, "a member did not get in", 0);
	return 0;
}

/* Waits for @pid. Returns 0 if it was killed, else -1. */
static int reap(const struct storm *s, const char *path, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return storm_warn(path, "wait", errno);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		s->tally->kills++;
		return 0;
	}
	return storm_warn(path,
			  WIFEXITED(status) ? "not killed, it ended by itself"
					    : "not killed, but ended by another signal",
			  0);
}

/* Members that a failed round left behind. */
static int give_up(const pid_t *pids, unsigned n)
{
	for (unsigned i = 0; i < n && pids[i] > 0; i++) {
		(void)kill(pids[i], SIGKILL);
		(void)waitpid(pids[i], NULL, 0);
	}
	return -1;
}

int storm_kill(const struct storm *s, const char *path)
{
	_cleanup_close_ int leaf_fd = -1, procs_fd = -1;
	pid_t sleepers[GROUP_MAX] = { 0 };
	pid_t eater;
	int r = 0;

	leaf_fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	procs_fd = leaf_fd < 0 ? -1 : openat(leaf_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (procs_fd < 0)
		return storm_warn(path, "cgroup.procs", errno);
	if (start_sleepers(s, path, procs_fd, sleepers) < 0)
		return give_up(sleepers, s->group);
	eater = fork();
	if (eater < 0) {
		storm_warn(path, "fork", errno);
		return give_up(sleepers, s->group);
	}
	if (eater == 0)
		eat(s, procs_fd);
	if (reap(s, path, eater) < 0)
		return give_up(sleepers, s->group);
	for (unsigned i = 0; i < s->group; i++)
		r |= reap(s, path, sleepers[i]);
	return r;
}
