/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's own account
 *
 * /proc/vmstat's oom_kill counts every kill on the host: also those of processes in the root
 * cgroup, and of a child of the root in its last moment, which no memory.events shows any more. It
 * wakes nobody, so it is compared when something else has happened, and at the end.
 *
 * The kernel raises vmstat before the cgroup's counter. So a value is read first, all tops a slot
 * later, and what they do not explain of that value is told for "/".
 */
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "source/v2_source.h"
#include "source/vmstat.h"

#define HOST_LOOK_NS NSEC_PER_SEC
/* A CPU may be held up between counting for the host and for the cgroup: a difference has to last. */
#define HOST_LASTS_NS (100 * NSEC_PER_MSEC)

/* Kills told so far, by the tops and here. */
static uint64_t told(const struct v2_source *v2)
{
	struct balance b = { 0 };

	ledger_balance(v2->ledger, &b);
	return b.kind[EVENT_KILL].reported + b.kind[EVENT_KILL].recounts + v2->host.told;
}

void v2_host_open(struct v2_source *v2)
{
	struct host_account *h = &v2->host;
	uint64_t counted;

	if (h->on || !v2->s.host->v2.real_root || vmstat_kills(v2->s.host->proc, &counted) < 0)
		return;
	h->on = true;
	h->base = counted - told(v2); /* watches by name may have told some already */
}

void v2_host_close(struct v2_source *v2)
{
	v2->host.on = false;
	v2->host.judge_ns = 0;
	v2->host.wanted = false;
}

void v2_unseen(struct v2_source *v2, enum unproven_reason reason)
{
	v2->unseen |= reason;
	v2->host.doubt = true;
	v2_host_look(v2, v2->now_ns);
}

void v2_host_look(struct v2_source *v2, uint64_t now_ns)
{
	struct host_account *h = &v2->host;

	if (!h->on || h->judge_ns != 0)
		return;
	h->wanted = now_ns < h->next_ns && !v2->settling;
	if (h->wanted)
		return;
	if (vmstat_kills(v2->s.host->proc, &h->seen) < 0)
		return;
	h->judge_ns = now_ns + LEDGER_SLOT_NS;
	h->next_ns = now_ns + HOST_LOOK_NS;
}

uint64_t v2_host_due(const struct v2_source *v2)
{
	const struct host_account *h = &v2->host;

	if (h->judge_ns != 0)
		return h->judge_ns;
	return h->wanted ? h->next_ns : UINT64_MAX;
}

static int tell(struct v2_source *v2, uint64_t count)
{
	struct host_account *h = &v2->host;
	struct oomn_event *e = v2_event(v2, EVENT_KILL, "/", 1);

	if (!e)
		return -ENOMEM;
	e->count_min = e->count_max = count;
	e->evidence = EVIDENCE_VMSTAT;
	e->removed = e->unplaced = h->doubt;
	engine_submit(v2->s.engine, e);
	h->told += count;
	return 0;
}

/* Whether all tops are at rest: nothing waiting for a walk or a second look. */
static bool tops_quiet(const struct v2_source *v2)
{
	const struct top *t;

	DL_FOREACH (v2->tops, t)
		if (t->state == TOP_LOST || t->again_ns != 0 || t->pace.wanted ||
		    (t->account && ledger_due(v2->ledger, t->account) != UINT64_MAX))
			return false;
	return true;
}

int v2_host_run(struct v2_source *v2, uint64_t now_ns)
{
	struct host_account *h = &v2->host;
	struct top *t;
	uint64_t known;
	int r = 0;

	if (h->wanted && now_ns >= h->next_ns)
		v2_host_look(v2, now_ns);
	if (h->judge_ns == 0 || now_ns < h->judge_ns)
		return 0;
	/* A kill of which no top knows: the cgroup came and went before inotify told of it? */
	r = v2_changes_read(v2);
	DL_FOREACH (v2->tops, t)
		if (r == 0)
			r = v2_top_check(t, now_ns);
	if (r < 0)
		return r;
	if (v2->unheard || !tops_quiet(v2)) {
		h->judge_ns = now_ns + LEDGER_SLOT_NS;
		return 0;
	}
	known = h->base + told(v2);
	if (h->seen > known && !h->confirmed) {
		h->confirmed = true;
		h->judge_ns = now_ns + HOST_LASTS_NS;
		return 0;
	}
	h->confirmed = false;
	r = h->seen > known ? tell(v2, h->seen - known) : 0;
	h->judge_ns = r == 0 ? 0 : now_ns + LEDGER_SLOT_NS;
	return r == -ENOMEM ? 0 : r;
}

uint64_t v2_host_excess(const struct v2_source *v2)
{
	uint64_t counted, known;

	if (!v2->host.on || vmstat_kills(v2->s.host->proc, &counted) < 0)
		return 0;
	known = told(v2);
	counted -= v2->host.base;
	return known > counted ? known - counted : 0;
}
