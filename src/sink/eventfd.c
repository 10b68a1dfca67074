/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/eventfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

#define FDINFO_MAX 512 /* an eventfd's has five short lines, its count among them */

/*
 * Without /proc, which is closed to a process that has changed its user since it was executed: the
 * kernel looks at the eventfd of a request before it writes to the request, and one that may not be
 * written to goes no further. So EFAULT means that it is one, and it was not signalled.
 */
static int check_by_aio(int fd)
{
	struct iocb request = {
		.aio_lio_opcode = IOCB_CMD_POLL,
		.aio_fildes = (uint32_t)fd,
		.aio_buf = POLLIN,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)fd,
	};
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	aio_context_t aio = 0;
	struct iocb *p;
	int err;

	if (syscall(SYS_io_setup, 1, &aio) < 0)
		return errno_neg();
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		err = errno;
	} else {
		*p = request;
		err = mprotect(p, page, PROT_READ) < 0 || syscall(SYS_io_submit, aio, 1L, &p) < 0
			      ? errno
			      : EIO;
		(void)munmap(p, page);
	}
	(void)syscall(SYS_io_destroy, aio);
	if (err == EFAULT)
		return 0;
	return err == EINVAL ? SINK_EVENTFD_E_NOT_ONE : -err;
}

int sink_eventfd_check(int fd)
{
	_cleanup_close_ int info = -1;
	char path[64], text[FDINFO_MAX];
	ssize_t n;
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return errno_neg();
	if (flags & O_PATH)
		return -EBADF; /* as everywhere that a descriptor to work with is asked for */
	(void)snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return check_by_aio(fd);
	n = read(info, text, sizeof(text) - 1);
	if (n < 0)
		return errno_neg();
	text[n] = '\0';
	return strstr(text, "\neventfd-count:") ? 0 : SINK_EVENTFD_E_NOT_ONE;
}

/* Leaves s->aio at 0 where the kernel refuses; only a lack of memory or descriptors is an error. */
static int open_aio(struct sink_eventfd *s)
{
	aio_context_t aio = 0;

	s->batch = calloc(SINK_EVENTFD_BATCH, sizeof(*s->batch));
	if (!s->batch)
		return -ENOMEM;
	if (syscall(SYS_io_setup, SINK_EVENTFD_BATCH, &aio) < 0)
		return errno == ENOMEM ? -ENOMEM : 0;
	s->aio = aio;
	s->ready_fd = eventfd(1, EFD_CLOEXEC);
	return s->ready_fd < 0 ? errno_neg() : 0;
}

int sink_eventfd_open(struct sink_eventfd *ret)
{
	struct sink_eventfd s = SINK_EVENTFD_INIT;
	int err = open_aio(&s);

	if (err != 0) {
		sink_eventfd_close(&s);
		return err;
	}
	*ret = s;
	return 0;
}

void sink_eventfd_close(struct sink_eventfd *s)
{
	if (s->aio)
		(void)syscall(SYS_io_destroy, (aio_context_t)s->aio);
	s->ready_fd = fd_close(s->ready_fd);
	free(s->batch);
	*s = SINK_EVENTFD_INIT;
}

enum sink_eventfd_way sink_eventfd_way(const struct sink_eventfd *s)
{
	return s->aio ? SINK_EVENTFD_AIO : SINK_EVENTFD_WRITE;
}

uint64_t sink_eventfd_failed(const struct sink_eventfd *s)
{
	return s->failed;
}

static void stop_using_aio(struct sink_eventfd *s)
{
	(void)syscall(SYS_io_destroy, (aio_context_t)s->aio);
	s->aio = 0;
}

/* Without room for one more the owner has his signals unread already: nothing is lost by leaving it. */
static void signal_by_write(struct sink_eventfd *s, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	const uint64_t one = 1;

	if (poll(&p, 1, 0) < 0 || (p.revents & POLLNVAL))
		s->failed++;
	else if ((p.revents & POLLOUT) && write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		s->failed++;
}

/* The requests are finished already; what they left in the ring must be taken to make room. */
static void reap(const struct sink_eventfd *s)
{
	struct io_event done[SINK_EVENTFD_BATCH];
	struct timespec at_once = { 0 };

	while (syscall(SYS_io_getevents, (aio_context_t)s->aio, 1L, (long)SINK_EVENTFD_BATCH, done,
		       &at_once) > 0)
		;
}

/* The first of the requests left was refused. Whose fault is it: the eventfd's, or that of AIO? */
static void refused(struct sink_eventfd *s, int fd, int err)
{
	if ((err == EBADF || err == EINVAL) && sink_eventfd_check(fd) != 0) {
		s->failed++;
		return;
	}
	/* EAGAIN passes: the kernel has no memory. All else stays: a fork() took the context away, a filter came later, … */
	if (err != EAGAIN)
		stop_using_aio(s);
	signal_by_write(s, fd);
}

/* As io_submit(). EAGAIN means as a rule that the ring is full of what is finished. */
static long submit(const struct sink_eventfd *s, struct iocb **list, size_t n)
{
	long done = syscall(SYS_io_submit, (aio_context_t)s->aio, (long)n, list);

	if (done >= 0 || errno != EAGAIN)
		return done;
	reap(s);
	return syscall(SYS_io_submit, (aio_context_t)s->aio, (long)n, list);
}

void sink_eventfd_flush(struct sink_eventfd *s)
{
	struct iocb *list[SINK_EVENTFD_BATCH];
	size_t n = s->queued;

	for (size_t i = 0; i < n; i++)
		list[i] = &s->batch[i];
	s->queued = 0;
	for (size_t i = 0; i < n;) {
		int fd = (int)list[i]->aio_resfd;
		long done;

		if (!s->aio) {
			signal_by_write(s, fd);
			i++;
			continue;
		}
		done = submit(s, list + i, n - i);
		if (done > 0) {
			i += (size_t)done;
			reap(s);
			continue;
		}
		refused(s, fd, errno);
		i++;
	}
}

void sink_eventfd_signal(struct sink_eventfd *s, int fd, uint64_t n)
{
	for (; n > 0; n--) {
		s->batch[s->queued++] = (struct iocb){
			.aio_lio_opcode = IOCB_CMD_POLL,
			.aio_fildes = (uint32_t)s->ready_fd,
			.aio_buf = POLLIN,
			.aio_flags = IOCB_FLAG_RESFD,
			.aio_resfd = (uint32_t)fd,
		};
		if (s->queued == SINK_EVENTFD_BATCH)
			sink_eventfd_flush(s);
	}
}
