/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * usage-live [PARENT]: usage thresholds against a real cgroup v2
 *
 * A process grows past several thresholds and shrinks again: each is signalled once in each direction.
 * When: the process looks at memory.current after every few pages and notes when it first stood beyond a
 * threshold. Its signal must come within 10 ms of that and of what this machine needs for a timer: a
 * twin, a timer of 5 ms in the same epoll instance, tells how late it was called at worst.
 *
 * Up and down within one sample: the owner does not dispatch in between, so it is one sample whatever the
 * speed of the machine.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "checks.h"
#include "core/listener.h"
#include "scratch.h"
#include "source/source.h"
#include "source/usage.h"

#define PAGE 4096U
#define MIB ((uint64_t)1 << 20)
#define GAP (4 * MIB)
#define STEPS 6 /* thresholds on the cgroup, GAP apart */
#define SPAN ((STEPS + 3) * GAP)
#define CHUNK 16U /* pages touched between two looks */
#define ROUNDS 5
#define QUIET_MS 250 /* more than two of the longest steps */
#define TWIN_NS (5 * NSEC_PER_MSEC)
#define BOUND_NS (10 * NSEC_PER_MSEC)

enum {
	SWAP = STEPS, /* one on memory and swap */
	ABOVE,        /* one on the parent */
	LISTENERS,
};

static struct scratch s;

static struct registry *registry;
static struct usage *u;
static int epoll_fd;
static struct listener listeners[LISTENERS];
static uint64_t got[LISTENERS], told_ns[LISTENERS];
static unsigned hints;

/* Filled by the process that grows: when it saw that usage was beyond each threshold. */
static struct shared {
	uint64_t bytes[STEPS];
	uint64_t before_ns[STEPS]; /* it was not yet */
	uint64_t after_ns[STEPS];
	size_t held; /* bytes */
} * shared;

/* ---- The process that grows and shrinks: a command is how much it is to hold ---- */

static int commands[2];

static uint64_t read_number(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		die("memory.current: %s", strerror(errno));
	text[n] = '\0';
	return strtoull(text, NULL, 10);
}

static void note(int current_fd, bool up, uint64_t before_ns)
{
	uint64_t usage = read_number(current_fd), now_ns = clock_boottime_ns();

	for (size_t i = 0; i < STEPS; i++)
		if (!shared->after_ns[i] && (shared->bytes[i] <= usage) == up) {
			shared->before_ns[i] = before_ns;
			shared->after_ns[i] = now_ns;
		}
}

static void hold(char *memory, size_t bytes, int current_fd)
{
	const size_t chunk = (size_t)CHUNK * PAGE;

	while (shared->held != bytes) {
		bool up = shared->held < bytes;
		uint64_t before_ns = clock_boottime_ns();

		if (up) {
			for (size_t i = 0; i < chunk; i += PAGE)
				((volatile char *)memory)[shared->held + i] = 1;
			shared->held += chunk;
		} else {
			shared->held -= chunk;
			if (madvise(memory + shared->held, chunk, MADV_DONTNEED) < 0)
				_exit(1);
		}
		note(current_fd, up, before_ns);
	}
}

static void grower(void)
{
	char *memory = mmap(NULL, SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open(scratch_path(&s, "p/c", "memory.current"), O_RDONLY | O_CLOEXEC);
	size_t bytes;
	cpu_set_t one;

	/* What it leaves in the stock of another CPU would be usage that comes and goes by itself. */
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	(void)close(commands[0]);
	if (memory == MAP_FAILED || fd < 0 || sched_setaffinity(0, sizeof(one), &one) < 0)
		_exit(1);
	(void)madvise(memory, SPAN, MADV_NOHUGEPAGE);
	while (read(commands[1], &bytes, sizeof(bytes)) == sizeof(bytes)) {
		hold(memory, bytes, fd);
		if (write(commands[1], "", 1) != 1)
			_exit(1);
	}
}

static void command(size_t bytes)
{
	memset(shared->before_ns, 0, sizeof(shared->before_ns));
	memset(shared->after_ns, 0, sizeof(shared->after_ns));
	if (write(commands[0], &bytes, sizeof(bytes)) != sizeof(bytes))
		die("the process has ended");
}

static void await_done(void)
{
	char c;

	if (read(commands[0], &c, 1) != 1)
		die("the process has ended");
}

/* ---- The owner ---- */

struct twin {
	struct source_io io;
	int fd;
	uint64_t due_ns;
	uint64_t worst_ns;
};

static int twin_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct twin *t = (struct twin *)io; /* its first member */
	uint64_t n = 0;

	(void)events;
	if (read(t->fd, &n, sizeof(n)) < 0)
		return 0;
	if (now_ns > t->due_ns && now_ns - t->due_ns > t->worst_ns)
		t->worst_ns = now_ns - t->due_ns;
	t->due_ns += n * TWIN_NS;
	return 0;
}

