/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/pace.h"

#define WALK_SHARE 10 /* one in so many parts of a CPU */

bool pace_may_walk(struct pace *p, uint64_t now_ns)
{
	p->wanted = now_ns < p->walk_ns;
	return !p->wanted;
}

void pace_walked(struct pace *p, uint64_t now_ns, uint64_t cost_ns)
{
	p->wanted = false;
	p->walk_ns = now_ns + cost_ns * (WALK_SHARE - 1);
}

uint64_t pace_due(const struct pace *p)
{
	return p->wanted ? p->walk_ns : UINT64_MAX;
}
