/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Both ways of signalling, on real eventfds. A signal that blocks ends the test by SIGALRM.
 *
 * Each test runs once with AIO and once behind a seccomp filter that refuses io_setup(), as
 * container runtimes may. The filter cannot be taken off again, so that half runs in a child.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail_malloc.h"
#include "sink/eventfd.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BLOCKED_S 100 /* ends a test that hangs; a signal takes microseconds */

static enum sink_eventfd_way way; /* what this process can have */

static struct sink_eventfd open_sink(void)
{
	struct sink_eventfd s;

	assert_int_equal(sink_eventfd_open(&s), 0);
	assert_int_equal(sink_eventfd_way(&s), way);
	return s;
}

static int make(uint64_t count, int flags)
{
	int fd = eventfd(0, flags | EFD_CLOEXEC);

	assert_true(fd >= 0);
	if (count > 0)
		assert_int_equal(write(fd, &count, sizeof(count)), sizeof(count));
	return fd;
}

static short ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	assert_true(poll(&p, 1, 0) >= 0);
	return p.revents;
}

/* 0 if it has no signal. */
static uint64_t take(int fd)
{
	uint64_t v = 0;

	if (ready(fd) & POLLIN)
		assert_int_equal(read(fd, &v, sizeof(v)), sizeof(v));
	return v;
}

static void signal_now(struct sink_eventfd *s, int fd, uint64_t n)
{
	sink_eventfd_signal(s, fd, n);
	sink_eventfd_flush(s);
}

static void each_signal_counts_one(void **state)
{
	static const uint64_t rows[] = { 0, 1, 2, 63, 64, 65, 128, 129, 1000 };
	struct sink_eventfd s = open_sink();
	int fd = make(0, 0);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		signal_now(&s, fd, rows[i]);
		assert_int_equal(take(fd), rows[i]);
	}
	assert_int_equal(sink_eventfd_failed(&s), 0);
	(void)close(fd);
	sink_eventfd_close(&s);
	sink_eventfd_close(&s);
}

static void many_eventfds_in_one_go(void **state)
{
	enum { N = 300 };
	struct sink_eventfd s = open_sink();
	int fd[N];

	(void)state;
	for (size_t i = 0; i < N; i++)
		fd[i] = make(0, i % 2 ? EFD_NONBLOCK : 0);
	for (size_t i = 0; i < N; i++)
		sink_eventfd_signal(&s, fd[i], 1 + i % 3);
	sink_eventfd_flush(&s);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(take(fd[i]), 1 + i % 3);
		(void)close(fd[i]);
	}
	sink_eventfd_close(&s);
}

static void a_semaphore_counts_down(void **state)
{
	struct sink_eventfd s = open_sink();
	int fd = make(0, EFD_SEMAPHORE);

	(void)state;
	signal_now(&s, fd, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(fd), 1);
	assert_int_equal(take(fd), 0);
	(void)close(fd);
	sink_eventfd_close(&s);
}

/* The kernel's own signal stops at 2^64-1 and shows POLLERR; write(2) can only get to 2^64-2. */
static void a_full_counter_neither_blocks_nor_wraps(void **state)
{
	const uint64_t top = way == SINK_EVENTFD_AIO ? UINT64_MAX : UINT64_MAX - 1;
	struct sink_eventfd s = open_sink();
	int fd = make(UINT64_MAX - 1, 0), before = make(0, 0);

	(void)state;
	/* After so many that it had run out of room if what is finished were not taken back. */
	signal_now(&s, before, 100 * SINK_EVENTFD_BATCH);
	assert_int_equal(take(before), 100 * SINK_EVENTFD_BATCH);
	(void)close(before);
	signal_now(&s, fd, 1);
	assert_int_equal(!!(ready(fd) & POLLERR), way == SINK_EVENTFD_AIO);
	signal_now(&s, fd, 100);
	assert_int_equal(take(fd), top);
	signal_now(&s, fd, 2);
	assert_int_equal(take(fd), 2);
	assert_int_equal(sink_eventfd_failed(&s), 0);
	(void)close(fd);
	sink_eventfd_close(&s);
}

