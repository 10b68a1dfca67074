/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listeners: a registry of who listens where, and the sources that know what happens there
 *
 *   v1   the kernel signals each eventfd by itself; v1_notifier learns when a cgroup is gone
 *   v2   local_events counts ooms and sees removals, usage samples, pressure watches reclaim; what they
 *        tell the registry is signalled at the end of each call
 */
#include "lib/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "sink/eventfd.h"
#include "source/local_events.h"
#include "source/pressure.h"
#include "source/source.h"
#include "source/usage.h"
#include "source/v1_notifier.h"

#define EVENTS_PER_ROUND 64
/* PATH_MAX holds no more components than that. */
#define DEPTH_MAX 2048

struct oomn_listener {
	struct listener listener;
	struct listen *listen;
	int eventfd; /* v2: our duplicate; v1: -1, the kernel has it */
	bool ended;
	bool unowned; /* nobody has its handle: it goes when it has ended */
	struct local_cgroup *v2;
	struct usage_watch *usage;
	struct pressure_watch *pressure;
	struct v1_cgroup *v1;
	struct oomn_listener *prev, *next;
};

struct listen {
	int epoll_fd;
	pid_t pid; /* of who opened it */
	const struct cgroup_host *host;
	struct registry_quota quota;
	struct registry *registry;
	struct sink_eventfd sink;
	struct local_events *v2; /* each is opened when it is first needed */
	struct usage *usage;
	struct pressure *pressure;
	struct v1_notifier *v1;
	uint64_t under_oom; /* the cgroup whose oom is being handled; 0: none */
	struct oomn_listener *listeners;
};

int listen_open(struct listen **ret, const struct cgroup_host *host,
		const struct registry_quota *quota)
{
	static const struct registry_quota usual = { .listeners = LISTEN_LISTENERS_MAX,
						     .cgroups = LISTEN_CGROUPS_MAX };
	struct listen *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->host = host;
	l->pid = getpid();
	l->quota = quota ? *quota : usual;
	l->sink = SINK_EVENTFD_INIT;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = l->epoll_fd < 0 ? errno_neg() : 0;
	if (r == 0) {
		l->registry = registry_new(&l->quota);
		r = l->registry ? sink_eventfd_open(&l->sink) : -ENOMEM;
	}
	if (r < 0) {
		listen_close(l);
		return r;
	}
	*ret = l;
	return 0;
}

