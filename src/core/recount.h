/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Recounts: the victim of a group kill that the kernel counts twice; internal to core/
 *
 * __oom_kill_process() runs for the chosen victim, then the group kill is counted, then it runs for
 * each member of the group, the victim included if its memory still stands. So of the kills at and
 * below a group one may be a recount, be it told before or after the group kill itself. Nothing tells
 * which one, so every report of kills that may hold it allows for it; a group that holds its
 * processes itself has spent it with its own report. All together they are no more recounts than
 * group kills: that is what the balance says.
 *
 * Before 5.17 group kills are not counted. Then memory.oom.group says that they are possible, and
 * the ooms how many at most. Of cgroups that were gone before they could be asked, more kills than
 * ooms say it.
 */
#include <stdbool.h>
#include <stdint.h>

struct account;
struct ledger_report;

/* A number that counts until an untroubled look after @until_ns found nothing new. */
struct recent {
	uint64_t n;
	uint64_t until_ns;
};

struct recounts {
	struct recent groups; /* group kills told here */
	struct recent
		dead_groups; /* of children that are gone: told here, or there while they lived */
	struct recent dead_ooms; /* told of children that are gone: their kills are still to come */
	struct recent dead_matched; /* and those whose kills were told */
	struct recent ooms;         /* each brought about one group kill at most */
	struct recent kills;        /* told here: one of them may be the victim's first */
};

/* What a walk knows beyond the accounts. */
struct recount_hints {
	uint64_t untold; /* group kills that were counted above, and are not told yet */
	bool uncounted;  /* group kills are not counted */
	bool group;      /* and memory.oom.group is set here or above */
};

/* How many of the kills of @report at @a may be recounts. */
uint64_t recounts_possible(const struct account *a, const struct ledger_report *report,
			   const struct recount_hints *hints);
/* @report was told at @a. */
void recounts_book(struct account *a, const struct ledger_report *report);
/* @a is gone: the kills of its groups will be told at its parent. */
void recounts_inherit(const struct account *a);
