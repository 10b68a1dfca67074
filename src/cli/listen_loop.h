/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The event loop of `listen`: from an eventfd to standard output
 *
 *   eventfd readable ──> read: how often it was signalled ──> a line ──> counted against -n
 *
 * The removal of the cgroup signals too, and its signal looks like any other. A count that was read
 * while the cgroup is still there holds none for its removal. One that was read later is put aside
 * until the library says that the last signal has been given, which is then the one for the removal.
 * Once the end was asked for, that is waited for LISTEN_END_NS at most.
 *
 * While standard output takes nothing the eventfd is not read: it keeps the count.
 */
#include <stdint.h>

#include "base/clock.h"
#include "include/oomnotify.h"

#define LISTEN_END_NS NSEC_PER_SEC

struct listen_loop_args {
	struct oomn_monitor *monitor;
	const struct oomn_listener *listener;
	int eventfd;         /* what @listener signals; not blocking */
	const char *name;    /* of the cgroup, as it is printed */
	const char *ready;   /* said once it listens */
	const char *noun;    /* what is counted: "ooms" */
	uint64_t count_max;  /* ends after so many */
	uint64_t timeout_ns; /* UINT64_MAX: none */
};

/* Runs to the end. Returns an exit status. */
int listen_loop_run(const struct listen_loop_args *args);
