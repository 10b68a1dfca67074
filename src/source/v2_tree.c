/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/v2_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/flat_keyed.h"
#include "base/text_file.h"
#include "base/words.h"
#include "source/counter_file.h"

#define LIST_BUFFER 32768
#define CONTROL_MAX 4096

int v2_tree_trouble(int err)
{
	switch (err) {
	case ENOENT:  /* removed, or the file is not there: memory is switched off */
	case ENODEV:  /* removed while open */
	case ENOTDIR: /* a cgroup that became a file is none */
		return TREE_E_GONE;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return TREE_E_BUSY;
	case EACCES:
	case EPERM:
		return TREE_E_DENIED;
	default:
		return -err;
	}
}

int v2_tree_open(int root_fd, const char *path, uint64_t id, int *ret)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	while (*path == '/')
		path++;
	fd = openat(root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return v2_tree_trouble(errno);
	if (id != 0) {
		if (fstat(fd, &st) < 0)
			return v2_tree_trouble(errno);
		if (st.st_ino != id)
			return TREE_E_GONE;
	}
	*ret = fd_steal(&fd);
	return 0;
}

int memory_events_parse(const char *text, struct reading *ret)
{
	struct reading rd = { 0 };
	int r;

	/* Without `oom` and `oom_kill` (4.13) this is no memory.events. */
	r = flat_keyed_u64(text, "oom", &rd.counts.n[EVENT_OOM]);
	if (r == 0)
		r = flat_keyed_u64(text, "oom_kill", &rd.counts.n[EVENT_KILL]);
	if (r != 0)
		return -EBADMSG;
	r = flat_keyed_u64(text, "oom_group_kill", &rd.counts.n[EVENT_GROUP_KILL]);
	if (r < 0)
		return -EBADMSG;
	rd.no_group_count = r == FLAT_KEYED_E_NO_KEY;
	*ret = rd;
	return 0;
}

/* A top's handle becomes a descriptor in @ret_own, to be closed by the caller; others pass as they are. */
static int resolve_dir(const struct v2_tree *t, int dir, int *ret_fd, int *ret_own)
{
	const char *path;
	uint64_t id;
	int r;

	if (dir >= 0) {
		*ret_fd = dir;
		return 0;
	}
	if (!t->top(t->top_ctx, (unsigned)(-2 - dir), &path, &id))
		return TREE_E_GONE;
	r = v2_tree_open(t->root_fd, path, id, ret_own);
	if (r == 0)
		*ret_fd = *ret_own;
	return r;
}

static int tree_open(void *ctx, int dir, const char *name, int *ret)
{
	_cleanup_close_ int own = -1;
	int fd = -1;
	int r;

	r = resolve_dir(ctx, dir, &fd, &own);
	if (r != 0)
		return r;
	r = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r < 0)
		return v2_tree_trouble(errno);
	*ret = r;
	return 0;
}

static void tree_close(void *ctx, int dir)
{
	(void)ctx;
	fd_close(dir);
}

static int read_text(int fd, struct reading *ret)
{
	char text[COUNTER_TEXT_MAX];
	int r = counter_file_read(fd, text, sizeof(text));

	return r < 0 ? v2_tree_trouble(-r) : memory_events_parse(text, ret);
}

/* Reads @file below @fd; the key is looked up where @need_key or something was counted. */
static int read_file(int fd, const char *file, bool need_key, struct reading *ret)
{
	_cleanup_close_ int events = openat(fd, file, O_RDONLY | O_CLOEXEC);
	struct reading rd;
	struct stat st;
	int r;

	if (events < 0)
		return v2_tree_trouble(errno);
	r = read_text(events, &rd);
	if (r != 0)
		return r;
	if (need_key || !counts_zero(&rd.counts)) {
		if (fstat(events, &st) < 0)
			return v2_tree_trouble(errno);
		rd.key = st.st_ino;
	}
	*ret = rd;
	return 0;
}

