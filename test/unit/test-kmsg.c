/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reader, on a socket that gives one record per read, and whose errors are ours to choose. */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/kmsg.h"

#define KILLED "Out of memory: Killed process %d (a) total-vm:1kB"

static int fail_errno; /* of the next read */
static int fail_times;
static bool endless;

ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __wrap_read(int fd, void *buf, size_t n);

ssize_t __wrap_read(int fd, void *buf, size_t n)
{
	static unsigned seq;

	if (fail_times > 0) {
		fail_times--;
		errno = fail_errno;
		return -1;
	}
	if (endless)
		return snprintf(buf, n, "6,%u,1,-;x\n", seq++);
	return __real_read(fd, buf, n);
}

static int ends[2];
static struct kmsg k;

static void say_text(unsigned seq, const char *text)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "3,%u,%u,-;%s\n", seq, seq, text);

	assert_int_equal(write(ends[1], line, (size_t)n), n);
}

static void say(unsigned seq, int pid)
{
	char text[256];

	(void)snprintf(text, sizeof(text), KILLED, pid);
	say_text(seq, text);
}

static int set_up(void **state)
{
	(void)state;
	fail_times = 0;
	endless = false;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	endless = false;
	kmsg_close(&k);
	kmsg_close(&k);
	close(ends[1]);
	return 0;
}

static void expect(int pid)
{
	struct kmsg_kill kill;

	assert_int_equal(kmsg_next(&k, &kill), 0);
	assert_int_equal(kill.pid, pid);
}

static void expect_empty(void)
{
	struct kmsg_kill kill = { .pid = 99 };

	assert_int_equal(kmsg_next(&k, &kill), KMSG_E_EMPTY);
	assert_int_equal(kill.pid, 99);
}

/* What was there before is not told, and its kills have numbers all the same. */
static void before_and_after(void **state)
{
	(void)state;
	say(0, 1);
	say(1, 2);
	assert_int_equal(kmsg_open_fd(&k, ends[0]), 0);
	expect_empty();
	say(2, 3);
	say(3, 4);
	expect(3);
	expect(4);
	expect_empty();
	assert_int_equal(k.lost, 0);
}

static void overwritten(void **state)
{
	(void)state;
	say(5, 1);
	assert_int_equal(kmsg_open_fd(&k, ends[0]), 0);
	say(6, 2);
	expect(2);
	fail_errno = EPIPE;
	fail_times = 1;
	say(17, 3);
	expect(3);
	assert_int_equal(k.lost, 10);
	expect_empty();
}

/* A header is not joined to a kill that may not be its own; @gap: nobody says that records are lost. */
static void check_header(unsigned seq, bool lost, bool gap)
{
	struct kmsg_kill kill;

	say_text(seq, "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
		      "global_oom,task_memcg=/,task=a,pid=1,uid=0");
	while (kmsg_next(&k, &kill) == KMSG_E_AGAIN)
		;
	fail_errno = EPIPE;
	fail_times = lost;
	say(seq + 1 + gap, 1);
	assert_int_equal(kmsg_next(&k, &kill), 0);
	assert_int_equal(kill.oom.constraint,
			 lost || gap ? OOM_CONSTRAINT_UNKNOWN : OOM_CONSTRAINT_NONE);
}

static void header_and_loss(void **state)
{
	(void)state;
	assert_int_equal(kmsg_open_fd(&k, ends[0]), 0);
	check_header(1, false, false);
	check_header(3, true, false);
	check_header(5, false, true);
	assert_int_equal(k.lost, 1);
}

/* A record that does not fit is lost too; a signal is none. */
static void other_errors(void **state)
{
	struct kmsg_kill kill;

	(void)state;
	say(0, 1);
	assert_int_equal(kmsg_open_fd(&k, ends[0]), 0);
	fail_errno = EINVAL;
	fail_times = 1;
	say(2, 2);
	expect(2);
	assert_int_equal(k.lost, 1);
	fail_errno = EINTR;
	fail_times = 3;
	say(3, 3);
	expect(3);
	assert_int_equal(k.lost, 1);
	fail_errno = EIO;
	fail_times = 1;
	assert_int_equal(kmsg_next(&k, &kill), -EIO);
	close(ends[1]);
	assert_int_equal(kmsg_next(&k, &kill), -ENODEV);
}

static void not_a_record(void **state)
{
	(void)state;
	assert_int_equal(kmsg_open_fd(&k, ends[0]), 0);
	assert_int_equal(write(ends[1], "nonsense", 8), 8);
	say(1, 1);
	expect(1);
}

/* A flood neither keeps us for ever, nor is it read from its beginning. */
static void flood(void **state)
{
	struct kmsg_kill kill;

	(void)state;
	assert_int_equal(kmsg_open_fd(&k, ends[0]), 0);
	endless = true;
	assert_int_equal(kmsg_next(&k, &kill), KMSG_E_AGAIN);
	fail_errno = EPIPE;
	fail_times = 1000000;
	assert_int_equal(kmsg_next(&k, &kill), KMSG_E_AGAIN);
	assert_int_equal(fail_times, 1000000 - 256);
}

/* A socket cannot be sought, so this shows that it is tried, and that the caller keeps its own. */
static void flooded_history(void **state)
{
	(void)state;
	endless = true;
	assert_int_equal(kmsg_open_fd(&k, ends[0]), -ESPIPE);
	assert_int_equal(k.fd, -1);
	assert_int_equal(close(ends[0]), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(before_and_after), T(overwritten), T(header_and_loss), T(other_errors),
		T(not_a_record),     T(flood),       T(flooded_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
