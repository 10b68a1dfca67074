/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "fail_malloc.h"
#include "source/process_id.h"

#define STAT_HEAD " 1 2 3 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 "
#define STATUS(tgid, own, shared, ns)                                                              \
	"Name:\tx\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t" tgid "\nNgid:\t0\nPid:\t7\n"       \
	"NSpid:\t" ns "\nSigPnd:\t" own "\nShdPnd:\t" shared "\nSigBlk:\t0000000000000100\n"
#define NONE "0000000000000000"
#define KILL9 "0000000000000100"

static void stats(void **state)
{
	static const struct {
		const char *text;
		char state; /* 0: refused */
		uint64_t flags, start;
	} rows[] = {
		{ "7 (sh) S" STAT_HEAD "1234 5 6\n", 'S', 4194304, 1234 },
		{ "7 (a) R (b) (c) Z" STAT_HEAD "18446744073709551615 5\n", 'Z', 4194304,
		  UINT64_MAX },
		{ "7 (\n) ) S) S" STAT_HEAD "9 5\n", 'S', 4194304, 9 },
		{ "7 () X 0 0 0 0 -1 4 0 0 0 0 0 0 0 0 20 -5 1 0 3 0\n", 'X', 4, 3 },
		{ "", 0, 0, 0 },
		{ "7 (sh", 0, 0, 0 },
		{ "7 (sh)", 0, 0, 0 },
		{ "7 (sh) S", 0, 0, 0 },
		{ "7 (sh) S" STAT_HEAD, 0, 0, 0 },
		{ "7 (sh) S" STAT_HEAD "12", 0, 0, 0 }, /* cut: it may be 123 */
		{ "7 (sh) S" STAT_HEAD "18446744073709551616 5\n", 0, 0, 0 },
		{ "7 (sh) S 1 2 3 x\n", 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct process_stat s;
		int r = process_stat_parse(rows[i].text, &s);

		print_message("row %zu\n", i);
		assert_int_equal(r, rows[i].state ? 0 : -EBADMSG);
		if (r < 0)
			continue;
		assert_int_equal(s.state, rows[i].state);
		assert_true(s.flags == rows[i].flags && s.start_ticks == rows[i].start);
	}
}

static void statuses(void **state)
{
	static const struct {
		const char *text;
		int tgid; /* -1: refused */
		bool killed, own;
	} rows[] = {
		{ STATUS("7", NONE, NONE, "7"), 7, false, true },
		{ STATUS("7", KILL9, NONE, "7"), 7, true, true },
		{ STATUS("7", NONE, KILL9, "7"), 7, true, true },
		{ STATUS("7", "00000000fffffeff", "fffffffffffffeff", "7"), 7, false, true },
		{ STATUS("6", NONE, NONE, "7\t1"), 6, false, false },
		{ STATUS("7", NONE, NONE, "7\t"), 7, false, false },
		{ "Tgid:\t7\nSigPnd:\t" NONE "\nShdPnd:\t" NONE "\n", 7, false, false },
		{ "Name:\tTgid:\t9\nTgid:\t7\nSigPnd:\t" NONE "\nShdPnd:\t" NONE, 7, false, false },
		{ "", -1, false, false },
		{ "Tgid:\t7\n", -1, false, false },
		{ "Tgid:\tx\nSigPnd:\t" NONE "\nShdPnd:\t" NONE "\n", -1, false, false },
		{ "Tgid:\t7\nShdPnd:\t" NONE "\n", -1, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct process_status s;
		int r = process_status_parse(rows[i].text, &s);

		print_message("row %zu\n", i);
		assert_int_equal(r, rows[i].tgid < 0 ? -EBADMSG : 0);
		if (r < 0)
			continue;
		assert_int_equal(s.tgid, rows[i].tgid);
		assert_int_equal(s.killed, rows[i].killed);
		assert_int_equal(s.own_proc, rows[i].own);
	}
}

static void small_parsers(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t v;
	} pidfds[] = {
		{ "pos:\t0\nflags:\t02000002\nPid:\t12\nNSpid:\t12\n", 0, 12 },
		{ "pos:\t0\nPid:\t-1\nNSpid:\t-1\n", 0, -1 },
		{ "Pid:\t0\n", 0, 0 },
		{ "pos:\t0\nNSpid:\t12\n", -EINVAL, 0 },
		{ "Pid:\tx\n", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	}, offsets[] = {
		{ "monotonic           5         6\nboottime            0         0\n", 0, 0 },
		{ "monotonic  0 0\nboottime  86400  5\n", 0, INT64_C(86400000000005) },
		{ "monotonic  0 0\nboottime  -2 500000000\n", 0, -1500000000 },
		{ "monotonic 1 2\n", -EBADMSG, 0 },
		{ "boottime 1\n", -EBADMSG, 0 },
		{ "boottime 1 1000000000\n", -EBADMSG, 0 },
		{ "boottime 99999999999999999999 1\n", -EBADMSG, 0 },
	};
	int64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(pidfds) / sizeof(pidfds[0]); i++) {
		assert_int_equal(process_pidfd_parse(pidfds[i].text, &v), pidfds[i].r);
		if (pidfds[i].r == 0)
			assert_true(v == pidfds[i].v);
	}
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		assert_int_equal(process_timens_parse(offsets[i].text, &v), offsets[i].r);
		if (offsets[i].r == 0)
			assert_true(v == offsets[i].v);
	}
}

