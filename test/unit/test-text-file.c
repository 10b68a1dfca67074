/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/text_file.h"
#include "fail_malloc.h"

ssize_t __real_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n);

/* What read() does to the code under test. */
static struct {
	size_t at_most;     /* bytes a call; 0: as many as asked for */
	unsigned interrupt; /* every so manieth call is interrupted; 0: none */
	unsigned fail_at;   /* that call fails with EIO; 0: none */
	unsigned calls;
} faults;

ssize_t __wrap_read(int fd, void *to, size_t n)
{
	faults.calls++;
	if (faults.interrupt > 0 && faults.calls % faults.interrupt == 0) {
		errno = EINTR;
		return -1;
	}
	if (faults.calls == faults.fail_at) {
		errno = EIO;
		return -1;
	}
	if (faults.at_most > 0 && n > faults.at_most)
		n = faults.at_most;
	return __real_read(fd, to, n);
}

struct file {
	char path[64];
	char *text;
	size_t n;
};

static void file_make(struct file *f, size_t n)
{
	int fd;

	snprintf(f->path, sizeof(f->path), "/tmp/test-text-file.XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	f->n = n;
	f->text = malloc(n + 1);
	for (size_t i = 0; i < n; i++)
		f->text[i] = (char)(i % 251); /* with NULs */
	assert_int_equal(write(fd, f->text, n), n);
	(void)close(fd);
	memset(&faults, 0, sizeof(faults));
}

static void file_done(struct file *f)
{
	(void)unlink(f->path);
	free(f->text);
}

static void reads_whole_files(void **state)
{
	static const size_t sizes[] = { 0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 100000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (unsigned mode = 0; mode < 3; mode++) {
			struct file f;
			char *text;
			size_t n;

			file_make(&f, sizes[i]);
			faults.at_most = mode > 0 ? 37 : 0;
			faults.interrupt = mode > 1 ? 3 : 0;
			assert_int_equal(text_file_read(AT_FDCWD, f.path, 100000, &text, &n), 0);
			assert_int_equal(n, f.n);
			assert_memory_equal(text, f.text, n);
			assert_int_equal(text[n], '\0');
			free(text);
			file_done(&f);
		}
}

static void errors(void **state)
{
	struct file f;
	char *text = NULL;

	(void)state;
	file_make(&f, 5000);
	assert_int_equal(text_file_read(AT_FDCWD, f.path, 4999, &text, NULL), -EFBIG);
	assert_int_equal(text_file_read(AT_FDCWD, "/nowhere/to/be/found", 10, &text, NULL),
			 -ENOENT);
	assert_int_equal(text_file_read(AT_FDCWD, "/tmp", 10, &text, NULL), -EISDIR);
	faults.calls = 0;
	faults.fail_at = 2;
	assert_int_equal(text_file_read(AT_FDCWD, f.path, 5000, &text, NULL), -EIO);
	assert_null(text);
	file_done(&f);
}

struct reading {
	const char *path;
	char *text;
};

static int reading_run(void *ctx)
{
	struct reading *rd = ctx;

	return text_file_read(AT_FDCWD, rd->path, 100000, &rd->text, NULL);
}

static void reading_undo(void *ctx)
{
	free(((struct reading *)ctx)->text);
}

static void without_memory(void **state)
{
	struct file f;
	struct reading rd;
	const struct fail_malloc_case c = { .run = reading_run,
					    .undo = reading_undo,
					    .ctx = &rd,
					    .out = &rd.text,
					    .out_size = sizeof(rd.text) };

	(void)state;
	file_make(&f, 20000);
	rd.path = f.path;
	assert_int_equal(fail_malloc_each(&c), 4); /* 4, 8, 16, 32 KiB */
	file_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_whole_files),
		cmocka_unit_test(errors),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
