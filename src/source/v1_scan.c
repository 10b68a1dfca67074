/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding cgroups that appear below a watched one
 *
 * Each directory is under inotify before it is listed, so a child that appears in between is found
 * twice rather than never. What was missed is found by listing anew: when inotify's queue ran over,
 * and, for directories beyond inotify's limit, after activity, once in a while, and at settling.
 *
 * A child is known by its inode number: the same name may stand for another cgroup by now, and the
 * same cgroup may have another name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "source/v1_source.h"

#define REMOVALS (IN_DELETE | IN_ONLYDIR)
#define ALL_CHANGES (IN_CREATE | IN_MOVED_TO | REMOVALS)
#define ROUND_BYTES 4096
#define PAST_BYTES (UINT64_C(1) << 20)
#define RESCAN_PACE_NS UINT64_C(1000000) /* for each unwatched directory */

static void queue(struct v1_source *v1, struct v1_node *n)
{
	if (!n->rescan && !n->verify)
		DL_APPEND2(v1->scans, n, scan_prev, scan_next);
}

void v1_scan_later(struct v1_source *v1, struct v1_node *n)
{
	if (n->dead || !n->deep)
		return;
	queue(v1, n);
	n->rescan = true;
}

void v1_verify_later(struct v1_source *v1, struct v1_node *n)
{
	if (n->dead)
		return;
	queue(v1, n);
	n->verify = true;
}

void v1_rescan(struct v1_source *v1, bool all)
{
	if (!all && v1->unwatched == 0)
		return;
	for (struct v1_node *n = v1->root; n; n = v1_node_next(v1->root, n))
		if (all || n->unwatched)
			v1_scan_later(v1, n);
}

/*
 * Puts the directory behind @dir_fd under inotify. Without room there it is looked at now and then. Above
 * a named one only its removal matters.
 */
static void watch_dir(struct v1_source *v1, struct v1_node *n, int dir_fd)
{
	char link[64];
	int wd;

	if (v1->inotify_fd < 0 || (n->wd >= 0 && (n->all_changes || !n->deep)))
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir_fd);
	wd = inotify_add_watch(v1->inotify_fd, link, n->deep ? ALL_CHANGES : REMOVALS);
	if (wd < 0)
		v1->inotify_limited |= errno == ENOSPC && n->deep;
	else if (wd != n->wd && (v1_node_by_wd(v1, wd) || v1_node_set_wd(v1, n, wd) < 0))
		return; /* another's; or without memory: what it tells means nothing to us */
	else
		n->all_changes = n->deep;
}

void v1_watch_removal(struct v1_source *v1, struct v1_node *n)
{
	_cleanup_close_ int fd = -1;

	if (!n->parent || n->parent->wd >= 0)
		return;
	fd = v1_node_open(v1, n->parent, O_RDONLY);
	if (fd >= 0)
		watch_dir(v1, n->parent, fd);
}

/*
 * Whether something may have lived and died below @n before it was put under inotify: whatever ran out
 * of memory there was charged to @n as well, and is seen by its high-water mark. The kernel's own
 * structures, charged in batches by each CPU, are well below a mebibyte.
 */
static bool has_a_past(struct v1_source *v1, int dir_fd)
{
	uint64_t most, now;

	return v1_read_u64(v1, dir_fd, "memory.max_usage_in_bytes", &most) < 0 ||
	       v1_read_u64(v1, dir_fd, "memory.usage_in_bytes", &now) < 0 ||
	       most > now + PAST_BYTES;
}

/* @n is new: what is below it will be found, and what it counts begins now. */
static int take_in(struct v1_source *v1, struct v1_node *n, int dir_fd)
{
	struct v1_control c;
	struct stat st;
	int r;

	r = v1_register(v1, n, dir_fd);
	if (r < 0)
		return r;
	if (n->deep) {
		watch_dir(v1, n, dir_fd);
		if (!v1->attaching && has_a_past(v1, dir_fd))
			v1_unseen(v1);
		/* A directory's link count says how many others are in it. */
		if (fstat(dir_fd, &st) < 0 || st.st_nlink != 2)
			v1_scan_later(v1, n);
	}
	r = v1_read_control(v1, n, &c);
	if (r == 0)
		v1_line_seen(v1, n, &c);
	return 0;
}

int v1_child(struct v1_source *v1, struct v1_node *parent, const char *name, int dir_fd,
	     struct v1_node **ret)
{
	struct v1_node *n;
	struct stat st;
	int r;

	if (fstat(dir_fd, &st) < 0)
		return errno_neg();
	n = v1_node_by_id(v1, st.st_ino);
	if (n) {
		*ret = n;
		return v1_node_rename(v1, n, name);
	}
	n = v1_node_new(v1, parent, name, st.st_ino);
	if (!n)
		return -ENOMEM;
	r = take_in(v1, n, dir_fd);
	if (r < 0) {
		v1_node_free(v1, n);
		return r;
	}
	*ret = n;
	return 0;
}

void v1_unseen(struct v1_source *v1)
{
	v1->unseen++;
	v1->others = true;
}

