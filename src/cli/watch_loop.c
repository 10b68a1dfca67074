/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/watch_loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/fd.h"
#include "cli/end_signals.h"
#include "cli/say.h"
#include "cli/status.h"

struct loop {
	const struct watch_loop_args *args;
	sd_event *event;
	sd_event_source *monitor;
	sd_event_source *output; /* NULL: a file, which is always writable */
	sd_event_source *deadline;
	char *notice; /* the last that was said */
	uint64_t told;
	uint64_t untold;   /* came when -n was reached already */
	bool reader_left;  /* of standard output */
	bool output_waits; /* not all is written */
	bool events_wait;  /* in the monitor, since the output is full */
	bool settling;
	bool settle_due; /* at the start, and when the monitor wakes: a source has few rounds for it */
	bool settled;
	const char *unsettled; /* why settling was given up */
	bool gave_up;          /* no settling any more */
	bool interrupted;      /* a signal has asked for the end */
};

static void event_unref(sd_event **e)
{
	sd_event_unref(*e);
}

/* Ends the loop after a failure that has been said. */
static int fail(struct loop *l)
{
	return sd_event_exit(l->event, STATUS_FAILURE);
}

static bool count_reached(const struct loop *l)
{
	return l->told >= l->args->count_max;
}

static int tell(struct loop *l, const struct event *e)
{
	if (count_reached(l)) {
		l->untold++;
		return 0;
	}
	l->told++;
	return l->reader_left ? 0 : l->args->sink->ops->submit(l->args->sink, e);
}

/* Hands events on until there is none, or the output is full. */
static int take_events(struct loop *l)
{
	struct sink *sink = l->args->sink;

	for (;;) {
		_cleanup_event_ struct event *e = NULL;
		int r;

		l->events_wait = !l->reader_left && sink->ops->full(sink);
		if (l->events_wait || (count_reached(l) && !l->settling))
			return 0;
		r = monitor_next(l->args->monitor, &e);
		if (r <= 0)
			return r;
		r = tell(l, e);
		if (r < 0)
			return r;
	}
}

/* What is told from here on has no reader: that is his choice and no failure. */
static void reader_left(struct loop *l)
{
	l->reader_left = true;
	l->output_waits = l->events_wait = false;
	l->output = sd_event_source_disable_unref(l->output);
}

static int flush(struct loop *l)
{
	int r;

	if (l->reader_left)
		return 0;
	r = l->args->sink->ops->flush(l->args->sink);
	if (r == -EPIPE || r == -ECONNRESET) {
		reader_left(l);
		return 0;
	}
	if (r < 0) {
		say_output_failed(-r);
		return r;
	}
	l->output_waits = r == SINK_E_AGAIN;
	if (!l->output)
		return 0;
	return sd_event_source_set_io_events(l->output, l->output_waits ? EPOLLOUT : 0);
}

/* Moves events from the monitor to the reader, as far as he takes them. */
static int pump(struct loop *l)
{
	int r;

	do {
		r = take_events(l);
		if (r < 0) {
			say("cannot go on: %s", strerror(-r));
			return r;
		}
		r = flush(l);
		if (r < 0)
			return r;
	} while (l->events_wait && !l->output_waits);
	return 0;
}

static void say_notice(struct loop *l)
{
	const char *notice = l->args->quiet ? NULL : monitor_notice(l->args->monitor);

	if (!notice || (l->notice && strcmp(l->notice, notice) == 0))
		return;
	say_note("note: %s", notice);
	free(l->notice);
	l->notice = strdup(notice); /* without memory it may be said twice */
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata);

static int arm_deadline(struct loop *l, uint64_t ns)
{
	l->deadline = sd_event_source_disable_unref(l->deadline);
	return sd_event_add_time_relative(l->event, &l->deadline, CLOCK_BOOTTIME,
					  ns / NSEC_PER_USEC, 1, on_deadline, l);
}

static int begin_end(struct loop *l)
{
	if (l->settling)
		return 0;
	l->settling = l->settle_due = true;
	(void)sd_notify(false, "STOPPING=1");
	return arm_deadline(l, WATCH_SETTLE_NS);
}

static void settle(struct loop *l)
{
	int r = monitor_settle(l->args->monitor);

	l->settle_due = false;
	if (r < 0) {
		say("the counters cannot be read a last time: %s", strerror(-r));
		l->unsettled = "the counters could not be read a last time";
	}
	l->settled = r == 0;
}

