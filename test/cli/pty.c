/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pty [-c TEXT] COMMAND [ARG]...: runs a command on a terminal of 100 columns, prints what that gets,
 * and ends with its status. With -c, Ctrl-C is typed once TEXT has appeared.
 */
#include <errno.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCREEN_MAX (1 << 20)
#define CTRL_C "\003"

static char screen[SCREEN_MAX];

static void die(const char *what)
{
	perror(what);
	exit(99);
}

/* What the terminal gets, until its last user has closed it, which reads as EIO. */
static size_t read_screen(int terminal, const char *wait_for)
{
	size_t used = 0;
	ssize_t n;

	while ((n = read(terminal, screen + used, sizeof(screen) - 1 - used)) > 0) {
		used += (size_t)n;
		screen[used] = '\0';
		if (!wait_for || !memmem(screen, used, wait_for, strlen(wait_for)))
			continue;
		if (write(terminal, CTRL_C, 1) != 1)
			die("write");
		wait_for = NULL;
	}
	if (n < 0 && errno != EIO)
		die("read");
	return used;
}

int main(int argc, char **argv)
{
	const struct winsize size = { .ws_row = 30, .ws_col = 100 };
	const char *wait_for = NULL;
	int terminal, status, c;
	size_t n;
	pid_t pid;

	while ((c = getopt(argc, argv, "+c:")) != -1)
		if (c == 'c')
			wait_for = optarg;
	pid = forkpty(&terminal, NULL, NULL, &size);
	if (pid < 0)
		die("forkpty");
	if (pid == 0) {
		execvp(argv[optind], argv + optind);
		die(argv[optind]);
	}
	n = read_screen(terminal, wait_for);
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	fwrite(screen, 1, n, stdout);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
