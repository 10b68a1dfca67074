/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"

void tool_die(const char *format, ...)
{
	va_list args;

	(void)fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

uint64_t tool_number(const char *what, const char *text, uint64_t min, uint64_t max)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 || v < min || v > max)
		tool_die("%s: '%s' is no number from %llu to %llu", what, text,
			 (unsigned long long)min, (unsigned long long)max);
	return v;
}

size_t tool_size(const char *text)
{
	static const char units[] = "KMG";
	unsigned long long v;
	unsigned shift = 0;
	const char *unit;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10U * (unsigned)(unit - units + 1);
		end++;
	}
	if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 || v == 0 ||
	    v > SIZE_MAX >> shift)
		tool_die("'%s' is no size (a number, then K, M or G)", text);
	return (size_t)v << shift;
}

uint64_t tool_seconds_ns(const char *text)
{
	double v;
	char *end;

	v = strtod(text, &end);
	if (!isdigit((unsigned char)*text) || *end != '\0' || v > 1e9)
		tool_die("'%s' is no number of seconds", text);
	return (uint64_t)(v * (double)NSEC_PER_SEC);
}

char *tool_map(size_t size)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		tool_die("no address space for %zu bytes: %s", size, strerror(errno));
	/* A huge page would be charged, or refused, 2 MiB at a time. Kernels without them: EINVAL. */
	(void)madvise(at, size, MADV_NOHUGEPAGE);
	return at;
}

void tool_touch(char *at, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < size; i += page)
		((volatile char *)at)[i] = 1;
}

int tool_write(int dir_fd, const char *file, const char *text)
{
	_cleanup_close_ int fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return errno_neg();
	return write(fd, text, strlen(text)) < 0 ? errno_neg() : 0;
}

int tool_enable_memory(int dir_fd)
{
	return tool_write(dir_fd, "cgroup.subtree_control", "+memory");
}
