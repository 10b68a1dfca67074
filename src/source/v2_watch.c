/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watches: what each needs, and what is dropped when none needs it any more
 *
 * A watch by name makes its cgroup a top, unless a top covers it already. A watch of the whole host
 * makes a top of every child of the root. A watch that could not be made, or has ended, leaves what
 * others need: prune() knows nothing of how it came to be.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/path.h"
#include "source/v2_source.h"

bool v2_path_within(const char *path, const char *top)
{
	size_t n = strcmp(top, "/") == 0 ? 0 : strlen(top);

	return strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

bool v2_discovers(const struct v2_source *v2, const char *dir)
{
	const struct v2_watch *w;

	LL_FOREACH (v2->watches, w)
		if ((w->host && strcmp(dir, "/") == 0) || (w->deep && v2_path_within(dir, w->path)))
			return true;
	return false;
}

bool v2_tells_all_gone(const struct v2_source *v2, const char *dir)
{
	const struct v2_watch *w;

	LL_FOREACH (v2->watches, w)
		if (w->gone_all && v2_path_within(dir, w->path))
			return true;
	return false;
}

/* Some watch covers @path. */
static bool watched(const struct v2_source *v2, const char *path)
{
	const struct v2_watch *w;

	LL_FOREACH (v2->watches, w)
		if (v2_path_within(path, w->path))
			return true;
	return false;
}

static bool top_needed(const struct v2_source *v2, const struct top *t)
{
	const struct v2_watch *w;

	LL_FOREACH (v2->watches, w)
		if (v2_top_covers(t, w->path) ||
		    ((w->host || w->deep) && v2_path_within(t->path, w->path)))
			return true;
	return false;
}

static void drop_dirs(struct v2_source *v2)
{
	struct v2_dir *d, *tmp;

	HASH_ITER (hh, v2->dirs, d, tmp)
		if (!v2_discovers(v2, d->path) && !v2_tells_all_gone(v2, d->path))
			v2_dir_free(v2, d);
}

static void prune(struct v2_source *v2)
{
	struct mortal *m, *mtmp;
	const struct v2_watch *host;
	struct top *t, *ttmp;

	LL_SEARCH_SCALAR(v2->watches, host, host, true);
	if (!host)
		v2_host_close(v2);
	DL_FOREACH_SAFE (v2->tops, t, ttmp)
		if (!top_needed(v2, t))
			v2_top_close(t);
	drop_dirs(v2);
	HASH_ITER (hh, v2->mortals, m, mtmp)
		if (!watched(v2, m->path))
			v2_mortal_free(v2, m);
	v2_top_free_closed(v2);
}

static void watch_free(struct v2_source *v2, struct v2_watch *w)
{
	tree_watch_release(v2->changes, w->around);
	free(w->path);
	free(w);
}

void v2_watch_free_all(struct v2_source *v2)
{
	struct v2_watch *w, *tmp;

	LL_FOREACH_SAFE (v2->watches, w, tmp)
		watch_free(v2, w);
	v2->watches = NULL;
	prune(v2);
}

void v2_watch_end(struct v2_source *v2, const char *path, uint64_t id)
{
	struct v2_watch *w, *tmp;

	LL_FOREACH_SAFE (v2->watches, w, tmp) {
		if (w->host || w->id != id || strcmp(w->path, path) != 0)
			continue;
		LL_DELETE(v2->watches, w);
		(void)engine_watch_remove(v2->s.engine, w->cookie);
		watch_free(v2, w);
	}
}

/* In a cgroup namespace the visible root has memory.events like any other cgroup. */
static bool is_real_root(const struct source_target *target)
{
	return strcmp(target->at->path, "/") == 0 &&
	       faccessat(target->at->fd, "memory.events", F_OK, 0) < 0;
}

static int watch_new(struct v2_source *v2, const struct source_target *target,
		     struct v2_watch **ret)
{
	struct v2_watch *w = calloc(1, sizeof(*w));
	char *parent;

	if (!w)
		return -ENOMEM;
	w->cookie = target->cookie;
	w->id = target->at->id;
	w->host = is_real_root(target);
	w->local = target->local;
	w->deep = v2->local_events && !target->local;
	w->gone_all = target->gone_all;
	w->path = strdup(target->at->path);
	parent = v2_parent_path(target->at->path);
	if (!w->path || !parent) {
		free(parent);
		watch_free(v2, w);
		return -ENOMEM;
	}
	if (!w->host)
		v2_hold(v2, parent, TREE_CHILDREN, &w->around);
	free(parent);
	*ret = w;
	return 0;
}

static struct top *covering_top(struct v2_source *v2, const char *path)
{
	struct top *t;

	DL_FOREACH (v2->tops, t)
		if (v2_top_covers(t, path) && t->state == TOP_LIVE)
			return t;
	return NULL;
}

static int attach_top(struct v2_source *v2, const struct v2_watch *w)
{
	const struct v2_top_args args = { .path = w->path, .id = w->id, .named = true };
	const struct top *t = covering_top(v2, w->path);
	int r;

	if (t)
		return 0; /* v2_prepare() has read it */
	r = v2_top_open(v2, &args);
	return r > 0 ? -ENODEV : r;
}

/* The top last of what can fail: it takes those below over, which cannot be taken back. */
static int attach(struct v2_source *v2, struct v2_watch *w)
{
	int r = w->gone_all ? v2_gone_all(v2, w->path) : 0;

	if (r == 0 && !w->host)
		r = attach_top(v2, w);
	if (r == 0 && (w->host || w->deep))
		r = v2_discover(v2, w->path, false);
	if (r == 0 && w->host)
		v2_host_open(v2);
	return r;
}

static void begin_anew(struct v2_source *v2, struct v2_watch *w)
{
	w->waiting = attach(v2, w) < 0;
	if (w->waiting)
		v2_rescan_in(v2, V2_POLL_NS);
}

void v2_watch_retry(struct v2_source *v2)
{
	struct v2_watch *w;

	LL_FOREACH (v2->watches, w)
		if (w->waiting)
			begin_anew(v2, w);
}

void v2_watch_restart(struct v2_source *v2)
{
	struct top *t, *ttmp;
	struct v2_watch *w;

	DL_FOREACH_SAFE (v2->tops, t, ttmp) {
		if (t->state == TOP_LIVE)
			(void)ledger_pass(v2->ledger, t->account, v2->now_ns);
		v2_top_close(t);
	}
	v2->tree.flat = v2->local_events;
	LL_FOREACH (v2->watches, w)
		w->deep = v2->local_events;
	drop_dirs(v2);
	LL_FOREACH (v2->watches, w)
		begin_anew(v2, w);
	v2_rescan_in(v2, 0); /* what was being settled may be gone */
}

int v2_attach(struct source *s, const struct source_target *target)
{
	struct v2_source *v2 = v2_from(s);
	bool flat = target->local || v2->local_events;
	struct v2_watch *w;
	int r;

	if (v2->watches && flat != v2->tree.flat)
		return -EINVAL;
	v2->tree.flat = flat;
	v2->now_ns = clock_boottime_ns();
	r = watch_new(v2, target, &w);
	if (r < 0)
		return r;
	LL_PREPEND(v2->watches, w);
	r = attach(v2, w);
	if (r < 0) {
		LL_DELETE(v2->watches, w);
		watch_free(v2, w);
		prune(v2);
	}
	return r;
}

/* The top above it, and those below, which will be read with it. */
int v2_prepare(struct source *s, const struct source_target *target)
{
	struct v2_source *v2 = v2_from(s);
	const char *path = target->at->path;
	struct top *t, *tmp;

	v2->now_ns = clock_boottime_ns();
	DL_FOREACH_SAFE (v2->tops, t, tmp) {
		bool covers = v2_top_covers(t, path);
		int r = 0;

		if (t->state == TOP_LIVE && (covers || path_is_below(t->path, path)))
			r = ledger_pass(v2->ledger, t->account, v2->now_ns);
		if (covers && r == LEDGER_E_GONE)
			return -ENODEV;
		if (r == -ENOMEM || (covers && r < 0))
			return r;
	}
	return 0;
}

int v2_detach(struct source *s, uint64_t cookie)
{
	struct v2_source *v2 = v2_from(s);
	struct v2_watch *w;

	LL_SEARCH_SCALAR(v2->watches, w, cookie, cookie);
	if (!w)
		return -ENOENT;
	LL_DELETE(v2->watches, w);
	watch_free(v2, w);
	prune(v2);
	return 0;
}
