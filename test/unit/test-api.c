/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public API given what it must not be given: each call answers with an error, and goes on
 *
 * On the hierarchy that is here, in scratch cgroups. What must come is waited for without a limit of time.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "fail_malloc.h"
#include "include/oomnotify.h"
#include "scratch.h"

#define CLOSED 1000000
#define UNKNOWN (1U << 31)

static struct scratch s;

static struct {
	struct oomn_monitor *m;
	int cgroup; /* "m" */
	int efd;
} f;

static struct oomn_monitor *monitor_with(struct oomn_monitor_options o)
{
	struct oomn_monitor *m = NULL;

	o.size = sizeof(o);
	o.names = OOMN_NAMES_NONE;
	assert_int_equal(oomn_monitor_new(&m, &o), 0);
	return m;
}

static int setup(void **state)
{
	(void)state;
	scratch_make(&s, "m", false);
	scratch_limit(&s, "m", SCRATCH_LIMIT);
	f.m = monitor_with((struct oomn_monitor_options){ 0 });
	f.cgroup = oomn_cgroup_open(scratch_path(&s, "m", ""), 0);
	f.efd = eventfd(0, EFD_CLOEXEC);
	assert_true(f.cgroup >= 0 && f.efd >= 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	f.m = oomn_monitor_free(f.m);
	f.cgroup = fd_close(f.cgroup);
	f.efd = fd_close(f.efd);
	scratch_clear(&s, "m");
	return 0;
}

static int listener(struct oomn_monitor *m, int cgroup, int efd)
{
	return oomn_listener_add_oom(m, cgroup, efd, 0, NULL);
}

/* Takes events until it has one of @kind. */
static struct oomn_event *wait_event(struct oomn_monitor *m, uint32_t kind)
{
	struct pollfd p = { .fd = oomn_monitor_get_fd(m), .events = POLLIN };
	struct oomn_event *e;
	int r;

	for (;;) {
		while ((r = oomn_monitor_next(m, &e)) == 1) {
			if (oomn_event_get_kind(e) == kind)
				return e;
			oomn_event_free(e);
		}
		assert_int_equal(r, 0);
		assert_int_equal(poll(&p, 1, -1), 1);
		assert_int_equal(oomn_monitor_dispatch(m), 0);
	}
}

static void settle(struct oomn_monitor *m)
{
	struct pollfd p = { .fd = oomn_monitor_get_fd(m), .events = POLLIN };
	int r;

	while ((r = oomn_monitor_settle(m)) == 1) {
		assert_int_equal(poll(&p, 1, -1), 1);
		assert_int_equal(oomn_monitor_dispatch(m), 0);
	}
	assert_int_equal(r, 0);
}

static void null_monitors(void **state)
{
	struct oomn_balance b;
	struct oomn_event *e = NULL;

	(void)state;
	assert_int_equal(oomn_monitor_new(NULL, NULL), -EINVAL);
	assert_null(oomn_monitor_free(NULL));
	assert_int_equal(oomn_monitor_get_fd(NULL), -EINVAL);
	assert_int_equal(oomn_monitor_open_names(NULL), -EINVAL);
	assert_null(oomn_monitor_get_names(NULL));
	assert_null(oomn_monitor_get_names_why(NULL));
	assert_int_equal(oomn_monitor_add(NULL, f.cgroup, OOMN_ALL, 0, 1), -EINVAL);
	assert_int_equal(oomn_monitor_add_host(NULL, OOMN_ALL, 0, 1), -EINVAL);
	assert_int_equal(oomn_monitor_remove(NULL, 1), -EINVAL);
	assert_int_equal(oomn_monitor_get_watches(NULL), -EINVAL);
	assert_int_equal(oomn_monitor_dispatch(NULL), -EINVAL);
	assert_int_equal(oomn_monitor_next(NULL, &e), -EINVAL);
	assert_int_equal(oomn_monitor_next(f.m, NULL), -EINVAL);
	assert_null(e);
	assert_int_equal(oomn_monitor_settle(NULL), -EINVAL);
	assert_null(oomn_monitor_get_notice(NULL));
	assert_int_equal(oomn_monitor_get_balance(NULL, &b, sizeof(b)), -EINVAL);
	assert_int_equal(oomn_monitor_get_balance(f.m, NULL, sizeof(b)), -EINVAL);
	assert_int_equal(oomn_monitor_get_balance(f.m, &b, 0), -EINVAL);
	assert_int_equal(oomn_balance_judge(NULL, sizeof(b), OOMN_OOM), -EINVAL);
	assert_int_equal(oomn_monitor_get_balance(f.m, &b, sizeof(b)), 0);
	assert_int_equal(oomn_balance_judge(&b, 0, OOMN_OOM), -EINVAL);
	assert_int_equal(oomn_balance_judge(&b, sizeof(b), UNKNOWN), -EINVAL);
	assert_null(oomn_reason_text(0));
	assert_null(oomn_reason_text(UINT64_C(1) << 63));
	assert_int_equal(oomn_cgroup_open(NULL, 0), -EINVAL);
	assert_int_equal(oomn_cgroup_open("self", UNKNOWN), -EINVAL);
}

static void null_listeners(void **state)
{
	(void)state;
	assert_int_equal(listener(NULL, f.cgroup, f.efd), -EINVAL);
	assert_int_equal(oomn_listener_add_threshold(NULL, f.cgroup, f.efd, 1, 0, NULL), -EINVAL);
	assert_int_equal(oomn_listener_add_pressure(NULL, f.cgroup, f.efd, 1, 0, NULL), -EINVAL);
	assert_int_equal(oomn_listener_remove(NULL), 0);
	assert_int_equal(oomn_listener_get_state(NULL), -EINVAL);
	assert_int_equal(oomn_listener_get_unseen(NULL), -EINVAL);
}

static void null_events(void **state)
{
	const struct oomn_event *e = NULL;
	const struct oomn_process *p = NULL;

	(void)state;
	assert_null(oomn_event_free(NULL));
	assert_int_equal(oomn_event_get_kind(e), 0);
	assert_int_equal(oomn_event_get_cookie(e), 0);
	assert_int_equal(oomn_event_get_cookies(e, NULL, 0), 0);
	assert_int_equal(oomn_event_get_cookies(e, NULL, 5), 0);
	assert_int_equal(oomn_event_get_seq(e), 0);
	assert_int_equal(oomn_event_get_time(e), 0);
	assert_int_equal(oomn_event_get_realtime(e), 0);
	assert_int_equal(oomn_event_get_count_min(e), 0);
	assert_int_equal(oomn_event_get_count_max(e), 0);
	assert_int_equal(oomn_event_get_hierarchy(e), 0);
	assert_int_equal(oomn_event_get_evidence(e), 0);
	assert_int_equal(oomn_event_get_flags(e), 0);
	assert_null(oomn_event_get_cgroup(e));
	assert_int_equal(oomn_event_get_cgroup_id(e), 0);
	assert_null(oomn_event_get_limit_cgroup(e));
	assert_int_equal(oomn_event_get_limit_cgroup_id(e), 0);
	assert_true(oomn_event_get_bytes(e, OOMN_BYTES_LIMIT) == OOMN_BYTES_NONE);
	assert_int_equal(oomn_event_get_incident(e), 0);
	assert_int_equal(oomn_event_get_constraint(e), OOMN_CONSTRAINT_UNKNOWN);
	assert_int_equal(oomn_event_get_order(e), OOMN_ORDER_NONE);
	assert_null(oomn_event_get_trigger(e));
	assert_null(oomn_event_get_victim(e));
	assert_int_equal(oomn_event_get_shared_with(e), 0);
	assert_null(oomn_kind_name(0));
	assert_null(oomn_kind_name(UNKNOWN));
	assert_null(oomn_evidence_name(UNKNOWN));
	assert_null(oomn_constraint_name(99));
	assert_int_equal(oomn_process_get_pid(p), 0);
	assert_int_equal(oomn_process_get_tid(p), 0);
	assert_int_equal(oomn_process_get_ns_pid(p), 0);
	assert_true(oomn_process_get_uid(p) == OOMN_UID_NONE);
	assert_int_equal(oomn_process_get_start(p), 0);
	(void)oomn_process_get_comm(p);
	assert_null(oomn_process_get_cmdline(p));
	assert_null(oomn_process_get_cgroup(p));
	assert_int_equal(oomn_process_get_cgroup_id(p), 0);
	assert_null(oomn_process_get_own_cgroup(p));
	assert_int_equal(oomn_process_get_own_cgroup_id(p), 0);
	assert_true(oomn_process_get_bytes(p, OOMN_PROCESS_BYTES_ANON) == OOMN_BYTES_NONE);
	assert_int_equal(oomn_process_has_exact_bytes(p), 0);
	assert_int_equal(oomn_process_get_oom_score_adj(p), OOMN_ADJ_NONE);
}

/* What is no cgroup: the same answers from all that take one. */
static void check_cgroup(int fd, int wanted)
{
	assert_int_equal(oomn_monitor_add(f.m, fd, OOMN_ALL, 0, 1), wanted);
	assert_int_equal(listener(f.m, fd, f.efd), wanted);
	assert_int_equal(oomn_listener_add_threshold(f.m, fd, f.efd, 4096, 0, NULL), wanted);
	assert_int_equal(oomn_listener_add_pressure(f.m, fd, f.efd, 1, 0, NULL), wanted);
}

static void descriptors_that_are_no_cgroup(void **state)
{
	static const char *const others[] = { "/sys/fs/cgroup/pids", "/sys/fs/cgroup/cpu",
					      "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd" };
	int dir = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), tmp = open("/tmp", O_RDONLY);
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int control = open(scratch_path(&s, "m", "cgroup.procs"), O_RDONLY | O_CLOEXEC);

	(void)state;
	check_cgroup(-1, -EBADF);
	check_cgroup(CLOSED, -EBADF);
	check_cgroup(file, -EINVAL);
	check_cgroup(control, -EINVAL);
	check_cgroup(f.efd, -EINVAL);
	check_cgroup(dir, -EINVAL);
	check_cgroup(tmp, -EINVAL);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		int other = open(others[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct stat st, here;

		if (other < 0 || fstat(other, &st) < 0 || fstat(f.cgroup, &here) < 0 ||
		    st.st_dev == here.st_dev || faccessat(other, "cgroup.procs", F_OK, 0) < 0) {
			(void)fd_close(other);
			continue;
		}
		check_cgroup(other, -EXDEV);
		(void)close(other);
	}
	scratch_remove(&s, "m");
	check_cgroup(f.cgroup, -ENODEV);
	assert_int_equal(oomn_monitor_get_watches(f.m), 0);
	assert_int_equal(oomn_cgroup_open("", 0), -EINVAL);
	assert_int_equal(oomn_cgroup_open("/no/such/cgroup", 0), -ENOENT);
	assert_int_equal(oomn_cgroup_open("/tmp", 0), -ENOTDIR);
	assert_int_equal(oomn_cgroup_open("./no-such", 0), -ENOENT);
	assert_int_equal(oomn_cgroup_open("pid:4194305", 0), -ESRCH);
	(void)close(dir);
	(void)close(tmp);
	(void)close(file);
	(void)close(control);
}

static void the_root(void **state)
{
	int root = oomn_cgroup_open("/", 0);
	struct stat st;

	(void)state;
	if (root >= 0 && fstat(root, &st) == 0 && st.st_ino == 1)
		assert_int_equal(listener(f.m, root, f.efd), -EINVAL);
	(void)fd_close(root);
}

static void descriptors_that_are_no_eventfd(void **state)
{
	const uint64_t brink = UINT64_MAX - 1;
	int pipe_fd[2], path = open("/tmp", O_PATH | O_CLOEXEC), flags;

	(void)state;
	assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
	assert_int_equal(listener(f.m, f.cgroup, -1), -EBADF);
	assert_int_equal(listener(f.m, f.cgroup, CLOSED), -EBADF);
	assert_int_equal(listener(f.m, f.cgroup, path), -EBADF);
	assert_int_equal(listener(f.m, f.cgroup, pipe_fd[1]), -EINVAL);
	assert_int_equal(listener(f.m, f.cgroup, oomn_monitor_get_fd(f.m)), -EINVAL);
	assert_int_equal(listener(f.m, f.cgroup, f.cgroup), -EINVAL);
	(void)close(pipe_fd[0]);
	(void)close(pipe_fd[1]);
	(void)close(path);

	/* Full, and it would block. */
	assert_int_equal(write(f.efd, &brink, sizeof(brink)), sizeof(brink));
	flags = fcntl(f.efd, F_GETFL);
	assert_false(flags & O_NONBLOCK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(listener(f.m, f.cgroup, f.efd), 0);
	scratch_oom(&s, "m");
	settle(f.m);
	assert_int_equal(fcntl(f.efd, F_GETFL), flags);
}

static void what_is_not_named(void **state)
{
	(void)state;
	assert_int_equal(oomn_monitor_add(f.m, f.cgroup, 0, 0, 1), -EINVAL);
	assert_int_equal(oomn_monitor_add(f.m, f.cgroup, OOMN_ALL + 1, 0, 1), -EINVAL);
	assert_int_equal(oomn_monitor_add(f.m, f.cgroup, OOMN_ALL, UNKNOWN, 1), -EINVAL);
	assert_int_equal(oomn_monitor_add_host(f.m, OOMN_ALL, OOMN_WATCH_LOCAL, 1), -EINVAL);
	assert_int_equal(oomn_monitor_add_host(f.m, UNKNOWN, 0, 1), -EINVAL);
	assert_int_equal(oomn_listener_add_oom(f.m, f.cgroup, f.efd, 1, NULL), -EINVAL);
	assert_int_equal(oomn_listener_add_threshold(f.m, f.cgroup, f.efd, 1, 2, NULL), -EINVAL);
	for (uint32_t level = 0; level <= 4; level += 4)
		assert_int_equal(oomn_listener_add_pressure(f.m, f.cgroup, f.efd, level, 0, NULL),
				 -EINVAL);
	assert_int_equal(oomn_listener_add_pressure(f.m, f.cgroup, f.efd, 1, 3, NULL), -EINVAL);
	assert_int_equal(oomn_listener_add_pressure(f.m, f.cgroup, f.efd, 1, UNKNOWN, NULL),
			 -EINVAL);
	assert_int_equal(oomn_monitor_get_watches(f.m), 0);
}

static void options_of_all_sizes(void **state)
{
	struct {
		struct oomn_monitor_options o;
		unsigned char tail[64];
	} future;
	struct {
		struct oomn_balance b;
		unsigned char tail[64];
	} balance;
	struct oomn_monitor *m = NULL;

	(void)state;
	memset(&future, 0, sizeof(future));
	assert_int_equal(oomn_monitor_new(&m, &future.o), -EINVAL);
	future.o.size = sizeof(size_t);
	assert_int_equal(oomn_monitor_new(&m, &future.o), -EINVAL);
	future.o.size = sizeof(future);
	future.tail[63] = 1;
	assert_int_equal(oomn_monitor_new(&m, &future.o), -E2BIG);
	future.tail[63] = 0;
	future.o.names = 8;
	assert_int_equal(oomn_monitor_new(&m, &future.o), -EINVAL);
	future.o.names = 0;
	future.o.reserved = 1;
	assert_int_equal(oomn_monitor_new(&m, &future.o), -EINVAL);
	future.o.reserved = 0;
	assert_null(m);
	assert_int_equal(oomn_monitor_new(&m, &future.o), 0);
	memset(&balance, 0xff, sizeof(balance));
	assert_int_equal(oomn_monitor_get_balance(m, &balance.b, sizeof(balance)), 0);
	assert_int_equal(balance.tail[63], 0);
	oomn_monitor_free(m);
	assert_int_equal(oomn_monitor_new(&m, NULL), 0);
	oomn_monitor_free(m);
}

static void twice(void **state)
{
	struct oomn_listener *l = NULL;
	int r;

	(void)state;
	assert_int_equal(oomn_monitor_add(f.m, f.cgroup, OOMN_ALL, 0, 7), 0);
	assert_int_equal(oomn_monitor_add(f.m, f.cgroup, OOMN_ALL, 0, 7), -EEXIST);
	assert_int_equal(oomn_monitor_get_watches(f.m), 1);
	assert_int_equal(oomn_monitor_remove(f.m, 7), 0);
	assert_int_equal(oomn_monitor_remove(f.m, 7), -ENOENT);
	assert_int_equal(oomn_monitor_add(f.m, f.cgroup, OOMN_ALL, 0, 7), 0);
	assert_int_equal(oomn_listener_add_oom(f.m, f.cgroup, f.efd, 0, &l), 0);
	assert_int_equal(oomn_listener_get_state(l), OOMN_LISTENER_ALIVE);
	r = oomn_listener_remove(l);
	assert_true(r == (s.v2 ? 0 : 1));
	scratch_remove(&s, "m");
	oomn_event_free(wait_event(f.m, OOMN_GONE));
	assert_int_equal(oomn_monitor_remove(f.m, 7), -ENOENT);
}

static void quotas(void **state)
{
	struct oomn_monitor *m = monitor_with((struct oomn_monitor_options){
		.watches_max = 2, .listeners_max = 3, .cgroups_max = s.v2 ? 64 : 1 });
	struct oomn_listener *l[3];
	int other;

	(void)state;
	scratch_make(&s, "p", false);
	other = oomn_cgroup_open(scratch_path(&s, "p", ""), 0);
	assert_int_equal(oomn_monitor_add(m, f.cgroup, OOMN_ALL, 0, 1), 0);
	assert_int_equal(oomn_monitor_add(m, f.cgroup, OOMN_ALL, 0, 2), 0);
	assert_int_equal(oomn_monitor_add(m, f.cgroup, OOMN_ALL, 0, 3), -EDQUOT);
	assert_int_equal(oomn_monitor_remove(m, 1), 0);
	assert_int_equal(oomn_monitor_add(m, f.cgroup, OOMN_ALL, 0, 3), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(oomn_listener_add_oom(m, f.cgroup, f.efd, 0, &l[i]), 0);
	assert_int_equal(listener(m, f.cgroup, f.efd), -EDQUOT);
	oomn_listener_remove(l[1]);
	if (!s.v2)
		assert_int_equal(listener(m, other, f.efd), -EDQUOT);
	assert_int_equal(listener(m, f.cgroup, f.efd), 0);
	oomn_monitor_free(m);
	(void)close(other);
	scratch_remove(&s, "p");
}

/* Nobody takes them: @o's limit must make the oldest go, and say so. */
static void overflow(struct oomn_monitor_options o)
{
	struct oomn_monitor *m = monitor_with(o);
	uint64_t lost = 0, told = 0;
	struct oomn_balance b;
	struct oomn_event *e;

	assert_int_equal(oomn_monitor_add(m, f.cgroup, OOMN_OOM | OOMN_KILL | OOMN_LOST, 0, 1), 0);
	for (int i = 0; i < 4; i++) {
		scratch_oom(&s, "m");
		settle(m);
	}
	while (oomn_monitor_next(m, &e) == 1) {
		if (oomn_event_get_kind(e) == OOMN_LOST) {
			assert_null(oomn_event_get_cgroup(e));
			lost += oomn_event_get_count_min(e);
		} else {
			told++;
		}
		oomn_event_free(e);
	}
	assert_true(lost > 0 && told > 0);
	assert_int_equal(oomn_monitor_get_balance(m, &b, sizeof(b)), 0);
	assert_int_equal(b.lost, lost);
	assert_true(b.kill.counted >= 4);
	assert_int_not_equal(oomn_balance_judge(&b, sizeof(b), OOMN_OOM | OOMN_KILL), OOMN_DIFFERS);
	oomn_monitor_free(m);
}

static void queues(void **state)
{
	(void)state;
	overflow((struct oomn_monitor_options){ .queue_max = 2 });
	overflow((struct oomn_monitor_options){ .queue_bytes = 1024 });
}

#define CHILD(call)                                                                                \
	do {                                                                                       \
		if ((call) != -ECHILD)                                                             \
			_exit(__LINE__ % 255 + 1);                                                 \
	} while (0)

static noreturn void be_child(struct oomn_listener *l)
{
	struct oomn_balance b;
	struct oomn_event *e;

	CHILD(oomn_monitor_get_fd(f.m));
	CHILD(oomn_monitor_open_names(f.m));
	CHILD(oomn_monitor_add(f.m, f.cgroup, OOMN_ALL, 0, 2));
	CHILD(oomn_monitor_add_host(f.m, OOMN_ALL, 0, 2));
	CHILD(oomn_monitor_remove(f.m, 1));
	CHILD(oomn_monitor_get_watches(f.m));
	CHILD(oomn_monitor_dispatch(f.m));
	CHILD(oomn_monitor_next(f.m, &e));
	CHILD(oomn_monitor_settle(f.m));
	CHILD(oomn_monitor_get_balance(f.m, &b, sizeof(b)));
	CHILD(listener(f.m, f.cgroup, f.efd));
	CHILD(oomn_listener_add_threshold(f.m, f.cgroup, f.efd, 1, 0, NULL));
	CHILD(oomn_listener_add_pressure(f.m, f.cgroup, f.efd, 1, 0, NULL));
	CHILD(oomn_listener_remove(l));
	CHILD(oomn_listener_get_state(l));
	CHILD(oomn_listener_get_unseen(l));
	if (oomn_monitor_get_notice(f.m) || oomn_monitor_free(f.m))
		_exit(255);
	_exit(0);
}

static void fork_without_exec(void **state)
{
	struct oomn_listener *l;
	struct oomn_balance b;
	struct oomn_event *e;
	int status;
	uint64_t n;
	pid_t pid;

	(void)state;
	assert_int_equal(oomn_monitor_add(f.m, f.cgroup, OOMN_ALL, 0, 1), 0);
	assert_int_equal(oomn_listener_add_oom(f.m, f.cgroup, f.efd, 0, &l), 0);
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		be_child(l);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	scratch_oom(&s, "m");
	e = wait_event(f.m, OOMN_KILL);
	assert_int_equal(oomn_event_get_cookie(e), 1);
	oomn_event_free(e);
	settle(f.m);
	assert_int_equal(read(f.efd, &n, sizeof(n)), sizeof(n));
	assert_true(n >= 1);
	assert_int_equal(oomn_monitor_get_balance(f.m, &b, sizeof(b)), 0);
	assert_int_not_equal(oomn_balance_judge(&b, sizeof(b), OOMN_OOM | OOMN_KILL), OOMN_DIFFERS);
}

static int make_all(void *ctx)
{
	const struct oomn_monitor_options o = { .size = sizeof(o), .names = OOMN_NAMES_NONE };
	struct oomn_monitor *m;
	int r = oomn_monitor_new(&m, &o);

	if (r < 0)
		return r;
	r = oomn_monitor_add(m, f.cgroup, OOMN_ALL, 0, 1);
	if (r == 0)
		r = oomn_monitor_add(m, f.cgroup, OOMN_KILL, 0, 2);
	if (r == 0)
		r = listener(m, f.cgroup, f.efd);
	if (r == 0)
		r = listener(m, f.cgroup, f.efd);
	if (r == 0)
		r = oomn_listener_add_threshold(m, f.cgroup, f.efd, 1 << 20, 0, NULL);
	if (r == 0)
		r = oomn_listener_add_pressure(m, f.cgroup, f.efd, OOMN_PRESSURE_LOW, 0, NULL);
	if (r == 0)
		r = oomn_monitor_remove(m, 2);
	if (r == 0)
		r = oomn_monitor_dispatch(m);
	if (r < 0)
		oomn_monitor_free(m);
	else
		*(struct oomn_monitor **)ctx = m;
	return r;
}

static void free_all(void *ctx)
{
	oomn_monitor_free(*(struct oomn_monitor **)ctx);
}

/* What make_all() and free_all() have a pointer to. */
struct made {
	struct oomn_monitor *m;
};

static void without_memory_to_add(void **state)
{
	struct made made;
	const struct fail_malloc_case c = { .run = make_all,
					    .undo = free_all,
					    .ctx = &made,
					    .out = &made,
					    .out_size = sizeof(made),
					    .may_succeed = true };

	(void)state;
	assert_true(fail_malloc_each(&c) > 10);
}

/* An oom is told whatever allocation failed while it was learned. */
static void without_memory_to_dispatch(void **state)
{
	bool failed = true;
	size_t nth;

	(void)state;
	assert_int_equal(oomn_monitor_add(f.m, f.cgroup, OOMN_ALL, 0, 1), 0);
	for (nth = 1; failed && nth < 50; nth++) {
		struct pollfd p = { .fd = oomn_monitor_get_fd(f.m), .events = POLLIN };
		struct oomn_balance b;
		int r = 0;

		scratch_oom(&s, "m");
		fail_malloc_arm(nth, false);
		/* Once it has seen the counter move, which on v1 is its own time. */
		for (struct oomn_event *e = NULL; !e && r == 0;) {
			(void)poll(&p, 1, -1);
			r = oomn_monitor_dispatch(f.m);
			if (r == 0 && oomn_monitor_next(f.m, &e) == 1) {
				oomn_event_free(e);
				break;
			}
		}
		failed = fail_malloc_disarm();
		assert_true(r == 0 || (failed && r == -ENOMEM));
		settle(f.m);
		assert_int_equal(oomn_monitor_get_balance(f.m, &b, sizeof(b)), 0);
		assert_int_not_equal(oomn_balance_judge(&b, sizeof(b), OOMN_OOM | OOMN_KILL),
				     OOMN_DIFFERS);
		assert_true(b.kill.reported >= nth);
	}
	assert_false(failed);
	assert_in_range(nth, 3, 49);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(null_monitors),
		TEST(null_listeners),
		TEST(null_events),
		TEST(descriptors_that_are_no_cgroup),
		TEST(the_root),
		TEST(descriptors_that_are_no_eventfd),
		TEST(what_is_not_named),
		TEST(options_of_all_sizes),
		TEST(twice),
		TEST(quotas),
		TEST(queues),
		TEST(fork_without_exec),
		TEST(without_memory_to_add),
		TEST(without_memory_to_dispatch),
	};
	int r;

	scratch_open(&s, NULL);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_close(&s);
	return r;
}
