/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of v1 cgroups, and the registration
 *
 * A registered cgroup costs an eventfd, and by default a second descriptor on memory.oom_control, which
 * makes looking at it cheap and cannot mistake it for another one of the same name. When descriptors
 * run short the second goes first, for all; as long as there are none, new cgroups are not registered, and
 * their lines are polled. So kills stay complete, and what is lost is said.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "source/v1_source.h"

#define PIECE_MAX 4000 /* of a path in one openat(): the kernel takes 4,095 bytes */
#define TEXT_MAX 256
#define FAILED_CHARGES_MIN 5

static void give_back(struct v1_source *v1, int *fd)
{
	if (*fd < 0)
		return;
	*fd = fd_close(*fd);
	v1->descriptors--;
}

/* Frees descriptors of less importance. Returns false if there are none. */
static bool shed(struct v1_source *v1)
{
	if (!v1->no_controls) {
		v1->no_controls = true;
		for (struct v1_node *n = v1->root; n; n = v1_node_next(v1->root, n))
			give_back(v1, &n->control_fd);
		return true;
	}
	for (size_t i = 0; i < 2; i++)
		if (v1->spare_fd[i] >= 0) {
			v1->spare_fd[i] = fd_close(v1->spare_fd[i]);
			return true;
		}
	return false;
}

bool v1_may_pass(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -EINTR;
}

int v1_openat(struct v1_source *v1, int dir_fd, const char *path, int flags)
{
	for (;;) {
		int fd = openat(dir_fd, path, flags | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		if ((errno != EMFILE && errno != ENFILE) || !shed(v1))
			return errno_neg();
	}
}

/* Opens @path, which may be longer than a path may be, piece by piece. */
static int open_long(struct v1_source *v1, int base_fd, char *path, int flags)
{
	_cleanup_close_ int held = -1;
	int fd = base_fd;

	while (strlen(path) > PIECE_MAX) {
		char *cut = path + PIECE_MAX;
		int next;

		while (*cut != '/')
			cut--;
		*cut = '\0';
		next = v1_openat(v1, fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
		if (next < 0)
			return next;
		fd_close(held);
		fd = held = next;
		path = cut + 1;
	}
	return v1_openat(v1, fd, path, flags);
}

int v1_node_open(struct v1_source *v1, struct v1_node *n, int flags)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	struct v1_node *base = n;
	struct stat st;

	while (base->dir_fd < 0)
		base = base->parent; /* the root's is always held */
	path = v1_node_path(n, base);
	if (!path)
		return -ENOMEM;
	fd = open_long(v1, base->dir_fd, path, flags | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0)
		return fd == -ENOENT ? -ENODEV : fd;
	if (fstat(fd, &st) < 0)
		return errno_neg();
	if (st.st_ino != n->id)
		return -ENODEV; /* another of the same name */
	return fd_steal(&fd);
}

int v1_read_u64(struct v1_source *v1, int dir_fd, const char *file, uint64_t *ret)
{
	_cleanup_close_ int fd = v1_openat(v1, dir_fd, file, O_RDONLY);
	char text[32], *end;
	unsigned long long v;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return errno_neg();
	text[n] = '\0';
	errno = 0;
	v = strtoull(text, &end, 10);
	if (end == text || *end != '\n' || errno != 0)
		return -EBADMSG;
	*ret = v;
	return 0;
}

static int read_control(int fd, struct v1_control *ret)
{
	char text[TEXT_MAX];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return errno_neg();
	text[n] = '\0';
	return v1_parse_control(text, ret);
}

static bool may_hold(const struct v1_source *v1)
{
	return v1->descriptors < v1->descriptors_max;
}

/*
 * What is open is kept if there are enough descriptors. Not before its use is over: while others are
 * being opened, all that are kept can be given up.
 */
static void keep_control(struct v1_source *v1, struct v1_node *n, int fd)
{
	if (!may_hold(v1) && !v1->no_controls)
		(void)shed(v1);
	if (v1->no_controls) {
		fd_close(fd);
		return;
	}
	n->control_fd = fd;
	v1->descriptors++;
}

int v1_read_control(struct v1_source *v1, struct v1_node *n, struct v1_control *ret)
{
	_cleanup_close_ int dir_fd = -1;
	int fd, r;

	if (n->control_fd >= 0)
		return read_control(n->control_fd, ret);
	dir_fd = v1_node_open(v1, n, O_PATH);
	if (dir_fd == -ENODEV) {
		r = v1_find_renamed(v1, n);
		if (r < 0)
			return r;
		if (r > 0)
			dir_fd = v1_node_open(v1, n, O_PATH);
	}
	if (dir_fd < 0)
		return dir_fd;
	fd = v1_openat(v1, dir_fd, "memory.oom_control", O_RDONLY);
	if (fd < 0)
		return fd == -ENOENT ? -ENODEV : fd;
	r = read_control(fd, ret);
	keep_control(v1, n, fd);
	return r;
}

/*
 * The ooms at this limit before it was registered, which nobody has signalled. A charge that fails at
 * the limit is tried again at least so often before the kernel gives up: 5 times in old kernels, 16
 * times since 5.8. Not every such charge is counted as failed, but its kill is, if there was one.
 */
static void doubt_early_ooms(struct v1_source *v1, struct v1_node *n, int dir_fd)
{
	uint64_t memory = 0, memsw = 0, ooms;
	struct v1_control c;

	if (v1_read_u64(v1, dir_fd, "memory.failcnt", &memory) < 0) {
		v1_unseen(v1); /* it is gone already: what was before will never be known */
		return;
	}
	(void)v1_read_u64(v1, dir_fd, "memory.memsw.failcnt", &memsw);
	ooms = memory / FAILED_CHARGES_MIN + memsw / FAILED_CHARGES_MIN;
	if (v1_read_control(v1, n, &c) == 0 && c.oom_kill > ooms)
		ooms = c.oom_kill;
	v1_doubt_ooms(v1, ooms);
}

/* Whether the limit of @n's parent is a limit of @n: 5.10 and before could be set up otherwise. */
static bool is_cut(struct v1_source *v1, struct v1_node *n)
{
	_cleanup_close_ int dir_fd = -1;
	uint64_t v;

	if (v1->all_linked || !n->parent || v1_is_real_root(v1, n->parent))
		return false;
	dir_fd = v1_node_open(v1, n->parent, O_PATH);
	if (dir_fd < 0 || v1_read_u64(v1, dir_fd, "memory.use_hierarchy", &v) < 0)
		return false;
	return v == 0;
}

/* Has the kernel signal @event_fd. */
static int event_control(struct v1_source *v1, int dir_fd, int event_fd, int control_fd)
{
	_cleanup_close_ int fd = v1_openat(v1, dir_fd, "cgroup.event_control", O_WRONLY);
	char line[32];
	int len;

	/* The files of a cgroup that is being removed go one after the other, this one before most. */
	if (fd == -ENOENT)
		return -ENODEV;
	if (fd < 0)
		return fd;
	len = snprintf(line, sizeof(line), "%d %d", event_fd, control_fd);
	return write(fd, line, (size_t)len) < 0 ? errno_neg() : 0;
}

static int make_eventfd(struct v1_source *v1)
{
	int fd;

	if (!may_hold(v1) && !v1->no_controls)
		(void)shed(v1);
	if (!may_hold(v1))
		return -EMFILE;
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0 && errno == EMFILE && !v1->no_controls && shed(v1))
		fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return fd < 0 ? errno_neg() : fd;
}

