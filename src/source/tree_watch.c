/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/tree_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/err.h"
#include "base/fd.h"

#define READ_BUFFER 16384
#define READS_PER_ROUND 16 /* then others get their turn; the descriptor stays ready */

static const struct {
	const char *file;
	uint32_t mask;
	enum tree_change change; /* TREE_CHILDREN: by the mask of the event */
} objects[] = {
	[TREE_CHILDREN] = { "", IN_CREATE | IN_DELETE | IN_ONLYDIR, TREE_CREATED },
	[TREE_SWITCHES] = { "/cgroup.subtree_control", IN_MODIFY, TREE_CONTROL },
	[TREE_EVENTS] = { "/memory.events", IN_MODIFY, TREE_COUNTED },
	[TREE_EVENTS_LOCAL] = { "/memory.events.local", IN_MODIFY, TREE_COUNTED },
};

struct watched {
	int wd;
	unsigned users;
	char *key; /* a digit for the object, then the path */
	UT_hash_handle by_wd;
	UT_hash_handle by_key;
};

struct tree_watch {
	int fd;
	int root_fd;
	bool limited;
	struct watched *wds;
	struct watched *keys;
};

int tree_watch_open(struct tree_watch **ret, int root_fd)
{
	struct tree_watch *tw = calloc(1, sizeof(*tw));

	if (!tw)
		return -ENOMEM;
	tw->root_fd = root_fd;
	tw->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (tw->fd < 0) {
		int r = errno_neg();

		free(tw);
		return r;
	}
	*ret = tw;
	return 0;
}

static void drop(struct tree_watch *tw, struct watched *w)
{
	HASH_DELETE(by_wd, tw->wds, w);
	HASH_DELETE(by_key, tw->keys, w);
	free(w->key);
	free(w);
}

struct tree_watch *tree_watch_close(struct tree_watch *tw)
{
	struct watched *w, *tmp;

	if (!tw)
		return NULL;
	HASH_ITER (by_wd, tw->wds, w, tmp)
		drop(tw, w);
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

static struct watched *find_key(const struct tree_watch *tw, const char *dir, enum tree_object what,
				char **ret_key)
{
	struct watched *w = NULL;

	if (asprintf(ret_key, "%d%s", (int)what, dir) < 0)
		*ret_key = NULL;
	else
		HASH_FIND(by_key, tw->keys, *ret_key, strlen(*ret_key), w);
	return w;
}

/* Asks the kernel for the watch. The object is opened first, so that no path is resolved twice. */
static int add_wd(struct tree_watch *tw, const char *dir, enum tree_object what, int *ret)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *path = NULL;
	char proc[sizeof("/proc/self/fd/") + 12];
	int wd;

	while (*dir == '/')
		dir++;
	if (asprintf(&path, "%s%s", *dir ? dir : ".", objects[what].file) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = openat(tw->root_fd, path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? TREE_WATCH_E_GONE : errno_neg();
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(tw->fd, proc, objects[what].mask);
	if (wd < 0) {
		tw->limited |= errno == ENOSPC;
		return errno == ENOSPC ? TREE_WATCH_E_LIMIT : errno_neg();
	}
	*ret = wd;
	return 0;
}

static int link_watched(struct tree_watch *tw, char *key, int wd)
{
	struct watched *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	*w = (struct watched){ .wd = wd, .users = 1, .key = key };
	HASH_ADD(by_wd, tw->wds, wd, sizeof(w->wd), w);
	if (!w->by_wd.tbl) {
		free(w);
		return -ENOMEM;
	}
	HASH_ADD_KEYPTR(by_key, tw->keys, w->key, strlen(w->key), w);
	if (!w->by_key.tbl) {
		HASH_DELETE(by_wd, tw->wds, w);
		free(w);
		return -ENOMEM;
	}
	return 0;
}

/*
 * The kernel gives the same number for the same inode: a directory that was removed and made anew
 * under its name is another inode, and the old entry must not stand for it.
 */
static void forget_wd(struct tree_watch *tw, int wd)
{
	struct watched *w;

	HASH_FIND(by_wd, tw->wds, &wd, sizeof(wd), w);
	if (w)
		drop(tw, w);
}

int tree_watch_add(struct tree_watch *tw, const char *dir, enum tree_object what)
{
	_cleanup_free_ char *key = NULL;
	struct watched *w = find_key(tw, dir, what, &key);
	int wd = -1;
	int r;

	if (!key)
		return -ENOMEM;
	if (w) {
		w->users++;
		return 0;
	}
	r = add_wd(tw, dir, what, &wd);
	if (r != 0)
		return r;
	forget_wd(tw, wd);
	r = link_watched(tw, key, wd);
	if (r < 0)
		(void)inotify_rm_watch(tw->fd, wd);
	else
		key = NULL;
	return r;
}

void tree_watch_remove(struct tree_watch *tw, const char *dir, enum tree_object what)
{
	_cleanup_free_ char *key = NULL;
	struct watched *w = find_key(tw, dir, what, &key);

	if (!w || --w->users > 0)
		return;
	(void)inotify_rm_watch(tw->fd, w->wd); /* EINVAL: the kernel has dropped it already */
	drop(tw, w);
}

static void tell(struct tree_watch *tw, const struct inotify_event *e, tree_change_fn changed,
		 void *ctx)
{
	_cleanup_free_ char *dir = NULL;
	struct watched *w;

	if (e->mask & IN_Q_OVERFLOW) {
		changed(ctx, TREE_OVERFLOW, NULL, NULL);
		return;
	}
	HASH_FIND(by_wd, tw->wds, &e->wd, sizeof(e->wd), w);
	if (!w)
		return;
	if (e->mask & IN_IGNORED) {
		drop(tw, w); /* the inode is gone; the number may come again for another */
		return;
	}
	dir = strdup(w->key + 1); /* @changed may take the watch away */
	if (!dir)
		changed(ctx, TREE_OVERFLOW, NULL, NULL);
	else if (w->key[0] != '0' + TREE_CHILDREN)
		changed(ctx, objects[w->key[0] - '0'].change, dir, NULL);
	else if ((e->mask & IN_ISDIR) && (e->mask & IN_CREATE))
		changed(ctx, TREE_CREATED, dir, e->name);
	else if ((e->mask & IN_ISDIR) && (e->mask & IN_DELETE))
		changed(ctx, TREE_DELETED, dir, e->name);
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
	return 0;
}
