/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/details_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "cli/details_reader.h"
#include "cli/details_wire.h"

#ifndef P_PIDFD
#define P_PIDFD 3 /* Linux 5.4; glibc 2.36 */
#endif

/* Where the two descriptors are put that it keeps. */
enum {
	KEPT_SOCKET = STDERR_FILENO + 1,
	KEPT_ROOT,
	KEPT_ABOVE, /* no number from here on is open */
};

/* One request, and to whom it is answered. */
struct answer {
	int fd;
	uint64_t serial;
	struct oom_details *d;
};

static void reply(const struct answer *a, enum wire_kind kind)
{
	char packet[WIRE_PACKET_MAX];
	size_t n = wire_reply_make(kind, a->serial, a->d, packet);
	ssize_t sent;

	do
		sent = send(a->fd, packet, n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		_exit(0); /* nobody wants it any more */
}

static void read_limit_cgroup(const struct details_reader *rd, const struct wire_request *q,
			      const struct answer *a)
{
	_cleanup_close_ int fd = details_cgroup_open(rd, q->path, q->cgroup_id);

	if (fd < 0)
		return;
	details_read_memory(rd, fd, a->d);
	reply(a, WIRE_MEMORY);
	details_read_largest(rd, fd, a->d);
	reply(a, WIRE_LARGEST);
}

/* First what goes with the victim, within less than a millisecond; last what can hang. */
static void answer(const struct details_reader *rd, const struct wire_request *q,
		   const struct answer *a)
{
	_cleanup_close_ int process = details_process_open(rd, q->pid, q->start_ns);

	if (process >= 0)
		details_read_exe(process, a->d);
	if (a->d->exe)
		reply(a, WIRE_EXE);
	if (*q->path)
		read_limit_cgroup(rd, q, a);
	if (process >= 0 && q->cmdline)
		details_read_cmdline(process, a->d);
	if (a->d->cmdline)
		reply(a, WIRE_CMDLINE);
	reply(a, WIRE_END);
}

static void serve(const struct details_reader *rd, int fd)
{
	char packet[WIRE_PACKET_MAX];
	struct wire_request q;

	for (;;) {
		ssize_t n = recv(fd, packet, sizeof(packet), 0);
		struct answer a = { .fd = fd };

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || wire_request_take(packet, (size_t)n, &q) < 0)
			return;
		a.serial = q.serial;
		a.d = oom_details_new();
		if (!a.d)
			return;
		answer(rd, &q, &a);
		a.d = oom_details_free(a.d);
	}
}

static void ignore_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGPIPE };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], SIG_IGN);
}

/* Closes all but @fd and @root_fd, which get numbers of their own. @root_fd may be -1. */
static bool keep_only(int fd, int root_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int high = fcntl(fd, F_DUPFD_CLOEXEC, KEPT_ABOVE);
	int high_root = root_fd >= 0 ? fcntl(root_fd, F_DUPFD_CLOEXEC, KEPT_ABOVE) : -1;

	if (null < 0)
		null = open("/", O_PATH | O_CLOEXEC);
	if (null < 0 || high < 0 || (root_fd >= 0 && high_root < 0))
		return false;
	/* A pipe that is held here would look as if it were still written to. */
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		if (dup2(null, i) < 0)
			return false;
	if (dup2(high, KEPT_SOCKET) < 0 || (high_root >= 0 && dup2(high_root, KEPT_ROOT) < 0))
		return false;
	closefrom(high_root >= 0 ? KEPT_ABOVE : KEPT_ROOT);
	return true;
}

static noreturn void run(int fd, const struct details_place *place, pid_t parent)
{
	struct details_reader rd = DETAILS_READER_NULL;
	int root_fd = place->root_fd >= 0 ? KEPT_ROOT : -1;

	ignore_signals();
	(void)prctl(PR_SET_NAME, "oomnotify-read");
	/* Hung in a read it would see neither that its socket ended nor that its parent did. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	if (!keep_only(fd, place->root_fd))
		_exit(1);
	details_reader_open(&rd, root_fd, place->hierarchy, place->proc);
	serve(&rd, KEPT_SOCKET);
	_exit(0);
}

int details_helper_start(struct details_helper *ret, const struct details_place *place)
{
	_cleanup_close_ int ours = -1;
	_cleanup_close_ int theirs = -1;
	pid_t parent = getpid(), pid;
	int pair[2], pidfd;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return errno_neg();
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return errno_neg();
	if (pid == 0)
		run(theirs, place, parent);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		int r = errno_neg();

		/* It has not been asked anything that could hold it up. */
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return r;
	}
	*ret = (struct details_helper){ .fd = fd_steal(&ours), .pidfd = pidfd };
	return 0;
}

int details_helper_kill(struct details_helper *h)
{
	int pidfd = h->pidfd;

	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	(void)fd_close(h->fd);
	*h = (struct details_helper)DETAILS_HELPER_NULL;
	return pidfd;
}

bool details_helper_reap(int pidfd)
{
	siginfo_t info = { 0 };
	int r = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);

	/* ECHILD: whoever started us had SIGCHLD ignored, which is inherited. */
	if ((r == 0 && info.si_pid == 0) || (r < 0 && errno == EINTR))
		return false;
	(void)fd_close(pidfd);
	return true;
}
