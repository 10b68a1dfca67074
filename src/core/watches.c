/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/watches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

/* A path with watches on it. */
struct place {
	char *path;
	struct entry *entries;
	UT_hash_handle hh;
};

struct entry {
	struct watch spec; /* its path is the place's */
	uint64_t since_ns; /* UINT64_MAX: its counting has not begun for sure */
	struct place *place;
	struct entry *prev, *next; /* on the same place */
	UT_hash_handle hh;
};

struct watches {
	struct entry *entries; /* by cookie */
	struct place *places;
};

struct watches *watches_new(void)
{
	return calloc(1, sizeof(struct watches));
}

static void place_prune(struct watches *ws, struct place *p)
{
	if (p->entries)
		return;
	HASH_DEL(ws->places, p);
	free(p->path);
	free(p);
}

struct watches *watches_free(struct watches *ws)
{
	struct entry *e, *tmp;

	if (!ws)
		return NULL;
	HASH_ITER (hh, ws->entries, e, tmp)
		(void)watches_remove(ws, e->spec.cookie);
	free(ws);
	return NULL;
}

static struct entry *entry_find(const struct watches *ws, uint64_t cookie)
{
	struct entry *e;

	HASH_FIND(hh, ws->entries, &cookie, sizeof(cookie), e);
	return e;
}

static struct place *place_find(const struct watches *ws, const char *path, size_t n)
{
	struct place *p;

	HASH_FIND(hh, ws->places, path, n, p);
	return p;
}

/* The place at @path, made if need be; NULL without memory. */
static struct place *place_get(struct watches *ws, const char *path)
{
	struct place *p = place_find(ws, path, strlen(path));

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->path = strdup(path);
	if (p->path)
		HASH_ADD_KEYPTR(hh, ws->places, p->path, strlen(p->path), p);
	if (!p->path || !p->hh.tbl) { /* uthash leaves out what it has no memory for */
		free(p->path);
		free(p);
		return NULL;
	}
	return p;
}

static void entry_put(struct entry *e, struct place *p)
{
	e->place = p;
	e->spec.path = p->path;
	DL_APPEND(p->entries, e);
}

static void entry_take(struct watches *ws, struct entry *e)
{
	struct place *p = e->place;

	DL_DELETE(p->entries, e);
	place_prune(ws, p);
}

int watches_add(struct watches *ws, const struct watch *spec)
{
	struct entry *e;
	struct place *p;

	if (entry_find(ws, spec->cookie))
		return -EEXIST;
	e = calloc(1, sizeof(*e));
	p = e ? place_get(ws, spec->path) : NULL;
	if (!p) {
		free(e);
		return -ENOMEM;
	}
	e->spec = *spec;
	e->since_ns = UINT64_MAX;
	HASH_ADD(hh, ws->entries, spec.cookie, sizeof(e->spec.cookie), e);
	if (!e->hh.tbl) {
		place_prune(ws, p);
		free(e);
		return -ENOMEM;
	}
	entry_put(e, p);
	return 0;
}

int watches_remove(struct watches *ws, uint64_t cookie)
{
	struct entry *e = entry_find(ws, cookie);

	if (!e)
		return -ENOENT;
	HASH_DEL(ws->entries, e);
	entry_take(ws, e);
	free(e);
	return 0;
}

int watches_rename(struct watches *ws, uint64_t cookie, const char *path)
{
	struct entry *e = entry_find(ws, cookie);
	struct place *p;

	if (!e)
		return -ENOENT;
	p = place_get(ws, path);
	if (!p)
		return -ENOMEM;
	if (p != e->place) {
		entry_take(ws, e);
		entry_put(e, p);
	}
	return 0;
}

int watches_since(struct watches *ws, uint64_t cookie, uint64_t since_ns)
{
	struct entry *e = entry_find(ws, cookie);

	if (!e)
		return -ENOENT;
	e->since_ns = since_ns;
	return 0;
}

bool watches_has(const struct watches *ws, uint64_t cookie)
{
	return entry_find(ws, cookie) != NULL;
}

const char *watches_path(const struct watches *ws, uint64_t cookie)
{
	const struct entry *e = entry_find(ws, cookie);

	return e ? e->spec.path : NULL;
}

size_t watches_count(const struct watches *ws)
{
	return HASH_COUNT(ws->entries);
}

/* The length of the path above the first @n bytes of @path: of "/a/b" 2, of "/a" 1, of "/" 0. */
static size_t length_above(const char *path, size_t n)
{
	if (n <= 1)
		return 0;
	while (path[n - 1] != '/')
		n--;
	return n == 1 ? 1 : n - 1;
}

/* Whether @e, on a place at or above, looks at what happened right there or below it. */
static bool entry_looks(const struct entry *e, enum hierarchy h, bool below)
{
	if (e->spec.hierarchy != HIERARCHY_NONE && h != HIERARCHY_NONE && e->spec.hierarchy != h)
		return false;
	return !below || !e->spec.local;
}

size_t watches_match(const struct watches *ws, const struct happening *h, uint64_t *ret, size_t max)
{
	bool below = h->below;
	size_t found = 0;

	for (size_t n = strlen(h->path); n > 0; n = length_above(h->path, n), below = true) {
		const struct place *p = place_find(ws, h->path, n);
		const struct entry *e;

		DL_FOREACH (p ? p->entries : NULL, e) {
			if (!(e->spec.kinds & EVENT_MASK(h->kind)) ||
			    h->when_ns < e->spec.from_ns || !entry_looks(e, h->hierarchy, below))
				continue;
			if (found < max)
				ret[found] = e->spec.cookie;
			found++;
		}
	}
	return found;
}

enum engine_cover watches_cover(const struct watches *ws, enum hierarchy h, const char *path,
				uint64_t when_ns)
{
	enum engine_cover best = ENGINE_COVER_NONE;
	bool below = false;

	for (size_t n = strlen(path); n > 0; n = length_above(path, n), below = true) {
		const struct place *p = place_find(ws, path, n);
		const struct entry *e;

		DL_FOREACH (p ? p->entries : NULL, e) {
			if (!entry_looks(e, h, below))
				continue;
			if (when_ns > e->since_ns)
				return ENGINE_COVER_SURE;
			best = ENGINE_COVER_STARTING;
		}
	}
	return best;
}
