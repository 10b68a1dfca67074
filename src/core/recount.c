/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/recount.h"

#include <assert.h>

#include "core/account.h"

/*
 * What is told now was counted since @looked_ns: by then all that the counters showed had been told.
 * Kills follow their group kill within LEDGER_GROUP_NS, however late they are told.
 */
static uint64_t recent_at(const struct recent *r, uint64_t looked_ns)
{
	return r->until_ns > looked_ns ? r->n : 0;
}

static void recent_add(struct recent *r, const struct recent *more, uint64_t looked_ns)
{
	r->n = recent_at(r, looked_ns) + more->n;
	if (r->until_ns < more->until_ns)
		r->until_ns = more->until_ns;
}

static void spend(struct recent *r, uint64_t n)
{
	r->n -= n < r->n ? n : r->n;
}

/* A recount follows the victim's first count, in the same cgroup: the first kill there is a true one. */
static bool begun(const struct account *a, const struct ledger_report *report, uint64_t looked_ns)
{
	return report->removed || report->unplaced || recent_at(&a->recounts.kills, looked_ns) > 0;
}

/* Each group kill counts one true kill at least, and comes of one oom unless memory ran out above. */
static uint64_t possible_uncounted(const struct account *a, const struct ledger_report *report,
				   uint64_t looked_ns)
{
	uint64_t n =
		report->count_max / 2 + (report->count_max % 2 > 0 && begun(a, report, looked_ns));
	uint64_t ooms = 0;

	for (const struct account *at = a; at; at = at->parent)
		ooms += recent_at(&at->recounts.ooms, looked_ns);
	return ooms > 0 && ooms < n ? ooms : n;
}

/*
 * In cgroups that are gone, of which nobody can tell any more if they were groups: where there were
 * more kills than ooms, a group was killed; by each oom one at most.
 */
static uint64_t possible_unknown(const struct account *a, const struct ledger_report *report,
				 uint64_t looked_ns)
{
	uint64_t ooms = recent_at(&a->recounts.dead_ooms, looked_ns);
	uint64_t kills = recent_at(&a->recounts.dead_kills, looked_ns) + report->count_max;
	uint64_t more = kills > ooms ? kills - ooms : 0;

	return more < ooms ? more : ooms;
}

uint64_t recounts_possible(const struct account *a, const struct ledger_report *report,
			   const struct recount_hints *hints)
{
	uint64_t looked_ns, n, most;
	bool somewhere = report->removed || report->unplaced;

	assert(a);
	looked_ns = account_looked(a);
	n = hints->untold;
	most = report->count_max - !begun(a, report, looked_ns);

	for (const struct account *at = a; at; at = at->parent)
		n += recent_at(&at->recounts.groups, looked_ns);
	if (somewhere)
		n += recent_at(&a->recounts.dead_groups, looked_ns);
	if (n == 0 && hints->group)
		n = possible_uncounted(a, report, looked_ns);
	else if (n == 0 && hints->uncounted && somewhere)
		n = possible_unknown(a, report, looked_ns);
	return n < most ? n : most;
}

void recounts_book(struct account *a, const struct ledger_report *report)
{
	const struct recent told = { report->count_max, report->now_ns + LEDGER_GROUP_NS };
	uint64_t range = report->count_max - report->count_min;
	uint64_t looked_ns = account_looked(a);
	struct recounts *r = &a->recounts;

	switch (report->kind) {
	case EVENT_OOM:
		recent_add(&r->ooms, &told, looked_ns);
		if (report->removed || report->unplaced)
			recent_add(&r->dead_ooms, &told, looked_ns);
		break;
	case EVENT_GROUP_KILL:
		recent_add(report->removed ? &r->dead_groups : &r->groups, &told, looked_ns);
		break;
	default:
		recent_add(&r->kills, &told, looked_ns);
		spend(report->removed ? &r->dead_groups : &r->groups, range);
		if (report->removed || report->unplaced) {
			recent_add(&r->dead_kills, &told, looked_ns);
			/* What is more than the ooms was a group's, and has had its say. */
			if (r->dead_kills.n > r->dead_ooms.n)
				r->dead_kills.n = r->dead_ooms.n;
			spend(&r->dead_ooms, range);
			spend(&r->dead_kills, range);
		}
	}
}

static void inherit(struct recent *to, const struct recent *from, uint64_t to_looked_ns,
		    uint64_t from_looked_ns)
{
	if (recent_at(from, from_looked_ns) > 0)
		recent_add(to, from, to_looked_ns);
}

void recounts_inherit(const struct account *a)
{
	const struct recounts *from = &a->recounts;
	struct recounts *to;
	uint64_t here, there;

	if (!a->parent || (from->groups.n == 0 && from->dead_groups.n == 0 && from->ooms.n == 0 &&
			   from->kills.n == 0))
		return;
	here = account_looked(a); /* climbs: not for each of thousands */
	there = account_looked(a->parent);
	to = &a->parent->recounts;
	inherit(&to->dead_groups, &from->groups, there, here);
	inherit(&to->dead_groups, &from->dead_groups, there, here);
	inherit(&to->ooms, &from->ooms, there, here);
	inherit(&to->dead_ooms, &from->ooms, there, here);
	inherit(&to->dead_kills, &from->kills, there, here);
}
