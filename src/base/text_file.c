/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

#define FIRST_SIZE 4096U

static int read_some(int fd, char *to, size_t n, size_t *ret_n)
{
	ssize_t r;

	do
		r = read(fd, to, n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno_neg();
	*ret_n = (size_t)r;
	return 0;
}

int text_file_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_n)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	size_t size = 0, used = 0, n;
	int r;

	if (fd < 0)
		return errno_neg();
	do {
		if (used + 1 >= size) {
			size_t grown = size > 0 ? 2 * size : FIRST_SIZE;
			char *p = realloc(text, grown);

			if (!p)
				return -ENOMEM;
			text = p;
			size = grown;
		}
		r = read_some(fd, text + used, size - used - 1, &n);
		if (r < 0)
			return r;
		used += n;
		if (used > max)
			return -EFBIG;
	} while (n > 0);

	text[used] = '\0';
	if (ret_n)
		*ret_n = used;
	*ret = ptr_steal(&text);
	return 0;
}
