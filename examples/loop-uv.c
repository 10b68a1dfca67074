/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loop-uv CGROUP: tells what happens in a cgroup until it is removed, from a libuv loop
 *
 *   cc -std=c99 loop-uv.c $(pkg-config --cflags --libs oomnotify libuv)
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <oomnotify.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

struct program {
	struct oomn_monitor *monitor;
	uv_poll_t poll;
	int result;
};

static int fail(const char *what, int r)
{
	fprintf(stderr, "loop-uv: %s: %s\n", what, strerror(-r));
	return 1;
}

static int take_events(struct oomn_monitor *m)
{
	struct oomn_event *e;
	int r;

	while ((r = oomn_monitor_next(m, &e)) > 0) {
		const char *kind = oomn_kind_name(oomn_event_get_kind(e));
		const char *cgroup = oomn_event_get_cgroup(e);

		printf("%s %" PRIu64 " %s\n", kind ? kind : "unknown", oomn_event_get_count_min(e),
		       cgroup ? cgroup : "-");
		oomn_event_free(e);
	}
	fflush(stdout);
	return r;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct program *p = poll->data;
	int r = status; /* libuv has negated errnos, too */

	(void)events;
	if (r == 0)
		r = oomn_monitor_dispatch(p->monitor);
	if (r == 0)
		r = take_events(p->monitor);
	if (r < 0)
		p->result = fail("monitor", r);
	/* OOMN_GONE was the last event. uv_run() returns when nothing is left to wait for. */
	if (r < 0 || oomn_monitor_get_watches(p->monitor) == 0)
		uv_close((uv_handle_t *)poll, NULL);
}

static int watch(struct program *p, const char *name)
{
	int fd = oomn_cgroup_open(name, 0);
	int r = fd;

	if (fd >= 0) {
		r = oomn_monitor_add(p->monitor, fd, OOMN_OOM | OOMN_KILL | OOMN_GONE | OOMN_LOST,
				     0, 1);
		close(fd);
	}
	return r < 0 ? fail(name, r) : 0;
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	struct program p;
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: loop-uv CGROUP\n");
		return 2;
	}
	memset(&p, 0, sizeof(p));
	r = oomn_monitor_new(&p.monitor, NULL);
	if (r < 0)
		return fail("monitor", r);

	p.result = watch(&p, argv[1]);
	r = p.result != 0 ? 0 : uv_poll_init(loop, &p.poll, oomn_monitor_get_fd(p.monitor));
	p.poll.data = &p;
	if (p.result == 0 && r == 0)
		r = uv_poll_start(&p.poll, UV_READABLE, on_readable);
	if (r < 0)
		p.result = fail("loop", r);
	if (p.result == 0) {
		fprintf(stderr, "ready\n");
		uv_run(loop, UV_RUN_DEFAULT);
		uv_loop_close(loop);
	}
	/* After the loop has let go of its descriptor. */
	oomn_monitor_free(p.monitor);
	return p.result;
}
