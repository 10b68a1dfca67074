/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Output: a bounded queue of bytes in front of a descriptor that somebody else opened
 *
 * Standard output is shared with the shell and with whatever else writes there, so O_NONBLOCK, which
 * belongs to the open file description, must not be set on it. How a write is kept from blocking:
 *
 *   pipe, terminal   opened anew through /proc/self/fd, which gives a description of our own
 *   socket           MSG_DONTWAIT
 *   where that fails poll() first, then at most PIPE_BUF bytes, for which a writable pipe has room
 *   file             never blocks in the sense of poll()
 *
 * What is written at once ends with a line's end where that is possible within PIPE_BUF, so that
 * lines of several writers to one pipe do not get mixed up.
 */
#include <stdbool.h>
#include <stddef.h>

enum output_way {
	OUTPUT_PLAIN,
	OUTPUT_POLL,
	OUTPUT_NONBLOCK,
	OUTPUT_SOCKET,
};

struct output {
	int fd;     /* written to */
	int own_fd; /* the same descriptor if it was opened anew, else -1 */
	enum output_way way;
	size_t limit;
	char *data; /* of `size`; `used` bytes from `start` are waiting */
	size_t size;
	size_t start;
	size_t used;
};

enum {
	OUTPUT_E_AGAIN = 1,
};

/* @fd is borrowed. Returns 0, -ENOMEM, or what is wrong with @fd; -EBADF: not open for writing. */
int output_open(struct output *ret, int fd, size_t limit);
void output_close(struct output *o);
/* Whether as much as `limit` is waiting. One more line is still taken then, not one after it. */
bool output_is_full(const struct output *o);
/* Queues a line and its end. Returns 0 or -ENOMEM. */
int output_put_line(struct output *o, const char *line, size_t n);
/* Writes what can be written now. Returns 0 if all is out, OUTPUT_E_AGAIN, or a negated errno. */
int output_flush(struct output *o);
