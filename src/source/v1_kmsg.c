/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel messages as a hint: after the kernel has said that it killed somebody, the line shows it
 *
 * Only a hint. What is told rests on the lines, and where the messages may not be read it is learned
 * a little later.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "source/v1_source.h"

#define RECORD_MAX 8192 /* a buffer of that size never gets EINVAL */
#define ROUND_MAX 64

static int ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct v1_source *v1 = v1_from(io->source);
	char record[RECORD_MAX + 1];

	(void)events;
	v1->now_ns = now_ns;
	for (int i = 0; i < ROUND_MAX; i++) {
		ssize_t n = read(v1->kmsg_fd, record, RECORD_MAX);
		enum v1_kmsg what;

		if (n < 0 && errno == EPIPE) { /* some were overwritten */
			v1_kills_hint(v1, true);
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			v1_kmsg_close(v1); /* else it would be ready for ever */
		if (n <= 0)
			break;
		record[n] = '\0';
		what = v1_parse_kmsg(record);
		if (what != V1_KMSG_OTHER)
			v1_kills_hint(v1, what == V1_KMSG_GLOBAL_KILL);
	}
	return 0;
}

void v1_kmsg_open(struct v1_source *v1)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &v1->kmsg_io };
	_cleanup_close_ int fd = -1;

	v1->kmsg_fd = -1;
	if (v1->s.host->fake)
		return; /* the kernel's messages are about other cgroups */
	fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	v1->kmsg_io = (struct source_io){ .source = &v1->s, .ready = ready };
	if (fd < 0 || lseek(fd, 0, SEEK_END) < 0)
		return;
	if (epoll_ctl(v1->s.epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0)
		v1->kmsg_fd = fd_steal(&fd);
}

void v1_kmsg_close(struct v1_source *v1)
{
	v1->kmsg_fd = fd_close(v1->kmsg_fd);
}
