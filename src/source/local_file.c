/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One memory.events.local: opened, read, told of, closed, opened again
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/flat_keyed.h"
#include "base/words.h"
#include "source/counter_file.h"
#include "source/local_impl.h"

#define FILE_NAME "memory.events.local"

static int read_tallies(int fd, struct tallies *ret)
{
	struct tallies t = { 0 };
	char text[COUNTER_TEXT_MAX];
	int r = counter_file_read(fd, text, sizeof(text));

	if (r == 0)
		r = flat_keyed_u64(text, "oom", &t.oom);
	if (r == 0)
		r = flat_keyed_u64(text, "max", &t.max);
	if (r != 0)
		return r < 0 ? r : -EBADMSG;
	*ret = t;
	return 0;
}

static void await(struct local_cgroup *c)
{
	bool due = c->reread.due_ns != UINT64_MAX;

	if (due && !c->awaited)
		DL_APPEND2(c->le->awaited, c, awaited_prev, awaited_next);
	if (!due && c->awaited)
		DL_DELETE2(c->le->awaited, c, awaited_prev, awaited_next);
	c->awaited = due;
}

void local_set_state(struct local_cgroup *c, enum local_state state)
{
	struct local_events *le = c->le;
	bool lagging = state == STATE_LATER || c->unwatched;

	c->state = state;
	if (lagging && !c->lagging) {
		if (!le->lagging)
			le->look_ns = clock_boottime_ns() + LOOK_NS;
		DL_APPEND2(le->lagging, c, lagging_prev, lagging_next);
	}
	if (!lagging && c->lagging)
		DL_DELETE2(le->lagging, c, lagging_prev, lagging_next);
	c->lagging = lagging;
}

void local_file_close(struct local_cgroup *c)
{
	if (c->events_fd < 0)
		return;
	/* Not left to close(): a child of the program may still hold a copy of the descriptor. */
	(void)epoll_ctl(c->le->args.epoll_fd, EPOLL_CTL_DEL, c->events_fd, NULL);
	c->events_fd = fd_close(c->events_fd);
	c->reread = REREAD_INIT;
	c->early = (struct early){ 0 };
	await(c);
}

static void tell(struct local_cgroup *c, uint64_t n)
{
	n = early_counted(&c->early, n, clock_boottime_ns());
	if (n > 0)
		registry_oom(c->le->args.registry, c->id,
			     n < LOCAL_EVENTS_PASS_MAX ? n : LOCAL_EVENTS_PASS_MAX);
}

/*
 * While memory is off for a cgroup but io is on, whose writeback needs it, the kernel only hides
 * the memory controller: it comes back with its old counts. Else it begins anew.
 */
static bool io_is_on(const struct local_cgroup *c)
{
	_cleanup_close_ int fd = -1;
	char text[COUNTER_TEXT_MAX];

	if (!c->parent)
		return false;
	fd = openat(c->parent->dir_fd, "cgroup.subtree_control", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || counter_file_read(fd, text, sizeof(text)) < 0)
		return false;
	return words_have(text, strlen(text), " \n", "io");
}

/* The first look at a newly opened file. What a new controller counted is all news. */
static void first_tallies(struct local_cgroup *c, const struct tallies *t)
{
	bool anew = !c->continues || t->oom < c->seen.oom || t->max < c->seen.max;

	if (c->known)
		tell(c, anew ? t->oom : t->oom - c->seen.oom);
	c->seen = *t;
	c->known = true;
}

/* O_PATH asks for no right on the directory, and everything below works with it. */
static int child_dir_open(const struct local_cgroup *c, int *ret)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	fd = c->parent ? openat(c->parent->dir_fd, c->name, O_PATH | O_DIRECTORY | O_CLOEXEC)
		       : openat(c->dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno_neg();
	if (st.st_ino != c->id)
		return -ENOENT; /* another one of that name */
	*ret = fd_steal(&fd);
	return 0;
}

static int file_try_open(struct local_cgroup *c)
{
	struct epoll_event ev = { .events = EPOLLPRI, .data.ptr = &c->io };
	_cleanup_close_ int dir = -1;
	_cleanup_close_ int fd = -1;
	struct tallies t;
	int r;

	r = child_dir_open(c, &dir);
	if (r < 0)
		return r;
	fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno_neg();
	r = read_tallies(fd, &t);
	if (r < 0)
		return r;
	/* What changed since the read makes the descriptor ready as soon as it is added. */
	if (epoll_ctl(c->le->args.epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return errno_neg();
	c->events_fd = fd_steal(&fd);
	first_tallies(c, &t);
	return 0;
}

/* Returns why it is not STATE_OPEN now, or 0. */
static int file_open(struct local_cgroup *c)
{
	int r = file_try_open(c);

	switch (r) {
	case 0:
		local_set_state(c, STATE_OPEN);
		break;
	case -ENOENT:
	case -ENODEV:
		local_set_state(c, STATE_OFF);
		break;
	case -EACCES:
	case -EPERM:
		local_set_state(c, STATE_DENIED);
		break;
	default:
		local_set_state(c, STATE_LATER);
	}
	return r;
}

static bool still_there(const struct local_cgroup *c)
{
	struct stat st;

	if (!c->parent)
		return fstatat(c->dir_fd, "cgroup.procs", &st, 0) == 0;
	if (fstatat(c->parent->dir_fd, c->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno != ENOENT && errno != ENODEV;
	return st.st_ino == c->id;
}

static void gone(struct local_cgroup *c, uint64_t now_ns);

void local_look(struct local_cgroup *c, enum local_why why, uint64_t now_ns)
{
	struct tallies t;
	int r = read_tallies(c->events_fd, &t);
	bool news;

	if (r < 0) {
		local_file_close(c);
		c->continues = r != -ENODEV || io_is_on(c);
		if (r != -ENODEV) {
			local_set_state(c, STATE_LATER);
		} else if (still_there(c)) {
			(void)file_open(c);
		} else {
			gone(c, now_ns);
		}
		return;
	}
	news = t.oom > c->seen.oom;
	if (news)
		tell(c, t.oom - c->seen.oom);
	c->seen = t;
	if (why == WHY_WOKEN)
		reread_woken(&c->reread, now_ns, news);
	else if (why == WHY_DUE)
		reread_done(&c->reread, now_ns, news);
	await(c);
}

/* What its ancestors counted before it went is still its listeners' to know. */
static void gone(struct local_cgroup *c, uint64_t now_ns)
{
	local_file_close(c);
	local_set_state(c, STATE_GONE);
	for (struct local_cgroup *p = c->parent; p; p = p->parent)
		if (p->state == STATE_OPEN)
			local_look(p, WHY_ASKED, now_ns);
	registry_gone(c->le->args.registry, c->id);
}

int local_reopen(struct local_cgroup *c)
{
	if (c->state == STATE_OFF)
		c->continues = c->continues && io_is_on(c);
	return file_open(c);
}

void local_verify(struct local_cgroup *c, uint64_t now_ns)
{
	if (c->state == STATE_GONE)
		return;
	if (!still_there(c))
		gone(c, now_ns);
	else if (c->state == STATE_OPEN)
		local_look(c, WHY_ASKED, now_ns);
	else
		(void)local_reopen(c);
}

int local_file_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct local_cgroup *c = (struct local_cgroup *)io; /* its first member */

	(void)events;
	if (c->state == STATE_OPEN)
		local_look(c, WHY_WOKEN, now_ns);
	return 0;
}
