/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pressure-levels [--counts|--idle]: who is told of which pressure, by v1's own notifier or by source/pressure
 *
 * The same loads and the same listeners on both. What is printed must be the same on every kernel
 * (pressure-levels.expected): whether a listener was signalled, not how often. --counts prints that,
 * too. What must come is waited for without a limit of time; the test's own ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "scratch.h"
#include "source/pressure.h"
#include "source/source.h"

#define PAGE 4096
#define QUIET_MS 100 /* ten notification slots of the kernel */
#define IDLE_MS 3000
#define ENOUGH 20 /* signals after which a load has shown what it does */
#define LISTENERS_MAX 8

static struct scratch s;
static bool counts;

/* What is v2's alone. */
static struct {
	int epoll_fd;
	struct registry *registry;
	struct pressure *pressure;
	unsigned wakeups;
} v2;

struct told {
	const char *what;
	int eventfd; /* v1 */
	struct listener listener;
	struct pressure_watch *watch;
	uint64_t n;
	bool either; /* it may be signalled or not */
};

static struct told listeners[LISTENERS_MAX];
static size_t n_listeners;

static const char *const levels[] = {
	[PRESSURE_LOW] = "low", [PRESSURE_MEDIUM] = "medium", [PRESSURE_CRITICAL] = "critical"
};
static const char *const modes[] = { [PRESSURE_DEFAULT] = "default",
				     [PRESSURE_HIERARCHY] = "hierarchy",
				     [PRESSURE_LOCAL] = "local" };

static void add_v1(struct told *t, const char *path, enum pressure_level level,
		   enum pressure_mode mode)
{
	int fd = open(scratch_path(&s, path, "memory.pressure_level"), O_RDONLY | O_CLOEXEC);
	char text[64];
	int r;

	t->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0 || t->eventfd < 0)
		die("%s: memory.pressure_level: %s", path, strerror(errno));
	(void)snprintf(text, sizeof(text), "%d %d %s,%s", t->eventfd, fd, levels[level],
		       modes[mode]);
	r = scratch_write(&s, path, "cgroup.event_control", text);
	if (r < 0)
		die("%s: %s is refused: %s", path, text, strerror(-r));
	(void)fd_close(fd);
}

static void add_v2(struct told *t, const char *path, enum pressure_level level,
		   enum pressure_mode mode)
{
	struct cgroup_at at;
	int r;

	scratch_at(&s, path, &at);
	t->listener = (struct listener){ .token = t, .no_oom = true };
	r = registry_add(v2.registry, &t->listener, &(struct registry_chain){ &at.id, 1 });
	if (r == 0)
		r = pressure_add(v2.pressure, &at, level, mode, &t->listener, &t->watch);
	if (r != 0)
		die("%s: pressure_add: %d", path, r);
	scratch_at_close(&at);
}

static struct told *add(const char *what, const char *path, enum pressure_level level,
			enum pressure_mode mode)
{
	struct told *t = &listeners[n_listeners++];

	*t = (struct told){ .what = what, .eventfd = -1 };
	if (s.v2)
		add_v2(t, path, level, mode);
	else
		add_v1(t, path, level, mode);
	return t;
}

static void take_deliveries(void)
{
	struct delivery d;

	while (registry_next(v2.registry, &d))
		((struct told *)d.token)->n += d.count;
	pressure_rearm(v2.pressure);
}

/* Returns whether something was ready within @timeout_ms, -1: ever. */
static bool turn_v2(int timeout_ms)
{
	struct epoll_event ev[16];
	int n = epoll_wait(v2.epoll_fd, ev, 16, timeout_ms);

	v2.wakeups += n > 0;
	for (int i = 0; i < n; i++) {
		struct source_io *io = ev[i].data.ptr;

		if (io->ready(io, ev[i].events, clock_boottime_ns()) < 0)
			die("the source failed");
	}
	take_deliveries();
	return n > 0;
}

static bool turn_v1(int timeout_ms)
{
	struct pollfd p[LISTENERS_MAX];
	int n;

	for (size_t i = 0; i < n_listeners; i++)
		p[i] = (struct pollfd){ .fd = listeners[i].eventfd, .events = POLLIN };
	n = poll(p, n_listeners, timeout_ms);
	for (size_t i = 0; i < n_listeners; i++) {
		uint64_t v = 0;

		if (read(listeners[i].eventfd, &v, sizeof(v)) == sizeof(v))
			listeners[i].n += v;
	}
	return n > 0;
}

static bool turn(int timeout_ms)
{
	return s.v2 ? turn_v2(timeout_ms) : turn_v1(timeout_ms);
}

/* Takes what is still under way. */
static void settle(void)
{
	while (turn(QUIET_MS))
		;
	if (s.v2) {
		pressure_read_all(v2.pressure, clock_boottime_ns());
		take_deliveries();
	}
}

static void print_and_end(const char *load)
{
	printf("%s:", load);
	for (size_t i = 0; i < n_listeners; i++) {
		struct told *t = &listeners[i];

		if (!t->either || counts)
			printf("%s %s %s", i ? "," : "", t->what, t->n ? "yes" : "no");
		if (counts)
			printf(" (%" PRIu64 ")", t->n);
		if (s.v2) {
			pressure_remove(v2.pressure, t->watch);
			registry_remove(&t->listener);
		}
		(void)fd_close(t->eventfd);
	}
	puts("");
	n_listeners = 0;
}

/* Runs @act in @path until @t was signalled often enough, or it has ended. */
static void run_until_told(const char *path, hog_act act, const struct told *t, uint64_t enough)
{
	struct hog h = hog_start(&s, path, act);
	char c = 0;

	if (write(h.go, &c, 1) != 1)
		die("a process has ended too early");
	while (t->n < enough)
		(void)turn(-1);
	hog_kill(&h);
	settle();
}