/* A /proc of plain files. */
static char proc[64];

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", proc, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void make_dir(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", proc, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(proc, sizeof(proc), "/tmp/test-process-id.XXXXXX");
	assert_non_null(mkdtemp(proc));
	make_dir("self");
	make_dir("7");
	put("vmstat", "nr_free_pages 5\noom_kill 42\n");
	put("self/status", STATUS("3", NONE, NONE, "3"));
	put("7/stat", "7 (sh) S" STAT_HEAD "1234 5\n");
	put("7/status", STATUS("7", NONE, NONE, "7"));
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "vmstat", "self/status", "7/stat", "7/status",
					     "self",   "7",           "" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", proc, names[i]);
		(void)remove(path);
	}
	return 0;
}

static void of_files(void **state)
{
	static const struct {
		const char *name, *text;
		int r;
		bool whole; /* nobody had killed it when it was asked for */
		bool counted;
	} rows[] = {
		{ NULL, NULL, 0, true, true },
		{ "vmstat", "nr_free_pages 5\n", 0, true, false },
		{ "7/status", STATUS("7", NONE, KILL9, "7"), 0, false, false },
		{ "7/stat", "7 (sh) Z" STAT_HEAD "1234 5\n", 0, false, false },
		{ "7/stat", "7 (sh) X" STAT_HEAD "1234 5\n", 0, false, false },
		{ "7/stat", "7 (sh) R 1 2 3 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 1234 5\n", 0, false,
		  false },
		{ "7/status", STATUS("6", NONE, NONE, "7"), -EINVAL, false, false },
		{ "7/stat", "", -EBADMSG, false, false },
		{ "self/status", STATUS("3", NONE, NONE, "3\t1"), -ENOENT, false, false },
	};
	uint64_t tick_ns = NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t before = clock_boottime_ns();
		struct process_id id = { .pid = 99 };
		int r;

		(void)tear_down(state);
		(void)set_up(state);
		if (rows[i].name)
			put(rows[i].name, rows[i].text);
		r = process_id_read(proc, 7, &id);
		print_message("row %zu: %d\n", i, r);
		assert_int_equal(r, rows[i].r);
		if (r < 0) {
			assert_int_equal(id.pid, 99);
			continue;
		}
		assert_int_equal(id.pid, 7);
		assert_int_equal(id.start_ticks, 1234);
		if (rows[i].whole)
			assert_in_range(id.taken_ns, before, clock_boottime_ns());
		else
			assert_true(id.taken_ns == 1234 * tick_ns);
		assert_true(id.host_kills == (rows[i].counted ? 42 : UINT64_MAX));
	}
}

static int read_it(void *ctx)
{
	return process_id_read(proc, 7, ctx);
}

static void no_memory(void **state)
{
	struct process_id id;

	(void)state;
	fail_malloc_each(&(struct fail_malloc_case){
		.run = read_it, .ctx = &id, .out = &id, .out_size = sizeof(id) });
}

static pid_t child_waits(int *ret_go)
{
	int go[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(go[1]);
		_exit(read(go[0], &c, 1) == 0 ? 3 : 4);
	}
	(void)close(go[0]);
	*ret_go = go[1];
	return pid;
}

/* A process of our own, alive, as a zombie, and gone. */
static void of_a_child(void **state)
{
	int go, status, pidfd;
	struct process_id id, again, late;
	pid_t pid = child_waits(&go);
	siginfo_t info;

	(void)state;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(pidfd >= 0);
	assert_int_equal(process_id_read("/proc", pid, &id), 0);
	assert_int_equal(process_id_read_pidfd("/proc", pidfd, &again), 0);
	assert_int_equal(id.pid, pid);
	assert_true(again.pid == id.pid && again.start_ticks == id.start_ticks);
	assert_true(again.taken_ns >= id.taken_ns);
	assert_true(id.start_ticks * (NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK)) <=
		    id.taken_ns);
	(void)close(go);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(process_id_read("/proc", pid, &late), 0);
	assert_true(late.start_ticks == id.start_ticks && late.taken_ns < id.taken_ns);
	assert_true(late.host_kills == UINT64_MAX);
	assert_int_equal(process_id_read_pidfd("/proc", pidfd, &late), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(process_id_read("/proc", pid, &late), -ESRCH);
	assert_int_equal(process_id_read_pidfd("/proc", pidfd, &late), -ESRCH);
	(void)close(pidfd);
	assert_int_equal(process_id_read_pidfd("/proc", pidfd, &late), -EBADF);
}

static void bad_input(void **state)
{
	struct process_id id;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(process_id_read("/proc", 0, &id), -EINVAL);
	assert_int_equal(process_id_read("/proc", -1, &id), -EINVAL);
	assert_int_equal(process_id_read("/nowhere", 1, &id), -ENOENT);
	assert_int_equal(process_id_read_pidfd("/proc", -1, &id), -EBADF);
	assert_int_equal(process_id_read_pidfd("/proc", fd, &id), -EINVAL);
	(void)close(fd);
}

static void view(void **state)
{
	struct process_view v;

	(void)state;
	process_view_read("/nowhere", &v);
	assert_true(v.foreign && v.offset_ns == 0);
	assert_int_equal(v.hz, sysconf(_SC_CLK_TCK));
	process_view_read("/proc", &v);
	assert_int_equal(v.hz, sysconf(_SC_CLK_TCK));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stats),
		cmocka_unit_test(statuses),
		cmocka_unit_test(small_parsers),
		cmocka_unit_test_setup_teardown(of_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_memory, set_up, tear_down),
		cmocka_unit_test(of_a_child),
		cmocka_unit_test(bad_input),
		cmocka_unit_test(view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
