/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digits.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc_cgroup.h"
#include "base/text_file.h"
#include "source/host_impl.h"

#define PROC_CGROUP_MAX (1U << 20) /* some 16 hierarchies, each path at most PATH_MAX */

#define PROC_STAT_MAX 65536U
#define PF_EXITING 4U /* include/linux/sched.h; field 9 of /proc/PID/stat shows it */

/* The first cgroup namespace always has this inode number (PROC_CGROUP_INIT_INO) */
#define INIT_CGROUP_NS UINT64_C(0xEFFFFFFB)

static int look_at_namespace(const char *proc, bool *ret)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/self/ns/cgroup", proc) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	/* Without the file the kernel knows no cgroup namespaces. */
	*ret = stat(path, &st) == 0 && st.st_ino != INIT_CGROUP_NS;
	return 0;
}

static struct cgroup_host host_steal(struct cgroup_host *host)
{
	struct cgroup_host stolen = *host;

	*host = (struct cgroup_host)CGROUP_HOST_NULL;
	return stolen;
}

int cgroup_host_open(struct cgroup_host *ret, const char *proc)
{
	_cleanup_host_ struct cgroup_host host = CGROUP_HOST_NULL;
	_cleanup_table_ struct mount_table t = { 0 };
	int r, denied = 0;

	r = mount_table_read(&t, proc);
	if (r < 0)
		return r == -ENOENT ? HOST_E_NO_PROC : r;
	if (t.n == 0)
		return HOST_E_NO_CGROUPS;
	host.proc = strdup(proc);
	if (!host.proc)
		return -ENOMEM;
	r = look_at_namespace(proc, &host.namespaced);
	if (r < 0)
		return r;
	r = mount_open(&host.v2, &t, MOUNT_V2);
	if (r == 0 || r == -EACCES || r == -EPERM) {
		denied = r;
		r = mount_open(&host.v1, &t, MOUNT_V1_MEMORY);
	}
	if (r == -EACCES || r == -EPERM)
		denied = r;
	else if (r < 0)
		return r;
	if (denied < 0 && !cgroup_host_memory(&host, NULL))
		return denied;

	*ret = host_steal(&host);
	return 0;
}

int cgroup_host_open_fake(struct cgroup_host *ret, const char *dir, enum hierarchy h)
{
	_cleanup_host_ struct cgroup_host host = CGROUP_HOST_NULL;
	struct cgroup_mount *m = h == HIERARCHY_V2 ? &host.v2 : &host.v1; /* mount_of() is const */
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return errno_neg();
	m->where = realpath(dir, NULL);
	if (!m->where)
		return errno_neg();
	m->root_fd = fd_steal(&fd);
	m->root = strdup("/");
	host.proc = strdup("/proc");
	if (!m->root || !host.proc)
		return -ENOMEM;
	m->has_memory = true;
	m->real_root = faccessat(m->root_fd, "memory.events", F_OK, 0) < 0;
	m->dev = st.st_dev;
	host.fake = true;

	*ret = host_steal(&host);
	return 0;
}

void cgroup_host_close(struct cgroup_host *host)
{
	if (!host)
		return;
	mount_close(&host->v1);
	mount_close(&host->v2);
	free(host->proc);
	*host = (struct cgroup_host)CGROUP_HOST_NULL;
}

void cgroup_at_close(struct cgroup_at *at)
{
	if (!at)
		return;
	if (at->path)
		(void)fd_close(at->fd);
	free(at->path);
	*at = (struct cgroup_at)CGROUP_AT_NULL;
}

const struct cgroup_mount *cgroup_host_memory(const struct cgroup_host *host,
					      enum hierarchy *ret_hierarchy)
{
	enum hierarchy h = HIERARCHY_NONE;

	if (host->v2.where && host->v2.has_memory)
		h = HIERARCHY_V2;
	else if (host->v1.where && host->v1.has_memory)
		h = HIERARCHY_V1;
	if (ret_hierarchy)
		*ret_hierarchy = h;
	if (h == HIERARCHY_NONE)
		return NULL;
	return mount_of(host, h);
}

static int open_error(int r)
{
	if (r == -ENOENT || r == -ESRCH) /* ESRCH: it ended while its file was read */
		return HOST_E_NO_SUCH_PROCESS;
	if (r == -EACCES || r == -EPERM)
		return HOST_E_NO_PERMISSION;
	return r;
}

/*
 * On v1 the kernel shows "/" for a task that has begun to exit, wherever it was
 * (proc_cgroup_show()). Returns 1 if @who is one, 0, or -ENOMEM.
 */
