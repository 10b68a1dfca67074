/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cgroups whose path is known but for its first names
 *
 * A cgroup namespace does not show the names above its root. If the mount at hand was made outside of
 * it, they are found by looking: so many levels down, a cgroup that has the rest of the path below it,
 * and there the task or the inode number in question.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text_file.h"
#include "source/host_impl.h"

#define TASKS_MAX (64U << 20) /* 4 million threads, the kernel's most, take 32 MiB */

struct search {
	const char *rest;
	const char
		*tasks; /* "tasks", "cgroup.threads": looked for is a task; NULL: an inode number */
	const char *tid;
	uint64_t ino;
};

static bool is_fatal(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

static int holds_task(int fd, const char *tasks, const char *tid)
{
	_cleanup_free_ char *text = NULL;
	size_t n = strlen(tid);
	int r = text_file_read(fd, tasks, TASKS_MAX, &text, NULL);

	if (r < 0)
		return is_fatal(r) ? r : 0;
	for (const char *p = text; *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");

		if (len == n && strncmp(p, tid, n) == 0)
			return 1;
		p += len;
	}
	return 0;
}

/* Is it at `rest` below @fd? Returns 1, 0, or a negated errno. */
static int is_there(const struct search *s, int fd)
{
	_cleanup_close_ int at =
		dir_open_long(fd, *s->rest ? s->rest + 1 : ".", O_PATH | O_DIRECTORY);
	struct stat st;

	if (at < 0)
		return is_fatal(at) ? at : 0;
	if (s->tasks)
		return holds_task(at, s->tasks, s->tid);
	return fstat(at, &st) == 0 && st.st_ino == s->ino;
}

/* Depth first, @levels down. Returns 1 and the path below @path, 0, or a negated errno. */
static int search(const struct search *s, int fd, const char *path, unsigned levels, char **ret)
{
	_cleanup_(dir_closep) DIR *d = NULL;
	_cleanup_close_ int own = -1;
	const struct dirent *e;
	int r;

	if (levels == 0) {
		r = is_there(s, fd);
		if (r <= 0)
			return r;
		*ret = path_join(path, s->rest);
		return *ret ? 1 : -ENOMEM;
	}
	own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = own >= 0 ? fdopendir(own) : NULL;
	if (!d) {
		r = errno_neg();
		return is_fatal(r) ? r : 0;
	}
	own = -1;
	while ((e = readdir(d))) {
		_cleanup_free_ char *below = NULL;
		_cleanup_close_ int child = -1;

		if (e->d_type != DT_DIR || strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		child = openat(fd, e->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (child < 0) {
			r = errno_neg();
			if (is_fatal(r))
				return r;
			continue;
		}
		below = path_join(path, e->d_name);
		if (!below)
			return -ENOMEM;
		r = search(s, child, below, levels - 1, ret);
		if (r != 0)
			return r;
	}
	return 0;
}

static int search_from_root(const struct cgroup_host *host, enum hierarchy h, unsigned levels,
			    const struct search *s, char **ret)
{
	int r = search(s, mount_of(host, h)->root_fd, NULL, levels, ret);

	if (r == 0)
		return HOST_E_NO_SUCH_CGROUP;
	return r > 0 ? 0 : r;
}

int search_task(const struct cgroup_host *host, enum hierarchy h, unsigned levels, const char *rest,
		const char *tid, char **ret)
{
	const struct search s = { .rest = rest,
				  .tasks = h == HIERARCHY_V2 ? "cgroup.threads" : "tasks",
				  .tid = tid };

	return search_from_root(host, h, levels, &s, ret);
}

int search_inode(const struct cgroup_host *host, enum hierarchy h, unsigned levels,
		 const char *rest, uint64_t ino, char **ret)
{
	const struct search s = { .rest = rest, .ino = ino };

	return search_from_root(host, h, levels, &s, ret);
}