/*
 * A ring of pages given back with MADV_FREE, three of four of which are then written to, so that they
 * cannot be had when somebody looks for them. All in all they are more than the limit, those written
 * to are less.
 */
static void mix(void)
{
	const size_t piece = 128 * PAGE, n = 19;
	char *p = mmap(NULL, n * piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	(void)madvise(p, n * piece, MADV_NOHUGEPAGE);
	for (size_t i = 0;; i = (i + 1) % n) {
		volatile char *at = p + i * piece;

		if (madvise((char *)at, piece, MADV_DONTNEED) < 0)
			_exit(1);
		for (size_t k = 0; k < piece; k += PAGE)
			at[k] = 1;
		if (madvise((char *)at, piece, MADV_FREE) < 0)
			_exit(1);
		for (size_t k = 0; k < piece; k += PAGE)
			if (k / PAGE % 4 != 0)
				at[k] = 1;
	}
}

static void show_levels(void)
{
	static const struct {
		const char *name;
		hog_act act;
		enum pressure_level reached;
		unsigned enough;
		bool peaks;
	} loads[] = {
		{ "all can be had", hog_lazyfree_for_ever, PRESSURE_LOW, ENOUGH, false },
		/*
		 * What was kept is looked at again later, in one go: a window that v1 calls critical,
		 * and v2 counts among others.
		 */
		{ "a quarter can be had", mix, PRESSURE_MEDIUM, ENOUGH, true },
		{ "nothing can be had", hog_overrun, PRESSURE_CRITICAL, 1, false },
	};

	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		scratch_make(&s, "m", false);
		scratch_limit(&s, "m", SCRATCH_LIMIT);
		for (unsigned level = PRESSURE_LOW; level <= PRESSURE_CRITICAL; level++)
			add(levels[level], "m", level, PRESSURE_LOCAL)->either =
				level == PRESSURE_CRITICAL && loads[i].peaks;
		run_until_told("m", loads[i].act, &listeners[loads[i].reached - PRESSURE_LOW],
			       loads[i].enough);
		scratch_remove(&s, "m");
		print_and_end(loads[i].name);
	}
}

static void add_modes(const char *const what[3], const char *path)
{
	for (unsigned mode = PRESSURE_DEFAULT; mode <= PRESSURE_LOCAL; mode++)
		(void)add(what[mode], path, PRESSURE_LOW, mode);
}

/* @limited: "p" or "p/c"; the load is always in p/c. */
static void show_modes(const char *name, const char *limited, bool child_listens)
{
	static const char *const parent[] = { "p default", "p hierarchy", "p local" };
	static const char *const child[] = { "c default", "c hierarchy", "c local" };

	scratch_make(&s, "p", true);
	scratch_make(&s, "p/c", false);
	scratch_limit(&s, limited, SCRATCH_LIMIT);
	add_modes(parent, "p");
	if (child_listens)
		add_modes(child, "p/c");
	run_until_told("p/c", hog_lazyfree_for_ever, &listeners[PRESSURE_HIERARCHY], ENOUGH);
	scratch_clear(&s, "p");
	print_and_end(name);
}

static bool no_wakeups(const char *when)
{
	uint64_t until = clock_boottime_ns() + IDLE_MS * NSEC_PER_MSEC, now;

	v2.wakeups = 0;
	while ((now = clock_boottime_ns()) < until)
		(void)turn_v2((int)((until - now) / NSEC_PER_MSEC) + 1);
	printf("%s: %u wakeups in %d ms\n", when, v2.wakeups, IDLE_MS);
	return v2.wakeups == 0;
}

/* One who listens costs nothing before a load, and nothing once one is over. */
static bool show_idle(void)
{
	bool ok;

	scratch_make(&s, "m", false);
	scratch_limit(&s, "m", SCRATCH_LIMIT);
	(void)add("low", "m", PRESSURE_LOW, PRESSURE_DEFAULT);
	take_deliveries();
	ok = no_wakeups("before a load");
	run_until_told("m", hog_lazyfree_for_ever, &listeners[0], 1);
	while (turn_v2(IDLE_MS))
		;
	ok = no_wakeups("after it") && ok;
	scratch_remove(&s, "m");
	print_and_end("it");
	return ok;
}

static void open_v2(void)
{
	static const struct registry_quota quota = { .listeners = 100, .cgroups = 100 };
	struct pressure_args args = { .host = &s.host, .cgroups_max = 100 };

	v2.epoll_fd = args.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	v2.registry = args.registry = registry_new(&quota);
	if (v2.epoll_fd < 0 || !v2.registry || pressure_open(&v2.pressure, &args) != 0)
		die("the source cannot be opened");
}

int main(int argc, char **argv)
{
	bool idle = argc > 1 && strcmp(argv[1], "--idle") == 0, ok = true;

	counts = argc > 1 && strcmp(argv[1], "--counts") == 0;
	scratch_open(&s, NULL);
	if (!s.v2 && (idle || access(scratch_path(&s, "", "memory.pressure_level"), F_OK) < 0)) {
		scratch_close(&s);
		skip_all(idle ? "v1's listeners are the kernel's"
			      : "this kernel has no memory.pressure_level");
	}
	if (s.v2)
		open_v2();
	if (idle) {
		ok = show_idle();
	} else {
		show_levels();
		show_modes("limit at p/c", "p/c", true);
		show_modes("limit at p/c, where nobody listens", "p/c", false);
		show_modes("limit at p", "p", true);
	}
	pressure_close(v2.pressure);
	registry_free(v2.registry);
	scratch_close(&s);
	return ok ? 0 : 1;
}
