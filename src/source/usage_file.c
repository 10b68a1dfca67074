/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of one cgroup, opened and read
 *
 * memory.peak. A descriptor that was once written to shows the highest usage since its last write (Linux
 * 6.12); any other shows the highest of all time. Whether it can be is found by writing to it: older
 * kernels refuse that, and so does the mode of the file for those who do not own it. One that cannot be
 * reset still tells when it grows: then usage has been that high since it was last read.
 *
 * The order is peak, current, reset. What rises after `current` was read is in the next peak, whether the
 * reset came before or after it; what falls is in the next `current`. Only an up and down that fits
 * between the two calls is lost. Reset first, an up that the reset takes along and a down before `current`
 * is read would be told twice. A reset that nothing depends on is not made: it takes a lock of the
 * cgroup, and the kernel (6.12 to 7.2) forgets with it the peaks that the descriptors of others still had
 * to show, which theirs does to ours.
 *
 * Hints are edge triggered and never read: a file of kernfs stays ready until it is read, and one whose
 * cgroup is gone for ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/digits.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/saturate.h"
#include "source/counter_file.h"
#include "source/usage_impl.h"

#define SPARE_DESCRIPTORS 24 /* what others need more urgently than hints and peaks */

static int number_read(int fd, uint64_t *ret)
{
	char text[COUNTER_TEXT_MAX];
	const char *end;
	uint64_t n;
	int r;

	r = counter_file_read(fd, text, sizeof(text));
	if (r < 0)
		return r;
	if (digits_parse(text, UINT64_MAX, &n, &end) != 0 || strcmp(end, "\n") != 0)
		return -EBADMSG;
	*ret = n;
	return 0;
}

static bool peak_reset(struct usage_cgroup *c)
{
	ssize_t n;

	do
		n = pwrite(c->peak_fd, "0", 1, 0);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static void peak_open(struct usage_cgroup *c)
{
	c->peak_seen = UINT64_MAX; /* it cannot have grown before it was read */
	c->peak_fd = openat(c->dir_fd, "memory.peak", O_RDWR | O_CLOEXEC);
	c->resets = c->peak_fd >= 0 && peak_reset(c);
	if (c->peak_fd < 0)
		c->peak_fd = openat(c->dir_fd, "memory.peak", O_RDONLY | O_CLOEXEC);
}

/* What usage has been at least since the last time; 0: not known. */
static uint64_t peak_read(struct usage_cgroup *c)
{
	uint64_t peak, seen = c->peak_seen;

	if (c->peak_fd < 0 || number_read(c->peak_fd, &peak) < 0)
		return 0;
	c->peak_seen = peak;
	return c->resets || peak > seen ? peak : 0;
}

static int hint_add(struct usage_cgroup *c, int fd)
{
	struct epoll_event ev = { .events = EPOLLPRI | EPOLLET, .data.ptr = &c->hint_io };

	return epoll_ctl(c->usage->args.epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? errno_neg() : 0;
}

static void hint_close(struct usage_cgroup *c, int *fd)
{
	if (*fd < 0)
		return;
	/* Not left to close(): a child of the program may still hold a copy of the descriptor. */
	(void)epoll_ctl(c->usage->args.epoll_fd, EPOLL_CTL_DEL, *fd, NULL);
	*fd = fd_close(*fd);
}

static void events_open(struct usage_cgroup *c)
{
	_cleanup_close_ int fd = openat(c->dir_fd, "memory.events", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && hint_add(c, fd) == 0)
		c->events_fd = fd_steal(&fd);
}

/* The kernel looks ten times in a window; before 6.12 the shortest is 500 ms. */
static bool psi_ask(int fd)
{
	static const char *const triggers[] = { "some 1000 50000", "some 5000 500000" };

	for (size_t i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++)
		if (write(fd, triggers[i], strlen(triggers[i]) + 1) > 0)
			return true;
	return false;
}

static void psi_open(struct usage_cgroup *c)
{
	_cleanup_close_ int fd = -1;

	if (c->usage->n_psi >= USAGE_PSI_MAX)
		return;
	fd = openat(c->dir_fd, "memory.pressure", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || !psi_ask(fd) || hint_add(c, fd) < 0)
		return;
	c->psi_fd = fd_steal(&fd);
	c->usage->n_psi++;
}

int usage_files_open(struct usage_cgroup *c)
{
	c->current_fd = openat(c->dir_fd, "memory.current", O_RDONLY | O_CLOEXEC);
	if (c->current_fd < 0)
		return errno == ENOENT ? -ENODEV : errno_neg();
	if (!fd_available(SPARE_DESCRIPTORS))
		return 0;
	peak_open(c);
	events_open(c);
	psi_open(c);
	return 0;
}

void usage_files_close(struct usage_cgroup *c)
{
	if (c->psi_fd >= 0)
		c->usage->n_psi--;
	hint_close(c, &c->psi_fd);
	hint_close(c, &c->events_fd);
	c->peak_fd = fd_close(c->peak_fd);
	c->current_fd = fd_close(c->current_fd);
	usage_swap_close(c);
	c->resets = false;
	c->failing = false;
}

int usage_swap_open(struct usage_cgroup *c)
{
	if (c->swap_fd >= 0)
		return 0;
	c->swap_fd = openat(c->dir_fd, "memory.swap.current", O_RDONLY | O_CLOEXEC);
	if (c->swap_fd >= 0)
		return 0;
	return errno == ENOENT ? -EOPNOTSUPP : errno_neg();
}

void usage_swap_close(struct usage_cgroup *c)
{
	c->swap_fd = fd_close(c->swap_fd);
}

int usage_sample(struct usage_cgroup *c, bool anew, uint64_t now_ns)
{
	uint64_t memory, swap = 0, peak = peak_read(c);
	bool used_up;
	int r;

	r = number_read(c->current_fd, &memory);
	if (r == 0 && c->swap_fd >= 0)
		r = number_read(c->swap_fd, &swap);
	c->failing = r < 0;
	if (r < 0)
		return r;
	used_up = thresholds_feed(&c->memory, memory, peak, now_ns);
	if (c->swap_fd >= 0)
		used_up |= thresholds_feed(&c->memsw, add_saturated(memory, swap), peak, now_ns);
	if (c->resets && (used_up || anew))
		c->resets = peak_reset(c); /* one that was not is no news unless it grows */
	return 0;
}

bool usage_is_there(const struct usage_cgroup *c)
{
	return faccessat(c->dir_fd, "cgroup.procs", F_OK, 0) == 0 ||
	       (errno != ENOENT && errno != ENODEV);
}
