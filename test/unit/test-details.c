/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client with its real processes, on a /proc of plain files. A command line that cannot be read is a
 * FIFO that nobody writes to: opening it hangs.
 */
#include "cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/details.h"
#include "details_fake.h"
#include "fail_malloc.h"

#define START (1000 * NSEC_PER_SEC)
#define PATIENCE_MS 20000
#define IN_TIME_NS                                                                                 \
	(10 * NSEC_PER_SEC) /* asked so much later, it is not due on a busy machine either */
#define PROCESSES 2         /* of ours while nothing hangs */

struct box {
	struct details_fake fake;
	struct cgroup_host host;
	struct details *d;
};

static void put_processes(const struct details_fake *f)
{
	for (uint32_t pid = 101; pid <= 105; pid++) {
		char path[64], text[64];
		int n = snprintf(text, sizeof(text), "victim%c%" PRIu32, '\0', pid);

		details_fake_process(f, pid, "victim", START + pid * NSEC_PER_SEC, pid);
		snprintf(path, sizeof(path), "/bin/%" PRIu32, pid);
		details_fake_exe(f, pid, path);
		snprintf(path, sizeof(path), "proc/%" PRIu32 "/cmdline", pid);
		details_fake_put(f, path, text, (uint64_t)n);
	}
	details_fake_text(f, "cgroup/pod/memory.max", "16777216\n");
	details_fake_text(f, "cgroup/pod/a/cgroup.procs", "101\n102\n");
}

static int setup(void **state)
{
	struct box *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	details_fake_open(&b->fake);
	put_processes(&b->fake);
	assert_int_equal(cgroup_host_open_fake(&b->host, b->fake.cgroups, HIERARCHY_V2), 0);
	free(b->host.proc);
	b->host.proc = strdup(b->fake.proc);
	assert_int_equal(details_open(&b->d, &b->host), 0);
	*state = b;
	return 0;
}

/* All processes that were started end. */
static int teardown(void **state)
{
	struct box *b = *state;

	b->d = details_close(b->d);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	cgroup_host_close(&b->host);
	details_fake_close(&b->fake);
	free(b);
	return 0;
}

static void set_limit(const struct box *b, struct oomn_event *e)
{
	free(e->limit_cgroup);
	e->limit_cgroup = strdup("/pod");
	e->limit_id = details_fake_id(&b->fake, "cgroup/pod");
	e->hierarchy = HIERARCHY_V2;
}

static struct oomn_event *oom_of(const struct box *b, uint64_t incident)
{
	struct oomn_event *e = event_new(EVENT_OOM);

	assert_non_null(e);
	e->incident = incident;
	set_limit(b, e);
	return e;
}

static struct oomn_event *kill_of(const struct box *b, uint64_t incident, uint32_t pid)
{
	struct oomn_event *e = event_new(EVENT_KILL);

	assert_non_null(e);
	e->incident = incident;
	set_limit(b, e);
	e->victim = oom_process_new();
	assert_non_null(e->victim);
	e->victim->id.pid = pid;
	e->victim->id.start_ns = START + pid * NSEC_PER_SEC;
	return e;
}

/* Asks, and frees @e. */
static void ask_at(const struct box *b, struct oomn_event *e, uint64_t now)
{
	assert_int_equal(details_ask(b->d, e, now), 0);
	event_free(e);
}

static void ask(const struct box *b, struct oomn_event *e)
{
	ask_at(b, e, clock_boottime_ns() + IN_TIME_NS);
}

