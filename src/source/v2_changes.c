/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What inotify tells, one change at a time; and a look at everything when it did not tell
 *
 * That is when its queue ran over, when a change could not be taken in for want of memory or
 * descriptors, and once a second as long as it refuses something that tops depend on.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "source/v2_source.h"

static int created(struct v2_source *v2, const struct tree_change *c)
{
	_cleanup_free_ char *path = v2_join(c->dir, c->name);
	uint64_t id;
	struct top *t;
	int r = 0;

	if (!path)
		return -ENOMEM;
	t = v2_top_find(v2, c->dir, c->id);
	if (t)
		t->guard.children = true;
	id = v2_id_of(v2, path);
	if (id == 0)
		return 0;
	if (v2_tells_all_gone(v2, c->dir) &&
	    engine_wants(v2->s.engine, HIERARCHY_V2, EVENT_GONE, path, false)) {
		v2_mortal_add(v2, path, id);
		r = v2_gone_all(v2, path);
	}
	if (r == 0 && v2_discovers(v2, c->dir))
		r = v2_discover_child(v2, c->dir, c->name, id);
	return r;
}

/* The removal of @path is that of a top, which judges itself. */
static bool bury(struct v2_source *v2, const char *path)
{
	struct top *t;

	DL_FOREACH (v2->tops, t)
		if (t->state == TOP_LOST && !t->buried && strcmp(t->path, path) == 0) {
			t->buried = true;
			return true;
		}
	return false;
}

/*
 * A cgroup that nobody had opened came and went. Where memory is switched off it counted nothing, and
 * one that was judged before its removal was told is in doubt already, for the same reason.
 */
static void deleted_unseen(struct v2_source *v2, const char *dir)
{
	_cleanup_close_ int fd = -1;
	bool on = true;

	if (v2_tree_open(v2->s.host->v2.root_fd, dir, 0, &fd) == 0)
		(void)v2_tree_ops.gives_memory(&v2->whole, fd, &on);
	if (on)
		v2_unseen(v2, v2->local_events ? UNPROVEN_LOCALEVENTS : UNPROVEN_TOP_UNDER_ROOT);
}

static int deleted(struct v2_source *v2, const struct tree_change *c)
{
	_cleanup_free_ char *path = v2_join(c->dir, c->name);
	struct v2_dir *d;
	struct top *t;
	int r = 0;

	if (!path)
		return -ENOMEM;
	DL_FOREACH (v2->tops, t) {
		if (strcmp(t->path, path) == 0)
			r = r == 0 ? v2_top_check(t, v2->now_ns) : r;
		else if (strcmp(t->parent, c->dir) == 0)
			v2_guard_soil(t);
	}
	if (v2_discovers(v2, c->dir) && !bury(v2, path))
		deleted_unseen(v2, c->dir);
	HASH_FIND_STR(v2->dirs, path, d);
	if (d && v2_id_of(v2, path) == 0)
		v2_dir_free(v2, d);
	return r == 0 ? v2_gone_by_name(v2, path) : r;
}

/* kernfs: a directory has two links and one more per child. */
static bool has_neighbours(const struct v2_source *v2, const char *dir)
{
	const char *relative = dir + strspn(dir, "/");
	struct stat st;

	return fstatat(v2->s.host->v2.root_fd, *relative ? relative : ".", &st, 0) < 0 ||
	       st.st_nlink > 3;
}

/* Where memory was switched off and on, the counters of all children may have begun anew. */
static int control_written(struct v2_source *v2, const char *dir)
{
	bool soiled = has_neighbours(v2, dir);
	struct top *t;
	int r = 0;

	DL_FOREACH (v2->tops, t) {
		if (strcmp(t->parent, dir) != 0)
			continue;
		if (soiled)
			v2_guard_soil(t);
		r = r == 0 ? v2_top_check(t, v2->now_ns) : r;
	}
	if (r == 0 && v2_discovers(v2, dir))
		r = v2_discover(v2, dir, true);
	return r;
}

