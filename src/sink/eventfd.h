/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Signalling an eventfd that belongs to somebody else, as the kernel does it
 *
 * write(2) on it is no way: its counter may stand at 2^64-2, or be brought there between a poll()
 * and the write(), and a write to a blocking eventfd then waits for as long as its owner likes.
 * O_NONBLOCK is shared with the owner and not ours to set. But a finished AIO request signals the
 * eventfd it names (IOCB_FLAG_RESFD) with the kernel's own eventfd_signal(): that adds 1, never
 * blocks, stops at 2^64-1 (the owner then polls EPOLLERR), and an EFD_SEMAPHORE keeps working. So a
 * signal is a poll request on a descriptor that is always ready: finished when io_submit() returns.
 *
 * Where AIO is refused (seccomp, /proc/sys/fs/aio-max-nr used up, a kernel without it) signals are
 * poll() and write(2). The risk that is left: a hostile owner who fills the counter in the moment
 * between both blocks this process until he reads. sink_eventfd_way() tells, so that a program can.
 * A single signal for which the kernel has no memory, also after room was made, goes that way too.
 */
#include <stddef.h>
#include <stdint.h>

struct iocb;

enum {
	SINK_EVENTFD_E_NOT_ONE = 1, /* an open descriptor, but not an eventfd */
};

enum sink_eventfd_way {
	SINK_EVENTFD_AIO,
	SINK_EVENTFD_WRITE,
};

#define SINK_EVENTFD_BATCH 64

struct sink_eventfd {
	unsigned long aio; /* aio_context_t; 0: write(2) */
	int ready_fd;      /* ours, always readable */
	size_t queued;
	struct iocb *batch; /* SINK_EVENTFD_BATCH of them */
	uint64_t failed;
};

/* What sink_eventfd_close() may be called on before sink_eventfd_open(). */
#define SINK_EVENTFD_INIT ((struct sink_eventfd){ .ready_fd = -1 })

/* Returns 0, also where only write(2) is left, or -ENOMEM, -EMFILE, -ENFILE. */
int sink_eventfd_open(struct sink_eventfd *ret);
void sink_eventfd_close(struct sink_eventfd *s);
enum sink_eventfd_way sink_eventfd_way(const struct sink_eventfd *s);
/*
 * Signals @fd @n times. What is still queued when this returns goes out with the next full batch or
 * sink_eventfd_flush(); until then @fd must stay open.
 */
void sink_eventfd_signal(struct sink_eventfd *s, int fd, uint64_t n);
void sink_eventfd_flush(struct sink_eventfd *s);
/* Signals that reached nobody: the descriptor was closed, or is no eventfd. */
uint64_t sink_eventfd_failed(const struct sink_eventfd *s);

/* Whether @fd is an eventfd. Returns 0, SINK_EVENTFD_E_NOT_ONE, -EBADF, or why it cannot be told. */
int sink_eventfd_check(int fd);
