/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/reconcile.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/path.h"
#include "base/saturate.h"

/* An advance (event is NULL: told) or a candidate. */
struct entry {
	enum event_kind kind;
	enum hierarchy hierarchy;
	uint64_t id;
	char *path;
	bool below;
	uint64_t when_ns;
	uint64_t due_ns; /* a patient candidate is told then; else UINT64_MAX */
	struct event *event;
	char *taker; /* a loose count at that path has claimed it: it may be exchanged */
	uint64_t visit;
	struct entry *prev, *next;
};

/* A count that waits for names. */
struct pending {
	struct event *event;
	bool loose;
	uint64_t due_ns;
	struct pending *prev, *next;
};

/* What was told without a name: a name that comes for it now is late. */
struct debt {
	enum event_kind kind;
	enum hierarchy hierarchy;
	uint64_t id;
	char *path;
	bool loose;
	uint64_t count;
	uint64_t told_ns;
	struct debt *prev, *next;
};

struct reconcile {
	struct reconcile_calls calls;
	unsigned expected;
	bool missed;
	bool draining;
	uint64_t visit;        /* serial of the search that an entry was met in */
	struct entry *entries; /* the oldest first */
	size_t entries_n;
	struct pending *pending;
	struct debt *debts;
	size_t debts_n;
	struct reconcile_figures figures;
};

struct reconcile *reconcile_new(const struct reconcile_calls *calls)
{
	struct reconcile *r = calloc(1, sizeof(*r));

	if (r)
		r->calls = *calls;
	return r;
}

static void entry_drop(struct reconcile *r, struct entry *s)
{
	DL_DELETE(r->entries, s);
	r->entries_n--;
	event_free(s->event);
	free(s->path);
	free(s->taker);
	free(s);
}

static void pending_drop(struct reconcile *r, struct pending *p)
{
	DL_DELETE(r->pending, p);
	event_free(p->event);
	free(p);
}

static void debt_drop(struct reconcile *r, struct debt *d)
{
	DL_DELETE(r->debts, d);
	r->debts_n--;
	free(d->path);
	free(d);
}

struct reconcile *reconcile_free(struct reconcile *r)
{
	if (!r)
		return NULL;
	while (r->entries)
		entry_drop(r, r->entries);
	while (r->pending)
		pending_drop(r, r->pending);
	while (r->debts)
		debt_drop(r, r->debts);
	free(r);
	return NULL;
}

void reconcile_expect(struct reconcile *r, unsigned kinds)
{
	r->expected = kinds;
}

void reconcile_missed(struct reconcile *r)
{
	r->missed = true;
}

static void tell(struct reconcile *r, struct event *e)
{
	r->calls.tell(r->calls.ctx, e);
}

/* One place of a sighting against one of a count. */
struct place {
	enum event_kind kind;
	enum hierarchy hierarchy;
	uint64_t id;
	const char *path;
	bool loose;
};

static struct place place_of(const struct event *e, bool loose)
{
	return (struct place){ e->kind, e->hierarchy, e->cgroup_id, e->cgroup, loose };
}

static bool same_hierarchy(enum hierarchy a, enum hierarchy b)
{
	return a == b || a == HIERARCHY_NONE || b == HIERARCHY_NONE;
}

/* Whether what was counted at @p can be what was seen at @s. */
static bool fits(const struct place *p, const struct sighted *s)
{
	if (p->kind != s->kind || !same_hierarchy(p->hierarchy, s->hierarchy))
		return false;
	if (!p->loose && p->id != 0 && s->id != 0)
		return p->id == s->id;
	if (!s->path)
		return false;
	if (strcmp(p->path, s->path) == 0)
		return true;
	/* A loose one covers what is below it; what was seen below somewhere may be any one there. */
	return (p->loose && path_is_below(s->path, p->path)) ||
	       (s->below && path_is_below(p->path, s->path));
}

static struct sighted sighted_of(const struct entry *s)
{
	return (struct sighted){ .kind = s->kind,
				 .hierarchy = s->hierarchy,
				 .id = s->id,
				 .path = s->path,
				 .below = s->below,
				 .when_ns = s->when_ns };
}

static bool entry_fits(const struct place *p, const struct entry *s)
{
	const struct sighted seen = sighted_of(s);

	return fits(p, &seen);
}