/* A top without a descriptor of its own. */
static int counted(struct v2_source *v2, const struct tree_change *c)
{
	struct top *t = v2_top_find(v2, c->dir, c->id);

	return t ? v2_top_check(t, v2->now_ns) : 0;
}

/* Whatever can be told of removed neighbours and children may have been lost. */
static void overflowed(struct v2_source *v2)
{
	const struct v2_watch *w;
	struct top *t;

	DL_FOREACH (v2->tops, t) {
		v2_guard_soil(t);
		t->guard.children |= v2->tree.flat;
	}
	LL_FOREACH (v2->watches, w)
		if (w->host || w->deep)
			v2_unseen(v2, UNPROVEN_UNSEEN);
}

static void changed(void *ctx, const struct tree_change *c)
{
	struct v2_source *v2 = ctx;
	int r = 0;

	switch (c->kind) {
	case TREE_CREATED:
		r = created(v2, c);
		break;
	case TREE_DELETED:
		r = deleted(v2, c);
		break;
	case TREE_CONTROL:
		r = control_written(v2, c->dir);
		break;
	case TREE_COUNTED:
		r = counted(v2, c);
		break;
	case TREE_OVERFLOW:
		overflowed(v2);
		r = -EOVERFLOW;
		break;
	}
	if (r < 0)
		v2_rescan_in(v2, V2_RETRY_NS);
}

int v2_changes_read(struct v2_source *v2)
{
	int r = tree_watch_read(v2->changes, changed, v2);

	v2->unheard = r == TREE_WATCH_E_MORE;
	return r < 0 ? r : 0;
}

static int changes_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct v2_source *v2 = v2_from(io->source);

	(void)events;
	v2->now_ns = now_ns;
	return v2_changes_read(v2);
}

int v2_changes_open(struct v2_source *v2)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &v2->changes_io };
	int r;

	v2->rescan_ns = UINT64_MAX;
	r = tree_watch_open(&v2->changes);
	if (r < 0)
		return r;
	v2->changes_io = (struct source_io){ .source = &v2->s, .ready = changes_ready };
	if (epoll_ctl(v2->s.epoll_fd, EPOLL_CTL_ADD, tree_watch_fd(v2->changes), &ev) < 0)
		return errno_neg();
	return 0;
}

void v2_rescan_in(struct v2_source *v2, uint64_t in_ns)
{
	uint64_t at = clock_boottime_ns() + in_ns;

	if (at < v2->rescan_ns)
		v2->rescan_ns = at;
}

static int rescan_tops(struct v2_source *v2)
{
	struct top *t;
	int r = 0;

	DL_FOREACH (v2->tops, t) {
		if (r < 0)
			return r;
		v2_top_hold(t);
		v2_guard_soil(t);
		r = v2_top_check(t, v2->now_ns);
	}
	return r;
}

static int rescan_dirs(struct v2_source *v2)
{
	const struct v2_watch *w;
	struct v2_dir *d, *tmp;
	int r = 0;

	HASH_ITER (hh, v2->dirs, d, tmp)
		if (v2_id_of(v2, d->path) == 0)
			v2_dir_free(v2, d);
	LL_FOREACH (v2->watches, w) {
		if (r == 0 && w->gone_all)
			r = v2_gone_all(v2, w->path);
		if (r == 0 && (w->host || w->deep))
			r = v2_discover(v2, w->path, true);
	}
	return r;
}

int v2_rescan_run(struct v2_source *v2, uint64_t now_ns)
{
	int r;

	if (now_ns < v2->rescan_ns)
		return 0;
	v2->rescan_ns = UINT64_MAX;
	v2->blind = false;
	v2_watch_retry(v2);
	r = rescan_tops(v2);
	if (r == 0)
		r = v2_gone_rescan(v2);
	if (r == 0)
		r = rescan_dirs(v2);
	if (r != -ENOMEM && r != -EMFILE && r != -ENFILE && r != -EAGAIN)
		return r;
	v2_rescan_in(v2, V2_RETRY_NS);
	return 0;
}
