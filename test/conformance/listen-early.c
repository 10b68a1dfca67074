/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * listen-early [COUNT]: on v2, when is a listener signalled, with BPF and without?
 *
 * Two monitors listen on the same cgroup, one that is told of each oom by BPF, one that has the counters
 * alone; each has a thread that dispatches, and one that blocks on its eventfd and notes the time. COUNT (50)
 * processes run over the limit, one after the other; the parent notes when each is reaped. Both eventfds
 * must have as many signals as the kernel counted ooms: nothing lost, nothing told twice. By how much BPF was
 * sooner is printed: on emulated processors it is the host's matter as well (test/incident/test-early.c
 * judges that).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "include/oomnotify.h"
#include "scratch.h"

#define MANY 1000

struct ear {
	const char *name;
	struct oomn_monitor *monitor;
	int eventfd, end;
	pthread_t dispatcher, reader;
	_Atomic uint64_t heard;   /* signals */
	_Atomic uint64_t when_ns; /* of the first one since it was set to 0 */
	unsigned early;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void *dispatch(void *arg)
{
	struct ear *e = arg;
	struct pollfd p[] = {
		{ .fd = oomn_monitor_get_fd(e->monitor), .events = POLLIN },
		{ .fd = e->end, .events = POLLIN },
	};

	while (poll(p, 2, -1) >= 0 && !p[1].revents)
		if (oomn_monitor_dispatch(e->monitor) < 0)
			break;
	return NULL;
}

static void *listen_to(void *arg)
{
	struct ear *e = arg;
	uint64_t n, none = 0;

	while (read(e->eventfd, &n, sizeof(n)) == sizeof(n) && n < UINT32_MAX) {
		none = 0;
		(void)atomic_compare_exchange_strong(&e->when_ns, &none, now_ns());
		atomic_fetch_add(&e->heard, n);
	}
	return NULL;
}

static void ear_open(struct ear *e, const char *name, uint32_t names, int cgroup)
{
	const struct oomn_monitor_options options = { .size = sizeof(options), .names = names };
	int r = oomn_monitor_new(&e->monitor, &options);

	e->name = name;
	e->eventfd = eventfd(0, EFD_CLOEXEC);
	e->end = eventfd(0, EFD_CLOEXEC);
	if (r == 0)
		r = oomn_monitor_open_names(e->monitor);
	if (r == -EOPNOTSUPP)
		skip_all(oomn_monitor_get_names_why(e->monitor));
	if (r == 0)
		r = oomn_listener_add_oom(e->monitor, cgroup, e->eventfd, 0, NULL);
	if (r < 0)
		die("%s: %s", name, strerror(-r));
	if (pthread_create(&e->dispatcher, NULL, dispatch, e) != 0 ||
	    pthread_create(&e->reader, NULL, listen_to, e) != 0)
		die("no thread could be started");
}

static void ear_close(struct ear *e)
{
	const uint64_t one = 1, over = UINT32_MAX;

	if (write(e->end, &one, sizeof(one)) < 0)
		die("eventfd: %s", strerror(errno));
	(void)pthread_join(e->dispatcher, NULL);
	while (oomn_monitor_settle(e->monitor) == 1)
		(void)usleep(1000);
	oomn_monitor_free(e->monitor);
	if (write(e->eventfd, &over, sizeof(over)) < 0)
		die("eventfd: %s", strerror(errno));
	(void)pthread_join(e->reader, NULL);
	(void)close(e->eventfd);
	(void)close(e->end);
}

/* Returns by how much the first ear was sooner than the second. */
static int64_t one_oom(const struct scratch *s, struct ear *ears)
{
	struct hog h = hog_start(s, "e", hog_overrun);
	uint64_t reaped_ns, when_ns;

	for (int i = 0; i < 2; i++)
		atomic_store(&ears[i].when_ns, 0);
	hog_go(&h);
	(void)hog_wait(&h);
	reaped_ns = now_ns();
	for (int i = 0; i < 2; i++) {
		/* Counters may take a slot of 10 ms and a tick. */
		for (int t = 0; t < 1000 && atomic_load(&ears[i].when_ns) == 0; t++)
			(void)usleep(1000);
		when_ns = atomic_load(&ears[i].when_ns);
		ears[i].early += when_ns != 0 && when_ns < reaped_ns ? 1 : 0;
	}
	return (int64_t)(atomic_load(&ears[1].when_ns) - atomic_load(&ears[0].when_ns));
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 50;
	struct ear ears[2] = { 0 };
	struct scratch s;
	struct cgroup_at at;
	int64_t lead_ns[MANY];
	uint64_t ooms;
	int bad = 0;

	if (count == 0 || count > MANY)
		die("COUNT is from 1 to %d", MANY);
	scratch_open(&s, NULL);
	if (!s.v2)
		skip_all("on v1 the kernel signals by itself");
	scratch_make(&s, "e", false);
	scratch_limit(&s, "e", SCRATCH_LIMIT);
	scratch_at(&s, "e", &at);
	ear_open(&ears[0], "bpf", OOMN_NAMES_BPF, at.fd);
	ear_open(&ears[1], "counters", OOMN_NAMES_NONE, at.fd);
	printf("1..3\n# level %s\n", oomn_monitor_get_names(ears[0].monitor));
	for (unsigned i = 0; i < count; i++)
		lead_ns[i] = one_oom(&s, ears);
	qsort(lead_ns, count, sizeof(lead_ns[0]), compare);
	ooms = scratch_key(&s, "e", "memory.events.local", "oom");
	for (int i = 0; i < 2; i++) {
		ear_close(&ears[i]);
		bad += ears[i].heard != ooms;
		printf("%sok %d - %s: %llu signals for %llu ooms, before the reap %u of %u\n",
		       ears[i].heard != ooms ? "not " : "", i + 1, ears[i].name,
		       (unsigned long long)ears[i].heard, (unsigned long long)ooms, ears[i].early,
		       count);
	}
	printf("# sooner with BPF by %lld us (median), %lld to %lld\n",
	       (long long)lead_ns[count / 2] / 1000, (long long)lead_ns[0] / 1000,
	       (long long)lead_ns[count - 1] / 1000);
	scratch_at_close(&at);
	scratch_close(&s);
	printf("ok 3 - the cgroup could be removed\n");
	return bad > 0;
}
