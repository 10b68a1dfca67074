/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Events as text for people: time, kind, cgroup, and the rest in words
 *
 * On a terminal the columns are aligned and the kind has a colour. What is known of an incident stands
 * on lines below, and is not said again by the events of it that follow at once; a blank line ends
 * that block. Elsewhere all stands on one line, a tab between the columns and the time with date and
 * zone, so that a line depends neither on where it was written nor on the others. No byte of a name can
 * act on a terminal (base/escape.h). The text may change with any version; what programs read is JSON.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sink/sink.h"

struct text_style {
	bool aligned;
	bool colour;
	bool ascii; /* the terminal knows no UTF-8 */
};

/* What the lines so far have to do with the next. All 0 at first. */
struct text_state {
	size_t columns;    /* of the terminal, kept up to date by the caller; 0: without an edge */
	size_t name_width; /* of the column of cgroups, which a long one widens */
	bool begun;        /* there is an event above */
	uint64_t incident; /* of that event */
	unsigned told;     /* by the lines of that incident (text_words.h) */
	uint32_t command_of; /* the process whose command line they have */
};

/* The line, or several, for @e, on the heap, without an end. Returns 0 or -ENOMEM. */
int text_encode_event(const struct text_style *style, const struct oomn_event *e,
		      struct text_state *state, char **ret);
/* A sink that writes to @fd, which is borrowed. Returns 0, -ENOMEM, or what is wrong with @fd. */
int text_sink_open(struct sink **ret, int fd, const struct text_style *style);
