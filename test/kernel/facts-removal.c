/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is left when a cgroup is removed, and who is told
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/flat_keyed.h"
#include "kf.h"

static void removed_file(const struct kf *kf)
{
	char text[512];
	struct cg c;
	short got;
	int fd;

	cg_make(&kf->scratch, "c", &c);
	fd = cg_open(&c, kf->events, O_RDONLY);
	fd_key(fd, "oom_kill");
	CHECK(fd_poll(fd, POLLPRI, 0) == 0, "ready before");
	cg_remove(&kf->scratch, "c");
	got = fd_poll(fd, POLLPRI, 0);
	CHECK(got == (POLLPRI | POLLERR), "poll: %#x", (unsigned)got);
	CHECK(pread(fd, text, sizeof(text), 0) < 0 && errno == ENODEV, "pread: %m");
	CHECK(openat(c.fd, kf->events, O_RDONLY | O_CLOEXEC) < 0 && errno == ENOENT, "openat: %m");
}

/* One thread blocked on the counters' file and on a bell. */
struct blocked {
	int fd, bell, epfd;
	bool by_poll;
	atomic_int about_to; /* the thread's id, once all that is left to do is to block */
	atomic_bool rung;
	bool woken_before; /* it returned before the bell was rung */
	uint32_t told;     /* what it was told of fd */
};

static void *block(void *arg)
{
	struct blocked *b = arg;
	struct pollfd p[2] = { { .fd = b->fd, .events = POLLPRI },
			       { .fd = b->bell, .events = POLLIN } };
	struct epoll_event ev[2] = { 0 };
	int n;

	b->about_to = gettid();
	n = b->by_poll ? poll(p, 2, -1) : epoll_wait(b->epfd, ev, 2, -1);
	b->woken_before = !b->rung;
	b->told = (uint32_t)p[0].revents;
	for (int i = 0; !b->by_poll && i < n; i++)
		b->told |= ev[i].data.fd == b->fd ? ev[i].events : 0;
	return NULL;
}

static bool sleeps(pid_t tid)
{
	char path[64], text[512], *state;
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_text(fd, text, sizeof(text)) <= 0)
		return false;
	state = strrchr(text, ')');
	return state && state[1] == ' ' && state[2] == 'S';
}

static pthread_t blocked_start(struct blocked *b, int fd, bool by_poll)
{
	struct epoll_event ev = { .events = EPOLLPRI, .data.fd = fd };
	pthread_t t;

	*b = (struct blocked){ .fd = fd, .by_poll = by_poll };
	b->bell = eventfd(0, EFD_CLOEXEC);
	b->epfd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(b->bell >= 0 && b->epfd >= 0, "eventfd, epoll: %m");
	CHECK(epoll_ctl(b->epfd, EPOLL_CTL_ADD, fd, &ev) == 0, "epoll_ctl: %m");
	ev = (struct epoll_event){ .events = EPOLLIN, .data.fd = b->bell };
	CHECK(epoll_ctl(b->epfd, EPOLL_CTL_ADD, b->bell, &ev) == 0, "epoll_ctl: %m");
	CHECK(pthread_create(&t, NULL, block, b) == 0, "pthread_create");
	while (b->about_to == 0 || !sleeps(b->about_to))
		usleep(1000);
	return t;
}

static void blocked_end(struct blocked *b, pthread_t t)
{
	b->rung = true;
	CHECK(eventfd_write(b->bell, 1) == 0, "eventfd: %m");
	CHECK(pthread_join(t, NULL) == 0, "pthread_join");
}

/* The same waiters are woken when there is something to tell, so that silence means something. */
static void blocked_are_woken_by_oom(const struct kf *kf, const struct cg *c, int fd)
{
	struct blocked in_poll, in_epoll;
	pthread_t p, e;

	fd_key(fd, "oom_kill");
	p = blocked_start(&in_poll, fd, true);
	e = blocked_start(&in_epoll, fd, false);
	cg_limit(kf, c, KF_LIMIT);
	hog_oom(c);
	pthread_join(p, NULL);
	pthread_join(e, NULL);
	CHECK(in_poll.woken_before && in_epoll.woken_before, "not by the oom");
}

