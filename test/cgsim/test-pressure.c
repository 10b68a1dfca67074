/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * source/pressure on files: which ones it reads, what becomes of it when they go, and lack of memory
 *
 * Plain files cannot be polled: epoll_ctl() is told that they can, and nobody is woken. Everything is
 * read because it is asked for.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fail_malloc.h"
#include "fake_tree.h"
#include "source/pressure.h"
#include "source/source.h"

#define START (UINT64_C(1000) * NSEC_PER_SEC)
#define CGROUPS_MAX 3

int __real_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);

int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	int r = __real_epoll_ctl(epfd, op, fd, ev);

	return r < 0 && errno == EPERM ? 0 : r;
}

static struct {
	struct fake_tree tree;
	int epoll_fd;
	struct registry *registry;
	struct pressure *p;
	uint64_t now_ns;
} t;

struct heard {
	struct listener listener;
	struct pressure_watch *watch;
};

static void put_stat(const char *path, uint64_t direct, uint64_t reclaimed, uint64_t kswapd)
{
	uint64_t sum = direct + kswapd + 1;
	char text[512];

	(void)snprintf(
		text, sizeof(text),
		"anon 4096\npgscan %llu\npgsteal %llu\npgscan_kswapd %llu\npgscan_direct %llu\n"
		"pgscan_khugepaged 1\npgsteal_kswapd 0\npgsteal_direct %llu\n"
		"pgsteal_khugepaged 0\n",
		(unsigned long long)sum, (unsigned long long)reclaimed, (unsigned long long)kswapd,
		(unsigned long long)direct, (unsigned long long)reclaimed);
	fake_write(&t.tree, path, "memory.stat", text);
}

static void make(const char *path)
{
	fake_mkdir(&t.tree, path);
	put_stat(path, 0, 0, 0);
}

static int open_it(struct pressure **ret)
{
	const struct pressure_args args = { .epoll_fd = t.epoll_fd,
					    .host = &t.tree.host,
					    .registry = t.registry,
					    .cgroups_max = CGROUPS_MAX };

	return pressure_open(ret, &args);
}

static int setup(void **state)
{
	static const struct registry_quota quota = { .listeners = 100, .cgroups = 100 };

	(void)state;
	fake_open(&t.tree);
	t.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	t.registry = registry_new(&quota);
	t.now_ns = START;
	assert_true(t.epoll_fd >= 0);
	assert_non_null(t.registry);
	assert_int_equal(open_it(&t.p), 0);
	make("a");
	make("a/b");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_null(pressure_close(t.p));
	registry_free(t.registry);
	(void)close(t.epoll_fd);
	fake_close(&t.tree);
	return 0;
}

static int try_add(const char *path, unsigned level, unsigned mode, struct heard *h)
{
	struct cgroup_at at;
	int r;

	fake_at(&t.tree, path, &at);
	r = pressure_add(t.p, &at, level, mode, &h->listener, &h->watch);
	cgroup_at_close(&at);
	return r;
}

static void add(const char *path, unsigned level, unsigned mode, struct heard *h)
{
	struct cgroup_at at;

	*h = (struct heard){ .listener.no_oom = true };
	fake_at(&t.tree, path, &at);
	assert_int_equal(
		registry_add(t.registry, &h->listener, &(struct registry_chain){ &at.id, 1 }), 0);
	cgroup_at_close(&at);
	assert_int_equal(try_add(path, level, mode, h), 0);
}

static void take_out(struct heard *h)
{
	pressure_remove(t.p, h->watch);
	registry_remove(&h->listener);
}

/* 10 ms later. */
static void read_all(void)
{
	struct delivery d;

	while (registry_next(t.registry, &d))
		;
	t.now_ns += 10 * NSEC_PER_MSEC;
	pressure_read_all(t.p, t.now_ns);
	pressure_rearm(t.p);
}

/* What the kernel does when somebody reclaims for @path, and that is seen twice, so that it is no rest. */
static void reclaim(const char *path, uint64_t scanned, uint64_t reclaimed, uint64_t kswapd)
{
	fake_count(&t.tree, path, "max", 1);
	read_all();
	put_stat(path, scanned, reclaimed, kswapd);
	if (strcmp(path, "a/b") == 0)
		put_stat("a", scanned, reclaimed, kswapd);
	read_all();
}

