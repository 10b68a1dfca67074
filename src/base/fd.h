/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Ownership of descriptors and heap memory
 *
 * A local that owns something says so with _cleanup_close_ or _cleanup_free_; handing it over is
 * written as fd_steal(&fd) or ptr_steal(&p).
 */
#include <stdbool.h>
#include <stdlib.h>

/* Closes @fd if it is one (>= 0). Returns -1, so that `fd = fd_close(fd);`. Keeps errno. */
int fd_close(int fd);

/* Whether @n more descriptors, 1 or more, can be had at this moment. */
bool fd_available(unsigned n);

static inline void fd_closep(int *fd)
{
	*fd = fd_close(*fd);
}

static inline int fd_steal(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

static inline void freep(void *p)
{
	free(*(void **)p);
}

#define ptr_steal(p)                                                                               \
	({                                                                                         \
		__typeof__(*(p)) _p = *(p);                                                        \
		*(p) = NULL;                                                                       \
		_p;                                                                                \
	})

#define _cleanup_close_ __attribute__((cleanup(fd_closep)))
#define _cleanup_free_ __attribute__((cleanup(freep)))
#define _cleanup_(f) __attribute__((cleanup(f)))
