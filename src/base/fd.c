/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"

#include <errno.h>
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
