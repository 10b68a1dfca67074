/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "storm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tool.h"

#define BUSY_NS NSEC_PER_SEC

int storm_warn(const char *path, const char *what, int err)
{
	fprintf(stderr, "oomstorm: %s: %s%s%s\n", path, what, err ? ": " : "",
		err ? strerror(err) : "");
	return -1;
}

void cell_path(const struct storm *s, const char *name, char ret[static CELL_PATH_MAX])
{
	int n = snprintf(ret, CELL_PATH_MAX, "%s", name);

	for (unsigned level = 1; level < s->depth; level++)
		n += snprintf(ret + n, CELL_PATH_MAX - (size_t)n, "/n");
}

static int make_level(const struct storm *s, const char *path, bool inner)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (mkdirat(s->dir_fd, path, 0755) < 0)
		return storm_warn(path, "mkdir", errno);
	s->tally->made++;
	if (!inner || s->v1)
		return 0;
	fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : tool_enable_memory(fd);
	return r < 0 ? storm_warn(path, "cannot enable memory", -r) : 0;
}

int cell_make(const struct storm *s, const char *path)
{
	char level[CELL_PATH_MAX];
	const char *end = path;

	do {
		end = strchrnul(end + 1, '/');
		(void)snprintf(level, sizeof(level), "%.*s", (int)(end - path), path);
		if (make_level(s, level, *end != '\0') < 0)
			return -1;
	} while (*end);
	return 0;
}

/*
 * The files that limit a cgroup. Where there is swap, it would only fill that up, so it has none; the
 * file is absent without swap accounting. On v1 the second counts memory and swap together, and the
 * first may at no time be more: so they are taken back in reverse.
 */
static int write_limits(const struct storm *s, int fd, bool on, const char *text)
{
	const char *files[] = { s->v1 ? "memory.limit_in_bytes" : "memory.max",
				s->v1 ? "memory.memsw.limit_in_bytes" : "memory.swap.max" };

	for (int i = 0; i < 2; i++) {
		int which = on ? i : 1 - i;
		bool swap_off = which == 1 && on && !s->v1;
		int r = tool_write(fd, files[which], swap_off ? "0" : text);

		if (r < 0 && !(which == 1 && r == -ENOENT))
			return r;
	}
	return 0;
}

int cell_limit(const struct storm *s, const char *path, bool on)
{
	_cleanup_close_ int fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[32];
	int r;

	if (fd < 0)
		return storm_warn(path, "open", errno);
	if (on)
		(void)snprintf(text, sizeof(text), "%zu", s->limit);
	else
		(void)snprintf(text, sizeof(text), "%s", s->v1 ? "-1" : "max");
	r = write_limits(s, fd, on, text);
	if (r == 0 && s->group > 0)
		r = tool_write(fd, "memory.oom.group", on ? "1" : "0");
	return r < 0 ? storm_warn(path, on ? "cannot set the limit" : "cannot take the limit off",
				  -r)
		     : 0;
}

/*
 * From 6.19 on a task leaves its cgroup only when it was last switched out, which is after its
 * parent can reap it. Later kernels wait for that in rmdir; at first it was EBUSY for a moment.
 */
static int remove_level(const struct storm *s, const char *path)
{
	uint64_t end = 0;

	while (unlinkat(s->dir_fd, path, AT_REMOVEDIR) < 0) {
		if (errno != EBUSY)
			return storm_warn(path, "rmdir", errno);
		if (end == 0)
			end = clock_boottime_ns() + BUSY_NS;
		if (clock_boottime_ns() >= end)
			return storm_warn(path, "rmdir", EBUSY);
		(void)sched_yield();
	}
	return 0;
}

int cell_remove(const struct storm *s, const char *path)
{
	char level[CELL_PATH_MAX];
	char *slash;

	(void)snprintf(level, sizeof(level), "%s", path);
	for (;;) {
		if (remove_level(s, level) < 0)
			return -1;
		slash = strrchr(level, '/');
		if (!slash)
			return 0;
		*slash = '\0';
	}
}

static void cells_add(struct storm *s, const char *path)
{
	/* Grows at each power of two. */
	if ((s->cells_n & (s->cells_n - 1)) == 0)
		s->cells =
			reallocarray(s->cells, s->cells_n ? 2 * s->cells_n : 1, sizeof(*s->cells));
	if (!s->cells || !(s->cells[s->cells_n++] = strdup(path)))
		tool_die("out of memory");
}

static void find_below(struct storm *s, const char *path)
{
	int fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	char below[CELL_PATH_MAX];
	bool leaf = true;

	if (!dir)
		tool_die("%s: %s", path, strerror(errno));
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		leaf = false;
		if (snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) >=
		    (int)sizeof(below))
			tool_die("%s: too deep", path);
		find_below(s, below);
	}
	closedir(dir);
	if (leaf)
		cells_add(s, path);
}

void cells_find(struct storm *s)
{
	find_below(s, ".");
	if (s->cells_n == 1 && strcmp(s->cells[0], ".") == 0)
		tool_die("%s: no cgroups below it", s->dir);
	/* Names are as below the folder, without the "./". */
	for (size_t i = 0; i < s->cells_n; i++)
		memmove(s->cells[i], s->cells[i] + 2, strlen(s->cells[i] + 2) + 1);
}

void cells_make(struct storm *s)
{
	char name[32], path[CELL_PATH_MAX];

	for (unsigned i = 0; i < s->pool; i++) {
		(void)snprintf(name, sizeof(name), "pool%u", i);
		cell_path(s, name, path);
		if (cell_make(s, path) < 0)
			exit(1);
		cells_add(s, path);
	}
}
