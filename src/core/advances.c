/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/advances.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/path.h"

#define ASKED_MAX 256 /* cgroups in one call */
#define NEAR_NS UINT64_C(1000000000)

struct cell_key {
	uint64_t id;
	uint32_t kind;
	uint32_t hierarchy;
};

/* One cgroup. `left` are not claimed exactly; loose claims are on what is left. */
struct cell {
	struct cell_key key;
	char *path;
	uint64_t left;
	uint64_t when_ns;  /* of the last one */
	uint64_t asked_ns; /* when it was last asked whether the cgroup is gone */
	UT_hash_handle hh;
};

/* Where loose counts were. */
struct place {
	struct cell_key key; /* but for its id */
	char *path;
	uint64_t claims;       /* here */
	uint64_t claims_below; /* here and at places below */
	uint64_t left_below;   /* advances in cgroups here and below */
	struct place *prev, *next;
};

struct advances {
	advances_gone gone;
	void *gone_ctx;
	struct cell *cells; /* in the order in which they were made */
	struct place *places;
	size_t places_n;
	uint64_t folded[2][3]; /* by kind and hierarchy */
};

struct advances *advances_new(advances_gone gone, void *ctx)
{
	struct advances *a = calloc(1, sizeof(*a));

	if (a) {
		a->gone = gone;
		a->gone_ctx = ctx;
	}
	return a;
}

bool advances_exchange(const struct advances *a)
{
	return a->places != NULL;
}

static void cell_drop(struct advances *a, struct cell *c)
{
	HASH_DEL(a->cells, c);
	free(c->path);
	free(c);
}

static void place_drop(struct advances *a, struct place *p)
{
	DL_DELETE(a->places, p);
	a->places_n--;
	free(p->path);
	free(p);
}

struct advances *advances_free(struct advances *a)
{
	struct cell *c, *tmp;

	if (!a)
		return NULL;
	HASH_ITER (hh, a->cells, c, tmp)
		cell_drop(a, c);
	while (a->places)
		place_drop(a, a->places);
	free(a);
	return NULL;
}

static struct cell_key key_of(const struct spot *s)
{
	return (struct cell_key){ s->id, (uint32_t)s->kind, (uint32_t)s->hierarchy };
}

static bool is_alike(const struct cell_key *a, const struct cell_key *b)
{
	return a->kind == b->kind && a->hierarchy == b->hierarchy;
}

static struct cell *cell_find(const struct advances *a, const struct spot *s)
{
	const struct cell_key key = key_of(s);
	struct cell *c, *tmp;

	if (s->id != 0) {
		HASH_FIND(hh, a->cells, &key, sizeof(key), c);
		return c;
	}
	HASH_ITER (hh, a->cells, c, tmp)
		if (is_alike(&c->key, &key) && strcmp(c->path, s->path) == 0)
			return c;
	return NULL;
}

static struct spot spot_of(const struct cell *c)
{
	return (struct spot){ (enum event_kind)c->key.kind, (enum hierarchy)c->key.hierarchy,
			      c->key.id, c->path };
}

static bool is_gone(const struct advances *a, const struct cell *c)
{
	const struct spot s = spot_of(c);

	return a->gone && a->gone(a->gone_ctx, &s);
}

/* Whether what happens at @path in cells like @key is at @p or below it. */
static bool covers(const struct place *p, const struct cell_key *key, const char *path)
{
	return is_alike(&p->key, key) && path_is_at_or_below(path, p->path);
}

/* Changes the claims at @p by @n, one way or the other. */
static void place_change(struct advances *a, struct place *p, int64_t n)
{
	struct place *q;

	p->claims += (uint64_t)n;
	DL_FOREACH (a->places, q)
		if (covers(q, &p->key, p->path))
			q->claims_below += (uint64_t)n;
}

/* Changes what is left of @c by @n, one way or the other; a cell with nothing left is dropped. */
static void cell_change(struct advances *a, struct cell *c, int64_t n)
{
	struct place *p;

	DL_FOREACH (a->places, p)
		if (covers(p, &c->key, c->path))
			p->left_below += (uint64_t)n;
	c->left += (uint64_t)n;
	if (c->left == 0)
		cell_drop(a, c);
}

