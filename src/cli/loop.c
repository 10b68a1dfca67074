/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "cli/end_signals.h"
#include "cli/errno_text.h"
#include "cli/say.h"
#include "cli/status.h"

/* sd-event's setters return 1 for a change. */
static int ends_on_failure(sd_event_source *source)
{
	int r = sd_event_source_set_exit_on_failure(source, true);

	return r < 0 ? r : 0;
}

int loop_add_io(struct loop *l, sd_event_source **ret, int fd, uint32_t events,
		sd_event_io_handler_t handler, void *userdata)
{
	int r = sd_event_add_io(l->event, ret, fd, events, handler, userdata);

	return r < 0 ? r : ends_on_failure(*ret);
}

int loop_set_timer(struct loop *l, sd_event_source **source, uint64_t ns,
		   sd_event_time_handler_t handler, void *userdata)
{
	int r;

	*source = sd_event_source_disable_unref(*source);
	r = sd_event_add_time_relative(l->event, source, CLOCK_BOOTTIME, ns / NSEC_PER_USEC, 1,
				       handler, userdata);
	return r < 0 ? r : ends_on_failure(*source);
}

static int add_timeout(struct loop *l, const struct loop_spec *spec)
{
	sd_event_source *source = NULL;
	int r;

	if (spec->timeout_ns == UINT64_MAX)
		return 0;
	r = loop_set_timer(l, &source, spec->timeout_ns, spec->calls->on_timeout, spec->userdata);
	if (r >= 0)
		r = sd_event_source_set_floating(source, true);
	sd_event_source_unref(source);
	return r < 0 ? r : 0;
}

static int add_sources(struct loop *l, const struct loop_spec *spec)
{
	int r = end_signals_add(l->event, spec->calls->on_signal, spec->userdata);

	if (r >= 0)
		r = loop_add_io(l, &l->input, spec->input_fd, EPOLLIN, spec->calls->on_input,
				spec->userdata);
	if (r < 0)
		return r;
	/* No event asked for: EPOLLERR comes all the same, when the reader of a pipe has left. */
	r = loop_add_io(l, &l->output, spec->output_fd, 0, spec->calls->on_output, spec->userdata);
	if (r < 0 && r != -EPERM) /* a file */
		return r;
	return add_timeout(l, spec);
}

int loop_run(struct loop *l, const struct loop_spec *spec)
{
	int r = sd_event_new(&l->event);

	if (r >= 0)
		r = add_sources(l, spec);
	if (r >= 0)
		r = spec->calls->begin(spec->userdata);
	if (r >= 0)
		r = sd_event_loop(l->event);
	if (r >= 0)
		return r;
	say("the event loop failed: %s", errno_text(-r));
	return STATUS_FAILURE;
}

void loop_close(struct loop *l)
{
	l->input = sd_event_source_disable_unref(l->input);
	l->output = sd_event_source_disable_unref(l->output);
	notify_close(&l->notify);
	l->event = sd_event_unref(l->event);
}
