/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct engine {
	struct watches *watches;
	engine_intake intake;
	void *intake_ctx;
	struct oomn_event **ring; /* the oldest at `first`, `used` of them */
	size_t size;
	size_t first;
	size_t used;
	uint64_t bytes; /* of those */
	uint64_t bytes_max;
	uint64_t seq;
	uint64_t lost;                 /* in all */
	uint64_t lost_untold;          /* since the last `lost` event was handed out */
	struct oomn_event *lost_event; /* kept ready, so that telling of a loss needs no memory */
};

struct engine *engine_new(size_t queue_max)
{
	struct engine *en = calloc(1, sizeof(*en));

	if (!en)
		return NULL;
	en->size = queue_max;
	en->bytes_max = UINT64_MAX;
	en->watches = watches_new();
	en->ring = calloc(queue_max, sizeof(struct oomn_event *));
	en->lost_event = event_new(EVENT_LOST);
	if (!en->watches || !en->ring || !en->lost_event)
		return engine_free(en);
	return en;
}

struct engine *engine_free(struct engine *en)
{
	if (!en)
		return NULL;
	watches_free(en->watches);
	for (size_t i = 0; i < en->used; i++)
		event_free(en->ring[(en->first + i) % en->size]);
	free(en->ring);
	event_free(en->lost_event);
	free(en);
	return NULL;
}

void engine_set_bytes_max(struct engine *en, uint64_t bytes)
{
	en->bytes_max = bytes;
}

int engine_watch_add(struct engine *en, const struct watch *w)
{
	return watches_add(en->watches, w);
}

int engine_watch_remove(struct engine *en, uint64_t cookie)
{
	return watches_remove(en->watches, cookie);
}

int engine_watch_rename(struct engine *en, uint64_t cookie, const char *path)
{
	return watches_rename(en->watches, cookie, path);
}

int engine_watch_since(struct engine *en, uint64_t cookie, uint64_t since_ns)
{
	return watches_since(en->watches, cookie, since_ns);
}

bool engine_has_watch(const struct engine *en, uint64_t cookie)
{
	return watches_has(en->watches, cookie);
}

const char *engine_watch_path(const struct engine *en, uint64_t cookie)
{
	return watches_path(en->watches, cookie);
}

size_t engine_watches(const struct engine *en)
{
	return watches_count(en->watches);
}

bool engine_wants(const struct engine *en, enum hierarchy h, enum event_kind kind, const char *path,
		  bool below)
{
	return watches_match(en->watches, &(struct happening){ h, kind, path, below, UINT64_MAX },
			     NULL, 0) > 0;
}

enum engine_cover engine_covers(const struct engine *en, enum hierarchy h, const char *path,
				uint64_t when_ns)
{
	return watches_cover(en->watches, h, path, when_ns);
}

static struct oomn_event *ring_take(struct engine *en)
{
	struct oomn_event *e = en->ring[en->first];

	en->ring[en->first] = NULL;
	en->first = (en->first + 1) % en->size;
	en->used--;
	en->bytes -= event_bytes(e);
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

/* @e, the oldest or one without a place, is dropped, at the time of @now. */
static void lose(struct engine *en, struct oomn_event *e, const struct oomn_event *now)
{
	en->lost_event->boottime_ns = now->boottime_ns;
	en->lost_event->realtime_ns = now->realtime_ns;
	event_free(e);
	en->lost++;
	en->lost_untold++;
}

/* Notes in @e who is told of it. Returns 1; 0: nobody is; or -ENOMEM. */
static int address(const struct engine *en, struct oomn_event *e)
{
	const struct happening h = { e->hierarchy, e->kind, e->cgroup, e->below, e->boottime_ns };
	size_t n = watches_match(en->watches, &h, &e->cookie, 1);

	e->cookies_n = n;
	if (n <= 1)
		return (int)n;
	e->cookies = calloc(n, sizeof(*e->cookies));
	if (!e->cookies)
		return -ENOMEM;
	(void)watches_match(en->watches, &h, e->cookies, n);
	return 1;
}

void engine_tell(struct engine *en, struct oomn_event *e)
{
	int r = address(en, e);

	if (r == 0) {
		event_free(e);
		return;
	}
	if (r < 0) {
		lose(en, e, e);
		return;
	}
	en->bytes += event_bytes(e);
	while (en->used == en->size || (en->used > 0 && en->bytes > en->bytes_max))
		lose(en, ring_take(en), e);
	en->ring[(en->first + en->used) % en->size] = e;
	en->used++;
}

int engine_watch_drop(struct engine *en, uint64_t cookie)
{
	size_t used = en->used, kept = 0;
	int r = watches_remove(en->watches, cookie);

	if (r < 0)
		return r;
	for (size_t i = 0; i < used; i++) {
		struct oomn_event *e = en->ring[(en->first + i) % en->size];

		en->bytes -= event_bytes(e);
		if (!event_drop_cookie(e, cookie)) {
			event_free(e);
			continue;
		}
		en->bytes += event_bytes(e);
		en->ring[(en->first + kept++) % en->size] = e;
	}
	for (size_t i = kept; i < used; i++)
		en->ring[(en->first + i) % en->size] = NULL;
	en->used = kept;
	return 0;
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
		return en->lost_untold > 0 ? -ENOMEM : 0;
	e->seq = ++en->seq;
	*ret = e;
	return 1;
}

bool engine_waits(const struct engine *en)
{
	return en->used > 0 || en->lost_untold > 0;
}

uint64_t engine_lost(const struct engine *en)
{
	return en->lost;
}