bool v1_may_be_unseen(const struct v1_source *v1)
{
	return v1->unseen > 0 || v1->inotify_limited;
}

/* A child called @name was seen in @parent, whose directory is @parent_fd. */
static int found(struct v1_source *v1, struct v1_node *parent, int parent_fd, const char *name)
{
	_cleanup_close_ int fd = -1;
	struct v1_node *n;
	int r;

	fd = v1_openat(v1, parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	r = fd < 0 ? fd : v1_child(v1, parent, name, fd, &n);
	if (r == -ENOENT || r == -ENODEV) {
		if (!v1->attaching)
			v1_unseen(v1);
		return 0;
	}
	if (r < 0 && !v1_may_pass(r)) {
		v1_unreadable(v1, parent, name, r);
		return 0;
	}
	return r;
}

static bool is_child(const struct dirent *d)
{
	return d->d_type == DT_DIR && strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* The next entry; NULL after the last, or if it cannot be read: then *@r is a negated errno. */
static struct dirent *next_entry(DIR *dir, int *r)
{
	struct dirent *d;

	errno = 0;
	d = readdir(dir);
	if (!d && errno != 0 && errno != ENOENT) /* that: removed meanwhile, so it was empty */
		*r = errno_neg();
	return d;
}

/* Finds what is new in @n, and gives what was renamed its name. */
static int list(struct v1_source *v1, struct v1_node *n)
{
	int fd = v1_node_open(v1, n, O_RDONLY);
	struct dirent *d;
	int r = 0;
	DIR *dir;

	if (fd == -ENODEV) {
		/* What was in it went with it, and may never have been seen. */
		if (!n->dead && !v1->attaching)
			v1_unseen(v1);
		return 0;
	}
	if (fd < 0)
		return fd;
	watch_dir(v1, n, fd);
	dir = fdopendir(fd);
	if (!dir) {
		fd_close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (d = next_entry(dir, &r))) {
		struct v1_node *known;

		if (!is_child(d))
			continue;
		known = v1_node_by_id(v1, d->d_ino);
		r = known ? v1_node_rename(v1, known, d->d_name)
			  : found(v1, n, dirfd(dir), d->d_name);
	}
	closedir(dir);
	return r;
}

/* The same for those above, from the top: any of them may have another name as well. */
static int find_parent(struct v1_source *v1, struct v1_node *n)
{
	int fd = v1_node_open(v1, n->parent, O_RDONLY);
	int r;

	if (fd != -ENODEV)
		return fd;
	r = v1_find_renamed(v1, n->parent);
	return r > 0 ? v1_node_open(v1, n->parent, O_RDONLY) : r < 0 ? r : -ENODEV;
}

/*
 * One listing answers for all that were in it: who was not shown was gone by then and does not come back. So
 * a thousand siblings that are removed do not mean a thousand listings.
 */
int v1_find_renamed(struct v1_source *v1, struct v1_node *n)
{
	struct dirent *d;
	int fd, r = 0;
	uint64_t now;
	DIR *dir;

	if (!n->parent || n->seen_in < n->parent->listings)
		return 0;
	fd = find_parent(v1, n);
	if (fd < 0)
		return fd == -ENODEV ? 0 : fd;
	dir = fdopendir(fd);
	if (!dir) {
		fd_close(fd);
		return -ENOMEM;
	}
	now = n->parent->listings + 1;
	while (r == 0 && (d = next_entry(dir, &r))) {
		struct v1_node *known = v1_node_by_id(v1, d->d_ino);

		if (!known || known->parent != n->parent)
			continue;
		known->seen_in = now;
		if (known == n)
			r = v1_node_rename(v1, n, d->d_name);
	}
	closedir(dir);
	if (r < 0)
		return r;
	n->parent->listings = now;
	return n->seen_in == now;
}

static void verify(struct v1_source *v1, struct v1_node *n)
{
	struct v1_node *c;
	uint64_t looks = 0;

	DL_FOREACH (n->children, c) {
		v1_lines_later(v1, c);
		looks++;
	}
	v1->verify_ns = v1->now_ns + looks * V1_LOOK_PACE_NS;
}

/* Work on one queued directory. */
static int scan_one(struct v1_source *v1, struct v1_node *n)
{
	int r = 0;

	if (n->rescan) {
		r = list(v1, n);
		if (r < 0)
			return r;
		n->rescan = false;
	}
	if (n->verify && v1->now_ns >= v1->verify_ns) {
		verify(v1, n);
		n->verify = false;
	}
	if (!n->rescan && !n->verify)
		DL_DELETE2(v1->scans, n, scan_prev, scan_next);
	return 0;
}

/* Without inotify nothing says when something appears. */
static void rescan_due(struct v1_source *v1)
{
	if (v1->unwatched == 0 || v1->now_ns < v1->rescan_ns)
		return;
	v1->rescan_ns = v1->now_ns + V1_POLL_NS + v1->unwatched * RESCAN_PACE_NS;
	v1_rescan(v1, false);
}

void v1_scan_hint(struct v1_source *v1)
{
	uint64_t soonest = v1->rescan_ns - V1_POLL_NS;

	if (v1->rescan_ns > V1_POLL_NS && soonest < v1->now_ns)
		v1->rescan_ns = v1->now_ns;
}

int v1_scan_run(struct v1_source *v1, size_t max)
{
	struct v1_node *n, *tmp;
	int r;

	v1->scan_retry_ns = 0;
	if (!v1->attaching)
		rescan_due(v1);
	/* What is found on the way is appended, and worked on as well. */
	DL_FOREACH_SAFE2 (v1->scans, n, tmp, scan_next) {
		if (!n->rescan && v1->now_ns < v1->verify_ns)
			continue;
		if (max-- == 0)
			break;
		r = scan_one(v1, n);
		if (r < 0) {
			v1->scan_retry_ns = v1->now_ns + V1_RETRY_NS;
			return r;
		}
		tmp = tmp ? tmp : n->scan_next;
	}
	return 0;
}

uint64_t v1_scan_deadline(const struct v1_source *v1)
{
	uint64_t at = v1->unwatched > 0 ? v1->rescan_ns : UINT64_MAX;
	const struct v1_node *n;

	DL_FOREACH2 (v1->scans, n, scan_next) {
		uint64_t due = n->rescan ? v1->scan_retry_ns : v1->verify_ns;

		if (due < at)
			at = due;
		if (at == 0)
			break;
	}
	return at;
}

static void appeared(struct v1_source *v1, struct v1_node *parent, const char *name)
{
	_cleanup_close_ int fd = v1_node_open(v1, parent, O_PATH);
	int r = fd;

	if (fd >= 0)
		r = found(v1, parent, fd, name);
	if (r == -ENODEV)
		v1_unseen(v1); /* and so did the parent */
	else if (r < 0)
		v1_scan_later(v1, parent);
}

/* Nothing of it is queued any more. */
static void ignored(struct v1_source *v1, struct v1_node *n)
{
	v1_node_drop_wd(v1, n);
	if (n->released)
		v1->tell_ns = v1->now_ns; /* run() can free it */
}

static void overflowed(struct v1_source *v1)
{
	v1_unseen(v1);
	v1_rescan(v1, true);
	v1_lines_all(v1); /* who is gone is found by that */
	for (struct v1_node *n = v1->root; n; n = v1_node_next(v1->root, n))
		if (n->dead)
			ignored(v1, n); /* that may be among what was lost */
}

static bool has_child(const struct v1_node *n, const char *name)
{
	const struct v1_node *c;

	DL_FOREACH (n->children, c)
		if (strcmp(c->name, name) == 0)
			return true;
	return false;
}

static void take_change(struct v1_source *v1, const struct inotify_event *ev)
{
	struct v1_node *n;

	if (ev->mask & IN_Q_OVERFLOW) {
		overflowed(v1);
		return;
	}
	n = v1_node_by_wd(v1, ev->wd);
	if (!n)
		return;
	if (ev->mask & IN_IGNORED)
		ignored(v1, n);
	else if (!(ev->mask & IN_ISDIR))
		return;
	else if ((ev->mask & IN_DELETE) && (n->deep || has_child(n, ev->name)))
		v1_verify_later(v1, n);
	else if (!(ev->mask & IN_DELETE) && n->deep)
		appeared(v1, n, ev->name);
}

/* Returns how much was read. */
static ssize_t take_changes(struct v1_source *v1)
{
	_Alignas(struct inotify_event) char buf[ROUND_BYTES];
	ssize_t n = read(v1->inotify_fd, buf, sizeof(buf));

	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *ev = (const struct inotify_event *)(buf + at);

		take_change(v1, ev);
		at += (ssize_t)(sizeof(*ev) + ev->len);
	}
	return n;
}

static int ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct v1_source *v1 = v1_from(io->source);

	(void)events;
	v1->now_ns = now_ns;
	(void)take_changes(v1);
	return 0;
}

/* What comes in meanwhile is not waited for: where cgroups come and go all the time it has no end. */
void v1_scan_drain(struct v1_source *v1)
{
	int queued = 0;
	ssize_t n = 1;

	if (v1->inotify_fd < 0 || ioctl(v1->inotify_fd, FIONREAD, &queued) < 0)
		return;
	for (; queued > 0 && n > 0; queued -= (int)n)
		n = take_changes(v1);
}

int v1_scan_open(struct v1_source *v1)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &v1->inotify_io };

	v1->inotify_io = (struct source_io){ .source = &v1->s, .ready = ready };
	v1->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (v1->inotify_fd < 0 && errno == EMFILE) {
		v1->inotify_limited = true; /* too many instances: every directory is unwatched */
		return 0;
	}
	if (v1->inotify_fd < 0)
		return errno_neg();
	return epoll_ctl(v1->s.epoll_fd, EPOLL_CTL_ADD, v1->inotify_fd, &ev) < 0 ? errno_neg() : 0;
}

void v1_scan_close(struct v1_source *v1)
{
	v1->inotify_fd = fd_close(v1->inotify_fd);
}
