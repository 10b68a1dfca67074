/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/watch_loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "cli/errno_text.h"
#include "cli/loop.h"
#include "cli/say.h"
#include "cli/status.h"

struct watching {
	const struct watch_loop_args *args;
	struct loop loop;
	sd_event_source *deadline;
	sd_event_source *details;
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

/* Ends the loop after a failure that has been said. */
static int fail(struct watching *w)
{
	return sd_event_exit(w->loop.event, STATUS_FAILURE);
}

static bool count_reached(const struct watching *w)
{
	return w->told >= w->args->count_max;
}

static void free_event(struct oomn_event **e)
{
	*e = oomn_event_free(*e);
}

/* Best effort: an incident whose details cannot be asked for is told without. */
static void ask(struct watching *w, const struct oomn_event *e)
{
	if (w->args->details && oomn_event_get_incident(e) != 0 && !w->reader_left)
		(void)details_ask(w->args->details, e, clock_boottime_ns());
}

static int tell(struct watching *w, const struct oomn_event *e)
{
	bool lost = oomn_event_get_kind(e) == OOMN_LOST;
	int r;

	if (count_reached(w)) {
		w->untold += lost ? oomn_event_get_count_max(e) : 1;
		return 0;
	}
	/* What says that events were dropped is none of those that were asked for. */
	if (!lost)
		w->told++;
	r = w->reader_left ? 0 : w->args->sink->ops->submit(w->args->sink, e);
	if (r == 0)
		ask(w, e);
	return r;
}

static bool is_full(struct watching *w)
{
	struct sink *sink = w->args->sink;

	w->events_wait = !w->reader_left && sink->ops->full(sink);
	return w->events_wait;
}

static int take_details(struct watching *w)
{
	while (w->args->details && !is_full(w)) {
		_cleanup_event_ struct oomn_event *e = NULL;
		int r = details_next(w->args->details, &e);

		if (r <= 0)
			return r;
		e->realtime_ns = clock_realtime_at(e->boottime_ns);
		r = w->reader_left ? 0 : w->args->sink->ops->submit(w->args->sink, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Hands events on until there is none, or the output is full. */
static int take_events(struct watching *w)
{
	int r = take_details(w);

	while (r == 0) {
		_cleanup_(free_event) struct oomn_event *e = NULL;

		if (is_full(w) || (count_reached(w) && !w->settling))
			return 0;
		r = oomn_monitor_next(w->args->monitor, &e);
		if (r <= 0)
			return r;
		r = tell(w, e);
	}
	return r;
}

/* What is told from here on has no reader: that is his choice and no failure. */
static void reader_left(struct watching *w)
{
	w->reader_left = true;
	w->output_waits = w->events_wait = false;
	w->loop.output = sd_event_source_disable_unref(w->loop.output);
}

static int flush(struct watching *w)
{
	int r;

	if (w->reader_left)
		return 0;
	r = w->args->sink->ops->flush(w->args->sink);
	if (r == -EPIPE || r == -ECONNRESET) {
		reader_left(w);
		return 0;
	}
	if (r < 0) {
		say_output_failed(-r);
		return r;
	}
	w->output_waits = r == SINK_E_AGAIN;
	if (!w->loop.output)
		return 0;
	return sd_event_source_set_io_events(w->loop.output, w->output_waits ? EPOLLOUT : 0);
}

/* Moves events from the monitor to the reader, as far as he takes them. */
static int pump(struct watching *w)
{
	int r;

	do {
		r = take_events(w);
		if (r < 0) {
			say("cannot go on: %s", errno_text(-r));
			return r;
		}
		r = flush(w);
		if (r < 0)
			return r;
	} while (w->events_wait && !w->output_waits);
	/* Its descriptor stays readable for what nobody takes. */
	return w->details ? sd_event_source_set_enabled(w->details,
							w->events_wait ? SD_EVENT_OFF : SD_EVENT_ON)
			  : 0;
}

static void say_notice(struct watching *w)
{
	const char *notice = w->args->quiet ? NULL : oomn_monitor_get_notice(w->args->monitor);

	if (!notice || (w->notice && strcmp(w->notice, notice) == 0))
		return;
	say_note("note: %s", notice);
	free(w->notice);
	w->notice = strdup(notice); /* without memory it may be said twice */
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata);

static int arm_deadline(struct watching *w, uint64_t ns)
{
	return loop_set_timer(&w->loop, &w->deadline, ns, on_deadline, w);
}

static int begin_end(struct watching *w)
{
	if (w->settling)
		return 0;
	w->settling = w->settle_due = true;
	notify_send(&w->loop.notify, w->loop.event, "STOPPING=1");
	return arm_deadline(w, WATCH_SETTLE_NS);
}

static void settle(struct watching *w)
{
	int r = oomn_monitor_settle(w->args->monitor);

	w->settle_due = false;
	if (r < 0) {
		say("the counters cannot be read a last time: %s", errno_text(-r));
		w->unsettled = "the counters could not be read a last time";
	}
	w->settled = r == 0;
}

/* They come within DETAILS_DUE_NS. */
static bool details_outstanding(const struct watching *w)
{
	return w->args->details && !w->gave_up && !w->reader_left &&
	       !details_idle(w->args->details);
}

/* One step of the whole: after every wakeup, whatever it was. */
static int advance(struct watching *w)
{
	int r = pump(w);

	if (r < 0)
		return fail(w);
	if (w->reader_left || count_reached(w) || oomn_monitor_get_watches(w->args->monitor) == 0)
		r = begin_end(w);
	if (r < 0)
		return r;
	if (w->settle_due && !w->settled && !w->unsettled) {
		settle(w);
		r = pump(w);
	}
	if (r < 0)
		return fail(w);
	say_notice(w);
	if (!w->settled && !w->unsettled)
		return 0;
	/* What comes after the last reading belongs to nobody's account any more. */
	w->loop.input = sd_event_source_disable_unref(w->loop.input);
	if (details_outstanding(w))
		return 0;
	return w->events_wait || w->output_waits ? 0 : sd_event_exit(w->loop.event, 0);
}

static int on_monitor(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct watching *w = userdata;
	int r = oomn_monitor_dispatch(w->args->monitor);

	(void)source;
	(void)fd;
	(void)events;
	if (r < 0) {
		say("cannot go on reading the counters: %s", errno_text(-r));
		return fail(w);
	}
	w->settle_due = w->settling;
	return advance(w);
}

static int on_details(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct watching *w = userdata;
	int r = details_run(w->args->details, clock_boottime_ns());

	(void)fd;
	(void)events;
	if (r < 0) { /* the rest is told without */
		if (!w->args->quiet)
			say_note("note: no details can be read any more: %s", errno_text(-r));
		(void)source;
		w->details = sd_event_source_disable_unref(w->details);
	}
	return advance(w);
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct watching *w = userdata;

	(void)source;
	(void)fd;
	if (events & (EPOLLERR | EPOLLHUP))
		reader_left(w);
	return advance(w);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct watching *w = userdata;
	int r = begin_end(w);

	(void)source;
	(void)usec;
	return r < 0 ? r : advance(w);
}

static int give_up(struct watching *w, const char *why)
{
	w->gave_up = true;
	if (!w->settled)
		w->unsettled = why;
	if (w->interrupted && (w->events_wait || w->output_waits)) {
		say("the reader of standard output does not take what is left, which is dropped");
		return fail(w);
	}
	return advance(w);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	return give_up(userdata, "the last reading of the counters took too long");
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct watching *w = userdata;
	int r;

	(void)source;
	(void)info;
	if (w->interrupted)
		return give_up(w, "a second signal cut the last reading of the counters short");
	w->interrupted = true;
	/* If it is settling for another reason, the time for what the reader has not taken begins now. */
	r = w->settling ? arm_deadline(w, WATCH_SETTLE_NS) : begin_end(w);
	return r < 0 ? r : advance(w);
}

static int begin(void *userdata)
{
	struct watching *w = userdata;
	int r = 0;

	say_notice(w);
	if (w->args->details)
		r = sd_event_add_io(w->loop.event, &w->details, details_fd(w->args->details),
				    EPOLLIN, on_details, w);
	if (r < 0)
		return r;
	if (w->args->ready)
		say("watching %s, ready", w->args->ready);
	notify_send(&w->loop.notify, w->loop.event, "READY=1");
	return advance(w); /* what came while the watches began */
}

int watch_loop_run(const struct watch_loop_args *args, struct watch_loop_result *ret)
{
	static const struct loop_calls calls = {
		.on_input = on_monitor,
		.on_output = on_output,
		.on_timeout = on_timeout,
		.on_signal = on_signal,
		.begin = begin,
	};
	struct watching w = { .args = args, .loop = LOOP_NULL };
	int r = loop_run(&w.loop,
			 &(struct loop_spec){ .calls = &calls,
					      .userdata = &w,
					      .input_fd = oomn_monitor_get_fd(args->monitor),
					      .output_fd = args->sink->ops->fd(args->sink),
					      .timeout_ns = args->timeout_ns });

	if (r == 0 && w.untold > 0 && !args->quiet)
		say("note: events that came while it ended and were not told (-n): %" PRIu64,
		    w.untold);
	w.deadline = sd_event_source_disable_unref(w.deadline);
	w.details = sd_event_source_disable_unref(w.details);
	loop_close(&w.loop);
	free(w.notice);
	if (r == 0)
		ret->unsettled = w.unsettled;
	return r;
}
