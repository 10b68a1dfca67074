/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/timer.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"

int timer_open(struct timer *t)
{
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return errno_neg();
	*t = (struct timer){ .fd = fd, .due_ns = UINT64_MAX };
	return 0;
}

void timer_close(struct timer *t)
{
	(void)fd_close(t->fd);
	*t = (struct timer)TIMER_NULL;
}

int timer_arm(struct timer *t, uint64_t due_ns)
{
	struct itimerspec at = { 0 };

	if (due_ns == t->due_ns)
		return 0;
	if (due_ns != UINT64_MAX) {
		at.it_value.tv_sec = (time_t)(due_ns / NSEC_PER_SEC);
		at.it_value.tv_nsec = (long)(due_ns % NSEC_PER_SEC);
		if (due_ns == 0)
			at.it_value.tv_nsec = 1; /* 0 would set it to nothing */
	}
	if (timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
		return errno_neg();
	t->due_ns = due_ns;
	return 0;
}

int timer_take(struct timer *t)
{
	uint64_t expirations;

	/* Ready no more if it was set anew in the same round: then it has to be ready again for that. */
	if (read(t->fd, &expirations, sizeof(expirations)) < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : errno_neg();
	t->due_ns = UINT64_MAX;
	return 0;
}
