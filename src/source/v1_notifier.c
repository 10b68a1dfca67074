/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/v1_notifier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "base/err.h"
#include "base/fd.h"
#include "source/source.h"

struct v1_cgroup {
	struct source_io io; /* for end_fd */
	struct v1_notifier *n;
	uint64_t id;
	int dir_fd;
	int end_fd; /* the eventfd that fires at removal only; -1 when it has */
	unsigned refs;
	UT_hash_handle hh;
};

struct v1_notifier {
	struct v1_notifier_args args;
	struct v1_cgroup *cgroups;
};

/* "<eventfd> <descriptor of the file> <its arguments>" */
static int register_event(int dir_fd, int eventfd, const char *file, const char *args)
{
	_cleanup_close_ int control = -1;
	_cleanup_close_ int fd = -1;
	char text[64];
	int n;

	fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENODEV : errno_neg();
	control = openat(dir_fd, "cgroup.event_control", O_WRONLY | O_CLOEXEC);
	if (control < 0)
		return errno == ENOENT ? -ENODEV : errno_neg();
	n = snprintf(text, sizeof(text), "%d %d %s", eventfd, fd, args);
	if (write(control, text, (size_t)n) >= 0)
		return 0;
	/* All three are well-formed and belong together: what is left is a cgroup going away. */
	return errno == EINVAL ? -ENODEV : errno_neg();
}

static void end_close(struct v1_cgroup *c)
{
	if (c->end_fd < 0)
		return;
	(void)epoll_ctl(c->n->args.epoll_fd, EPOLL_CTL_DEL, c->end_fd, NULL);
	c->end_fd = fd_close(c->end_fd);
}

static int end_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct v1_cgroup *c = (struct v1_cgroup *)io; /* its first member */

	(void)events;
	(void)now_ns;
	end_close(c);
	registry_gone(c->n->args.registry, c->id);
	return 0;
}

static int end_open(struct v1_cgroup *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &c->io };
	int r;

	c->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->end_fd < 0)
		return errno_neg();
	r = register_event(c->dir_fd, c->end_fd, "memory.usage_in_bytes", "-1");
	if (r == 0 && epoll_ctl(c->n->args.epoll_fd, EPOLL_CTL_ADD, c->end_fd, &ev) < 0)
		r = errno_neg();
	return r;
}

static void cgroup_free(struct v1_cgroup *c)
{
	end_close(c);
	if (c->hh.tbl)
		HASH_DELETE(hh, c->n->cgroups, c);
	(void)fd_close(c->dir_fd);
	free(c);
}

static int cgroup_new(struct v1_notifier *n, const struct cgroup_at *at, struct v1_cgroup **ret)
{
	struct v1_cgroup *c;
	int r;

	if (HASH_COUNT(n->cgroups) >= n->args.cgroups_max)
		return V1_NOTIFIER_E_QUOTA;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct v1_cgroup){
		.io.ready = end_ready, .n = n, .id = at->id, .end_fd = -1, .refs = 1
	};
	c->dir_fd = openat(at->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = c->dir_fd < 0 ? errno_neg() : end_open(c);
	if (r == 0) {
		HASH_ADD(hh, n->cgroups, id, sizeof(c->id), c);
		r = c->hh.tbl ? 0 : -ENOMEM;
	}
	if (r != 0) {
		cgroup_free(c);
		return r == -ENOENT ? -ENODEV : r;
	}
	*ret = c;
	return 0;
}

int v1_notifier_hold(struct v1_notifier *n, const struct cgroup_at *at, struct v1_cgroup **ret)
{
	struct v1_cgroup *c;

	HASH_FIND(hh, n->cgroups, &at->id, sizeof(at->id), c);
	/* The kernel would take it, and never signal: the root is not charged. */
	if (!c && strcmp(at->path, "/") == 0 && n->args.host->v1.real_root)
		return -EINVAL;
	if (!c)
		return cgroup_new(n, at, ret);
	if (c->end_fd < 0)
		return -ENODEV;
	c->refs++;
	*ret = c;
	return 0;
}

void v1_notifier_release(struct v1_notifier *n, struct v1_cgroup *c)
{
	(void)n;
	if (c && --c->refs == 0)
		cgroup_free(c);
}

int v1_notifier_register(struct v1_cgroup *c, int eventfd, const char *file, const char *args)
{
	int r = register_event(c->dir_fd, eventfd, file, args);

	return r == -ENODEV && !v1_notifier_removing(c) ? -EOPNOTSUPP : r;
}

bool v1_notifier_knows(const struct v1_notifier *n, uint64_t id)
{
	struct v1_cgroup *c;

	HASH_FIND(hh, n->cgroups, &id, sizeof(id), c);
	return c != NULL;
}

bool v1_notifier_removing(const struct v1_cgroup *c)
{
	struct stat st;

	return c->end_fd < 0 || fstatat(c->dir_fd, "memory.oom_control", &st, 0) < 0;
}

int v1_notifier_open(struct v1_notifier **ret, const struct v1_notifier_args *args)
{
	struct v1_notifier *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->args = *args;
	*ret = n;
	return 0;
}

struct v1_notifier *v1_notifier_close(struct v1_notifier *n)
{
	struct v1_cgroup *c, *tmp;

	if (!n)
		return NULL;
	HASH_ITER (hh, n->cgroups, c, tmp)
		cgroup_free(c);
	free(n);
	return NULL;
}