static void reads_what_limits_made_them_scan(void **state)
{
	struct heard low, medium;

	(void)state;
	add("a/b", PRESSURE_LOW, PRESSURE_LOCAL, &low);
	add("a/b", PRESSURE_MEDIUM, PRESSURE_LOCAL, &medium);
	reclaim("a/b", 511, 511, 100000); /* kswapd's are not told */
	assert_int_equal(low.listener.due, 0);
	reclaim("a/b", 512, 511, 200000);
	assert_int_equal(low.listener.due, 1);
	assert_int_equal(medium.listener.due, 0);
	reclaim("a/b", 1512, 611, 200000);
	assert_int_equal(low.listener.due, 1);
	assert_int_equal(medium.listener.due, 1);
	fake_count(&t.tree, "a/b", "oom", 1);
	read_all();
	assert_int_equal(medium.listener.due, 1);
	take_out(&low);
	take_out(&medium);
}

/* Linux 5.10 */
static void sums_alone_will_do(void **state)
{
	struct heard h;

	(void)state;
	add("a", PRESSURE_CRITICAL, PRESSURE_LOCAL, &h);
	fake_write(&t.tree, "a", "memory.stat", "pgscan 0\npgsteal 0\n");
	read_all();
	fake_count(&t.tree, "a", "high", 1);
	read_all();
	fake_write(&t.tree, "a", "memory.stat", "pgscan 512\npgsteal 2\n");
	read_all();
	assert_int_equal(h.listener.due, 1);
	take_out(&h);
}

/* In whatever order they were added. */
static void parents_are_found(void **state)
{
	static const char *const orders[][2] = { { "a", "a/b" }, { "a/b", "a" } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct heard first, second, *a = i ? &second : &first, *b = i ? &first : &second;

		put_stat("a", 0, 0, 0);
		put_stat("a/b", 0, 0, 0);
		add(orders[i][0], PRESSURE_LOW, PRESSURE_DEFAULT, &first);
		add(orders[i][1], PRESSURE_LOW, PRESSURE_DEFAULT, &second);
		reclaim("a/b", 1000, 1000, 0);
		assert_int_equal(b->listener.due, 1);
		assert_int_equal(a->listener.due, 0);
		/* Nobody else below: now it is a's. */
		take_out(b);
		reclaim("a/b", 2000, 2000, 0);
		assert_int_equal(a->listener.due, 1);
		take_out(a);
	}
}

static void memory_off_and_on(void **state)
{
	struct heard h;

	(void)state;
	add("a/b", PRESSURE_LOW, PRESSURE_LOCAL, &h);
	reclaim("a/b", 1000, 1000, 0);
	fake_memory(&t.tree, "a/b", false);
	read_all();
	assert_int_equal(h.listener.due, 0);
	assert_int_equal(try_add("a/b", PRESSURE_LOW, PRESSURE_LOCAL, &(struct heard){ 0 }),
			 -ENODEV);
	put_stat("a/b", 0, 0, 0);
	fake_memory(&t.tree, "a/b", true);
	read_all();
	assert_int_equal(h.listener.due, 0);
	reclaim("a/b", 600, 600, 0);
	assert_int_equal(h.listener.due, 1);
	assert_null(pressure_notice(t.p));
	take_out(&h);
}

/* inotify tells of the switch: nobody need ask. */
static void a_switch_wakes(void **state)
{
	struct epoll_event ev;
	struct heard h;

	(void)state;
	add("a/b", PRESSURE_LOW, PRESSURE_LOCAL, &h);
	assert_int_equal(epoll_wait(t.epoll_fd, &ev, 1, 0), 0);
	fake_memory(&t.tree, "a/b", false);
	put_stat("a/b", 0, 0, 0);
	fake_memory(&t.tree, "a/b", true);
	assert_int_equal(epoll_wait(t.epoll_fd, &ev, 1, 0), 1);
	assert_int_equal(((struct source_io *)ev.data.ptr)->ready(ev.data.ptr, ev.events, t.now_ns),
			 0);
	assert_int_equal(epoll_wait(t.epoll_fd, &ev, 1, 0), 0);
	reclaim("a/b", 600, 600, 0);
	assert_int_equal(h.listener.due, 1);
	take_out(&h);
}

