/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * listen-scale [--real|--counted] [REGISTRATIONS]: how long many listeners on one cgroup take
 *
 *   --counted  a fake v2 tree, whose counters are moved here: what the library's own sink takes (default)
 *   --real     scratch cgroups and a process that runs out of memory: on v1 it is the kernel that signals
 *
 * REGISTRATIONS (10,000), two on each eventfd, are added, signalled for one oom each of the rounds, and
 * removed. An eventfd does not tell when it was signalled: a thread waits in epoll_wait() for all of them,
 * and takes the time when the first ones and when the last ones are there. Two bounds come of it: what it
 * saw, and the call in which the library did all of it.
 *
 * Fails if a listener has not exactly its signals, if the last is 20 ms behind the first, or if adding or
 * removing all of them takes a second: in the best round, since other work on the machine only ever adds.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "fake_tree.h"
#include "include/oomnotify.h"
#include "lib/listen.h"
#include "lib/monitor.h"
#include "scratch.h"

#define ROUNDS 5
#define EACH 2 /* registrations of one eventfd */
#define SPREAD_MAX_US 20000
#define CHANGE_MAX_US 1000000
#define READY_MAX 256

/* Plain files cannot be polled; everything is read because it is asked for. */
int __real_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);

int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	int r = __real_epoll_ctl(epfd, op, fd, ev);

	return r < 0 && errno == EPERM ? 0 : r;
}

static struct {
	bool real, slow; /* slow: valgrind, an emulated machine; figures are not judged */
	struct scratch s;
	struct fake_tree ft;
	struct cgroup_at at;
	struct oomn_monitor *m;
	size_t n_eventfds;
	int *eventfds;
	struct oomn_listener **listeners;
	size_t n;
	bool failed;
} t;

static uint64_t now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* The thread that sees them become ready. */
struct observer {
	pthread_t thread;
	int epoll_fd;
	uint64_t first_us, last_us;
	size_t seen;
};

static void *observe(void *arg)
{
	struct observer *o = arg;
	struct epoll_event ready[READY_MAX];

	while (o->seen < t.n_eventfds) {
		int n = epoll_wait(o->epoll_fd, ready, READY_MAX, -1);

		if (n < 0 && errno != EINTR)
			break;
		o->last_us = now_us();
		if (o->seen == 0)
			o->first_us = o->last_us;
		o->seen += n > 0 ? (size_t)n : 0;
	}
	return NULL;
}

static void observer_start(struct observer *o)
{
	*o = (struct observer){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	for (size_t i = 0; i < t.n_eventfds; i++) {
		struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT };

		if (epoll_ctl(o->epoll_fd, EPOLL_CTL_ADD, t.eventfds[i], &ev) < 0)
			die("epoll_ctl: %s", strerror(errno));
	}
	if (pthread_create(&o->thread, NULL, observe, o) != 0)
		die("no thread");
}

static void observer_end(struct observer *o)
{
	(void)pthread_join(o->thread, NULL);
	(void)close(o->epoll_fd);
}

static void add_all(void)
{
	for (size_t i = 0; i < t.n; i++) {
		int efd = t.eventfds[i / EACH];
		struct listen *listen;
		int r;

		if (t.real) {
			r = oomn_listener_add_oom(t.m, t.at.fd, efd, 0, &t.listeners[i]);
		} else {
			r = monitor_listen(t.m, &listen);
			if (r == 0)
				r = listen_add(listen, &t.at, efd, NULL, &t.listeners[i]);
		}
		if (r != 0)
			die("listener %zu: %s", i, strerror(-r));
	}
}

/* One oom. Returns how long the call took in which it was signalled; 0: the kernel does it. */
static uint64_t oom(void)
{
	struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };
	uint64_t began = 0;

	if (t.real)
		scratch_oom(&t.s, "m");
	else
		fake_count(&t.ft, "a", "oom", 1);
	if (t.real && !t.s.v2)
		return 0;
	p[0].fd = monitor_get_fd(t.m);
	p[1].fd = t.eventfds[0];
	do {
		if (t.real && poll(p, 1, -1) < 0)
			die("poll: %s", strerror(errno));
		began = now_us();
		if ((t.real ? monitor_dispatch(t.m) : monitor_settle(t.m)) < 0)
			die("dispatch failed");
	} while (poll(p + 1, 1, 0) == 0);
	return now_us() - began;
}

/* Whether each has those of so many ooms; a process may hit its limit twice before it dies. */
static void take_all(void)
{
	uint64_t v, first = 0;
	size_t wrong = 0;

	for (size_t i = 0; i < t.n_eventfds; i++) {
		if (read(t.eventfds[i], &v, sizeof(v)) != sizeof(v))
			v = 0;
		first = i == 0 ? v : first;
		wrong += v != first || v < EACH || v % EACH != 0 || (!t.real && v != EACH);
	}
	if (wrong > 0) {
		printf("NOT OK %zu of %zu eventfds have not the signals they must have\n", wrong,
		       t.n_eventfds);
		t.failed = true;
	}
}

