/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/output.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

/* Returns -1 where that is not possible: no /proc, or the rights of another user's pipe. */
static int open_anew(int fd)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int output_open(struct output *ret, int fd, size_t limit)
{
	struct output o = { .fd = fd, .own_fd = -1, .way = OUTPUT_POLL, .limit = limit };
	struct stat st;
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st) < 0)
		return errno_neg();
	if ((flags & O_PATH) || (flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
		o.way = OUTPUT_PLAIN;
	else if (S_ISSOCK(st.st_mode))
		o.way = OUTPUT_SOCKET;
	else if (flags & O_NONBLOCK)
		o.way = OUTPUT_NONBLOCK;
	else if (S_ISFIFO(st.st_mode) || isatty(fd))
		o.own_fd = open_anew(fd);
	if (o.own_fd >= 0) {
		o.fd = o.own_fd;
		o.way = OUTPUT_NONBLOCK;
	}
	*ret = o;
	return 0;
}

void output_close(struct output *o)
{
	free(o->data);
	o->data = NULL;
	o->size = o->start = o->used = 0;
	o->own_fd = fd_close(o->own_fd);
}

bool output_is_full(const struct output *o)
{
	return o->used >= o->limit;
}

/* Makes room for @n more bytes behind those that wait. */
static int make_room(struct output *o, size_t n)
{
	size_t size = o->size > 0 ? o->size : o->limit;
	char *data;

	if (o->data && o->start + o->used + n <= o->size)
		return 0;
	if (o->data && o->start > 0) {
		memmove(o->data, o->data + o->start, o->used);
		o->start = 0;
	}
	if (o->used + n > size)
		size = o->used + n;
	if (o->data && size == o->size)
		return 0;
	data = realloc(o->data, size);
	if (!data)
		return -ENOMEM;
	o->data = data;
	o->size = size;
	return 0;
}

int output_put_line(struct output *o, const char *line, size_t n)
{
	int r = make_room(o, n + 1);

	if (r < 0)
		return r;
	memcpy(o->data + o->start + o->used, line, n);
	o->data[o->start + o->used + n] = '\n';
	o->used += n + 1;
	return 0;
}

static size_t next_chunk(const struct output *o)
{
	const char *end;

	if (o->way == OUTPUT_PLAIN || o->used <= PIPE_BUF)
		return o->used;
	end = memrchr(o->data + o->start, '\n', PIPE_BUF);
	return end ? (size_t)(end - (o->data + o->start)) + 1 : PIPE_BUF;
}

/* Returns what write() does, with EAGAIN where it would have to wait. */
static ssize_t write_now(const struct output *o, const char *data, size_t n)
{
	if (o->way == OUTPUT_SOCKET)
		return send(o->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (o->way == OUTPUT_POLL) {
		struct pollfd p = { .fd = o->fd, .events = POLLOUT };
		int r = poll(&p, 1, 0);

		/* POLLERR without POLLOUT is left to write(), which then says what is wrong. */
		if (r < 0)
			return -1;
		if (r == 0) {
			errno = EAGAIN;
			return -1;
		}
	}
	return write(o->fd, data, n);
}

int output_flush(struct output *o)
{
	while (o->used > 0) {
		ssize_t n = write_now(o, o->data + o->start, next_chunk(o));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? OUTPUT_E_AGAIN : errno_neg();
		if (n == 0)
			return -EIO;
		o->start += (size_t)n;
		o->used -= (size_t)n;
	}
	o->start = 0;
	return 0;
}
