/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What `listen` listens to: ooms, or as an option has it a usage or reclaim pressure
 */
#include <stdint.h>

#include "include/oomnotify.h"

enum listen_what_kind {
	LISTEN_WHAT_OOM,
	LISTEN_WHAT_THRESHOLD,
	LISTEN_WHAT_PRESSURE,
};

struct listen_what {
	enum listen_what_kind kind;
	uint64_t bytes; /* THRESHOLD */
	uint32_t level; /* PRESSURE */
	uint32_t flags; /* THRESHOLD, PRESSURE: of oomn_listener_add_*() */
};

/*
 * Take the value of @option, "SIZE[,swap]" and "LEVEL[,MODE]". They return 0, or -1 after saying what is
 * wrong with it.
 */
int listen_what_threshold(const char *option, const char *value, struct listen_what *ret);
int listen_what_pressure(const char *option, const char *value, struct listen_what *ret);
/* Returns as oomn_listener_add_*() do. */
int listen_what_add(const struct listen_what *w, struct oomn_monitor *m, int cgroup_fd, int eventfd,
		    struct oomn_listener **ret);
/* What is counted, in the plural: "ooms". */
const char *listen_what_noun(const struct listen_what *w);
