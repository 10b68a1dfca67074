/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* From what was seen to an event. All return NULL without memory. */
#include "core/event.h"
#include "core/kmsg_oom.h"
#include "core/victim.h"

/* Of the limit cgroup; without one, of the whole machine: then of "/". */
struct oomn_event *incident_oom_event(const struct sighting *s, uint64_t incident);
/* Of the cgroup where the victim's memory is charged; `cgroup` is NULL if its path is not known. */
struct oomn_event *incident_kill_event(const struct sighting *s, uint64_t incident);
struct oomn_event *incident_collateral_event(const struct sighting *s, uint64_t incident);
struct oomn_event *incident_kmsg_event(const struct kmsg_kill *k, uint64_t incident,
				       uint64_t now_ns);
/* The path of @c, one of @s's, if it lies in what is visible and is whole; else NULL. */
const char *incident_path(const struct sighting *s, const struct cgroup_id *c);
