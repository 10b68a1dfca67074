/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenarios of listen-conform in which v2 cannot do all that v1 does, and those of thresholds and pressure
 *
 * Each checks what is seen, on v2 also that it is what v2 was said to do: a difference is never assumed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "conform.h"

#define MIB (UINT64_C(1) << 20)

/* A child with a part of its own in it; returns when it has ended. */
static void in_child(struct run *r, void (*act)(struct run *r, int efd), int efd)
{
	int status;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (!r->kernel)
			r->monitor = monitor_make(OOMN_NAMES_NONE);
		act(r, efd);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		die("a child has failed");
}

static void register_and_exit(struct run *r, int efd)
{
	listen_on(r, "m", efd);
}

static void registrant_exits(struct run *r)
{
	int efd = efd_new(0);
	uint64_t n;

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	in_child(r, register_and_exit, efd);
	scratch_oom(&r->s, "m");
	settle(r);
	n = efd_take(efd);
	check_count(r, "signals", n, r->s.v2 ? 0 : 1);
	if (n == 0)
		differs(r, NO, "it is the monitor that signals, and it ends with its process");
	(void)close(efd);
}

static size_t open_eventfds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	char name[64];
	size_t n = 0;

	while (dir && (e = readdir(dir))) {
		ssize_t length = readlinkat(dirfd(dir), e->d_name, name, sizeof(name) - 1);

		name[length < 0 ? 0 : length] = '\0';
		n += strstr(name, "eventfd") != NULL;
	}
	if (dir)
		closedir(dir);
	return n;
}

static void who_holds(struct run *r)
{
	int first = efd_new(0), efd;
	size_t before, after;

	scratch_make(&r->s, "m", false);
	listen_on(r, "m", first); /* with it comes what is opened once */
	before = open_eventfds();
	efd = efd_new(0);
	listen_on(r, "m", efd);
	(void)close(efd);
	after = open_eventfds();
	check_count(r, "eventfds that stay open", after - before, r->s.v2 ? 1 : 0);
	if (after != before)
		differs(r, NEARLY,
			"the monitor's duplicate holds the eventfd until the listener is removed");
	(void)close(first);
}

static void after_removal(struct run *r)
{
	int efd = efd_new(0), control = -1, event = -1, dir = -1;
	char text[32];

	scratch_make(&r->s, "m", false);
	if (r->kernel) {
		control =
			open(scratch_path(&r->s, "m", "memory.oom_control"), O_RDONLY | O_CLOEXEC);
		event = open(scratch_path(&r->s, "m", "cgroup.event_control"),
			     O_WRONLY | O_CLOEXEC);
		(void)snprintf(text, sizeof(text), "%d %d", efd, control);
		scratch_remove(&r->s, "m");
		check_count(r, "error", write(event, text, strlen(text)) < 0 ? (uint64_t)errno : 0,
			    ENODEV);
	} else {
		dir = oomn_cgroup_open(scratch_path(&r->s, "m", ""), 0);
		scratch_remove(&r->s, "m");
		check_count(r, "error",
			    (uint64_t)-oomn_listener_add_oom(r->monitor, dir, efd, 0, NULL),
			    ENODEV);
	}
	check_count(r, "signals", efd_take(efd), 0);
	(void)fd_close(control);
	(void)fd_close(event);
	(void)fd_close(dir);
	(void)close(efd);
}

static void renamed(struct run *r)
{
	int efd = efd_new(0), err;
	char from[1024];

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	listen_on(r, "m", efd);
	(void)snprintf(from, sizeof(from), "%s", scratch_path(&r->s, "m", ""));
	err = rename(from, scratch_path(&r->s, "p", "")) < 0 ? errno : 0;
	check_count(r, "rename, error", (uint64_t)err, r->s.v2 ? EPERM : 0);
	if (err != 0) {
		differs(r, NO, "cgroups of v2 cannot be renamed");
		return;
	}
	scratch_oom(&r->s, "p");
	settle(r);
	check_count(r, "one oom of it", efd_take(efd), 1);
	(void)close(efd);
}

/* Beside it another one is the victim; it holds nothing of the kind itself. */
static void register_where_i_live(struct run *r, int efd)
{
	if (scratch_write(&r->s, "m", "cgroup.procs", "0") < 0)
		_exit(1);
	listen_on(r, "m", efd);
	scratch_oom(&r->s, "m");
	settle(r);
}

static void at_home(struct run *r)
{
	int efd = efd_new(0);

	scratch_make(&r->s, "m", false);
	/* The child's pages are in it, too; it shall not be the largest. */
	scratch_limit(&r->s, "m", 3 * SCRATCH_LIMIT);
	in_child(r, register_where_i_live, efd);
	check_count(r, "signals", efd_take(efd), 1);
	(void)close(efd);
}