static void removed_and_made_anew(void **state)
{
	struct heard old, new;

	(void)state;
	add("a/b", PRESSURE_LOW, PRESSURE_LOCAL, &old);
	assert_int_equal(unlinkat(t.tree.fd, "a/b/memory.stat", 0), 0);
	fake_rmdir(&t.tree, "a/b");
	make("a/b");
	add("a/b", PRESSURE_LOW, PRESSURE_LOCAL, &new);
	reclaim("a/b", 600, 600, 0);
	assert_int_equal(old.listener.due, 0);
	assert_int_equal(new.listener.due, 1);
	take_out(&old);
	reclaim("a/b", 1200, 1200, 0);
	assert_int_equal(new.listener.due, 1);
	take_out(&new);
}

static void misuse(void **state)
{
	struct cgroup_at root;
	struct heard h = { 0 }, kept[CGROUPS_MAX];

	(void)state;
	assert_int_equal(try_add("a", 0, PRESSURE_LOCAL, &h), -EINVAL);
	assert_int_equal(try_add("a", PRESSURE_CRITICAL + 1, PRESSURE_LOCAL, &h), -EINVAL);
	assert_int_equal(try_add("a", PRESSURE_LOW, PRESSURE_LOCAL + 1, &h), -EINVAL);
	t.tree.host.v2.real_root = true;
	assert_int_equal(cgroup_host_root(&t.tree.host, &root), 0);
	assert_int_equal(pressure_add(t.p, &root, PRESSURE_LOW, 0, &h.listener, &h.watch), -EINVAL);
	cgroup_at_close(&root);
	fake_mkdir(&t.tree, "old");
	assert_int_equal(try_add("old", PRESSURE_LOW, 0, &h), -ENODEV); /* no memory.stat */
	put_stat("old", 0, 0, 0);
	assert_int_equal(unlinkat(t.tree.fd, "old/memory.events.local", 0), 0);
	assert_int_equal(try_add("old", PRESSURE_LOW, 0, &h), -EOPNOTSUPP);
	fake_write(&t.tree, "old", "memory.events.local", "max 1x\n");
	assert_int_equal(try_add("old", PRESSURE_LOW, 0, &h), -EBADMSG);
	fake_write(&t.tree, "old", "memory.events.local", "max 1\nhigh 1\noom 1\n");
	assert_int_equal(try_add("old", PRESSURE_LOW, 0, &kept[0]), 0);
	assert_int_equal(try_add("a", PRESSURE_LOW, 0, &kept[1]), 0);
	assert_int_equal(try_add("a/b", PRESSURE_LOW, 0, &kept[2]), 0);
	make("c");
	assert_int_equal(try_add("c", PRESSURE_LOW, 0, &h), PRESSURE_E_QUOTA);
	assert_int_equal(try_add("a", PRESSURE_LOW, 0, &h), 0);
	pressure_remove(t.p, kept[0].watch);
	assert_int_equal(try_add("c", PRESSURE_LOW, 0, &kept[0]), 0);
	pressure_remove(t.p, NULL);
	assert_null(pressure_close(NULL));
	assert_null(h.listener.registry);
	/* What is left goes with pressure_close(). */
}

static int open_and_add(void *ctx)
{
	struct pressure **p = ctx, *opened = NULL;
	struct listener l = { 0 };
	struct pressure_watch *w;
	int r = open_it(&opened);

	for (const char *path = "a/b"; r == 0 && path; path = path[1] ? "a" : NULL) {
		struct cgroup_at at = CGROUP_AT_NULL;

		r = cgroup_host_resolve(&t.tree.host, path, &at);
		if (r == 0)
			r = pressure_add(opened, &at, PRESSURE_LOW, 0, &l, &w);
		cgroup_at_close(&at);
	}
	if (r != 0)
		pressure_close(opened);
	else
		*p = opened;
	return r;
}

static void close_it(void *ctx)
{
	struct pressure **p = ctx;

	pressure_close(*p);
}

static void without_memory(void **state)
{
	struct pressure *p = NULL;

	(void)state;
	assert_true(fail_malloc_each(&(struct fail_malloc_case){ .run = open_and_add,
								 .undo = close_it,
								 .ctx = &p,
								 .out = &p,
								 .out_size = sizeof(void *) }) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_what_limits_made_them_scan, setup, teardown),
		cmocka_unit_test_setup_teardown(sums_alone_will_do, setup, teardown),
		cmocka_unit_test_setup_teardown(parents_are_found, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_off_and_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_switch_wakes, setup, teardown),
		cmocka_unit_test_setup_teardown(removed_and_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(misuse, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
