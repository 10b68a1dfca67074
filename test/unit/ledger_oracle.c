/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ledger_oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/account.h"

void oracle_init(struct oracle *o, struct sim_kernel *sim)
{
	*o = (struct oracle){ .sim = sim };
}

void oracle_done(struct oracle *o)
{
	free(o->tallies);
	o->tallies = NULL;
}

/* Tallies of what was made since appear here: nothing of it was known, nothing told. */
static void grow(struct oracle *o)
{
	if (o->sim->n_css > o->max) {
		o->max = 2 * o->sim->n_css;
		o->tallies = realloc(o->tallies, o->max * sizeof(*o->tallies));
		if (!o->tallies)
			abort();
	}
	for (; o->n < o->sim->n_css; o->n++)
		o->tallies[o->n] = (struct tally){ 0 };
}

struct tally *oracle_tally(struct oracle *o, const struct sim_css *css)
{
	grow(o);
	return &o->tallies[css->index];
}

struct watch *oracle_owner(struct oracle *o, const struct sim_css *css)
{
	for (; css; css = css->parent)
		if (oracle_tally(o, css)->watch)
			return oracle_tally(o, css)->watch;
	return NULL;
}

static void add(struct counts *to, const struct counts *c)
{
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		to->n[k] += c->n[k];
}

/* Events of @css that are on their way and have not reached @top. */
static struct counts under_way(const struct oracle *o, const struct sim_css *css,
			       const struct sim_css *top)
{
	struct counts c = { 0 };

	for (unsigned i = 0; i < o->sim->n_flights; i++) {
		const struct sim_flight *f = &o->sim->flights[i];

		if (f->from == css && f->next && sim_below(f->next, top))
			c.n[f->kind] += f->n;
	}
	return c;
}

void oracle_window_open(struct oracle *o, const struct sim_css *top)
{
	grow(o);
	o->window = true;
	for (unsigned i = top->index; i < o->n; i++) {
		const struct sim_css *css = o->sim->css[i];
		struct counts flying;

		if (!sim_below(css, top))
			continue;
		flying = under_way(o, css, top);
		if (!oracle_owner(o, css))
			o->tallies[i] = (struct tally){ .lo = css->local, .used = true };
		for (unsigned k = 0; k < COUNTED_KINDS; k++)
			if (oracle_owner(o, css))
				o->tallies[i].before.n[k] = css->local.n[k] - flying.n[k];
			else
				o->tallies[i].lo.n[k] -= flying.n[k];
	}
}

/*
 * What lies in an older watch below the new one goes on. An event of it that was on its way between
 * the two tops when the new one was read was told by the old one, and is news to the new one's
 * counter: nobody can tell it from one that happened later in a cgroup that is gone. It may be told
 * twice.
 */
void oracle_window_close(struct oracle *o, const struct sim_css *top, struct watch *w)
{
	grow(o);
	o->window = false;
	for (unsigned i = top->index; i < o->n && w; i++) {
		const struct sim_css *css = o->sim->css[i];
		struct tally *t = &o->tallies[i];

		if (!sim_below(css, top))
			continue;
		if (!oracle_owner(o, css))
			t->hi = css->local;
		for (unsigned k = 0; k < COUNTED_KINDS && oracle_owner(o, css); k++)
			t->extra.n[k] += css->local.n[k] - t->before.n[k];
	}
	if (w)
		o->tallies[top->index].watch = w;
}

void oracle_watch_fresh(struct oracle *o, const struct sim_css *top, struct watch *w)
{
	struct tally *t = oracle_tally(o, top);

	t->used = true;
	t->watch = w;
}

void oracle_watch_end(struct oracle *o, struct watch *w, bool forgotten)
{
	oracle_tally(o, w->css)->watch = NULL;
	for (unsigned i = w->css->index; i < o->n && forgotten; i++)
		if (sim_below(o->sim->css[i], w->css))
			o->tallies[i].hi = o->sim->css[i]->local;
}

static uint64_t told(const struct tally *t, unsigned kind)
{
	return t->placed.n[kind] + t->removed.n[kind] + t->unplaced.n[kind];
}

