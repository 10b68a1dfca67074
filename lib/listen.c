/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "core/listener.h"
#include "sink/eventfd.h"
#include "source/local_events.h"
#include "source/source.h"
#include "source/v1_notifier.h"

#define EVENTS_PER_ROUND 64
/* PATH_MAX holds no more components than that. */
#define DEPTH_MAX 2048

struct listen_handle {
	struct listener listener;
	int eventfd; /* v2: our duplicate; v1: -1, the kernel has it */
	bool ended;
	struct local_cgroup *v2;
	struct v1_cgroup *v1;
	struct listen_handle *prev, *next;
};

struct listen {
	int epoll_fd;
	const struct cgroup_host *host;
	struct registry *registry;
	struct sink_eventfd sink;
	struct local_events *v2; /* each is opened when it is first needed */
	struct v1_notifier *v1;
	struct listen_handle *handles;
};

int listen_open(struct listen **ret, const struct cgroup_host *host)
{
	const struct registry_quota quota = { .listeners = LISTEN_LISTENERS_MAX,
					      .cgroups = LISTEN_CGROUPS_MAX };
	struct listen *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->host = host;
	l->sink = SINK_EVENTFD_INIT;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = l->epoll_fd < 0 ? errno_neg() : 0;
	if (r == 0) {
		l->registry = registry_new(&quota);
		r = l->registry ? sink_eventfd_open(&l->sink) : -ENOMEM;
	}
	if (r < 0) {
		listen_close(l);
		return r;
	}
	*ret = l;
	return 0;
}

static void handle_free(struct listen *l, struct listen_handle *h)
{
	registry_remove(&h->listener);
	if (h->v2)
		local_events_release(l->v2, h->v2);
	if (h->v1)
		v1_notifier_release(l->v1, h->v1);
	(void)fd_close(h->eventfd);
	free(h);
}

struct listen *listen_close(struct listen *l)
{
	if (!l)
		return NULL;
	while (l->handles)
		(void)listen_remove(l, l->handles);
	l->v2 = local_events_close(l->v2);
	l->v1 = v1_notifier_close(l->v1);
	sink_eventfd_close(&l->sink);
	l->registry = registry_free(l->registry);
	(void)fd_close(l->epoll_fd);
	free(l);
	return NULL;
}

int listen_get_fd(const struct listen *l)
{
	return l->epoll_fd;
}

static void signal_what_is_due(struct listen *l)
{
	struct delivery d;

	while (registry_next(l->registry, &d)) {
		struct listen_handle *h = d.token;

		if (h->eventfd >= 0)
			sink_eventfd_signal(&l->sink, h->eventfd, d.count);
		h->ended |= d.ended;
	}
	sink_eventfd_flush(&l->sink);
}

static int add_v2(struct listen *l, const struct cgroup_at *at, struct listen_handle *h)
{
	const struct local_events_args args = { .epoll_fd = l->epoll_fd,
						.host = l->host,
						.registry = l->registry,
						.cgroups_max = LISTEN_CGROUPS_MAX };
	uint64_t ids[DEPTH_MAX];
	struct registry_chain chain = { .id = ids };
	int r = l->v2 ? 0 : local_events_open(&l->v2, &args);

	if (r == 0)
		r = local_events_hold(l->v2, at, &h->v2);
	if (r != 0)
		return r == LOCAL_EVENTS_E_QUOTA ? -EDQUOT : r;
	chain.length = local_events_chain(h->v2, ids, DEPTH_MAX);
	if (chain.length > DEPTH_MAX)
		return -EDQUOT;
	r = registry_add(l->registry, &h->listener, &chain);
	return r == LISTENER_E_QUOTA ? -EDQUOT : r;
}

static int add_v1(struct listen *l, const struct cgroup_at *at, int eventfd,
		  struct listen_handle *h)
{
	const struct v1_notifier_args args = { .epoll_fd = l->epoll_fd,
					       .host = l->host,
					       .registry = l->registry,
					       .cgroups_max = LISTEN_CGROUPS_MAX };
	uint64_t id = at->id;
	int r = l->v1 ? 0 : v1_notifier_open(&l->v1, &args);

