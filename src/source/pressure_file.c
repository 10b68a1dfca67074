/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/flat_keyed.h"
#include "source/counter_file.h"
#include "source/pressure_impl.h"

#define STAT_TEXT_MAX 16384 /* today's kernels print under 2,500 bytes */

/* One that the kernel does not have counts nothing. */
static int number(const char *text, const char *key, uint64_t *ret)
{
	int r = flat_keyed_u64(text, key, ret);

	if (r == FLAT_KEYED_E_NO_KEY)
		*ret = 0;
	return r < 0 ? r : 0;
}

static int read_events(int fd, uint64_t *ret_limits, uint64_t *ret_ooms)
{
	char text[COUNTER_TEXT_MAX];
	uint64_t high, max, oom;
	int r = counter_file_read(fd, text, sizeof(text));

	if (r == 0)
		r = number(text, "high", &high);
	if (r == 0)
		r = number(text, "max", &max);
	if (r == 0)
		r = number(text, "oom", &oom);
	if (r < 0)
		return r;
	*ret_limits = high + max;
	*ret_ooms = oom;
	return 0;
}

/*
 * Linux 5.10 has only the sum of all who reclaim. Later ones tell kswapd, who does it for the whole
 * machine, and who was asked to by a write to memory.reclaim, from those whom a limit made do it.
 */
static int count_pages(const char *text, const char *sum, const char *const parts[2], uint64_t *ret)
{
	uint64_t direct, khugepaged;
	int r = flat_keyed_u64(text, parts[0], &direct);

	if (r != 0)
		return r < 0 ? r : number(text, sum, ret);
	r = number(text, parts[1], &khugepaged);
	if (r == 0)
		*ret = direct + khugepaged;
	return r;
}

static int read_stat(int fd, uint64_t *ret_scanned, uint64_t *ret_reclaimed)
{
	static const char *const scan[] = { "pgscan_direct", "pgscan_khugepaged" };
	static const char *const steal[] = { "pgsteal_direct", "pgsteal_khugepaged" };
	char text[STAT_TEXT_MAX];
	int r = counter_file_read(fd, text, sizeof(text));

	if (r == 0)
		r = count_pages(text, "pgscan", scan, ret_scanned);
	if (r == 0)
		r = count_pages(text, "pgsteal", steal, ret_reclaimed);
	return r;
}

int pressure_file_read(const struct pressure_cgroup *c, struct vmpressure_reading *ret)
{
	struct vmpressure_reading reading;
	int r = read_events(c->events_fd, &reading.limits, &reading.ooms);

	if (r == 0)
		r = read_events(c->local_fd, &reading.limits_local, &reading.ooms_local);
	if (r == 0)
		r = read_stat(c->stat_fd, &reading.scanned, &reading.reclaimed);
	if (r == 0)
		*ret = reading;
	return r;
}

static int open_one(const struct pressure_cgroup *c, const char *name, int *ret)
{
	*ret = openat(c->dir_fd, name, O_RDONLY | O_CLOEXEC);
	return *ret < 0 ? errno_neg() : 0;
}

static int try_open(struct pressure_cgroup *c)
{
	struct epoll_event ev = { .events = EPOLLPRI | EPOLLONESHOT, .data.ptr = c };
	struct vmpressure_reading reading;
	int r = open_one(c, "memory.events", &c->events_fd);

	if (r < 0)
		return r == -ENOENT ? -ENODEV : r;
	r = open_one(c, "memory.events.local", &c->local_fd);
	if (r < 0)
		return r == -ENOENT ? -EOPNOTSUPP : r;
	r = open_one(c, "memory.stat", &c->stat_fd);
	if (r < 0)
		return r == -ENOENT ? -ENODEV : r;
	r = pressure_file_read(c, &reading);
	if (r < 0)
		return r;
	vmpressure_start(&c->node, &reading);
	/* After the read: a file that was never read is ready, changed or not. */
	return epoll_ctl(c->p->wake_fd, EPOLL_CTL_ADD, c->events_fd, &ev) < 0 ? errno_neg() : 0;
}

int pressure_file_open(struct pressure_cgroup *c)
{
	int r = try_open(c);

	if (r < 0)
		pressure_file_close(c);
	c->state = r == 0 ? PRESSURE_OPEN : r == -ENODEV ? PRESSURE_OFF : PRESSURE_LATER;
	return r;
}

void pressure_file_close(struct pressure_cgroup *c)
{
	/* Not left to close(): a child of the program may still hold a copy of the descriptor. */
	if (c->events_fd >= 0)
		(void)epoll_ctl(c->p->wake_fd, EPOLL_CTL_DEL, c->events_fd, NULL);
	c->events_fd = fd_close(c->events_fd);
	c->local_fd = fd_close(c->local_fd);
	c->stat_fd = fd_close(c->stat_fd);
	c->state = PRESSURE_OFF;
	pressure_deactivate(c);
}

/* A controller that is switched off and on has other files under the same names. */
static bool is_current(const struct pressure_cgroup *c)
{
	struct stat open, there;

	return fstatat(c->dir_fd, "memory.events", &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(c->events_fd, &open) == 0 && open.st_ino == there.st_ino;
}

void pressure_file_verify(struct pressure_cgroup *c)
{
	if (c->state == PRESSURE_OPEN && is_current(c))
		return;
	pressure_file_close(c);
	(void)pressure_file_open(c);
	if (c->state == PRESSURE_LATER && c->p->look_ns == UINT64_MAX)
		c->p->look_ns = clock_boottime_ns() + PRESSURE_LOOK_NS;
}

void pressure_file_arm(struct pressure_cgroup *c)
{
	struct epoll_event ev = { .events = EPOLLPRI | EPOLLONESHOT, .data.ptr = c };

	/* What was counted since the last reading makes it ready at once. */
	if (c->state == PRESSURE_OPEN)
		(void)epoll_ctl(c->p->wake_fd, EPOLL_CTL_MOD, c->events_fd, &ev);
}

int pressure_file_watch(struct pressure_cgroup *c)
{
	_cleanup_close_ int up = -1;
	int r;

	if (c->id == c->p->root_id)
		return 0; /* its parent is not to be seen */
	up = openat(c->dir_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = up < 0 ? errno_neg()
		   : tree_watch_hold(c->p->changes, up, "", TREE_SWITCHES, &c->switches);
	c->unwatched = r != 0 && r != TREE_WATCH_E_GONE;
	return r == -ENOMEM ? r : 0;
}
