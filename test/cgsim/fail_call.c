/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fail_call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

int __real_openat(int dir, const char *path, int flags, mode_t mode);
int __real_openat64(int dir, const char *path, int flags, mode_t mode);
int __real_inotify_add_watch(int fd, const char *path, uint32_t mask);
int __real_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat64(int dir, const char *path, int flags, ...);
int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask);
int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);

static struct {
	bool armed, all, failed;
	enum fail_call call;
	unsigned nth, seen;
} state;

void fail_call_arm(enum fail_call call, unsigned nth, bool all)
{
	state.armed = true;
	state.all = all;
	state.failed = false;
	state.call = call;
	state.nth = nth;
	state.seen = 0;
}

bool fail_call_disarm(void)
{
	state.armed = false;
	return state.failed;
}

static bool fails(enum fail_call call, int err)
{
	if (!state.armed || call != state.call)
		return false;
	state.seen++;
	if (state.seen != state.nth && !(state.all && state.seen > state.nth))
		return false;
	state.failed = true;
	errno = err;
	return true;
}

static mode_t mode_of(va_list args)
{
	return (mode_t)va_arg(args, int);
}

int __wrap_openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(args);
	va_end(args);
	return fails(FAIL_OPENAT, EMFILE) ? -1 : __real_openat(dir, path, flags, mode);
}

int __wrap_openat64(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(args);
	va_end(args);
	return fails(FAIL_OPENAT, EMFILE) ? -1 : __real_openat64(dir, path, flags, mode);
}

int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	return fails(FAIL_INOTIFY, ENOSPC) ? -1 : __real_inotify_add_watch(fd, path, mask);
}

int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	if (op == EPOLL_CTL_ADD && fails(FAIL_EPOLL, ENOSPC))
		return -1;
	return __real_epoll_ctl(epfd, op, fd, ev);
}