/* How many more claims all places at or above @path can bear, @n at most. */
static uint64_t slack_above(const struct advances *a, const struct cell_key *key, const char *path,
			    uint64_t n)
{
	const struct place *p;

	DL_FOREACH (a->places, p)
		if (covers(p, key, path) && p->left_below - p->claims_below < n)
			n = p->left_below - p->claims_below;
	return n;
}

static uint64_t claim_cell(struct advances *a, struct cell *c, uint64_t n)
{
	n = slack_above(a, &c->key, c->path, n < c->left ? n : c->left);
	if (n > 0)
		cell_change(a, c, -(int64_t)n);
	return n;
}

uint64_t advances_claim(struct advances *a, const struct spot *s, uint64_t n)
{
	struct cell *c = cell_find(a, s);

	return c && n > 0 ? claim_cell(a, c, n) : 0;
}

/* Gives up to @n claims at @p to cells; @dead: to those of cgroups that are gone alone. */
static uint64_t give_claims(struct advances *a, const struct place *p, uint64_t n, bool dead)
{
	struct cell *c, *tmp;

	HASH_ITER (hh, a->cells, c, tmp) {
		if (n == 0)
			break;
		/* What other places need is left to them: all claims together were possible. */
		if (covers(p, &c->key, c->path) && (!dead || is_gone(a, c)))
			n -= claim_cell(a, c, n);
	}
	return n;
}

/*
 * Gives the claims at @p to cells: no count that comes later can exchange them any more. Those of cgroups
 * that are gone first: no exact count comes for them.
 */
static void place_settle(struct advances *a, struct place *p)
{
	uint64_t n = p->claims;

	place_change(a, p, -(int64_t)n);
	n = give_claims(a, p, n, true);
	(void)give_claims(a, p, n, false);
	place_drop(a, p);
}

static struct cell *cell_make(struct advances *a, const struct spot *s)
{
	struct cell *c;

	while (HASH_COUNT(a->cells) >= ADVANCES_MAX && a->places)
		place_settle(a, a->places);
	if (HASH_COUNT(a->cells) >= ADVANCES_MAX)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->key = key_of(s);
	c->path = strdup(s->path);
	if (!c->path) {
		free(c);
		return NULL;
	}
	HASH_ADD(hh, a->cells, key, sizeof(c->key), c);
	if (!c->hh.tbl) { /* uthash without memory leaves the element out (HASH_NONFATAL_OOM) */
		free(c->path);
		free(c);
		return NULL;
	}
	return c;
}

bool advances_add(struct advances *a, const struct spot *s, uint64_t when_ns)
{
	struct cell *c = cell_find(a, s);

	if (!c)
		c = cell_make(a, s);
	if (!c)
		return false;
	c->when_ns = when_ns;
	cell_change(a, c, 1);
	return true;
}

static struct place *place_make(struct advances *a, const struct spot *s)
{
	struct place *p = calloc(1, sizeof(*p)), *q;
	struct cell *c, *tmp;

	if (p)
		p->path = strdup(s->path);
	if (!p || !p->path) {
		free(p);
		return NULL;
	}
	if (a->places_n >= ADVANCES_PLACES)
		place_settle(a, a->places);
	p->key = key_of(s);
	HASH_ITER (hh, a->cells, c, tmp)
		if (covers(p, &c->key, c->path))
			p->left_below += c->left;
	DL_FOREACH (a->places, q)
		if (covers(p, &q->key, q->path))
			p->claims_below += q->claims;
	DL_APPEND(a->places, p);
	a->places_n++;
	return p;
}

static struct place *place_find(struct advances *a, const struct spot *s)
{
	const struct cell_key key = key_of(s);
	struct place *p;

	DL_FOREACH (a->places, p)
		if (is_alike(&p->key, &key) && strcmp(p->path, s->path) == 0)
			return p;
	return place_make(a, s);
}

uint64_t advances_claim_below(struct advances *a, const struct spot *s, uint64_t n)
{
	const struct cell_key key = key_of(s);
	struct place *p;

	if (!a->cells || n == 0)
		return 0;
	p = place_find(a, s);
	if (!p)
		return 0;
	n = slack_above(a, &key, s->path, n);
	place_change(a, p, (int64_t)n);
	if (p->claims == 0)
		place_drop(a, p);
	return n;
}

