/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int fd_close(int fd)
{
	int saved = errno;

	/* On Linux the descriptor is gone even if close() reports an error: never repeat it. */
	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return -1;
}

bool fd_available(unsigned n)
{
	_cleanup_close_ int fd = eventfd(0, EFD_CLOEXEC);

	return fd >= 0 && (n <= 1 || fd_available(n - 1));
}
