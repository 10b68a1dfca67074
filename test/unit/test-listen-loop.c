/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event loops of the program, on a scripted library. Each case runs in a child, and one that
 * does not come to its end there is ended by SIGALRM.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/listen_loop.h"
#include "cli/loop.h"
#include "cli/status.h"

#define STUCK_S 60 /* ends what hangs; the longest wait here is LISTEN_END_NS */

/* What the library says. */
static int state_now, state_after_settle;
static int library_fd;

int oomn_monitor_get_fd(const struct oomn_monitor *m)
{
	(void)m;
	return library_fd;
}

int oomn_monitor_dispatch(struct oomn_monitor *m)
{
	uint64_t n;

	(void)m;
	assert_int_equal(read(library_fd, &n, sizeof(n)), sizeof(n));
	state_now = OOMN_LISTENER_ENDED;
	return 0;
}

int oomn_monitor_settle(struct oomn_monitor *m)
{
	(void)m;
	state_now = state_after_settle;
	return 0;
}

int oomn_listener_get_state(const struct oomn_listener *l)
{
	(void)l;
	return state_now;
}

const char *oomn_monitor_get_notice(struct oomn_monitor *m)
{
	(void)m;
	return NULL;
}

struct outcome {
	int status;
	char out[512], err[512];
};

static int output_of(pid_t pid, int out, int err, struct outcome *ret)
{
	ssize_t n;
	int status;

	assert_true(pid >= 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	n = pread(out, ret->out, sizeof(ret->out) - 1, 0);
	ret->out[n > 0 ? n : 0] = '\0';
	n = pread(err, ret->err, sizeof(ret->err) - 1, 0);
	ret->err[n > 0 ? n : 0] = '\0';
	(void)close(out);
	(void)close(err);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Runs @body in a child. */
static struct outcome in_child(int (*body)(void))
{
	int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
	struct outcome o;
	pid_t pid;

	assert_true(out >= 0 && err >= 0);
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)alarm(STUCK_S);
		if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
			_exit(99);
		_exit(body());
	}
	o.status = output_of(pid, out, err, &o);
	return o;
}

static int listen_for_nothing(void)
{
	struct listen_loop_args args = { .eventfd = eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK),
					 .name = "/a",
					 .ready = "ready",
					 .noun = "ooms",
					 .count_max = 9,
					 .timeout_ns = 0 };

	library_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return listen_loop_run(&args);
}

/* v1: the removal was seen when the time is over, and its signal never comes. */
static void a_signal_that_never_comes_is_not_waited_for(void **state)
{
	struct outcome o;

	(void)state;
	state_now = state_after_settle = OOMN_LISTENER_ENDING;
	o = in_child(listen_for_nothing);
	assert_int_equal(o.status, STATUS_FAILURE);
	assert_string_equal(o.out, "");
	assert_non_null(strstr(o.err, "did not come in time"));
	assert_non_null(strstr(o.err, "may be it: 3\n"));
}

static int listen_and_end_in_time(void)
{
	struct listen_loop_args args = { .eventfd = eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK),
					 .name = "/a",
					 .ready = "ready",
					 .noun = "ooms",
					 .count_max = 9,
					 .timeout_ns = 0 };

	library_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	return listen_loop_run(&args);
}

static void one_that_comes_is_told(void **state)
{
	struct outcome o;

	(void)state;
	state_now = state_after_settle = OOMN_LISTENER_ENDING;
	o = in_child(listen_and_end_in_time);
	assert_int_equal(o.status, STATUS_GONE);
	assert_string_equal(o.out, "/a: 3, removed\n");
	assert_string_equal(o.err, "oomnotify: ready\n");
}

static int fail_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events;
	(void)userdata;
	return -ENOMEM;
}

static int fail_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	(void)userdata;
	return -ENOMEM;
}

static int fail_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	(void)source;
	(void)info;
	(void)userdata;
	return -ENOMEM;
}

static int begin(void *userdata)
{
	(void)userdata;
	return 0;
}

static int raise_term(void *userdata)
{
	(void)userdata;
	return raise(SIGTERM) == 0 ? 0 : -EIO;
}

static int run_failing(uint64_t input, uint64_t timeout_ns, int (*first)(void *userdata))
{
	const struct loop_calls calls = { .on_input = fail_input,
					  .on_output = fail_input,
					  .on_timeout = fail_timeout,
					  .on_signal = fail_signal,
					  .begin = first };
	struct loop l = LOOP_NULL;
	int r = loop_run(&l, &(struct loop_spec){ .calls = &calls,
						  .input_fd = eventfd((unsigned)input, EFD_CLOEXEC),
						  .output_fd = STDOUT_FILENO,
						  .timeout_ns = timeout_ns });

	loop_close(&l);
	return r;
}

static int failing_input(void)
{
	return run_failing(1, UINT64_MAX, begin);
}

static int failing_timeout(void)
{
	return run_failing(0, 0, begin);
}

static int failing_signal(void)
{
	return run_failing(0, UINT64_MAX, raise_term);
}

/* sd-event itself would go on without that source: without a timeout, or deaf to SIGTERM. */
static void a_handler_that_fails_ends_the_loop(void **state)
{
	static int (*const rows[])(void) = { failing_input, failing_timeout, failing_signal };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome o = in_child(rows[i]);

		assert_int_equal(o.status, STATUS_FAILURE);
		assert_string_equal(o.err, "oomnotify: the event loop failed: out of memory: free "
					   "some, or raise the limit of the cgroup that oomnotify "
					   "runs in\n");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signal_that_never_comes_is_not_waited_for),
		cmocka_unit_test(one_that_comes_is_told),
		cmocka_unit_test(a_handler_that_fails_ends_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
