/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notified [--full] COMMAND [ARG]...: runs a command with a NOTIFY_SOCKET and prints, after its end,
 * what came in there, one message a line
 *
 * With --full the queue of that socket is full from the start. On SIGUSR1 it is emptied, and the next
 * message is waited for and printed at once.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "notify.socket" };
static const char filling[] = "FILLING=1";

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void fill(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		die("fill");
	while (send(fd, filling, sizeof(filling) - 1, 0) > 0)
		;
	(void)close(fd);
}

/* Returns whether a message came that is none of fill()'s. */
static bool take(int fd, int flags)
{
	char text[4096];
	ssize_t n = recv(fd, text, sizeof(text) - 1, flags);

	while (n > 0) {
		text[n] = '\0';
		if (strcmp(text, filling) != 0) {
			puts(text);
			(void)fflush(stdout);
			return true;
		}
		n = recv(fd, text, sizeof(text) - 1, flags);
	}
	return false;
}

int main(int argc, char **argv)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool full = argc > 1 && strcmp(argv[1], "--full") == 0;
	char here[2048], path[4096];
	int status, signal_number;
	sigset_t set, old;
	pid_t pid;

	argv += full;
	if (argc < 2 + full || fd < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		die("notify.socket");
	if (!getcwd(here, sizeof(here)))
		die("getcwd");
	snprintf(path, sizeof(path), "%s/%s", here, address.sun_path);
	setenv("NOTIFY_SOCKET", path, 1);
	if (full)
		fill();
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG,
			    SIGKILL); /* nothing is left if the test is cut short */
		sigprocmask(SIG_SETMASK, &old, NULL);
		execvp(argv[1], argv + 1);
		die(argv[1]);
	}
	while (sigwait(&set, &signal_number) == 0 && signal_number == SIGUSR1)
		(void)take(fd, 0);
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	while (take(fd, MSG_DONTWAIT))
		;
	unlink(address.sun_path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
