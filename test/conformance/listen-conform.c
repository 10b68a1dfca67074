/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * listen-conform [--kernel] [PARENT]: what a listener must get, as scenarios with exact counts
 *
 * The same list runs against
 *   --kernel   a v1 kernel by itself: registrations are written to cgroup.event_control
 *   else       the library: on v1 the kernel behind our API, on v2 our registry fed from the counters
 * and what it prints is the same, byte for byte, in the first two; on v2 it differs where v2 cannot do
 * the same, and says why. In the end comes the table: id, result (same, nearly, no) and, if it is not the
 * same, the reason. Names like C27 are those of the conformance list. Scratch cgroups are made below
 * PARENT, or below our own memory cgroup.
 *
 * No scenario waits for a while to see that nothing comes. When a killed process has been reaped
 * its oom was signalled (v1) or counted (v2, and one call reads all counters). The signals of a
 * removal come later on v1: a threshold that nothing reaches, registered before all else, is
 * signalled after all else.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conform.h"

/* Scenarios. Each begins with an empty scratch cgroup. */

static void one_oom(struct run *r)
{
	int efd = efd_new(0);

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	scratch_oom(&r->s, "m");
	listen_on(r, "m", efd);
	settle(r);
	check_count(r, "before the first oom after it was registered", efd_take(efd), 0);
	for (int i = 1; i <= 3; i++) {
		scratch_oom(&r->s, "m");
		settle(r);
		check_count(r, "after one oom", efd_take(efd), 1);
	}
	(void)close(efd);
}

