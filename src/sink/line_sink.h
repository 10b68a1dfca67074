/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The part that all sinks share which write one line an event
 *
 * Such a sink embeds a struct line_sink as its head and brings `encode`, which turns an event into a
 * line on the heap, without its end. Everything else of struct sink_ops is here.
 */
#include "sink/output.h"
#include "sink/sink.h"

struct line_sink {
	struct sink sink;
	struct output output;
	/* Returns 0 and the line, or -ENOMEM. */
	int (*encode)(struct line_sink *s, const struct oomn_event *e, char **ret);
};

/* Once that much waits for the reader, no more is taken. */
#define LINE_SINK_BYTES (64U * 1024U)

int line_sink_open(struct line_sink *s, int fd);
bool line_sink_full(const struct sink *sink);
int line_sink_submit(struct sink *sink, const struct oomn_event *e);
int line_sink_flush(struct sink *sink);
int line_sink_fd(const struct sink *sink);
/* Frees the sink, whose head @sink is. */
struct sink *line_sink_close(struct sink *sink);
