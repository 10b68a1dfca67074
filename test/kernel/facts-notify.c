/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How v2 tells: EPOLLPRI and inotify on memory.events
 *
 * A wakeup says that something changed. Whether it comes at all is checked by waiting for it;
 * nothing here compares times, but for the rate, where the kernel promises a least distance.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "kf.h"

/* HZ/100 ticks, in ticks of whatever length: 8 ms at HZ=250, 10 ms at 100, 300 and 1000 */
#define SLOT_MIN_US 8000

/* Waits until @key of @fd, behind @epfd, reaches 1; returns the wakeups that took. */
static int wait_for_key(int epfd, int fd, const char *key)
{
	int woken = 0;

	while (fd_key(fd, key) == 0) {
		CHECK(pri_wait(epfd, KF_SOON_MS), "no wakeup while %s is 0", key);
		woken++;
	}
	return woken;
}

static void pri_wakes(const struct kf *kf)
{
	int fd, epfd, woken;
	struct hog h;
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	fd = cg_open(&c, "memory.events", O_RDONLY);
	h = hog_start(&c, 0, HOG_OVERRUN);
	CHECK(fd_key(fd, "oom") == 0, "an oom too early");
	epfd = pri_open(fd);
	CHECK(!pri_wait(epfd, 0), "ready although nothing happened");
	hog_go(&h);
	woken = wait_for_key(epfd, fd, "oom_kill");
	CHECK(woken > 0, "never woken");
	hog_wait(&h);
	kf_figure("%d", woken);
}

static void pri_wakes_ancestor(const struct kf *kf)
{
	struct cg top, mid, leaf;
	int fd, epfd, woken;
	struct hog h;

	cg_make_inner(kf, &kf->scratch, "top", &top);
	cg_make_inner(kf, &top, "mid", &mid);
	cg_make(&mid, "leaf", &leaf);
	cg_limit(kf, &leaf, KF_LIMIT);
	fd = cg_open(&top, "memory.events", O_RDONLY);
	h = hog_start(&leaf, 0, HOG_OVERRUN);
	CHECK(fd_key(fd, "oom") == 0, "an oom too early");
	epfd = pri_open(fd);
	hog_go(&h);
	woken = wait_for_key(epfd, fd, "oom_kill");
	CHECK(woken > 0, "never woken");
	hog_wait(&h);
	kf_figure("%d", woken);
}

static void poll_before_read(const struct kf *kf)
{
	_cleanup_close_ int fd = -1;
	struct cg c;
	short got;

	cg_make(&kf->scratch, "c", &c);
	fd = cg_open(&c, "memory.events", O_RDONLY);
	got = fd_poll(fd, POLLPRI, 0);
	CHECK(got == (POLLPRI | POLLERR), "before the first read: %#x", (unsigned)got);
	fd_key(fd, "oom");
	got = fd_poll(fd, POLLPRI, 0);
	CHECK(got == 0, "after it: %#x", (unsigned)got);
}

static void pread_rereads(const struct kf *kf)
{
	char a[512] = "", b[512] = "";
	struct cg c;
	int fd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	fd = cg_open(&c, kf->events, O_RDONLY);
	CHECK(pread(fd, a, sizeof(a) - 1, 0) > 0, "pread: %m");
	hog_oom(&c);
	CHECK(pread(fd, b, sizeof(b) - 1, 0) > 0, "pread: %m");
	CHECK(strstr(a, "oom_kill 0\n") && strstr(b, "oom_kill 1\n"), "'%s' then '%s'", a, b);
}

static void inotify_modify(const struct kf *kf)
{
	const struct inotify_event *e;
	struct ino ino;
	struct cg c;
	int wd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	ino_open(&ino);
	wd = ino_add(&ino, &c, "memory.events", IN_MODIFY);
	hog_oom(&c);
	e = ino_next(&ino, KF_SOON_MS);
	CHECK(e && e->wd == wd && (e->mask & IN_MODIFY), "no IN_MODIFY");
}

