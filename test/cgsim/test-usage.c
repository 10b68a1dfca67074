/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Usage thresholds on a fake tree: what is read, signalled, shared, given up, and what is left behind
 *
 * memory.peak is played here: a file that grows with memory.current, and that a write sets back to it if
 * `resettable`. That kernels do so is shown by test/conformance/usage-live.
 */
#include "cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "fail_call.h"
#include "fail_malloc.h"
#include "fake_tree.h"
#include "source/usage_impl.h"

#define MIB (UINT64_C(1) << 20)
#define QUIET_MS 250 /* more than two of the longest steps */
#define LISTENERS 8

static struct {
	struct fake_tree ft;
	struct registry *registry;
	int epoll_fd;
	struct usage *u;
	struct listener listeners[LISTENERS];
	struct cgroup_at at;
	uint64_t current, peak;
} f;

/* What the file system does. */
static struct {
	int interruptions; /* so many more reads and writes are interrupted */
	int fails;         /* with that errno, if it is not 0 */
	bool resettable;
	unsigned reads, resets;
} io;

static void put_number(const char *file, uint64_t n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64 "\n", n);
	fake_write(&f.ft, "a", file, text);
}

static void use(uint64_t bytes)
{
	f.current = bytes;
	if (f.peak < bytes)
		f.peak = bytes;
	put_number("memory.current", f.current);
	put_number("memory.peak", f.peak);
}

static bool interrupted_or_failed(void)
{
	errno = io.interruptions > 0 ? EINTR : io.fails;
	if (io.interruptions > 0)
		io.interruptions--;
	return errno != 0;
}

static ssize_t reset(size_t n)
{
	if (interrupted_or_failed())
		return -1;
	io.resets++;
	if (!io.resettable) {
		errno = EINVAL;
		return -1;
	}
	f.peak = f.current;
	put_number("memory.peak", f.peak);
	return (ssize_t)n;
}

/* With 64-bit offsets these are functions of another name on some platforms. */
#define WRAP_PREAD(call)                                                                           \
	ssize_t __real_##call(int fd, void *to, size_t n, off_t at);                               \
	ssize_t __wrap_##call(int fd, void *to, size_t n, off_t at);                               \
	ssize_t __wrap_##call(int fd, void *to, size_t n, off_t at)                                \
	{                                                                                          \
		io.reads++;                                                                        \
		return interrupted_or_failed() ? -1 : __real_##call(fd, to, n, at);                \
	}
WRAP_PREAD(pread)
WRAP_PREAD(pread64)

static bool is_peak(int fd)
{
	char link[64], name[PATH_MAX] = "";

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, name, sizeof(name) - 1) > 0 && strstr(name, "/memory.peak");
}

/* The tree itself is written with it, too, but never by a single byte. */
#define WRAP_PWRITE(call)                                                                          \
	ssize_t __real_##call(int fd, const void *from, size_t n, off_t at);                       \
	ssize_t __wrap_##call(int fd, const void *from, size_t n, off_t at);                       \
	ssize_t __wrap_##call(int fd, const void *from, size_t n, off_t at)                        \
	{                                                                                          \
		return n == 1 && is_peak(fd) ? reset(n) : __real_##call(fd, from, n, at);          \
	}
WRAP_PWRITE(pwrite)
WRAP_PWRITE(pwrite64)

static int start(void)
{
	const struct usage_args args = {
		.epoll_fd = f.epoll_fd,
		.host = &f.ft.host,
		.registry = f.registry,
		.cgroups_max = 2,
	};

	return usage_open(&f.u, &args);
}

