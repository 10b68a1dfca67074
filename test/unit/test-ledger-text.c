/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ledger as it reaches standard error, which others may write to at the same time. */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/ledger_text.h"
#include "cli/status.h"

#define KINDS_COUNTED (OOMN_OOM | OOMN_KILL | OOMN_GROUP_KILL)

/* A socket that keeps what each write() wrote apart. */
static void each_piece_is_made_of_whole_lines(void **state)
{
	const struct oomn_balance b = { .kill = { .counted = 3, .reported = 3 } };
	char text[4096];
	unsigned tables = 0, pieces = 0;
	int fd[2], status;
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0);
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(fd[1], STDERR_FILENO) < 0)
			_exit(99);
		_exit(ledger_print(&b, KINDS_COUNTED, NULL, false));
	}
	(void)close(fd[1]);
	while ((n = recv(fd[0], text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		assert_int_equal(text[n - 1], '\n');
		if (strncmp(text, "LEDGER", 6) == 0) {
			assert_non_null(strstr(text, "\nkill "));
			assert_non_null(strstr(text, "\ngroup_kill "));
			assert_null(strstr(text, "\n\n"));
			tables++;
		}
		pieces++;
	}
	(void)close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == STATUS_OK);
	assert_int_equal(tables, 1);
	assert_int_equal(pieces, 2); /* the table and the verdict */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_piece_is_made_of_whole_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