/* Uses up the context: io_submit() then answers EAGAIN until what is finished has been taken. */
static void fill_context(const struct sink_eventfd *s)
{
	struct iocb request = {
		.aio_lio_opcode = IOCB_CMD_POLL,
		.aio_fildes = (uint32_t)s->ready_fd,
		.aio_buf = POLLIN,
	};
	struct iocb *list = &request;
	unsigned n = 0;

	while (syscall(SYS_io_submit, (aio_context_t)s->aio, 1L, &list) == 1)
		assert_true(++n < 1000000);
	assert_int_equal(errno, EAGAIN);
}

/* No reason to write(2): that is the way which may block, and sink_eventfd_way() says it is not used. */
static void a_context_without_room_is_emptied(void **state)
{
	struct sink_eventfd s = open_sink();
	int fd = make(UINT64_MAX - 1, 0);

	(void)state;
	if (way == SINK_EVENTFD_WRITE) {
		sink_eventfd_close(&s);
		(void)close(fd);
		skip(); /* it has no context */
	}
	fill_context(&s);
	signal_now(&s, fd, 1);
	assert_true(ready(fd) & POLLERR); /* 2^64-1, which write(2) cannot reach */
	assert_int_equal(take(fd), UINT64_MAX);
	fill_context(&s);
	signal_now(&s, fd, 3 * SINK_EVENTFD_BATCH);
	assert_int_equal(take(fd), 3 * SINK_EVENTFD_BATCH);
	assert_int_equal(sink_eventfd_failed(&s), 0);
	assert_int_equal(sink_eventfd_way(&s), SINK_EVENTFD_AIO);
	(void)close(fd);
	sink_eventfd_close(&s);
}

static int open_one(void *ctx)
{
	return sink_eventfd_open(ctx);
}

static void close_one(void *ctx)
{
	sink_eventfd_close(ctx);
}

static void memory_fails_at_every_place(void **state)
{
	struct sink_eventfd s;
	const struct fail_malloc_case each = {
		.run = open_one, .undo = close_one, .ctx = &s, .out = &s, .out_size = sizeof(s)
	};

	(void)state;
	assert_true(fail_malloc_each(&each) > 0);
}

struct filler {
	int fd; /* blocking */
	atomic_bool stop;
	atomic_ulong fills;
};

/* Brings the counter to where any further write(2) blocks, its own included, whenever it can. */
static void *fill(void *arg)
{
	struct filler *f = arg;
	const uint64_t brink = UINT64_MAX - 1;

	while (!f->stop && write(f->fd, &brink, sizeof(brink)) > 0)
		f->fills++;
	return NULL;
}

static void a_hostile_owner_cannot_hold_us_up(void **state)
{
	struct sink_eventfd s = open_sink();
	struct filler f = { .fd = make(0, 0) };
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, fill, &f), 0);
	for (unsigned long n = 1; n <= 200; n++) {
		while (f.fills < n)
			(void)sched_yield();
		signal_now(&s, f.fd, 50);
		(void)take(f.fd); /* only so that the filler, who does block, gets on */
	}
	f.stop = true;
	while (pthread_tryjoin_np(t, NULL) != 0)
		(void)take(f.fd);
	assert_int_equal(sink_eventfd_failed(&s), 0);
	(void)close(f.fd);
	sink_eventfd_close(&s);
}

/* One that is closed, or is no eventfd, is counted; the others of the batch get theirs. */
static void a_bad_one_does_not_hurt_the_others(void **state)
{
	struct sink_eventfd s = open_sink();
	int a = make(0, 0), b = make(0, 0), gone = make(0, 0);
	int pipe_fd[2];
	char c;

	(void)state;
	assert_int_equal(pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK), 0);
	(void)close(gone);
	sink_eventfd_signal(&s, a, 2);
	sink_eventfd_signal(&s, gone, 2);
	if (way == SINK_EVENTFD_AIO)
		sink_eventfd_signal(&s, pipe_fd[1], 1);
	sink_eventfd_signal(&s, b, 1);
	sink_eventfd_signal(&s, a, 1);
	sink_eventfd_flush(&s);
	assert_int_equal(take(a), 3);
	assert_int_equal(take(b), 1);
	assert_int_equal(sink_eventfd_failed(&s), way == SINK_EVENTFD_AIO ? 3 : 2);
	assert_int_equal(sink_eventfd_way(&s), way);
	assert_int_equal(read(pipe_fd[0], &c, 1), -1);
	(void)close(a);
	(void)close(b);
	(void)close(pipe_fd[0]);
	(void)close(pipe_fd[1]);
	sink_eventfd_close(&s);
}