/* Its own oom wakes who waits on memory.events.local, a child's does not. */
static void local_pri(const struct kf *kf)
{
	struct cg top, leaf;
	int fd, events, epfd;
	struct hog h;

	cg_make_inner(kf, &kf->scratch, "top", &top);
	cg_make(&top, "leaf", &leaf);
	cg_limit(kf, &leaf, KF_LIMIT);
	fd = cg_open(&top, "memory.events.local", O_RDONLY);
	events = cg_open(&top, "memory.events", O_RDONLY);
	h = hog_start(&leaf, 0, HOG_OVERRUN);
	fd_key(fd, "oom");
	epfd = pri_open(fd);
	fd_key(events, "oom");
	hog_go(&h);
	wait_for_key(pri_open(events), events, "oom_kill");
	hog_wait(&h);
	CHECK(!pri_wait(epfd, KF_NEVER_MS), "woken by a child's");

	cg_limit(kf, &leaf, 4 * KF_LIMIT);
	cg_limit(kf, &top, KF_LIMIT);
	h = hog_start(&leaf, 0, HOG_OVERRUN);
	hog_go(&h);
	wait_for_key(epfd, fd, "oom");
	hog_wait(&h);
}

/* Why nobody should watch directories for IN_MODIFY: an open file in them reports its counters. */
static void dir_told_of_counters(const struct kf *kf)
{
	const struct inotify_event *e;
	struct ino ino;
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	cg_open(&c, "memory.events", O_RDONLY);
	ino_open(&ino);
	ino_add(&ino, &c, NULL, IN_MODIFY);
	hog_oom(&c);
	do
		e = ino_next(&ino, KF_SOON_MS);
	while (e && strcmp(e->name, "memory.events") != 0);
	CHECK(e, "no IN_MODIFY with the name memory.events");
}

/* A storm of max, each of which notifies. */
static void rate(const struct kf *kf)
{
	const unsigned enough = 50;
	uint64_t start, last, now, least = UINT64_MAX, max, allowed;
	unsigned woken = 0;
	struct hog h;
	struct cg c;
	int fd, epfd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	fd = cg_open(&c, "memory.events", O_RDONLY);
	h = hog_start(&c, 0, HOG_LAZYFREE);
	max = fd_key(fd, "max");
	epfd = pri_open(fd);
	start = last = now_us();
	hog_go(&h);
	while (woken < enough) {
		CHECK(pri_wait(epfd, KF_SOON_MS), "no wakeup");
		now = now_us();
		if (woken > 0 && now - last < least)
			least = now - last;
		last = now;
		woken++;
		fd_key(fd, "max");
	}
	max = fd_key(fd, "max") - max;
	hog_kill(&h);
	/* a slot may be open at the start, and one at the end */
	allowed = (last - start) / SLOT_MIN_US + 2;
	CHECK(woken <= allowed, "%u wakeups in %" PRIu64 " us", woken, last - start);
	kf_figure("%u / %" PRIu64 " / %" PRIu64 " / %" PRIu64, woken, max, (last - start) / 1000,
		  least / 1000);
}

const struct kf_fact kf_notify_facts[] = {
	{ "pri-wakes", KF_V2, pri_wakes,
	  "EPOLLPRI on an open memory.events wakes for an oom and its kill",
	  "no wakeup while the counter still reads 0", "wakeups until the kill was read" },
	{ "pri-wakes-ancestor", KF_V2, pri_wakes_ancestor,
	  "an oom in a leaf wakes who waits on memory.events of an ancestor, two levels up",
	  "no wakeup while the ancestor's counter still reads 0",
	  "wakeups until the kill was read" },
	{ "pri-set-until-read", KF_V2, poll_before_read,
	  "a newly opened memory.events polls POLLPRI|POLLERR until it is read once",
	  "anything else before the read, or anything after it", NULL },
	{ "pread-rereads", KF_ANY, pread_rereads,
	  "pread(fd, ..., 0) on the open file reads the counters anew",
	  "a second read that is as old", NULL },
	{ "inotify-modify", KF_V2, inotify_modify,
	  "inotify on memory.events gives IN_MODIFY for an oom", "no IN_MODIFY", NULL },
	{ "local-pri-own-only", KF_V2, local_pri,
	  "EPOLLPRI on memory.events.local wakes for the cgroup's own oom and not for a child's",
	  "a wakeup by the child's; none by its own", NULL },
	{ "directory-told-of-counters", KF_V2, dir_told_of_counters,
	  "inotify for IN_MODIFY on the directory reports memory.events too, while somebody holds "
	  "it open",
	  "no IN_MODIFY with that name", NULL },
	{ "notify-rate", KF_V2, rate,
	  "each file is notified at most once per HZ/100 ticks (about 10 ms), however much is "
	  "counted",
	  "more than one wakeup per 8 ms on the whole",
	  "wakeups / max counted / in ms / smallest gap in ms" },
	{ 0 },
};
