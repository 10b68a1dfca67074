/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/pace.h"

#define SLOT_NS UINT64_C(10000000)
#define REREADS 5
#define REREAD_NS (SLOT_NS / REREADS)
#define FRUITLESS_MAX 3
#define QUIET_NS UINT64_C(100000000)
#define WALK_SHARE 10 /* one in so many parts of a CPU */

void pace_woken(struct pace *p, uint64_t now_ns, bool news)
{
	if (news || now_ns - p->woken_ns > QUIET_NS)
		p->fruitless = 0;
	p->woken_ns = now_ns;
	p->reread_ns = 0;
	if (news || p->fruitless >= FRUITLESS_MAX)
		return;
	p->fruitless++;
	p->rereads = REREADS;
	p->reread_ns = now_ns + REREAD_NS;
}

void pace_reread(struct pace *p, uint64_t now_ns, bool news)
{
	p->reread_ns = 0;
	if (news)
		p->fruitless = 0;
	else if (--p->rereads > 0)
		p->reread_ns = now_ns + REREAD_NS;
}

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
	uint64_t due = UINT64_MAX;

	if (p->reread_ns != 0)
		due = p->reread_ns;
	if (p->wanted && p->walk_ns < due)
		due = p->walk_ns;
	return due;
}