/* A named event is about to be told, or was: the count of @counted says so too. */
static void add_evidence(struct event *e, const struct event *counted)
{
	e->evidence |= counted->evidence;
	/* Where it happened is told by the one of both that knows it exactly. */
	if (!e->cgroup || (e->below && !counted->below)) {
		free(e->cgroup);
		e->cgroup = strdup(counted->cgroup);
		e->cgroup_id = counted->cgroup_id;
		e->removed = counted->removed;
		e->unplaced = counted->unplaced;
		e->below = counted->below;
	}
	if (e->hierarchy == HIERARCHY_NONE)
		e->hierarchy = counted->hierarchy;
	if (e->limit_cgroup || !counted->limit_cgroup || e->constraint != OOM_CONSTRAINT_UNKNOWN)
		return;
	e->limit_cgroup = strdup(counted->limit_cgroup);
	e->limit_id = counted->limit_id;
	e->limit_bytes = counted->limit_bytes;
	e->limit_or_above = counted->limit_or_above;
}

static void tell_named(struct reconcile *r, struct event *e)
{
	if (e->kind == EVENT_KILL)
		r->figures.identified++;
	tell(r, e);
}

static void lessen(struct event *counted)
{
	counted->count_min -= counted->count_min > 0;
	counted->count_max--;
}

/* @s is claimed by what @counted counts: told now, if it was not yet. */
static void claimed(struct reconcile *r, struct entry *s, const struct event *counted)
{
	struct event *e = s->event;

	if (!e)
		return;
	s->event = NULL;
	add_evidence(e, counted);
	tell_named(r, e);
}

/*
 * An entry that @p can claim: one that nobody has, or one that a loose count has and can exchange, by
 * the same rule. So the claims are at any time as many as can be: a maximum matching, and this is a step
 * along an augmenting path. A path leads from one loose count to another, and ends soon: those that hold
 * one entry lie above each other.
 */
static struct entry *find_entry(struct reconcile *r, const struct place *p,
				const struct event *counted)
{
	struct entry *s, *other;

	DL_FOREACH (r->entries, s)
		if (!s->taker && entry_fits(p, s))
			return s;
	DL_FOREACH (r->entries, s) {
		const struct place holder = { s->kind, s->hierarchy, 0, s->taker, true };

		if (!s->taker || s->visit == r->visit || !entry_fits(p, s))
			continue;
		s->visit = r->visit;
		other = find_entry(r, &holder, counted);
		if (!other)
			continue;
		other->taker = s->taker;
		s->taker = NULL;
		claimed(r, other, counted);
		return s;
	}
	return NULL;
}

/* @counted claims what it can. */
static void claim_all(struct reconcile *r, struct event *counted, bool loose)
{
	const struct place p = place_of(counted, loose);

	while (counted->count_max > 0) {
		struct entry *s;

		r->visit++;
		s = find_entry(r, &p, counted);
		if (!s)
			return;
		lessen(counted);
		claimed(r, s, counted);
		if (loose)
			s->taker = strdup(counted->cgroup);
		if (!s->taker)
			entry_drop(r, s);
	}
}

static void debt_add(struct reconcile *r, const struct event *e, bool loose)
{
	struct debt *d;

	if (!(r->expected & EVENT_MASK(e->kind)))
		return;
	d = calloc(1, sizeof(*d));
	if (d)
		d->path = strdup(e->cgroup);
	if (!d || !d->path) {
		free(d);
		return;
	}
	d->kind = e->kind;
	d->hierarchy = e->hierarchy;
	d->id = e->cgroup_id;
	d->loose = loose;
	d->count = e->count_max;
	d->told_ns = e->boottime_ns + RECONCILE_WAIT_NS;
	if (r->debts_n == RECONCILE_DEBTS_MAX)
		debt_drop(r, r->debts);
	DL_APPEND(r->debts, d);
	r->debts_n++;
}

static bool is_loose(const struct event *e)
{
	return e->removed || e->unplaced || e->below;
}

/* No name has come for what is left. */
static void tell_unnamed(struct reconcile *r, struct event *e, bool loose)
{
	if (e->kind == EVENT_KILL) {
		if (e->count_min == 0 && !r->missed && (r->expected & EVENT_MASK(EVENT_KILL))) {
			r->figures.twice = add_saturated(r->figures.twice, e->count_max);
			event_free(e);
			return;
		}
		r->figures.unnamed = add_saturated(r->figures.unnamed, e->count_max);
	}
	debt_add(r, e, loose);
	tell(r, e);
}

/*
 * v1's signals do not say whose limit was hit; near the making and removal of cgroups the source may
 * take one's oom for that of a cgroup above or below.
 */
static void claim_related(struct reconcile *r, struct event *counted)
{
	struct entry *s, *tmp;

	if (counted->kind != EVENT_OOM || counted->hierarchy != HIERARCHY_V1)
		return;
	DL_FOREACH_SAFE (r->entries, s, tmp) {
		if (counted->count_max == 0)
			return;
		if (s->kind == EVENT_OOM && s->hierarchy == HIERARCHY_V1 && !s->taker && s->path &&
		    (path_is_below(s->path, counted->cgroup) ||
		     path_is_below(counted->cgroup, s->path))) {
			lessen(counted);
			claimed(r, s, counted);
			entry_drop(r, s);
		}
	}
}

