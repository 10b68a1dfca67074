/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/say.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "cli/status.h"
#include "cli/terminal.h"

static const char prefix[] = "oomnotify: ";

static unsigned long dropped; /* lines, since the last that was written */
static int output_error;      /* the first on standard output, an errno value */

static bool takes_more(int timeout_ms)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	/* What is wrong with it is left to write(). */
	return poll(&p, 1, timeout_ms) != 0;
}

static void write_all(const char *text, size_t n)
{
	while (n > 0) {
		ssize_t written = write(STDERR_FILENO, text, n);

		if (written < 0 && (errno == EINTR || (errno == EAGAIN && takes_more(-1))))
			continue;
		if (written <= 0)
			return; /* there is nowhere left to complain */
		text += written;
		n -= (size_t)written;
	}
}

/* Writes a line of at most PIPE_BUF bytes, for which a pipe that can be written to has room. */
static void write_now(const char *line, size_t n)
{
	if (!takes_more(0) || (write(STDERR_FILENO, line, n) < 0 && errno == EAGAIN))
		dropped++;
	else
		dropped = 0;
}

/* What is said of lines that were dropped, in front of the next one. */
static size_t put_dropped(char *ret, size_t size)
{
	if (dropped == 0)
		return 0;
	return (size_t)snprintf(ret, size, "%snote: lines that standard error did not take: %lu\n",
				prefix, dropped);
}

static unsigned escape_flags(void)
{
	static int ascii = -1; /* not looked yet */

	if (ascii < 0)
		ascii = terminal_style(STDERR_FILENO).ascii;
	return ascii ? ESCAPE_ASCII : 0;
}

/* The line for @plain, on the heap; NULL without memory. */
static char *make_line(const char *plain, size_t *ret_n)
{
	char before[128];
	size_t n = put_dropped(before, sizeof(before));
	size_t len = strlen(plain);
	char *line = malloc(n + sizeof(prefix) + ESCAPE_ROOM(len));

	if (!line)
		return NULL;
	memcpy(line, before, n);
	memcpy(line + n, prefix, sizeof(prefix) - 1);
	n += sizeof(prefix) - 1;
	n += escape_bytes(plain, len, escape_flags(), line + n);
	line[n++] = '\n';
	*ret_n = n;
	return line;
}

__attribute__((format(printf, 2, 0))) static void say_args(bool wait, const char *format,
							   va_list args)
{
	static const char no_memory[] = "oomnotify: out of memory\n";
	_cleanup_free_ char *plain = NULL, *line = NULL;
	int saved = errno;
	size_t n = 0;

	if (vasprintf(&plain, format, args) < 0)
		plain = NULL; /* vasprintf() leaves it undefined */
	line = plain ? make_line(plain, &n) : NULL;
	if (line && n > PIPE_BUF && !wait) {
		n = PIPE_BUF;
		line[n - 1] = '\n';
	}
	if (wait) {
		/* In one piece: others write there too. */
		write_all(line ? line : no_memory, line ? n : sizeof(no_memory) - 1);
		dropped = 0;
	} else {
		write_now(line ? line : no_memory, line ? n : sizeof(no_memory) - 1);
	}
	errno = saved;
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_args(true, format, args);
	va_end(args);
}

void say_text(const char *text)
{
	size_t n = strlen(text);
	_cleanup_free_ char *line = malloc(n + 1);

	/* With its end in one piece, as say_args() does; without memory in two. */
	if (line) {
		memcpy(line, text, n);
		line[n] = '\n';
		write_all(line, n + 1);
	} else {
		write_all(text, n);
		write_all("\n", 1);
	}
}

void say_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_args(false, format, args);
	va_end(args);
}

void say_output_failed(int error)
{
	say("cannot write to standard output: %s", strerror(error));
}

/* As fopencookie() wants it: 0 is an error. */
static ssize_t write_output(void *cookie, const char *data, size_t n)
{
	size_t done = 0;

	(void)cookie;
	while (done < n) {
		ssize_t written = write(STDOUT_FILENO, data + done, n - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			if (output_error == 0)
				output_error = written < 0 ? errno : EIO;
			return (ssize_t)done;
		}
		done += (size_t)written;
	}
	return (ssize_t)done;
}

void say_begin_of_output(void)
{
	/* stdio keeps that there was an error, not which one it was. */
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = write_output });

	if (f)
		stdout = f; /* else it stays as it is */
}

int say_end_of_output(int status)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	clearerr(stdout); /* said once is enough */
	if (output_error == 0)
		output_error = errno > 0 ? errno : EIO;
	if (output_error == EPIPE)
		return status;
	say_output_failed(output_error);
	return STATUS_FAILURE;
}
