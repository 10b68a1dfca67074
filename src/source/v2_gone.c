/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removals to be told
 *
 * inotify tells a removal by name, a moment after it, when another cgroup may have that name. So what
 * is to be told is known by its id too, and one whose directory is still there is not gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/fd.h"
#include "source/v2_source.h"

static struct mortal *mortal_find(const struct v2_source *v2, const char *path)
{
	struct mortal *m;

	HASH_FIND_STR(v2->mortals, path, m);
	return m;
}

static void mortal_release(struct v2_source *v2, struct mortal *m)
{
	tree_watch_release(v2->changes, m->around);
	free(m->path);
	free(m);
}

void v2_mortal_free(struct v2_source *v2, struct mortal *m)
{
	HASH_DELETE(hh, v2->mortals, m);
	mortal_release(v2, m);
}

/* Another cgroup has the name of @m: that one is gone, though its removal was not yet heard of. */
static void replaced(struct v2_source *v2, struct mortal *m)
{
	struct top *t = v2_top_find(v2, m->path, m->id);
	_cleanup_free_ char *path = t ? NULL : strdup(m->path);

	if (t) {
		t->mourned = true; /* it tells when it is settled */
		v2_mortal_free(v2, m);
	} else if (path) {
		(void)v2_gone(v2, path, m->id, false);
	}
}

void v2_mortal_add(struct v2_source *v2, const char *path, uint64_t id)
{
	struct mortal *m = mortal_find(v2, path);
	_cleanup_free_ char *parent = NULL;

	if (m && m->id == id)
		return;
	if (m)
		replaced(v2, m);
	m = mortal_find(v2, path) ? NULL : calloc(1, sizeof(*m));
	if (!m)
		return;
	m->id = id;
	m->path = strdup(path);
	parent = v2_parent_path(path);
	if (m->path && parent &&
	    tree_watch_hold(v2->changes, v2->s.host->v2.root_fd, parent, TREE_CHILDREN,
			    &m->around) == 0)
		HASH_ADD_KEYPTR(hh, v2->mortals, m->path, strlen(m->path), m);
	if (!m->hh.tbl)
		mortal_release(v2, m);
}

static bool watched(const struct v2_source *v2, const char *path, uint64_t id)
{
	const struct v2_watch *w;

	LL_FOREACH (v2->watches, w)
		if (w->id == id && !w->host && strcmp(w->path, path) == 0)
			return true;
	return false;
}

int v2_gone(struct v2_source *v2, const char *path, uint64_t id, bool named)
{
	struct mortal *m = mortal_find(v2, path);
	struct oomn_event *e;

	if (m && m->id != id)
		m = NULL;
	if (!m && !named && !watched(v2, path, id))
		return 0;
	e = v2_event(v2, EVENT_GONE, path, id);
	if (!e)
		return -ENOMEM;
	e->evidence = 0;
	engine_submit(v2->s.engine, e);
	if (m)
		v2_mortal_free(v2, m);
	v2_watch_end(v2, path, id);
	return 0;
}

/* A watch whose cgroup is gone, with no top to tell it. NULL for @path: any. */
static const struct v2_watch *stale_watch(const struct v2_source *v2, const char *path)
{
	const struct v2_watch *w;

	LL_FOREACH (v2->watches, w)
		if (!w->host && (!path || strcmp(w->path, path) == 0) &&
		    !v2_top_find(v2, w->path, w->id) && v2_id_of(v2, w->path) != w->id)
			return w;
	return NULL;
}

static int watches_gone(struct v2_source *v2, const char *only)
{
	const struct v2_watch *w;
	int r = 0;

	while (r == 0 && (w = stale_watch(v2, only))) {
		_cleanup_free_ char *path = strdup(w->path); /* @w goes */

		r = path ? v2_gone(v2, path, w->id, true) : -ENOMEM;
	}
	return r;
}

static int mortal_gone(struct v2_source *v2, struct mortal *m)
{
	_cleanup_free_ char *path = NULL;

	if (v2_top_find(v2, m->path, m->id) || v2_id_of(v2, m->path) == m->id)
		return 0;
	path = strdup(m->path); /* @m goes */
	return path ? v2_gone(v2, path, m->id, false) : -ENOMEM;
}

int v2_gone_by_name(struct v2_source *v2, const char *path)
{
	struct mortal *m = mortal_find(v2, path);
	int r = m ? mortal_gone(v2, m) : 0;

	return r == 0 ? watches_gone(v2, path) : r;
}

int v2_gone_rescan(struct v2_source *v2)
{
	struct mortal *m, *tmp;
	int r = 0;

	HASH_ITER (hh, v2->mortals, m, tmp)
		if (r == 0)
			r = mortal_gone(v2, m);
	return r == 0 ? watches_gone(v2, NULL) : r;
}
