/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/early.h"

static void lapse(struct early *e, uint64_t now_ns)
{
	if (now_ns >= e->ahead_ns + EARLY_KEEP_NS)
		e->ahead = 0;
}

bool early_seen(struct early *e, uint64_t now_ns)
{
	if (e->behind > 0 && now_ns < e->behind_ns + EARLY_WAIT_NS) {
		e->behind--;
		return false;
	}
	e->behind = 0;
	lapse(e, now_ns);
	if (e->ahead >= EARLY_MAX)
		return false; /* its count tells it */
	e->ahead++;
	e->ahead_ns = now_ns;
	return true;
}

uint64_t early_counted(struct early *e, uint64_t n, uint64_t now_ns)
{
	uint64_t told;

	lapse(e, now_ns);
	told = e->ahead < n ? e->ahead : n;
	e->ahead -= told;
	n -= told;
	if (n == 0)
		return 0;
	if (now_ns >= e->behind_ns + EARLY_WAIT_NS)
		e->behind = 0;
	e->behind += n;
	e->behind_ns = now_ns;
	return n;
}