static int setup(void **state)
{
	const struct registry_quota quota = { .listeners = LISTENERS, .cgroups = 1 };

	(void)state;
	memset(&f, 0, sizeof(f));
	memset(&io, 0, sizeof(io));
	io.resettable = true;
	fake_open(&f.ft);
	fake_mkdir(&f.ft, "a");
	use(10 * MIB);
	fake_at(&f.ft, "a", &f.at);
	f.registry = registry_new(&quota);
	f.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	assert_true(f.registry && f.epoll_fd >= 0);
	for (size_t i = 0; i < LISTENERS; i++) {
		f.listeners[i].no_oom = true;
		assert_int_equal(registry_add(f.registry, &f.listeners[i],
					      &(struct registry_chain){ &f.at.id, 1 }),
				 0);
	}
	assert_int_equal(start(), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	usage_close(f.u);
	registry_free(f.registry);
	close(f.epoll_fd);
	cgroup_at_close(&f.at);
	fake_close(&f.ft);
	return 0;
}

static struct usage_watch *watch(size_t i, uint64_t bytes, bool swap)
{
	struct usage_watch *w = NULL;

	assert_int_equal(usage_add(f.u, &f.at, bytes, swap, &f.listeners[i], &w), 0);
	return w;
}

static int try_add(const struct cgroup_at *at, bool swap)
{
	struct usage_watch *w = (struct usage_watch *)1;
	int r = usage_add(f.u, at, MIB, swap, &f.listeners[0], &w);

	if (r != 0)
		assert_ptr_equal(w, (struct usage_watch *)1);
	else
		usage_remove(f.u, w);
	return r;
}

static uint64_t take(size_t i)
{
	uint64_t got[LISTENERS] = { 0 };
	struct delivery d;

	while (registry_next(f.registry, &d))
		got[d.listener - f.listeners] += d.count;
	for (size_t k = 0; k < LISTENERS; k++)
		if (k != i && got[k] > 0)
			registry_signal(&f.listeners[k], got[k]); /* asked for later */
	return got[i];
}

static void look(void)
{
	usage_read_all(f.u, clock_boottime_ns());
}

static unsigned descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* One round of what the owner does; returns how many descriptors were ready within @ms. */
static int dispatch(int ms)
{
	struct epoll_event ev[8];
	int n;

	usage_rearm(f.u);
	n = epoll_wait(f.epoll_fd, ev, 8, ms);
	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		struct source_io *ready = ev[i].data.ptr;

		assert_int_equal(ready->ready(ready, ev[i].events, clock_boottime_ns()), 0);
	}
	return n;
}

static void signals_per_crossing(void **state)
{
	(void)state;
	watch(0, 20 * MIB, false);
	watch(1, 20 * MIB + 4095, false); /* the same page */
	watch(2, 30 * MIB, false);
	watch(3, 10 * MIB, false); /* passed already */
	watch(4, 0, false);
	watch(5, 4095, false);
	watch(6, UINT64_MAX, false);
	look();
	for (size_t i = 0; i < LISTENERS; i++)
		assert_int_equal(take(i), 0);
	use(20 * MIB);
	look();
	look();
	assert_int_equal(take(0), 1);
	assert_int_equal(take(1), 1);
	assert_int_equal(take(2), 0);
	use(UINT64_MAX);
	look();
	use(0);
	look();
	assert_int_equal(take(0), 1);
	assert_int_equal(take(2), 2);
	assert_int_equal(take(3), 1);
	for (size_t i = 4; i < LISTENERS; i++)
		assert_int_equal(take(i), 0);
}

static void a_peak_that_can_be_reset(void **state)
{
	unsigned resets;

	(void)state;
	watch(0, 20 * MIB, false);
	assert_null(usage_notice(f.u));
	resets = io.resets;
	for (unsigned i = 1; i <= 3; i++) { /* each time, though none is higher than the first */
		use((40 - i) * MIB);
		use(10 * MIB);
		look();
		look();
		assert_int_equal(take(0), 2);
		assert_int_equal(io.resets, resets + i);
	}
	use(15 * MIB); /* below the threshold: nothing depends on that peak ... */
	use(10 * MIB);
	look();
	assert_int_equal(io.resets, resets + 3);
	watch(1, 15 * MIB, false); /* ... but one that is added later must not be told it */
	look();
	assert_int_equal(take(1), 0);
	assert_int_equal(take(0), 0);
	use(25 * MIB);
	look();
	use(10 * MIB);
	look();
	assert_int_equal(take(0), 2);
	assert_int_equal(take(1), 2);
}

