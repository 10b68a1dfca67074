/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * eventfd-poll CGROUP: counts the ooms of a cgroup with an eventfd, until the cgroup is removed
 *
 * The eventfd is an ordinary one, in poll(2). The monitor's descriptor has to be in there, too: on cgroup
 * v2 the signals are given in oomn_monitor_dispatch().
 *
 *   cc -std=c99 eventfd-poll.c $(pkg-config --cflags --libs oomnotify)
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <oomnotify.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int fail(const char *what, int r)
{
	fprintf(stderr, "eventfd-poll: %s: %s\n", what, strerror(-r));
	return 1;
}

/* The signals since the last look; 0 if there are none. */
static uint64_t take(int event_fd)
{
	uint64_t n;

	return read(event_fd, &n, sizeof(n)) == (ssize_t)sizeof(n) ? n : 0;
}

static int loop(struct oomn_monitor *m, const struct oomn_listener *l, int event_fd)
{
	struct pollfd p[2] = { { oomn_monitor_get_fd(m), POLLIN, 0 }, { event_fd, POLLIN, 0 } };
	uint64_t n, all = 0;
	int r, ended;

	do {
		(void)poll(p, 2, -1);
		r = oomn_monitor_dispatch(m);
		if (r < 0)
			return r;
		/* In this order: when it has ended, the last signal is in the eventfd. */
		ended = oomn_listener_get_state(l) == OOMN_LISTENER_ENDED;
		n = take(event_fd);
		if (n > 0)
			printf("signalled: %" PRIu64 "\n", n);
		all += n;
		fflush(stdout);
	} while (!ended);
	/* One of the signals is for the removal. */
	printf("removed, ooms: %" PRIu64 "\n", all - 1);
	return 0;
}

static int listen_to(struct oomn_monitor *m, const char *name)
{
	int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int cgroup_fd = oomn_cgroup_open(name, 0);
	struct oomn_listener *l;
	int r;

	if (event_fd < 0) {
		perror("eventfd-poll: eventfd");
		return 1;
	}
	if (cgroup_fd < 0)
		return fail(name, cgroup_fd);
	r = oomn_listener_add_oom(m, cgroup_fd, event_fd, 0, &l);
	close(cgroup_fd);
	if (r < 0)
		return fail(name, r);
	fprintf(stderr, "ready\n");

	r = loop(m, l, event_fd);
	oomn_listener_remove(l);
	close(event_fd);
	return r < 0 ? fail("monitor", r) : 0;
}

int main(int argc, char **argv)
{
	struct oomn_monitor *m;
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: eventfd-poll CGROUP\n");
		return 2;
	}
	r = oomn_monitor_new(&m, NULL);
	if (r < 0)
		return fail("monitor", r);
	r = listen_to(m, argv[1]);
	oomn_monitor_free(m);
	return r;
}