static void release(struct reconcile *r, struct pending *p)
{
	struct event *e = p->event;

	p->event = NULL;
	claim_all(r, e, p->loose);
	claim_related(r, e);
	if (e->count_max == 0)
		event_free(e);
	else
		tell_unnamed(r, e, p->loose);
	pending_drop(r, p);
}

static void drain(struct reconcile *r)
{
	if (!r->calls.drain || r->draining)
		return;
	r->draining = true;
	r->calls.drain(r->calls.ctx);
	r->draining = false;
}

static void wait_for_names(struct reconcile *r, struct event *e, bool loose)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p) {
		tell_unnamed(r, e, loose);
		return;
	}
	*p = (struct pending){ .event = e,
			       .loose = loose,
			       .due_ns = e->boottime_ns + RECONCILE_WAIT_NS };
	DL_APPEND(r->pending, p);
}

/* What ends a cgroup, or says that its tasks wait, is told behind what it follows from. */
static void release_before(struct reconcile *r, const struct event *e)
{
	struct pending *p, *tmp;

	if (!r->pending || !e->cgroup)
		return;
	drain(r);
	DL_FOREACH_SAFE (r->pending, p, tmp)
		if (same_hierarchy(p->event->hierarchy, e->hierarchy) &&
		    (strcmp(p->event->cgroup, e->cgroup) == 0 ||
		     path_is_below(p->event->cgroup, e->cgroup)))
			release(r, p);
}

void reconcile_counted(struct reconcile *r, struct event *e)
{
	bool loose = is_loose(e);

	if (e->kind != EVENT_OOM && e->kind != EVENT_KILL) {
		if (e->kind == EVENT_GONE || e->kind == EVENT_PAUSED)
			release_before(r, e);
		tell(r, e);
		return;
	}
	claim_all(r, e, loose);
	if (e->count_max > 0 && (r->expected & EVENT_MASK(e->kind))) {
		drain(r);
		claim_all(r, e, loose);
	}
	if (e->count_max == 0)
		event_free(e);
	else if (r->expected & EVENT_MASK(e->kind))
		wait_for_names(r, e, loose);
	else
		tell_unnamed(r, e, loose);
}

/* A count without a name: one that still waits for it, or one that was told. */
struct unit {
	struct pending *pending;
	struct debt *debt;
	char *taker; /* whose loose claim the sighting enters, on the heap; NULL: an exact one */
};

static bool debt_fits(const struct debt *d, const struct sighted *s, bool loose)
{
	const struct place p = { d->kind, d->hierarchy, d->id, d->path, d->loose };

	return d->loose == loose && s->when_ns <= d->told_ns && fits(&p, s);
}

/* Exact counts first: what they want fits nobody else. */
static bool find_direct(struct reconcile *r, const struct sighted *s, struct unit *ret)
{
	for (int loose = 0; loose < 2; loose++) {
		struct pending *p;
		struct debt *d;

		DL_FOREACH (r->debts, d)
			if (debt_fits(d, s, loose == 1)) {
				*ret = (struct unit){ .debt = d,
						      .taker = loose ? strdup(d->path) : NULL };
				return true;
			}
		DL_FOREACH (r->pending, p) {
			const struct place at = place_of(p->event, p->loose);

			if (p->loose != (loose == 1) || !fits(&at, s))
				continue;
			*ret = (struct unit){ .pending = p,
					      .taker = loose ? strdup(at.path) : NULL };
			return true;
		}
	}
	return false;
}

/* The same from the other side: a loose count may give up what it has claimed for @s. */
static bool find_unit(struct reconcile *r, const struct sighted *s, struct unit *ret)
{
	struct entry *other;

	if (find_direct(r, s, ret))
		return true;
	DL_FOREACH (r->entries, other) {
		const struct place holder = { other->kind, other->hierarchy, 0, other->taker,
					      true };
		const struct sighted seen = sighted_of(other);
		char *taker;

		if (!other->taker || other->visit == r->visit || !fits(&holder, s))
			continue;
		other->visit = r->visit;
		if (!find_unit(r, &seen, ret))
			continue;
		taker = other->taker;
		other->taker = ret->taker;
		ret->taker = taker;
		if (!other->taker)
			entry_drop(r, other);
		return true;
	}
	return false;
}

