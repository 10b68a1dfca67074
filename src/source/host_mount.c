/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's mounts
 *
 * The same hierarchy may be mounted many times: as a whole, as a subtree (a container's bind mount),
 * or from above this process's cgroup namespace ("/.."). Taken is the first of these that is really
 * there: the namespace's own root, from above it, the largest subtree; then the shallowest mount
 * point. If memory is not enabled for what it shows, one for which it is comes before it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text_file.h"
#include "base/words.h"
#include "source/host_impl.h"

#define MOUNTINFO_MAX (64U << 20) /* 100,000 mounts take about 15 MiB */
#define CONTROLLERS_MAX 65536U

#define REAL_ROOT_ID 1 /* kernfs gives the root of each hierarchy this inode number */

static bool is_cgroup(const struct mountinfo *m)
{
	return strcmp(m->type, "cgroup") == 0 || strcmp(m->type, "cgroup2") == 0;
}

enum mount_kind mount_kind(const struct mountinfo *m)
{
	if (strcmp(m->type, "cgroup2") == 0)
		return MOUNT_V2;
	return mountinfo_has_option(m->super_options, "memory") ? MOUNT_V1_MEMORY : MOUNT_V1_OTHER;
}

static unsigned depth(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += path[0] == '/' && path[1] != '\0' && path[1] != '/';
	return n;
}

/* 0: the namespace's root; 1: an ancestor of it; 2: a subtree; 3: a subtree outside of it. */
static unsigned root_class(const char *root)
{
	bool above = false;

	if (strcmp(root, "/") == 0)
		return 0;
	for (; strncmp(root, "/..", 3) == 0 && (root[3] == '/' || root[3] == '\0'); root += 3)
		above = true;
	if (*root == '\0')
		return 1;
	return above ? 3 : 2;
}

static int compare_unsigned(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_mounts(const void *pa, const void *pb)
{
	const struct mountinfo *a = pa, *b = pb;
	int r = compare_unsigned(mount_kind(a), mount_kind(b));

	if (r == 0)
		r = compare_unsigned(root_class(a->root), root_class(b->root));
	if (r == 0)
		r = compare_unsigned(depth(a->root), depth(b->root));
	if (r == 0)
		r = compare_unsigned(depth(a->where), depth(b->where));
	if (r == 0)
		r = compare_unsigned(a->id, b->id);
	return r;
}

int mount_table_parse(struct mount_table *ret, char *text)
{
	_cleanup_free_ struct mountinfo *entries = NULL;
	struct mountinfo m;
	char *cursor = text;
	size_t n = 0, size = 0;
	int r;

	/* A line that is none is some file system's broken option: the next one is fine again. */
	while ((r = mountinfo_next(&cursor, &m)) != 0) {
		if (r < 0 || !is_cgroup(&m))
			continue;
		if (n == size) {
			size_t grown = size > 0 ? 2 * size : 16;
			void *p = reallocarray(entries, grown, sizeof(*entries));

			if (!p)
				return -ENOMEM;
			entries = p;
			size = grown;
		}
		entries[n++] = m;
	}
	if (n > 0)
		qsort(entries, n, sizeof(*entries), compare_mounts);
	*ret = (struct mount_table){ .text = text, .entries = ptr_steal(&entries), .n = n };
	return 0;
}

int mount_table_read(struct mount_table *ret, const char *proc)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	int r;

	if (asprintf(&path, "%s/self/mountinfo", proc) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = text_file_read(AT_FDCWD, path, MOUNTINFO_MAX, &text, NULL);
	if (r < 0)
		return r;
	r = mount_table_parse(ret, text);
	if (r == 0)
		text = NULL;
	return r;
}

void mount_table_done(struct mount_table *t)
{
	free(t->text);
	free(t->entries);
	*t = (struct mount_table){ 0 };
}

bool mount_id(int fd, uint64_t *ret)
{
	struct statx sx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) < 0 || !(sx.stx_mask & STATX_MNT_ID))
		return false;
	*ret = sx.stx_mnt_id;
	return true;
}

