/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a directory to a cgroup's path and back
 *
 * A cgroup is known by the device and inode number of its directory: whatever way a path was found,
 * it counts only if it leads from the host's mount to that very directory.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "source/host_impl.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

void dir_closep(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

const struct cgroup_mount *mount_of(const struct cgroup_host *host, enum hierarchy h)
{
	return h == HIERARCHY_V2 ? &host->v2 : &host->v1;
}

int dir_open_long(int dirfd, const char *path, int flags)
{
	_cleanup_close_ int held = -1; /* the last step's directory */
	char step[PATH_MAX];
	int fd;

	while (strlen(path) >= sizeof(step)) {
		size_t n = sizeof(step) - 1;

		while (n > 0 && path[n] != '/')
			n--;
		if (n == 0)
			return -ENAMETOOLONG;
		memcpy(step, path, n);
		step[n] = '\0';
		fd = openat(held >= 0 ? held : dirfd, step, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return errno_neg();
		(void)fd_close(held);
		held = fd;
		path += n;
		path += strspn(path, "/");
	}
	fd = openat(held >= 0 ? held : dirfd, *path ? path : ".", flags | O_CLOEXEC);
	return fd >= 0 ? fd : errno_neg();
}

static int open_error(int r)
{
	switch (r) {
	case -ENOENT:
	case -ENODEV: /* removed while it was opened */
		return HOST_E_NO_SUCH_CGROUP;
	case -ENOTDIR:
	case -ELOOP: /* a symbolic link, which a cgroup file system has none of */
		return HOST_E_NOT_A_CGROUP;
	case -EACCES:
	case -EPERM:
		return HOST_E_NO_PERMISSION;
	case -ENAMETOOLONG:
		return HOST_E_BAD_NAME;
	default:
		return r;
	}
}

int dir_open_cgroup(const struct cgroup_host *host, enum hierarchy h, char **path,
		    struct cgroup_at *ret)
{
	const struct cgroup_mount *m = mount_of(host, h);
	_cleanup_close_ int fd = -1;
	struct stat st;

	fd = dir_open_long(m->root_fd, *path + 1, DIR_FLAGS | O_NOFOLLOW);
	if (fd < 0)
		return open_error(fd);
	if (fstat(fd, &st) < 0)
		return errno_neg();
	if (st.st_dev != m->dev) /* something else is mounted there */
		return HOST_E_NOT_A_CGROUP;
	*ret = (struct cgroup_at){
		.hierarchy = h, .fd = fd_steal(&fd), .path = ptr_steal(path), .id = st.st_ino
	};
	return 0;
}

bool dir_is_on_cgroupfs(const struct cgroup_host *host, int fd)
{
	struct statfs fs;

	if (host->fake) {
		const struct cgroup_mount *m = cgroup_host_memory(host, NULL);
		char link[64], path[PATH_MAX];
		size_t n = strlen(m->where);
		ssize_t len;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		len = readlink(link, path, sizeof(path) - 1);
		if (len < 0)
			return false;
		path[len] = '\0';
		return strncmp(path, m->where, n) == 0 && (path[n] == '/' || path[n] == '\0');
	}
	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC);
}

/* What leads from the mount point @where to the directory @fd on that mount; NULL: not to be told. */
static int path_on_mount(int fd, const char *where, char **ret)
{
	size_t n = strcmp(where, "/") == 0 ? 0 : strlen(where);
	char link[64], path[PATH_MAX];
	ssize_t len;
	char *rest;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0 && errno != ENAMETOOLONG)
		return errno_neg();
	*ret = NULL;
	if (len < 0 || (size_t)len == sizeof(path) - 1)
		return 0;
	path[len] = '\0';
	if (strncmp(path, where, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return 0;
	rest = strdup(path + n);
	if (!rest)
		return -ENOMEM;
	*ret = rest;
	return 0;
}

/*
 * The path of @fd below the host's mount, by the mount that @fd is on: its line in mountinfo says which
 * directory of the hierarchy its mount point shows. *@ret is NULL if this way tells nothing: the mount
 * is another mount namespace's, or above this cgroup namespace, or the path is too long to be read.
 */
static int path_by_mount(const struct cgroup_host *host, enum hierarchy h, int fd, uint64_t ino,
			 char **ret)
{
	_cleanup_table_ struct mount_table t = { 0 };
	_cleanup_free_ char *below = NULL, *full = NULL;
	const struct mountinfo *on = NULL;
	const char *rest;
	unsigned unknown;
	uint64_t id;
	int r;

	*ret = NULL;
	if (host->fake) {
		r = path_on_mount(fd, mount_of(host, h)->where, &below);
		if (r < 0 || !below)
			return r;
		*ret = path_join(NULL, below);
		return *ret ? 0 : -ENOMEM;
	}
	if (!mount_id(fd, &id))
		return 0;
	r = mount_table_read(&t, host->proc);
	if (r < 0)
		return r;
	for (size_t i = 0; i < t.n && !on; i++)
		if (t.entries[i].id == id)
			on = &t.entries[i];
	if (!on)
		return 0;
	r = path_on_mount(fd, on->where, &below);
	if (r < 0 || !below)
		return r;
	if (asprintf(&full, "%s%s", on->root, below) < 0) {
		full = NULL;
		return -ENOMEM;
	}
	if (path_from_root(full, mount_of(host, h)->root, &unknown, &rest) != 0)
		return 0;
	if (unknown > 0) {
		r = search_inode(host, h, unknown, rest, ino, ret);
		return r < 0 ? r : 0;
	}
	*ret = path_join(NULL, rest);
	return *ret ? 0 : -ENOMEM;
}

/* The name that the directory with inode number @ino has in the directory @fd. */
static int name_of(int fd, uint64_t ino, char **ret)
{
	_cleanup_(dir_closep) DIR *d = NULL;
	_cleanup_close_ int own = openat(fd, ".", DIR_FLAGS);
	const struct dirent *e;

	if (own < 0)
		return open_error(errno_neg());
	d = fdopendir(own);
	if (!d)
		return errno_neg();
	own = -1;
	for (errno = 0; (e = readdir(d)); errno = 0) {
		if (e->d_ino != ino || strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		*ret = strdup(e->d_name);
		return *ret ? 0 : -ENOMEM;
	}
	return errno > 0 ? errno_neg() : HOST_E_NO_SUCH_CGROUP;
}

/* The same by going up to the host's root and looking for the name of each step. */
static int path_by_climbing(const struct cgroup_mount *m, int fd, char **ret)
{
	_cleanup_free_ char *path = strdup("");
	_cleanup_close_ int at = -1;
	struct stat root, st, up;
	int r;

	if (!path)
		return -ENOMEM;
	if (fstat(m->root_fd, &root) < 0 || fstat(fd, &st) < 0)
		return errno_neg();
	at = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return open_error(errno_neg());
	while (st.st_ino != root.st_ino) {
		_cleanup_free_ char *name = NULL;
		_cleanup_close_ int parent = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		char *longer;

		if (parent < 0)
			return open_error(errno_neg());
		if (fstat(parent, &up) < 0)
			return errno_neg();
		if (up.st_dev != m->dev || up.st_ino == st.st_ino)
			return HOST_E_OTHER_MOUNT;
		r = name_of(parent, st.st_ino, &name);
		if (r != 0)
			return r;
		if (asprintf(&longer, "/%s%s", name, path) < 0)
			return -ENOMEM;
		free(path);
		path = longer;
		(void)fd_close(at);
		at = fd_steal(&parent);
		st = up;
	}
	*ret = path_join(NULL, path);
	return *ret ? 0 : -ENOMEM;
}

/* Opens @path, which counts only if it is the directory with inode number @ino. */
static int open_same(const struct cgroup_host *host, enum hierarchy h, char **path, uint64_t ino,
		     struct cgroup_at *ret)
{
	_cleanup_at_ struct cgroup_at at = CGROUP_AT_NULL;
	int r = dir_open_cgroup(host, h, path, &at);

	if (r != 0)
		return r;
	if (at.id != ino)
		return HOST_E_NO_SUCH_CGROUP;
	*ret = cgroup_at_steal(&at);
	return 0;
}

int dir_find_cgroup(const struct cgroup_host *host, enum hierarchy h, int fd, struct cgroup_at *ret)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return errno_neg();
	r = path_by_mount(host, h, fd, st.st_ino, &path);
	if (r != 0)
		return r;
	if (path)
		return open_same(host, h, &path, st.st_ino, ret);
	r = path_by_climbing(mount_of(host, h), fd, &path);
	if (r != 0)
		return r;
	assert(path);
	return open_same(host, h, &path, st.st_ino, ret);
}
