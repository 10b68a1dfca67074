/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/path.h"

struct engine_watch {
	struct watch spec;
	char *path;
	uint64_t since_ns; /* UINT64_MAX: its counting has not begun for sure */
	struct engine_watch *next;
};

struct engine {
	struct engine_watch *watches;
	engine_intake intake;
	void *intake_ctx;
	struct oomn_event **ring; /* the oldest at `first`, `used` of them */
	size_t size;
	size_t first;
	size_t used;
	uint64_t seq;
	uint64_t lost;                 /* in all */
	uint64_t lost_untold;          /* since the last `lost` event was handed out */
	struct oomn_event *lost_event; /* kept ready, so that telling of a loss needs no memory */
};

static struct engine_watch *watch_free(struct engine_watch *w)
{
	if (w) {
		free(w->path);
		free(w);
	}
	return NULL;
}

struct engine *engine_new(size_t queue_max)
{
	struct engine *en = calloc(1, sizeof(*en));

	if (!en)
		return NULL;
	en->size = queue_max;
	en->ring = calloc(queue_max, sizeof(struct oomn_event *));
	en->lost_event = event_new(EVENT_LOST);
	if (!en->ring || !en->lost_event)
		return engine_free(en);
	return en;
}

struct engine *engine_free(struct engine *en)
{
	struct engine_watch *w, *tmp;

	if (!en)
		return NULL;
	LL_FOREACH_SAFE (en->watches, w, tmp)
		watch_free(w);
	for (size_t i = 0; i < en->used; i++)
		event_free(en->ring[(en->first + i) % en->size]);
	free(en->ring);
	event_free(en->lost_event);
	free(en);
	return NULL;
}

static struct engine_watch *watch_find(const struct engine *en, uint64_t cookie)
{
	struct engine_watch *w;

	LL_FOREACH (en->watches, w)
		if (w->spec.cookie == cookie)
			return w;
	return NULL;
}

int engine_watch_add(struct engine *en, const struct watch *spec)
{
	struct engine_watch *w;

	if (watch_find(en, spec->cookie))
		return -EEXIST;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->spec = *spec;
	w->since_ns = UINT64_MAX;
	w->spec.path = w->path = strdup(spec->path);
	if (!w->path) {
		watch_free(w);
		return -ENOMEM;
	}
	LL_PREPEND(en->watches, w);
	return 0;
}

int engine_watch_remove(struct engine *en, uint64_t cookie)
{
	struct engine_watch *w = watch_find(en, cookie);

	if (!w)
		return -ENOENT;
	LL_DELETE(en->watches, w);
	watch_free(w);
	return 0;
}

int engine_watch_rename(struct engine *en, uint64_t cookie, const char *path)
{
	struct engine_watch *w = watch_find(en, cookie);
	char *copy;

	if (!w)
		return -ENOENT;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	free(w->path);
	w->spec.path = w->path = copy;
	return 0;
}

size_t engine_watches(const struct engine *en)
{
	const struct engine_watch *w;
	size_t n;

	LL_COUNT(en->watches, w, n);
	return n;
}

/* Whether @w looks at @path; @below: not at that very cgroup, but under it. */
static bool watch_covers(const struct watch *w, enum hierarchy h, const char *path, bool below)
{
	if (w->hierarchy != HIERARCHY_NONE && h != HIERARCHY_NONE && w->hierarchy != h)
		return false;
	if (strcmp(path, w->path) == 0)
		return !below || !w->local;
	return !w->local && path_is_below(path, w->path);
}

static bool watch_matches(const struct watch *w, enum hierarchy h, enum event_kind kind,
			  const char *path, bool below)
{
	return (w->kinds & EVENT_MASK(kind)) && watch_covers(w, h, path, below);
}

bool engine_wants(const struct engine *en, enum hierarchy h, enum event_kind kind, const char *path,
		  bool below)
{
	const struct engine_watch *w;

	LL_FOREACH (en->watches, w)
		if (watch_matches(&w->spec, h, kind, path, below))
			return true;
	return false;
}

int engine_watch_since(struct engine *en, uint64_t cookie, uint64_t since_ns)
{
	struct engine_watch *w = watch_find(en, cookie);

	if (!w)
		return -ENOENT;
	w->since_ns = since_ns;
	return 0;
}

enum engine_cover engine_covers(const struct engine *en, enum hierarchy h, const char *path,
				uint64_t when_ns)
{
	enum engine_cover best = ENGINE_COVER_NONE;
	const struct engine_watch *w;

	LL_FOREACH (en->watches, w) {
		if (!watch_covers(&w->spec, h, path, false))
			continue;
		if (when_ns > w->since_ns)
			return ENGINE_COVER_SURE;
		best = ENGINE_COVER_STARTING;
	}
	return best;
}

static struct oomn_event *ring_take(struct engine *en)
{
	struct oomn_event *e = en->ring[en->first];

	en->ring[en->first] = NULL;
	en->first = (en->first + 1) % en->size;
	en->used--;
	return e;
}

void engine_set_intake(struct engine *en, engine_intake intake, void *ctx)
{
	en->intake = intake;
	en->intake_ctx = ctx;
}

void engine_submit(struct engine *en, struct oomn_event *e)
{
	if (en->intake)
		en->intake(en->intake_ctx, e);
	else
		engine_tell(en, e);
}

void engine_tell(struct engine *en, struct oomn_event *e)
{
	if (!engine_wants(en, e->hierarchy, e->kind, e->cgroup, e->below)) {
		event_free(e);
		return;
	}
	if (en->used == en->size) {
		en->lost_event->boottime_ns = e->boottime_ns;
		en->lost_event->realtime_ns = e->realtime_ns;
		event_free(ring_take(en));
		en->lost++;
		en->lost_untold++;
	}
	en->ring[(en->first + en->used) % en->size] = e;
	en->used++;
}

/* Hands out the prepared `lost` event and prepares the next; without memory it tells a little later. */
static struct oomn_event *take_lost(struct engine *en)
{
	struct oomn_event *next = event_new(EVENT_LOST);
	struct oomn_event *e = en->lost_event;

	if (!next)
		return NULL;
	e->count_min = e->count_max = en->lost_untold;
	en->lost_untold = 0;
	en->lost_event = next;
	return e;
}

int engine_next(struct engine *en, struct oomn_event **ret)
{
	struct oomn_event *e = NULL;

	if (en->lost_untold > 0)
		e = take_lost(en);
	if (!e && en->used > 0)
		e = ring_take(en);
	if (!e)
		return 0;
	e->seq = ++en->seq;
	*ret = e;
	return 1;
}

uint64_t engine_lost(const struct engine *en)
{
	return en->lost;
}
