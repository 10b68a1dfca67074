/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pty [-w COLUMNS] [-c TEXT]... COMMAND [ARG]...: runs a command on a terminal of 100 columns, or that
 * many, prints what that gets, and ends with its status. With -c, Ctrl-C is typed once each TEXT has appeared, with the end
 * of its line: the terminal throws away what it has not passed on by then.
 */
#include <assert.h>
#include <errno.h>
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCREEN_MAX (1 << 20)
#define CTRL_C "\003"
#define AWAITED_MAX 4

static char screen[SCREEN_MAX];

static void die(const char *what)
{
	perror(what);
	exit(99);
}

/* Each of the texts is on the screen, in a line that has ended. */
static bool all_appeared(const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *at = strstr(screen, texts[i]);

		if (!at || !strchr(at, '\n'))
			return false;
	}
	return true;
}

/* What the terminal gets, until its last user has closed it, which reads as EIO. */
static size_t read_screen(int terminal, const char *const *awaited, size_t awaited_n)
{
	bool typed = awaited_n == 0;
	size_t used = 0;
	ssize_t n;

	while ((n = read(terminal, screen + used, sizeof(screen) - 1 - used)) > 0) {
		used += (size_t)n;
		screen[used] = '\0';
		if (typed || !all_appeared(awaited, awaited_n))
			continue;
		if (write(terminal, CTRL_C, 1) != 1)
			die("write");
		typed = true;
	}
	if (n < 0 && errno != EIO)
		die("read");
	return used;
}

int main(int argc, char **argv)
{
	struct winsize size = { .ws_row = 30, .ws_col = 100 };
	const char *awaited[AWAITED_MAX];
	size_t awaited_n = 0;
	int terminal, status, c;
	size_t n;
	pid_t pid;

	while ((c = getopt(argc, argv, "+c:w:")) != -1) {
		if (c == 'w') {
			size.ws_col = (unsigned short)atoi(optarg);
			continue;
		}
		assert(c == 'c' && awaited_n < AWAITED_MAX);
		awaited[awaited_n++] = optarg;
	}
	pid = forkpty(&terminal, NULL, NULL, &size);
	if (pid < 0)
		die("forkpty");
	if (pid == 0) {
		execvp(argv[optind], argv + optind);
		die(argv[optind]);
	}
	n = read_screen(terminal, awaited, awaited_n);
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	fwrite(screen, 1, n, stdout);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
