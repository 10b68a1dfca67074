/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The monitor when something fails: each allocation in turn, descriptors, and a callback's answer
 *
 * One story on a fake tree is told again and again, each time with another allocation failing. Then
 * memory is back and the ledger is settled: what it calls balanced must have been told to the last.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../cgsim/fake_tree.h"
#include "base/clock.h"
#include "base/fd.h"
#include "fail_malloc.h"
#include "lib/monitor.h"
#include "source/source.h"

#define KINDS COUNTED_KINDS
#define READY_MS 20 /* inotify is at once; what is not ready then is found when it settles */

struct story {
	struct fake_tree ft;
	struct cgroup_at at;
	unsigned told_as; /* MONITOR_* */
	bool host;        /* the whole host is watched instead of /t */
	unsigned round;
	uint64_t truth[KINDS];
	uint64_t told_min[KINDS];
	uint64_t told_max[KINDS];
	unsigned balanced; /* runs with a failure in the middle of it that still proved all */
};

static void count(struct story *s, const char *path, enum event_kind kind, uint64_t n)
{
	static const char *const keys[KINDS] = { "oom", "oom_kill", "oom_group_kill" };

	fake_count(&s->ft, path, keys[kind], n);
	s->truth[kind] += n;
}

static void take(struct story *s, struct oomn_monitor *m)
{
	struct oomn_event *e;

	while (monitor_next(m, &e) > 0) {
		if (e->kind < KINDS) {
			s->told_min[e->kind] += e->count_min;
			s->told_max[e->kind] += e->count_max;
		}
		event_free(e);
	}
}

/* Returns whether it failed for lack of memory. */
static bool dispatch(struct story *s, struct oomn_monitor *m, int timeout_ms)
{
	struct pollfd p = { .fd = monitor_get_fd(m), .events = POLLIN };
	int r = 0;

	if (poll(&p, 1, timeout_ms) > 0)
		r = monitor_dispatch(m);
	assert_true(r == 0 || r == -ENOMEM);
	take(s, m);
	return r < 0;
}

/* Tries @rounds times; while there is no memory it need not come to rest. */
static int settle(struct story *s, struct oomn_monitor *m, unsigned rounds)
{
	int r = MONITOR_E_AGAIN;

	while (r == MONITOR_E_AGAIN && rounds-- > 0) {
		r = monitor_settle(m);
		if (r == MONITOR_E_AGAIN)
			(void)dispatch(s, m, 1000);
	}
	assert_true(r >= 0 || r == -ENOMEM);
	take(s, m);
	return r;
}

static void judge(struct story *s, struct oomn_monitor *m)
{
	struct balance b;

	monitor_balance(m, &b);
	for (unsigned k = 0; k < KINDS; k++) {
		bool proven = balance_judge(&b, EVENT_MASK(k)) == BALANCE_BALANCED;

		if (s->told_min[k] > s->truth[k] || (proven && s->told_max[k] < s->truth[k]) ||
		    b.lost > 0)
			fail_msg("%s: told %" PRIu64 " to %" PRIu64 " of %" PRIu64 ", %s",
				 event_kind_name(k), s->told_min[k], s->told_max[k], s->truth[k],
				 proven ? "called balanced" : "not proven");
	}
	s->balanced += balance_judge(&b, EVENT_MASK_ALL) == BALANCE_BALANCED;
}

static bool what_happens(struct story *s, struct oomn_monitor *m)
{
	char path[32];
	bool failed;

	count(s, "t", EVENT_OOM, 2);
	count(s, "t/a", EVENT_KILL, 3);
	failed = dispatch(s, m, READY_MS);
	snprintf(path, sizeof(path), "t/c%u", s->round);
	fake_mkdir(&s->ft, path);
	count(s, path, EVENT_OOM, 1);
	count(s, path, EVENT_KILL, 1);
	failed |= dispatch(s, m, READY_MS);
	count(s, path, EVENT_KILL, 1);
	fake_rmdir(&s->ft, path);
	failed |= dispatch(s, m, READY_MS);
	return settle(s, m, 3) < 0 || failed;
}

/* All of it, from the first allocation to the last free. */
static int tell(void *ctx)
{
	struct story *s = ctx;
	struct oomn_monitor *m = NULL;
	bool failed;
	int r;

	s->round++;
	for (unsigned k = 0; k < KINDS; k++)
		s->truth[k] = s->told_min[k] = s->told_max[k] = 0;
	r = monitor_new(&m, &s->ft.host, NULL);
	if (r < 0) {
		assert_null(m);
		return r;
	}
	r = s->host ? monitor_add_host(m, s->told_as, EVENT_MASK_ALL, 1)
		    : monitor_add(m, &s->at, s->told_as, EVENT_MASK_ALL, 1);
	if (r < 0) {
		/* Who could not read a tree for lack of memory cannot always tell it from other lacks. */
		assert_true(r == -ENOMEM || r == -EMFILE || r == -EAGAIN);
		assert_int_equal(monitor_watches(m), 0);
		monitor_free(m);
		return -ENOMEM;
	}
	failed = what_happens(s, m);
	(void)fail_malloc_disarm(); /* memory is back */
	assert_int_equal(settle(s, m, UINT_MAX), 0);
	judge(s, m);
	monitor_free(m);
	return failed ? -ENOMEM : 0;
}