static void twin_start(struct twin *t)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &t->io };
	struct itimerspec at = { .it_interval.tv_nsec = TWIN_NS };

	*t = (struct twin){ .io.ready = twin_ready };
	t->fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	t->due_ns = clock_boottime_ns() + TWIN_NS;
	at.it_value.tv_sec = (time_t)(t->due_ns / NSEC_PER_SEC);
	at.it_value.tv_nsec = (long)(t->due_ns % NSEC_PER_SEC);
	if (t->fd < 0 || timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &at, NULL) < 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, t->fd, &ev) < 0)
		die("no timer: %s", strerror(errno));
}

static void take(void)
{
	uint64_t now_ns = clock_boottime_ns();
	struct delivery d;

	while (registry_next(registry, &d)) {
		got[d.listener - listeners] += d.count;
		told_ns[d.listener - listeners] = now_ns;
	}
}

/* Returns how many descriptors were ready. */
static int dispatch(int ms)
{
	struct epoll_event ev[16];
	int n;

	usage_rearm(u);
	n = epoll_wait(epoll_fd, ev, 16, ms);
	for (int i = 0; i < n; i++) {
		struct source_io *io = ev[i].data.ptr;

		hints += (ev[i].events & EPOLLPRI) != 0;
		if (io->ready(io, ev[i].events, clock_boottime_ns()) < 0)
			die("dispatch failed");
	}
	take();
	return n;
}

static void look(void)
{
	usage_read_all(u, clock_boottime_ns());
	take();
}

/* For some time nothing may come; what has come is left as it is. */
static void stay_quiet(void)
{
	uint64_t end_ns = clock_boottime_ns() + QUIET_MS * NSEC_PER_MSEC;

	while (clock_boottime_ns() < end_ns)
		(void)dispatch(QUIET_MS);
}

static int try_watch(const char *path, size_t i, uint64_t bytes, bool swap,
		     struct usage_watch **ret)
{
	struct cgroup_at at;
	int r;

	scratch_at(&s, path, &at);
	if (!listeners[i].registry) {
		listeners[i].no_oom = true;
		if (registry_add(registry, &listeners[i], &(struct registry_chain){ &at.id, 1 }) !=
		    0)
			die("registry_add failed");
	}
	r = usage_add(u, &at, bytes, swap, &listeners[i], ret);
	scratch_at_close(&at);
	take();
	return r;
}

static struct usage_watch *watch(const char *path, size_t i, uint64_t bytes, bool swap)
{
	struct usage_watch *w = NULL;
	int r = try_watch(path, i, bytes, swap, &w);

	if (r != 0)
		die("%s: no threshold: %s", path, strerror(-r));
	return w;
}

static uint64_t usage_of(const char *path)
{
	_cleanup_close_ int fd =
		open(scratch_path(&s, path, "memory.current"), O_RDONLY | O_CLOEXEC);

	return read_number(fd);
}

/* ---- Growing and shrinking ---- */

static struct {
	uint64_t ns[2 * ROUNDS * STEPS];
	size_t n;
} late;

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* One direction: all are signalled once, and so many in all. */
static void move(size_t bytes, uint64_t wanted, size_t listeners_n)
{
	size_t missing = 1;

	command(bytes);
	while (missing > 0) {
		(void)dispatch(-1);
		missing = 0;
		for (size_t i = 0; i < listeners_n; i++)
			missing += got[i] < wanted;
	}
	await_done();
	for (size_t i = 0; i < STEPS; i++)
		late.ns[late.n++] =
			told_ns[i] > shared->after_ns[i] ? told_ns[i] - shared->after_ns[i] : 0;
	stay_quiet();
	for (size_t i = 0; i < listeners_n; i++)
		if (got[i] != wanted) {
			printf("\tlistener %zu\n", i);
			check_count("signals", got[i], wanted);
		}
}

static double ms(uint64_t ns)
{
	return (double)ns / (double)NSEC_PER_MSEC;
}

