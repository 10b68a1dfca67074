/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * listen-live [--machine] [PARENT]: lib/listen on cgroup v2, driven as a program drives it
 *
 * listen-conform asks what is counted, after a flush; this asks whether it comes by itself, by
 * polling one descriptor, and what becomes of a listener when the ground shifts: cgroups removed,
 * controllers switched, limits of the system reached. With --machine also what changes the whole
 * machine. What must come is waited for without a limit of time; the test's own ends it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "checks.h"
#include "lib/listen.h"
#include "scratch.h"
#include "source/local_events.h"

#define QUIET_MS 100 /* ten notification slots of the kernel */

static struct scratch s;
static struct listen *l;
static bool machine;

static int efd_new(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		die("eventfd: %s", strerror(errno));
	return fd;
}

static uint64_t efd_take(int fd)
{
	uint64_t v = 0;

	if (read(fd, &v, sizeof(v)) < 0 && errno != EAGAIN)
		die("read of an eventfd: %s", strerror(errno));
	return v;
}

static int try_listen(const char *path, int efd, struct oomn_listener **ret)
{
	struct cgroup_at at;
	int r;

	scratch_at(&s, path, &at);
	r = listen_add(l, &at, efd, NULL, ret);
	scratch_at_close(&at);
	return r;
}

static struct oomn_listener *listen_on(const char *path, int efd)
{
	struct oomn_listener *h = NULL;
	int r = try_listen(path, efd, &h);

	if (r != 0)
		die("cannot listen on %s: %s", path, strerror(-r));
	return h;
}

/* Polls what a program polls, until the eventfd has something. */
static uint64_t wait_signal(int efd)
{
	struct pollfd p = { .fd = listen_get_fd(l), .events = POLLIN };
	uint64_t n;

	while ((n = efd_take(efd)) == 0)
		if (poll(&p, 1, -1) < 0 || listen_dispatch(l) < 0)
			die("dispatch failed");
	return n;
}

/* Ooms of @path's own limit: one process may hit it twice before it dies. */
static uint64_t counted(const struct scratch *at, const char *path)
{
	return scratch_key(at, path, "memory.events.local", "oom");
}

/* Waits for as many signals as the kernel has counted ooms since it stood at @before. */
static void check_ooms(const char *what, int efd, uint64_t now, uint64_t before)
{
	uint64_t n = 0;

	while (n < now - before)
		n += wait_signal(efd);
	check_count(what, n, now - before);
}

static void dispatch(void)
{
	if (listen_dispatch(l) < 0)
		die("dispatch failed");
}

static void flush(void)
{
	if (listen_flush(l) < 0)
		die("flush failed");
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

/* Whether any timer of this process is running. */
static bool timer_runs(void)
{
	DIR *dir = opendir("/proc/self/fdinfo");
	struct dirent *e;
	bool runs = false;

	while ((e = readdir(dir))) {
		int fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC);
		char text[1024] = "";
		const char *value;

		(void)!read(fd, text, sizeof(text) - 1);
		(void)fd_close(fd);
		value = strstr(text, "it_value:");
		runs |= value && strncmp(value, "it_value: (0, 0)", 16) != 0;
	}
	closedir(dir);
	return runs;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("%s: %s", path, strerror(errno));
	(void)close(fd);
}

