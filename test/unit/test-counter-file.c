/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/counter_file.h"

static int interruptions; /* so many more calls are interrupted */
static int fails;         /* with that errno, if it is not 0 */

/* With 64-bit offsets pread() is a function of another name on some platforms. */
#define WRAP(call)                                                                                 \
	ssize_t __real_##call(int fd, void *to, size_t n, off_t at);                               \
	ssize_t __wrap_##call(int fd, void *to, size_t n, off_t at);                               \
	ssize_t __wrap_##call(int fd, void *to, size_t n, off_t at)                                \
	{                                                                                          \
		errno = interruptions > 0 ? EINTR : fails;                                         \
		if (interruptions > 0)                                                             \
			interruptions--;                                                           \
		return errno ? -1 : __real_##call(fd, to, n, at);                                  \
	}
WRAP(pread)
WRAP(pread64)

static int file_of(size_t n)
{
	char path[] = "/tmp/test-counter-file.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(write(fd, &"0123456789"[i % 10], 1), 1);
	return fd;
}

/* A number that is cut in two is another number. */
static void what_does_not_fit(void **state)
{
	static const struct {
		size_t n;
		int r;
	} rows[] = { { 0, 0 }, { 14, 0 }, { 15, -EFBIG }, { 16, -EFBIG }, { 4096, -EFBIG } };
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = file_of(rows[i].n);

		for (int again = 0; again < 2; again++) { /* from its beginning each time */
			assert_int_equal(counter_file_read(fd, text, sizeof(text)), rows[i].r);
			if (rows[i].r == 0)
				assert_int_equal(strlen(text), rows[i].n);
		}
		close(fd);
	}
}

static void interrupted_and_failed(void **state)
{
	int fd = file_of(5);
	char text[16];

	(void)state;
	interruptions = 3;
	assert_int_equal(counter_file_read(fd, text, sizeof(text)), 0);
	assert_int_equal(interruptions, 0);
	assert_string_equal(text, "01234");
	fails = ENODEV;
	assert_int_equal(counter_file_read(fd, text, sizeof(text)), -ENODEV);
	fails = 0;
	close(fd);
	assert_int_equal(counter_file_read(-1, text, sizeof(text)), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit),
		cmocka_unit_test(interrupted_and_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
