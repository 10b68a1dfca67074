/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * epollread CGROUP SECONDS: the least that any reader of memory.events has to do
 *
 * It waits for EPOLLPRI on the one file, reads it anew on each wakeup, and does nothing with it.
 * What it costs is what a notifier is compared with.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tool.h"

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) < 0)
		tool_die("no CPU clock: %s", strerror(errno));
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static int open_events(const char *cgroup)
{
	int fd, dir_fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0)
		tool_die("%s: %s", cgroup, strerror(errno));
	fd = openat(dir_fd, "memory.events", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		tool_die("%s/memory.events: %s", cgroup, strerror(errno));
	close(dir_fd);
	return fd;
}

static void add(int epoll_fd, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		tool_die("epoll: %s", strerror(errno));
}

/* The end is a descriptor too, so that no clock is asked on a wakeup. */
static int open_timer(uint64_t ns)
{
	const struct itimerspec when = {
		.it_value = { (time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC) + 1 },
	};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &when, NULL) < 0)
		tool_die("timer: %s", strerror(errno));
	return fd;
}

/* Returns the number of wakeups until the timer went off. */
static uint64_t read_until(int events_fd, int timer_fd)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;
	uint64_t wakeups = 0;
	char text[1024];

	add(epoll_fd, events_fd, EPOLLPRI);
	add(epoll_fd, timer_fd, EPOLLIN);
	for (;;) {
		if (epoll_wait(epoll_fd, &event, 1, -1) < 0)
			tool_die("epoll: %s", strerror(errno));
		if (event.data.fd == timer_fd)
			break;
		wakeups++;
		if (pread(events_fd, text, sizeof(text), 0) < 0)
			tool_die("memory.events: %s", strerror(errno));
	}
	close(epoll_fd);
	return wakeups;
}

int main(int argc, char **argv)
{
	uint64_t before, wakeups;
	int events_fd, timer_fd;
	char text[1024];

	if (argc != 3) {
		fputs("usage: epollread CGROUP SECONDS\n", stderr);
		return 2;
	}
	events_fd = open_events(argv[1]);
	/* Once read, only what comes from now on makes it ready. */
	if (pread(events_fd, text, sizeof(text), 0) < 0)
		tool_die("memory.events: %s", strerror(errno));
	timer_fd = open_timer(tool_seconds_ns(argv[2]));
	before = cpu_ns();
	wakeups = read_until(events_fd, timer_fd);
	printf("cpu_ns=%llu\nwakeups=%llu\n", (unsigned long long)(cpu_ns() - before),
	       (unsigned long long)wakeups);
	close(timer_fd);
	close(events_fd);
	return 0;
}