/* One step of the whole: after every wakeup, whatever it was. */
static int advance(struct loop *l)
{
	int r = pump(l);

	if (r < 0)
		return fail(l);
	if (l->reader_left || count_reached(l) || monitor_watches(l->args->monitor) == 0)
		r = begin_end(l);
	if (r >= 0 && l->settle_due && !l->settled && !l->unsettled) {
		settle(l);
		r = pump(l);
	}
	if (r < 0)
		return fail(l);
	say_notice(l);
	if (!l->settled && !l->unsettled)
		return 0;
	/* What comes after the last reading belongs to nobody's account any more. */
	l->monitor = sd_event_source_disable_unref(l->monitor);
	return l->events_wait || l->output_waits ? 0 : sd_event_exit(l->event, 0);
}

static int on_monitor(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct loop *l = userdata;
	int r = monitor_dispatch(l->args->monitor);

	(void)source;
	(void)fd;
	(void)events;
	if (r < 0) {
		say("cannot go on reading the counters: %s", strerror(-r));
		return fail(l);
	}
	l->settle_due = l->settling;
	return advance(l);
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct loop *l = userdata;

	(void)source;
	(void)fd;
	if (events & (EPOLLERR | EPOLLHUP))
		reader_left(l);
	return advance(l);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct loop *l = userdata;
	int r = begin_end(l);

	(void)source;
	(void)usec;
	return r < 0 ? r : advance(l);
}

static int give_up(struct loop *l, const char *why)
{
	if (!l->settled)
		l->unsettled = why;
	if (l->interrupted && (l->events_wait || l->output_waits)) {
		say("the reader of standard output does not take what is left, which is dropped");
		return fail(l);
	}
	return advance(l);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	return give_up(userdata, "the last reading of the counters took too long");
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct loop *l = userdata;
	int r;

	(void)source;
	(void)info;
	if (l->interrupted)
		return give_up(l, "a second signal cut the last reading of the counters short");
	l->interrupted = true;
	/* If it is settling for another reason, the time for what the reader has not taken begins now. */
	r = l->settling ? arm_deadline(l, WATCH_SETTLE_NS) : begin_end(l);
	return r < 0 ? r : advance(l);
}

static int add_sources(struct loop *l)
{
	const struct sink *sink = l->args->sink;
	int r = end_signals_add(l->event, on_signal, l);

	if (r >= 0)
		r = sd_event_add_io(l->event, &l->monitor, monitor_get_fd(l->args->monitor),
				    EPOLLIN, on_monitor, l);
	if (r < 0)
		return r;
	/* No event asked for: EPOLLERR comes all the same, when the reader of a pipe has left. */
	r = sd_event_add_io(l->event, &l->output, sink->ops->fd(sink), 0, on_output, l);
	if (r < 0 && r != -EPERM) /* a file */
		return r;
	if (l->args->timeout_ns == UINT64_MAX)
		return 0;
	return sd_event_add_time_relative(l->event, NULL, CLOCK_BOOTTIME,
					  l->args->timeout_ns / NSEC_PER_USEC, 1, on_timeout, l);
}

static int run(struct loop *l)
{
	int r = sd_event_new(&l->event);

	if (r >= 0)
		r = add_sources(l);
	if (r < 0) {
		say("cannot start the event loop: %s", strerror(-r));
		return STATUS_FAILURE;
	}
	say_notice(l);
	if (l->args->ready)
		say("watching %s, ready", l->args->ready);
	(void)sd_notify(false, "READY=1");
	r = advance(l); /* what came while the watches began */
	if (r >= 0)
		r = sd_event_loop(l->event);
	if (r < 0) {
		say("the event loop failed: %s", strerror(-r));
		return STATUS_FAILURE;
	}
	return r;
}

int watch_loop_run(const struct watch_loop_args *args, struct watch_loop_result *ret)
{
	struct loop l = { .args = args };
	int r = run(&l);

	if (r == 0 && l.untold > 0 && !args->quiet)
		say("note: events that came while it ended and were not told (-n): %" PRIu64,
		    l.untold);
	l.monitor = sd_event_source_disable_unref(l.monitor);
	l.output = sd_event_source_disable_unref(l.output);
	l.deadline = sd_event_source_disable_unref(l.deadline);
	event_unref(&l.event);
	free(l.notice);
	if (r == 0)
		ret->unsettled = l.unsettled;
	return r;
}
