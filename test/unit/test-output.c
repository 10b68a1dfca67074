/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A write that blocks would hang these tests, which their time limit then ends. */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fail_malloc.h"
#include "sink/output.h"

#define LIMIT 8192
#define LINES 40000

static bool writes_nothing;

ssize_t __real_write(int fd, const void *data, size_t n);
ssize_t __wrap_write(int fd, const void *data, size_t n);

ssize_t __wrap_write(int fd, const void *data, size_t n)
{
	return writes_nothing ? 0 : __real_write(fd, data, n);
}

static size_t format_line(char *text, size_t size, unsigned i)
{
	/* Of many lengths, so that chunks end everywhere. */
	return (size_t)snprintf(text, size, "%u%*s", i, (int)(i * 7 % 300), "x");
}

static void read_some(int fd, char *all, size_t *used, size_t n)
{
	ssize_t got = read(fd, all + *used, n);

	assert_true(got > 0);
	*used += (size_t)got;
}

/* Puts LINES lines through @o while its reader at @fd reads little and late; all must arrive. */
static void push_through(struct output *o, int fd)
{
	size_t used = 0, want = 0, size = (size_t)LINES * 400;
	char *all = malloc(size), line[400];
	unsigned waits = 0;
	int r = 0;

	for (unsigned i = 0; i < LINES;) {
		while (i < LINES && !output_is_full(o)) {
			size_t n = format_line(line, sizeof(line), i++);

			assert_int_equal(output_put_line(o, line, n), 0);
			want += n + 1;
		}
		r = output_flush(o);
		assert_true(r == 0 || r == OUTPUT_E_AGAIN);
		waits += r == OUTPUT_E_AGAIN;
		if (r == OUTPUT_E_AGAIN)
			read_some(fd, all, &used, 3000);
	}
	assert_true(waits > 10);
	while (used < want) {
		if (r == OUTPUT_E_AGAIN)
			r = output_flush(o);
		read_some(fd, all, &used, size - used);
	}
	assert_int_equal(r, 0);
	assert_int_equal(used, want);
	for (unsigned i = 0, at = 0; i < LINES; i++) {
		size_t n = format_line(line, sizeof(line), i);

		assert_memory_equal(all + at, line, n);
		at += (unsigned)n + 1;
		assert_int_equal(all[at - 1], '\n');
	}
	free(all);
}

static void pipe_opened_anew(void **state)
{
	struct output o;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(output_open(&o, p[1], LIMIT), 0);
	assert_int_equal(o.way, OUTPUT_NONBLOCK);
	assert_int_not_equal(o.fd, p[1]);
	push_through(&o, p[0]);
	assert_false(fcntl(p[1], F_GETFL) & O_NONBLOCK); /* shared with others: as it was */
	output_close(&o);
	close(p[0]);
	close(p[1]);
}

static void pipe_that_cannot_be_opened_anew(void **state)
{
	struct output o;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(output_open(&o, p[1], LIMIT), 0);
	close(o.own_fd); /* as without /proc */
	o.own_fd = -1;
	o.fd = p[1];
	o.way = OUTPUT_POLL;
	push_through(&o, p[0]);
	close(p[0]);
	assert_int_equal(output_put_line(&o, "x", 1), 0);
	assert_int_equal(output_flush(&o), -EPIPE);
	output_close(&o);
	close(p[1]);
}

