/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signalling an eventfd from user space as the kernel does it: sink/eventfd.c leans on this
 *
 * A request that is finished when it is submitted (a poll of a descriptor that is ready) signals the
 * eventfd that it names. No cgroup takes part.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kf.h"

#define BATCH 64
#define BRINK (UINT64_MAX - 1) /* no write(2) gets further */

static aio_context_t aio_new(void)
{
	aio_context_t aio = 0;

	if (syscall(SYS_io_setup, BATCH, &aio) < 0)
		kf_skip("io_setup: %m");
	return aio;
}

static int efd_new(uint64_t count, int flags)
{
	int fd = eventfd(0, flags | EFD_CLOEXEC);

	CHECK(fd >= 0, "eventfd: %m");
	if (count > 0)
		CHECK(write(fd, &count, sizeof(count)) == sizeof(count), "write: %m");
	return fd;
}

static struct iocb request(int efd)
{
	static int ready = -1;

	if (ready < 0)
		ready = efd_new(1, 0);
	return (struct iocb){ .aio_lio_opcode = IOCB_CMD_POLL,
			      .aio_fildes = (uint32_t)ready,
			      .aio_buf = POLLIN,
			      .aio_flags = IOCB_FLAG_RESFD,
			      .aio_resfd = (uint32_t)efd };
}

/* Returns how many the kernel took, or a negated errno; all that it took must be finished. */
static long signal_n(aio_context_t aio, int efd, long n)
{
	struct io_event done[BATCH];
	struct timespec at_once = { 0 };
	struct iocb r[BATCH], *list[BATCH];
	long taken;

	for (long i = 0; i < n; i++) {
		r[i] = request(efd);
		list[i] = &r[i];
	}
	taken = syscall(SYS_io_submit, aio, n, list);
	if (taken < 0)
		return -errno;
	CHECK(syscall(SYS_io_getevents, aio, 0L, (long)BATCH, done, &at_once) == taken,
	      "not all are finished when io_submit() returns");
	return taken;
}

static void counts_one_each(const struct kf *kf)
{
	aio_context_t aio = aio_new();
	int efd = efd_new(0, 0);
	uint64_t began, took;

	(void)kf;
	CHECK(signal_n(aio, efd, 1) == 1 && efd_take(efd) == 1, "one");
	began = now_us();
	CHECK(signal_n(aio, efd, BATCH) == BATCH, "64 in one go");
	took = now_us() - began;
	CHECK(efd_take(efd) == BATCH, "of 64");
	kf_figure("%" PRIu64 " us", took);
}

static void never_blocks(const struct kf *kf)
{
	aio_context_t aio = aio_new();
	int efd = efd_new(BRINK, 0);

	(void)kf;
	CHECK(fd_poll(efd, POLLOUT, 0) == 0, "there is room for a write(2)");
	CHECK(signal_n(aio, efd, 1) == 1, "refused");
	CHECK(fd_poll(efd, POLLIN, 0) & POLLERR, "no POLLERR at 2^64-1");
	CHECK(signal_n(aio, efd, BATCH) == BATCH, "refused when full");
	CHECK(efd_take(efd) == UINT64_MAX, "not 2^64-1");
	CHECK(fd_poll(efd, POLLIN, 0) == 0, "something is left");
}

static void write_would_block(const struct kf *kf)
{
	int efd = efd_new(BRINK, EFD_NONBLOCK);
	const uint64_t one = 1;

	(void)kf;
	CHECK(write(efd, &one, sizeof(one)) < 0 && errno == EAGAIN, "a write(2) went through");
	CHECK(efd_take(efd) == BRINK, "the counter changed");
}

static void semaphore(const struct kf *kf)
{
	aio_context_t aio = aio_new();
	int efd = efd_new(0, EFD_SEMAPHORE);

	(void)kf;
	CHECK(signal_n(aio, efd, 2) == 2, "refused");
	CHECK(efd_take(efd) == 1 && efd_take(efd) == 1, "not 1 and 1");
	CHECK(fd_poll(efd, POLLIN, 0) == 0, "a third one");
}

static int submit_read_only(aio_context_t aio, int efd)
{
	struct iocb *r =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(r != MAP_FAILED, "mmap: %m");
	*r = request(efd);
	CHECK(mprotect(r, 4096, PROT_READ) == 0, "mprotect: %m");
	return syscall(SYS_io_submit, aio, 1L, &r) < 0 ? errno : 0;
}

static void read_only_request(const struct kf *kf)
{
	aio_context_t aio = aio_new();
	int efd = efd_new(0, 0), pipe_fd[2];

	(void)kf;
	CHECK(pipe2(pipe_fd, O_CLOEXEC) == 0, "pipe: %m");
	CHECK(submit_read_only(aio, efd) == EFAULT, "an eventfd");
	CHECK(submit_read_only(aio, pipe_fd[1]) == EINVAL, "a pipe");
	CHECK(submit_read_only(aio, 1000) == EBADF, "no descriptor at all");
	CHECK(fd_poll(efd, POLLIN, 0) == 0, "it was signalled");
}

static void lost_by_fork(const struct kf *kf)
{
	aio_context_t aio = aio_new();
	int efd = efd_new(0, 0), status;
	pid_t pid = hog_fork();

	(void)kf;
	if (pid == 0)
		_exit(signal_n(aio, efd, 1) == -EINVAL ? 0 : 1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "not EINVAL in the child");
	CHECK(fd_poll(efd, POLLIN, 0) == 0, "the child signalled");
	CHECK(signal_n(aio, efd, 1) == 1 && efd_take(efd) == 1, "the parent's own is harmed");
}

const struct kf_fact kf_eventfd_facts[] = {
	{ "eventfd-aio-counts", KF_ANY, counts_one_each,
	  "each AIO request with IOCB_FLAG_RESFD that is finished at once adds 1 to its eventfd, "
	  "before io_submit() returns",
	  "another count; a request that is not finished", "64 signals in one io_submit()" },
	{ "eventfd-aio-never-blocks", KF_ANY, never_blocks,
	  "such a signal does not block on a blocking eventfd that stands at 2^64-2: the counter "
	  "goes to 2^64-1 and stays, with POLLERR",
	  "a request that hangs or is refused; another counter", NULL },
	{ "eventfd-write-blocks", KF_ANY, write_would_block,
	  "a write(2) to an eventfd at 2^64-2 has to wait", "a write that goes through", NULL },
	{ "eventfd-aio-semaphore", KF_ANY, semaphore, "EFD_SEMAPHORE is honoured",
	  "a read of more than 1", NULL },
	{ "eventfd-aio-read-only", KF_ANY, read_only_request,
	  "a request in memory that cannot be written to gives EFAULT if it names an eventfd, "
	  "EINVAL or EBADF if not, and signals nothing",
	  "another error; a signal", NULL },
	{ "eventfd-aio-fork", KF_ANY, lost_by_fork,
	  "an AIO context does not exist in a child: EINVAL", "a request that the child submits",
	  NULL },
	{ 0 },
};
