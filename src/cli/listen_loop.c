/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/listen_loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "cli/errno_text.h"
#include "cli/loop.h"
#include "cli/say.h"
#include "cli/status.h"
#include "sink/output.h"

#define OUTPUT_MAX 4096 /* a line or two: what is not written waits in the eventfd */

struct listening {
	const struct listen_loop_args *args;
	struct loop loop;
	sd_event_source *eventfd;
	sd_event_source *grace; /* while stopping */
	struct output output;
	uint64_t heard;     /* signals but that of the removal, in lines that were queued */
	uint64_t aside;     /* read when the cgroup was gone: its last signal may be among them */
	const char *notice; /* the last that was said */
	bool over;          /* only what is queued is still to be written */
	bool timed_out;     /* not a signal has asked for the end */
	int status;         /* when it is over */
};

/* Ends when what is queued has been written. */
static void end(struct listening *l, int status)
{
	l->over = true;
	l->status = status;
}

/* Ends now. */
static int quit(struct listening *l, int status)
{
	end(l, status);
	output_close(&l->output);
	return sd_event_exit(l->loop.event, status);
}

static int fail(struct listening *l, const char *what, int r)
{
	say("%s: %s", what, errno_text(-r));
	return quit(l, STATUS_FAILURE);
}

/* The reader of standard output has heard enough. */
static int reader_left(struct listening *l)
{
	return quit(l, l->over ? l->status : STATUS_FAILURE);
}

static int put_line(struct listening *l, uint64_t n, const char *rest)
{
	_cleanup_free_ char *line = NULL;
	int len = asprintf(&line, "%s: %" PRIu64 "%s", l->args->name, n, rest);

	if (len < 0) {
		line = NULL;
		return -ENOMEM;
	}
	return output_put_line(&l->output, line, (size_t)len);
}