/* An AIO context does not survive a fork(): the child signals by write(2), and loses none. */
static void after_a_fork(void **state)
{
	struct sink_eventfd s = open_sink();
	int fd = make(0, 0), status;
	pid_t pid;

	(void)state;
	sink_eventfd_signal(&s, fd, 1);
	sink_eventfd_flush(&s);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal_now(&s, fd, 70);
		_exit(sink_eventfd_way(&s) != SINK_EVENTFD_WRITE || sink_eventfd_failed(&s) > 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(take(fd), 71);
	signal_now(&s, fd, 5);
	assert_int_equal(take(fd), 5);
	assert_int_equal(sink_eventfd_way(&s), way);
	(void)close(fd);
	sink_eventfd_close(&s);
}

/* Without assertions, since it runs in a child too. Returns how many answers are wrong. */
static unsigned wrong_answers(void)
{
	int closed = make(0, 0), pending = make(7, 0);
	const struct {
		int fd, answer;
	} rows[] = {
		{ pending, 0 },
		{ make(0, EFD_SEMAPHORE | EFD_NONBLOCK), 0 },
		{ make(UINT64_MAX - 1, 0), 0 },
		{ epoll_create1(EPOLL_CLOEXEC), SINK_EVENTFD_E_NOT_ONE },
		{ timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), SINK_EVENTFD_E_NOT_ONE },
		{ open("/dev/null", O_RDWR | O_CLOEXEC), SINK_EVENTFD_E_NOT_ONE },
		{ socket(AF_UNIX, SOCK_STREAM, 0), SINK_EVENTFD_E_NOT_ONE },
		{ open("/", O_PATH | O_CLOEXEC), -EBADF },
		{ closed, -EBADF },
		{ -1, -EBADF },
	};
	unsigned wrong = 0;

	(void)close(closed);
	for (size_t i = 0; i < COUNT(rows); i++)
		wrong += sink_eventfd_check(rows[i].fd) != rows[i].answer;
	wrong += take(pending) != 7; /* asking is not signalling */
	for (size_t i = 0; i < COUNT(rows); i++)
		(void)close(rows[i].fd);
	return wrong;
}

static void tells_what_is_an_eventfd(void **state)
{
	(void)state;
	assert_int_equal(wrong_answers(), 0);
}

/* The same for a process that /proc is closed to. */
static void tells_it_without_proc(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("none", "/proc", "tmpfs", 0, NULL) < 0)
			_exit(77);
		_exit((int)wrong_answers());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("/proc cannot be hidden here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static int run_all(void)
{
	const struct CMUnitTest either_way[] = {
		cmocka_unit_test(each_signal_counts_one),
		cmocka_unit_test(many_eventfds_in_one_go),
		cmocka_unit_test(a_semaphore_counts_down),
		cmocka_unit_test(a_full_counter_neither_blocks_nor_wraps),
		cmocka_unit_test(a_bad_one_does_not_hurt_the_others),
		cmocka_unit_test(after_a_fork),
		cmocka_unit_test(tells_what_is_an_eventfd),
	};
	/* Being held up is the documented risk of the other way, which also cannot do without /proc. */
	const struct CMUnitTest with_aio[] = {
		cmocka_unit_test(a_context_without_room_is_emptied),
		cmocka_unit_test(a_hostile_owner_cannot_hold_us_up),
		cmocka_unit_test(tells_it_without_proc),
		cmocka_unit_test(memory_fails_at_every_place),
	};
	int failed;

	(void)alarm(BLOCKED_S);
	failed = cmocka_run_group_tests(either_way, NULL, NULL);
	if (way == SINK_EVENTFD_AIO)
		failed += cmocka_run_group_tests(with_aio, NULL, NULL);
	return failed;
}

static int refuse_io_setup(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = COUNT(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0 ? -errno : 0;
}

int main(void)
{
	int status, failed;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (refuse_io_setup() < 0)
			_exit(77);
		way = SINK_EVENTFD_WRITE;
		_exit(run_all());
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		printf("no seccomp filter here: the way without AIO was not tested\n");
	else if (status != 0)
		return 1;
	way = SINK_EVENTFD_AIO;
	failed = run_all();
	return failed > 0;
}