static void before_death(struct run *r)
{
	struct oomn_monitor *m = NULL;
	bool named = false;
	int efd = efd_new(0);

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	if (r->s.v2) {
		const char *names;

		m = monitor_make(OOMN_NAMES_AUTO);
		if (oomn_monitor_open_names(m) < 0)
			die("oomn_monitor_open_names");
		names = oomn_monitor_get_names(m);
		named = strcmp(names, "none") != 0 && strcmp(names, "kmsg") != 0;
		oomn_monitor_free(r->monitor);
		r->monitor = m;
	}
	listen_on(r, "m", efd);
	scratch_oom(&r->s, "m");
	if (!r->s.v2) {
		check_count(r, "signals when it has been reaped", efd_take(efd), 1);
	} else if (named) {
		/* Nothing else was waited for: what the programs saw is there. */
		if (oomn_monitor_dispatch(r->monitor) < 0)
			die("oomn_monitor_dispatch");
		check(r, efd_take(efd) >= 1,
		      "the first dispatch after it was reaped has signalled");
		differs(r, NEARLY,
			"with BPF at the same moment, but when the monitor is next dispatched");
	} else {
		check(r, wait_signal(r, efd) >= 1, "signalled when the counter has moved");
		differs(r, NO,
			"without BPF the counter is told some 10 ms later, often after the death");
	}
	(void)close(efd);
}

static void memory_and_swap(struct run *r)
{
	int efd = efd_new(0);
	char text[32];

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	(void)snprintf(text, sizeof(text), "%zu", SCRATCH_LIMIT);
	if (r->s.v2) {
		check(r, access(scratch_path(&r->s, "m", "memory.memsw.limit_in_bytes"), F_OK) < 0,
		      "no such limit");
		differs(r, NO, "v2 has no limit of memory and swap together");
		return;
	}
	if (scratch_write(&r->s, "m", "memory.memsw.limit_in_bytes", text) < 0) {
		printf("\tswap is not accounted for here\n");
		return;
	}
	/* try_charge_memcg() charges this one first; less than the other it cannot be. */
	listen_on(r, "m", efd);
	scratch_oom(&r->s, "m");
	settle(r);
	check_count(r, "signals", efd_take(efd), 1);
	(void)close(efd);
}

static void limit_below_usage(struct run *r)
{
	int efd = efd_new(0), err;
	struct hog h;
	uint64_t n;

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	listen_on(r, "m", efd);
	h = hog_start(&r->s, "m", hog_hold);
	hog_go(&h);
	err = scratch_write(&r->s, "m", r->s.v2 ? "memory.max" : "memory.limit_in_bytes",
			    "1048576");
	check_count(r, "error", (uint64_t)-err, r->s.v2 ? 0 : EBUSY);
	settle(r);
	n = efd_take(efd);
	if (!r->s.v2) {
		check_count(r, "signals", n, 0);
		hog_kill(&h);
	} else {
		int status = hog_wait(&h);

		check(r, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && n > 0,
		      "it was killed, and that was signalled");
		differs(r, NO, "v2 sets it, and kills until what is left fits");
	}
	(void)close(efd);
}

/* What is left of v1's pause that a listener sees. */
static void paused(struct run *r)
{
	int efd = efd_new(0), late = efd_new(0), status;
	struct hog h;
	char c = 0;

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	if (r->s.v2) {
		check(r, access(scratch_path(&r->s, "m", "memory.oom_control"), F_OK) < 0,
		      "no oom_kill_disable");
		differs(r, NO, "v2 has no pause: nobody waits under oom");
		return;
	}
	if (scratch_write(&r->s, "m", "memory.oom_control", "1") < 0)
		die("memory.oom_control cannot be written");
	listen_on(r, "m", efd);
	h = hog_start(&r->s, "m", hog_overrun);
	if (write(h.go, &c, 1) != 1)
		die("a process has ended too early");
	check_count(r, "an episode", wait_signal(r, efd), 1);
	while (scratch_key(&r->s, "m", "memory.oom_control", "under_oom") == 0)
		;
	listen_on(r, "m", late);
	check_count(r, "registered under oom: at once", efd_take(late), 1);
	check_count(r, "those before", efd_take(efd), 0);
	if (scratch_write(&r->s, "m", "memory.oom_control", "0") < 0)
		die("memory.oom_control cannot be written");
	status = hog_wait(&h);
	check(r, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "killed once that is allowed");
	settle(r);
	check_count(r, "one more", efd_take(efd), 1);
	check_count(r, "to both", efd_take(late), 1);
	(void)close(efd);
	(void)close(late);
}

