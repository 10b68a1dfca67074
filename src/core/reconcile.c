/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/reconcile.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/path.h"
#include "base/saturate.h"
#include "core/advances.h"

#define TURN_NS UINT64_C(5000000000)    /* that an oom may wait for others to be done */
#define HELD_UP_NS UINT64_C(1000000000) /* and a kill, between its count and its mark */
#define GROUP_NS UINT64_C(1000000000)   /* between a group kill's counts */
#define GROUPS 64
#define TRIED_MAX 64                   /* debts that may be paid by exchange, for one sighting */
#define FORGET_NS UINT64_C(1000000000) /* how often what is old is looked for */

/*
 * Seen, and not told before it is counted. A patient one is among the advances already, and is told when
 * an exact count of its cgroup comes, or when it has waited.
 */
struct candidate {
	struct sighted what;
	char *path;      /* what.spot.path */
	uint64_t due_ns; /* a patient one is told then; else UINT64_MAX */
	struct oomn_event *event;
	struct candidate *prev, *next;
};

/* A count that waits for names. */
struct pending {
	struct oomn_event *event;
	bool loose;
	uint64_t due_ns;
	struct pending *prev, *next;
};

/* What was told without a name: a name that comes for it now is late. */
struct debt {
	struct spot spot;
	char *path; /* spot.path */
	bool loose;
	uint64_t count;
	uint64_t told_ns;
	struct debt *prev, *next;
};

/* A group kill: as many of the kills counted there are a victim counted twice, at most. */
struct group {
	char *path;
	enum hierarchy hierarchy;
	uint64_t recounts;
	uint64_t when_ns;
};

struct reconcile {
	struct reconcile_calls calls;
	unsigned expected;
	bool missed;
	bool draining;
	struct advances *advances;
	struct candidate *candidates;
	size_t candidates_n;
	struct pending *pending; /* the oldest first, as the next */
	size_t pending_n;
	struct debt *debts;
	size_t debts_n;
	struct group groups[GROUPS];
	size_t groups_next;
	uint64_t settling_ns;  /* UINT64_MAX: not yet */
	uint64_t forgotten_ns; /* debts up to then were forgotten */
	uint64_t forget_ns;    /* when to look for what is old */
	struct reconcile_figures figures;
};

struct reconcile *reconcile_new(const struct reconcile_calls *calls)
{
	struct reconcile *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->calls = *calls;
	r->settling_ns = UINT64_MAX;
	r->advances = advances_new(calls->gone, calls->ctx);
	if (!r->advances)
		return reconcile_free(r);
	return r;
}

static bool is_patient(const struct candidate *c)
{
	return c->due_ns != UINT64_MAX;
}

static void candidate_drop(struct reconcile *r, struct candidate *c)
{
	DL_DELETE(r->candidates, c);
	r->candidates_n--;
	event_free(c->event);
	free(c->path);
	free(c);
}

