/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/listen_loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "cli/end_signals.h"
#include "cli/say.h"
#include "cli/status.h"
#include "sink/output.h"

#define OUTPUT_MAX 4096 /* a line or two: what is not written waits in the eventfd */

struct loop {
	const struct listen_loop_args *args;
	sd_event *event;
	sd_event_source *listen;
	sd_event_source *eventfd;
	sd_event_source *writable; /* NULL: standard output is a file, which always is */
	struct output output;
	uint64_t heard;     /* ooms, in lines that were queued */
	uint64_t aside;     /* read when the cgroup was gone: its last signal may be among them */
	const char *notice; /* the last that was said */
	bool stopping;      /* as soon as it is known what was put aside */
	bool over;          /* only what is queued is still to be written */
	int status;         /* when it is over */
};

/* Ends when what is queued has been written. */
static void end(struct loop *l, int status)
{
	l->over = true;
	l->status = status;
}

/* Ends now. */
static int quit(struct loop *l, int status)
{
	end(l, status);
	output_close(&l->output);
	return sd_event_exit(l->event, status);
}

static int fail(struct loop *l, const char *what, int r)
{
	say("%s: %s", what, strerror(-r));
	return quit(l, STATUS_FAILURE);
}

/* The reader of standard output has heard enough. */
static int reader_left(struct loop *l)
{
	return quit(l, l->over ? l->status : STATUS_FAILURE);
}

static int put_line(struct loop *l, uint64_t n, const char *rest)
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
static uint64_t read_eventfd(const struct loop *l)
{
	uint64_t n;

	return read(l->args->eventfd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* What the last signal was has been decided: @n ooms came, and then the removal. */
static int hear_the_end(struct loop *l)
{
	uint64_t n = l->aside;

	if (n == 0)
		return 0; /* its signal has not been read yet */
	l->aside = 0;
	l->heard += n - 1;
	end(l, l->heard >= l->args->count_max ? STATUS_OK : STATUS_GONE);
	return put_line(l, n, ", removed");
}

static int hear(struct loop *l)
{
	uint64_t n;
	int r = 0;

	if (l->over || output_is_full(&l->output))
		return 0;
	n = read_eventfd(l);
	/* Looked at after the read: as long as it is there, its removal was not signalled. */
	switch (listen_state(l->args->handle)) {
	case LISTEN_ALIVE:
		if (n > 0) {
			l->heard += n;
			r = put_line(l, n, "");
		}
		if (l->heard >= l->args->count_max)
			end(l, STATUS_OK);
		return r;
	case LISTEN_ENDING:
		l->aside += n;
		return 0;
	case LISTEN_ENDED:
	default:
		/* It may have ended between the read and the look. */
		l->aside += n + read_eventfd(l);
		return hear_the_end(l);
	}
}

static void say_notice(struct loop *l)
{
	const char *notice = listen_notice(l->args->listen);

	if (notice && notice != l->notice)
		say_note("note: %s", notice);
	l->notice = notice;
}

/* Has sd-event wait for what can be done next. */
static int wait_for(struct loop *l)
{
	bool waits = l->output.used > 0;
	int r = 0;

	if (l->writable)
		r = sd_event_source_set_io_events(l->writable, waits ? EPOLLOUT : 0);
	if (r >= 0)
		r = sd_event_source_set_enabled(l->eventfd, l->over || output_is_full(&l->output)
								    ? SD_EVENT_OFF
								    : SD_EVENT_ON);
	if (r >= 0 && l->over && !waits)
		r = sd_event_exit(l->event, l->status);
	return r;
}

/* After every wakeup, whatever it was. */
static int advance(struct loop *l)
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
	struct loop *l = userdata;
	int r = listen_dispatch(l->args->listen);

	(void)source;
	(void)fd;
	(void)events;
	if (r < 0)
		return fail(l, "cannot go on reading the counters", r);
	if (listen_state(l->args->handle) == LISTEN_ENDED)
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
	struct loop *l = userdata;

	(void)source;
	(void)fd;
	return events & (EPOLLERR | EPOLLHUP) ? reader_left(l) : advance(l);
}

/* The time is over, or a signal asked for the end: what has come by now is still told. */
static int stop(struct loop *l)
{
	int r = listen_flush(l->args->listen);
	int code;

	if (r < 0)
		return fail(l, "cannot read the counters a last time", r);
	r = advance(l);
	if (r < 0 || sd_event_get_exit_code(l->event, &code) >= 0)
		return r;
	/* v1: what was put aside is decided some 20 ms from now; not waited for a second time. */
	if (!l->over && !l->stopping && listen_state(l->args->handle) == LISTEN_ENDING) {
		l->stopping = true;
		return 0;
	}
	if (l->output.used > 0) {
		say("the reader of standard output does not take what is left, which is dropped");
		return quit(l, STATUS_FAILURE);
	}
	return quit(l, l->over ? l->status : STATUS_FAILURE);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	return stop(userdata);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	(void)source;
	(void)info;
	return stop(userdata);
}

static int add_sources(struct loop *l)
{
	const struct listen_loop_args *a = l->args;
	int r = end_signals_add(l->event, on_signal, l);

	if (r >= 0)
		r = sd_event_add_io(l->event, &l->listen, listen_get_fd(a->listen), EPOLLIN,
				    on_listen, l);
	if (r >= 0)
		r = sd_event_add_io(l->event, &l->eventfd, a->eventfd, EPOLLIN, on_eventfd, l);
	if (r < 0)
		return r;
	/* No event asked for: EPOLLERR comes all the same, when the reader of a pipe has left. */
	r = sd_event_add_io(l->event, &l->writable, l->output.fd, 0, on_writable, l);
	if (r < 0 && r != -EPERM) /* a file */
		return r;
	if (a->timeout_ns == UINT64_MAX)
		return 0;
	return sd_event_add_time_relative(l->event, NULL, CLOCK_BOOTTIME,
					  a->timeout_ns / NSEC_PER_USEC, 1, on_timeout, l);
}

static int run(struct loop *l)
{
	int r = sd_event_new(&l->event);

	if (r >= 0)
		r = add_sources(l);
	if (r >= 0) {
		say("%s", l->args->ready);
		(void)sd_notify(false, "READY=1");
		r = advance(l); /* what came while it was registered */
	}
	if (r >= 0)
		r = sd_event_loop(l->event);
	if (r < 0) {
		say("the event loop failed: %s", strerror(-r));
		return STATUS_FAILURE;
	}
	return r;
}

int listen_loop_run(const struct listen_loop_args *args)
{
	struct loop l = { .args = args };
	int r = output_open(&l.output, STDOUT_FILENO, OUTPUT_MAX);

	if (r < 0) {
		say_output_failed(-r);
		return STATUS_FAILURE;
	}
	r = run(&l);
	l.listen = sd_event_source_disable_unref(l.listen);
	l.eventfd = sd_event_source_disable_unref(l.eventfd);
	l.writable = sd_event_source_disable_unref(l.writable);
	sd_event_unref(l.event);
	output_close(&l.output);
	return r;
}