static void print_late(const struct twin *t)
{
	size_t half = late.n / 2, most = late.n * 9 / 10;

	qsort(late.ns, late.n, sizeof(late.ns[0]), by_size);
	printf("\t# told after the crossing, of %zu, in ms: median %.2f, 90%% %.2f, worst %.2f; a "
	       "timer here is late by %.2f at worst\n",
	       late.n, ms(late.ns[half]), ms(late.ns[most]), ms(late.ns[late.n - 1]),
	       ms(t->worst_ns));
}

static void grow_and_shrink(struct usage_watch **w)
{
	uint64_t base, above;
	size_t n = LISTENERS;
	struct twin twin;
	int r;

	puts("growing and shrinking");
	command(GAP); /* page tables and all that comes with a first page */
	await_done();
	base = usage_of("p/c");
	above = usage_of("p");
	for (size_t i = 0; i < STEPS; i++) {
		shared->bytes[i] = (base + i * GAP + GAP / 2) & ~(uint64_t)(PAGE - 1);
		w[i] = watch("p/c", i, shared->bytes[i] + i, false);
	}
	w[ABOVE] = watch("p", ABOVE, above + GAP / 2, false);
	r = try_watch("p/c", SWAP, base + GAP / 2, true, &w[SWAP]);
	if (r == -EOPNOTSUPP) {
		check(access(scratch_path(&s, "p/c", "memory.swap.current"), F_OK) < 0,
		      "refused for swap, which is not accounted for");
		got[SWAP] = UINT64_MAX;
		n = STEPS;
	}
	twin_start(&twin);
	for (unsigned i = 0; i < ROUNDS && !checks_failed(); i++) {
		move(GAP + STEPS * GAP, 2 * i + 1, n);
		move(GAP, 2 * i + 2, n);
	}
	check_count("signals of each", got[STEPS - 1], (uint64_t)2 * ROUNDS);
	print_late(&twin);
	check(late.ns[late.n - 1] <= BOUND_NS + twin.worst_ns,
	      "within 10 ms and the lateness of a timer");
	(void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, twin.fd, NULL);
	(void)close(twin.fd);
}

/* ---- Up and down ---- */

static bool can_reset(void)
{
	_cleanup_close_ int fd = open(scratch_path(&s, "p/c", "memory.peak"), O_RDWR | O_CLOEXEC);

	return fd >= 0 && pwrite(fd, "0", 1, 0) == 1;
}

static uint64_t up_and_down(size_t to)
{
	uint64_t before;

	stay_quiet();
	look();
	before = got[0];
	command(to);
	await_done();
	command(GAP);
	await_done();
	look();
	stay_quiet();
	return got[0] - before;
}

static void within_one_sample(void)
{
	const bool resets = can_reset();
	const bool peaks = access(scratch_path(&s, "p/c", "memory.peak"), R_OK) == 0;
	const char *notice = usage_notice(u);

	puts("up and down within one sample");
	printf("\t# memory.peak: %s\n", resets ? "can be reset" : peaks ? "read only" : "none");
	check((notice == NULL) == resets, "the notice says whether it can be reset");
	for (int i = 0; i < 3; i++)
		check_count("below an older peak", up_and_down(3 * GAP), resets ? 2 : 0);
	check_count("higher than ever", up_and_down((STEPS + 2) * GAP), peaks ? 2 : 0);
	check_count("once more", up_and_down((STEPS + 2) * GAP), resets ? 2 : 0);
}

/* What the kernel does to one who waits when another one resets: told, not asked of it. */
static void print_resets_of_others(void)
{
	_cleanup_close_ int a = -1, b = -1;
	uint64_t mine, base;

	if (!can_reset())
		return;
	a = open(scratch_path(&s, "p/c", "memory.peak"), O_RDWR | O_CLOEXEC);
	b = open(scratch_path(&s, "p/c", "memory.peak"), O_RDWR | O_CLOEXEC);
	if (a < 0 || b < 0 || pwrite(a, "0", 1, 0) != 1)
		die("memory.peak: %s", strerror(errno));
	base = read_number(a);
	command(4 * GAP);
	await_done();
	command(GAP);
	await_done();
	mine = read_number(a);
	if (pwrite(b, "0", 1, 0) != 1)
		die("memory.peak: %s", strerror(errno));
	printf("\t# a peak of %" PRIu64 " MiB above is %" PRIu64
	       " MiB after somebody else's reset\n",
	       (mine - base) / MIB, (read_number(a) - base) / MIB);
}

/* ---- Hints, and the end ---- */

