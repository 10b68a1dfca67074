/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The engine: from what the sources learned to what each watch is told
 *
 * Sources submit events; the engine keeps those that a watch asked for in a bounded queue, numbers
 * them and hands them out in order. It holds no descriptor, reads no clock and knows no file.
 *
 * A full queue drops its oldest event, counts it, and the next event taken is `lost` with that
 * count, so that a reader always knows. The accounts of the sources are not touched by a drop.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "core/watches.h"

struct engine;

/* An engine whose queue holds at most @queue_max events, or NULL without memory. */
struct engine *engine_new(size_t queue_max);
/* Nor more than @bytes of memory, but for a single event. To be said before the first event. */
void engine_set_bytes_max(struct engine *en, uint64_t bytes);
struct engine *engine_free(struct engine *en);

/* Returns 0, -EEXIST if the cookie is taken, or -ENOMEM. */
int engine_watch_add(struct engine *en, const struct watch *w);
/* The watch has ended. Returns 0 or -ENOENT. Events already queued stay. */
int engine_watch_remove(struct engine *en, uint64_t cookie);
/* The caller wants no more of @cookie: what is queued for it alone is dropped, and counts as told. */
int engine_watch_drop(struct engine *en, uint64_t cookie);
/* A v1 cgroup was renamed: @cookie now watches @path. Returns 0, -ENOENT or -ENOMEM. */
int engine_watch_rename(struct engine *en, uint64_t cookie, const char *path);
/* Where @cookie is now; NULL: there is no such watch. It is the engine's, until the next call. */
const char *engine_watch_path(const struct engine *en, uint64_t cookie);
/* How many watches there are. */
size_t engine_watches(const struct engine *en);
/* Whether there is one of that cookie, which has not ended. */
bool engine_has_watch(const struct engine *en, uint64_t cookie);

/* Whether any watch asked for @kind at @path; @below: not in that very cgroup, but under it. */
bool engine_wants(const struct engine *en, enum hierarchy h, enum event_kind kind, const char *path,
		  bool below);
/* From when on @cookie's counting is sure: what was seen after that will be counted for it. */
int engine_watch_since(struct engine *en, uint64_t cookie, uint64_t since_ns);

/* Whether what happened in @path at @when_ns is any watch's, whatever its kinds. */
enum engine_cover engine_covers(const struct engine *en, enum hierarchy h, const char *path,
				uint64_t when_ns);

typedef void (*engine_intake)(void *ctx, struct oomn_event *e);
/* What sources submit goes to @intake, which owns it and tells it with engine_tell(), or does not. */
void engine_set_intake(struct engine *en, engine_intake intake, void *ctx);
/* For sources: @e, which is the engine's from here on, was learned. */
void engine_submit(struct engine *en, struct oomn_event *e);
/* Queues @e, which the engine owns from here on, if a watch wants it; else frees it. */
void engine_tell(struct engine *en, struct oomn_event *e);
/*
 * Takes the oldest event. Returns 1 and the event, which is the caller's, 0 if there is none, or -ENOMEM: that
 * something was lost is still to be told.
 */
int engine_next(struct engine *en, struct oomn_event **ret);
/* Whether there is an event to be taken. */
bool engine_waits(const struct engine *en);
/* Events dropped so far because the queue was full. */
uint64_t engine_lost(const struct engine *en);