static int add_event(struct v1_source *v1, struct v1_node *n, int dir_fd, int control_fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &n->io };
	_cleanup_close_ int fd = make_eventfd(v1);
	int r;

	if (fd == -EMFILE || fd == -ENFILE)
		v1->no_events = true;
	if (fd < 0)
		return fd;
	r = event_control(v1, dir_fd, fd, control_fd);
	if (r < 0)
		return r;
	if (epoll_ctl(v1->s.epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return errno_neg();
	n->event_fd = fd_steal(&fd);
	v1->descriptors++;
	return 0;
}

/*
 * Whether an oom that is signalled here could be told from one further up. Below a cgroup that should
 * be registered and is not, each child would take the parent's ooms for its own.
 */
static bool may_register(const struct v1_source *v1, const struct v1_node *n)
{
	const struct v1_node *p = n->parent;

	return !p || !p->covered || n->cut || p->event_fd >= 0 || v1_is_real_root(v1, p);
}

int v1_register(struct v1_source *v1, struct v1_node *n, int dir_fd)
{
	struct v1_control c;
	struct v1_node *up;
	int control_fd, r = -EPERM;
	bool asked;

	control_fd = v1_openat(v1, dir_fd, "memory.oom_control", O_RDONLY);
	if (control_fd < 0)
		return control_fd == -ENOENT ? -ENODEV : control_fd;
	n->cut = is_cut(v1, n);
	up = v1_node_limit_above(n);
	n->or_above = up && up->event_fd < 0 && !v1_is_real_root(v1, up);
	if (!n->parent && !v1_is_real_root(v1, n))
		n->or_above = true; /* what is above the visible root has limits, too */
	asked = !v1_is_real_root(v1, n) && may_register(v1, n);
	if (asked)
		r = add_event(v1, n, dir_fd, control_fd);
	if (r < 0 && r != -ENOMEM && read_control(control_fd, &c) == -ENODEV)
		r = -ENODEV; /* it was not refused: it is gone */
	if (asked && r < 0 && r != -ENODEV && !v1_may_pass(r) && v1->refused == 0)
		v1->refused = -r;
	keep_control(v1, n, control_fd);
	if (r == -ENODEV || r == -ENOMEM)
		return r;
	v1_node_update(v1, n);
	v1->blind |= n->polled;
	if (r < 0)
		return 0;
	if (n->covered && !v1->attaching)
		doubt_early_ooms(v1, n, dir_fd);
	signals_add(&v1->signals, &n->sig, up && up->event_fd >= 0 ? &up->sig : NULL, v1->now_ns);
	if (v1->attaching)
		signals_clear_doubt(&n->sig); /* the watch has not begun yet */
	return 0;
}

void v1_node_shut(struct v1_source *v1, struct v1_node *n, bool event_fd)
{
	/* What inotify has seen in it until now is still to be read: @n is known by `wd` up to IN_IGNORED. */
	if (n->wd >= 0)
		(void)inotify_rm_watch(v1->inotify_fd, n->wd);
	give_back(v1, &n->control_fd);
	if (!event_fd || n->event_fd < 0)
		return;
	(void)epoll_ctl(v1->s.epoll_fd, EPOLL_CTL_DEL, n->event_fd, NULL);
	give_back(v1, &n->event_fd);
}
