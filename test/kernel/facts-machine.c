/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can only be tried in a machine of one's own: limits of inotify, the machine itself out of
 * memory, and a remount of the whole hierarchy, which comes last.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "kf.h"

#define WATCHES "/proc/sys/fs/inotify/max_user_watches"

static unsigned long read_number(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[64];

	CHECK(fd >= 0 && fd_text(fd, text, sizeof(text)) > 0, "%s: %m", path);
	return strtoul(text, NULL, 10);
}

static bool write_number(const char *path, unsigned long n)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && dprintf(fd, "%lu", n) > 0;
}

static void watches(const struct kf *kf)
{
	unsigned long n = read_number(WATCHES);
	struct ino ino;

	ino_open(&ino);
	ino_add(&ino, &kf->scratch, NULL, IN_CREATE);
	CHECK(n > 0, "no watch allowed, one taken");
	kf_figure("%lu", n);
}

/* Watches on cgroup directories until there are no more. */
static void watches_end(const struct kf *kf)
{
	unsigned long was = read_number(WATCHES);
	char path[64], name[16];
	int n, wd = 0;
	struct ino ino;
	struct cg c;

	ino_open(&ino);
	CHECK(write_number(WATCHES, 8), "%s: %m", WATCHES);
	for (n = 0; n < 32 && wd >= 0; n++) {
		snprintf(name, sizeof(name), "c%d", n);
		cg_make(&kf->scratch, name, &c);
		snprintf(path, sizeof(path), "/proc/self/fd/%d/.", c.fd);
		wd = inotify_add_watch(ino.fd, path, IN_CREATE);
	}
	n = wd < 0 ? errno : 0;
	CHECK(write_number(WATCHES, was), "%s: %m", WATCHES);
	CHECK(wd < 0 && n == ENOSPC, "root, 8 allowed: %s", strerror(n));
}

/* Events that differ from the one before, as equal ones are merged. */
static void overflow(const struct kf *kf)
{
	const char *const path = "/proc/sys/fs/inotify/max_queued_events";
	unsigned long was = read_number(path);
	const struct inotify_event *e;
	bool told = false;
	struct ino ino;
	struct cg c;

	CHECK(write_number(path, 8), "%s: %m", path);
	ino_open(&ino);
	CHECK(write_number(path, was), "%s: %m", path);
	ino_add(&ino, &kf->scratch, NULL, IN_CREATE | IN_DELETE);
	for (int i = 0; i < 8; i++) {
		cg_make(&kf->scratch, "c", &c);
		cg_remove(&kf->scratch, "c");
		close(c.fd);
	}
	for (int i = 0; (e = ino_next(&ino, 0)); i++) {
		told |= (e->mask & IN_Q_OVERFLOW) && e->wd == -1;
		CHECK(!told || i == 8, "overflow as event %d", i);
	}
	CHECK(told, "no IN_Q_OVERFLOW");
}

/* A process in @c that takes all memory of the machine. */
static void all_memory(const struct cg *c)
{
	struct hog h = hog_start(c, 0, HOG_EVERYTHING);
	int status;

	hog_go(&h);
	status = hog_wait(&h);
	CHECK(killed_by_oom(status), "wait status %#x", (unsigned)status);
}

static void global_oom(const struct kf *kf)
{
	uint64_t before = vmstat_key("oom_kill"), in_root, in_cgroup;
	struct cg c;
	int efd = -1;

	cg_make(&kf->scratch, "c", &c);
	if (!kf->v2)
		efd = v1_listen(&c);

	all_memory(&kf->root);
	in_root = vmstat_key("oom_kill") - before;
	CHECK(in_root == 1, "vmstat of a kill in the root: %" PRIu64, in_root);
	CHECK(cg_local(kf, &c, "oom_kill") == 0, "counted in a cgroup");
	CHECK(cg_key(&kf->scratch, kf->events, "oom_kill") == 0, "counted in the scratch cgroup");

	all_memory(&c);
	in_cgroup = vmstat_key("oom_kill") - before - in_root;
	CHECK(in_cgroup == 1, "vmstat of a kill in a cgroup: %" PRIu64, in_cgroup);
	CHECK(cg_local(kf, &c, "oom_kill") == 1, "not counted in the victim's cgroup");
	if (kf->v2) {
		CHECK(cg_key(&kf->scratch, "memory.events", "oom_kill") == 1, "not above it");
		CHECK(cg_key(&kf->scratch, "memory.events", "oom") == 0, "an oom counted");
	} else {
		CHECK(efd_take(efd) == 0, "signalled");
	}
	kf_figure("%" PRIu64 " / %" PRIu64, in_root, in_cgroup);
}

static void remount(const struct kf *kf, const char *options)
{
	CHECK(mount("none", kf->root.path, NULL, MS_REMOUNT, options) == 0,
	      "remount %s with '%s': %m", kf->root.path, options);
}

/* The same as newer mount(8) does it: the file system is changed, and no mount is touched. */
static void reconfigure(const struct kf *kf, const char *options)
{
	long fd = syscall(SYS_fspick, AT_FDCWD, kf->root.path, 0L);
	char words[KF_PATH + 32], *rest = words, *word;

	CHECK(fd >= 0, "fspick: %m");
	snprintf(words, sizeof(words), "%s", options);
	while ((word = strsep(&rest, ","))) {
		if (strcmp(word, "rw") == 0 || strcmp(word, "ro") == 0)
			continue;
		CHECK(syscall(SYS_fsconfig, fd, FSCONFIG_SET_FLAG, word, NULL, 0L) == 0, "%s: %m",
		      word);
	}
	CHECK(syscall(SYS_fsconfig, fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0L) == 0,
	      "fsconfig: %m");
	close((int)fd);
}