uint64_t advances_claim_near(struct advances *a, const struct spot *s, uint64_t n, uint64_t when_ns)
{
	const struct cell_key key = key_of(s);
	struct cell *c, *tmp;
	uint64_t claimed = 0;

	HASH_ITER (hh, a->cells, c, tmp) {
		if (claimed == n)
			break;
		if (is_alike(&c->key, &key) && c->when_ns + NEAR_NS > when_ns &&
		    when_ns + NEAR_NS > c->when_ns &&
		    (path_is_at_or_below(c->path, s->path) ||
		     path_is_at_or_below(s->path, c->path)))
			claimed += claim_cell(a, c, n - claimed);
	}
	return claimed;
}

/* Loose claims are on advances in cgroups that are gone, as far as there are any. */
struct advances_left advances_left(const struct advances *a, enum event_kind kind, enum hierarchy h)
{
	const struct cell_key key = { .kind = (uint32_t)kind, .hierarchy = (uint32_t)h };
	struct advances_left left = { a->folded[kind][h], a->folded[kind][h] };
	const struct place *p;
	struct cell *c, *tmp;
	uint64_t claims = 0;

	HASH_ITER (hh, a->cells, c, tmp) {
		if (!is_alike(&c->key, &key))
			continue;
		left.all += c->left;
		left.gone += is_gone(a, c) ? c->left : 0;
	}
	DL_FOREACH (a->places, p)
		if (is_alike(&p->key, &key))
			claims += p->claims;
	left.all -= claims;
	left.gone -= claims < left.gone ? claims : left.gone;
	return left;
}

/* The lowest place with claims that covers @c, and how many of them can be on @c for good. */
static struct place *lowest_claim(const struct advances *a, const struct cell *c, uint64_t *ret_n)
{
	struct place *p, *found = NULL;
	uint64_t n = c->left;

	DL_FOREACH (a->places, p)
		if (p->claims > 0 && covers(p, &c->key, c->path) &&
		    (!found || path_is_below(p->path, found->path)))
			found = p;
	if (!found)
		return NULL;
	DL_FOREACH (a->places, p)
		if (covers(p, &c->key, c->path) && path_is_below(p->path, found->path) &&
		    p->left_below - p->claims_below < n)
			n = p->left_below - p->claims_below;
	*ret_n = n < found->claims ? n : found->claims;
	return found;
}

/* @c's cgroup is gone: what loose counts have claimed of it they keep. Frees @c if nothing is left. */
static void fix_claims(struct advances *a, struct cell *c)
{
	struct place *p;
	uint64_t n = 0;

	p = lowest_claim(a, c, &n);
	if (!p || n == 0)
		return;
	place_change(a, p, -(int64_t)n);
	cell_change(a, c, -(int64_t)n);
	if (p->claims == 0)
		place_drop(a, p);
}

/* Of @c, which nobody will count, what is free of claims. */
static void cell_forget(struct advances *a, struct cell *c)
{
	uint64_t left = c->left, n;
	bool gone = is_gone(a, c);
	struct cell_key key = c->key;

	n = claim_cell(a, c, left);
	if (gone)
		a->folded[key.kind][key.hierarchy] += n;
}

void advances_forget(struct advances *a, advances_covered covered, void *ctx)
{
	struct place *p, *ptmp;
	struct cell *c, *tmp;

	/* Settled, a claim is on some advance for good, and those that are left are free. */
	DL_FOREACH_SAFE (a->places, p, ptmp) {
		const struct spot s = { (enum event_kind)p->key.kind,
					(enum hierarchy)p->key.hierarchy, 0, p->path };

		if (!covered(ctx, &s))
			place_settle(a, p);
	}
	HASH_ITER (hh, a->cells, c, tmp) {
		const struct spot s = spot_of(c);

		if (!covered(ctx, &s))
			cell_forget(a, c);
	}
}

void advances_fold(struct advances *a, uint64_t now_ns, uint64_t until_ns)
{
	unsigned asked = 0;
	struct cell *c, *tmp;

	HASH_ITER (hh, a->cells, c, tmp) {
		enum event_kind kind = (enum event_kind)c->key.kind;
		enum hierarchy h = (enum hierarchy)c->key.hierarchy;
		uint64_t before = c->left, n;

		if (c->when_ns > until_ns || c->asked_ns > until_ns)
			continue;
		if (++asked > ASKED_MAX)
			return;
		c->asked_ns = now_ns;
		if (!is_gone(a, c))
			continue;
		n = claim_cell(a, c, before);
		a->folded[kind][h] += n;
		if (n < before)
			fix_claims(a, c);
	}
}
