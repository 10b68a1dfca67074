/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/tree_watch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/err.h"
#include "base/fd.h"

#define READ_BUFFER 16384
#define READS_PER_ROUND 16 /* then others get their turn */

static const struct {
	const char *file; /* empty: the directory itself, whose changes tell themselves apart */
	uint32_t mask;
	enum tree_change_kind kind;
} objects[] = {
	[TREE_CHILDREN] = { "", IN_CREATE | IN_DELETE | IN_ONLYDIR, TREE_CREATED },
	[TREE_SWITCHES] = { "cgroup.subtree_control", IN_MODIFY, TREE_CONTROL },
	[TREE_EVENTS] = { "memory.events", IN_MODIFY, TREE_COUNTED },
	[TREE_EVENTS_LOCAL] = { "memory.events.local", IN_MODIFY, TREE_COUNTED },
};

struct watched {
	int wd; /* -1: the inode is gone, and the entry in no table */
	unsigned users;
	enum tree_object what;
	uint64_t id;
	UT_hash_handle hh; /* by wd */
	char dir[];
};

struct tree_watch {
	int fd;
	bool limited;
	unsigned held;
	struct watched *by_wd;
};

int tree_watch_open(struct tree_watch **ret)
{
	struct tree_watch *tw = calloc(1, sizeof(*tw));

	if (!tw)
		return -ENOMEM;
	tw->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (tw->fd < 0) {
		int r = errno_neg();

		free(tw);
		return r;
	}
	*ret = tw;
	return 0;
}

struct tree_watch *tree_watch_close(struct tree_watch *tw)
{
	if (!tw)
		return NULL;
	assert(tw->held == 0);
	fd_close(tw->fd);
	free(tw);
	return NULL;
}

int tree_watch_fd(const struct tree_watch *tw)
{
	return tw->fd;
}

bool tree_watch_limited(const struct tree_watch *tw)
{
	return tw->limited;
}

/* By way of /proc, so that it is in this very directory, whatever has its name by now. */
static int add_wd(struct tree_watch *tw, int dir_fd, enum tree_object what, int *ret)
{
	const char *file = objects[what].file;
	char path[64];
	struct stat st;
	int wd;

	(void)snprintf(path, sizeof(path), "/proc/thread-self/fd/%d/%s", dir_fd, file);
	wd = inotify_add_watch(tw->fd, path, objects[what].mask);
	if (wd >= 0) {
		*ret = wd;
		return 0;
	}
	if (errno == ENOMEM)
		return -ENOMEM;
	if (errno == ENOENT && fstatat(dir_fd, file, &st, AT_EMPTY_PATH) < 0)
		return TREE_WATCH_E_GONE;
	tw->limited = true;
	return TREE_WATCH_E_LIMIT;
}

static int link_wd(struct tree_watch *tw, struct watched *w, int wd)
{
	w->wd = wd;
	HASH_ADD(hh, tw->by_wd, wd, sizeof(w->wd), w);
	return w->hh.tbl ? 0 : -ENOMEM;
}

static void detach(struct tree_watch *tw, struct watched *w)
{
	if (w->wd < 0)
		return;
	HASH_DELETE(hh, tw->by_wd, w);
	w->wd = -1;
}

struct watched *tree_watch_release(struct tree_watch *tw, struct watched *w)
{
	if (!w)
		return NULL;
	tw->held--;
	if (--w->users > 0)
		return NULL;
	if (w->wd >= 0)
		(void)inotify_rm_watch(tw->fd,
				       w->wd); /* EINVAL: the kernel has dropped it already */
	detach(tw, w);
	free(w);
	return NULL;
}

int tree_watch_hold(struct tree_watch *tw, int at_fd, const char *dir, enum tree_object what,
		    struct watched **held)
{
	const char *relative = dir + strspn(dir, "/");
	_cleanup_free_ struct watched *new = calloc(1, sizeof(*new) + strlen(dir) + 1);
	_cleanup_close_ int fd = -1;
	struct watched *w;
	struct stat st;
	int wd = -1;
	int r;

	if (!new)
		return -ENOMEM;
	fd = openat(at_fd, *relative ? relative : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT || errno == ENODEV || errno == ENOTDIR ? TREE_WATCH_E_GONE
									      : errno_neg();
	r = add_wd(tw, fd, what, &wd);
	if (r != 0)
		return r;
	HASH_FIND(hh, tw->by_wd, &wd, sizeof(wd), w);
	if (!w) {
		new->what = what;
		new->id = st.st_ino;
		strcpy(new->dir, dir);
		r = link_wd(tw, new, wd);
		if (r < 0) {
			(void)inotify_rm_watch(tw->fd, wd);
			return r;
		}
		w = ptr_steal(&new);
	}
	w->users++;
	tw->held++;
	tree_watch_release(tw, *held);
	*held = w;
	return 0;
}

static void tell(struct tree_watch *tw, const struct inotify_event *e, tree_change_fn changed,
		 void *ctx)
{
	struct tree_change change = { .kind = TREE_OVERFLOW };
	struct watched *w;

	if (e->mask & IN_Q_OVERFLOW) {
		changed(ctx, &change);
		return;
	}
	HASH_FIND(hh, tw->by_wd, &e->wd, sizeof(e->wd), w);
	if (!w)
		return;
	if (e->mask & IN_IGNORED) {
		detach(tw, w); /* the number may come again for another inode */
		return;
	}
	change.kind = objects[w->what].kind;
	if (w->what == TREE_CHILDREN) {
		if (!(e->mask & IN_ISDIR))
			return;
		change.kind = e->mask & IN_DELETE ? TREE_DELETED : TREE_CREATED;
		change.name = e->name;
	}
	change.id = w->id;
	change.dir = w->dir;
	w->users++; /* @changed may be the last to release it */
	tw->held++;
	changed(ctx, &change);
	tree_watch_release(tw, w);
}

int tree_watch_read(struct tree_watch *tw, tree_change_fn changed, void *ctx)
{
	char buffer[READ_BUFFER] __attribute__((aligned(__alignof__(struct inotify_event))));

	for (unsigned i = 0; i < READS_PER_ROUND; i++) {
		ssize_t n = read(tw->fd, buffer, sizeof(buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : errno_neg();
		for (char *at = buffer; at < buffer + n;) {
			const struct inotify_event *e = (const void *)at;

			tell(tw, e, changed, ctx);
			at += sizeof(*e) + e->len;
		}
	}
	return TREE_WATCH_E_MORE;
}
