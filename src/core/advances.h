/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What was told ahead of its count: how many, in which cgroup, and which counts have claimed it
 *
 * A count is exact (of that very cgroup) or loose (of that cgroup or one below it). Nothing is said of
 * *which* advance a loose count claims, only that all claims together must be possible: for every place
 * with loose claims, the claims at or below it are no more than the advances left there. Loose counts lie
 * above or below each other or apart, so by Hall's theorem that is enough, and the order in which counts
 * and advances come makes no difference. What one claim costs is bounded by ADVANCES_PLACES.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"

struct advances;

#define ADVANCES_MAX 16384  /* cgroups with advances */
#define ADVANCES_PLACES 256 /* places with loose claims */

/* Where something happened: a cgroup, for one kind of event. */
struct spot {
	enum event_kind kind; /* EVENT_OOM, EVENT_KILL */
	enum hierarchy hierarchy;
	uint64_t id;      /* 0: not known */
	const char *path; /* NULL: not known */
};

typedef bool (*advances_gone)(void *ctx, const struct spot *s);

/* @gone, which may be NULL, tells whether the cgroup at a spot is gone, and its counters with it. */
struct advances *advances_new(advances_gone gone, void *ctx);
struct advances *advances_free(struct advances *a);
/* One more was told at @s, whose id and path are known. False: there is no room or memory for it. */
bool advances_add(struct advances *a, const struct spot *s, uint64_t when_ns);
/* Up to @n were counted at @s. Returns how many of them were told ahead; they are done with. */
uint64_t advances_claim(struct advances *a, const struct spot *s, uint64_t n);
/* Up to @n were counted at @s or below it; the same. */
uint64_t advances_claim_below(struct advances *a, const struct spot *s, uint64_t n);
/* The same for a count that may be of any cgroup above or below @s, at about @when_ns. */
uint64_t advances_claim_near(struct advances *a, const struct spot *s, uint64_t n,
			     uint64_t when_ns);

/* Whether loose counts have claims: then one count may take what another gave up. */
bool advances_exchange(const struct advances *a);

/* Those that nobody claims: all of @kind and @h, and of those the ones in cgroups that are gone. */
struct advances_left {
	uint64_t all;
	uint64_t gone;
};
struct advances_left advances_left(const struct advances *a, enum event_kind kind,
				   enum hierarchy h);
typedef bool (*advances_covered)(void *ctx, const struct spot *s);
/*
 * A watch was taken back: of what no other covers no count will come. What is told of cgroups that are gone
 * stays `left`, since the sources' accounts keep what they cannot prove of these.
 */
void advances_forget(struct advances *a, advances_covered covered, void *ctx);
/*
 * Lets go of what is older than @until_ns in cgroups that are gone: no exact count will come. What nobody
 * claims of it is still `left`. Each cgroup is asked about once in a while.
 */
void advances_fold(struct advances *a, uint64_t now_ns, uint64_t until_ns);
