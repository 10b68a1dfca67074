/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Getters: an event is the core's own, behind an opaque name. */
#include <assert.h>

#include "core/event.h"
#include "lib/api.h"

/* The public numbers are those of the core. */
static_assert(OOMN_OOM == EVENT_MASK(EVENT_OOM), "oom");
static_assert(OOMN_KILL == EVENT_MASK(EVENT_KILL), "kill");
static_assert(OOMN_GROUP_KILL == EVENT_MASK(EVENT_GROUP_KILL), "group_kill");
static_assert(OOMN_COLLATERAL == EVENT_MASK(EVENT_COLLATERAL), "collateral");
static_assert(OOMN_PAUSED == EVENT_MASK(EVENT_PAUSED), "paused");
static_assert(OOMN_GONE == EVENT_MASK(EVENT_GONE), "gone");
static_assert(OOMN_LOST == EVENT_MASK(EVENT_LOST), "lost");
static_assert(OOMN_ALL == EVENT_MASK_ALL - EVENT_MASK(EVENT_DETAILS), "all kinds are public");
static_assert(OOMN_BY_COUNTERS == (int)EVIDENCE_COUNTERS, "counters");
static_assert(OOMN_BY_EVENTFD == (int)EVIDENCE_EVENTFD, "eventfd");
static_assert(OOMN_BY_BPF == (int)EVIDENCE_BPF, "bpf");
static_assert(OOMN_BY_KMSG == (int)EVIDENCE_KMSG, "kmsg");
static_assert(OOMN_BY_VMSTAT == (int)EVIDENCE_VMSTAT, "vmstat");
static_assert(OOMN_CONSTRAINT_MEMPOLICY == (int)OOM_CONSTRAINT_MEMORY_POLICY, "mempolicy");
static_assert(OOMN_CONSTRAINT_MEMCG == (int)OOM_CONSTRAINT_MEMCG, "memcg");

API struct oomn_event *oomn_event_free(struct oomn_event *e)
{
	return event_free(e);
}

API uint32_t oomn_event_get_kind(const struct oomn_event *e)
{
	return e ? EVENT_MASK(e->kind) : 0;
}

API uint64_t oomn_event_get_cookie(const struct oomn_event *e)
{
	return e ? e->cookie : 0;
}

API size_t oomn_event_get_cookies(const struct oomn_event *e, uint64_t *ret, size_t max)
{
	if (!e)
		return 0;
	for (size_t i = 0; ret && i < e->cookies_n && i < max; i++)
		ret[i] = e->cookies ? e->cookies[i] : e->cookie;
	return e->cookies_n;
}

API uint64_t oomn_event_get_seq(const struct oomn_event *e)
{
	return e ? e->seq : 0;
}

API uint64_t oomn_event_get_time(const struct oomn_event *e)
{
	return e ? e->boottime_ns : 0;
}

API uint64_t oomn_event_get_realtime(const struct oomn_event *e)
{
	return e ? e->realtime_ns : 0;
}

API uint64_t oomn_event_get_count_min(const struct oomn_event *e)
{
	return e ? e->count_min : 0;
}

API uint64_t oomn_event_get_count_max(const struct oomn_event *e)
{
	return e ? e->count_max : 0;
}

API uint32_t oomn_event_get_hierarchy(const struct oomn_event *e)
{
	return e ? e->hierarchy : 0;
}

API uint32_t oomn_event_get_evidence(const struct oomn_event *e)
{
	return e ? e->evidence : 0;
}

API uint32_t oomn_event_get_flags(const struct oomn_event *e)
{
	if (!e)
		return 0;
	return (e->removed ? OOMN_EVENT_REMOVED : 0U) | (e->unplaced ? OOMN_EVENT_UNPLACED : 0U) |
	       (e->limit_or_above ? OOMN_EVENT_LIMIT_OR_ABOVE : 0U) |
	       (e->limit_outside ? OOMN_EVENT_LIMIT_OUTSIDE : 0U);
}

API const char *oomn_event_get_cgroup(const struct oomn_event *e)
{
	return e ? e->cgroup : NULL;
}

API uint64_t oomn_event_get_cgroup_id(const struct oomn_event *e)
{
	return e ? e->cgroup_id : 0;
}

API const char *oomn_event_get_limit_cgroup(const struct oomn_event *e)
{
	return e ? e->limit_cgroup : NULL;
}

API uint64_t oomn_event_get_limit_cgroup_id(const struct oomn_event *e)
{
	return e ? e->limit_id : 0;
}

API uint64_t oomn_event_get_bytes(const struct oomn_event *e, uint32_t which)
{
	if (!e)
		return OOMN_BYTES_NONE;
	switch (which) {
	case OOMN_BYTES_LIMIT:
		return e->limit_bytes;
	case OOMN_BYTES_USAGE:
		return e->usage_bytes;
	case OOMN_BYTES_SWAP_LIMIT:
		return e->swap_limit_bytes;
	case OOMN_BYTES_SWAP_USAGE:
		return e->swap_usage_bytes;
	case OOMN_BYTES_TOTAL:
		return e->total_bytes;
	default:
		return OOMN_BYTES_NONE;
	}
}

API uint64_t oomn_event_get_incident(const struct oomn_event *e)
{
	return e ? e->incident : 0;
}

API uint32_t oomn_event_get_constraint(const struct oomn_event *e)
{
	return e ? e->constraint : OOMN_CONSTRAINT_UNKNOWN;
}

API int32_t oomn_event_get_order(const struct oomn_event *e)
{
	return e ? e->order : OOMN_ORDER_NONE;
}

API const struct oomn_process *oomn_event_get_trigger(const struct oomn_event *e)
{
	return e ? e->trigger : NULL;
}

API const struct oomn_process *oomn_event_get_victim(const struct oomn_event *e)
{
	return e ? e->victim : NULL;
}

API uint32_t oomn_event_get_shared_with(const struct oomn_event *e)
{
	return e ? e->shared_with : 0;
}

API const char *oomn_kind_name(uint32_t kind)
{
	for (unsigned k = 0; k < EVENT_KIND_MAX; k++)
		if (kind == EVENT_MASK(k))
			return event_kind_name((enum event_kind)k);
	return NULL;
}

API const char *oomn_evidence_name(uint32_t bit)
{
	switch (bit) {
	case OOMN_BY_COUNTERS:
	case OOMN_BY_EVENTFD:
	case OOMN_BY_BPF:
	case OOMN_BY_KMSG:
	case OOMN_BY_VMSTAT:
		return evidence_name(bit);
	default:
		return NULL;
	}
}

API const char *oomn_constraint_name(uint32_t constraint)
{
	return constraint < OOM_CONSTRAINT_MAX
		       ? oom_constraint_name((enum oom_constraint)constraint)
		       : NULL;
}
