/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * listen-conform [--kernel] [PARENT]: what a listener must get, as scenarios with exact counts
 *
 * The same list runs against
 *   --kernel   a v1 kernel by itself: registrations are written to cgroup.event_control
 *   else       lib/listen: on v1 the kernel behind our API, on v2 our registry fed from the counters
 * and its output must be the same, byte for byte, in all three. Names like C27 are those of the
 * conformance list. Scratch cgroups are made below PARENT, or below our own memory cgroup.
 *
 * No scenario waits for a while to see that nothing comes. When a killed process has been reaped
 * its oom was signalled (v1) or counted (v2, and one flush reads all counters). The signals of a
 * removal come later on v1: a threshold that nothing reaches, registered before all else, is
 * signalled after all else.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/listen.h"
#include "scratch.h"

#define LISTENERS_MAX 400

struct run {
	struct scratch s;
	bool kernel;
	struct listen *listen; /* !kernel */
	struct oomn_listener *handles[LISTENERS_MAX];
	size_t n_handles;
	bool failed;
};

/* Checks */

static void check(struct run *r, bool ok, const char *what)
{
	printf("\t%s %s\n", ok ? "ok" : "NOT OK", what);
	r->failed |= !ok;
}

static void check_count(struct run *r, const char *who, uint64_t got, uint64_t wanted)
{
	printf("\t%s %s %" PRIu64, got == wanted ? "ok" : "NOT OK", who, got);
	if (got != wanted)
		printf(" instead of %" PRIu64, wanted);
	printf("\n");
	r->failed |= got != wanted;
}

/* Eventfds */

static int efd_new(int flags)
{
	int fd = eventfd(0, flags | EFD_CLOEXEC);

	if (fd < 0)
		die("eventfd: %s", strerror(errno));
	return fd;
}

static short efd_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, 0) < 0)
		die("poll: %s", strerror(errno));
	return p.revents;
}

static uint64_t efd_take(int fd)
{
	uint64_t v = 0;

	if ((efd_ready(fd) & POLLIN) && read(fd, &v, sizeof(v)) != sizeof(v))
		die("read of an eventfd: %s", strerror(errno));
	return v;
}

/* Registering, in either way. Return 0 or a negated errno. */

static int write_event_control(const struct run *r, const char *path, int efd, const char *file,
			       const char *args)
{
	char text[64];
	int fd = open(scratch_path(&r->s, path, file), O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	(void)snprintf(text, sizeof(text), "%d %d %s", efd, fd, args);
	err = scratch_write(&r->s, path, "cgroup.event_control", text);
	(void)close(fd);
	return err;
}

static int try_listen(struct run *r, const char *path, int efd)
{
	struct cgroup_at at;
	int err;

	if (r->kernel)
		return write_event_control(r, path, efd, "memory.oom_control", "");
	if (r->n_handles == LISTENERS_MAX)
		die("too many listeners for this program");
	scratch_at(&r->s, path, &at);
	err = listen_add(r->listen, &at, efd, NULL, &r->handles[r->n_handles]);
	if (err == 0)
		r->n_handles++;
	scratch_at_close(&at);
	return err;
}

static void listen_on(struct run *r, const char *path, int efd)
{
	int err = try_listen(r, path, efd);

	if (err == -EACCES)
		skip_all("no right to register: cgroup.event_control is root's");
	if (err != 0)
		die("cannot listen on %s: %s", path, strerror(-err));
}

/* Everything that was to be signalled until now has been, when this returns. */
static void settle(struct run *r)
{
	if (!r->kernel && listen_flush(r->listen) < 0)
		die("listen_flush failed");
}

/* Removes @path, and returns when the signals for that have been given. */
static void remove_and_settle(struct run *r, const char *path, int barrier)
{
	struct pollfd p = { .fd = barrier, .events = POLLIN };

	scratch_remove(&r->s, path);
	if (!r->s.v2 && poll(&p, 1, -1) != 1)
		die("poll: %s", strerror(errno));
	settle(r);
}

/* To be made before any listener. */
static int barrier_new(struct run *r, const char *path)
{
	int fd = efd_new(0);

	if (!r->s.v2 && write_event_control(r, path, fd, "memory.usage_in_bytes", "-1") != 0)
		die("%s: no threshold can be set", path);
	return fd;
}

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

static const struct {
	const char *name;
	void (*run)(struct run *r);
} scenarios[] = {
	{ "C39 one process, no contention: one signal for each oom", one_oom },
	{ "C44 memory that the kernel touches", kernel_mode },
	{ "C29 all listeners of a cgroup get the same", all_alike },
	{ "C36 C37 C38 the cgroup whose limit was hit and all below it, none above, none beside",
	  subtree },
	{ "C27 C28 an eventfd registered many times, on several cgroups", n_times },
	{ "C30 semaphores, and a counter that is full", semaphore_and_full },
	{ "C31 removal signals each registration once", removal },
	{ "C32 C45 a removal that is refused, and SIGKILL", removal_refused },
	{ "C31 an oom, and then the removal", oom_and_removal },
	{ "C25 C26 the last close of an eventfd", last_close },
	{ "C16 C17 C24 a refused registration leaves nothing", refused },
	{ "C40 contention: at least one signal, and the same for all", contention },
	{ "C45 pressure that reclaim can help", no_oom },
};

static void run_one(struct run *r, size_t i)
{
	char base[512];

	printf("%s\n", scenarios[i].name);
	if (!r->kernel && listen_open(&r->listen, &r->s.host, NULL) < 0)
		die("listen_open failed");
	r->n_handles = 0;
	memcpy(base, r->s.base, sizeof(base));
	scenarios[i].run(r);
	r->listen = listen_close(r->listen);
	scratch_clear(&r->s, "p");
	scratch_clear(&r->s, "m");
}

int main(int argc, char **argv)
{
	struct run r = { 0 };
	int arg = 1;

	if (arg < argc && strcmp(argv[arg], "--kernel") == 0) {
		r.kernel = true;
		arg++;
	}
	scratch_open(&r.s, arg < argc ? argv[arg] : NULL);
	if (r.kernel && r.s.v2) {
		scratch_close(&r.s);
		skip_all("no cgroup v1 here: the kernel has no notifier of its own");
	}
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		run_one(&r, i);
	scratch_close(&r.s);
	printf("%s\n", r.failed ? "FAILED" : "all as it must be");
	return r.failed;
}