static bool wait_for_work(const struct box *b, int timeout_ms)
{
	struct pollfd p = { .fd = details_fd(b->d), .events = POLLIN };
	int r;

	do
		r = poll(&p, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	return r > 0;
}

/* The next event, as a program gets it. */
static struct oomn_event *next(const struct box *b)
{
	struct oomn_event *e = NULL;

	while (details_next(b->d, &e) == 0) {
		assert_false(details_idle(b->d));
		assert_true(wait_for_work(b, PATIENCE_MS));
		assert_int_equal(details_run(b->d, clock_boottime_ns()), 0);
	}
	assert_int_equal(e->kind, EVENT_DETAILS);
	assert_non_null(e->details);
	return e;
}

/* No event is left or to come, and nothing wakes the program. */
static void expect_none(const struct box *b)
{
	struct oomn_event *e;

	while (!details_idle(b->d)) {
		assert_int_equal(details_next(b->d, &e), 0);
		assert_true(wait_for_work(b, PATIENCE_MS));
		assert_int_equal(details_run(b->d, clock_boottime_ns()), 0);
	}
	assert_int_equal(details_next(b->d, &e), 0);
}

static void expect_cgroup(const struct oomn_event *e, bool there)
{
	const struct oom_details *d = e->details;

	if (!there) {
		assert_null(d->cgroup);
		assert_true(d->limit_bytes == BYTES_NONE);
		assert_int_equal(d->looked, 0);
		return;
	}
	assert_string_equal(d->cgroup, "/pod");
	assert_int_equal(d->cgroup_id, e->cgroup_id);
	assert_int_equal(d->limit_bytes, 16 * FAKE_MIB);
	assert_int_equal(d->looked, 2);
	assert_int_equal(d->largest_n, 2);
	assert_int_equal(d->largest[0].pid, 102);
}

static void expect_victim(const struct oomn_event *e, uint32_t pid, bool cmdline)
{
	char text[64];

	assert_int_equal(e->details->victim_pid, pid);
	snprintf(text, sizeof(text), "/bin/%" PRIu32, pid);
	assert_string_equal(e->details->exe, text);
	snprintf(text, sizeof(text), "victim %" PRIu32, pid);
	if (cmdline)
		assert_string_equal(e->details->cmdline, text);
	else
		assert_null(e->details->cmdline);
}

static void oom_and_its_victim_are_one(void **state)
{
	struct box *b = *state;
	struct oomn_event *e;

	ask(b, oom_of(b, 7));
	ask(b, kill_of(b, 7, 101));
	e = next(b);
	assert_int_equal(e->incident, 7);
	assert_int_equal(e->seq, 0);
	assert_int_equal(e->hierarchy, HIERARCHY_V2);
	assert_string_equal(e->cgroup, "/pod");
	assert_int_equal(e->cgroup_id, details_fake_id(&b->fake, "cgroup/pod"));
	expect_cgroup(e, true);
	expect_victim(e, 101, true);
	assert_false(e->details->timed_out);
	event_free(e);
	expect_none(b);
}

static void oom_without_victim(void **state)
{
	struct box *b = *state;
	uint64_t began = clock_boottime_ns() + NSEC_PER_SEC;
	struct oomn_event *e;

	ask_at(b, oom_of(b, 7), began);
	e = next(b);
	/* A victim was waited for. */
	assert_true(e->boottime_ns >= began + DETAILS_DUE_NS);
	expect_cgroup(e, true);
	assert_int_equal(e->details->victim_pid, 0);
	assert_false(e->details->timed_out);
	event_free(e);
	/* A second oom event of it asks for nothing. */
	ask(b, oom_of(b, 7));
	assert_true(details_idle(b->d));
	assert_false(wait_for_work(b, 0));
}

static void group_kill_reads_the_cgroup_once(void **state)
{
	struct box *b = *state;
	bool seen[4] = { false };
	struct oomn_event *e;

	for (uint32_t pid = 101; pid <= 104; pid++)
		ask(b, kill_of(b, 7, pid == 103 ? 999 : pid)); /* 999 is gone */
	/* Whichever is complete first; the first one has more to wait for. */
	for (int i = 0; i < 3; i++) {
		uint32_t pid;

		e = next(b);
		pid = e->details->victim_pid;
		assert_true(pid >= 101 && pid <= 104 && !seen[pid - 101]);
		seen[pid - 101] = true;
		assert_int_equal(e->incident, 7);
		assert_string_equal(e->cgroup, "/pod");
		expect_cgroup(e, pid == 101);
		expect_victim(e, pid, true);
		event_free(e);
	}
	assert_false(seen[103 - 101]);
	expect_none(b);
}

/* None of these says more than is known already, or could be about another process or cgroup. */
static void what_is_not_asked_or_told(void **state)
{
	struct box *b = *state;
	struct oomn_event *e = kill_of(b, 7, 101);

	e->kind = EVENT_GROUP_KILL;
	ask(b, e);
	e = kill_of(b, 0, 101);
	ask(b, e);
	e = oom_of(b, 8);
	e->limit_outside = true;
	ask(b, e);
	e = oom_of(b, 8);
	e->limit_or_above = true;
	ask(b, e);
	e = oom_of(b, 8);
	e->limit_id = 0;
	ask(b, e);
	assert_true(details_idle(b->d));
	/* Another cgroup of that name, and a number that another process has by now. */
	e = kill_of(b, 9, 101);
	e->limit_id++;
	e->victim->id.start_ns += NSEC_PER_SEC;
	ask(b, e);
	expect_none(b);
	e = kill_of(b, 10, 101);
	free(e->limit_cgroup);
	e->limit_cgroup = NULL;
	e->victim->cmdline = strdup("known");
	ask(b, e);
	e = next(b);
	assert_null(e->cgroup);
	expect_victim(e, 101, false);
	event_free(e);
	expect_none(b);
}

/* Finds our processes. Returns how many there are. */
static size_t processes(pid_t ret[8])
{
	DIR *dir = opendir("/proc");
	struct dirent *p;
	size_t n = 0;

	assert_non_null(dir);
	while ((p = readdir(dir))) {
		char path[300], text[512] = "";
		const char *at;
		FILE *f;
		char state;
		int parent;

		snprintf(path, sizeof(path), "/proc/%s/stat", p->d_name);
		f = p->d_name[0] >= '0' && p->d_name[0] <= '9' ? fopen(path, "re") : NULL;
		if (!f)
			continue;
		at = fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;
		fclose(f);
		if (at && sscanf(at + 1, " %c %d", &state, &parent) == 2 && parent == getpid()) {
			assert_true(n < 8);
			ret[n++] = atoi(p->d_name);
		}
	}
	closedir(dir);
	return n;
}

static void make_stuck(const struct box *b, uint32_t pid, bool stuck)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%" PRIu32 "/cmdline", pid);
	assert_int_equal(unlink(details_fake_path(&b->fake, path)), 0);
	if (stuck)
		assert_int_equal(mkfifo(details_fake_path(&b->fake, path), 0644), 0);
	else
		details_fake_put(&b->fake, path,
				 "victim\0"
				 "101",
				 10);
}

