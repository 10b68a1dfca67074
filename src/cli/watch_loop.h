/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The life of a watch, from ready to its last event
 *
 *            -n, timeout, last top gone,             all told and written,
 *            reader gone, signal                     or given up
 *   RUNNING ───────────────────────────> SETTLING ───────────────────────> end
 *
 * What user space can still read of an incident (cli/details.h) is asked for with each oom and kill that
 * is told, and told when it comes; it is not counted for -n.
 *
 * In SETTLING all counters are read a last time and what that brings is still told. That takes
 * WATCH_SETTLE_NS at most. What the reader of standard output has not taken yet is waited for, but
 * after a signal not longer than that either; a second signal ends it at once.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "cli/details.h"
#include "include/oomnotify.h"
#include "sink/sink.h"

#define WATCH_SETTLE_NS NSEC_PER_SEC

struct watch_loop_args {
	struct oomn_monitor *monitor;
	struct sink *sink;
	struct details *details; /* NULL: none are asked for */
	uint64_t count_max;      /* `lost` is not counted; UINT64_MAX: any number */
	uint64_t timeout_ns;     /* UINT64_MAX: none */
	const char *ready;       /* said once signals are caught, NULL: not said */
	bool quiet;              /* no notes */
};

struct watch_loop_result {
	const char *unsettled; /* why the last reading did not come to its end; NULL: it did */
};

/* Returns 0, or after saying what went wrong an exit status. */
int watch_loop_run(const struct watch_loop_args *args, struct watch_loop_result *ret);