static void pending_drop(struct reconcile *r, struct pending *p)
{
	DL_DELETE(r->pending, p);
	r->pending_n--;
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
	while (r->candidates)
		candidate_drop(r, r->candidates);
	while (r->pending)
		pending_drop(r, r->pending);
	while (r->debts)
		debt_drop(r, r->debts);
	advances_free(r->advances);
	for (size_t i = 0; i < GROUPS; i++)
		free(r->groups[i].path);
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

void reconcile_settling(struct reconcile *r, uint64_t now_ns)
{
	if (r->settling_ns == UINT64_MAX)
		r->settling_ns = now_ns;
}

static bool is_loose(const struct oomn_event *e)
{
	return e->removed || e->unplaced || e->below;
}

static struct spot spot_of(const struct oomn_event *e)
{
	return (struct spot){ e->kind, e->hierarchy, e->cgroup_id, e->cgroup };
}

static bool same_hierarchy(enum hierarchy a, enum hierarchy b)
{
	return a == b || a == HIERARCHY_NONE || b == HIERARCHY_NONE;
}

/* Whether what was counted at @p can be what was seen at @s. */
static bool fits(const struct spot *p, bool loose, const struct sighted *s)
{
	if (p->kind != s->spot.kind || !same_hierarchy(p->hierarchy, s->spot.hierarchy))
		return false;
	if (!loose && p->id != 0 && s->spot.id != 0)
		return p->id == s->spot.id;
	if (!s->spot.path)
		return false;
	if (strcmp(p->path, s->spot.path) == 0)
		return true;
	/* A loose one covers what is below it; what was seen below somewhere may be any one there. */
	return (loose && path_is_below(s->spot.path, p->path)) ||
	       (s->below && path_is_below(p->path, s->spot.path));
}

static uint64_t claim_advances(struct reconcile *r, const struct spot *s, bool loose, uint64_t n)
{
	return loose ? advances_claim_below(r->advances, s, n) : advances_claim(r->advances, s, n);
}

/* @n of @counted were told by name. */
static void lessen(struct oomn_event *counted, uint64_t n)
{
	counted->count_min -= counted->count_min < n ? counted->count_min : n;
	counted->count_max -= n;
}

static void tell_named(struct reconcile *r, struct oomn_event *e)
{
	if (e->kind == EVENT_KILL)
		r->figures.identified++;
	r->calls.tell(r->calls.ctx, e);
}

/* The named @e is what @counted counts: each tells what it knows. Without memory @e stays as it is. */
static void join(struct oomn_event *e, const struct oomn_event *counted)
{
	char *text;

	e->evidence |= counted->evidence;
	if (e->hierarchy == HIERARCHY_NONE)
		e->hierarchy = counted->hierarchy;
	if (!e->cgroup || (e->below && !counted->below)) {
		text = strdup(counted->cgroup);
		if (text) {
			free(e->cgroup);
			e->cgroup = text;
			e->cgroup_id = counted->cgroup_id;
			e->removed = counted->removed;
			e->unplaced = counted->unplaced;
			e->below = counted->below;
		}
	}
	if (e->limit_cgroup || !counted->limit_cgroup || e->constraint != OOM_CONSTRAINT_UNKNOWN)
		return;
	e->limit_cgroup = strdup(counted->limit_cgroup);
	if (!e->limit_cgroup)
		return;
	e->limit_id = counted->limit_id;
	e->limit_bytes = counted->limit_bytes;
	e->limit_or_above = counted->limit_or_above;
}

/* Tells @e, which @counted has counted. False if it has no place: then it is told without a name. */
static bool tell_counted(struct reconcile *r, struct oomn_event *e, struct oomn_event *counted)
{
	join(e, counted);
	if (!e->cgroup) {
		event_free(e);
		return false;
	}
	lessen(counted, 1);
	tell_named(r, e);
	return true;
}

/* A loose count has taken it: should an exact one come for it, they can exchange. */
static void make_exchangeable(struct reconcile *r, const struct sighted *what,
			      const struct spot *taker)
{
	if (what->below || what->spot.id == 0 || !what->spot.path ||
	    what->spot.hierarchy != taker->hierarchy)
		return;
	if (advances_add(r->advances, &what->spot, what->when_ns))
		(void)advances_claim_below(r->advances, taker, 1);
}

static void claim_candidates(struct reconcile *r, struct oomn_event *counted, bool loose)
{
	const struct spot spot = spot_of(counted);
	struct candidate *c, *tmp;

	DL_FOREACH_SAFE (r->candidates, c, tmp) {
		struct oomn_event *e = c->event;

		if (counted->count_max == 0)
			return;
		if (is_patient(c) || !fits(&spot, loose, &c->what))
			continue;
		c->event = NULL;
		if (tell_counted(r, e, counted) && loose)
			make_exchangeable(r, &c->what, &spot);
		candidate_drop(r, c);
	}
}

/* An exact count has claimed @n advances of its cgroup: those that wait for it are told with it. */
static void tell_patient(struct reconcile *r, const struct oomn_event *counted, uint64_t n)
{
	const struct spot spot = spot_of(counted);
	struct candidate *c, *tmp;

	DL_FOREACH_SAFE (r->candidates, c, tmp) {
		struct oomn_event *e = c->event;

		if (n == 0)
			return;
		if (!is_patient(c) || !fits(&spot, false, &c->what))
			continue;
		n--;
		c->event = NULL;
		join(e, counted);
		tell_named(r, e);
		candidate_drop(r, c);
	}
}

static void claim_told(struct reconcile *r, struct oomn_event *counted, bool loose)
{
	const struct spot spot = spot_of(counted);
	uint64_t n = claim_advances(r, &spot, loose, counted->count_max);

	lessen(counted, n);
	if (n > 0 && !loose && r->candidates)
		tell_patient(r, counted, n);
}

static void debt_add(struct reconcile *r, const struct oomn_event *e, bool loose)
{
	struct debt *d;

	if (!(r->expected & EVENT_MASK(e->kind)))
		return;
	if (r->debts_n == RECONCILE_DEBTS_MAX) {
		if (r->debts->told_ns > r->forgotten_ns)
			r->forgotten_ns = r->debts->told_ns;
		debt_drop(r, r->debts);
	}
	d = calloc(1, sizeof(*d));
	if (d)
		d->path = strdup(e->cgroup);
	if (!d || !d->path) {
		r->forgotten_ns = e->boottime_ns + RECONCILE_WAIT_NS;
		free(d);
		return;
	}
	d->spot = spot_of(e);
	d->spot.path = d->path;
	d->loose = loose;
	d->count = e->count_max;
	d->told_ns = e->boottime_ns + RECONCILE_WAIT_NS;
	DL_APPEND(r->debts, d);
	r->debts_n++;
}

static void group_add(struct reconcile *r, const struct oomn_event *e)
{
	struct group *g = &r->groups[r->groups_next];

	free(g->path);
	*g = (struct group){ .path = strdup(e->cgroup), /* without memory: none */
			     .hierarchy = e->hierarchy,
			     .recounts = e->count_max,
			     .when_ns = e->boottime_ns };
	r->groups_next = (r->groups_next + 1) % GROUPS;
}

static bool is_of_group(const struct group *g, const struct oomn_event *e, bool loose)
{
	uint64_t apart_ns = g->when_ns > e->boottime_ns ? g->when_ns - e->boottime_ns
							: e->boottime_ns - g->when_ns;

	return g->path && g->recounts > 0 && apart_ns <= GROUP_NS && g->hierarchy == e->hierarchy &&
	       (path_is_at_or_below(e->cgroup, g->path) ||
		(loose && path_is_below(g->path, e->cgroup)));
}

/* Kills for which no name came, where every victim is seen: a group kill's recount is none. */
static void take_recounts(struct reconcile *r, struct oomn_event *e, bool loose)
{
	uint64_t maybe = e->count_max - e->count_min; /* recounts already, as the ledger has it */

	for (size_t i = 0; i < GROUPS; i++) {
		struct group *g = &r->groups[i];
		uint64_t n;

		if (!is_of_group(g, e, loose))
			continue;
		n = g->recounts < maybe ? g->recounts : maybe;
		g->recounts -= n;
		maybe -= n;
		n = g->recounts < e->count_min ? g->recounts : e->count_min;
		g->recounts -= n;
		e->count_min -= n;
	}
}

/* No name has come for what is left. */
static void tell_unnamed(struct reconcile *r, struct oomn_event *e, bool loose)
{
	if (e->kind == EVENT_KILL) {
		if (!r->missed && (r->expected & EVENT_MASK(EVENT_KILL)))
			take_recounts(r, e, loose);
		if (e->count_min == 0 && !r->missed && (r->expected & EVENT_MASK(EVENT_KILL))) {
			r->figures.twice = add_saturated(r->figures.twice, e->count_max);
			event_free(e);
			return;
		}
		r->figures.unnamed = add_saturated(r->figures.unnamed, e->count_max);
	}
	debt_add(r, e, loose);
	r->calls.tell(r->calls.ctx, e);
}

/*
 * v1's signals do not say whose limit was hit; near the making and removal of cgroups the source may
 * take one's oom for that of a cgroup above or below.
 */
static void claim_related(struct reconcile *r, struct oomn_event *counted)
{
	const struct spot spot = spot_of(counted);

	if (counted->kind == EVENT_OOM && counted->hierarchy == HIERARCHY_V1)
		lessen(counted, advances_claim_near(r->advances, &spot, counted->count_max,
						    counted->boottime_ns));
}

static void release(struct reconcile *r, struct pending *p)
{
	struct oomn_event *e = p->event;
	bool loose = p->loose;

	p->event = NULL;
	pending_drop(r, p);
	claim_related(r, e);
	if (e->count_max == 0)
		event_free(e);
	else
		tell_unnamed(r, e, loose);
}

static void drain(struct reconcile *r)
{
	if (!r->calls.drain || r->draining)
		return;
	r->draining = true;
	r->calls.drain(r->calls.ctx);
	r->draining = false;
}

static void wait_for_names(struct reconcile *r, struct oomn_event *e, bool loose)
{
	struct pending *p;

	if (r->pending_n == RECONCILE_PENDING_MAX)
		release(r, r->pending);
	p = calloc(1, sizeof(*p));
	if (!p) {
		tell_unnamed(r, e, loose);
		return;
	}
	*p = (struct pending){ .event = e,
			       .loose = loose,
			       .due_ns = e->boottime_ns + RECONCILE_WAIT_NS };
	DL_APPEND(r->pending, p);
	r->pending_n++;
}

/* What ends a cgroup, or says that its tasks wait, is told behind what it follows from. */
static void release_before(struct reconcile *r, const struct oomn_event *e)
{
	struct pending *p, *tmp;

	if (!r->pending || !e->cgroup)
		return;
	drain(r);
	DL_FOREACH_SAFE (r->pending, p, tmp)
		if (same_hierarchy(p->event->hierarchy, e->hierarchy) &&
		    path_is_at_or_below(p->event->cgroup, e->cgroup))
			release(r, p);
}

void reconcile_counted(struct reconcile *r, struct oomn_event *e)
{
	bool loose = is_loose(e);

	if (e->kind != EVENT_OOM && e->kind != EVENT_KILL) {
		if (e->kind == EVENT_GONE || e->kind == EVENT_PAUSED)
			release_before(r, e);
		if (e->kind == EVENT_GROUP_KILL)
			group_add(r, e);
		r->calls.tell(r->calls.ctx, e);
		return;
	}
	claim_told(r, e, loose);
	if (e->count_max > 0 && (r->expected & EVENT_MASK(e->kind))) {
		drain(r);
		claim_told(r, e, loose);
	}
	/* Only then what may be older than it seems. */
	if (e->count_max > 0 && r->candidates)
		claim_candidates(r, e, loose);
	if (e->count_max == 0)
		event_free(e);
	else if (r->expected & EVENT_MASK(e->kind))
		wait_for_names(r, e, loose);
	else
		tell_unnamed(r, e, loose);
}

/* It was told without a name. */
static void name_late(struct reconcile *r, struct debt *d, struct oomn_event *e)
{
	if (e->kind == EVENT_KILL) {
		r->figures.late++;
		r->figures.unnamed -= r->figures.unnamed > 0;
	}
	if (--d->count == 0)
		debt_drop(r, d);
	event_free(e);
}

/*
 * Whether what is seen at @s may have been counted when @d was told. A kill is counted and then marked, by a
 * task that may be held up in between; who hits a limit is counted, and then waits for its turn to look for a victim.
 */
static bool is_in_time(const struct debt *d, const struct sighted *s)
{
	uint64_t slack_ns = s->spot.kind == EVENT_OOM ? TURN_NS : HELD_UP_NS;

	return s->when_ns <= d->told_ns + slack_ns;
}

/*
 * A count that had to go without a name can have one now: with what is seen at @s, which has just been
 * added to the advances, or with another one that a loose count gives up for it. Returns whether @e,
 * which names @s, is dealt with.
 */
static bool claim_for_debts(struct reconcile *r, const struct sighted *s, struct oomn_event *e)
{
	unsigned tried = 0;
	struct debt *d;

	DL_FOREACH (r->debts, d) {
		if (d->spot.kind != s->spot.kind || !is_in_time(d, s))
			continue;
		if (!fits(&d->spot, d->loose, s) &&
		    (!advances_exchange(r->advances) || ++tried > TRIED_MAX))
			continue;
		if (claim_advances(r, &d->spot, d->loose, 1) == 1) {
			name_late(r, d, e);
			return true;
		}
	}
	return false;
}

static bool claim_for_pending(struct reconcile *r, const struct sighted *s, struct oomn_event *e)
{
	struct pending *p;

	DL_FOREACH (r->pending, p) {
		const struct spot spot = spot_of(p->event);

		if (spot.kind != s->spot.kind || claim_advances(r, &spot, p->loose, 1) != 1)
			continue;
		if (fits(&spot, p->loose, s))
			join(e, p->event);
		lessen(p->event, 1);
		tell_named(r, e);
		if (p->event->count_max == 0)
			pending_drop(r, p);
		return true;
	}
	return false;
}

static void left_to_counters(struct reconcile *r, struct oomn_event *e)
{
	r->figures.dropped++;
	r->missed = true;
	event_free(e);
}

static struct candidate *candidate_add(struct reconcile *r, const struct sighted *s,
				       struct oomn_event *e)
{
	struct candidate *c =
		r->candidates_n < RECONCILE_CANDIDATES_MAX ? calloc(1, sizeof(*c)) : NULL;

	if (c && s->spot.path)
		c->path = strdup(s->spot.path);
	if (!c || (s->spot.path && !c->path)) {
		free(c);
		return NULL;
	}
	c->what = *s;
	c->what.spot.path = c->path;
	c->due_ns = UINT64_MAX;
	c->event = e;
	DL_APPEND(r->candidates, c);
	r->candidates_n++;
	return c;
}

/* It is among the advances. Without room it does not wait. */
static void tell_or_wait(struct reconcile *r, const struct sighted *s, struct oomn_event *e)
{
	struct candidate *c = s->how == SIGHTED_PATIENT ? candidate_add(r, s, e) : NULL;

	if (c)
		c->due_ns = s->when_ns + RECONCILE_WAIT_NS;
	else
		tell_named(r, e);
}

static void sighted_sure(struct reconcile *r, const struct sighted *s, struct oomn_event *e)
{
	if (!advances_add(r->advances, &s->spot, s->when_ns))
		left_to_counters(r, e);
	else if (!claim_for_debts(r, s, e) && !claim_for_pending(r, s, e))
		tell_or_wait(r, s, e);
}

/* What counts there are for it already. Exact ones first: what they want fits nobody else. */
static bool find_count(struct reconcile *r, const struct sighted *s, struct oomn_event *e)
{
	struct pending *p;
	struct debt *d;

	for (int loose = 0; loose < 2; loose++) {
		DL_FOREACH (r->debts, d)
			if (d->loose == (loose == 1) && is_in_time(d, s) &&
			    fits(&d->spot, d->loose, s)) {
				name_late(r, d, e);
				return true;
			}
		DL_FOREACH (r->pending, p) {
			const struct spot spot = spot_of(p->event);

			if (p->loose != (loose == 1) || !fits(&spot, p->loose, s))
				continue;
			if (tell_counted(r, e, p->event) && p->loose)
				make_exchangeable(r, s, &spot);
			if (p->event->count_max == 0)
				pending_drop(r, p);
			return true;
		}
	}
	return false;
}

static void sighted_unsure(struct reconcile *r, const struct sighted *s, struct oomn_event *e)
{
	if (!find_count(r, s, e) && !candidate_add(r, s, e))
		left_to_counters(r, e);
}

void reconcile_sighted(struct reconcile *r, const struct sighted *s, struct oomn_event *e)
{
	/* It may have been told without its name, and that be forgotten: only its count can tell. */
	if (s->how != SIGHTED_UNSURE && s->when_ns > r->forgotten_ns && s->when_ns < r->settling_ns)
		sighted_sure(r, s, e);
	else
		sighted_unsure(r, s, e);
}

/* It has waited for its count: that comes later, or never. */
static void candidate_tell(struct reconcile *r, struct candidate *c)
{
	struct oomn_event *e = c->event;

	c->event = NULL;
	tell_named(r, e);
	candidate_drop(r, c);
}

/* What has waited for its name, or for its count, until @due_ns is told without. */
static void release_due(struct reconcile *r, uint64_t due_ns)
{
	struct candidate *c, *ctmp;
	struct pending *p, *ptmp;

	drain(r);
	DL_FOREACH_SAFE (r->pending, p, ptmp)
		if (p->due_ns <= due_ns)
			release(r, p);
	DL_FOREACH_SAFE (r->candidates, c, ctmp)
		if (c->due_ns <= due_ns)
			candidate_tell(r, c);
}

void reconcile_flush(struct reconcile *r)
{
	release_due(r, UINT64_MAX - 1);
}

/* A kill that was seen, and whose count may be lost with its cgroup. */
static bool is_unproven(const struct reconcile *r, const struct candidate *c)
{
	return c->what.spot.kind == EVENT_KILL && !is_patient(c) &&
	       c->what.when_ns < r->settling_ns;
}

static void forget(struct reconcile *r, uint64_t now_ns)
{
	uint64_t until_ns = now_ns > RECONCILE_KEEP_NS ? now_ns - RECONCILE_KEEP_NS : 0;
	struct candidate *c, *ctmp;
	struct debt *d, *dtmp;

	DL_FOREACH_SAFE (r->candidates, c, ctmp)
		if (!is_patient(c) && c->what.when_ns + RECONCILE_UNSURE_NS <= now_ns) {
			r->figures.unknown += is_unproven(r, c);
			candidate_drop(r, c);
		}
	DL_FOREACH_SAFE (r->debts, d, dtmp)
		if (d->told_ns <= until_ns)
			debt_drop(r, d);
	advances_fold(r->advances, now_ns, until_ns);
	r->forget_ns = now_ns + FORGET_NS;
}

void reconcile_run(struct reconcile *r, uint64_t now_ns)
{
	if (reconcile_deadline(r) <= now_ns)
		release_due(r, now_ns);
	if (r->forget_ns <= now_ns)
		forget(r, now_ns);
}

void reconcile_forget(struct reconcile *r, advances_covered covered, void *ctx)
{
	struct candidate *c, *tmp;

	DL_FOREACH_SAFE (r->candidates, c, tmp)
		if (c->what.spot.path && !covered(ctx, &c->what.spot))
			candidate_drop(r, c);
	advances_forget(r->advances, covered, ctx);
}

uint64_t reconcile_deadline(const struct reconcile *r)
{
	uint64_t due = r->pending ? r->pending->due_ns : UINT64_MAX;
	const struct candidate *c;

	DL_FOREACH (r->candidates, c)
		due = c->due_ns < due ? c->due_ns : due;
	return due;
}

void reconcile_get_figures(const struct reconcile *r, struct reconcile_figures *ret)
{
	const struct candidate *c;

	*ret = r->figures;
	DL_FOREACH (r->candidates, c)
		ret->unknown += is_unproven(r, c);
}

struct advances_left reconcile_left(const struct reconcile *r, enum event_kind kind,
				    enum hierarchy h)
{
	return advances_left(r->advances, kind, h);
}
