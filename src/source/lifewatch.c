/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/lifewatch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/err.h"
#include "base/fd.h"

/* inotify reports by watch descriptor; this finds whose it is. */
struct lifewatch_entry {
	int wd;
	struct lifewatch_parent *parent;
	UT_hash_handle hh;
};

int lifewatch_open(struct lifewatch *lw)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0)
		return errno_neg();
	lw->fd = fd;
	lw->entries = NULL;
	lw->pos = lw->len = 0;
	return 0;
}

static void forget(struct lifewatch *lw, int *wd)
{
	struct lifewatch_entry *e;

	HASH_FIND_INT(lw->entries, wd, e);
	if (e) {
		HASH_DEL(lw->entries, e);
		free(e);
	}
	*wd = -1;
}

void lifewatch_close(struct lifewatch *lw)
{
	struct lifewatch_entry *e, *tmp;

	HASH_ITER (hh, lw->entries, e, tmp) {
		HASH_DEL(lw->entries, e);
		free(e);
	}
	lw->fd = fd_close(lw->fd);
}

/* By way of /proc, so that it is this very directory, whatever has its name by now. */
static int add_one(struct lifewatch *lw, struct lifewatch_parent *parent, int dir_fd,
		   const char *file, uint32_t mask, int *ret_wd)
{
	_cleanup_free_ struct lifewatch_entry *e = calloc(1, sizeof(*e));
	char path[64];

	if (!e)
		return -ENOMEM;
	(void)snprintf(path, sizeof(path), "/proc/thread-self/fd/%d%s", dir_fd, file);
	e->parent = parent;
	e->wd = inotify_add_watch(lw->fd, path, mask);
	if (e->wd < 0)
		return errno_neg();
	HASH_ADD_INT(lw->entries, wd, e);
	if (!e->hh.tbl) {
		(void)inotify_rm_watch(lw->fd, e->wd);
		return -ENOMEM;
	}
	*ret_wd = ptr_steal(&e)->wd;
	return 0;
}

int lifewatch_add(struct lifewatch *lw, struct lifewatch_parent *parent, int dir_fd)
{
	int r;

	if (parent->dir_wd < 0) {
		r = add_one(lw, parent, dir_fd, "", IN_DELETE | IN_ONLYDIR, &parent->dir_wd);
		if (r < 0)
			return r;
	}
	if (parent->control_wd < 0)
		return add_one(lw, parent, dir_fd, "/cgroup.subtree_control", IN_MODIFY,
			       &parent->control_wd);
	return 0;
}

void lifewatch_remove(struct lifewatch *lw, struct lifewatch_parent *parent)
{
	if (parent->dir_wd >= 0)
		(void)inotify_rm_watch(lw->fd, parent->dir_wd);
	if (parent->control_wd >= 0)
		(void)inotify_rm_watch(lw->fd, parent->control_wd);
	forget(lw, &parent->dir_wd);
	forget(lw, &parent->control_wd);
}

static bool take(struct lifewatch *lw, const struct inotify_event *in, struct lifewatch_event *ret)
{
	struct lifewatch_entry *e;

	if (in->mask & IN_Q_OVERFLOW) {
		*ret = (struct lifewatch_event){ .kind = LIFEWATCH_OVERFLOW };
		return true;
	}
	HASH_FIND_INT(lw->entries, &in->wd, e);
	if (!e || !(in->mask & (IN_DELETE | IN_MODIFY)))
		return false;
	*ret = (struct lifewatch_event){
		.kind = in->mask & IN_DELETE ? LIFEWATCH_REMOVED : LIFEWATCH_CONTROLLERS,
		.parent = e->parent,
		.name = in->len > 0 ? in->name : "",
	};
	return true;
}

int lifewatch_next(struct lifewatch *lw, struct lifewatch_event *ret)
{
	for (;;) {
		const struct inotify_event *in;
		ssize_t n;

		if (lw->pos == lw->len) {
			n = read(lw->fd, lw->buf, sizeof(lw->buf));
			if (n < 0)
				return errno == EAGAIN || errno == EINTR ? 0 : errno_neg();
			lw->pos = 0;
			lw->len = (size_t)n;
			if (n == 0)
				return 0;
		}
		in = (const struct inotify_event *)(lw->buf + lw->pos);
		lw->pos += sizeof(*in) + in->len;
		if (take(lw, in, ret))
			return 1;
	}
}
