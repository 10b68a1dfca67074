/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "cli/status.h"

static void write_all(const char *text, size_t n)
{
	while (n > 0) {
		ssize_t written = write(STDERR_FILENO, text, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return; /* there is nowhere left to complain */
		text += written;
		n -= (size_t)written;
	}
}

void say(const char *format, ...)
{
	static const char prefix[] = "oomnotify: ";
	_cleanup_free_ char *plain = NULL, *line = NULL;
	int saved = errno;
	va_list args;
	size_t n;
	int r;

	va_start(args, format);
	r = vasprintf(&plain, format, args);
	va_end(args);
	if (r < 0)
		plain = NULL; /* vasprintf() leaves it undefined */
	n = plain ? strlen(plain) : 0;
	line = plain ? malloc(sizeof(prefix) + ESCAPE_ROOM(n)) : NULL;
	if (line) {
		memcpy(line, prefix, sizeof(prefix) - 1);
		n = sizeof(prefix) - 1 + escape_bytes(plain, n, 0, line + sizeof(prefix) - 1);
		line[n++] = '\n';
		write_all(line, n); /* in one piece: others write there too */
	} else {
		static const char text[] = "oomnotify: out of memory\n";

		write_all(text, sizeof(text) - 1);
	}
	errno = saved;
}

void say_output_failed(int error)
{
	say("cannot write to standard output: %s", strerror(error));
}

int say_end_of_output(int status)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	clearerr(stdout); /* said once is enough */
	if (errno == EPIPE)
		return status;
	say_output_failed(errno > 0 ? errno : EIO);
	return STATUS_FAILURE;
}