static void blocked_not_woken(const struct kf *kf)
{
	struct epoll_event ev = { .events = EPOLLPRI };
	struct blocked in_poll, in_epoll;
	struct ino ino;
	pthread_t p, e;
	struct cg c;
	int fd, n;

	cg_make(&kf->scratch, "c", &c);
	fd = cg_open(&c, kf->events, O_RDONLY);
	if (kf->v2)
		blocked_are_woken_by_oom(kf, &c, fd);
	ino_open(&ino);
	ino_add(&ino, &kf->scratch, NULL, IN_DELETE);
	/* of an oom before, nothing may be left to tell */
	while (fd_key(fd, "oom_kill"), fd_poll(fd, POLLPRI, KF_NEVER_MS) != 0)
		;
	p = blocked_start(&in_poll, fd, true);
	e = blocked_start(&in_epoll, fd, false);
	cg_remove(&kf->scratch, "c");
	CHECK(ino_next(&ino, KF_SOON_MS), "no IN_DELETE");
	usleep(KF_NEVER_MS * 1000);
	blocked_end(&in_poll, p);
	blocked_end(&in_epoll, e);
	CHECK(!in_poll.woken_before, "poll was woken");
	CHECK(!in_epoll.woken_before, "epoll_wait was woken");
	CHECK(in_poll.told != 0, "poll that goes through its list anew does not see it either");
	CHECK(in_epoll.told == 0, "epoll_wait told %#x", in_epoll.told);
	/* epoll asks a file again only when it was woken, or changed */
	eventfd_read(in_epoll.bell, &(eventfd_t){ 0 });
	n = epoll_wait(in_epoll.epfd, &ev, 1, KF_NEVER_MS);
	CHECK(n == 0, "a later epoll_wait sees it");
	ev = (struct epoll_event){ .events = EPOLLPRI };
	CHECK(epoll_ctl(in_epoll.epfd, EPOLL_CTL_MOD, fd, &ev) == 0, "epoll_ctl: %m");
	n = epoll_wait(in_epoll.epfd, &ev, 1, 0);
	CHECK(n == 1 && ev.events == (EPOLLPRI | EPOLLERR), "after EPOLL_CTL_MOD: %d, %#x", n,
	      ev.events);
}

/* What inotify tells of the removed cgroup's own directory and file differs; the parent's does not. */
static void own_watches_at_removal(const struct kf *kf)
{
	const struct inotify_event *e;
	uint32_t of_dir = 0, of_file = 0;
	struct ino own, parent;
	struct cg c;
	int dir, file;

	cg_make(&kf->scratch, "c", &c);
	ino_open(&own);
	ino_open(&parent);
	dir = ino_add(&own, &c, NULL, IN_ALL_EVENTS & ~(uint32_t)(IN_OPEN | IN_CLOSE | IN_ACCESS));
	file = ino_add(&own, &c, kf->events, IN_DELETE_SELF | IN_MODIFY | IN_ATTRIB);
	ino_add(&parent, &kf->scratch, NULL, IN_DELETE);
	close(c.fd);
	cg_remove(&kf->scratch, "c");
	e = ino_next(&parent, KF_SOON_MS);
	CHECK(e && e->mask == (IN_DELETE | IN_ISDIR) && strcmp(e->name, "c") == 0, "the parent's");
	while ((e = ino_next(&own, KF_NEVER_MS))) {
		of_dir |= e->wd == dir ? e->mask : 0;
		of_file |= e->wd == file ? e->mask : 0;
	}
	CHECK(!(of_file & IN_MODIFY), "IN_MODIFY on the removed file");
	kf_figure("%s%s%s / %s%s%s", of_dir & IN_DELETE_SELF ? "DELETE_SELF " : "",
		  of_dir & IN_IGNORED ? "IGNORED" : "", of_dir ? "" : "silent",
		  of_file & IN_DELETE_SELF ? "DELETE_SELF " : "",
		  of_file & IN_IGNORED ? "IGNORED" : "", of_file ? "" : "silent");
}

#define SHORT_LIVED 60

/* Reads each cgroup's own memory.events as soon as it is woken, as a notifier would. */
struct reader {
	int epfd;
	atomic_bool stop;
	int fd[SHORT_LIVED];
	int inotify[SHORT_LIVED];
	bool by_pri[SHORT_LIVED], by_inotify[SHORT_LIVED];
};

static bool shows_kill(int fd)
{
	char text[512];
	uint64_t v = 0;

	return fd_text(fd, text, sizeof(text)) > 0 && flat_keyed_u64(text, "oom_kill", &v) == 0 &&
	       v > 0;
}

static void *read_when_woken(void *arg)
{
	struct reader *r = arg;
	struct epoll_event ev;
	char buf[4096];
	uint32_t i;

	while (!r->stop) {
		if (epoll_wait(r->epfd, &ev, 1, 20) != 1)
			continue;
		i = ev.data.u32 / 2;
		if (ev.data.u32 % 2) {
			if (read(r->inotify[i], buf, sizeof(buf)) > 0 && shows_kill(r->fd[i]))
				r->by_inotify[i] = true;
		} else if (shows_kill(r->fd[i])) {
			r->by_pri[i] = true;
		}
	}
	return NULL;
}