/* Is the directory behind @fd the one that the line @m speaks of, or does another mount lie over it? */
static bool is_the_mount(int fd, const struct mountinfo *m, const struct stat *st)
{
	bool v2 = mount_kind(m) == MOUNT_V2;
	struct statfs fs;
	uint64_t id;

	if (fstatfs(fd, &fs) < 0 || fs.f_type != (v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC))
		return false;
	if (st->st_dev != makedev(m->major, m->minor))
		return false;
	return !mount_id(fd, &id) || id == m->id;
}

/* Whether the controllers that can be had at the root include memory. */
static int read_has_memory(int root_fd, bool *ret)
{
	_cleanup_free_ char *text = NULL;
	int r = text_file_read(root_fd, "cgroup.controllers", CONTROLLERS_MAX, &text, NULL);

	if (r == -ENOENT || r == -ENODEV) {
		*ret = false;
		return 0;
	}
	if (r < 0)
		return r;
	*ret = words_have(text, strlen(text), " \n", "memory");
	return 0;
}

static struct cgroup_mount mount_steal(struct cgroup_mount *m)
{
	struct cgroup_mount stolen = *m;

	*m = (struct cgroup_mount)CGROUP_MOUNT_NULL;
	return stolen;
}

static int mount_take(struct cgroup_mount *ret, int *fd, const struct mountinfo *m,
		      const struct stat *st)
{
	_cleanup_(mount_close) struct cgroup_mount cm = CGROUP_MOUNT_NULL;
	int r;

	cm.where = strdup(m->where);
	cm.root = strdup(m->root);
	if (!cm.where || !cm.root)
		return -ENOMEM;
	if (mount_kind(m) == MOUNT_V2) {
		r = read_has_memory(*fd, &cm.has_memory);
		if (r < 0)
			return r;
		cm.local_events = mountinfo_has_option(m->super_options, "memory_localevents");
	} else {
		cm.has_memory = mount_kind(m) == MOUNT_V1_MEMORY;
	}
	cm.real_root = st->st_ino == REAL_ROOT_ID;
	cm.dev = st->st_dev;
	cm.root_fd = fd_steal(fd);

	*ret = mount_steal(&cm);
	return 0;
}

/* Opens the mount of line @m. Returns 0, 1 if it is not there, or a negated errno. */
static int mount_try(struct cgroup_mount *ret, const struct mountinfo *m)
{
	_cleanup_close_ int fd = dir_open_long(AT_FDCWD, m->where, O_RDONLY | O_DIRECTORY);
	struct stat st;

	if (fd == -EACCES || fd == -EPERM || fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
		return fd;
	if (fd < 0 || fstat(fd, &st) < 0 || !is_the_mount(fd, m, &st))
		return 1;
	return mount_take(ret, &fd, m, &st);
}

int mount_open(struct cgroup_mount *ret, const struct mount_table *t, enum mount_kind kind)
{
	_cleanup_(mount_close) struct cgroup_mount first = CGROUP_MOUNT_NULL;
	int denied = 0;

	for (size_t i = 0; i < t->n; i++) {
		_cleanup_(mount_close) struct cgroup_mount cm = CGROUP_MOUNT_NULL;
		int r;

		if (mount_kind(&t->entries[i]) != kind)
			continue;
		r = mount_try(&cm, &t->entries[i]);
		if (r == -EACCES || r == -EPERM)
			denied = r;
		else if (r < 0)
			return r;
		if (r != 0)
			continue;
		/* Memory may not be enabled for what this mount shows, but for more of it, elsewhere. */
		if (cm.has_memory || !first.where) {
			bool enough = cm.has_memory;

			mount_close(&first);
			first = mount_steal(&cm);
			if (enough)
				break;
		}
	}
	if (!first.where)
		return denied;
	*ret = mount_steal(&first);
	return 0;
}

void mount_close(struct cgroup_mount *m)
{
	/* Without a mount point there is no mount, whatever root_fd says: it may be all zeroes. */
	if (m->where)
		(void)fd_close(m->root_fd);
	free(m->where);
	free(m->root);
	*m = (struct cgroup_mount)CGROUP_MOUNT_NULL;
}