/* Asks what hangs. A busy machine may not get far within the time that there is. */
static struct oomn_event *ask_stuck(struct box *b, pid_t before[8])
{
	for (int attempt = 0; attempt < 20; attempt++) {
		uint64_t began = clock_boottime_ns();
		struct oomn_event *e;

		assert_int_equal(processes(before), PROCESSES);
		ask_at(b, kill_of(b, 7, 101), began);
		e = next(b);
		assert_true(e->boottime_ns >= began + DETAILS_DUE_NS);
		assert_true(e->details->timed_out);
		if (e->details->exe && e->details->looked > 0)
			return e;
		event_free(e);
		b->d = details_close(b->d);
		while (waitpid(-1, NULL, 0) > 0)
			;
		assert_int_equal(details_open(&b->d, &b->host), 0);
	}
	fail_msg("what could be read was never told");
	return NULL;
}

static void hang_loses_only_what_hangs(void **state)
{
	struct box *b = *state;
	pid_t before[8], after[8];
	struct oomn_event *e;

	make_stuck(b, 101, true);
	e = ask_stuck(b, before);
	expect_cgroup(e, true);
	expect_victim(e, 101, false);
	event_free(e);
	expect_none(b);
	/* The next one is answered, by another process; the old one is no zombie. */
	ask(b, kill_of(b, 8, 102));
	e = next(b);
	expect_victim(e, 102, true);
	assert_false(e->details->timed_out);
	event_free(e);
	while (processes(after) > PROCESSES) {
		assert_true(wait_for_work(b, PATIENCE_MS));
		assert_int_equal(details_run(b->d, clock_boottime_ns()), 0);
	}
	assert_int_equal(processes(after), PROCESSES);
	assert_true(kill(before[0], 0) < 0 || kill(before[1], 0) < 0);
	assert_false(wait_for_work(b, 0));
}