static void socket_is_sent_to(void **state)
{
	struct output o;
	int p[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	assert_int_equal(output_open(&o, p[1], LIMIT), 0);
	assert_int_equal(o.way, OUTPUT_SOCKET);
	push_through(&o, p[0]);
	close(p[0]);
	assert_int_equal(output_put_line(&o, "x", 1), 0);
	assert_int_equal(output_flush(&o), -EPIPE);
	output_close(&o);
	close(p[1]);
}

static void reader_left(void **state)
{
	struct output o;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(output_open(&o, p[1], LIMIT), 0);
	close(p[0]);
	assert_int_equal(output_put_line(&o, "x", 1), 0);
	assert_int_equal(output_flush(&o), -EPIPE);
	output_close(&o);
	close(p[1]);
}

static void lines_stay_whole_within_pipe_buf(void **state)
{
	char line[1500], got[65536];
	struct output o;
	ssize_t n;
	int p[2];

	(void)state;
	memset(line, 'a', sizeof(line));
	assert_int_equal(pipe2(p, O_DIRECT), 0); /* a packet for each write */
	assert_int_equal(output_open(&o, p[1], LIMIT), 0);
	/* O_DIRECT is no part of the new description: write to the old one. */
	close(o.own_fd);
	o.own_fd = -1;
	o.fd = p[1];
	o.way = OUTPUT_POLL;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(output_put_line(&o, line, sizeof(line)), 0);
	assert_int_equal(output_flush(&o), 0);
	for (unsigned i = 5; i > 0; i -= (unsigned)n / 1501) {
		n = read(p[0], got, sizeof(got));
		assert_true(n > 0 && n <= 4096);
		assert_int_equal(n % 1501, 0);
		assert_int_equal(got[n - 1], '\n');
	}
	output_close(&o);
	close(p[0]);
	close(p[1]);
}

static void one_line_may_be_longer_than_all(void **state)
{
	size_t n = 3 * LIMIT, used = 0;
	char *line = malloc(n), *got = malloc(n + 3);
	struct output o;
	int p[2];

	(void)state;
	memset(line, 'a', n);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(output_open(&o, p[1], LIMIT), 0);
	assert_int_equal(output_put_line(&o, "b", 1), 0);
	assert_false(output_is_full(&o));
	assert_int_equal(output_put_line(&o, line, n), 0);
	assert_true(output_is_full(&o));
	assert_int_equal(output_flush(&o), 0);
	while (used < n + 3)
		read_some(p[0], got, &used, n + 3 - used);
	assert_memory_equal(got + 2, line, n);
	assert_int_equal(got[n + 2], '\n');
	output_close(&o);
	close(p[0]);
	close(p[1]);
	free(line);
	free(got);
}

static void files(void **state)
{
	struct output o;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(output_open(&o, fd, LIMIT), 0);
	assert_int_equal(output_put_line(&o, "x", 1), 0);
	assert_int_equal(output_flush(&o), -ENOSPC);
	output_close(&o);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(output_open(&o, fd, LIMIT), -EBADF);
	close(fd);
	fd = open("/", O_PATH | O_CLOEXEC);
	assert_int_equal(output_open(&o, fd, LIMIT), -EBADF);
	close(fd);
	assert_int_equal(output_open(&o, fd, LIMIT), -EBADF);
}

/* As a broken file system or driver may answer. It must not be asked for ever. */
static void a_write_of_nothing_is_an_error(void **state)
{
	struct output o;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(output_open(&o, fd, LIMIT), 0);
	assert_int_equal(output_put_line(&o, "x", 1), 0);
	(void)alarm(60);
	writes_nothing = true;
	assert_int_equal(output_flush(&o), -EIO);
	writes_nothing = false;
	(void)alarm(0);
	output_close(&o);
	close(fd);
}

static void without_memory_nothing_is_taken(void **state)
{
	struct output o;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(output_open(&o, fd, LIMIT), 0);
	fail_malloc_arm(1, false);
	assert_int_equal(output_put_line(&o, "x", 1), -ENOMEM);
	assert_true(fail_malloc_disarm());
	assert_int_equal(o.used, 0);
	assert_int_equal(output_put_line(&o, "x", 1), 0);
	assert_int_equal(o.used, 2);
	output_close(&o);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pipe_opened_anew),
		cmocka_unit_test(pipe_that_cannot_be_opened_anew),
		cmocka_unit_test(socket_is_sent_to),
		cmocka_unit_test(reader_left),
		cmocka_unit_test(lines_stay_whole_within_pipe_buf),
		cmocka_unit_test(one_line_may_be_longer_than_all),
		cmocka_unit_test(files),
		cmocka_unit_test(a_write_of_nothing_is_an_error),
		cmocka_unit_test(without_memory_nothing_is_taken),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