static void comes_by_itself(void)
{
	enum { N = 20 };
	int efd = efd_new(), in_time = 0;
	uint64_t n = 0;

	scratch_make(&s, "m", false);
	scratch_limit(&s, "m", SCRATCH_LIMIT);
	listen_on("m", efd);
	for (int i = 0; i < N; i++) {
		struct hog h = hog_start(&s, "m", hog_overrun);
		char c = 0;
		siginfo_t info = { 0 };

		if (write(h.go, &c, 1) != 1)
			die("a process has ended too early");
		n += wait_signal(efd);
		if (waitid(P_PID, (id_t)h.pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
		    info.si_pid == 0)
			in_time++;
		(void)hog_wait(&h);
	}
	while (n < counted(&s, "m"))
		n += wait_signal(efd);
	check_count("as many signals as ooms", n, counted(&s, "m"));
	printf("\tok %d kills came one by one, %d of them before the process had died\n", N,
	       in_time);
	(void)close(efd);
}

static void removal_comes_by_itself(void)
{
	int efd = efd_new(), other = efd_new();
	struct oomn_listener *h, *below;

	scratch_make(&s, "m", true);
	scratch_make(&s, "m/a", false);
	h = listen_on("m", efd);
	below = listen_on("m/a", other);
	scratch_remove(&s, "m/a");
	check_count("m/a removed: its listener", wait_signal(other), 1);
	check(listen_state(below) == LISTEN_ENDED, "it has ended");
	check(listen_state(h) == LISTEN_ALIVE, "that on m has not");
	scratch_remove(&s, "m");
	check_count("m removed: its listener", wait_signal(efd), 1);
	check(listen_state(h) == LISTEN_ENDED, "it has ended");
	check_count("removing a listener that has ended", (uint64_t)listen_remove(below), 0);
	scratch_make(&s, "m", false);
	check_count("m made anew: its error to register", (uint64_t)-try_listen("m", efd, &below),
		    0);
	flush();
	check_count("signals by that", efd_take(efd) + efd_take(other), 0);
}

/*
 * What an ancestor counted before the removal is told, although the removal is learned first: that
 * descriptor is ready already, for another cgroup that was removed before.
 */
static void oom_above_and_removal(void)
{
	int efd = efd_new();

	scratch_make(&s, "p", true);
	scratch_make(&s, "p/m", false);
	scratch_make(&s, "p/other", false);
	scratch_make(&s, "p/first", false);
	scratch_limit(&s, "p", SCRATCH_LIMIT);
	listen_on("p/m", efd);
	scratch_remove(&s, "p/first");
	scratch_oom(&s, "p/other");
	scratch_remove(&s, "p/m");
	flush();
	check_count("oom of p, removal of p/m", efd_take(efd), counted(&s, "p") + 1);
}

static void switch_controller(const char *parent, const char *word)
{
	int r = scratch_write(&s, parent, "cgroup.subtree_control", word);

	if (r < 0)
		die("%s: %s: %s", parent, word, strerror(-r));
}

/*
 * Until nothing is left to be done, and the kernel has nothing left to say, which may take it a slot.
 * Whose file is still on its list of ready descriptors learns that it is dead without being told.
 */
static void drain(void)
{
	struct pollfd p = { .fd = listen_get_fd(l), .events = POLLIN };

	do {
		if (poll(&p, 1, timer_runs() ? -1 : QUIET_MS) < 0)
			die("poll: %s", strerror(errno));
		dispatch();
	} while (timer_runs() || p.revents);
}

static void off_and_on(const char *with)
{
	int efd = efd_new();
	struct oomn_listener *h;
	uint64_t before;

	scratch_make(&s, "p", true);
	if (*with && scratch_write(&s, "", "cgroup.subtree_control", with) < 0) {
		printf("\tskipped: no %s here\n", with);
		return;
	}
	if (*with)
		switch_controller("p", with);
	scratch_make(&s, "p/m", false);
	scratch_limit(&s, "p/m", SCRATCH_LIMIT);
	h = listen_on("p/m", efd);
	scratch_oom(&s, "p/m");
	scratch_oom(&s, "p/m");
	check_ooms("two ooms", efd, counted(&s, "p/m"), 0);
	drain();
	switch_controller("p", "-memory");
	dispatch();
	check(listen_state(h) == LISTEN_ALIVE, "without memory it is not at its end");
	check(!timer_runs(), "no timer waits for it to come back");
	switch_controller("p", "+memory");
	before = counted(&s, "p/m");
	printf("\tthe kernel counts %s\n", before > 0 ? "on" : "anew");
	flush();
	check_count("switched off and on, signals", efd_take(efd), 0);
	scratch_limit(&s, "p/m", SCRATCH_LIMIT);
	scratch_oom(&s, "p/m");
	check_ooms("one more oom", efd, counted(&s, "p/m"), before);
	drain();
	/* Both at once, before anybody looked. */
	switch_controller("p", "-memory");
	switch_controller("p", "+memory");
	before = counted(&s, "p/m");
	scratch_limit(&s, "p/m", SCRATCH_LIMIT);
	scratch_oom(&s, "p/m");
	check_ooms("off, on, oom, all before a look", efd, counted(&s, "p/m"), before);
	flush();
	check_count("and no more", efd_take(efd), 0);
	scratch_remove(&s, "p/m");
	check_count("removed", wait_signal(efd), 1);
	check(listen_state(h) == LISTEN_ENDED, "that was its end");
}

static void switched_off_and_on(void)
{
	off_and_on("");
}

/* io's writeback needs memory, which is then only hidden when it is switched off. */
static void hidden_and_shown(void)
{
	if (machine)
		(void)scratch_write(&s, "..", "cgroup.subtree_control", "+io");
	off_and_on("+io");
}

static void off_then_removed(void)
{
	int efd = efd_new();

	scratch_make(&s, "p", true);
	scratch_make(&s, "p/m", false);
	listen_on("p/m", efd);
	switch_controller("p", "-memory");
	dispatch();
	scratch_remove(&s, "p/m");
	check_count("removed while memory was off", wait_signal(efd), 1);
}

/*
 * The kernel counts ooms in a loop until the usage is below the new limit: tens of thousands for one
 * victim that takes its time to die. Here it is at least one for each of many small ones.
 */
static void limit_lowered(void)
{
	enum { N = LOCAL_EVENTS_PASS_MAX + 32 };
	int efd = efd_new();
	uint64_t all;
	struct hog h[N];

	scratch_make(&s, "m", false);
	scratch_limit(&s, "m", 16 * SCRATCH_LIMIT);
	listen_on("m", efd);
	for (int i = 0; i < N; i++)
		h[i] = hog_start(&s, "m", hog_nothing);
	(void)scratch_write(&s, "m", "memory.max", "4096");
	for (int i = 0; i < N; i++)
		(void)hog_wait(&h[i]);
	all = counted(&s, "m");
	printf("\tthe kernel counted %" PRIu64 " for %d kills\n", all, N);
	check(all >= N, "enough to see a bound");
	flush();
	check_count("signals", efd_take(efd), LOCAL_EVENTS_PASS_MAX);
}

static void quiet_when_quiet(void)
{
	int efd = efd_new();
	struct hog h;

	scratch_make(&s, "m", false);
	scratch_limit(&s, "m", SCRATCH_LIMIT);
	listen_on("m", efd);
	check(!timer_runs(), "no timer before anything happened");
	h = hog_start(&s, "m", hog_lazyfree);
	hog_go(&h);
	/* The slot of the last wakeup is looked through, then the timer stops by itself. */
	drain();
	check(true, "no timer after `max` went by");
	check_count("signals", efd_take(efd), 0);
	hog_kill(&h);
}

static void descriptors(void)
{
	enum { N = 50 };
	size_t before, one = 0, all;
	struct oomn_listener *h[N];
	int efd = efd_new();
	char name[32];

	scratch_make(&s, "p", true);
	before = open_fds();
	for (int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "p/m%d", i);
		scratch_make(&s, name, false);
		h[i] = listen_on(name, efd);
		if (i == 0)
			one = open_fds();
	}
	all = open_fds();
	check_count("descriptors for each cgroup: its file and the eventfd", all - one,
		    2 * (N - 1));
	(void)listen_on("p/m0", efd);
	check_count("for a second listener on it: the eventfd", open_fds() - all, 1);
	for (int i = 1; i < N; i++)
		(void)listen_remove(h[i]);
	check_count("given back", open_fds(), one + 1);
	scratch_make(&s, "p/n", true);
	scratch_make(&s, "p/n/x", false);
	(void)listen_on("p/n", efd);
	all = open_fds();
	(void)listen_remove(listen_on("p/n/x", efd));
	check_count("after a child had a listener for a while", open_fds(), all);
	l = listen_close(l);
	check(open_fds() < before, "listen_close() gives back the rest");
}

