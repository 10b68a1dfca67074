/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Events as text for people: time, kind, cgroup, and the rest in words
 *
 * On a terminal the columns are aligned and the kind has a colour. Elsewhere the same words follow
 * each other, one tab between the columns and the time with date and zone, so that a line does not
 * depend on where it was written. No byte of a name can act on a terminal (base/escape.h). The text
 * may change with any version; what programs read is JSON.
 */
#include <stdbool.h>
#include <stddef.h>

#include "sink/sink.h"

struct text_style {
	bool aligned;
	bool colour;
	bool ascii; /* the terminal knows no UTF-8 */
};

/*
 * The line for @e, on the heap, without its end. @name_width is the width of the column of cgroups
 * and is widened when a longer one comes. Returns 0 or -ENOMEM.
 */
int text_encode_event(const struct text_style *style, const struct event *e, size_t *name_width,
		      char **ret);
/* A sink that writes to @fd, which is borrowed. Returns 0, -ENOMEM, or what is wrong with @fd. */
int text_sink_open(struct sink **ret, int fd, const struct text_style *style);
