/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cgroups that come and go: tops that appear, controllers switched on, removals to be told. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/err.h"
#include "base/fd.h"
#include "source/v2_source.h"

static char *join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name) < 0 ? NULL : path;
}

/* The inode number of the directory @path, 0 if there is none. */
static uint64_t id_of(const struct v2_source *v2, const char *path)
{
	struct stat st;

	while (*path == '/')
		path++;
	if (fstatat(v2->s.host->v2.root_fd, *path ? path : ".", &st, 0) < 0)
		return 0;
	return st.st_ino;
}

static void mortal_free(struct v2_source *v2, struct mortal *m)
{
	tree_watch_remove(v2->changes, m->parent, TREE_CHILDREN);
	free(m->parent);
	free(m->path);
	free(m);
}

void v2_mortal_add(struct v2_source *v2, const char *path, uint64_t id)
{
	struct mortal *m;

	HASH_FIND_STR(v2->mortals, path, m);
	if (m) {
		m->id = id;
		return;
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return;
	m->id = id;
	m->path = strdup(path);
	m->parent = v2_parent_path(path);
	if (!m->path || !m->parent || tree_watch_add(v2->changes, m->parent, TREE_CHILDREN) != 0) {
		free(m->parent);
		free(m->path);
		free(m);
		return;
	}
	HASH_ADD_KEYPTR(hh, v2->mortals, m->path, strlen(m->path), m);
	if (!m->hh.tbl)
		mortal_free(v2, m);
}

void v2_mortal_free_all(struct v2_source *v2)
{
	struct mortal *m, *tmp;

	HASH_ITER (hh, v2->mortals, m, tmp) {
		HASH_DELETE(hh, v2->mortals, m);
		mortal_free(v2, m);
	}
}

/* Ends the watches on @path. */
static void end_watches(struct v2_source *v2, const char *path)
{
	struct named_watch *w, *tmp;

	LL_FOREACH_SAFE (v2->watches, w, tmp) {
		if (strcmp(w->path, path) != 0)
			continue;
		LL_DELETE(v2->watches, w);
		tree_watch_remove(v2->changes, w->parent, TREE_CHILDREN);
		(void)engine_watch_remove(v2->s.engine, w->cookie);
		free(w->path);
		free(w->parent);
		free(w);
	}
}

static const struct named_watch *find_watch(const struct v2_source *v2, const char *path)
{
	const struct named_watch *w;

	LL_FOREACH (v2->watches, w)
		if (strcmp(w->path, path) == 0)
			return w;
	return NULL;
}

int v2_gone(struct v2_source *v2, const char *path, uint64_t id, bool named)
{
	const struct named_watch *w = find_watch(v2, path);
	struct mortal *m;
	struct event *e;

	HASH_FIND_STR(v2->mortals, path, m);
	if (m || named || w) {
		e = v2_event(v2, EVENT_GONE, path, m ? m->id : w ? w->id : id);
		if (!e) {
			v2->rescan = true;
			return 0;
		}
		e->evidence = 0;
		engine_submit(v2->s.engine, e);
	}
	if (m) {
		HASH_DELETE(hh, v2->mortals, m);
		mortal_free(v2, m);
	}
	end_watches(v2, path);
	return 0;
}

/* A descent into directories, one level at a time: what is to be done with each. */
struct discovery {
	struct v2_source *v2;
	const char *dir;
	bool fresh;
	int result;
};

static bool has_memory(const struct v2_source *v2, const char *path)
{
	_cleanup_close_ int dir = -1;

	return v2_tree_open(v2->s.host->v2.root_fd, path, 0, &dir) == 0 &&
	       faccessat(dir, "memory.events", F_OK, 0) == 0;
}

static int discover_child(void *arg, const char *name, uint64_t id)
{
	struct discovery *d = arg;
	_cleanup_free_ char *path = join(d->dir, name);
	const struct v2_top_args args = { .path = path, .id = id, .fresh = d->fresh };
	struct top *known;
	int r = 0;

	if (!path)
		return -ENOMEM;
	known = v2_top_find(d->v2, path);
	if (known && known->id == id) {
		if (known->state == TOP_DORMANT)
			r = v2_top_check(known, d->v2->now_ns);
	} else if (has_memory(d->v2, path)) {
		r = v2_top_open(d->v2, &args, NULL);
	}
	if (r > 0)
		r = 0; /* gone again, or switched off again */
	if (r == 0 && d->v2->discover_deep)
		r = v2_discover(d->v2, path, d->fresh);
	return r;
}

int v2_discover(struct v2_source *v2, const char *path, bool fresh)
{
	struct discovery d = { .v2 = v2, .dir = path, .fresh = fresh };
	struct v2_tree tree = v2->whole;
	_cleanup_close_ int dir = -1;
	int r;

	/* Listed after it is watched: what appears in between is seen twice rather than never. */
	(void)tree_watch_add(v2->changes, path, TREE_CHILDREN);
	(void)tree_watch_add(v2->changes, path, TREE_SWITCHES);
	r = v2_tree_open(v2->s.host->v2.root_fd, path, 0, &dir);
	if (r == 0)
		r = v2_tree_ops.list(&tree, dir, discover_child, &d);
	return r == TREE_E_BUSY ? -EMFILE : r > 0 ? 0 : r;
}

static int gone_all_child(void *arg, const char *name, uint64_t id)
{
	struct discovery *d = arg;
	_cleanup_free_ char *path = join(d->dir, name);

	if (!path)
		return -ENOMEM;
	v2_mortal_add(d->v2, path, id);
	return v2_gone_all(d->v2, path);
}

int v2_gone_all(struct v2_source *v2, const char *path)
{
	struct discovery d = { .v2 = v2, .dir = path };
	_cleanup_close_ int dir = -1;
	int r;

	r = tree_watch_add(v2->changes, path, TREE_CHILDREN);
	if (r != 0)
		return r == TREE_WATCH_E_LIMIT || r == TREE_WATCH_E_GONE ? 0 : r;
	r = v2_tree_open(v2->s.host->v2.root_fd, path, 0, &dir);
	if (r == 0)
		r = v2_tree_ops.list(&v2->whole, dir, gone_all_child, &d);
	return r > 0 ? 0 : r;
}

/* Whether children of @dir become tops as they appear. */
static bool discovers(const struct v2_source *v2, const char *dir)
{
	const struct named_watch *w;
	size_t n;

	if (v2->host_watched && (v2->discover_deep || strcmp(dir, "/") == 0))
		return true;
	LL_FOREACH (v2->watches, w) {
		n = strlen(w->path);
		if (v2->discover_deep && strncmp(dir, w->path, n) == 0 &&
		    (dir[n] == '\0' || dir[n] == '/'))
			return true;
	}
	return false;
}

static int created(struct v2_source *v2, const char *dir, const char *name)
{
	_cleanup_free_ char *path = join(dir, name);
	struct top *t;
	int r = 0;

	if (!path)
		return -ENOMEM;
	t = v2_top_find(v2, dir);
	if (t)
		t->guard.children = true;
	if (v2->gone_all && engine_wants(v2->s.engine, HIERARCHY_V2, EVENT_GONE, path, false)) {
		v2_mortal_add(v2, path, id_of(v2, path));
		r = v2_gone_all(v2, path);
	}
	if (r == 0 && discovers(v2, dir))
		r = v2_discover(v2, dir, true);
	return r;
}

static int deleted(struct v2_source *v2, const char *dir, const char *name)
{
	_cleanup_free_ char *path = join(dir, name);
	struct top *t;

	if (!path)
		return -ENOMEM;
	DL_FOREACH (v2->tops, t)
		if (strcmp(t->parent, dir) == 0 && strcmp(t->path, path) != 0)
			v2_guard_soil(t);
	t = v2_top_find(v2, path);
	if (t)
		return v2_top_check(t, v2->now_ns); /* it tells `gone` when it is settled */
	return v2_gone(v2, path, 0, false);
}

static int control_written(struct v2_source *v2, const char *dir)
{
	struct top *t, *tmp;
	int r = 0;

	DL_FOREACH_SAFE (v2->tops, t, tmp)
		if (r == 0 && strcmp(t->parent, dir) == 0)
			r = v2_top_check(t, v2->now_ns);
	if (r == 0 && discovers(v2, dir))
		r = v2_discover(v2, dir, true);
	return r;
}

/* A top without a descriptor of its own. */
static int counted(struct v2_source *v2, const char *dir)
{
	struct top *t = v2_top_find(v2, dir);

	return t ? v2_top_check(t, v2->now_ns) : 0;
}

static void changed(void *ctx, enum tree_change what, const char *dir, const char *name)
{
	struct v2_source *v2 = ctx;
	int r = 0;

	switch (what) {
	case TREE_CREATED:
		r = created(v2, dir, name);
		break;
	case TREE_DELETED:
		r = deleted(v2, dir, name);
		break;
	case TREE_CONTROL:
		r = control_written(v2, dir);
		break;
	case TREE_COUNTED:
		r = counted(v2, dir);
		break;
	case TREE_OVERFLOW:
		r = -EOVERFLOW;
		break;
	}
	/* Whatever could not be taken in now is found by looking at everything a little later. */
	v2->rescan |= r < 0;
}

int v2_changes_read(struct v2_source *v2)
{
	return tree_watch_read(v2->changes, changed, v2);
}

static int changes_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct v2_source *v2 = v2_from(io->source);

	(void)events;
	v2->now_ns = now_ns;
	return v2_changes_read(v2);
}

