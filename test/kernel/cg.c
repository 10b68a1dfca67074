/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scratch cgroups and their files, always reached through the directory descriptor that is held.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/flat_keyed.h"
#include "kf.h"

#define TEXT_MAX 16384 /* /proc/vmstat is the longest, about 4 KB */

void cg_make(const struct cg *parent, const char *name, struct cg *ret)
{
	int n;

	CHECK(mkdirat(parent->fd, name, 0755) == 0, "mkdir %s/%s: %m", parent->path, name);
	n = snprintf(ret->path, sizeof(ret->path), "%s/%s", parent->path, name);
	CHECK(n > 0 && (size_t)n < sizeof(ret->path), "path is too long: %s", name);
	ret->fd = openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(ret->fd >= 0, "open %s: %m", ret->path);
}

void cg_make_inner(const struct kf *kf, const struct cg *parent, const char *name, struct cg *ret)
{
	cg_make(parent, name, ret);
	if (kf->v2)
		cg_write(ret, "cgroup.subtree_control", "+memory");
}

void cg_remove(const struct cg *parent, const char *name)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	uint64_t end = now_us() + KF_SOON_MS * UINT64_C(1000);

	while (unlinkat(parent->fd, name, AT_REMOVEDIR) != 0) {
		CHECK(errno == EBUSY && now_us() < end, "rmdir %s/%s: %m", parent->path, name);
		nanosleep(&pause, NULL);
	}
}

bool cg_has(const struct cg *c, const char *file)
{
	return faccessat(c->fd, file, F_OK, 0) == 0;
}

int cg_open(const struct cg *c, const char *file, int flags)
{
	int fd = openat(c->fd, file, flags | O_CLOEXEC);

	CHECK(fd >= 0, "open %s/%s: %m", c->path, file);
	return fd;
}

int cg_try_write(const struct cg *c, const char *file, const char *text)
{
	_cleanup_close_ int fd = openat(c->fd, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

void cg_write(const struct cg *c, const char *file, const char *text)
{
	int r = cg_try_write(c, file, text);

	CHECK(r == 0, "write '%s' to %s/%s: %s", text, c->path, file, strerror(-r));
}

void cg_limit(const struct kf *kf, const struct cg *c, size_t bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%zu", bytes);
	cg_write(c, kf->v2 ? "memory.max" : "memory.limit_in_bytes", text);
}

ssize_t fd_text(int fd, char *buf, size_t size)
{
	ssize_t n, sum = 0;

	do {
		n = pread(fd, buf + sum, size - 1 - (size_t)sum, sum);
		if (n < 0)
			return -errno;
		sum += n;
	} while (n > 0 && (size_t)sum < size - 1);
	buf[sum] = '\0';
	return sum;
}

static uint64_t text_key(const char *text, const char *key)
{
	uint64_t v = 0;
	int r = flat_keyed_u64(text, key, &v);

	CHECK(r == 0, "no number for the key %s in '%s'", key, text);
	return v;
}

void fd_keys(int fd, const char *key1, uint64_t *ret1, const char *key2, uint64_t *ret2)
{
	char text[TEXT_MAX];
	ssize_t n = fd_text(fd, text, sizeof(text));

	CHECK(n >= 0, "read: %s", strerror((int)-n));
	*ret1 = text_key(text, key1);
	*ret2 = text_key(text, key2);
}

uint64_t fd_key(int fd, const char *key)
{
	uint64_t v, same;

	fd_keys(fd, key, &v, key, &same);
	return v;
}

uint64_t cg_key(const struct cg *c, const char *file, const char *key)
{
	_cleanup_close_ int fd = cg_open(c, file, O_RDONLY);

	return fd_key(fd, key);
}

bool cg_has_key(const struct cg *c, const char *file, const char *key)
{
	_cleanup_close_ int fd = cg_open(c, file, O_RDONLY);
	char text[TEXT_MAX];
	uint64_t v;
	ssize_t n;

	n = fd_text(fd, text, sizeof(text));
	CHECK(n >= 0, "read %s/%s: %s", c->path, file, strerror((int)-n));
	return flat_keyed_u64(text, key, &v) == 0;
}

uint64_t cg_local(const struct kf *kf, const struct cg *c, const char *key)
{
	return cg_key(c, kf->v2 ? "memory.events.local" : "memory.oom_control", key);
}

uint64_t fd_inode(int fd)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0, "fstat: %m");
	return st.st_ino;
}

uint64_t cg_inode(const struct cg *c, const char *file)
{
	struct stat st;

	CHECK(fstatat(c->fd, file, &st, 0) == 0, "stat %s/%s: %m", c->path, file);
	return st.st_ino;
}

uint64_t vmstat_key(const char *key)
{
	_cleanup_close_ int fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0, "open /proc/vmstat: %m");
	return fd_key(fd, key);
}