/* What was asked behind the one that hangs still has its own time. */
static void those_behind_are_answered(void **state)
{
	struct box *b = *state;
	uint64_t now = clock_boottime_ns();
	struct oomn_event *e;

	make_stuck(b, 101, true);
	ask_at(b, kill_of(b, 7, 101), now);
	ask_at(b, kill_of(b, 8, 102), now + IN_TIME_NS);
	for (int i = 0; i < 2; i++) {
		e = next(b);
		assert_int_equal(e->details->timed_out, e->incident == 7);
		if (e->incident == 8) {
			expect_cgroup(e, true);
			expect_victim(e, 102, true);
		}
		event_free(e);
	}
	expect_none(b);
}

static void one_process_a_second(void **state)
{
	struct box *b = *state;
	uint64_t now = clock_boottime_ns();
	struct oomn_event *e;

	make_stuck(b, 101, true);
	for (uint64_t incident = 1; incident <= 2; incident++) {
		ask_at(b, kill_of(b, incident, 101), now);
		assert_int_equal(details_run(b->d, now + DETAILS_DUE_NS), 0);
		now += DETAILS_DUE_NS;
		e = next(b);
		assert_true(e->details->timed_out);
		event_free(e);
	}
	/* That was the second process; for a third it is too early, and that is said at once. */
	now += DETAILS_REST_NS - 2 * DETAILS_DUE_NS;
	e = kill_of(b, 2, 102);
	ask_at(b, e, now);
	assert_true(wait_for_work(b, 0));
	assert_int_equal(details_next(b->d, &e), 1);
	assert_true(e->details->timed_out);
	assert_int_equal(e->details->victim_pid, 102);
	assert_null(e->details->exe);
	event_free(e);
	assert_true(details_idle(b->d));
	ask_at(b, kill_of(b, 2, 102), now + DETAILS_DUE_NS);
	e = next(b);
	expect_victim(e, 102, true);
	event_free(e);
}

static void end_all(const struct box *b)
{
	pid_t pids[8];
	size_t n = processes(pids);

	(void)b;
	assert_int_equal(n, PROCESSES);
	for (size_t i = 0; i < n; i++) {
		siginfo_t info;

		assert_int_equal(kill(pids[i], SIGKILL), 0);
		assert_int_equal(waitid(P_PID, (id_t)pids[i], &info, WEXITED | WNOWAIT), 0);
	}
}

static void killed_while_idle(void **state)
{
	struct box *b = *state;
	struct oomn_event *e;

	end_all(b);
	ask(b, kill_of(b, 7, 101)); /* before it is seen that they ended */
	e = next(b);
	expect_cgroup(e, true);
	expect_victim(e, 101, true);
	assert_false(e->details->timed_out);
	event_free(e);
}

static void killed_at_work(void **state)
{
	struct box *b = *state;
	uint64_t later = clock_boottime_ns() + IN_TIME_NS;
	uint32_t pid[2];
	struct oomn_event *e;

	make_stuck(b, 101, true);
	ask_at(b, kill_of(b, 7, 101), later);
	ask_at(b, kill_of(b, 7, 102), later);
	end_all(b);
	make_stuck(b, 101, false);
	for (int i = 0; i < 2; i++) {
		e = next(b);
		pid[i] = e->details->victim_pid;
		expect_cgroup(e, pid[i] == 101);
		expect_victim(e, pid[i], true);
		event_free(e);
	}
	assert_int_equal(pid[0] + pid[1], 101 + 102);
	expect_none(b);
}

/* More than are kept are answered at once, and none is lost. */
static void too_many(void **state)
{
	enum { MORE = 6 };
	struct box *b = *state;
	uint64_t now = clock_boottime_ns();
	size_t late = 0;
	struct oomn_event *e;

	make_stuck(b, 101, true);
	for (uint64_t i = 1; i <= DETAILS_QUEUE + MORE; i++) {
		ask_at(b, kill_of(b, i, 101), now);
		while (details_next(b->d, &e) == 1) {
			assert_true(i > DETAILS_QUEUE);
			assert_int_equal(e->incident, i);
			assert_true(e->details->timed_out);
			assert_null(e->details->exe);
			event_free(e);
			late++;
		}
	}
	assert_int_equal(late, MORE);
	for (uint64_t i = 1; i <= DETAILS_QUEUE; i++) {
		e = next(b);
		assert_int_equal(e->incident, i);
		assert_true(e->details->timed_out);
		event_free(e);
	}
	expect_none(b);
}