static void listener_free(struct oomn_listener *h)
{
	struct listen *l = h->listen;

	registry_remove(&h->listener);
	if (h->usage)
		usage_remove(l->usage, h->usage);
	if (h->pressure)
		pressure_remove(l->pressure, h->pressure);
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
	while (l->listeners)
		(void)listen_remove(l->listeners);
	l->usage = usage_close(l->usage);
	l->pressure = pressure_close(l->pressure);
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

bool listen_is_foreign(const struct oomn_listener *h)
{
	return h->listen->pid != getpid();
}

uint64_t listen_failed(const struct listen *l)
{
	return sink_eventfd_failed(&l->sink);
}

/* What has ended is not looked at any more, whatever its owner does with the listener. */
static void stop_looking(struct oomn_listener *h)
{
	if (h->usage)
		usage_remove(h->listen->usage, h->usage);
	if (h->pressure)
		pressure_remove(h->listen->pressure, h->pressure);
	h->usage = NULL;
	h->pressure = NULL;
}

void listen_signal(struct listen *l)
{
	struct oomn_listener *done = NULL, *h, *tmp;
	struct delivery d;

	while (registry_next(l->registry, &d)) {
		h = d.token;
		if (h->eventfd >= 0)
			sink_eventfd_signal(&l->sink, h->eventfd, d.count);
		h->ended |= d.ended;
		if (d.ended)
			stop_looking(h);
		if (d.ended && h->unowned) {
			DL_DELETE(l->listeners, h);
			LL_PREPEND(done, h);
		}
	}
	sink_eventfd_flush(&l->sink);
	LL_FOREACH_SAFE (done, h, tmp)
		listener_free(h);
}

/* After each round: what is due is signalled, and the timers are set to what is due next. */
static void end_round(struct listen *l)
{
	listen_signal(l);
	if (l->v2)
		local_events_rearm(l->v2);
	if (l->usage)
		usage_rearm(l->usage);
	if (l->pressure)
		pressure_rearm(l->pressure);
}

/* The registration that makes @h hear of ooms, or of the removal alone. */
static int link_v2(struct listen *l, const struct cgroup_at *at, struct oomn_listener *h)
{
	const struct local_events_args args = { .epoll_fd = l->epoll_fd,
						.host = l->host,
						.registry = l->registry,
						.cgroups_max = l->quota.cgroups };
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

static int watch_usage(struct listen *l, const struct cgroup_at *at, const struct listen_what *what,
		       struct oomn_listener *h)
{
	const struct usage_args args = { .epoll_fd = l->epoll_fd,
					 .host = l->host,
					 .registry = l->registry,
					 .cgroups_max = l->quota.cgroups };
	int r = l->usage ? 0 : usage_open(&l->usage, &args);

	if (r == 0)
		r = usage_add(l->usage, at, what->bytes, what->swap, &h->listener, &h->usage);
	return r == USAGE_E_QUOTA ? -EDQUOT : r;
}

static int watch_pressure(struct listen *l, const struct cgroup_at *at,
			  const struct listen_what *what, struct oomn_listener *h)
{
	const struct pressure_args args = { .epoll_fd = l->epoll_fd,
					    .host = l->host,
					    .registry = l->registry,
					    .cgroups_max = l->quota.cgroups };
	int r = l->pressure ? 0 : pressure_open(&l->pressure, &args);

	if (r == 0)
		r = pressure_add(l->pressure, at, what->level, what->mode, &h->listener,
				 &h->pressure);
	return r == PRESSURE_E_QUOTA ? -EDQUOT : r;
}

static int add_v2(struct listen *l, const struct cgroup_at *at, const struct listen_what *what,
		  struct oomn_listener *h)
{
	int r;

	h->listener.no_oom = what->kind != LISTEN_OOM;
	r = link_v2(l, at, h);
	if (r == 0 && what->kind == LISTEN_THRESHOLD)
		r = watch_usage(l, at, what, h);
	else if (r == 0 && what->kind == LISTEN_PRESSURE)
		r = watch_pressure(l, at, what, h);
	return r;
}

static int register_v1(struct v1_cgroup *c, int eventfd, const struct listen_what *what)
{
	static const char *const levels[] = { [PRESSURE_LOW] = "low",
					      [PRESSURE_MEDIUM] = "medium",
					      [PRESSURE_CRITICAL] = "critical" };
	static const char *const modes[] = { [PRESSURE_DEFAULT] = "default",
					     [PRESSURE_HIERARCHY] = "hierarchy",
					     [PRESSURE_LOCAL] = "local" };
	char args[32];

	switch (what->kind) {
	case LISTEN_THRESHOLD:
		snprintf(args, sizeof(args), "%" PRIu64, what->bytes);
		return v1_notifier_register(
			c, eventfd,
			what->swap ? "memory.memsw.usage_in_bytes" : "memory.usage_in_bytes", args);
	case LISTEN_PRESSURE:
		snprintf(args, sizeof(args), "%s,%s", levels[what->level], modes[what->mode]);
		return v1_notifier_register(c, eventfd, "memory.pressure_level", args);
	case LISTEN_OOM:
	default:
		return v1_notifier_register(c, eventfd, "memory.oom_control", "");
	}
}

static int add_v1(struct listen *l, const struct cgroup_at *at, int eventfd,
		  const struct listen_what *what, struct oomn_listener *h)
{
	const struct v1_notifier_args args = { .epoll_fd = l->epoll_fd,
					       .host = l->host,
					       .registry = l->registry,
					       .cgroups_max = l->quota.cgroups };
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
	return register_v1(h->v1, eventfd, what);
}

bool listen_knows(const struct listen *l, uint64_t id)
{
	return (l->v2 && local_events_knows(l->v2, id)) || (l->v1 && v1_notifier_knows(l->v1, id));
}

int listen_add(struct listen *l, const struct cgroup_at *at, int eventfd,
	       const struct listen_what *what, struct oomn_listener **ret)
{
	static const struct listen_what ooms = { .kind = LISTEN_OOM };
	struct oomn_listener *h;
	int r = sink_eventfd_check(eventfd);

	what = what ? what : &ooms;
	if (r != 0)
		return r == SINK_EVENTFD_E_NOT_ONE ? -EINVAL : r;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	*h = (struct oomn_listener){
		.listener.token = h, .listen = l, .eventfd = -1, .unowned = !ret
	};
	if (at->hierarchy == HIERARCHY_V2) {
		h->eventfd = fcntl(eventfd, F_DUPFD_CLOEXEC, 0);
		r = h->eventfd < 0 ? errno_neg() : add_v2(l, at, what, h);
	} else {
		r = add_v1(l, at, eventfd, what, h);
	}
	if (r == 0)
		DL_APPEND(l->listeners, h);
	else
		listener_free(h);
	/* Also what older listeners are due since holding @at read its files, and the timers. */
	end_round(l);
	if (r == 0 && ret)
		*ret = h;
	return r;
}

int listen_remove(struct oomn_listener *h)
{
	bool stays;

	if (!h)
		return 0;
	stays = h->v1 && !h->ended;
	DL_DELETE(h->listen->listeners, h);
	listener_free(h);
	return stays ? LISTEN_E_STAYS : 0;
}

static void set_under_oom(struct listen *l, uint64_t id)
{
	if (l->under_oom != 0)
		(void)registry_under_oom(l->registry, l->under_oom, false);
	/* Without memory or room for it, who registers now is told of the next one. */
	l->under_oom = id != 0 && registry_under_oom(l->registry, id, true) == 0 ? id : 0;
}

void listen_sighted(struct listen *l, const struct sighting *s)
{
	if (!l->v2 || s->v1)
		return;
	if (s->kind == SIGHTING_END) {
		set_under_oom(l, 0);
	} else if (s->kind == SIGHTING_LIMIT && s->limit.known) {
		set_under_oom(l, s->limit.id);
		local_events_sighted(l->v2, s->limit.id, clock_boottime_ns());
	}
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
	if (l->usage && everything)
		usage_read_all(l->usage, now_ns);
	if (l->pressure && everything)
		pressure_read_all(l->pressure, now_ns);
	end_round(l);
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

enum listen_state listen_state(const struct oomn_listener *h)
{
	if (h->ended)
		return LISTEN_ENDED;
	return h->v1 && v1_notifier_removing(h->v1) ? LISTEN_ENDING : LISTEN_ALIVE;
}

unsigned listen_unseen(const struct oomn_listener *h)
{
	unsigned unseen = h->v2 ? local_events_unseen(h->listen->v2, h->v2) : 0;

	return (unseen & LOCAL_EVENTS_UNREADABLE ? LISTEN_UNREADABLE : 0) |
	       (unseen & LOCAL_EVENTS_OUTSIDE ? LISTEN_OUTSIDE : 0);
}

const char *listen_notice(const struct listen *l)
{
	const char *notice = NULL;

	if (l->v2 && sink_eventfd_way(&l->sink) == SINK_EVENTFD_WRITE)
		return "io_setup() is refused here: an eventfd that its owner fills on purpose can "
		       "hold up this process";
	if (l->v2)
		notice = local_events_notice(l->v2);
	if (!notice && l->usage)
		notice = usage_notice(l->usage);
	return notice || !l->pressure ? notice : pressure_notice(l->pressure);
}