/* Of each the least of the rounds: what disturbs a measurement only ever adds to it. */
enum { ADD, REMOVE, SPREAD, CALL, FIGURES };
static const struct {
	const char *what;
	uint64_t max_us;
} figures[FIGURES] = {
	[ADD] = { "adding", CHANGE_MAX_US },
	[REMOVE] = { "removing", CHANGE_MAX_US },
	[SPREAD] = { "from the first to the last signal", SPREAD_MAX_US },
	[CALL] = { "the call that signals", SPREAD_MAX_US },
};
static uint64_t took[FIGURES][ROUNDS];

static void judge(void)
{
	for (size_t f = 0; f < FIGURES; f++) {
		uint64_t least = UINT64_MAX, most = 0;

		for (size_t i = 0; i < ROUNDS; i++) {
			least = took[f][i] < least ? took[f][i] : least;
			most = took[f][i] > most ? took[f][i] : most;
		}
		printf("%s: %" PRIu64 " to %" PRIu64 " us\n", figures[f].what, least, most);
		if (least >= figures[f].max_us && !t.slow) {
			printf("NOT OK more than %" PRIu64 "\n", figures[f].max_us);
			t.failed = true;
		}
	}
}

static void one_round(unsigned round)
{
	struct observer o;
	uint64_t began, added, removed, dispatched;

	began = now_us();
	add_all();
	added = now_us() - began;
	observer_start(&o);
	dispatched = oom();
	observer_end(&o);
	take_all();
	began = now_us();
	for (size_t i = 0; i < t.n; i++)
		(void)oomn_listener_remove(t.listeners[i]);
	removed = now_us() - began;
	took[ADD][round] = added;
	took[REMOVE][round] = removed;
	took[SPREAD][round] = o.last_us - o.first_us;
	took[CALL][round] = dispatched;
}

/* Every eventfd, and on v2 a duplicate for each registration. */
static void raise_limit(void)
{
	struct rlimit l;
	rlim_t wanted = (rlim_t)(t.n_eventfds + t.n + 100);

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		die("getrlimit: %s", strerror(errno));
	if (l.rlim_max < wanted) {
		printf("descriptors are limited to %llu\n", (unsigned long long)l.rlim_max);
		skip_all("skipped: too few of them");
	}
	l.rlim_cur = wanted;
	if (setrlimit(RLIMIT_NOFILE, &l) < 0)
		die("setrlimit: %s", strerror(errno));
}

static void open_all(void)
{
	const struct oomn_monitor_options o = { .size = sizeof(o), .names = OOMN_NAMES_NONE };
	int r;

	if (t.real) {
		scratch_open(&t.s, NULL);
		scratch_make(&t.s, "m", false);
		scratch_limit(&t.s, "m", SCRATCH_LIMIT);
		scratch_at(&t.s, "m", &t.at);
		r = oomn_monitor_new(&t.m, &o);
	} else {
		fake_open(&t.ft);
		fake_mkdir(&t.ft, "a");
		fake_at(&t.ft, "a", &t.at);
		r = monitor_new(&t.m, &t.ft.host, NULL);
	}
	if (r != 0)
		die("no monitor: %s", strerror(-r));
	t.eventfds = calloc(t.n_eventfds, sizeof(*t.eventfds));
	t.listeners = calloc(t.n, sizeof(struct oomn_listener *));
	if (!t.eventfds || !t.listeners)
		die("out of memory");
}

/* New ones for each round: on v1 only the last close ends what the kernel holds. */
static void make_eventfds(void)
{
	for (size_t i = 0; i < t.n_eventfds; i++) {
		t.eventfds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (t.eventfds[i] < 0)
			die("eventfd: %s", strerror(errno));
	}
}

static void close_all(void)
{
	(void)monitor_free(t.m);
	cgroup_at_close(&t.at);
	free(t.eventfds);
	free(t.listeners);
	if (t.real)
		scratch_close(&t.s);
	else
		fake_close(&t.ft);
}

int main(int argc, char **argv)
{
	int arg = 1;

	for (; arg < argc && argv[arg][0] == '-'; arg++) {
		t.real |= strcmp(argv[arg], "--real") == 0;
		t.slow |= strcmp(argv[arg], "--slow") == 0;
	}
	t.n = arg < argc ? strtoul(argv[arg], NULL, 10) : 10000;
	if (t.n < EACH || t.n % EACH != 0)
		die("an even number is asked for");
	t.n_eventfds = t.n / EACH;
	raise_limit();
	open_all();
	for (unsigned round = 0; round < ROUNDS; round++) {
		make_eventfds();
		one_round(round);
		for (size_t i = 0; i < t.n_eventfds; i++)
			(void)close(t.eventfds[i]);
	}
	close_all();
	judge();
	printf("%s\n", t.failed ? "FAILED" : "all as it must be");
	return t.failed;
}