static void story_tell(bool host, unsigned flags)
{
	struct story s = { .host = host, .told_as = flags };
	const struct fail_malloc_case c = { .run = tell, .ctx = &s, .may_succeed = true };
	size_t n;

	fake_open(&s.ft);
	fake_mkdir(&s.ft, "t");
	fake_mkdir(&s.ft, "t/a");
	fake_at(&s.ft, "t", &s.at);
	n = fail_malloc_each(&c);
	print_message("%zu allocations, %u stories, %u of them balanced\n", n, s.round, s.balanced);
	assert_in_range(n, 20, 2000);
	assert_true(s.balanced > 2); /* more than the two that met no failure */
	cgroup_at_close(&s.at);
	fake_close(&s.ft);
}

static void each_allocation(void **state)
{
	(void)state;
	story_tell(false, 0);
}

static void each_allocation_host(void **state)
{
	(void)state;
	story_tell(true, MONITOR_GONE_ALL);
}

static void each_descriptor(void **state)
{
	struct rlimit before, rl;
	struct fake_tree ft;
	struct oomn_monitor *m = NULL;
	int lowest, r = -EMFILE;

	(void)state;
	fake_open(&ft);
	lowest = dup(ft.fd);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	rl = before;
	for (unsigned more = 0; r < 0; more++) {
		int after;

		rl.rlim_cur = (rlim_t)lowest + more;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
		r = monitor_new(&m, &ft.host, NULL);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		if (r == 0) {
			assert_int_equal(more, 2); /* an epoll instance and a timer */
			break;
		}
		assert_int_equal(r, -EMFILE);
		assert_null(m);
		after = dup(ft.fd);
		close(after);
		assert_int_equal(after, lowest);
	}
	monitor_free(m);
	fake_close(&ft);
}

struct probe_io {
	struct source_io io;
	unsigned called;
	int answer;
};

static int probe_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct probe_io *p = (struct probe_io *)io;

	(void)events;
	(void)now_ns;
	p->called++;
	return p->answer;
}

/* Only a negative answer ends a round: what else is ready is not left out for a positive one. */
static void a_positive_answer_is_no_error(void **state)
{
	struct probe_io p[2] = { { .io.ready = probe_ready, .answer = 1 },
				 { .io.ready = probe_ready, .answer = 1 } };
	struct fake_tree ft;
	struct oomn_monitor *m;
	int fd[2];

	(void)state;
	fake_open(&ft);
	assert_int_equal(monitor_new(&m, &ft.host, NULL), 0);
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_int_equal(write(fd[1], "x", 1), 1);
	for (int i = 0; i < 2; i++) {
		struct epoll_event ev = { .events = i ? EPOLLOUT : EPOLLIN, .data.ptr = &p[i].io };

		assert_int_equal(epoll_ctl(monitor_get_fd(m), EPOLL_CTL_ADD, fd[i], &ev), 0);
	}
	assert_int_equal(monitor_dispatch(m), 0);
	assert_int_equal(p[0].called, 1);
	assert_int_equal(p[1].called, 1);
	p[0].answer = -EIO;
	assert_int_equal(monitor_dispatch(m), -EIO);
	close(fd[0]);
	close(fd[1]);
	monitor_free(m);
	fake_close(&ft);
}

/* What one look brings has one moment, on both clocks. */
static void one_moment_one_time(void **state)
{
	uint64_t from_boottime = clock_boottime_ns(), from_realtime = clock_realtime_ns();
	uint64_t boottime = 0, realtime = 0;
	struct cgroup_at at;
	struct fake_tree ft;
	struct oomn_monitor *m;
	struct oomn_event *e;
	unsigned events = 0;

	(void)state;
	fake_open(&ft);
	fake_mkdir(&ft, "t");
	fake_mkdir(&ft, "t/a");
	fake_mkdir(&ft, "t/b");
	fake_at(&ft, "t", &at);
	assert_int_equal(monitor_new(&m, &ft.host, NULL), 0);
	assert_int_equal(monitor_add(m, &at, 0, EVENT_MASK_ALL, 1), 0);
	fake_count(&ft, "t/a", "oom_kill", 1);
	fake_count(&ft, "t/b", "oom_kill", 1);
	fake_count(&ft, "t", "oom", 2);
	assert_true(monitor_settle(m) >= 0);
	for (; monitor_next(m, &e) > 0; events++) {
		assert_in_range(e->realtime_ns, from_realtime, clock_realtime_ns());
		assert_in_range(e->boottime_ns, from_boottime, clock_boottime_ns());
		assert_true(events == 0 || e->boottime_ns == boottime);
		assert_true(events == 0 || e->realtime_ns == realtime);
		boottime = e->boottime_ns;
		realtime = e->realtime_ns;
		event_free(e);
	}
	assert_int_equal(events, 3);
	monitor_free(m);
	cgroup_at_close(&at);
	fake_close(&ft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation),
		cmocka_unit_test(each_allocation_host),
		cmocka_unit_test(each_descriptor),
		cmocka_unit_test(a_positive_answer_is_no_error),
		cmocka_unit_test(one_moment_one_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
