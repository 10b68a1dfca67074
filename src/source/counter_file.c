/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/counter_file.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"

int counter_file_read(int fd, char *text, size_t size)
{
	ssize_t n;

	do
		n = pread(fd, text, size - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno_neg();
	if ((size_t)n == size - 1)
		return -EFBIG;
	text[n] = '\0';
	return 0;
}
