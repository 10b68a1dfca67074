/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/balance.h"

#include <stddef.h>

#include "base/saturate.h"

void balance_add(struct balance *sum, const struct balance *b)
{
	for (unsigned k = 0; k < COUNTED_KINDS; k++) {
		struct balance_line *to = &sum->kind[k];
		const struct balance_line *from = &b->kind[k];

		to->counted = add_saturated(to->counted, from->counted);
		to->reported = add_saturated(to->reported, from->reported);
		to->recounts = add_saturated(to->recounts, from->recounts);
		to->unproven = add_saturated(to->unproven, from->unproven);
		if (from->unproven > 0)
			to->reasons |= from->reasons != 0 ? from->reasons : b->reasons;
	}
	sum->reasons |= b->reasons;
	sum->late = add_saturated(sum->late, b->late);
	sum->lost = add_saturated(sum->lost, b->lost);
	sum->identified = add_saturated(sum->identified, b->identified);
	sum->names_late = add_saturated(sum->names_late, b->names_late);
	sum->names_lost = add_saturated(sum->names_lost, b->names_lost);
}

enum balance_verdict balance_judge(const struct balance *b, unsigned kinds)
{
	enum balance_verdict verdict = BALANCE_BALANCED;

	for (unsigned k = 0; k < COUNTED_KINDS; k++) {
		const struct balance_line *line = &b->kind[k];

		if (!(kinds & EVENT_MASK(k)))
			continue;
		if (add_saturated(line->reported, line->recounts) != line->counted)
			return BALANCE_DIFFERS;
		if (line->unproven > 0)
			verdict = BALANCE_UNPROVEN;
	}
	return verdict;
}

const char *unproven_reason_text(unsigned bit)
{
	switch (bit) {
	case UNPROVEN_TOP_UNDER_ROOT:
		return "a watched child of the root cgroup was removed: the root keeps no counters "
		       "to prove its last moment";
	case UNPROVEN_SIBLINGS_GONE:
		return "a watched cgroup was removed together with neighbours: their parent's "
		       "counter does not tell them apart";
	case UNPROVEN_LOCALEVENTS:
		return "cgroup2 is mounted with memory_localevents: counters of removed cgroups "
		       "are lost";
	case UNPROVEN_V1_GONE:
		return "cgroup v1: removed cgroups took their oom_kill counters along";
	case UNPROVEN_V1_POLLED:
		return "cgroup v1: cgroup.event_control is not writable here, ooms without a kill "
		       "are not seen";
	case UNPROVEN_UNREADABLE:
		return "counters could not be read";
	case UNPROVEN_RESTLESS:
		return "the counters did not come to rest before the end";
	case UNPROVEN_CHILDREN_GONE:
		return "a cgroup watched with --local was removed and had children: whose its last "
		       "events were is open";
	case UNPROVEN_V1_CHANGING:
		return "cgroup v1: a limit was hit while cgroups below it were made or removed: "
		       "not "
		       "every oom can be placed";
	case UNPROVEN_V1_UNSEEN:
		return "cgroup v1: cgroups came and went before they could be registered";
	case UNPROVEN_V1_DESCRIPTORS:
		return "cgroup v1: too few descriptors (ulimit -n): some cgroups could not be "
		       "registered or read";
	case UNPROVEN_UNSEEN:
		return "inotify's limits were reached: children of the root cgroup may have come "
		       "and gone unseen";
	case UNPROVEN_SWITCHED:
		return "the memory controller of a watched cgroup was switched off for a while: "
		       "what "
		       "happened meanwhile is not known";
	default:
		return "unknown";
	}
}
