/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Events as JSON, one object a line: the format of oomnotify-events(5)
 *
 * The names of the keys are a promise; man/oomnotify-events.5.scd says which are not in every line.
 */
#include "sink/sink.h"

/* The object for @e, on the heap, without a line's end. Returns 0 or -ENOMEM. */
int json_encode_event(const struct oomn_event *e, char **ret);
struct json_t;
/* Any object (jansson's) as text, on the heap, without a line's end. Returns 0 or -ENOMEM. */
int json_line(const struct json_t *object, char **ret);
/* A sink that writes to @fd, which is borrowed. Returns 0, -ENOMEM, or what is wrong with @fd. */
int json_sink_open(struct sink **ret, int fd);
