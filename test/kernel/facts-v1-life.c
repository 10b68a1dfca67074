/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * v1: registrations, and what removal and renaming do to them
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kf.h"

/* One signal for each registration; a cgroup removed later has had its own by then. */
static void removal_signals_once(const struct kf *kf)
{
	uint64_t start, delay;
	struct cg c, later;
	int one, two, fence;

	cg_make(&kf->scratch, "c", &c);
	one = v1_listen(&c);
	two = v1_listen(&c);
	CHECK(v1_register(&c, two) == 0, "second registration");
	CHECK(efd_take(one) == 0 && efd_take(two) == 0, "signalled too early");
	start = now_us();
	cg_remove(&kf->scratch, "c");
	CHECK(fd_poll(one, POLLIN, KF_SOON_MS) == POLLIN, "no signal");
	delay = now_us() - start;

	cg_make(&kf->scratch, "later", &later);
	fence = v1_listen(&later);
	cg_remove(&kf->scratch, "later");
	CHECK(fd_poll(fence, POLLIN, KF_SOON_MS) == POLLIN, "no signal of the later one");
	CHECK(efd_take(one) == 1, "more than one signal");
	CHECK(efd_take(two) == 2, "not one for each registration");
	kf_figure("%" PRIu64 ".%" PRIu64 " ms", delay / 1000, delay / 100 % 10);
}

static int listen_with(const struct cg *c, const char *file, const char *args)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), fd = cg_open(c, file, O_RDONLY), r;
	char line[64];

	snprintf(line, sizeof(line), "%d %d %s", efd, fd, args);
	r = cg_try_write(c, "cgroup.event_control", line);
	CHECK(r == 0, "'%s': %s", line, strerror(-r));
	close(fd);
	return efd;
}

#define LISTENERS 30
#define ROUNDS 20

/* What is missing of one signal for each but the oldest, from the one that would be last. */
static int without_signal(const int efd[LISTENERS])
{
	int missing = 0;

	for (int l = 1; l < LISTENERS; l++)
		missing += efd_take(efd[l]) != 1;
	return missing;
}

/* To the first or the last processor that may be used. */
static void run_on(bool last)
{
	static cpu_set_t may;
	cpu_set_t one;
	size_t cpu = CPU_SETSIZE;

	if (CPU_COUNT(&may) == 0)
		CHECK(sched_getaffinity(0, sizeof(may), &may) == 0, "sched_getaffinity: %m");
	for (size_t i = 0; i < CPU_SETSIZE && (last || cpu == CPU_SETSIZE); i++)
		cpu = CPU_ISSET(i, &may) ? i : cpu;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0, "sched_setaffinity: %m");
}

/*
 * The kernel signals from a worker of the processor that removed the cgroup. This looks from another
 * one and without a pause, so that an order other than this one is seen.
 */
static void newest_first(const struct kf *kf)
{
	int efd[LISTENERS], missing;
	struct cg c;

	for (int i = 0; i < ROUNDS; i++) {
		cg_make(&kf->scratch, "c", &c);
		for (int l = 0; l < LISTENERS; l++)
			efd[l] = v1_listen(&c);
		run_on(false);
		cg_remove(&kf->scratch, "c");
		run_on(true);
		while (efd_take(efd[0]) == 0)
			;
		missing = without_signal(efd);
		CHECK(missing == 0, "round %d: the oldest has its signal, %d have not", i, missing);
		for (int l = 0; l < LISTENERS; l++)
			close(efd[l]);
		close(c.fd);
	}
	kf_figure("%d of %d", ROUNDS * (LISTENERS - 1), ROUNDS * (LISTENERS - 1));
}

