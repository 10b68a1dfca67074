/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * How often to walk
 *
 * A walk through the tree may take long. Walks get at most a tenth of a CPU; what comes sooner
 * waits, and is told late rather than lost.
 */
#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint64_t walk_ns; /* not to be walked before */
	bool wanted;      /* a walk is waiting for its time */
};

/* Whether a walk may start now; if not, it is remembered, and pace_due() tells when. */
bool pace_may_walk(struct pace *p, uint64_t now_ns);
/* A walk that used @cost_ns of CPU time ended at @now_ns. */
void pace_walked(struct pace *p, uint64_t now_ns, uint64_t cost_ns);
/* When the walk that is wanted may start; UINT64_MAX: none is. */
uint64_t pace_due(const struct pace *p);
