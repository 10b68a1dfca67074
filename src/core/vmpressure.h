/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Reclaim pressure: from successive readings of cgroups to levels, and to who is signalled
 *
 * cgroup v1 judges each reclaim's target, the cgroup whose limit made somebody look for pages
 * (mm/vmpressure.c). What was scanned for it is a window as soon as it is 512 pages;
 * 100 * (1 - reclaimed / scanned) is its pressure: 60 and more is medium, 95 and more critical. Then it
 * walks up from the target: a listener of mode local does not hear what came from below, one of mode
 * default only if nobody further below was signalled for it, one of mode hierarchy always.
 *
 * v2 counts pages where they lay, for whomever they were scanned. But it counts, too, whose limit was
 * hit: `max` and `high` move at the target, locally, when a reclaim begins. So pages are put down to
 *
 *   this cgroup           if its own limits were hit since the last reading, or shortly before
 *   some cgroup below     else, if limits below were hit more often than those with listeners tell
 *   a cgroup further up   else: nobody here is signalled, as on v1
 *
 * and of the second, what cgroups below with listeners have claimed is taken off. A target is held to
 * be one for VMPRESSURE_HOLD_NS: a reclaim counts its beginning alone. `oom` moves when a charge failed
 * after many rounds of reclaim, each down to the last priority, which v1 calls critical whatever was
 * scanned.
 *
 * What differs from v1:
 *   - v1 judges some 512 pages each, this all that came between two readings (10 ms): fewer signals,
 *     and a short peak in a long reclaim may be levelled out.
 *   - v1 tells critical when reclaim comes down to priority 3. Here that is seen only when it ended in
 *     an oom: a charge that may fail, or one that got its page in the end, is not critical for that.
 *   - Pages scanned while limits above and below are hit at the same time count for both.
 *   - Of several targets without listeners below one with, the pages make one window.
 *   - A limit that is lowered below the usage reclaims without counting: nothing is told but the oom.
 *   - The first reading after a rest covers an unknown time, in which others may have looked for pages:
 *     what it shows is low, but for an oom.
 *   - Linux keeps back small changes of memory.stat (some 64 pages per CPU): they come with later ones.
 *   - Linux 5.10 counts kswapd's pages together with the others'.
 *   - With memory_localevents what happens below cannot be known.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define VMPRESSURE_WINDOW 512 /* vmpressure_win: SWAP_CLUSTER_MAX * 16 */
/* Reclaim may sleep 100 ms for writeback (VMSCAN_THROTTLE_WRITEBACK), and go on without a count. */
#define VMPRESSURE_HOLD_NS (200 * NSEC_PER_MSEC)

enum pressure_level {
	PRESSURE_LOW = 1,
	PRESSURE_MEDIUM,
	PRESSURE_CRITICAL,
};

enum pressure_mode {
	PRESSURE_DEFAULT,
	PRESSURE_HIERARCHY,
	PRESSURE_LOCAL,
};

/*
 * What a cgroup's files say: since it was made, in it and below it, local ones in it alone. Those are
 * read last, else some of its own look like some from below.
 */
struct vmpressure_reading {
	uint64_t scanned; /* pages, by others than kswapd */
	uint64_t reclaimed;
	uint64_t limits; /* max and high */
	uint64_t limits_local;
	uint64_t ooms;
	uint64_t ooms_local;
};

/* One listener. The first two are set before it is added. */
struct vmpressure_watch {
	enum pressure_level level;
	enum pressure_mode mode;
	struct vmpressure_watch *prev, *next;
};

/* What was not yet a window, and when limits were last seen to be hit; 0: never. */
struct vmpressure_target {
	uint64_t scanned;
	uint64_t reclaimed;
	uint64_t hit_ns;
};

/* What cgroups directly below, of those with listeners, have put down to targets there. */
struct vmpressure_claim {
	uint64_t scanned;
	uint64_t reclaimed;
	uint64_t limits;
	uint64_t ooms;
};

/* A cgroup with listeners, linked to the next one above it that has some. To begin with all zero. */
struct vmpressure_node {
	struct vmpressure_node *parent;
	struct vmpressure_node *children;
	struct vmpressure_node *prev, *next;
	struct vmpressure_watch *watches;
	bool rested; /* not read for an unknown time */
	struct vmpressure_reading seen;
	struct vmpressure_target own;
	struct vmpressure_target below;
	struct vmpressure_claim claimed;
	/* Less than 0: those below have claimed what was not yet to be seen here. */
	int64_t limits_unclaimed;
	int64_t ooms_unclaimed;
};

typedef void (*vmpressure_signal_fn)(void *ctx, struct vmpressure_watch *w);

struct vmpressure_told {
	vmpressure_signal_fn signal; /* may not change the tree */
	void *ctx;
};

/* Levels as the kernel computes them; @scanned is not 0. */
enum pressure_level vmpressure_level(uint64_t scanned, uint64_t reclaimed);

/* Puts @node, with all below it, below @parent (NULL: below none), wherever it was. */
void vmpressure_link(struct vmpressure_node *node, struct vmpressure_node *parent);
/* Takes @node out: what was below it is below its parent then. */
void vmpressure_unlink(struct vmpressure_node *node);
void vmpressure_watch_add(struct vmpressure_node *node, struct vmpressure_watch *w);
void vmpressure_watch_remove(struct vmpressure_node *node, struct vmpressure_watch *w);

/* What @node counts, it counts from @reading on. */
void vmpressure_start(struct vmpressure_node *node, const struct vmpressure_reading *reading);
/*
 * Takes a reading of @node, which was started. One that is below the last starts it anew. Who reads
 * @node reads those above it afterwards, and in one go. Returns whether something happened for which it
 * is to be read again soon.
 */
bool vmpressure_read(struct vmpressure_node *node, const struct vmpressure_reading *reading,
		     uint64_t now_ns, const struct vmpressure_told *told);
/* Nothing will be read for some time. */
void vmpressure_rest(struct vmpressure_node *node);