static struct entry *entry_new(const struct sighted *s)
{
	struct entry *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->kind = s->kind;
	n->hierarchy = s->hierarchy;
	n->id = s->id;
	n->below = s->below;
	n->when_ns = s->when_ns;
	n->due_ns = s->how == SIGHTED_PATIENT ? s->when_ns + RECONCILE_WAIT_NS : UINT64_MAX;
	n->path = s->path ? strdup(s->path) : NULL;
	if (s->path && !n->path) {
		free(n);
		return NULL;
	}
	return n;
}

/* Makes room: what has been claimed can be forgotten. */
static bool have_room(struct reconcile *r)
{
	struct entry *s;

	if (r->entries_n < RECONCILE_SIGHTED_MAX)
		return true;
	DL_FOREACH (r->entries, s)
		if (s->taker) {
			entry_drop(r, s);
			return true;
		}
	return false;
}

static struct entry *entry_add(struct reconcile *r, const struct sighted *s)
{
	struct entry *n = have_room(r) ? entry_new(s) : NULL;

	if (n) {
		DL_APPEND(r->entries, n);
		r->entries_n++;
	}
	return n;
}

static void keep(struct reconcile *r, const struct sighted *s, struct event *e)
{
	struct entry *n = entry_add(r, s);

	if (!n) { /* the counters will tell it, without a name */
		r->figures.dropped++;
		r->missed = true;
		event_free(e);
	} else if (s->how == SIGHTED_SURE) {
		tell_named(r, e);
	} else {
		n->event = e;
	}
}

static void name_pending(struct reconcile *r, struct pending *p, struct event *e)
{
	lessen(p->event);
	add_evidence(e, p->event);
	tell_named(r, e);
	if (p->event->count_max == 0)
		pending_drop(r, p);
}

/* It was told without a name. */
static void name_late(struct reconcile *r, struct debt *d, struct event *e)
{
	if (e->kind == EVENT_KILL) {
		r->figures.late++;
		r->figures.unnamed -= r->figures.unnamed > 0;
	}
	if (--d->count == 0)
		debt_drop(r, d);
	event_free(e);
}

void reconcile_sighted(struct reconcile *r, const struct sighted *s, struct event *e)
{
	struct entry *n;
	struct unit u;

	r->visit++;
	if (!find_unit(r, s, &u)) {
		keep(r, s, e);
		return;
	}
	if (u.taker) {
		n = entry_add(r, s); /* without memory it cannot be exchanged */
		if (n)
			n->taker = u.taker;
		else
			free(u.taker);
	}
	if (u.debt)
		name_late(r, u.debt, e);
	else
		name_pending(r, u.pending, e);
}

/* What has waited for its name, or for its count, until @due_ns is told without. */
static void release_due(struct reconcile *r, uint64_t due_ns)
{
	struct pending *p, *ptmp;
	struct entry *s, *stmp;

	drain(r);
	DL_FOREACH_SAFE (r->pending, p, ptmp)
		if (p->due_ns <= due_ns)
			release(r, p);
	DL_FOREACH_SAFE (r->entries, s, stmp) {
		if (!s->event || s->due_ns > due_ns)
			continue;
		tell_named(r, s->event);
		s->event = NULL;
	}
}

void reconcile_flush(struct reconcile *r)
{
	release_due(r, UINT64_MAX - 1);
}

static void forget_entries(struct reconcile *r, uint64_t now_ns)
{
	struct entry *s, *tmp;

	DL_FOREACH_SAFE (r->entries, s, tmp)
		/* An unclaimed advance stays: its count may come with the last reading. */
		if ((s->event || s->taker) && s->when_ns + RECONCILE_KEEP_NS <= now_ns)
			entry_drop(r, s);
}

void reconcile_run(struct reconcile *r, uint64_t now_ns)
{
	struct debt *d, *tmp;

	if (reconcile_deadline(r) <= now_ns)
		release_due(r, now_ns);
	forget_entries(r, now_ns);
	DL_FOREACH_SAFE (r->debts, d, tmp)
		if (d->told_ns + RECONCILE_KEEP_NS <= now_ns)
			debt_drop(r, d);
}

uint64_t reconcile_deadline(const struct reconcile *r)
{
	const struct pending *p;
	const struct entry *s;
	uint64_t due = UINT64_MAX;

	DL_FOREACH (r->pending, p)
		due = p->due_ns < due ? p->due_ns : due;
	DL_FOREACH (r->entries, s)
		if (s->event && s->due_ns < due)
			due = s->due_ns;
	return due;
}

void reconcile_get_figures(const struct reconcile *r, struct reconcile_figures *ret)
{
	const struct entry *s;

	*ret = r->figures;
	DL_FOREACH (r->entries, s)
		if (!s->event && !s->taker)
			(s->hierarchy == HIERARCHY_V1 ? ret->ahead_v1 : ret->ahead)[s->kind]++;
}
