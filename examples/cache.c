/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cache CGROUP BYTES ENTRIES: a cache that shrinks when its cgroup uses BYTES, instead of being killed
 *
 * CGROUP is the one that it runs in: "self". An entry of 1 MiB comes every 10 milliseconds, ENTRIES of
 * them. BYTES should leave room below the limit for what comes until the crossing is told: on cgroup v2 usage
 * is sampled.
 *
 *   cc -std=c99 cache.c $(pkg-config --cflags --libs oomnotify)
 */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <oomnotify.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define ENTRY_BYTES ((size_t)1 << 20)
#define ENTRIES_MAX 4096
#define ENTRY_NS 10000000

/* entries[first] to entries[end - 1] are there. */
struct cache {
	void *entries[ENTRIES_MAX];
	size_t first, end;
};

static int fail(const char *what, int r)
{
	fprintf(stderr, "cache: %s: %s\n", what, strerror(-r));
	return 1;
}

/* From mmap(): what free() gets back may stay with the process, and so with the cgroup. */
static int put(struct cache *c)
{
	void *p =
		mmap(NULL, ENTRY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -1;
	memset(p, 1, ENTRY_BYTES);
	c->entries[c->end++] = p;
	return 0;
}

static void drop_oldest_half(struct cache *c)
{
	size_t until = c->first + (c->end - c->first + 1) / 2;

	while (c->first < until)
		munmap(c->entries[c->first++], ENTRY_BYTES);
}

/* Of cgroup v2 or v1. */
static uint64_t usage_of(int cgroup_fd)
{
	int fd = openat(cgroup_fd, "memory.current", O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n;

	if (fd < 0)
		fd = openat(cgroup_fd, "memory.usage_in_bytes", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return 0;
	text[n] = '\0';
	return strtoull(text, NULL, 10);
}

/* Where entries come from: each time that this descriptor is readable. */
static int open_timer(void)
{
	static const struct itimerspec every = {
		.it_interval = { .tv_nsec = ENTRY_NS },
		.it_value = { .tv_nsec = ENTRY_NS },
	};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		timerfd_settime(fd, 0, &every, NULL);
	return fd;
}

/* A number from a descriptor that need not have one: 0 then. */
static uint64_t take(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n) ? n : 0;
}

static int run(struct oomn_monitor *m, int cgroup_fd, int event_fd, int timer_fd, uint64_t bytes,
	       size_t entries)
{
	struct pollfd p[3] = {
		{ oomn_monitor_get_fd(m), POLLIN, 0 },
		{ event_fd, POLLIN, 0 },
		{ timer_fd, POLLIN, 0 },
	};
	static struct cache c;
	unsigned shrunk = 0;
	int r;

	while (c.end < entries) {
		(void)poll(p, 3, -1);
		r = oomn_monitor_dispatch(m);
		if (r < 0)
			return r;
		/* It is signalled on the way up and on the way down, which is our own doing. */
		if (take(event_fd) > 0 && usage_of(cgroup_fd) >= bytes) {
			drop_oldest_half(&c);
			shrunk++;
		}
		if (take(timer_fd) > 0 && put(&c) < 0)
			break;
	}
	printf("entries %zu, kept %zu, shrunk %u times\n", c.end, c.end - c.first, shrunk);
	return 0;
}

static int start(struct oomn_monitor *m, const char *name, uint64_t bytes, size_t entries)
{
	int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int timer_fd = open_timer();
	int cgroup_fd = oomn_cgroup_open(name, OOMN_CGROUP_NEAREST);
	int r;

	if (event_fd < 0 || timer_fd < 0) {
		perror("cache");
		return 1;
	}
	if (cgroup_fd < 0)
		return fail(name, cgroup_fd);
	/* Nobody asks for the listener: it goes with the monitor. */
	r = oomn_listener_add_threshold(m, cgroup_fd, event_fd, bytes, 0, NULL);
	if (r == 0)
		r = run(m, cgroup_fd, event_fd, timer_fd, bytes, entries);
	close(cgroup_fd);
	close(event_fd);
	close(timer_fd);
	return r < 0 ? fail(name, r) : 0;
}

int main(int argc, char **argv)
{
	struct oomn_monitor *m;
	size_t entries = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	int r;

	if (entries == 0 || entries > ENTRIES_MAX) {
		fprintf(stderr, "usage: cache CGROUP BYTES ENTRIES\n");
		return 2;
	}
	r = oomn_monitor_new(&m, NULL);
	if (r < 0)
		return fail("monitor", r);
	r = start(m, argv[1], strtoull(argv[2], NULL, 10), entries);
	oomn_monitor_free(m);
	return r;
}
