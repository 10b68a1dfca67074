/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/recount.h"

#include <assert.h>

#include "core/account.h"

/* Walks that spare the CPU may tell the kills of an oom so much later. */
#define LATE_NS (10 * LEDGER_GROUP_NS)

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

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * In cgroups that are gone, of which nobody can tell any more if they were groups: where there are
 * more kills than ooms, a group was killed; by each oom one at most. A group of one process is not told
 * from two cgroups.
 */
static uint64_t possible_unknown(const struct account *a, const struct ledger_report *report,
				 uint64_t looked_ns)
{
	uint64_t ooms = recent_at(&a->recounts.dead_ooms, looked_ns);
	uint64_t more = report->count_max > ooms ? report->count_max - ooms : 0;

	/* One more may be a kill whose oom came between two lines of the reading. */
	return more < 2 ? 0 : least(more, ooms + recent_at(&a->recounts.dead_matched, looked_ns));
}

/* Kills in cgroups that are gone: each oom has had its kill. */
static void match(struct recounts *r, const struct recent *told, uint64_t range, uint64_t looked_ns)
{
	struct recent matched = *told;

	matched.n = least(told->n, recent_at(&r->dead_ooms, looked_ns));
	spend(&r->dead_ooms, matched.n);
	recent_add(&r->dead_matched, &matched, looked_ns);
	spend(&r->dead_matched, range);
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
	/* Its kills may be told late. */
	const struct recent late = { report->count_max, report->now_ns + LATE_NS };
	uint64_t range = report->count_max - report->count_min;
	uint64_t looked_ns = account_looked(a);
	struct recounts *r = &a->recounts;

	switch (report->kind) {
	case EVENT_OOM:
		recent_add(&r->ooms, &told, looked_ns);
		if (report->removed || report->unplaced)
			recent_add(&r->dead_ooms, &late, looked_ns);
		break;
	case EVENT_GROUP_KILL:
		recent_add(report->removed ? &r->dead_groups : &r->groups, &told, looked_ns);
		break;
	default:
		recent_add(&r->kills, &told, looked_ns);
		spend(report->removed ? &r->dead_groups : &r->groups, range);
		if (report->removed || report->unplaced)
			match(r, &told, range, looked_ns);
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
	struct recent matched = from->ooms, open = from->ooms;
	struct recounts *to;
	uint64_t here, there;

	if (!a->parent || (from->groups.n == 0 && from->dead_groups.n == 0 && from->ooms.n == 0))
		return;
	here = account_looked(a); /* climbs: not for each of thousands */
	there = account_looked(a->parent);
	to = &a->parent->recounts;
	inherit(&to->dead_groups, &from->groups, there, here);
	inherit(&to->dead_groups, &from->dead_groups, there, here);
	inherit(&to->ooms, &from->ooms, there, here);
	matched.n = least(from->ooms.n, from->kills.n);
	open.n -= matched.n;
	open.until_ns += LATE_NS;
	inherit(&to->dead_matched, &matched, there, here);
	inherit(&to->dead_ooms, &open, there, here);
}