static void too_many_open_files(void)
{
	struct rlimit old, low;
	struct oomn_listener *h = NULL;
	int efd = efd_new(), r = -EMFILE;
	size_t before, tries = 0;
	struct cgroup_at at;

	scratch_make(&s, "p", true);
	scratch_make(&s, "p/m", false);
	scratch_limit(&s, "p/m", SCRATCH_LIMIT);
	(void)listen_remove(listen_on("", efd)); /* what is opened once only */
	scratch_at(&s, "p/m", &at);
	before = open_fds();
	(void)getrlimit(RLIMIT_NOFILE, &old);
	/* At each place where a descriptor is needed. */
	for (low = old; r == -EMFILE; tries++) {
		low.rlim_cur = (rlim_t)at.fd + 1 + tries;
		(void)setrlimit(RLIMIT_NOFILE, &low);
		r = listen_add(l, &at, efd, NULL, &h);
		(void)setrlimit(RLIMIT_NOFILE, &old);
		if (r < 0)
			check_count("descriptors after -EMFILE", open_fds(), before);
	}
	scratch_at_close(&at);
	check_count("error with enough of them", (uint64_t)-r, 0);
	check(tries > 3, "it was refused several times before");
	scratch_oom(&s, "p/m");
	check_ooms("one oom", efd, counted(&s, "p/m"), 0);
}

