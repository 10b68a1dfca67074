/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * How often to walk
 *
 * A walk through the tree may take long. Walks get a tenth of a CPU: credit grows by a tenth of the
 * time that passes, up to PACE_CREDIT_NS, and each walk is paid from it. While there is any a walk may
 * start at once, so that a few events in a small tree never wait; what comes when it is used up
 * waits, and is told late rather than lost.
 */
#include <stdbool.h>
#include <stdint.h>

#define PACE_CREDIT_NS INT64_C(100000000)

struct pace {
	int64_t credit_ns; /* below 0: used up */
	uint64_t at_ns;    /* when it was that much; 0: never used, all credit is there */
	bool wanted;       /* a walk is waiting for its time */
};

/* Whether a walk may start now; if not, it is remembered, and pace_due() tells when. */
bool pace_may_walk(struct pace *p, uint64_t now_ns);
/* When a walk may start: at or before @now_ns if now. */
uint64_t pace_free(const struct pace *p);
/* A walk that used @cost_ns of CPU time ended at @now_ns. */
void pace_walked(struct pace *p, uint64_t now_ns, uint64_t cost_ns);
/* When the walk that is wanted may start; UINT64_MAX: none is. */
uint64_t pace_due(const struct pace *p);
