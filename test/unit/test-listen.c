/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lib/listen: misuse, lack of memory, and what is left behind. On the hierarchy that is here; what a
 * listener gets is asked by test/conformance.
 */
#include "cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fail_malloc.h"
#include "lib/listen.h"
#include "scratch.h"

static struct scratch s;

static int setup(void **state)
{
	(void)state;
	scratch_make(&s, "m", true);
	scratch_make(&s, "m/a", false);
	scratch_make(&s, "m/b", false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_clear(&s, "m");
	return 0;
}

static int efd_new(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

static uint64_t efd_take(int fd)
{
	uint64_t v = 0;

	return read(fd, &v, sizeof(v)) == sizeof(v) ? v : 0;
}

static size_t open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int add(struct listen *l, const char *path, int efd, struct oomn_listener **ret)
{
	struct cgroup_at at;
	int r;

	scratch_at(&s, path, &at);
	r = listen_add(l, &at, efd, NULL, ret);
	scratch_at_close(&at);
	return r;
}

static void misuse(void **state)
{
	const struct cgroup_mount *m = s.v2 ? &s.host.v2 : &s.host.v1;
	struct cgroup_at root = { .hierarchy = s.v2 ? HIERARCHY_V2 : HIERARCHY_V1,
				  .fd = m->root_fd,
				  .path = (char[]){ "/" },
				  .id = 1 };
	struct oomn_listener *h = NULL;
	struct cgroup_at at;
	struct listen *l;
	int efd = efd_new(), pipe_fd[2];

	(void)state;
	assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
	assert_int_equal(listen_open(&l, &s.host, NULL), 0);
	assert_int_equal(add(l, "m", pipe_fd[0], &h), -EINVAL);
	assert_int_equal(add(l, "m", -1, &h), -EBADF);
	assert_int_equal(listen_add(l, &root, efd, NULL, &h), -EINVAL);
	scratch_at(&s, "m/a", &at);
	scratch_remove(&s, "m/a");
	assert_int_equal(listen_add(l, &at, efd, NULL, &h), -ENODEV);
	scratch_at_close(&at);
	assert_null(h);
	assert_int_equal(listen_dispatch(l), 0);
	assert_int_equal(listen_flush(l), 0);
	assert_int_equal(listen_remove(NULL), 0);
	assert_null(listen_notice(l));
	assert_null(listen_close(l));
	assert_null(listen_close(NULL));
	assert_int_equal(efd_take(efd), 0);
	(void)close(efd);
	(void)close(pipe_fd[0]);
	(void)close(pipe_fd[1]);
}

/* Nobody can remove one without a handle: it goes with its cgroup. */
static void one_that_nobody_owns_goes_with_its_cgroup(void **state)
{
	const struct registry_quota two = { .listeners = 2, .cgroups = 64 };
	struct oomn_listener *h;
	int efd = efd_new();
	struct listen *l;
	size_t before;

	(void)state;
	assert_int_equal(listen_open(&l, &s.host, &two), 0);
	assert_int_equal(add(l, "m", efd, &h), 0);
	before = open_fds();
	for (int i = 0; i < 3; i++) {
		uint64_t signals = 0;

		scratch_make(&s, "m/x", false);
		assert_int_equal(add(l, "m/x", efd, NULL), 0);
		assert_int_equal(add(l, "m/x", efd, NULL), -EDQUOT);
		scratch_remove(&s, "m/x");
		while (signals == 0) {
			struct pollfd p = { .fd = listen_get_fd(l), .events = POLLIN };

			assert_true(poll(&p, 1, 5000) >= 0);
			assert_int_equal(listen_dispatch(l), 0);
			signals = efd_take(efd);
		}
		assert_int_equal(signals, 1);
		/* v1: the kernel's signal may be read before the library has heard of the end. */
		for (int t = 0; t < 1000 && open_fds() > before; t++) {
			(void)usleep(1000);
			assert_int_equal(listen_dispatch(l), 0);
		}
		assert_int_equal(open_fds(), before);
	}
	listen_close(l);
	(void)close(efd);
}

static void removing_gives_everything_back(void **state)
{
	static const char *const paths[] = { "m/a", "m", "m/b", "m/a", "m", "m/b" };
	enum { N = sizeof(paths) / sizeof(paths[0]) };
	struct oomn_listener *h[N];
	size_t before = open_fds(), during;
	int efd = efd_new();
	struct listen *l;

	(void)state;
	assert_int_equal(listen_open(&l, &s.host, NULL), 0);
	/* What is opened with the first one stays. */
	assert_int_equal(add(l, "m", efd, &h[0]), 0);
	(void)listen_remove(h[0]);
	during = open_fds();
	for (size_t i = 0; i < N; i++)
		assert_int_equal(add(l, paths[i], efd, &h[i]), 0);
	assert_true(open_fds() > during);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(listen_state(h[i]), LISTEN_ALIVE);
		assert_int_equal(listen_unseen(h[i]), 0);
	}
	/* In another order than they came. */
	for (size_t i = 0; i < N; i++)
		assert_int_equal(listen_remove(h[(i * 5 + 2) % N]), s.v2 ? 0 : LISTEN_E_STAYS);
	assert_int_equal(open_fds(), during);
	assert_int_equal(add(l, "m/a", efd, &h[0]), 0);
	assert_null(listen_close(l));
	(void)close(efd);
	assert_int_equal(open_fds(), before);
}

static void an_ended_listener_can_be_removed(void **state)
{
	struct oomn_listener *h[2];
	int efd = efd_new();
	struct listen *l;

	(void)state;
	assert_int_equal(listen_open(&l, &s.host, NULL), 0);
	assert_int_equal(add(l, "m/a", efd, &h[0]), 0);
	assert_int_equal(add(l, "m/a", efd, &h[1]), 0);
	scratch_remove(&s, "m/a");
	while (listen_state(h[0]) != LISTEN_ENDED || listen_state(h[1]) != LISTEN_ENDED)
		assert_int_equal(listen_dispatch(l), 0);
	assert_int_equal(efd_take(efd), 2);
	assert_int_equal(listen_remove(h[0]), 0);
	assert_int_equal(listen_flush(l), 0);
	assert_int_equal(efd_take(efd), 0);
	listen_close(l);
	(void)close(efd);
}

struct run {
	int efd;
	struct cgroup_at at[3];
	struct listen *l;
};

static void run_undo(void *ctx)
{
	struct run *r = ctx;

	r->l = listen_close(r->l);
}

/* Opens, registers on three cgroups, one of them twice, takes one out again. */
static int run_all(void *ctx)
{
	struct run *run = ctx;
	struct oomn_listener *h;
	int r = listen_open(&run->l, &s.host, NULL);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < 6; i++) {
		r = listen_add(run->l, &run->at[i % 3], run->efd, NULL, &h);
		if (r == 0 && i == 4)
			(void)listen_remove(h);
	}
	if (r == 0)
		r = listen_flush(run->l);
	if (r < 0)
		run_undo(run);
	return r;
}

static void no_memory(void **state)
{
	struct run run = { .efd = efd_new() };
	const struct fail_malloc_case c = { .run = run_all, .undo = run_undo, .ctx = &run };
	size_t n;

	(void)state;
	scratch_at(&s, "m/a", &run.at[0]);
	scratch_at(&s, "m", &run.at[1]);
	scratch_at(&s, "m/b", &run.at[2]);
	n = fail_malloc_each(&c);
	print_message("%zu allocations\n", n);
	assert_true(n >= 10);
	for (size_t i = 0; i < 3; i++)
		scratch_at_close(&run.at[i]);
	(void)close(run.efd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(misuse, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_nobody_owns_goes_with_its_cgroup, setup,
						teardown),
		cmocka_unit_test_setup_teardown(removing_gives_everything_back, setup, teardown),
		cmocka_unit_test_setup_teardown(an_ended_listener_can_be_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(no_memory, setup, teardown),
	};
	int failed;

	scratch_open(&s, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_close(&s);
	return failed;
}