static void unreadable_ancestor(void)
{
	struct oomn_listener *h;
	int efd = efd_new();

	scratch_make(&s, "p", true);
	scratch_make(&s, "p/m", false);
	scratch_limit(&s, "p/m", SCRATCH_LIMIT);
	if (chmod(scratch_path(&s, "p", "memory.events.local"), 0600) < 0)
		die("chmod: %s", strerror(errno));
	if (setgroups(0, NULL) < 0 || setegid(65534) < 0 || seteuid(65534) < 0)
		die("cannot be nobody: %s", strerror(errno));
	h = listen_on("p/m", efd);
	check_count("what it cannot see", listen_unseen(h), LISTEN_UNREADABLE);
	check_count("error for p itself", (uint64_t)-try_listen("p", efd, &h), EACCES);
	if (seteuid(0) < 0 || setegid(0) < 0)
		die("cannot be root again: %s", strerror(errno));
	scratch_oom(&s, "p/m");
	check_ooms("its own oom", efd, counted(&s, "p/m"), 0);
}

static void errors(void)
{
	struct oomn_listener *h = NULL;
	struct cgroup_at at;
	int efd = efd_new();

	scratch_make(&s, "m", true);
	scratch_make(&s, "m/a", false);
	switch_controller("m", "-memory");
	check_count("no memory files, error", (uint64_t)-try_listen("m/a", efd, &h), ENODEV);
	scratch_at(&s, "m/a", &at);
	scratch_remove(&s, "m/a");
	check_count("removed meanwhile, error", (uint64_t)-listen_add(l, &at, efd, NULL, &h),
		    ENODEV);
	scratch_at_close(&at);
	at = (struct cgroup_at){
		.hierarchy = HIERARCHY_V2, .fd = s.host.v2.root_fd, .path = (char[]){ "/" }, .id = 1
	};
	check_count("the root, error", (uint64_t)-listen_add(l, &at, efd, NULL, &h), EINVAL);
	check(!h, "no handle was made");
	check_count("signals", efd_take(efd), 0);
}

