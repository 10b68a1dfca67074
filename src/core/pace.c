/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/pace.h"

#define SHARE 10 /* one in so many parts of a CPU */

static void refill(struct pace *p, uint64_t now_ns)
{
	uint64_t passed = now_ns - p->at_ns;

	if (now_ns < p->at_ns)
		return;
	/* A day without a walk is no reason to overflow. */
	if (p->at_ns == 0 || passed / SHARE > 2 * (uint64_t)PACE_CREDIT_NS)
		p->credit_ns = PACE_CREDIT_NS;
	else
		p->credit_ns += (int64_t)(passed / SHARE);
	if (p->credit_ns > PACE_CREDIT_NS)
		p->credit_ns = PACE_CREDIT_NS;
	p->at_ns = now_ns;
}

bool pace_may_walk(struct pace *p, uint64_t now_ns)
{
	p->wanted = now_ns < pace_free(p);
	return !p->wanted;
}

uint64_t pace_free(const struct pace *p)
{
	return p->credit_ns >= 0 ? 0 : p->at_ns + (uint64_t)-p->credit_ns * SHARE;
}

void pace_walked(struct pace *p, uint64_t now_ns, uint64_t cost_ns)
{
	refill(p, now_ns);
	p->wanted = false;
	p->credit_ns -= (int64_t)cost_ns;
}

uint64_t pace_due(const struct pace *p)
{
	return p->wanted ? pace_free(p) : UINT64_MAX;
}