/* A threshold that no usage reaches, registered before the listeners, tells of the removal alone. */
static void threshold_last(const struct kf *kf)
{
	int end, efd[LISTENERS], missing;
	struct cg c;

	for (int i = 0; i < ROUNDS; i++) {
		cg_make(&kf->scratch, "c", &c);
		end = listen_with(&c, "memory.usage_in_bytes", "-1");
		for (int l = 0; l < LISTENERS; l++)
			efd[l] = v1_listen(&c);
		if (i == 0) {
			cg_limit(kf, &c, KF_LIMIT);
			hog_oom(&c);
			CHECK(without_signal(efd) == 0, "the oom");
			CHECK(efd_take(efd[0]) == 1, "the oom");
		}
		CHECK(efd_take(end) == 0, "the threshold fired");
		run_on(false);
		cg_remove(&kf->scratch, "c");
		run_on(true);
		while (efd_take(end) == 0)
			;
		missing = without_signal(efd) + (efd_take(efd[0]) != 1);
		CHECK(missing == 0, "round %d: the threshold has its signal, %d have not", i,
		      missing);
		for (int l = 0; l < LISTENERS; l++)
			close(efd[l]);
		close(end);
		close(c.fd);
	}
	kf_figure("%d of %d", ROUNDS * LISTENERS, ROUNDS * LISTENERS);
}

static void parents_hear_nothing(const struct kf *kf)
{
	struct cg top, c, beside;
	int top_fd, beside_fd, own;

	cg_make(&kf->scratch, "top", &top);
	cg_make(&top, "c", &c);
	cg_make(&top, "beside", &beside);
	top_fd = v1_listen(&top);
	beside_fd = v1_listen(&beside);
	own = v1_listen(&c);
	cg_remove(&top, "c");
	CHECK(fd_poll(own, POLLIN, KF_SOON_MS) == POLLIN, "no signal");
	CHECK(efd_take(top_fd) == 0, "the parent's");
	CHECK(efd_take(beside_fd) == 0, "the sibling's");
}

static void ooms_and_removal_add_up(const struct kf *kf)
{
	uint64_t ooms;
	struct cg c;
	int before, all;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	before = v1_listen(&c);
	all = v1_listen(&c);
	hog_oom(&c);
	ooms = efd_take(before);
	CHECK(ooms > 0, "no oom");
	cg_remove(&kf->scratch, "c");
	CHECK(fd_poll(before, POLLIN, KF_SOON_MS) == POLLIN, "no signal of the removal");
	CHECK(fd_poll(all, POLLIN, KF_SOON_MS) == POLLIN, "nor here");
	/* the two are signalled one after the other: the last to come has to be waited for */
	for (uint64_t n = efd_take(all); n < ooms + 1; n += efd_take(all))
		CHECK(fd_poll(all, POLLIN, KF_SOON_MS) == POLLIN, "%" PRIu64 " in all", n);
	CHECK(efd_take(before) == 1, "more than the removal");
	CHECK(efd_take(all) == 0, "more than ooms and removal");
}

static void rename_is_silent(const struct kf *kf)
{
	struct cg c;
	int efd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	efd = v1_listen(&c);
	CHECK(renameat(kf->scratch.fd, "c", kf->scratch.fd, "d") == 0, "rename: %m");
	CHECK(fd_poll(efd, POLLIN, KF_NEVER_MS) == 0, "signalled");
	hog_oom(&c);
	CHECK(efd_take(efd) > 0, "the registration is lost");
}

/* Within its parent alone; who holds the directory open can learn its path. */
static void rename_stays_inside(const struct kf *kf)
{
	char link[64], path[KF_PATH] = "";
	struct cg c, other;

	cg_make(&kf->scratch, "c", &c);
	cg_make(&kf->scratch, "other", &other);
	CHECK(renameat(kf->scratch.fd, "c", other.fd, "c") != 0 && errno == EIO, "moved: %m");
	CHECK(renameat(kf->scratch.fd, "c", kf->scratch.fd, "d") == 0, "rename: %m");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", c.fd);
	CHECK(readlink(link, path, sizeof(path) - 1) > 2, "readlink: %m");
	CHECK(strcmp(path + strlen(path) - 2, "/d") == 0, "'%s'", path);
}