static bool have_open(const char *suffix)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;
	char name[PATH_MAX];
	bool found = false;

	while (dir && !found && (e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, name, sizeof(name) - 1);

		name[n > 0 ? n : 0] = '\0';
		found = strstr(name, suffix) != NULL;
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool may_trigger(void)
{
	static const char trigger[] = "some 5000 500000";
	_cleanup_close_ int fd = open(scratch_path(&s, "m", "memory.pressure"), O_RDWR | O_CLOEXEC);

	return fd >= 0 && write(fd, trigger, sizeof(trigger)) > 0;
}

static void hints_come(void)
{
	struct hog h;
	struct usage_watch *w;
	unsigned before;

	puts("hints");
	scratch_make(&s, "m", false);
	scratch_limit(&s, "m", SCRATCH_LIMIT);
	w = watch("m", 0, (uint64_t)1 << 40, false);
	check(have_open("/m/memory.pressure") == may_trigger(),
	      "a PSI trigger where one may be had");
	printf("\t# PSI trigger: %s\n", may_trigger() ? "yes" : "no");
	stay_quiet(); /* a first look at the files is none */
	before = hints;
	h = hog_start(&s, "m", hog_lazyfree);
	hog_go(&h);
	while (hints == before)
		(void)dispatch(-1);
	check(true, "who hits the limit wakes the sampler");
	hog_kill(&h);
	usage_remove(u, w);
	check(!have_open("/m/memory."), "no file is left open");
	scratch_remove(&s, "m");
}

static void off_and_on(void)
{
	struct hog h;
	struct usage_watch *w;
	uint64_t before;

	puts("memory switched off and on");
	scratch_make(&s, "q", true);
	scratch_make(&s, "q/o", false);
	scratch_limit(&s, "q/o", SCRATCH_LIMIT);
	h = hog_start(&s, "q/o", hog_hold);
	hog_go(&h);
	w = watch("q/o", 0, SCRATCH_LIMIT / 2, false);
	before = got[0];
	if (scratch_write(&s, "q", "cgroup.subtree_control", "-memory") < 0)
		die("memory cannot be switched off");
	stay_quiet();
	check_count("signals while it is off", got[0] - before, 0);
	if (scratch_write(&s, "q", "cgroup.subtree_control", "+memory") < 0)
		die("memory cannot be switched on");
	while (got[0] == before) /* the new account is empty */
		(void)dispatch(-1);
	check_count("signals when it is on again", got[0] - before, 1);
	usage_remove(u, w);
	hog_kill(&h);
	scratch_clear(&s, "q");
}

static void removal(void)
{
	struct usage_watch *w;
	uint64_t before = got[0];

	puts("removal");
	scratch_make(&s, "r", false);
	w = watch("r", 0, PAGE, false);
	stay_quiet();
	scratch_remove(&s, "r");
	stay_quiet();
	check_count("signals", got[0] - before, 0);
	check(dispatch(QUIET_MS) == 0, "nothing is read any more");
	usage_remove(u, w);
}

static void open_all(void)
{
	const struct registry_quota quota = { .listeners = LISTENERS, .cgroups = LISTENERS };
	struct usage_args args = { .host = &s.host, .cgroups_max = LISTENERS };

	registry = registry_new(&quota);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	args.epoll_fd = epoll_fd;
	args.registry = registry;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (!registry || epoll_fd < 0 || shared == MAP_FAILED || usage_open(&u, &args) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, commands) < 0)
		die("cannot begin: %s", strerror(errno));
	memset(shared, 0, sizeof(*shared)); /* charged to us */
}

int main(int argc, char **argv)
{
	struct usage_watch *w[LISTENERS] = { NULL };
	struct hog h;
	char go = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	scratch_open(&s, argc > 1 ? argv[1] : NULL);
	if (!s.v2) {
		scratch_close(&s);
		skip_all("skipped: memory is on cgroup v1 here, whose kernel has thresholds");
	}
	open_all();
	scratch_make(&s, "p", true);
	scratch_make(&s, "p/c", false);
	h = hog_start(&s, "p/c", grower);
	(void)fd_close(commands[1]);
	if (write(h.go, &go, 1) != 1)
		die("the process has ended");

	grow_and_shrink(w);
	within_one_sample();
	print_resets_of_others();
	for (size_t i = 0; i < LISTENERS; i++)
		usage_remove(u, w[i]);
	check(dispatch(QUIET_MS) == 0, "nobody listens: nothing is read");
	hog_kill(&h);
	hints_come();
	off_and_on();
	removal();

	usage_close(u);
	registry_free(registry);
	scratch_close(&s);
	return checks_failed();
}
