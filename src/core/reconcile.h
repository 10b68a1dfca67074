/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Names and counts brought together: each oom and each kill is told once
 *
 * A sighting names one oom or one kill (BPF, kernel messages). The counters count them, without names,
 * a little earlier or later. Whichever comes first, the other one is claimed by it:
 *
 *   sighting first, sure      ADVANCE    told at once; the count that comes later is not told
 *   sighting first, unsure    CANDIDATE  kept; told with its name when it is counted, else dropped,
 *                                        or told after `wait_ns`, if it is patient
 *   count first               PENDING    waits up to `wait_ns` for names, then told without
 *   name after that           late       counted, not told
 *
 * A count is exact (in that very cgroup) or loose (in that cgroup or below it); which claims go together
 * is advances.h's. Which of several kills in one cgroup a count is of cannot be told, and does not
 * matter: as many are told as were counted.
 *
 * What is left of a range that may be 0 ("5 or 6", of a group kill) when all names have come is the
 * kernel's counting one victim twice. It is not told as long as no sighting was missed.
 *
 * Pure: no clock, no descriptor. All lists are bounded; what does not fit is left to the counters.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/advances.h"
#include "core/event.h"

struct reconcile;

struct reconcile_calls {
	/* Takes an event that is to be told, and owns it. */
	void (*tell)(void *ctx, struct oomn_event *e);
	/* Reads all sightings that there are by now, with reconcile_sighted(). May be NULL. */
	void (*drain)(void *ctx);
	/* Whether the cgroup at @s is gone, and its counters with it. May be NULL: not known of any. */
	bool (*gone)(void *ctx, const struct spot *s);
	void *ctx;
};

#define RECONCILE_WAIT_NS UINT64_C(100000000)
#define RECONCILE_KEEP_NS UINT64_C(60000000000)
#define RECONCILE_UNSURE_NS UINT64_C(2000000000) /* that an unsure sighting waits for its count */
#define RECONCILE_CANDIDATES_MAX 4096
#define RECONCILE_PENDING_MAX 4096
#define RECONCILE_DEBTS_MAX 1024

enum sighted_how {
	SIGHTED_UNSURE, /* told when it is counted */
	SIGHTED_PATIENT, /* told when it is counted, since that may add what it lacks, or when it waited */
	SIGHTED_SURE, /* the counters will count it: told before they do */
};

struct sighted {
	struct spot spot;
	bool below; /* in that cgroup or below it: more is not known */
	uint64_t when_ns;
	enum sighted_how how;
};

struct reconcile_figures {
	uint64_t identified; /* kills told with a name */
	uint64_t late;       /* names that came when their kill had been told without */
	uint64_t unnamed;    /* at most that many kills were told without a name */
	uint64_t twice;      /* recounts that were known as such and not told */
	uint64_t dropped;    /* sightings there was no room or memory for */
	uint64_t unknown; /* kills of no known place that nobody counted: whose they were is open */
};

/* Returns one, or NULL without memory. @calls is copied. */
struct reconcile *reconcile_new(const struct reconcile_calls *calls);
/* Drops what is kept, untold. Takes NULL; returns NULL. */
struct reconcile *reconcile_free(struct reconcile *r);
/* For which kinds (EVENT_MASK bits) sightings can come: others do not wait for any. */
void reconcile_expect(struct reconcile *r, unsigned kinds);
/* From here on ranges that may be 0 are told: some sighting was missed. */
void reconcile_missed(struct reconcile *r);
/* The counters are read a last time from @now_ns on: what happens later is told only if it is counted. */
void reconcile_settling(struct reconcile *r, uint64_t now_ns);
/* Takes the event that @s names, of count 1. */
void reconcile_sighted(struct reconcile *r, const struct sighted *s, struct oomn_event *e);
/* Takes what the sources submit, of any kind. */
void reconcile_counted(struct reconcile *r, struct oomn_event *e);
/* Tells what has waited long enough, and forgets what is too old. */
void reconcile_run(struct reconcile *r, uint64_t now_ns);
/* Tells all that waits, for a name or for a count. */
void reconcile_flush(struct reconcile *r);
/* A watch was taken back: what no other covers is neither counted nor told any more. */
void reconcile_forget(struct reconcile *r, advances_covered covered, void *ctx);
/* When to call reconcile_run() next; UINT64_MAX: nothing waits. */
uint64_t reconcile_deadline(const struct reconcile *r);
void reconcile_get_figures(const struct reconcile *r, struct reconcile_figures *ret);
/* Advances of @kind that no counter has confirmed. */
struct advances_left reconcile_left(const struct reconcile *r, enum event_kind kind,
				    enum hierarchy h);