	if (r == 0)
		r = v1_notifier_hold(l->v1, at, &h->v1);
	if (r != 0)
		return r == V1_NOTIFIER_E_QUOTA ? -EDQUOT : r;
	r = registry_add(l->registry, &h->listener, &(struct registry_chain){ &id, 1 });
	if (r != 0)
		return r == LISTENER_E_QUOTA ? -EDQUOT : r;
	/* Last, since nothing takes it back. */
	return v1_notifier_register(h->v1, eventfd);
}

int listen_add(struct listen *l, const struct cgroup_at *at, int eventfd,
	       struct listen_handle **ret)
{
	struct listen_handle *h;
	int r = sink_eventfd_check(eventfd);

	if (r != 0)
		return r == SINK_EVENTFD_E_NOT_ONE ? -EINVAL : r;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->listener.token = h;
	h->eventfd = -1;
	if (at->hierarchy == HIERARCHY_V2) {
		h->eventfd = fcntl(eventfd, F_DUPFD_CLOEXEC, 0);
		r = h->eventfd < 0 ? errno_neg() : add_v2(l, at, h);
	} else {
		r = add_v1(l, at, eventfd, h);
	}
	if (r == 0)
		DL_APPEND(l->handles, h);
	else
		handle_free(l, h);
	/* Also what older listeners are due since holding @at read its files, and the timer. */
	signal_what_is_due(l);
	if (l->v2)
		local_events_rearm(l->v2);
	if (r == 0)
		*ret = h;
	return r;
}

int listen_remove(struct listen *l, struct listen_handle *h)
{
	bool stays;

	if (!h)
		return 0;
	stays = h->v1 && !h->ended;
	DL_DELETE(l->handles, h);
	handle_free(l, h);
	return stays ? LISTEN_E_STAYS : 0;
}

static int run(struct listen *l, bool everything)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	uint64_t now_ns;
	int n, r = 0;

	n = epoll_wait(l->epoll_fd, events, EVENTS_PER_ROUND, 0);
	if (n < 0)
		return errno == EINTR ? 0 : errno_neg();
	now_ns = clock_boottime_ns();
	/* Callbacks close descriptors, but free nothing that another event of the round names. */
	for (int i = 0; i < n; i++) {
		struct source_io *io = events[i].data.ptr;
		int err = io->ready(io, events[i].events, now_ns);

		if (err < 0)
			r = err;
	}
	if (l->v2 && everything)
		local_events_read_all(l->v2, now_ns);
	signal_what_is_due(l);
	if (l->v2)
		local_events_rearm(l->v2);
	return r;
}

int listen_dispatch(struct listen *l)
{
	return run(l, false);
}

int listen_flush(struct listen *l)
{
	return run(l, true);
}

enum listen_state listen_state(const struct listen_handle *h)
{
	if (h->ended)
		return LISTEN_ENDED;
	return h->v1 && v1_notifier_removing(h->v1) ? LISTEN_ENDING : LISTEN_ALIVE;
}

unsigned listen_unseen(const struct listen *l, const struct listen_handle *h)
{
	unsigned unseen = h->v2 ? local_events_unseen(l->v2, h->v2) : 0;

	return (unseen & LOCAL_EVENTS_UNREADABLE ? LISTEN_UNREADABLE : 0) |
	       (unseen & LOCAL_EVENTS_OUTSIDE ? LISTEN_OUTSIDE : 0);
}

const char *listen_notice(const struct listen *l)
{
	if (l->v2 && sink_eventfd_way(&l->sink) == SINK_EVENTFD_WRITE)
		return "io_setup() is refused here: an eventfd that its owner fills on purpose can "
		       "hold up this process";
	return l->v2 ? local_events_notice(l->v2) : NULL;
}