static bool wrong(struct oracle *o, const struct sim_css *css, unsigned kind, const char *what,
		  uint64_t is, uint64_t bound)
{
	snprintf(o->why, sizeof(o->why), "%s at %s (css %u): %s, %" PRIu64 " against %" PRIu64,
		 event_kind_name((enum event_kind)kind), sim_path(css->dir), css->index, what, is,
		 bound);
	return false;
}

enum part {
	PART_OUTSIDE,
	PART_LIVING, /* the cgroup itself, and all that lies in living children */
	PART_DEAD,   /* in a child that is gone */
	PART_DENIED, /* in a child that may not be read */
};

static enum part part_of(const struct sim_css *css, const struct sim_css *at)
{
	const struct sim_css *child = css;

	if (css == at)
		return PART_LIVING;
	while (child && child->parent != at)
		child = child->parent;
	if (!child)
		return PART_OUTSIDE;
	if (!child->alive || child->doubtful)
		return PART_DEAD;
	return child->dir->denied == SIM_ALLOWED ? PART_LIVING : PART_DENIED;
}

/* How much may be told at @at, not as its own: @unplaced or removed. */
static int64_t room_at(struct oracle *o, const struct sim_css *at, unsigned kind, bool unplaced,
		       bool closing)
{
	const struct tally *t = oracle_tally(o, at);
	int64_t room = -(int64_t)(t->removed.n[kind] + t->unplaced.n[kind]);

	if (closing)
		room -= (int64_t)t->placed.n[kind];
	for (unsigned i = at->index; i < o->n; i++) {
		const struct sim_css *css = o->sim->css[i];
		enum part part = part_of(css, at);

		t = &o->tallies[i];
		if (part == PART_OUTSIDE)
			continue;
		room += (int64_t)t->extra.n[kind];
		if (part == PART_DEAD || closing || (part == PART_DENIED && unplaced))
			room += (int64_t)(css->local.n[kind] - t->lo.n[kind]) -
				(css == at ? 0 : (int64_t)told(t, kind));
		else
			room += (int64_t)(t->hi.n[kind] - t->lo.n[kind]);
	}
	return room;
}

static bool doubtful(const struct sim_css *css)
{
	for (; css; css = css->parent)
		if (css->doubtful)
			return true;
	return false;
}

static bool well_described(struct oracle *o, const struct sim_css *css,
			   const struct ledger_report *report)
{
	char *path = account_path(report->at);
	bool same = path && strcmp(path, sim_path(css->dir)) == 0;

	free(path);
	if (!same)
		return wrong(o, css, report->kind, "told with another path", 0, 0);
	if (account_id(report->at) != css->dir->id)
		return wrong(o, css, report->kind, "told with the id of another cgroup",
			     account_id(report->at), css->dir->id);
	if (report->count_max == 0 || report->count_min > report->count_max)
		return wrong(o, css, report->kind, "count_min above count_max, or nothing told",
			     report->count_min, report->count_max);
	if (report->removed && report->unplaced)
		return wrong(o, css, report->kind, "both removed and unplaced", 1, 1);
	return true;
}

bool oracle_report(struct oracle *o, struct watch *w, const struct ledger_report *report,
		   bool closing)
{
	unsigned kind = report->kind;
	const struct sim_css *css = sim_by_key(o->sim, report->at->key);
	struct tally *t;

	grow(o);
	if (!css || !well_described(o, css, report))
		return false;
	t = oracle_tally(o, css);
	t->used = true;
	if (report->removed || report->unplaced) {
		int64_t room = room_at(o, css, kind, report->unplaced, closing);

		if (!doubtful(css) && room < (int64_t)report->count_max)
			return wrong(o, css, kind,
				     report->removed ? "told as removed, never happened there"
						     : "told as unplaced, never happened there",
				     report->count_max, (uint64_t)(room < 0 ? 0 : room));
		(report->removed ? &t->removed : &t->unplaced)->n[kind] += report->count_max;
	} else {
		t->placed.n[kind] += report->count_max;
		if (!doubtful(css) &&
		    t->placed.n[kind] > css->local.n[kind] - t->lo.n[kind] + t->extra.n[kind])
			return wrong(o, css, kind, "more told than happened", t->placed.n[kind],
				     css->local.n[kind] - t->lo.n[kind]);
	}
	w->told.n[kind] += report->count_max;
	o->told.n[kind] += report->count_max;
	o->reports++;
	if (kind == EVENT_KILL)
		w->recounts_told += report->count_max - report->count_min;
	else if (report->count_min != report->count_max)
		return wrong(o, css, kind, "recounts where there are none", report->count_min,
			     report->count_max);
	return true;
}

