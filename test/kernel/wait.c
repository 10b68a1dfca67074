/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Being told: poll, epoll, inotify, and v1's eventfd
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "kf.h"

uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

short fd_poll(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	CHECK(poll(&p, 1, timeout_ms) >= 0, "poll: %m");
	return p.revents;
}

void ino_open(struct ino *ret)
{
	ret->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	ret->pos = ret->len = 0;
	CHECK(ret->fd >= 0, "inotify_init1: %m");
}

int ino_add(struct ino *ino, const struct cg *c, const char *file, uint32_t mask)
{
	char path[KF_PATH];
	int wd;

	/* inotify has no *at(): the held directory is named by /proc */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", c->fd, file ? file : ".");
	wd = inotify_add_watch(ino->fd, path, mask);
	CHECK(wd >= 0, "inotify_add_watch %s/%s: %m", c->path, file ? file : "");
	return wd;
}

const struct inotify_event *ino_next(struct ino *ino, int timeout_ms)
{
	const struct inotify_event *e;
	ssize_t n;

	if (ino->pos >= ino->len) {
		if (!(fd_poll(ino->fd, POLLIN, timeout_ms) & POLLIN))
			return NULL;
		n = read(ino->fd, ino->buf, sizeof(ino->buf));
		CHECK(n > 0, "read of inotify: %m");
		ino->pos = 0;
		ino->len = (size_t)n;
	}
	e = (const void *)(ino->buf + ino->pos);
	ino->pos += sizeof(*e) + e->len;
	return e;
}

int pri_open(int fd)
{
	struct epoll_event ev = { .events = EPOLLPRI };
	int epfd = epoll_create1(EPOLL_CLOEXEC);

	CHECK(epfd >= 0, "epoll_create1: %m");
	CHECK(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) == 0, "epoll_ctl: %m");
	return epfd;
}

bool pri_wait(int epfd, int timeout_ms)
{
	struct epoll_event ev;
	int n;

	n = epoll_wait(epfd, &ev, 1, timeout_ms);
	CHECK(n >= 0, "epoll_wait: %m");
	return n > 0;
}

int v1_register(const struct cg *c, int efd)
{
	_cleanup_close_ int oom_control = cg_open(c, "memory.oom_control", O_RDONLY);
	char line[64];

	snprintf(line, sizeof(line), "%d %d", efd, oom_control);
	return cg_try_write(c, "cgroup.event_control", line);
}

int v1_listen(const struct cg *c)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), r;

	CHECK(efd >= 0, "eventfd: %m");
	r = v1_register(c, efd);
	if (r == -EOPNOTSUPP)
		kf_skip("cgroup.event_control refuses registrations (EOPNOTSUPP)");
	CHECK(r == 0, "registration on %s: %s", c->path, strerror(-r));
	return efd;
}

uint64_t efd_take(int efd)
{
	uint64_t n = 0;

	if (read(efd, &n, sizeof(n)) < 0)
		CHECK(errno == EAGAIN, "read of the eventfd: %m");
	return n;
}
