/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * relay OUT ERR STATUS STDIN COMMAND...: the last thing that pid 1 of a test machine turns into
 *
 *   COMMAND's stdout --pipe--> OUT      serial ports of the machine, raw, so that every byte
 *   COMMAND's stderr --pipe--> ERR      arrives as it was written
 *   "begun\n"        --------> STATUS   before anything of it runs
 *   "status N\n"     --------> STATUS   as a shell counts: 128 + the signal that killed it
 *
 * The command sees pipes, since what it prints on a terminal may differ. When it has ended, what is
 * left in the pipes is sent and the machine is powered off, whatever else still runs. Meanwhile
 * orphans are reaped, as pid 1 has to. A failure here ends pid 1, which is a panic: `run` tells it
 * from a status.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20) /* a burst of output must not stall what is being measured */

struct stream {
	int pipe_fd; /* our end; -1: all writers are gone */
	int child_fd;
	int port_fd;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_port(const char *path)
{
	struct termios t;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &t) < 0)
		fail(path);
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL;
	if (tcsetattr(fd, TCSANOW, &t) < 0)
		fail(path);
	return fd;
}

static void stream_open(struct stream *s, const char *port)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		fail("pipe");
	if (fcntl(fds[0], F_SETPIPE_SZ, PIPE_BYTES) < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		fail("pipe");
	*s = (struct stream){ .pipe_fd = fds[0], .child_fd = fds[1], .port_fd = open_port(port) };
}

static void write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, text, n);

		if (done < 0 && errno != EINTR)
			fail("write");
		if (done > 0) {
			text += done;
			n -= (size_t)done;
		}
	}
}

/* Sends what is in the pipe right now. */
static void stream_send(struct stream *s)
{
	static char text[1 << 16];
	ssize_t n;

	while (s->pipe_fd >= 0) {
		n = read(s->pipe_fd, text, sizeof(text));
		if (n > 0) {
			write_all(s->port_fd, text, (size_t)n);
		} else if (n == 0) {
			close(s->pipe_fd);
			s->pipe_fd = -1;
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR) {
			fail("read");
		}
	}
}

static pid_t start(char **argv, const char *input, const struct stream *streams)
{
	sigset_t none;
	pid_t pid = fork();
	int fd;

	if (pid < 0)
		fail("fork");
	if (pid > 0)
		return pid;
	(void)setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fd = open(input, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(input);
	if (dup2(fd, 0) < 0 || dup2(streams[0].child_fd, 1) < 0 || dup2(streams[1].child_fd, 2) < 0)
		fail("dup2");
	execvp(argv[0], argv);
	fail(argv[0]);
}

/* Reaps all that has ended. Returns true and the wait status of @pid if that was among it. */
static bool reap(pid_t pid, int *ret_status)
{
	bool found = false;
	int status;
	pid_t r;

	while ((r = waitpid(-1, &status, WNOHANG)) > 0)
		if (r == pid) {
			*ret_status = status;
			found = true;
		}
	return found;
}

static int relay_until_end(pid_t pid, struct stream *streams, int signal_fd)
{
	int status = 0;

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = streams[0].pipe_fd, .events = POLLIN },
			{ .fd = streams[1].pipe_fd, .events = POLLIN },
			{ .fd = signal_fd, .events = POLLIN },
		};
		struct signalfd_siginfo info;
		bool ended;

		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			fail("poll");
		(void)!read(signal_fd, &info, sizeof(info));
		/* First the end, then the pipes: all that it wrote is in them by now. */
		ended = reap(pid, &status);
		stream_send(&streams[0]);
		stream_send(&streams[1]);
		if (ended)
			return status;
	}
}

int main(int argc, char **argv)
{
	struct stream streams[2];
	int status, status_fd, signal_fd;
	sigset_t child;
	char line[32];
	pid_t pid;

	if (argc < 6) {
		fprintf(stderr, "usage: relay OUT ERR STATUS STDIN COMMAND...\n");
		return 1;
	}
	stream_open(&streams[0], argv[1]);
	stream_open(&streams[1], argv[2]);
	status_fd = open_port(argv[3]);
	write_all(status_fd, "begun\n", strlen("begun\n"));
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		fail("signalfd");
	pid = start(argv + 5, argv[4], streams);
	close(streams[0].child_fd);
	close(streams[1].child_fd);

	status = relay_until_end(pid, streams, signal_fd);
	status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	(void)snprintf(line, sizeof(line), "status %d\n", status);
	if (tcdrain(streams[0].port_fd) < 0 || tcdrain(streams[1].port_fd) < 0)
		fail("drain");
	write_all(status_fd, line, strlen(line));
	if (tcdrain(status_fd) < 0)
		fail("drain");
	reboot(RB_POWER_OFF);
	fail("reboot");
}