static bool denied(const struct sim_css *css)
{
	for (; css; css = css->parent)
		if (css->dir->denied != SIM_ALLOWED)
			return true;
	return false;
}

struct subtree {
	struct counts least, most, told;
};

/* What happened at and below each against what was told there, children before parents. */
static bool subtrees_balance(struct oracle *o, struct subtree *sums)
{
	for (unsigned i = o->n; i > 0; i--) {
		const struct sim_css *css = o->sim->css[i - 1];
		const struct tally *t = &o->tallies[i - 1];
		struct subtree *s = &sums[i - 1];
		bool judge = css->alive && !denied(css) && !doubtful(css) && oracle_owner(o, css);

		for (unsigned k = 0; k < COUNTED_KINDS; k++) {
			s->least.n[k] += css->local.n[k] - t->hi.n[k];
			s->most.n[k] += css->local.n[k] - t->lo.n[k] + t->extra.n[k];
			s->told.n[k] += told(t, k);
			if (judge && s->told.n[k] < s->least.n[k])
				return wrong(o, css, k, "not all told below", s->told.n[k],
					     s->least.n[k]);
			if (judge && s->told.n[k] > s->most.n[k])
				return wrong(o, css, k, "too much told below", s->told.n[k],
					     s->most.n[k]);
		}
		if (css->parent) {
			add(&sums[css->parent->index].least, &s->least);
			add(&sums[css->parent->index].most, &s->most);
			add(&sums[css->parent->index].told, &s->told);
		}
	}
	return true;
}

bool oracle_living_placed(struct oracle *o, const struct watch *w)
{
	grow(o);
	for (unsigned i = w->css->index; i < o->n; i++) {
		const struct sim_css *css = o->sim->css[i];
		const struct tally *t = &o->tallies[i];

		if (!css->alive || denied(css) || doubtful(css) || !sim_below(css, w->css))
			continue;
		for (unsigned k = 0; k < COUNTED_KINDS; k++)
			if (t->placed.n[k] < css->local.n[k] - t->hi.n[k])
				return wrong(o, css, k, "alive, and not all of it placed",
					     t->placed.n[k], css->local.n[k] - t->hi.n[k]);
	}
	return true;
}

static bool watch_balances(struct oracle *o, const struct watch *w)
{
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		if (w->base.n[k] + w->told.n[k] != w->css->hier.n[k])
			return wrong(o, w->css, k,
				     "told since the watch began, against the counter",
				     w->told.n[k], w->css->hier.n[k] - w->base.n[k]);
	if (!o->sim->no_group_count && w->recounts_told > 0 &&
	    w->css->hier.n[EVENT_GROUP_KILL] == 0)
		return wrong(o, w->css, EVENT_KILL, "recounts without a group kill",
			     w->recounts_told, 0);
	if (w->recounts_told < w->recounts)
		return wrong(o, w->css, EVENT_KILL, "more kills told than there were",
			     w->recounts_told, w->recounts);
	return true;
}

bool oracle_rest(struct oracle *o)
{
	struct subtree *sums;
	bool ok;

	grow(o);
	sums = calloc(o->n + 1, sizeof(*sums));
	if (!sums)
		abort();
	ok = subtrees_balance(o, sums);
	free(sums);
	for (unsigned i = 0; i < o->n && ok; i++)
		if (o->tallies[i].watch)
			ok = oracle_living_placed(o, o->tallies[i].watch) &&
			     watch_balances(o, o->tallies[i].watch);
	return ok;
}