static size_t descriptors(pid_t pid)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void holds_nothing_of_ours(void **state)
{
	struct box *b = *state;
	pid_t pids[8];
	int pipes[2];
	char c;

	b->d = details_close(b->d);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(details_open(&b->d, &b->host), 0);
	ask(b, kill_of(b, 7, 101));
	event_free(next(b)); /* they have begun their work */
	assert_int_equal(close(pipes[1]), 0);
	assert_int_equal(read(pipes[0], &c, 1), 0);
	(void)close(pipes[0]);
	assert_int_equal(processes(pids), PROCESSES);
	alarm(PATIENCE_MS / 1000);
	/* Three times nothing, its socket, the hierarchy, and /proc; what it has read is closed soon. */
	for (int i = 0; i < PROCESSES; i++)
		while (descriptors(pids[i]) != 6)
			;
	alarm(0);
}

static void signals_of_the_terminal(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGPIPE };
	struct box *b = *state;
	pid_t before[8], after[8];
	struct oomn_event *e;

	ask(b, kill_of(b, 7, 101));
	event_free(next(b));
	assert_int_equal(processes(before), PROCESSES);
	for (int i = 0; i < PROCESSES; i++)
		for (size_t s = 0; s < sizeof(signals) / sizeof(signals[0]); s++)
			assert_int_equal(kill(before[i], signals[s]), 0);
	ask(b, kill_of(b, 8, 102));
	e = next(b);
	expect_victim(e, 102, true);
	event_free(e);
	assert_int_equal(processes(after), PROCESSES);
	assert_memory_equal(before, after, PROCESSES * sizeof(pid_t));
}

/* Whatever they do, they end with their parent; an idle one, and one that hangs. */
static void end_with_their_parent(void **state)
{
	struct box *b = *state;
	int status, ended = 0;
	pid_t parent, pid;

	b->d = details_close(b->d);
	while (waitpid(-1, NULL, 0) > 0)
		;
	make_stuck(b, 101, true);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	parent = fork();
	assert_true(parent >= 0);
	if (parent == 0) {
		struct oomn_event *e = kill_of(b, 7, 101);

		if (details_open(&b->d, &b->host) < 0 ||
		    details_ask(b->d, e, clock_boottime_ns()) < 0)
			_exit(1);
		/* What comes before that which hangs is there. */
		_exit(wait_for_work(b, PATIENCE_MS) ? 0 : 1);
	}
	alarm(PATIENCE_MS / 1000); /* else it would be waited for them for ever */
	while ((pid = wait(&status)) > 0) {
		if (pid == parent)
			assert_int_equal(status, 0);
		else
			ended++;
	}
	alarm(0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	assert_int_equal(ended, PROCESSES);
}

struct asking {
	const struct box *b;
	uint64_t incident;
};

static int ask_anew(void *ctx)
{
	struct asking *a = ctx;
	struct oomn_event e = { .kind = EVENT_KILL, .incident = ++a->incident };
	struct oomn_process victim = { .id = { .pid = 101, .start_ns = START } };

	e.victim = &victim;
	e.limit_cgroup = (char[]){ "/pod" };
	e.limit_id = 1;
	return details_ask(a->b->d, &e, clock_boottime_ns() + IN_TIME_NS);
}

static void take_all(void *ctx)
{
	struct asking *a = ctx;

	expect_none(a->b);
}

static void without_memory(void **state)
{
	struct asking a = { .b = *state };

	fail_malloc_each(
		&(struct fail_malloc_case){ .run = ask_anew, .undo = take_all, .ctx = &a });
	assert_true(details_idle(a.b->d));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(oom_and_its_victim_are_one),
		TEST(oom_without_victim),
		TEST(group_kill_reads_the_cgroup_once),
		TEST(what_is_not_asked_or_told),
		TEST(hang_loses_only_what_hangs),
		TEST(those_behind_are_answered),
		TEST(one_process_a_second),
		TEST(killed_while_idle),
		TEST(killed_at_work),
		TEST(too_many),
		TEST(holds_nothing_of_ours),
		TEST(signals_of_the_terminal),
		TEST(end_with_their_parent),
		TEST(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