static void remount_elsewhere(const struct kf *kf, const char *options)
{
	pid_t pid = hog_fork();
	int status;

	if (pid == 0) {
		if (unshare(CLONE_NEWNS) != 0)
			_exit(2);
		remount(kf, options);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "remount elsewhere: %#x",
	      (unsigned)status);
}

static bool told_by_mountinfo(int fd)
{
	char text[8192];
	bool told = fd_poll(fd, POLLPRI, KF_NEVER_MS) != 0;

	fd_text(fd, text, sizeof(text));
	return told;
}

static bool localevents_on(void)
{
	char options[KF_PATH];

	kf_mount_options(true, options);
	return strstr(options, "memory_localevents") != NULL;
}

/* Whether the mountinfo of this process tells of a remount, by how it is made. */
static void localevents_told(const struct kf *kf)
{
	bool here, by_fsconfig, elsewhere;
	char was[KF_PATH], with[KF_PATH + 32];
	int mounts;

	kf_mount_options(true, was);
	snprintf(with, sizeof(with), "%s,memory_localevents", was);
	mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	told_by_mountinfo(mounts);
	CHECK(!told_by_mountinfo(mounts), "told although nothing happened");

	remount(kf, with);
	CHECK(localevents_on(), "mountinfo does not show it");
	here = told_by_mountinfo(mounts);
	remount_elsewhere(kf, was);
	CHECK(!localevents_on(), "mountinfo still shows it");
	elsewhere = told_by_mountinfo(mounts);
	reconfigure(kf, with);
	CHECK(localevents_on(), "mountinfo does not show it, after fsconfig");
	by_fsconfig = told_by_mountinfo(mounts);
	remount(kf, was);
	kf_figure("%s / %s / %s", here ? "yes" : "no", by_fsconfig ? "yes" : "no",
		  elsewhere ? "yes" : "no");
	CHECK(here, "not told of a remount in the own mount namespace");
}

/* What was counted while it was on is missing above for ever. */
static void localevents(const struct kf *kf)
{
	char was[KF_PATH], with[KF_PATH + 32];
	struct cg top, leaf;
	uint64_t n[3];

	kf_mount_options(true, was);
	snprintf(with, sizeof(with), "%s,memory_localevents", was);
	cg_make_inner(kf, &kf->scratch, "top", &top);
	cg_make(&top, "leaf", &leaf);
	cg_limit(kf, &leaf, KF_LIMIT);
	hog_oom(&leaf);
	n[0] = cg_key(&top, "memory.events", "oom_kill");
	remount(kf, with);
	hog_oom(&leaf);
	n[1] = cg_key(&top, "memory.events", "oom_kill");
	CHECK(cg_key(&leaf, "memory.events", "oom_kill") == 2, "the leaf's");
	remount(kf, was);
	hog_oom(&leaf);
	n[2] = cg_key(&top, "memory.events", "oom_kill");
	CHECK(cg_key(&leaf, "memory.events", "oom_kill") == 3, "the leaf's");
	kf_figure("%" PRIu64 " %" PRIu64 " %" PRIu64, n[0], n[1], n[2]);
	CHECK(n[0] == 1 && n[1] == 1 && n[2] == 2, "the parent's");
}

const struct kf_fact kf_machine_facts[] = {
	{ "inotify-watches", KF_ANY, watches, "the number of inotify watches per user is limited",
	  "no watch possible", "fs.inotify.max_user_watches" },
	{ "inotify-watches-end", KF_ANY | KF_MACHINE, watches_end,
	  "one watch too many gives ENOSPC, for root as well", "32 watches where 8 are allowed",
	  NULL },
	{ "inotify-overflow", KF_ANY | KF_MACHINE, overflow,
	  "events beyond fs.inotify.max_queued_events are dropped; IN_Q_OVERFLOW with wd -1 "
	  "follows the last "
	  "that was kept",
	  "no IN_Q_OVERFLOW, or not at the end", NULL },
	{ "global-oom", KF_ANY | KF_MACHINE, global_oom,
	  "the machine itself out of memory: /proc/vmstat counts each kill; one in the root cgroup "
	  "shows in no "
	  "other file; one in a cgroup counts there without an oom, and v1 does not signal",
	  "a vmstat count other than 1 each; a kill counted elsewhere; an oom or a signal",
	  "vmstat for the kill in the root / in a cgroup" },
	{ "localevents", KF_V2 | KF_MACHINE, localevents,
	  "after a remount with memory_localevents an ancestor's memory.events keeps what it had "
	  "and no longer "
	  "grows; after a remount without it it grows again, and lacks for ever what came in "
	  "between",
	  "a parent that does not read 1, 1 and 2",
	  "the parent's oom_kill after one kill before, one with it, one after" },
	{ "localevents-told", KF_V2 | KF_MACHINE, localevents_told,
	  "mountinfo shows memory_localevents, however it was set; a poll of it is woken by "
	  "mount(2) in the own "
	  "mount namespace",
	  "a mountinfo that does not show it; no POLLPRI for a remount in the own mount namespace",
	  "mountinfo polls: mount(2) here / fsconfig here / mount(2) in another mount namespace" },
	{ 0 },
};