static int is_exiting(const struct cgroup_host *host, const char *who)
{
	_cleanup_free_ char *file = NULL, *text = NULL;
	const char *p;
	int r;

	if (asprintf(&file, "%s/%s/stat", host->proc, who) < 0) {
		file = NULL;
		return -ENOMEM;
	}
	r = text_file_read(AT_FDCWD, file, PROC_STAT_MAX, &text, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : r == -ENOENT || r == -ESRCH;
	p = strrchr(text, ')'); /* a task may have any name, but it ends here */
	for (int field = 2; p && field < 9; field++)
		p = strchr(p + 1, ' ');
	return p && (strtoul(p, NULL, 10) & PF_EXITING) != 0;
}

/*
 * The cgroup of the process @who ("self" or a number), and @below from there.
 *
 * " (deleted)" at the end of the path is taken for a part of the name only if there is a cgroup of
 * that name; the one without it would be another cgroup, made anew.
 */
static int resolve_process(const struct cgroup_host *host, const char *who, const char *below,
			   struct cgroup_at *ret)
{
	_cleanup_free_ char *file = NULL, *text = NULL, *own = NULL, *found = NULL, *path = NULL;
	enum hierarchy h;
	const struct cgroup_mount *m = cgroup_host_memory(host, &h);
	struct proc_cgroup pc;
	const char *rest;
	unsigned unknown;
	int r;

	if (asprintf(&file, "%s/%s/cgroup", host->proc, who) < 0) {
		file = NULL;
		return -ENOMEM;
	}
	r = text_file_read(AT_FDCWD, file, PROC_CGROUP_MAX, &text, NULL);
	if (r < 0)
		return open_error(r);
	r = proc_cgroup_find(text, h == HIERARCHY_V1 ? "memory" : NULL, &pc);
	if (r != 0)
		return r < 0 ? r : HOST_E_NO_MEMORY;
	own = strndup(pc.path, pc.len);
	if (!own)
		return -ENOMEM;
	if (h == HIERARCHY_V1 && strcmp(own, "/") == 0 && (r = is_exiting(host, who)) != 0)
		return r < 0 ? r : HOST_E_NO_SUCH_PROCESS;
	if (path_from_root(own, m->root, &unknown, &rest) != 0)
		return HOST_E_OTHER_MOUNT;
	if (unknown > 0) {
		char tid[16];

		snprintf(tid, sizeof(tid), "%d", getpid());
		r = search_task(host, h, unknown, rest, strcmp(who, "self") == 0 ? tid : who,
				&found);
		if (r != 0)
			return r;
		rest = found;
	}
	path = path_join(rest, below);
	if (!path)
		return -ENOMEM;
	return dir_open_cgroup(host, h, &path, ret);
}

/*
 * Is @name `self` or `pid:N`, alone or with a path below? Returns 1 with the entry of /proc in @who
 * and the rest, 0, or -1 for a "pid:" without the number of a process.
 */
static int parse_process(const char *name, char *who, size_t who_size, const char **ret_below)
{
	size_t n = strcspn(name, "/");
	const char *end;
	uint64_t pid;

	*ret_below = name + n;
	if (n == strlen("self") && strncmp(name, "self", n) == 0) {
		snprintf(who, who_size, "self");
		return 1;
	}
	if (strncmp(name, "pid:", 4) != 0)
		return 0;
	if (digits_parse(name + 4, INT_MAX, &pid, &end) != 0 || end != name + n || pid == 0)
		return -1;
	snprintf(who, who_size, "%d", (int)pid);
	return 1;
}

static int resolve_path(const struct cgroup_host *host, const char *name, struct cgroup_at *ret)
{
	_cleanup_free_ char *path = path_join(NULL, name);
	enum hierarchy h;

	(void)cgroup_host_memory(host, &h);
	return path ? dir_open_cgroup(host, h, &path, ret) : -ENOMEM;
}

/* "./a", "../a", ".", "..": means a directory, whatever the hierarchy holds. */
static bool is_relative(const char *name)
{
	size_t n = strcspn(name, "/");

	return n > 0 && n <= 2 && strncmp(name, "..", n) == 0;
}

/* A name that no cgroup directory could be found for: @error, unless it is a path from the root. */
static int resolve_no_directory(const struct cgroup_host *host, const char *name, int error,
				struct cgroup_at *ret)
{
	int r;

	if (is_relative(name))
		return error;
	r = resolve_path(host, name, ret);
	return r == HOST_E_NO_SUCH_CGROUP ? error : r;
}

static int resolve_directory(const struct cgroup_host *host, const char *name,
			     struct cgroup_at *ret)
{
	_cleanup_close_ int fd = dir_open_long(AT_FDCWD, name, O_PATH);

	switch (fd) {
	case -EACCES:
	case -EPERM:
		return resolve_no_directory(host, name, HOST_E_NO_PERMISSION, ret);
	case -ENOENT:
	case -ENOTDIR:
	case -ENODEV:
		return resolve_no_directory(host, name, HOST_E_NO_SUCH_CGROUP, ret);
	case -ELOOP:
		return resolve_no_directory(host, name, HOST_E_NOT_A_CGROUP, ret);
	case -ENAMETOOLONG:
		return resolve_no_directory(host, name, HOST_E_BAD_NAME, ret);
	default:
		if (fd < 0)
			return fd;
	}
	if (!dir_is_on_cgroupfs(host, fd))
		return resolve_no_directory(host, name, HOST_E_NOT_A_CGROUP, ret);
	return cgroup_host_find(host, fd, ret);
}

int cgroup_host_look(const struct cgroup_host *host, int fd, struct cgroup_at *ret)
{
	enum hierarchy h;
	const struct cgroup_mount *m = cgroup_host_memory(host, &h);
	struct stat st;

	if (!m)
		return HOST_E_NO_MEMORY;
	if (fstat(fd, &st) < 0)
		return errno_neg();
	if (!S_ISDIR(st.st_mode) || !dir_is_on_cgroupfs(host, fd))
		return HOST_E_NOT_A_CGROUP;
	if (st.st_dev != m->dev)
		return HOST_E_WRONG_HIERARCHY;
	*ret = (struct cgroup_at){ .hierarchy = h, .fd = fd, .id = st.st_ino };
	return 0;
}

int cgroup_host_find(const struct cgroup_host *host, int fd, struct cgroup_at *ret)
{
	struct cgroup_at seen = CGROUP_AT_NULL;
	int r = cgroup_host_look(host, fd, &seen);

	return r != 0 ? r : dir_find_cgroup(host, seen.hierarchy, fd, ret);
}

int cgroup_host_resolve(const struct cgroup_host *host, const char *name, struct cgroup_at *ret)
{
	const char *below;
	char who[16];
	int r;

	if (!cgroup_host_memory(host, NULL))
		return HOST_E_NO_MEMORY;
	if (*name == '\0')
		return HOST_E_BAD_NAME;
	r = parse_process(name, who, sizeof(who), &below);
	if (r < 0)
		return HOST_E_BAD_NAME;
	if (r > 0)
		return resolve_process(host, who, below, ret);
	if (is_relative(name) || strchr(name, '/'))
		return resolve_directory(host, name, ret);
	return resolve_path(host, name, ret);
}

int cgroup_host_root(const struct cgroup_host *host, struct cgroup_at *ret)
{
	if (!cgroup_host_memory(host, NULL))
		return HOST_E_NO_MEMORY;
	return resolve_path(host, "/", ret);
}

/* Has the cgroup been removed? An open directory of it is empty then. */
static bool is_removed(const struct cgroup_host *host, int fd)
{
	return !host->fake && faccessat(fd, "cgroup.procs", F_OK, 0) < 0 && errno == ENOENT;
}

/* Climbs from @up to where @file is. Returns 0, HOST_E_NO_MEMORY, or a negated errno. */
static int climb_to(struct cgroup_at *up, const char *file)
{
	while (faccessat(up->fd, file, F_OK, 0) < 0) {
		size_t n = path_parent_len(up->path);
		int parent;

		if (errno == EACCES || errno == EPERM)
			return errno_neg();
		if (n == 0)
			return HOST_E_NO_MEMORY;
		parent = openat(up->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (parent < 0)
			return errno_neg();
		(void)fd_close(up->fd);
		up->fd = parent;
		up->path[n] = '\0';
	}
	return 0;
}

int cgroup_host_nearest_memory(const struct cgroup_host *host, const struct cgroup_at *at,
			       struct cgroup_at *ret)
{
	const char *file = at->hierarchy == HIERARCHY_V2 ? "memory.events" : "memory.oom_control";
	_cleanup_at_ struct cgroup_at up = CGROUP_AT_NULL;
	struct stat st;
	int r;

	up.path = strdup(at->path);
	if (!up.path)
		return -ENOMEM;
	up.hierarchy = at->hierarchy;
	up.fd = openat(at->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = up.fd < 0 ? errno_neg() : climb_to(&up, file);
	/* A removed cgroup has no memory files either: asked last, since it may have gone meanwhile. */
	if (r == -ENOENT || r == -ENODEV || is_removed(host, at->fd))
		return HOST_E_NO_SUCH_CGROUP;
	if (r == -EACCES || r == -EPERM)
		return HOST_E_NO_PERMISSION;
	if (r != 0)
		return r;
	if (fstat(up.fd, &st) < 0)
		return errno_neg();
	up.id = st.st_ino;
	*ret = cgroup_at_steal(&up);
	return 0;
}

int cgroup_host_local_events(const struct cgroup_host *host, bool *ret)
{
	_cleanup_table_ struct mount_table t = { 0 };
	int r;

	if (host->fake) {
		*ret = host->v2.local_events;
		return 0;
	}
	r = mount_table_read(&t, host->proc);
	if (r < 0)
		return r;
	*ret = false;
	for (size_t i = 0; i < t.n; i++)
		if (mount_kind(&t.entries[i]) == MOUNT_V2)
			*ret |= mountinfo_has_option(t.entries[i].super_options,
						     "memory_localevents");
	return 0;
}

uint64_t cgroup_mount_root_id(const struct cgroup_mount *m)
{
	struct stat st;

	return fstat(m->root_fd, &st) < 0 ? 0 : st.st_ino;
}

bool cgroup_mount_lacks(const struct cgroup_mount *m, const char *path, uint64_t id)
{
	struct stat st;

	while (*path == '/')
		path++;
	if (fstatat(m->root_fd, path, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR;
	return st.st_ino != id;
}