/* p is above, m is where the memory is. */
static void thresholds(struct run *r)
{
	enum { M, P, SAME_M, BEYOND, NONE, NEVER, N };
	static const struct {
		const char *name, *path;
		uint64_t bytes, up, down;
	} t[N] = {
		[M] = { "its own", "p/m", 3 * MIB, 1, 1 },
		[P] = { "one above", "p", 3 * MIB, 1, 1 },
		[SAME_M] = { "rounded down to a page", "p/m", 3 * MIB + 4095, 1, 1 },
		[BEYOND] = { "one that is not reached", "p/m", 7 * MIB, 0, 0 },
		[NONE] = { "0", "p/m", 0, 0, 0 },
		[NEVER] = { "the greatest", "p/m", UINT64_MAX, 0, 0 },
	};
	int efd[N];
	struct hog h;

	scratch_make(&r->s, "p", true);
	scratch_make(&r->s, "p/m", false);
	scratch_limit(&r->s, "p/m", SCRATCH_LIMIT);
	for (size_t i = 0; i < N; i++) {
		efd[i] = efd_new(0);
		if (try_threshold(r, t[i].path, efd[i], t[i].bytes, false) != 0)
			die("%s: refused", t[i].name);
		check_count(r, "when registered", efd_take(efd[i]), 0);
	}
	h = hog_start(&r->s, "p/m", hog_hold);
	hog_go(&h);
	for (int up = 1; up >= 0; up--) {
		if (!up)
			hog_kill(&h);
		for (size_t i = 0; i < N; i++) {
			uint64_t wanted = up ? t[i].up : t[i].down;

			check_count(r, t[i].name,
				    wanted ? wait_signal(r, efd[i]) : efd_take(efd[i]), wanted);
		}
	}
	if (r->s.v2)
		differs(r, NEARLY,
			"usage is sampled; up and down between two samples may be missed");
	for (size_t i = 0; i < N; i++)
		(void)close(efd[i]);
}

static void ends_all_kinds(struct run *r)
{
	int barrier, oom = efd_new(0), threshold = efd_new(0), pressure = efd_new(0);

	scratch_make(&r->s, "m", false);
	barrier = barrier_new(r, "m");
	listen_on(r, "m", oom);
	if (try_threshold(r, "m", threshold, 4 * MIB, false) != 0 ||
	    try_pressure(r, "m", pressure, OOMN_PRESSURE_LOW, 0) != 0)
		die("refused");
	remove_and_settle(r, "m", barrier);
	check_count(r, "an oom's", wait_signal(r, oom), 1);
	check_count(r, "a threshold's", wait_signal(r, threshold), 1);
	check_count(r, "a pressure's", wait_signal(r, pressure), 1);
	(void)close(barrier);
	(void)close(oom);
	(void)close(threshold);
	(void)close(pressure);
}

static void pressures(struct run *r)
{
	int efd = efd_new(0);
	size_t refused = 0;
	struct hog h;
	char c = 0;

	scratch_make(&r->s, "m", false);
	scratch_limit(&r->s, "m", SCRATCH_LIMIT);
	for (uint32_t level = OOMN_PRESSURE_LOW; level <= OOMN_PRESSURE_CRITICAL; level++)
		for (uint32_t flags = 0; flags <= OOMN_PRESSURE_LOCAL; flags++)
			refused += try_pressure(r, "m", efd, level, flags) != 0;
	check_count(r, "of 9 levels and modes refused", refused, 0);
	check_count(r, "a level that is none, error", (uint64_t)-try_pressure(r, "m", efd, 4, 0),
		    EINVAL);
	check_count(r, "both modes, error",
		    (uint64_t)-try_pressure(r, "m", efd, OOMN_PRESSURE_LOW, 3), EINVAL);
	check_count(r, "when registered", efd_take(efd), 0);
	h = hog_start(&r->s, "m", hog_lazyfree_for_ever);
	if (write(h.go, &c, 1) != 1)
		die("a process has ended too early");
	for (uint64_t n = 0; n < 3;) /* the three of `low` */
		n += wait_signal(r, efd);
	check(r, true, "reclaim is told");
	hog_kill(&h);
	if (r->s.v2)
		differs(r, NEARLY,
			"from memory.stat: not per target of reclaim, and without its priority");
	(void)close(efd);
}

const struct scenario other_scenarios[] = {
	{ "C25", "the registrant ends", registrant_exits },
	{ "C26", "who holds the eventfd", who_holds },
	{ "C31", "removal signals all kinds", ends_all_kinds },
	{ "C33", "registering after the removal", after_removal },
	{ "C34", "a cgroup that is renamed", renamed },
	{ "C35", "a process registers where it lives", at_home },
	{ "C41", "signalled before the victim is dead", before_death },
	{ "C43", "the limit of memory and swap together", memory_and_swap },
	{ "C45", "a limit set below what is used", limit_below_usage },
	{ "C49 C51 C55", "oom_kill_disable, as a listener sees it", paused },
	{ "C57 C58 C59", "thresholds: each crossing once, own cgroup and above", thresholds },
	{ "C60", "pressure: what may be asked, and that it comes", pressures },
	{ NULL, NULL, NULL },
};