/* 0 if it has no signal. */
static uint64_t read_eventfd(const struct listening *l)
{
	uint64_t n;

	return read(l->args->eventfd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* What the last signal was has been decided: of @n signals one is for the removal. */
static int hear_the_end(struct listening *l)
{
	uint64_t n = l->aside;

	if (n == 0)
		return 0; /* its signal has not been read yet */
	l->aside = 0;
	l->heard += n - 1;
	end(l, l->heard >= l->args->count_max ? STATUS_OK : STATUS_GONE);
	return put_line(l, n, ", removed");
}

static int hear(struct listening *l)
{
	uint64_t n;
	int r = 0;

	if (l->over || output_is_full(&l->output))
		return 0;
	n = read_eventfd(l);
	/* Looked at after the read: as long as it is there, its removal was not signalled. */
	switch (oomn_listener_get_state(l->args->listener)) {
	case OOMN_LISTENER_ALIVE:
		if (n > 0) {
			l->heard += n;
			r = put_line(l, n, "");
		}
		if (l->heard >= l->args->count_max)
			end(l, STATUS_OK);
		return r;
	case OOMN_LISTENER_ENDING:
		l->aside += n;
		return 0;
	case OOMN_LISTENER_ENDED:
	default:
		/* It may have ended between the read and the look. */
		l->aside += n + read_eventfd(l);
		return hear_the_end(l);
	}
}

static void say_notice(struct listening *l)
{
	const char *notice = oomn_monitor_get_notice(l->args->monitor);

	if (notice && notice != l->notice)
		say_note("note: %s", notice);
	l->notice = notice;
}

/* Has sd-event wait for what can be done next. */
static int wait_for(struct listening *l)
{
	bool waits = l->output.used > 0;
	int r = 0;

	if (l->loop.output)
		r = sd_event_source_set_io_events(l->loop.output, waits ? EPOLLOUT : 0);
	if (r >= 0)
		r = sd_event_source_set_enabled(l->eventfd, l->over || output_is_full(&l->output)
								    ? SD_EVENT_OFF
								    : SD_EVENT_ON);
	if (r >= 0 && l->over && !waits)
		r = sd_event_exit(l->loop.event, l->status);
	return r;
}

/* After every wakeup, whatever it was. */
static int advance(struct listening *l)
{
	int r = hear(l);

	if (r < 0)
		return fail(l, "cannot go on", r);
	r = output_flush(&l->output);
	if (r == -EPIPE || r == -ECONNRESET)
		return reader_left(l);
	if (r < 0) {
		say_output_failed(-r);
		return quit(l, STATUS_FAILURE);
	}
	say_notice(l);
	r = wait_for(l);
	return r < 0 ? fail(l, "the event loop failed", r) : 0;
}

/*
 * What it signals makes the eventfd ready, which has a callback of its own: most wakeups are for
 * counters that do not matter here, and should cost no more than they must.
 */
static int on_listen(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct listening *l = userdata;
	int r = oomn_monitor_dispatch(l->args->monitor);

	(void)source;
	(void)fd;
	(void)events;
	if (r < 0)
		return fail(l, "cannot go on reading the counters", r);
	if (oomn_listener_get_state(l->args->listener) == OOMN_LISTENER_ENDED)
		return advance(l);
	say_notice(l);
	return 0;
}

static int on_eventfd(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events;
	return advance(userdata);
}

static int on_writable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct listening *l = userdata;

	(void)source;
	(void)fd;
	return events & (EPOLLERR | EPOLLHUP) ? reader_left(l) : advance(l);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata);

/* The time is over, or a signal asked for the end: what has come by now is still told. */
static int stop(struct listening *l)
{
	int r = oomn_monitor_settle(l->args->monitor);
	int code;

	if (r < 0)
		return fail(l, "cannot read the counters a last time", r);
	r = advance(l);
	if (r < 0 || sd_event_get_exit_code(l->loop.event, &code) >= 0)
		return r;
	/* v1: what was put aside is decided some 20 ms from now as a rule, and since 7.3 maybe never. */
	if (!l->over && !l->grace &&
	    oomn_listener_get_state(l->args->listener) == OOMN_LISTENER_ENDING)
		return loop_set_timer(&l->loop, &l->grace, LISTEN_END_NS, on_timeout, l);
	if (l->aside > 0)
		say("the cgroup was removed, and the signal for that did not come in time: signals "
		    "that are not told, since one may be it: %" PRIu64,
		    l->aside);
	if (l->output.used > 0) {
		say("the reader of standard output does not take what is left, which is dropped");
		return quit(l, STATUS_FAILURE);
	}
	if (!l->over && l->timed_out && l->aside == 0)
		say("the time is over: %s that were waited for: %" PRIu64 ", that came: %" PRIu64,
		    l->args->noun, l->args->count_max, l->heard);
	return quit(l, l->over ? l->status : STATUS_FAILURE);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct listening *l = userdata;

	(void)source;
	(void)usec;
	l->timed_out = !l->grace;
	return stop(l);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	(void)source;
	(void)info;
	return stop(userdata);
}

static int begin(void *userdata)
{
	struct listening *l = userdata;
	int r = loop_add_io(&l->loop, &l->eventfd, l->args->eventfd, EPOLLIN, on_eventfd, l);

	if (r < 0)
		return r;
	say("%s", l->args->ready);
	notify_send(&l->loop.notify, l->loop.event, "READY=1");
	return advance(l); /* what came while it was registered */
}

int listen_loop_run(const struct listen_loop_args *args)
{
	static const struct loop_calls calls = {
		.on_input = on_listen,
		.on_output = on_writable,
		.on_timeout = on_timeout,
		.on_signal = on_signal,
		.begin = begin,
	};
	struct listening l = { .args = args, .loop = LOOP_NULL };
	int r = output_open(&l.output, STDOUT_FILENO, OUTPUT_MAX);

	if (r < 0) {
		say_output_failed(-r);
		return STATUS_FAILURE;
	}
	r = loop_run(&l.loop, &(struct loop_spec){ .calls = &calls,
						   .userdata = &l,
						   .input_fd = oomn_monitor_get_fd(args->monitor),
						   .output_fd = l.output.fd,
						   .timeout_ns = args->timeout_ns });
	l.eventfd = sd_event_source_disable_unref(l.eventfd);
	l.grace = sd_event_source_disable_unref(l.grace);
	loop_close(&l.loop);
	output_close(&l.output);
	return r;
}
