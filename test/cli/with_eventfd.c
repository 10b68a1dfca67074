/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * with-eventfd COMMAND [ARG]...: runs a command with an eventfd as descriptor 7, and prints after
 * its end how often that was signalled
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUMBER 7

static void die(const char *what)
{
	perror(what);
	exit(99);
}

int main(int argc, char **argv)
{
	int fd = eventfd(0, EFD_NONBLOCK), status = 0;
	uint64_t n = 0;
	pid_t pid;

	if (argc < 2 || fd < 0 || dup2(fd, NUMBER) < 0)
		die("eventfd");
	if (fd != NUMBER)
		(void)close(fd);
	pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		die(argv[1]);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("fork");
	if (read(NUMBER, &n, sizeof(n)) < 0)
		n = 0;
	printf("eventfd: %" PRIu64 "\n", n);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
