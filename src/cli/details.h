/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What user space can still find out about an incident, as events of their own
 *
 * An oom asks for its limit cgroup, a kill for its victim. Each is read at once by a process of its
 * own, since a victim gives up its memory within a millisecond, which the reading of a large cgroup
 * would use up; and since reading can hang for as long as the oom lasts. Nothing is waited for longer
 * than DETAILS_DUE_NS: a process that has not answered by then is killed, and what it has found so
 * far is told, with timed_out.
 *
 *   oom ──> limit cgroup ──┐              held for the first kill
 *                          ├──> one event for the oom and its first victim
 *   kill ─> victim ────────┘
 *   kill ─> victim ───────────> one event for each further victim
 *
 * A process that was killed is replaced, the second time after DETAILS_REST_NS at the earliest.
 * Meanwhile, and beyond DETAILS_QUEUE requests, what is asked is told as timed out at once. An event in
 * which there would be nothing is not told, unless it is so because time was up.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/event.h"
#include "source/host.h"

#define DETAILS_DUE_NS (50 * NSEC_PER_MSEC)
#define DETAILS_REST_NS NSEC_PER_SEC
#define DETAILS_QUEUE 64 /* requests that are not answered yet */

struct details;

/*
 * Starts the processes, which close whatever else is open; what is mapped they keep. @host need not live
 * longer than this call. Returns 0 or a negated errno.
 */
int details_open(struct details **ret, const struct cgroup_host *host);
/* Ends the processes. Takes NULL; returns NULL. */
struct details *details_close(struct details *d);
static inline void details_closep(struct details **d)
{
	*d = details_close(*d);
}
#define _cleanup_details_ __attribute__((cleanup(details_closep)))
/* To be polled for EPOLLIN: then details_run() is to be called, and details_next() until it gives 0. */
int details_fd(const struct details *d);
/*
 * Asks for what belongs to @e, an oom or a kill of an incident; other events are none of its business.
 * Each makes one event at most. Returns 0 or a negated errno.
 */
int details_ask(struct details *d, const struct oomn_event *e, uint64_t now_ns);
/* Takes answers, and ends what is overdue. Returns 0 or a negated errno. */
int details_run(struct details *d, uint64_t now_ns);
/* Takes the oldest event. Returns 1 and the event, which is the caller's, or 0 if there is none. */
int details_next(struct details *d, struct oomn_event **ret);
/* Nothing is being asked, and all events were taken. */
bool details_idle(const struct details *d);