/* The same in the directory @fd itself, with its id. */
static int read_itself(int fd, const char *file, struct reading *ret)
{
	struct reading rd;
	struct stat st;
	int r = read_file(fd, file, true, &rd);

	if (r != 0)
		return r;
	if (fstat(fd, &st) < 0)
		return v2_tree_trouble(errno);
	rd.id = st.st_ino;
	*ret = rd;
	return 0;
}

static int tree_read(void *ctx, int dir, const char *name, struct reading *ret)
{
	const struct v2_tree *t = ctx;
	const char *file = t->flat ? "memory.events.local" : "memory.events";
	_cleanup_close_ int own = -1;
	char path[NAME_MAX + 1 + sizeof("memory.events.local")];
	int fd = -1;
	int r, n;

	r = resolve_dir(t, dir, &fd, &own);
	if (r != 0)
		return r;
	if (!name)
		return read_itself(fd, file, ret);
	n = snprintf(path, sizeof(path), "%s/%s", name, file);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	return read_file(fd, path, false, ret);
}

static int tree_read_local(void *ctx, int dir, struct counts *ret)
{
	_cleanup_close_ int own = -1;
	struct reading rd;
	int fd = -1;
	int r;

	r = resolve_dir(ctx, dir, &fd, &own);
	if (r == 0)
		r = read_file(fd, "memory.events.local", false, &rd);
	if (r == 0)
		*ret = rd.counts;
	return r;
}

static int tree_is_group(void *ctx, int dir, bool *ret)
{
	_cleanup_close_ int own = -1;
	_cleanup_close_ int file = -1;
	char text[8] = "";
	int fd = -1;
	int r;

	r = resolve_dir(ctx, dir, &fd, &own);
	if (r != 0)
		return r;
	file = openat(fd, "memory.oom.group", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return v2_tree_trouble(errno);
	if (pread(file, text, sizeof(text) - 1, 0) < 0)
		return v2_tree_trouble(errno);
	*ret = text[0] == '1';
	return 0;
}

int v2_tree_gives(int dir_fd, const char *name, bool *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t n = 0;
	int r = text_file_read(dir_fd, "cgroup.subtree_control", CONTROL_MAX, &text, &n);

	if (r < 0)
		return v2_tree_trouble(-r);
	*ret = words_have(text, n, " \n", name);
	return 0;
}

static int tree_gives_memory(void *ctx, int dir, bool *ret)
{
	_cleanup_close_ int own = -1;
	int fd = -1;
	int r;

	r = resolve_dir(ctx, dir, &fd, &own);
	return r == 0 ? v2_tree_gives(fd, "memory", ret) : r;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* kernfs tells type and inode number in the listing: no stat() per child. */
static int list_fd(int fd, char *buffer, tree_each_fn each, void *arg)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return v2_tree_trouble(errno);
	for (;;) {
		long n = syscall(SYS_getdents64, fd, buffer, LIST_BUFFER);

		if (n < 0)
			return v2_tree_trouble(errno);
		if (n == 0)
			return 0;
		for (long at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(buffer + at);
			int r;

			at += e->d_reclen;
			if (e->d_type != DT_DIR || is_dots(e->d_name))
				continue;
			r = each(arg, e->d_name, e->d_ino);
			if (r != 0)
				return r;
		}
	}
}

static int tree_list(void *ctx, int dir, tree_each_fn each, void *arg)
{
	const struct v2_tree *t = ctx;
	_cleanup_free_ char *buffer = NULL;
	_cleanup_close_ int own = -1;
	int fd = -1;
	int r;

	if (t->flat)
		return 0;
	r = resolve_dir(t, dir, &fd, &own);
	if (r != 0)
		return r;
	buffer = malloc(LIST_BUFFER);
	if (!buffer)
		return TREE_E_BUSY;
	return list_fd(fd, buffer, each, arg);
}

const struct tree_ops v2_tree_ops = {
	.open = tree_open,
	.close = tree_close,
	.read = tree_read,
	.read_local = tree_read_local,
	.is_group = tree_is_group,
	.gives_memory = tree_gives_memory,
	.list = tree_list,
};
