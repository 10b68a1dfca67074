/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/event.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[EVENT_KIND_MAX] = {
	[EVENT_OOM] = "oom",
	[EVENT_KILL] = "kill",
	[EVENT_GROUP_KILL] = "group_kill",
	[EVENT_COLLATERAL] = "collateral",
	[EVENT_DETAILS] = "details",
	[EVENT_PAUSED] = "paused",
	[EVENT_GONE] = "gone",
	[EVENT_LOST] = "lost",
};

const char *event_kind_name(enum event_kind kind)
{
	return kind_names[kind];
}

bool event_kind_from_name(const char *name, enum event_kind *ret)
{
	for (unsigned k = 0; k < EVENT_KIND_MAX; k++)
		if (strcmp(kind_names[k], name) == 0) {
			*ret = (enum event_kind)k;
			return true;
		}
	return false;
}

const char *hierarchy_name(enum hierarchy h)
{
	return h == HIERARCHY_V1 ? "v1" : h == HIERARCHY_V2 ? "v2" : NULL;
}

const char *evidence_name(unsigned bit)
{
	switch (bit) {
	case EVIDENCE_COUNTERS:
		return "counters";
	case EVIDENCE_EVENTFD:
		return "eventfd";
	case EVIDENCE_BPF:
		return "bpf";
	case EVIDENCE_KMSG:
		return "kmsg";
	case EVIDENCE_VMSTAT:
		return "vmstat";
	default:
		return "unknown";
	}
}

struct oomn_event *event_new(enum event_kind kind)
{
	struct oomn_event *e = calloc(1, sizeof(*e));

	if (e) {
		e->kind = kind;
		e->count_min = e->count_max = 1;
		e->limit_bytes = e->usage_bytes = e->total_bytes = BYTES_NONE;
		e->swap_limit_bytes = e->swap_usage_bytes = BYTES_NONE;
		e->order = OOM_ORDER_NONE;
	}
	return e;
}

static uint64_t text_bytes(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static uint64_t process_bytes(const struct oomn_process *p)
{
	return p ? sizeof(*p) + text_bytes(p->cgroup) + text_bytes(p->own_cgroup) +
			       text_bytes(p->cmdline)
		 : 0;
}

uint64_t event_bytes(const struct oomn_event *e)
{
	return sizeof(*e) + (e->cookies ? e->cookies_n * sizeof(*e->cookies) : 0) +
	       text_bytes(e->cgroup) + text_bytes(e->limit_cgroup) + process_bytes(e->trigger) +
	       process_bytes(e->victim);
}

bool event_drop_cookie(struct oomn_event *e, uint64_t cookie)
{
	size_t kept = 0;

	if (!e->cookies)
		return e->cookie != cookie;
	for (size_t i = 0; i < e->cookies_n; i++)
		if (e->cookies[i] != cookie)
			e->cookies[kept++] = e->cookies[i];
	e->cookies_n = kept;
	e->cookie = e->cookies[0];
	return kept > 0;
}

struct oomn_event *event_free(struct oomn_event *e)
{
	if (e) {
		free(e->cookies);
		free(e->cgroup);
		free(e->limit_cgroup);
		oom_process_free(e->trigger);
		oom_process_free(e->victim);
		oom_details_free(e->details);
		free(e);
	}
	return NULL;
}
