/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Signals for ooms that are both seen and counted, each told once
 *
 * The kernel counts an oom and is then seen to look for a victim, so each oom that is seen is counted, and
 * the record of it is here first as a rule. Whichever comes first is told, the other one is not. Nothing
 * is lost if an oom is counted and not seen (memory was freed in between), only told when it is counted.
 */
#include <stdbool.h>
#include <stdint.h>

/* A count that came first waits so long for what is seen of it. */
#define EARLY_WAIT_NS UINT64_C(100000000)
/* What was told ahead and is not counted by then was counted before anybody looked. */
#define EARLY_KEEP_NS UINT64_C(1000000000)
/* Of one cgroup, told ahead of their count; memory.max set below the usage makes tens of thousands. */
#define EARLY_MAX 128

struct early {
	uint64_t ahead;     /* seen and told, not counted yet */
	uint64_t ahead_ns;  /* when the last of these was told */
	uint64_t behind;    /* counted and told, not seen yet */
	uint64_t behind_ns; /* when the last of these was counted */
};

/* One oom is seen. Returns whether it is to be told now. */
bool early_seen(struct early *e, uint64_t now_ns);
/* @n more were counted. Returns how many of them are to be told now. */
uint64_t early_counted(struct early *e, uint64_t n, uint64_t now_ns);
