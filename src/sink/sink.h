/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A sink: where deliveries go
 *
 * Each sink is one file with one const table of calls. It takes events one by one, never blocks and
 * holds a bounded amount of what its reader has not taken yet. While it is full, events stay where
 * they are: in the monitor's queue, which is bounded too, drops its oldest and says so with a `lost`
 * event. So a reader that is too slow always learns that it was.
 */
#include <stdbool.h>

#include "core/event.h"

struct sink;

enum {
	SINK_E_AGAIN = 1, /* not all is delivered: flush again when the descriptor is writable */
};

struct sink_ops {
	const char *name;
	/* Whether no event should be submitted before flush() has made room. */
	bool (*full)(const struct sink *s);
	/* Takes what @e says; @e stays the caller's. Returns 0 or -ENOMEM. */
	int (*submit)(struct sink *s, const struct oomn_event *e);
	/* Delivers what the reader takes now. Returns 0, SINK_E_AGAIN, or a negated errno. */
	int (*flush)(struct sink *s);
	/* The descriptor to wait on for EPOLLOUT after SINK_E_AGAIN; belongs to the sink. */
	int (*fd)(const struct sink *s);
	struct sink *(*close)(struct sink *s);
};

/* The head of every sink's own structure. */
struct sink {
	const struct sink_ops *ops;
};

static inline void sink_closep(struct sink **s)
{
	if (*s)
		*s = (*s)->ops->close(*s);
}
#define _cleanup_sink_ __attribute__((cleanup(sink_closep)))