/* Seen from a cgroup namespace whose root is p: it has a limit of its own, unlike the real root. */
static void in_a_namespace_child(void)
{
	struct scratch outside = s;
	struct oomn_listener *h, *root;
	struct cgroup_at at = { .hierarchy = HIERARCHY_V2, .path = (char[]){ "/" } };
	int efd = efd_new(), on_root = efd_new();
	struct stat st;

	if (scratch_write(&outside, "p", "cgroup.procs", "0") < 0 ||
	    unshare(CLONE_NEWCGROUP | CLONE_NEWNS) < 0)
		die("no namespace: %s", strerror(errno));
	scratch_make(&outside, "p/self", false);
	scratch_make(&outside, "p/m", false);
	if (scratch_write(&outside, "p/self", "cgroup.procs", "0") < 0)
		die("cannot move");
	switch_controller("p", "+memory");
	scratch_limit(&outside, "p", SCRATCH_LIMIT);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/mnt", "cgroup2", 0, NULL) < 0)
		die("mount: %s", strerror(errno));
	s.host.v2.root_fd = open("/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s.host.v2.where = (char[]){ "/mnt" };
	s.host.v2.real_root = false;
	(void)snprintf(s.base, sizeof(s.base), "/mnt");
	if (s.host.v2.root_fd < 0 || fstat(s.host.v2.root_fd, &st) < 0 ||
	    listen_open(&l, &s.host, NULL) < 0)
		die("cannot begin: %s", strerror(errno));
	at.fd = s.host.v2.root_fd;
	at.id = st.st_ino;
	check_count("error for the visible root",
		    (uint64_t)-listen_add(l, &at, on_root, NULL, &root), 0);
	h = listen_on("m", efd);
	check_count("what it cannot see", listen_unseen(h), LISTEN_OUTSIDE);
	scratch_oom(&outside, "p/m");
	check_ooms("oom of the visible root's limit", efd, counted(&outside, "p"), 0);
	check_ooms("the listener on the root", on_root, counted(&outside, "p"), 0);
	l = listen_close(l);
}

static void in_a_namespace(void)
{
	int status;
	pid_t pid;

	if (mkdir("/mnt", 0755) < 0 && errno != EEXIST)
		die("/mnt: %s", strerror(errno));
	if (mkdir(scratch_path(&s, "p", ""), 0755) < 0)
		die("mkdir: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		in_a_namespace_child();
		fflush(NULL);
		_exit(checks_failed());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("no child: %s", strerror(errno));
	check(status == 0, "seen from a namespace");
}

static void no_inotify_watches(void)
{
	int efd = efd_new(), again = efd_new();
	struct oomn_listener *h;

	scratch_make(&s, "m", true);
	scratch_make(&s, "m/a", false);
	scratch_limit(&s, "m/a", SCRATCH_LIMIT);
	check(!listen_notice(l), "no notice");
	write_file("/proc/sys/fs/inotify/max_user_watches", "0");
	h = listen_on("m/a", efd);
	check(listen_notice(l) != NULL, "a notice");
	scratch_oom(&s, "m/a");
	check_ooms("oom", efd, counted(&s, "m/a"), 0);
	scratch_remove(&s, "m/a");
	check_count("removal", wait_signal(efd), 1);
	check(listen_state(h) == LISTEN_ENDED, "it has ended");
	(void)listen_remove(h);
	scratch_make(&s, "m/b", false);
	listen_on("m/b", again);
	write_file("/proc/sys/fs/inotify/max_user_watches", "8192");
	while (listen_notice(l)) {
		struct pollfd p = { .fd = listen_get_fd(l), .events = POLLIN };

		(void)poll(&p, 1, -1);
		dispatch();
	}
	check(!timer_runs(), "watched again, without a timer");
	scratch_remove(&s, "m/b");
	check_count("removal", wait_signal(again), 1);
}

static void inotify_overflow(void)
{
	int efd = efd_new();
	char name[32];

	write_file("/proc/sys/fs/inotify/max_queued_events", "16");
	l = listen_close(l);
	if (listen_open(&l, &s.host, NULL) < 0)
		die("listen_open failed");
	scratch_make(&s, "m", true);
	scratch_make(&s, "m/a", false);
	listen_on("m/a", efd);
	for (int i = 0; i < 64; i++) {
		(void)snprintf(name, sizeof(name), "m/x%d", i);
		scratch_make(&s, name, false);
		scratch_remove(&s, name);
	}
	scratch_remove(&s, "m/a");
	check_count("removal", wait_signal(efd), 1);
	write_file("/proc/sys/fs/inotify/max_queued_events", "16384");
}

static const struct {
	const char *name;
	void (*run)(void);
	bool machine;
} scenarios[] = {
	{ "an oom comes by itself", comes_by_itself, false },
	{ "a removal comes by itself", removal_comes_by_itself, false },
	{ "an oom above, then a removal", oom_above_and_removal, false },
	{ "memory switched off and on", switched_off_and_on, false },
	{ "memory hidden and shown", hidden_and_shown, false },
	{ "memory switched off, then removed", off_then_removed, false },
	{ "memory.max lowered below the usage", limit_lowered, false },
	{ "no timer when nothing happens", quiet_when_quiet, false },
	{ "descriptors", descriptors, false },
	{ "too many open files", too_many_open_files, false },
	{ "an ancestor that may not be read", unreadable_ancestor, false },
	{ "errors", errors, false },
	{ "a cgroup namespace", in_a_namespace, true },
	{ "no inotify watch left", no_inotify_watches, true },
	{ "inotify overflow", inotify_overflow, true },
};

int main(int argc, char **argv)
{
	int arg = 1;

	if (arg < argc && strcmp(argv[arg], "--machine") == 0) {
		machine = true;
		arg++;
	}
	scratch_open(&s, arg < argc ? argv[arg] : NULL);
	if (!s.v2) {
		scratch_close(&s);
		skip_all("no cgroup v2 with memory here");
	}
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		if (scenarios[i].machine && !machine)
			continue;
		printf("%s\n", scenarios[i].name);
		fflush(stdout);
		if (listen_open(&l, &s.host, NULL) < 0)
			die("listen_open failed");
		scenarios[i].run();
		l = listen_close(l);
		scratch_clear(&s, "p");
		scratch_clear(&s, "m");
	}
	scratch_close(&s);
	printf("%s\n", checks_failed() ? "FAILED" : "all as it must be");
	return checks_failed();
}
