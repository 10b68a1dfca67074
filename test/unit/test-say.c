/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of standard output's errors. Each case runs in a child, whose output it is. */
#include "cmocka_all.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/say.h"
#include "cli/status.h"

#define CHUNK 4096

/* Writes @text and @n bytes more to @fd as a command does, flushed so that nothing is left at its end. */
static void print_all(int fd, size_t n)
{
	if (dup2(fd, STDOUT_FILENO) < 0)
		_exit(99);
	signal(SIGPIPE, SIG_IGN);
	say_begin_of_output();
	for (size_t i = 0; i < n; i++)
		putchar('x');
	(void)fflush(stdout);
}

/* Prints @n bytes to @fd, and returns the exit status; what is said goes to @said. */
static int run(int fd, size_t n, char *said, size_t size)
{
	int err = memfd_create("err", MFD_CLOEXEC);
	int status;
	ssize_t got;
	pid_t pid;

	assert_true(err >= 0);
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(err, STDERR_FILENO) < 0)
			_exit(99);
		print_all(fd, n);
		_exit(say_end_of_output(STATUS_OK));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	got = pread(err, said, size - 1, 0);
	assert_true(got >= 0);
	said[got] = '\0';
	(void)close(err);
	(void)close(fd);
	return WEXITSTATUS(status);
}

static void a_reader_who_has_left_is_no_failure(void **state)
{
	static const size_t rows[] = { 1, CHUNK - 1, CHUNK, CHUNK + 1, 100 * CHUNK };
	char said[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int p[2];

		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		(void)close(p[0]);
		assert_int_equal(run(p[1], rows[i], said, sizeof(said)), STATUS_OK);
		assert_string_equal(said, "");
	}
}

static void the_first_error_is_the_one_told(void **state)
{
	static const size_t rows[] = { 1, CHUNK, 100 * CHUNK };
	char said[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		assert_int_equal(run(fd, rows[i], said, sizeof(said)), STATUS_FAILURE);
		assert_string_equal(said, "oomnotify: cannot write to standard output: No space "
					  "left on device\n");
	}
}

static void all_that_is_printed_arrives(void **state)
{
	char said[512], *text = malloc(100 * CHUNK);
	int fd = memfd_create("out", MFD_CLOEXEC);

	(void)state;
	assert_true(text && fd >= 0);
	assert_int_equal(run(dup(fd), 100 * CHUNK, said, sizeof(said)), STATUS_OK);
	assert_string_equal(said, "");
	assert_int_equal(pread(fd, text, 100 * CHUNK, 0), 100 * CHUNK);
	for (size_t i = 0; i < 100 * CHUNK; i++)
		assert_int_equal(text[i], 'x');
	assert_int_equal(lseek(fd, 0, SEEK_END), 100 * CHUNK);
	(void)close(fd);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_who_has_left_is_no_failure),
		cmocka_unit_test(the_first_error_is_the_one_told),
		cmocka_unit_test(all_that_is_printed_arrives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
