/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch-epoll CGROUP: tells what happens in a cgroup and all below it, until SIGINT or SIGTERM
 *
 * The monitor is one descriptor among others in an epoll loop; here the other one is a signalfd. At the
 * end it asks for the balance: whether all that the kernel counted was told.
 *
 *   cc -std=c99 watch-epoll.c $(pkg-config --cflags --libs oomnotify)
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <oomnotify.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define KINDS ((uint32_t)(OOMN_OOM | OOMN_KILL | OOMN_GONE | OOMN_LOST))

static int fail(const char *what, int r)
{
	fprintf(stderr, "watch-epoll: %s: %s\n", what, strerror(-r));
	return 1;
}

/* A path and a name are raw bytes: escape them before you show them to a terminal. */
static void print_event(const struct oomn_event *e)
{
	const char *kind = oomn_kind_name(oomn_event_get_kind(e));
	const char *cgroup = oomn_event_get_cgroup(e);
	const struct oomn_process *victim = oomn_event_get_victim(e);

	printf("%s %" PRIu64 " %s", kind ? kind : "unknown", oomn_event_get_count_min(e),
	       cgroup ? cgroup : "-");
	if (victim)
		printf(" %" PRIu32 " (%s)", oomn_process_get_pid(victim),
		       oomn_process_get_comm(victim));
	printf("\n");
}

/* All that is pending. One event may be taken and kept; here each goes as soon as it is told. */
static int take_events(struct oomn_monitor *m)
{
	struct oomn_event *e;
	int r;

	while ((r = oomn_monitor_next(m, &e)) > 0) {
		print_event(e);
		oomn_event_free(e);
	}
	fflush(stdout);
	return r;
}

/* Returns 0 after a signal. */
static int loop(struct oomn_monitor *m, int epoll_fd, int signal_fd)
{
	struct epoll_event ready;
	int r;

	for (;;) {
		if (epoll_wait(epoll_fd, &ready, 1, -1) < 1)
			continue; /* EINTR */
		if (ready.data.fd == signal_fd)
			return 0;
		r = oomn_monitor_dispatch(m);
		if (r == 0)
			r = take_events(m);
		if (r < 0)
			return r;
	}
}

/* What happened until now is told when this returns. */
static int settle(struct oomn_monitor *m)
{
	struct pollfd p = { oomn_monitor_get_fd(m), POLLIN, 0 };
	int r;

	while ((r = oomn_monitor_settle(m)) > 0) {
		(void)poll(&p, 1, -1);
		r = oomn_monitor_dispatch(m);
		if (r < 0)
			return r;
	}
	return r == 0 ? take_events(m) : r;
}

static int print_balance(struct oomn_monitor *m)
{
	struct oomn_balance b;
	const char *why;
	int r = oomn_monitor_get_balance(m, &b, sizeof(b));

	if (r < 0)
		return r;
	printf("kills counted %" PRIu64 ", reported %" PRIu64 "\n", b.kill.counted,
	       b.kill.reported);
	r = oomn_balance_judge(&b, sizeof(b), OOMN_KILL);
	why = oomn_reason_text(b.reasons | b.kill.reasons);
	if (r == OOMN_BALANCED)
		printf("balanced\n");
	else if (r == OOMN_UNPROVEN)
		printf("unproven: %s\n",
		       why ? why : "for a reason that is newer than this program");
	else
		printf("differs\n");
	return r == OOMN_DIFFERS ? 1 : 0;
}

static int add_to_loop(int epoll_fd, int fd)
{
	struct epoll_event wanted;

	memset(&wanted, 0, sizeof(wanted));
	wanted.events = EPOLLIN;
	wanted.data.fd = fd;
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &wanted);
}

static int watch(struct oomn_monitor *m, const char *name)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int cgroup_fd, signal_fd, r;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (epoll_fd < 0 || signal_fd < 0 || add_to_loop(epoll_fd, signal_fd) < 0 ||
	    add_to_loop(epoll_fd, oomn_monitor_get_fd(m)) < 0) {
		perror("watch-epoll");
		return 1;
	}

	cgroup_fd = oomn_cgroup_open(name, 0);
	if (cgroup_fd < 0)
		return fail(name, cgroup_fd);
	r = oomn_monitor_add(m, cgroup_fd, KINDS, 0, 1);
	close(cgroup_fd); /* the monitor has its own */
	if (r < 0)
		return fail(name, r);
	fprintf(stderr, "ready, victims are named by: %s\n", oomn_monitor_get_names(m));

	r = loop(m, epoll_fd, signal_fd);
	if (r == 0)
		r = settle(m);
	if (r < 0)
		return fail("monitor", r);
	return print_balance(m) == 0 ? 0 : 3;
}

int main(int argc, char **argv)
{
	struct oomn_monitor *m;
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: watch-epoll CGROUP\n");
		return 2;
	}
	r = oomn_monitor_new(&m, NULL);
	if (r < 0)
		return fail("monitor", r);
	r = watch(m, argv[1]);
	oomn_monitor_free(m);
	return r;
}