int v2_discover_open(struct v2_source *v2)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &v2->changes_io };
	int r;

	r = tree_watch_open(&v2->changes, v2->s.host->v2.root_fd);
	if (r < 0)
		return r;
	v2->changes_io = (struct source_io){ .source = &v2->s, .ready = changes_ready };
	if (epoll_ctl(v2->s.epoll_fd, EPOLL_CTL_ADD, tree_watch_fd(v2->changes), &ev) < 0)
		return errno_neg();
	return 0;
}

/* Mortals and watches whose directory is no longer the one it was. */
static int rescan_gone(struct v2_source *v2)
{
	struct named_watch *w, *wtmp;
	struct mortal *m, *tmp;
	int r = 0;

	HASH_ITER (hh, v2->mortals, m, tmp) {
		_cleanup_free_ char *path = strdup(m->path);

		if (!path)
			return -ENOMEM;
		if (r == 0 && id_of(v2, path) != m->id && !v2_top_find(v2, path))
			r = v2_gone(v2, path, m->id, false);
	}
	LL_FOREACH_SAFE (v2->watches, w, wtmp) {
		_cleanup_free_ char *path = strdup(w->path);

		if (!path)
			return -ENOMEM;
		if (r == 0 && id_of(v2, path) != w->id && !v2_top_find(v2, path)) {
			r = v2_gone(v2, path, w->id, true);
			wtmp = v2->watches; /* several may have ended */
		}
	}
	return r;
}

int v2_rescan(struct v2_source *v2)
{
	const struct named_watch *w;
	struct top *t, *tmp;
	int r = 0;

	v2->rescan = false;
	DL_FOREACH_SAFE (v2->tops, t, tmp) {
		v2_guard_soil(t);
		if (r == 0)
			r = v2_top_check(t, v2->now_ns);
	}
	if (r == 0)
		r = rescan_gone(v2);
	if (r == 0 && v2->host_watched)
		r = v2_discover(v2, "/", true);
	LL_FOREACH (v2->watches, w)
		if (r == 0 && v2->discover_deep)
			r = v2_discover(v2, w->path, true);
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE) {
		v2->rescan = true;
		r = 0;
	}
	return r;
}