/* From 6.12 on the dying process fails a second charge: v2 counts two ooms for the one kill. */
static void kernel_mode(struct run *r)
{
	struct hog h;
	int efd = efd_new(0), status;
	uint64_t n;

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	listen_on(r, "m", efd);
	h = hog_start(&r->s, "m", hog_syscall);
	hog_go(&h);
	status = hog_wait(&h);
	check(r, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it was killed");
	settle(r);
	n = efd_take(efd);
	check(r, n >= 1, "signalled");
	check(r, !r->s.v2 || n == scratch_key(&r->s, "m", "memory.events.local", "oom"),
	      "as often as the kernel counted, where it counts");
	if (r->s.v2)
		differs(r, NEARLY, "each oom that is counted; the dying may fail a second charge");
	(void)close(efd);
}

static void all_alike(struct run *r)
{
	enum { N = 300 };
	int efd[N];
	size_t differ = 0;

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	for (size_t i = 0; i < N; i++) {
		efd[i] = efd_new(i % 2 ? EFD_NONBLOCK : 0);
		listen_on(r, "m", efd[i]);
	}
	for (int i = 0; i < 3; i++)
		scratch_oom(&r->s, "m");
	settle(r);
	for (size_t i = 0; i < N; i++) {
		differ += efd_take(efd[i]) != 3;
		(void)close(efd[i]);
	}
	check_count(r, "of 300 listeners without 3 signals after 3 ooms:", differ, 0);
}

/*
 *      p
 *     / \
 *    m   s      s: beside m
 *   / \   \
 *  a   b   c
 *  |
 *  d
 */
static const char *const tree[] = { "p", "p/m", "p/s", "p/m/a", "p/m/b", "p/s/c", "p/m/a/d" };
#define TREE_N (sizeof(tree) / sizeof(tree[0]))

static void tree_make(struct run *r, int *efd)
{
	for (size_t i = 0; i < TREE_N; i++) {
		scratch_make(&r->s, tree[i], true);
		efd[i] = efd_new(0);
		listen_on(r, tree[i], efd[i]);
	}
}

static void tree_check(struct run *r, int *efd, const uint64_t *wanted)
{
	settle(r);
	for (size_t i = 0; i < TREE_N; i++)
		check_count(r, tree[i], efd_take(efd[i]), wanted[i]);
}

static void subtree(struct run *r)
{
	int efd[TREE_N];

	tree_make(r, efd);
	/* Processes live in leaves of their own, so that the same tree works on v2. */
	scratch_make(&r->s, "p/m/a/d/leaf", false);
	scratch_make(&r->s, "p/m/b/leaf", false);

	printf("\tthe limit of p/m, from p/m/a/d\n");
	scratch_limit(&r->s, "p/m", SCRATCH_LIMIT);
	scratch_oom(&r->s, "p/m/a/d/leaf");
	tree_check(r, efd, (const uint64_t[TREE_N]){ 0, 1, 0, 1, 1, 0, 1 });

	printf("\tthe limit of p/m, from p/m/b: whose process it is does not matter\n");
	scratch_oom(&r->s, "p/m/b/leaf");
	tree_check(r, efd, (const uint64_t[TREE_N]){ 0, 1, 0, 1, 1, 0, 1 });

	printf("\tthe limit of p/m/a, from p/m/a/d\n");
	scratch_limit(&r->s, "p/m/a", SCRATCH_LIMIT / 2);
	scratch_oom(&r->s, "p/m/a/d/leaf");
	tree_check(r, efd, (const uint64_t[TREE_N]){ 0, 0, 0, 1, 0, 0, 1 });

	printf("\tthe limit of p/m/a/d/leaf, on which nobody listens\n");
	scratch_limit(&r->s, "p/m/a/d/leaf", SCRATCH_LIMIT / 4);
	scratch_oom(&r->s, "p/m/a/d/leaf");
	tree_check(r, efd, (const uint64_t[TREE_N]){ 0 });

	printf("\tthe limit of p, from p/m/b\n");
	scratch_limit(&r->s, "p/m", 4 * SCRATCH_LIMIT);
	scratch_limit(&r->s, "p", SCRATCH_LIMIT);
	scratch_oom(&r->s, "p/m/b/leaf");
	tree_check(r, efd, (const uint64_t[TREE_N]){ 1, 1, 1, 1, 1, 1, 1 });
	for (size_t i = 0; i < TREE_N; i++)
		(void)close(efd[i]);
}

static void n_times(struct run *r)
{
	int efd = efd_new(0), both = efd_new(0);

	scratch_make(&r->s, "m", true);
	scratch_make(&r->s, "m/a", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	for (int i = 0; i < 5; i++)
		listen_on(r, "m", efd);
	listen_on(r, "m", both);
	listen_on(r, "m/a", both);
	scratch_oom(&r->s, "m/a");
	settle(r);
	check_count(r, "registered 5 times", efd_take(efd), 5);
	check_count(r, "registered on m and on m/a, oom of m", efd_take(both), 2);
	scratch_limit(&r->s, "m/a", SCRATCH_LIMIT / 2);
	scratch_oom(&r->s, "m/a");
	settle(r);
	check_count(r, "registered 5 times on m, oom of m/a", efd_take(efd), 0);
	check_count(r, "registered on m and on m/a, oom of m/a", efd_take(both), 1);
	(void)close(efd);
	(void)close(both);
}

static void semaphore_and_full(struct run *r)
{
	const uint64_t brink = UINT64_MAX - 1;
	int sem = efd_new(EFD_SEMAPHORE), full = efd_new(0);

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	if (write(full, &brink, sizeof(brink)) != sizeof(brink))
		die("write to an eventfd: %s", strerror(errno));
	listen_on(r, "m", sem);
	listen_on(r, "m", full);
	scratch_oom(&r->s, "m");
	scratch_oom(&r->s, "m");
	settle(r);
	check_count(r, "semaphore, first read", efd_take(sem), 1);
	check_count(r, "semaphore, second read", efd_take(sem), 1);
	check_count(r, "semaphore, third read", efd_take(sem), 0);
	check(r, efd_ready(full) & POLLERR, "a full counter polls POLLERR");
	check_count(r, "a full counter reads", efd_take(full), UINT64_MAX);
	scratch_oom(&r->s, "m");
	settle(r);
	check_count(r, "after that", efd_take(full), 1);
	(void)close(sem);
	(void)close(full);
}

static void removal(struct run *r)
{
	int barrier_a, barrier_m, on_a = efd_new(0), on_m = efd_new(0), twice = efd_new(0);
	int err;

	scratch_make(&r->s, "m", true);
	scratch_make(&r->s, "m/a", false);
	barrier_a = barrier_new(r, "m/a");
	barrier_m = barrier_new(r, "m");
	listen_on(r, "m/a", on_a);
	listen_on(r, "m/a", twice);
	listen_on(r, "m/a", twice);
	listen_on(r, "m", on_m);
	listen_on(r, "m", twice);
	remove_and_settle(r, "m/a", barrier_a);
	check_count(r, "m/a removed: one listener", efd_take(on_a), 1);
	check_count(r, "m/a removed: one registered on it twice", efd_take(twice), 2);
	check_count(r, "m/a removed: one on m", efd_take(on_m), 0);
	remove_and_settle(r, "m", barrier_m);
	check_count(r, "m removed: the listener on m/a", efd_take(on_a), 0);
	check_count(r, "m removed: one listener", efd_take(on_m), 1);
	check_count(r, "m removed: one of both", efd_take(twice), 1);
	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	scratch_oom(&r->s, "m");
	settle(r);
	check_count(r, "a new m has an oom", efd_take(on_m), 0);
	err = try_listen(r, "m", on_m);
	check_count(r, "registering on it works, error", (uint64_t)-err, 0);
	(void)close(barrier_a);
	(void)close(barrier_m);
	(void)close(on_a);
	(void)close(on_m);
	(void)close(twice);
}

static void removal_refused(struct run *r)
{
	int efd = efd_new(0);
	struct hog h;

	scratch_make(&r->s, "m", false);
	listen_on(r, "m", efd);
	h = hog_start(&r->s, "m", hog_hold);
	check(r, rmdir(scratch_path(&r->s, "m", "")) < 0 && errno == EBUSY, "EBUSY");
	settle(r);
	check_count(r, "signals", efd_take(efd), 0);
	hog_kill(&h);
	settle(r);
	check_count(r, "signals after SIGKILL", efd_take(efd), 0);
	(void)close(efd);
}

static void oom_and_removal(struct run *r)
{
	int barrier, efd = efd_new(0);

	scratch_make(&r->s, "m", false);
	barrier = barrier_new(r, "m");
	listen_on(r, "m", efd);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	scratch_oom(&r->s, "m");
	settle(r);
	remove_and_settle(r, "m", barrier);
	check_count(r, "both told", efd_take(efd), 2);
	(void)close(barrier);
	(void)close(efd);
}

static void last_close(struct run *r)
{
	int barrier, stays = efd_new(0), goes = efd_new(0), copy;

	scratch_make(&r->s, "m", false);
	barrier = barrier_new(r, "m");
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	listen_on(r, "m", goes);
	listen_on(r, "m", stays);
	copy = fcntl(goes, F_DUPFD_CLOEXEC, 0);
	(void)close(goes);
	scratch_oom(&r->s, "m");
	settle(r);
	check_count(r, "one of two descriptors closed", efd_take(copy), 1);
	check_count(r, "the other listener", efd_take(stays), 1);
	(void)close(copy);
	scratch_oom(&r->s, "m");
	settle(r);
	check_count(r, "after the last close: the other listener", efd_take(stays), 1);
	remove_and_settle(r, "m", barrier);
	check_count(r, "removed: the other listener", efd_take(stays), 1);
	(void)close(stays);
	(void)close(barrier);
}

static void refused(struct run *r)
{
	enum { CLOSED = 1000 }; /* far from what anything else here is given */
	int barrier, efd = efd_new(0), pipe_fd[2];

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	barrier = barrier_new(r, "m");
	check_count(r, "a pipe, error", (uint64_t)-try_listen(r, "m", pipe_fd[1]), EINVAL);
	check_count(r, "a closed descriptor, error", (uint64_t)-try_listen(r, "m", CLOSED), EBADF);
	listen_on(r, "m", efd);
	settle(r);
	check_count(r, "registering does not signal", efd_take(efd), 0);
	scratch_oom(&r->s, "m");
	settle(r);
	remove_and_settle(r, "m", barrier);
	check_count(r, "one oom, one removal", efd_take(efd), 2);
	check(r, !(efd_ready(pipe_fd[0]) & POLLIN), "nothing came through the pipe");
	(void)close(pipe_fd[0]);
	(void)close(pipe_fd[1]);
	(void)close(barrier);
	(void)close(efd);
}

static void contention(struct run *r)
{
	enum { HOGS = 4, EARS = 5 };
	uint64_t first = 0;
	struct hog h[HOGS];
	int efd[EARS];
	char c = 0;

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	for (size_t i = 0; i < EARS; i++)
		listen_on(r, "m", efd[i] = efd_new(0));
	for (size_t i = 0; i < HOGS; i++)
		h[i] = hog_start(&r->s, "m", hog_overrun);
	for (size_t i = 0; i < HOGS; i++)
		if (write(h[i].go, &c, 1) != 1)
			die("a process has ended too early");
	for (size_t i = 0; i < HOGS; i++)
		(void)hog_wait(&h[i]);
	settle(r);
	first = efd_take(efd[0]);
	(void)close(efd[0]);
	check(r, first >= 1, "at least one signal");
	for (size_t i = 1; i < EARS; i++) {
		check(r, efd_take(efd[i]) == first, "the same number for all");
		(void)close(efd[i]);
	}
}

static void no_oom(struct run *r)
{
	int efd = efd_new(0);
	struct hog h;

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	listen_on(r, "m", efd);
	h = hog_start(&r->s, "m", hog_lazyfree);
	hog_go(&h);
	settle(r);
	check(r,
	      r->s.v2 ? scratch_key(&r->s, "m", "memory.events.local", "max") > 0
		      : scratch_key(&r->s, "m", "memory.stat", "total_pgpgout") > 0,
	      "the limit was hit, and reclaim helped");
	check_count(r, "signals", efd_take(efd), 0);
	hog_kill(&h);
	settle(r);
	check_count(r, "signals after SIGKILL", efd_take(efd), 0);
	(void)close(efd);
}

const struct scenario oom_scenarios[] = {
	{ "C39", "one process, no contention: one signal for each oom", one_oom },
	{ "C44", "memory that the kernel touches", kernel_mode },
	{ "C29", "all listeners of a cgroup get the same", all_alike },
	{ "C36 C37 C38", "the cgroup whose limit was hit and all below it, none above, none beside",
	  subtree },
	{ "C27 C28", "an eventfd registered many times, on several cgroups", n_times },
	{ "C30", "semaphores, and a counter that is full", semaphore_and_full },
	{ "C31", "removal signals each registration once", removal },
	{ "C32", "a removal that is refused, and SIGKILL", removal_refused },
	{ "C31", "an oom, and then the removal", oom_and_removal },
	{ "C26", "the last close of an eventfd", last_close },
	{ "C24", "a refused registration leaves nothing", refused },
	{ "C40", "contention: at least one signal, and the same for all", contention },
	{ "C45", "pressure that reclaim can help", no_oom },
	{ NULL, NULL, NULL },
};

struct row {
	const struct scenario *s;
	enum result result;
	const char *reason;
	bool bad;
};

static struct row run_one(struct run *r, const struct scenario *s)
{
	printf("%s %s\n", s->ids, s->what);
	r->result = SAME;
	r->reason = NULL;
	r->bad = false;
	if (!r->kernel)
		r->monitor = monitor_make(OOMN_NAMES_NONE);
	s->run(r);
	r->monitor = oomn_monitor_free(r->monitor);
	scratch_clear(&r->s, "p");
	scratch_clear(&r->s, "m");
	r->failed |= r->bad;
	return (struct row){ s, r->result, r->reason, r->bad };
}

static size_t run_list(struct run *r, const struct scenario *list, struct row *ret)
{
	size_t n = 0;

	for (; list[n].ids; n++)
		ret[n] = run_one(r, &list[n]);
	return n;
}

int main(int argc, char **argv)
{
	static const char *const results[] = { [SAME] = "same", [NEARLY] = "nearly", [NO] = "no" };
	struct row rows[64];
	struct run r = { 0 };
	int arg = 1;
	size_t n;

	if (arg < argc && strcmp(argv[arg], "--kernel") == 0) {
		r.kernel = true;
		arg++;
	}
	scratch_open(&r.s, arg < argc ? argv[arg] : NULL);
	if (r.kernel && r.s.v2) {
		scratch_close(&r.s);
		skip_all("no cgroup v1 here: the kernel has no notifier of its own");
	}
	n = run_list(&r, oom_scenarios, rows);
	n += run_list(&r, other_scenarios, rows + n);
	scratch_close(&r.s);
	printf("\n");
	for (size_t i = 0; i < n; i++)
		printf("%-12s %-7s %s%s%s\n", rows[i].s->ids,
		       rows[i].bad ? "FAILED" : results[rows[i].result], rows[i].s->what,
		       rows[i].reason ? ": " : "", rows[i].reason ? rows[i].reason : "");
	printf("%s\n", r.failed ? "FAILED" : "all as it must be");
	return r.failed;
}