static void reader_add(struct reader *r, uint32_t i, const struct cg *c)
{
	struct epoll_event ev = { .events = EPOLLPRI | EPOLLET, .data.u32 = 2 * i };
	struct ino ino;

	r->fd[i] = cg_open(c, "memory.events", O_RDONLY);
	CHECK(!shows_kill(r->fd[i]), "a kill in %s already", c->path);
	ino_open(&ino);
	ino_add(&ino, c, "memory.events", IN_MODIFY);
	r->inotify[i] = ino.fd;
	CHECK(epoll_ctl(r->epfd, EPOLL_CTL_ADD, r->fd[i], &ev) == 0, "epoll_ctl: %m");
	ev = (struct epoll_event){ .events = EPOLLIN | EPOLLET, .data.u32 = 2 * i + 1 };
	CHECK(epoll_ctl(r->epfd, EPOLL_CTL_ADD, r->inotify[i], &ev) == 0, "epoll_ctl: %m");
}

static void ancestor_keeps_kills(const struct kf *kf)
{
	static struct reader r;
	int pri = 0, inotify = 0;
	uint64_t kills;
	struct cg c;
	char name[16];
	pthread_t t;

	r.epfd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(pthread_create(&t, NULL, read_when_woken, &r) == 0, "pthread_create");
	for (uint32_t i = 0; i < SHORT_LIVED; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		cg_make(&kf->scratch, name, &c);
		cg_limit(kf, &c, KF_LIMIT);
		reader_add(&r, i, &c);
		hog_oom(&c);
		cg_remove(&kf->scratch, name);
		close(c.fd);
		kills = cg_key(&kf->scratch, "memory.events", "oom_kill");
		CHECK(kills == i + 1, "the parent's after %u: %" PRIu64, i + 1, kills);
	}
	r.stop = true;
	pthread_join(t, NULL);
	for (int i = 0; i < SHORT_LIVED; i++) {
		pri += r.by_pri[i];
		inotify += r.by_inotify[i];
	}
	CHECK(cg_key(&kf->scratch, "memory.events.local", "oom_kill") == 0, "in the local counter");
	kf_figure("%" PRIu64 " / %d / %d", kills, pri, inotify);
}

static void v1_kills_vanish(const struct kf *kf)
{
	char text[512];
	struct cg c;
	int fd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	fd = cg_open(&c, "memory.oom_control", O_RDONLY);
	hog_oom(&c);
	CHECK(fd_key(fd, "oom_kill") == 1, "before");
	cg_remove(&kf->scratch, "c");
	CHECK(fd_text(fd, text, sizeof(text)) == -ENODEV, "the open file can still be read");
	CHECK(cg_key(&kf->scratch, "memory.oom_control", "oom_kill") == 0, "the parent has it");
}

static void populated_stays(const struct kf *kf)
{
	struct hog h;
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	h = hog_start(&c, 0, HOG_EXIT);
	CHECK(unlinkat(kf->scratch.fd, "c", AT_REMOVEDIR) < 0 && errno == EBUSY, "rmdir: %m");
	hog_kill(&h);
	cg_remove(&kf->scratch, "c");
}

const struct kf_fact kf_removal_facts[] = {
	{ "removed-file", KF_ANY, removed_file,
	  "after rmdir a new poll of the open file gives POLLPRI|POLLERR, pread ENODEV, openat "
	  "below the dead "
	  "directory ENOENT",
	  "any of these being otherwise", NULL },
	{ "removal-wakes-nobody", KF_ANY, blocked_not_woken,
	  "a poll or epoll_wait that is already blocked on the file is not woken by the removal, "
	  "and no later "
	  "epoll_wait sees it until EPOLL_CTL_MOD",
	  "a wakeup before the bell that ends the test; no wakeup by an oom before it; "
	  "EPOLL_CTL_MOD that "
	  "gives nothing",
	  NULL },
	{ "own-inotify-at-removal", KF_ANY, own_watches_at_removal,
	  "the parent's directory reports IN_DELETE|IN_ISDIR; whether watches on the cgroup itself "
	  "say "
	  "anything depends on the kernel",
	  "no IN_DELETE from the parent; IN_MODIFY on the file",
	  "directory / file with the counters" },
	{ "ancestor-keeps-kills", KF_V2, ancestor_keeps_kills,
	  "the counters of an ancestor never lose a kill, even if the cgroup is removed as soon as "
	  "its process "
	  "is reaped; its own file may",
	  "a parent's counter that is not i after the i-th of 60",
	  "parent's counter / seen by EPOLLPRI on the own file / by inotify, of 60" },
	{ "v1-kills-vanish", KF_V1, v1_kills_vanish,
	  "a v1 cgroup takes its oom_kill along when it is removed: no ancestor has it",
	  "an open file that can still be read, an ancestor that counted", NULL },
	{ "populated-stays", KF_ANY, populated_stays,
	  "rmdir of a cgroup with a process gives EBUSY, and works once that is reaped",
	  "a rmdir that works at first, or fails with another error", NULL },
	{ 0 },
};