static void busy_rmdir_is_silent(const struct kf *kf)
{
	struct hog h;
	struct cg c;
	int efd;

	cg_make(&kf->scratch, "c", &c);
	efd = v1_listen(&c);
	h = hog_start(&c, 0, HOG_EXIT);
	CHECK(unlinkat(kf->scratch.fd, "c", AT_REMOVEDIR) < 0 && errno == EBUSY, "rmdir: %m");
	CHECK(fd_poll(efd, POLLIN, KF_NEVER_MS) == 0, "signalled");
	hog_kill(&h);
}

static int open_event_control(const struct cg *c)
{
	pid_t pid = hog_fork();
	int status;

	if (pid == 0) {
		if (setgroups(0, NULL) != 0 || setresgid(65534, 65534, 65534) != 0 ||
		    setresuid(65534, 65534, 65534) != 0)
			_exit(255);
		_exit(openat(c->fd, "cgroup.event_control", O_WRONLY | O_CLOEXEC) < 0 ? errno : 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "waitpid");
	CHECK(WEXITSTATUS(status) != 255, "cannot become nobody");
	return WEXITSTATUS(status);
}

static void who_may_register(const struct kf *kf)
{
	struct stat st;
	struct cg c;
	int r;

	if (geteuid() != 0)
		kf_skip("not root: cannot become somebody else");
	cg_make(&kf->scratch, "c", &c);
	CHECK(fstatat(c.fd, "cgroup.event_control", &st, 0) == 0, "stat: %m");
	r = open_event_control(&c);
	CHECK((st.st_mode & 0222) == 0222 || (st.st_mode & 0222) == 0200, "mode %o", st.st_mode);
	if (st.st_mode & 0002)
		CHECK(r == 0, "mode %o, uid 65534: %s", st.st_mode & 07777, strerror(r));
	else
		CHECK(r == EACCES, "mode %o, uid 65534: %s", st.st_mode & 07777, strerror(r));
	kf_figure("%04o, %s", st.st_mode & 07777, r == 0 ? "may" : "EACCES");
}

/* How one learns, without registering anything, whether the kernel takes registrations at all. */
static void malformed_is_refused(const struct kf *kf)
{
	static const char *const lines[] = { "", " ", "x", "1", "1 x", "-1 1" };
	struct cg c;
	int r;

	cg_make(&kf->scratch, "c", &c);
	for (size_t i = 1; i < sizeof(lines) / sizeof(lines[0]); i++) {
		r = cg_try_write(&c, "cgroup.event_control", lines[i]);
		if (r == -EOPNOTSUPP)
			kf_skip("cgroup.event_control refuses registrations (EOPNOTSUPP)");
		CHECK(r == -EINVAL, "'%s': %s", lines[i], strerror(-r));
	}
	r = cg_try_write(&c, "cgroup.event_control", lines[0]);
	CHECK(r == 0, "nothing written: %s", strerror(-r));
}

static void no_limit(const struct kf *kf)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char text[64];
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	CHECK(fd_text(cg_open(&c, "memory.limit_in_bytes", O_RDONLY), text, sizeof(text)) > 0,
	      "memory.limit_in_bytes");
	CHECK(strtoull(text, NULL, 10) == INT64_MAX / page * page, "%s", text);
}

static void dead_cgroup_refuses(const struct kf *kf)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), control, oom_control;
	char line[64];
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	control = cg_open(&c, "cgroup.event_control", O_WRONLY);
	oom_control = cg_open(&c, "memory.oom_control", O_RDONLY);
	cg_remove(&kf->scratch, "c");
	snprintf(line, sizeof(line), "%d %d", efd, oom_control);
	CHECK(write(control, line, strlen(line)) < 0 && errno == ENODEV, "write: %m");
	CHECK(efd_take(efd) == 0, "signalled");
}

/* Closing the control files changes nothing, closing the eventfd ends it. */
static void holds_no_file(const struct kf *kf)
{
	struct cg c;
	int efd, gone;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	efd = v1_listen(&c); /* which has closed both control files */
	gone = v1_listen(&c);
	close(gone);
	hog_oom(&c);
	CHECK(efd_take(efd) > 0, "not signalled");
	cg_remove(&kf->scratch, "c");
	CHECK(fd_poll(efd, POLLIN, KF_SOON_MS) == POLLIN, "no signal of the removal");
}

