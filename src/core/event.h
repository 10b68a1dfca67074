/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * An event: what is told to the user, by whatever source it was learned
 *
 * The words are those of the kernel where it has one:
 *   oom         a charge failed at a cgroup's limit after reclaim; told for the limit cgroup
 *   kill        the kernel killed processes; told for the cgroup that the victims lived in
 *   group_kill  a whole cgroup died because of memory.oom.group; told for that cgroup
 *   collateral  a process died silently, because it shared a victim's memory: no count tells of it
 *   details     what could still be read about an incident, a moment later
 *   paused      v1 only: under oom_kill_disable the tasks wait instead of being killed
 *   gone        the cgroup was removed
 *   lost        older events were dropped because nobody took them in time
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/details.h"
#include "core/task.h"

enum event_kind {
	EVENT_OOM,
	EVENT_KILL,
	EVENT_GROUP_KILL,
	EVENT_COLLATERAL,
	EVENT_PAUSED,
	EVENT_GONE,
	EVENT_LOST,
	EVENT_DETAILS,
	EVENT_KIND_MAX,
};

/* The kinds that the kernel counts come first, so that they index counters and accounts alike. */
#define COUNTED_KINDS 3

#define EVENT_MASK(kind) (1U << (kind))
#define EVENT_MASK_ALL (EVENT_MASK(EVENT_KIND_MAX) - 1U)

/* What an event rests on; several may have seen the same. */
enum evidence {
	EVIDENCE_COUNTERS = 1U << 0, /* memory.events, v1's oom_kill line */
	EVIDENCE_EVENTFD = 1U << 1,  /* v1's own notifier */
	EVIDENCE_BPF = 1U << 2,
	EVIDENCE_KMSG = 1U << 3,
	EVIDENCE_VMSTAT = 1U << 4, /* /proc/vmstat's oom_kill */
};

enum hierarchy {
	HIERARCHY_NONE = 0,
	HIERARCHY_V1 = 1,
	HIERARCHY_V2 = 2,
};

struct oomn_event {
	/* Whom it is told, from the lowest cgroup up; of one alone in @cookie, of more in @cookies too. */
	uint64_t cookie;
	uint64_t *cookies;
	size_t cookies_n;
	uint64_t seq;         /* 1, 2, 3, … per monitor; a gap never happens without a `lost` */
	uint64_t boottime_ns; /* CLOCK_BOOTTIME at which it was learned */
	uint64_t realtime_ns; /* the same moment on the wall clock; monitor_next() sets it */
	enum event_kind kind;
	enum hierarchy hierarchy;
	unsigned evidence; /* EVIDENCE_* bits */
	/*
	 * How many of that kind this event stands for. Equal but for kills that came with a group
	 * kill: the kernel usually counts its chosen victim twice, so the number lies between both.
	 */
	uint64_t count_min;
	uint64_t count_max;
	char *cgroup;       /* path from the visible root, raw bytes; NULL for `lost` */
	uint64_t cgroup_id; /* inode number of its directory; 0 if not known */
	/* It happened in @cgroup or in a cgroup below it that no longer exists: counted, not placed. */
	bool removed;
	/* It happened in @cgroup or below it; where could not be told (rights, or during the start). */
	bool unplaced;
	/* Known to lie below @cgroup, not in it: no business of a watch on @cgroup alone. */
	bool below;
	/* The limit that was hit; limit_cgroup is NULL if that is not known. */
	char *limit_cgroup;
	uint64_t limit_id;
	uint64_t limit_bytes; /* BYTES_NONE if not known or no longer readable */
	bool limit_or_above;  /* the limit is that cgroup's or one of its ancestors' */
	bool limit_outside;   /* it is that of a cgroup outside of what is visible */
	/* Charged there when it was hit, and of swap; on v1 of memory and swap together. */
	uint64_t usage_bytes;
	uint64_t swap_limit_bytes;
	uint64_t swap_usage_bytes;

	/*
	 * Of an oom that was seen in the kernel, or read in its messages. What is not known of it is 0,
	 * UNKNOWN, OOM_ORDER_NONE, BYTES_NONE or NULL.
	 */
	uint64_t incident; /* the same number for an oom and all that came of it */
	enum oom_constraint constraint;
	int order;                    /* of the allocation that failed */
	uint64_t total_bytes;         /* of what sizes were compared with */
	struct oomn_process *trigger; /* who asked for memory */
	struct oomn_process *victim;  /* KILL and COLLATERAL: who died; then the count is 1 */
	uint32_t shared_with;         /* COLLATERAL: the pid of the victim whose memory it shared */
	struct oom_details *details;  /* DETAILS */
};

/* "oom", "kill", …: stable names, part of the JSON format. */
const char *event_kind_name(enum event_kind kind);
/* Finds the kind called @name. Returns false if there is none. */
bool event_kind_from_name(const char *name, enum event_kind *ret);
/* "v1" or "v2"; NULL for HIERARCHY_NONE. */
const char *hierarchy_name(enum hierarchy h);
/* "counters", "eventfd", …; @bit is one single EVIDENCE_* bit. */
const char *evidence_name(unsigned bit);

/* What it takes in memory. */
uint64_t event_bytes(const struct oomn_event *e);
/* It is told @cookie no more. Returns whether anybody else is. */
bool event_drop_cookie(struct oomn_event *e, uint64_t cookie);
/* An empty event on the heap, or NULL. Released with event_free(), which takes its strings along. */
struct oomn_event *event_new(enum event_kind kind);
struct oomn_event *event_free(struct oomn_event *e);
static inline void event_freep(struct oomn_event **e)
{
	*e = event_free(*e);
}
#define _cleanup_event_ __attribute__((cleanup(event_freep)))
