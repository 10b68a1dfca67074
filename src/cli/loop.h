/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The event loop of a command that waits: one descriptor to learn from, standard output, a time after
 * which it ends, and the signals that ask for the end
 *
 * A handler that returns less than 0 ends the loop with that error. (sd-event would otherwise switch
 * its source off and go on, without its timeout or deaf to signals.)
 */
#include <stdint.h>
#include <systemd/sd-event.h>

#include "cli/notify.h"

struct loop_calls {
	/* The descriptor to learn from is readable. */
	sd_event_io_handler_t on_input;
	/* Standard output is writable, if that was asked for, or its reader has left (EPOLLERR). */
	sd_event_io_handler_t on_output;
	sd_event_time_handler_t on_timeout;
	sd_event_signal_handler_t on_signal;
	/* Called once signals are caught: what is there already. Returns 0 or a negated errno. */
	int (*begin)(void *userdata);
};

struct loop_spec {
	const struct loop_calls *calls;
	void *userdata;
	int input_fd;
	int output_fd;
	uint64_t timeout_ns; /* UINT64_MAX: none */
};

struct loop {
	sd_event *event;
	sd_event_source *input;
	sd_event_source *output; /* NULL: a file, which is always writable */
	struct notify notify;
};

#define LOOP_NULL                                                                                  \
	{                                                                                          \
		.notify = NOTIFY_NULL                                                              \
	}

/* Runs to the end. Returns the code given to sd_event_exit(), or after saying it STATUS_FAILURE. */
int loop_run(struct loop *l, const struct loop_spec *spec);
/* Releases what loop_run() made, which it leaves for who still has sources of his own. */
void loop_close(struct loop *l);
/* Has @handler called when the descriptor @fd is ready. Returns 0 or a negated errno. */
int loop_add_io(struct loop *l, sd_event_source **ret, int fd, uint32_t events,
		sd_event_io_handler_t handler, void *userdata);
/* Has @handler called in @ns. An older source in @source is released. */
int loop_set_timer(struct loop *l, sd_event_source **source, uint64_t ns,
		   sd_event_time_handler_t handler, void *userdata);