static void root_takes_and_is_silent(const struct kf *kf)
{
	struct cg c;
	int efd;

	efd = v1_listen(&kf->root);
	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	hog_oom(&c);
	CHECK(efd_take(efd) == 0, "signalled");
	CHECK(cg_try_write(&kf->root, "memory.oom_control", "1") == -EINVAL, "it can be disabled");
	CHECK(cg_try_write(&kf->root, "memory.oom_control", "0") == -EINVAL, "it can be enabled");
}

const struct kf_fact kf_v1_life_facts[] = {
	{ "v1-removal-signals-once", KF_V1, removal_signals_once,
	  "removing the cgroup signals every registration exactly once, some time after rmdir",
	  "no signal, a second one by the time a cgroup removed later has had its own",
	  "from rmdir to the signal" },
	{ "v1-removal-newest-first", KF_V1, newest_first,
	  "removal signals the newest registration first: once the oldest has its signal, all have",
	  "one of 30 listeners without its signal when the first registration has it",
	  "already signalled, of listeners" },
	{ "v1-removal-threshold-last", KF_V1, threshold_last,
	  "a usage threshold of -1 never fires; registered first, it is signalled at removal when "
	  "all oom listeners "
	  "have been",
	  "a threshold that fires at an oom; one of 30 listeners signalled after it",
	  "already signalled, of listeners" },
	{ "v1-removal-own-only", KF_V1, parents_hear_nothing,
	  "removal signals the listeners of that cgroup, not its parent's or siblings'",
	  "a signal there", NULL },
	{ "v1-ooms-plus-one", KF_V1, ooms_and_removal_add_up,
	  "an eventfd that was not read holds the ooms and one more for the removal",
	  "a total that is not the ooms of a second listener plus one", NULL },
	{ "v1-rename-silent", KF_V1, rename_is_silent,
	  "renaming a cgroup signals nobody and keeps registrations",
	  "a signal; none at the next oom", NULL },
	{ "v1-rename-inside-parent", KF_V1, rename_stays_inside,
	  "a cgroup can be renamed within its parent only (EIO); a descriptor of its directory "
	  "tells the new path",
	  "a move to another parent, another error, the old path", NULL },
	{ "v1-busy-rmdir-silent", KF_V1, busy_rmdir_is_silent,
	  "a refused rmdir of a populated cgroup signals nobody", "a signal, or a rmdir that works",
	  NULL },
	{ "v1-event-control-mode", KF_V1, who_may_register,
	  "cgroup.event_control has mode 0222, where anybody may open it, or 0200, where only root "
	  "may",
	  "another mode; an open as uid 65534 that does not follow from it", "mode, uid 65534" },
	{ "v1-malformed-refused", KF_V1, malformed_is_refused,
	  "a registration without two numbers is EINVAL, an empty one changes nothing",
	  "another answer", NULL },
	{ "v1-no-limit", KF_V1, no_limit,
	  "no limit reads as the largest number of whole pages in a signed 64 bit number",
	  "another number in a new cgroup", NULL },
	{ "v1-dead-cgroup", KF_V1, dead_cgroup_refuses,
	  "registering through descriptors of a removed cgroup gives ENODEV", "another answer",
	  NULL },
	{ "v1-holds-no-file", KF_V1, holds_no_file,
	  "a registration outlives the control files it was made with, and an eventfd that was "
	  "closed "
	  "disturbs nobody",
	  "no signal after both control files were closed", NULL },
	{ "v1-root-silent", KF_V1 | KF_MACHINE, root_takes_and_is_silent,
	  "the root takes registrations and never signals them; every write to its "
	  "memory.oom_control is "
	  "EINVAL",
	  "a refused registration, a signal, a write that works", NULL },
	{ 0 },
};