/* It tells of what was higher than ever, and of nothing twice. */
static void a_peak_that_cannot(void **state)
{
	static const struct {
		uint64_t peak, got;
	} rows[] = { { 30, 2 }, { 25, 0 }, { 30, 0 }, { 31, 2 } };

	(void)state;
	io.resettable = false;
	watch(0, 20 * MIB, false);
	assert_non_null(strstr(usage_notice(f.u), "memory.peak"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		use(rows[i].peak * MIB);
		use(10 * MIB);
		look();
		look();
		assert_int_equal(take(0), rows[i].got);
	}
}

/* It could be reset at first. What it shows from then on may be old. */
static void a_peak_that_no_longer_can(void **state)
{
	(void)state;
	watch(0, 20 * MIB, false);
	io.resettable = false;
	use(30 * MIB);
	use(10 * MIB);
	look();
	assert_int_equal(take(0), 2);
	for (int i = 0; i < 3; i++)
		look();
	assert_int_equal(take(0), 0);
	assert_non_null(strstr(usage_notice(f.u), "memory.peak"));
}

static void memory_and_swap(void **state)
{
	struct usage_watch *w;
	unsigned before;

	(void)state;
	assert_int_equal(try_add(&f.at, true), -EOPNOTSUPP);
	put_number("memory.swap.current", 5 * MIB);
	watch(0, 20 * MIB, false);
	before = descriptors();
	w = watch(1, 20 * MIB, true);
	use(15 * MIB);
	look();
	assert_int_equal(take(0), 0);
	assert_int_equal(take(1), 1);
	put_number("memory.swap.current", UINT64_MAX); /* sums do not begin anew */
	look();
	assert_int_equal(take(1), 0);
	put_number("memory.swap.current", 4 * MIB);
	look();
	assert_int_equal(take(1), 1);
	use(21 * MIB); /* memory alone had more than enough */
	use(15 * MIB);
	look();
	assert_int_equal(take(0), 2);
	assert_int_equal(take(1), 2);
	usage_remove(f.u, w);
	assert_int_equal(descriptors(), before);
}

static void what_is_shared_and_left(void **state)
{
	struct usage_watch *w[LISTENERS];
	unsigned before = descriptors(), one;

	(void)state;
	w[0] = watch(0, 20 * MIB, false);
	one = descriptors();
	for (size_t i = 1; i < LISTENERS; i++)
		w[i] = watch(i, 20 * MIB + i * MIB / 4, false);
	assert_int_equal(descriptors(), one);
	assert_int_equal(dispatch(-1), 1); /* it reads by itself */
	for (size_t i = 0; i < LISTENERS; i++)
		usage_remove(f.u, w[i]);
	usage_remove(f.u, NULL);
	assert_int_equal(descriptors(), before);
	io.reads = 0;
	assert_int_equal(dispatch(QUIET_MS), 0);
	w[0] = watch(0, 0, false); /* never crossed: nothing to read for */
	io.reads = 0;
	assert_int_equal(dispatch(QUIET_MS), 0);
	assert_int_equal(io.reads, 0);
}

static void by_its_own_timer(void **state)
{
	(void)state;
	watch(0, 20 * MIB, false);
	for (unsigned i = 0; i < 5; i++) {
		use(i % 2 ? 10 * MIB : 200 * MIB);
		while (take(0) == 0)
			assert_true(dispatch(1000) > 0);
	}
}

/* Its share of the CPU is used up: later, told, and not lost. */
static void no_more_than_its_share(void **state)
{
	uint64_t free_ns;

	(void)state;
	watch(0, 20 * MIB, false);
	(void)pace_may_walk(&f.u->pace, clock_boottime_ns());
	pace_walked(&f.u->pace, clock_boottime_ns(), PACE_CREDIT_NS + 10 * NSEC_PER_MSEC);
	free_ns = pace_free(&f.u->pace);
	use(25 * MIB);
	usage_rearm(f.u);
	assert_true(f.u->timer.due_ns >= free_ns);
	(void)timer_arm(&f.u->timer, 1); /* as if it had been set before */
	io.reads = 0;
	assert_int_equal(f.u->timer_io.ready(&f.u->timer_io, EPOLLIN, free_ns - 1), 0);
	assert_int_equal(io.reads, 0);
	assert_non_null(strstr(usage_notice(f.u), "a tenth of a CPU"));
	while (take(0) == 0)
		assert_true(dispatch(5000) > 0);
	assert_true(clock_boottime_ns() >= free_ns);
}

static void what_is_refused(void **state)
{
	struct cgroup_at other;
	struct cgroup_at root = f.at;
	struct usage_watch *w[2];

	(void)state;
	fake_mkdir(&f.ft, "no-memory");
	fake_at(&f.ft, "no-memory", &other);
	assert_int_equal(try_add(&other, false), -ENODEV);
	cgroup_at_close(&other);

	f.ft.host.v2.real_root = true;
	root.id = cgroup_mount_root_id(&f.ft.host.v2);
	assert_int_equal(try_add(&root, false), -EINVAL);
	f.ft.host.v2.real_root = false;

	fake_write(&f.ft, "a", "memory.current", "much\n");
	assert_int_equal(try_add(&f.at, false), -EBADMSG);
	fake_write(&f.ft, "a", "memory.current", "12x\n");
	assert_int_equal(try_add(&f.at, false), -EBADMSG);
	use(MIB);

	for (int i = 0; i < 3; i++) {
		char name[] = { 'b', (char)('0' + i), '\0' };
		int r;

		fake_mkdir(&f.ft, name);
		fake_write(&f.ft, name, "memory.current", "0\n");
		fake_at(&f.ft, name, &other);
		r = i < 2 ? usage_add(f.u, &other, MIB, false, &f.listeners[0], &w[i])
			  : try_add(&other, false);
		assert_int_equal(r, i < 2 ? 0 : USAGE_E_QUOTA);
		cgroup_at_close(&other);
	}
}

static void interrupted_and_failed(void **state)
{
	(void)state;
	watch(0, 20 * MIB, false);
	use(25 * MIB);
	io.interruptions = 5;
	look();
	assert_int_equal(take(0), 1);
	use(10 * MIB);
	io.fails = EIO;
	look();
	assert_int_equal(take(0), 0);
	assert_non_null(strstr(usage_notice(f.u), "could not be read"));
	io.fails = 0;
	while (take(0) == 0) /* it is tried again */
		assert_true(dispatch(1000) > 0);
	assert_null(usage_notice(f.u));
}

static void a_cgroup_that_goes(void **state)
{
	struct usage_watch *w;
	unsigned before = descriptors();

	(void)state;
	w = watch(0, 5 * MIB, false);
	use(MIB); /* its last moment is not told: the removal is, by somebody else */
	assert_int_equal(unlinkat(f.ft.fd, "a/memory.current", 0), 0);
	assert_int_equal(unlinkat(f.ft.fd, "a/memory.peak", 0), 0);
	fake_rmdir(&f.ft, "a");
	io.fails = ENODEV;
	look();
	io.fails = 0;
	assert_int_equal(take(0), 0);
	assert_int_equal(f.u->n_off, 0); /* nor is it looked for */
	assert_int_equal(try_add(&f.at, false), -ENODEV);
	assert_null(usage_notice(f.u));
	assert_int_equal(dispatch(QUIET_MS), 0);
	usage_remove(f.u, w);
	assert_int_equal(descriptors(), before);
}

/* Memory is switched off, and on again with a new account. */
static void memory_off_and_on(void **state)
{
	(void)state;
	io.resettable = false;
	use(30 * MIB);
	use(10 * MIB);
	watch(0, 5 * MIB, false);
	watch(1, 20 * MIB, false);
	io.fails = ENODEV;
	look();
	assert_int_equal(renameat(f.ft.fd, "a/memory.current", f.ft.fd, "a/hidden"), 0);
	io.fails = 0;
	look();
	assert_int_equal(take(0), 0);
	assert_int_equal(try_add(&f.at, false), -ENODEV);
	assert_int_equal(renameat(f.ft.fd, "a/hidden", f.ft.fd, "a/memory.current"), 0);
	use(MIB);
	while (take(0) == 0) /* within a second, by itself */
		assert_true(dispatch(5000) > 0);
	use(6 * MIB);
	look();
	assert_int_equal(take(0), 1);
	assert_int_equal(take(1), 0); /* a peak from before it was opened is no news */
}

static int open_and_add(void *ctx)
{
	struct usage *u;
	const struct usage_args args = {
		.epoll_fd = f.epoll_fd,
		.host = &f.ft.host,
		.registry = f.registry,
		.cgroups_max = 2,
	};
	int r = usage_open(&u, &args);

	if (r < 0)
		return r;
	for (uint64_t i = 1; r == 0 && i < 10; i++) {
		struct usage_watch *w;

		r = usage_add(u, &f.at, 20 * MIB + i * 4096, i % 2 == 0, &f.listeners[0], &w);
	}
	if (r < 0)
		usage_close(u);
	else
		*(struct usage **)ctx = u;
	return r;
}

static void close_it(void *ctx)
{
	*(struct usage **)ctx = usage_close(*(struct usage **)ctx);
}

static void without_memory(void **state)
{
	struct usage *u;
	const struct fail_malloc_case c = { .run = open_and_add,
					    .undo = close_it,
					    .ctx = &u,
					    .out = &u,
					    .out_size = sizeof(void *) };

	(void)state;
	put_number("memory.swap.current", 0);
	assert_in_range(fail_malloc_each(&c), 10, 40);
}

/* Files, and places in the epoll instance: some must be had, without the others it goes on. */
static void without_descriptors(void **state)
{
	static const enum fail_call calls[] = { FAIL_OPENAT, FAIL_EPOLL };
	unsigned before = descriptors(), refused = 0;

	(void)state;
	io.resettable = false; /* what is played here needs descriptors, too */
	put_number("memory.swap.current", 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		bool failed = true;

		for (unsigned nth = 1; failed; nth++) {
			struct usage *u = NULL;
			int r;

			fail_call_arm(calls[i], nth, false);
			r = open_and_add(&u);
			failed = fail_call_disarm();
			assert_true(r == 0 || (failed && (r == -EMFILE || r == -ENOSPC)));
			refused += r < 0;
			if (r == 0)
				close_it(&u);
			assert_int_equal(descriptors(), before);
		}
	}
	assert_int_equal(refused, 4); /* the directory, memory.current and swap; the timer */
}

/* The last ones are left to others: hints and peaks can be done without. */
static void few_descriptors(void **state)
{
	struct rlimit old, few;
	struct usage_watch *w;
	int next = dup(0);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)next + 10;
	close(next);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	w = watch(0, 20 * MIB, false);
	assert_int_equal(f.u->cgroups->peak_fd, -1);
	assert_non_null(strstr(usage_notice(f.u), "memory.peak"));
	use(25 * MIB);
	look();
	assert_int_equal(take(0), 1);
	usage_remove(f.u, w);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(signals_per_crossing), TEST(a_peak_that_can_be_reset),
		TEST(a_peak_that_cannot),   TEST(a_peak_that_no_longer_can),
		TEST(memory_and_swap),      TEST(what_is_shared_and_left),
		TEST(by_its_own_timer),     TEST(no_more_than_its_share),
		TEST(what_is_refused),      TEST(interrupted_and_failed),
		TEST(a_cgroup_that_goes),   TEST(memory_off_and_on),
		TEST(without_memory),       TEST(without_descriptors),
		TEST(few_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
