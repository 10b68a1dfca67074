/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory_localevents, which a remount switches on and off under everybody's feet
 *
 * With it an ancestor's memory.events no longer grows, and lacks for ever what happened below it
 * meanwhile. A poll of mountinfo is woken by mount(2) in the own mount namespace, not by fsconfig(2)
 * nor from another one: so the mounts are looked at once more at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/fd.h"
#include "source/v2_source.h"

/* Where mounts come and go all the time they are not read at each. */
#define MOUNTS_LOOK_NS (100 * NSEC_PER_MSEC)
/* The two descriptors are not taken where walks will miss them. */
#define MOUNTS_SPARE 16

/*
 * Each open mountinfo tells a change to the first poll after it only. The monitor's epoll may lie in
 * another one, whose own poll takes it before the monitor's comes: `wakes` is there to be woken by,
 * `asked` is polled by nobody but us.
 */
struct v2_mounts {
	struct source_io io;
	int wakes, asked; /* -1: could not be had */
	uint64_t due_ns;  /* UINT64_MAX: not */
	uint64_t next_ns; /* not before */
};

static int mounts_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	(void)io;
	(void)events;
	(void)now_ns;
	return 0; /* what it says is asked for in v2_mounts_due() */
}

static int open_mountinfo(const struct v2_source *v2, const char *path)
{
	return v2->descriptors_max > MOUNTS_SPARE ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* Without descriptors, or an epoll that takes them, the look at the end has to do. */
int v2_mounts_open(struct v2_source *v2)
{
	struct v2_mounts *m = calloc(1, sizeof(*m));
	struct epoll_event ev = { .events = EPOLLPRI, .data.ptr = m };
	_cleanup_free_ char *path = NULL;

	if (!m)
		return -ENOMEM;
	v2->mounts = m;
	*m = (struct v2_mounts){ .io = { .source = &v2->s, .ready = mounts_ready },
				 .wakes = -1,
				 .asked = -1,
				 .due_ns = UINT64_MAX };
	if (asprintf(&path, "%s/self/mountinfo", v2->s.host->proc) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	m->wakes = open_mountinfo(v2, path);
	m->asked = open_mountinfo(v2, path);
	if (m->wakes >= 0 && epoll_ctl(v2->s.epoll_fd, EPOLL_CTL_ADD, m->wakes, &ev) < 0)
		m->wakes = fd_close(m->wakes);
	return 0;
}

void v2_mounts_close(struct v2_source *v2)
{
	if (!v2->mounts)
		return;
	fd_close(v2->mounts->wakes);
	fd_close(v2->mounts->asked);
	free(v2->mounts);
	v2->mounts = NULL;
}

uint64_t v2_mounts_due(const struct v2_source *v2)
{
	struct v2_mounts *m = v2->mounts;
	struct pollfd p = { .fd = m->asked, .events = POLLPRI };

	if (m->due_ns == UINT64_MAX && m->wakes >= 0 && poll(&p, 1, 0) > 0)
		m->due_ns = m->next_ns;
	return m->due_ns;
}

void v2_mounts_look(struct v2_source *v2)
{
	v2->mounts->due_ns = 0;
}

/* --local: the cgroup's own counters are not touched by it, only those that prove its last moment. */
static void take_guards_anew(struct v2_source *v2)
{
	struct top *t;

	DL_FOREACH (v2->tops, t) {
		t->guard.known = t->guard.around_known = false;
		if (t->state == TOP_LIVE && t->named)
			v2_guard_take(t);
	}
}

static void book_gap(struct v2_source *v2)
{
	struct balance b = { .reasons = UNPROVEN_LOCALEVENTS };

	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		b.kind[k].unproven = UINT64_MAX;
	balance_add(&v2->unproven, &b);
	v2->remounted = true;
	v2->host.doubt = true;
}

void v2_mounts_run(struct v2_source *v2, uint64_t now_ns)
{
	bool on;

	if (now_ns < v2_mounts_due(v2))
		return;
	v2->mounts->due_ns = UINT64_MAX;
	v2->mounts->next_ns = now_ns + MOUNTS_LOOK_NS;
	if (cgroup_host_local_events(v2->s.host, &on) != 0 || on == v2->local_events)
		return;
	v2->local_events = on;
	if (v2->watches && v2->watches->local) {
		take_guards_anew(v2);
	} else if (v2->watches) {
		book_gap(v2);
		v2_watch_restart(v2);
	}
}
