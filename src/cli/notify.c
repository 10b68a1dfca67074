/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"

/* A path, or with '@' in place of its first byte an abstract name. Returns its length, 0: none. */
static socklen_t notify_address(struct sockaddr_un *ret)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t n = name ? strlen(name) : 0;

	if (n < 2 || (name[0] != '/' && name[0] != '@') || n >= sizeof(ret->sun_path))
		return 0;
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path, name, n);
	if (name[0] == '/')
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	ret->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

/* Connected, since the kernel tells of room in the other's queue only then. */
static int notify_open(void)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address;
	socklen_t size = notify_address(&address);

	if (size == 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, size) < 0)
		return -1;
	return fd_steal(&fd);
}

/* Returns whether it has to be tried again. */
static bool notify_try(struct notify *n)
{
	ssize_t r;

	do
		r = send(n->fd, n->waiting, strlen(n->waiting), MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 && errno == EAGAIN;
}

static int on_writable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct notify *n = userdata;

	(void)source;
	(void)fd;
	if (!(events & (EPOLLERR | EPOLLHUP)) && notify_try(n))
		return 0;
	n->waiting[0] = '\0';
	n->source = sd_event_source_disable_unref(n->source);
	return 0;
}

void notify_send(struct notify *n, sd_event *event, const char *message)
{
	size_t used = strlen(n->waiting);

	if (n->fd < 0)
		n->fd = notify_open();
	if (n->fd < 0)
		return;
	/* Behind what waits, in the same message: the order is kept. */
	snprintf(n->waiting + used, sizeof(n->waiting) - used, "%s%s", used > 0 ? "\n" : "",
		 message);
	if (n->source)
		return;
	if (!notify_try(n) ||
	    sd_event_add_io(event, &n->source, n->fd, EPOLLOUT, on_writable, n) < 0)
		n->waiting[0] = '\0';
}

void notify_close(struct notify *n)
{
	n->source = sd_event_source_disable_unref(n->source);
	n->fd = fd_close(n->fd);
}
