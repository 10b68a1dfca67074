/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The watches of a monitor: who wants to be told of what, and where
 *
 * Found by their cookie, and by the path they are on: what happens at /a/b/c is looked for at /a/b/c, /a/b,
 * /a and /, so that it costs as much as the path is deep, however many watches there are.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"

struct watches;

struct watch {
	uint64_t cookie;          /* chosen by the caller, unique */
	enum hierarchy hierarchy; /* HIERARCHY_NONE: any */
	const char *path;         /* from the visible root; "/" for all. Copied. */
	bool local;               /* that cgroup alone, not the ones below it */
	unsigned kinds;           /* EVENT_MASK bits */
	uint64_t from_ns;         /* what happened before that is not its business */
};

/* Where something happened. */
struct happening {
	enum hierarchy hierarchy;
	enum event_kind kind;
	const char *path;
	bool below; /* not in that very cgroup, but under it */
	uint64_t when_ns;
};

enum engine_cover {
	ENGINE_COVER_NONE,     /* no watch looks there */
	ENGINE_COVER_STARTING, /* one does, but @when_ns may lie before its start */
	ENGINE_COVER_SURE,
};

/* NULL without memory. */
struct watches *watches_new(void);
/* Takes NULL; returns NULL. */
struct watches *watches_free(struct watches *ws);
/* Returns 0, -EEXIST if the cookie is taken, or -ENOMEM. */
int watches_add(struct watches *ws, const struct watch *w);
/* Returns 0 or -ENOENT. */
int watches_remove(struct watches *ws, uint64_t cookie);
/* @cookie is now on @path. Returns 0, -ENOENT or -ENOMEM. */
int watches_rename(struct watches *ws, uint64_t cookie, const char *path);
/* From when on @cookie's counting is sure. Returns 0 or -ENOENT. */
int watches_since(struct watches *ws, uint64_t cookie, uint64_t since_ns);
/* NULL if there is none. */
const char *watches_path(const struct watches *ws, uint64_t cookie);
size_t watches_count(const struct watches *ws);
bool watches_has(const struct watches *ws, uint64_t cookie);
/* How many want @h; the cookies of the first @max of them, from the lowest cgroup up, to @ret. */
size_t watches_match(const struct watches *ws, const struct happening *h, uint64_t *ret,
		     size_t max);
/* Whether what happened in @path at @when_ns is any watch's, whatever its kinds. */
enum engine_cover watches_cover(const struct watches *ws, enum hierarchy h, const char *path,
				uint64_t when_ns);
