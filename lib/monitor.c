/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The monitor: an epoll instance with the sources' descriptors in it, one timer for all of them,
 * and the engine behind.
 *
 * Each dispatch takes one round of what is ready, then lets every source do what is due: a source
 * that is always ready cannot starve the others.
 */
#include "lib/monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/timer.h"
#include "core/engine.h"
#include "core/incident.h"
#include "core/reconcile.h"
#include "lib/listen.h"
#include "lib/query.h"
#include "source/source.h"

#define ROUND_MAX 64
#define SOURCES 2
/*
 * What is seen so soon after a watch began may have been counted before: the kernel counts a kill and then
 * marks its victim, with whatever comes in between.
 */
#define START_NS (20 * NSEC_PER_MSEC)

static const struct monitor_options usual = {
	.watches_max = 65536,
	.queue_max = 65536,
	.queue_bytes = UINT64_C(64) << 20,
	.quota = { .listeners = LISTEN_LISTENERS_MAX, .cgroups = LISTEN_CGROUPS_MAX },
	.history_max = 4096,
};

struct oomn_monitor {
	pid_t pid; /* of who made it */
	struct monitor_options options;
	const struct cgroup_host *host;
	struct cgroup_host own_host; /* if it was not given one */
	struct engine *engine;
	int epoll_fd;
	struct timer timer;
	struct source *sources[SOURCES];
	struct incidents *incidents;
	struct witness *witness; /* NULL: nothing is named */
	char why[WITNESS_WHY];
	struct query query;
	struct listen *listen; /* NULL: nobody listens */
	struct source_io listen_io;
	uint64_t names_ns; /* settling: until when names are waited for; 0: not yet settling */
	/* The moment of the last event taken, on both clocks. */
	uint64_t taken_boottime_ns;
	uint64_t taken_realtime_ns;
};

static const struct source_ops *const kinds_of_source[SOURCES] = {
	&source_memory_events,
	&source_v1_eventfd,
};

static struct source_ops const *ops_for(enum hierarchy h, unsigned *ret_index)
{
	*ret_index = h == HIERARCHY_V2 ? 0 : 1;
	return kinds_of_source[*ret_index];
}

/* Returns whether that was all. */
static bool drain_all(void *ctx)
{
	struct oomn_monitor *m = ctx;
	uint64_t now_ns = clock_boottime_ns();
	bool all = !m->witness || witness_drain(m->witness, now_ns);

	if (all)
		query_drained(&m->query, now_ns);
	if (m->listen)
		listen_signal(m->listen);
	return all;
}

static void drain(void *ctx)
{
	(void)drain_all(ctx);
}

/* Before anything is made of it. */
static void seen(void *ctx, const struct sighting *s)
{
	struct oomn_monitor *m = ctx;

	if (m->listen)
		listen_sighted(m->listen, s);
}

static void died(void *ctx, const struct sighting *s, enum death how, uint64_t number)
{
	struct oomn_monitor *m = ctx;

	query_died(&m->query, s, how, number);
}

static void printed(void *ctx, const struct kmsg_kill *kill, uint64_t number, uint64_t now_ns)
{
	struct oomn_monitor *m = ctx;

	query_printed(&m->query, kill, number, now_ns);
}

static void missed(void *ctx)
{
	struct oomn_monitor *m = ctx;

	query_missed(&m->query);
}

static bool gone(void *ctx, const struct spot *s)
{
	const struct oomn_monitor *m = ctx;
	const struct cgroup_mount *mount =
		s->hierarchy == HIERARCHY_V1 ? &m->host->v1 : &m->host->v2;

	return mount->root_fd >= 0 && cgroup_mount_lacks(mount, s->path, s->id);
}

/* Opens what @m holds; what was opened before a failure goes with monitor_free(). */
static int open_all(struct oomn_monitor *m)
{
	const struct incident_calls calls = { .drain = drain,
					      .gone = gone,
					      .seen = seen,
					      .died = died,
					      .printed = printed,
					      .missed = missed,
					      .ctx = m };
	const struct query_args query = { .host = m->host,
					  .history_max = (uint32_t)m->options.history_max,
					  .drain = drain_all,
					  .ctx = m };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	int r;

	m->engine = engine_new(m->options.queue_max);
	if (!m->engine)
		return -ENOMEM;
	engine_set_bytes_max(m->engine, m->options.queue_bytes);
	m->incidents = incidents_new(m->engine, &calls);
	if (!m->incidents)
		return -ENOMEM;
	r = query_init(&m->query, &query);
	if (r < 0)
		return r;
	m->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (m->epoll_fd < 0)
		return errno_neg();
	r = timer_open(&m->timer);
	if (r < 0)
		return r;
	return epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, m->timer.fd, &ev) < 0 ? errno_neg() : 0;
}

static struct monitor_options with_defaults(const struct monitor_options *o)
{
	struct monitor_options all = o ? *o : usual;

	all.watches_max = all.watches_max ? all.watches_max : usual.watches_max;
	all.queue_max = all.queue_max ? all.queue_max : usual.queue_max;
	all.queue_bytes = all.queue_bytes ? all.queue_bytes : usual.queue_bytes;
	all.history_max = all.history_max ? all.history_max : usual.history_max;
	all.quota.listeners = all.quota.listeners ? all.quota.listeners : usual.quota.listeners;
	all.quota.cgroups = all.quota.cgroups ? all.quota.cgroups : usual.quota.cgroups;
	return all;
}

static int find_host(struct oomn_monitor *m, const struct cgroup_host *given)
{
	int r;

	m->host = given ? given : &m->own_host;
	if (given)
		return 0;
	r = cgroup_host_open(&m->own_host, "/proc");
	return r > 0 ? -ENODEV : r;
}

int monitor_new(struct oomn_monitor **ret, const struct cgroup_host *host,
		const struct monitor_options *options)
{
	struct oomn_monitor *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->pid = getpid();
	m->options = with_defaults(options);
	m->own_host = (struct cgroup_host)CGROUP_HOST_NULL;
	m->epoll_fd = -1;
	m->timer = (struct timer)TIMER_NULL;
	r = find_host(m, host);
	if (r == 0)
		r = open_all(m);
	if (r < 0) {
		monitor_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

struct oomn_monitor *monitor_free(struct oomn_monitor *m)
{
	if (!m)
		return NULL;
	listen_close(m->listen);
	for (unsigned i = 0; i < SOURCES; i++)
		if (m->sources[i])
			m->sources[i]->ops->close(m->sources[i]);
	witness_close(m->witness);
	incidents_free(m->incidents);
	query_deinit(&m->query);
	engine_free(m->engine);
	timer_close(&m->timer);
	fd_close(m->epoll_fd);
	cgroup_host_close(&m->own_host);
	free(m);
	return NULL;
}

int monitor_get_fd(const struct oomn_monitor *m)
{
	return m->epoll_fd;
}

static int source_for(struct oomn_monitor *m, enum hierarchy h, struct source **ret)
{
	const struct source_args args = { .engine = m->engine,
					  .host = m->host,
					  .epoll_fd = m->epoll_fd };
	const struct source_ops *ops;
	unsigned i;
	int r;

	ops = ops_for(h, &i);
	if (!m->sources[i]) {
		r = ops->open(&m->sources[i], &args);
		if (r < 0)
			return r;
	}
	*ret = m->sources[i];
	return 0;
}

bool monitor_is_foreign(const struct oomn_monitor *m)
{
	return m->pid != getpid();
}

const struct cgroup_host *monitor_host(const struct oomn_monitor *m)
{
	return m->host;
}

static enum kill_seeing seeing(const struct oomn_monitor *m)
{
	switch (incidents_level(m->incidents)) {
	case INCIDENT_NOTHING:
		return KILL_SEES_NOTHING;
	case INCIDENT_NAMES:
		return KILL_SEES_SOME;
	default:
		return KILL_SEES_ALL;
	}
}

int monitor_identify(struct oomn_monitor *m)
{
	const struct witness_args args = { .host = m->host,
					   .incidents = m->incidents,
					   .epoll_fd = m->epoll_fd };

	int r;

	if (m->witness)
		return 0;
	query_opening(&m->query);
	r = witness_open(&m->witness, &args, &m->options.witness, m->why);
	if (r == 0)
		query_opened(&m->query, seeing(m));
	return r;
}

const char *monitor_identify_why(const struct oomn_monitor *m)
{
	return m->why;
}

const char *monitor_identified_by(const struct oomn_monitor *m)
{
	return m->witness ? witness_level(m->witness) : "none";
}

/* The timer is one for all sources. */
static int arm(struct oomn_monitor *m)
{
	uint64_t due = incidents_deadline(m->incidents);

	for (unsigned i = 0; i < SOURCES; i++) {
		uint64_t d =
			m->sources[i] ? m->sources[i]->ops->deadline(m->sources[i]) : UINT64_MAX;

		due = d < due ? d : due;
	}
	return timer_arm(&m->timer, due);
}

/* The same where calls other than dispatch may have queued events: their reader is to be woken for them. */
static int nudge(struct oomn_monitor *m)
{
	return engine_waits(m->engine) ? timer_arm(&m->timer, clock_boottime_ns()) : arm(m);
}

/* From when on a watch that begins now is told what happens; what it will be told of is up to date. */
static int prepare(struct oomn_monitor *m, struct source *s, const struct source_target *target,
		   uint64_t *ret_ns)
{
	int r;

	drain(m);
	r = s->ops->prepare(s, target);
	/* BPF knows nothing of time namespaces: there moments cannot be compared. */
	*ret_ns = m->query.view.offset_ns == 0 ? clock_boottime_ns() : 0;
	return r;
}

static int attach(struct oomn_monitor *m, const struct source_target *target)
{
	struct watch w = { .cookie = target->cookie,
			   .hierarchy = target->at->hierarchy,
			   .path = target->at->path,
			   .local = target->local,
			   .kinds = target->kinds };
	struct source *s;
	int r;

	if (engine_watches(m->engine) >= m->options.watches_max)
		return -EDQUOT;
	r = source_for(m, target->at->hierarchy, &s);
	if (r == 0)
		r = prepare(m, s, target, &w.from_ns);
	if (r == 0)
		r = engine_watch_add(m->engine, &w);
	if (r < 0)
		return r;
	r = query_watch_begin(&m->query, target->at, target->local, target->cookie);
	if (r == 0)
		r = s->ops->attach(s, target);
	if (r < 0) {
		query_watch_forget(&m->query, target->cookie);
		(void)engine_watch_drop(m->engine, target->cookie);
		return r;
	}
	(void)engine_watch_since(m->engine, target->cookie, clock_boottime_ns() + START_NS);
	return nudge(m);
}

int monitor_add(struct oomn_monitor *m, const struct cgroup_at *at, unsigned flags, unsigned kinds,
		uint64_t cookie)
{
	const struct source_target target = { .cookie = cookie,
					      .at = at,
					      .local = flags & MONITOR_LOCAL,
					      .kinds = kinds,
					      .gone_all = flags & MONITOR_GONE_ALL };

	return attach(m, &target);
}

int monitor_add_host(struct oomn_monitor *m, unsigned flags, unsigned kinds, uint64_t cookie)
{
	_cleanup_at_ struct cgroup_at root = CGROUP_AT_NULL;
	int r;

	r = cgroup_host_root(m->host, &root);
	if (r != 0)
		return r < 0 ? r : -ENODEV;
	return attach(m, &(struct source_target){ .cookie = cookie,
						  .at = &root,
						  .whole_host = true,
						  .kinds = kinds,
						  .gone_all = flags & MONITOR_GONE_ALL });
}

int monitor_remove(struct oomn_monitor *m, uint64_t cookie)
{
	int r = engine_watch_drop(m->engine, cookie);

	if (r == 0)
		query_watch_forget(&m->query, cookie);
	for (unsigned i = 0; i < SOURCES; i++)
		if (m->sources[i])
			(void)m->sources[i]->ops->detach(m->sources[i], cookie);
	incidents_forget(m->incidents);
	return r;
}

size_t monitor_watches(const struct oomn_monitor *m)
{
	return engine_watches(m->engine);
}

/* The listeners' own epoll instance is ready. */
static int listen_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct oomn_monitor *m =
		(struct oomn_monitor *)((char *)io - offsetof(struct oomn_monitor, listen_io));

	(void)events;
	(void)now_ns;
	return listen_dispatch(m->listen);
}

int monitor_listen(struct oomn_monitor *m, struct listen **ret)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &m->listen_io };
	int r = 0;

	if (!m->listen) {
		r = listen_open(&m->listen, m->host, &m->options.quota);
		m->listen_io.ready = listen_ready;
		if (r == 0 &&
		    epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, listen_get_fd(m->listen), &ev) < 0) {
			r = errno_neg();
			m->listen = listen_close(m->listen);
		}
	}
	if (r == 0) {
		drain(m); /* what happened before is not news for who registers now */
		r = nudge(m);
	}
	if (r == 0)
		*ret = m->listen;
	return r;
}

/*
 * One round of what is ready. A callback may close descriptors of others in the same round; each
 * source keeps what epoll points at until its own run().
 */
static int take_ready(struct oomn_monitor *m, uint64_t now_ns)
{
	struct epoll_event ready[ROUND_MAX];
	int n = epoll_wait(m->epoll_fd, ready, ROUND_MAX, 0);

	if (n < 0)
		return errno == EINTR ? 0 : errno_neg();
	for (int i = 0; i < n; i++) {
		struct source_io *io = ready[i].data.ptr;
		int r = io ? io->ready(io, ready[i].events, now_ns) : timer_take(&m->timer);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool has_watch(void *ctx, uint64_t cookie)
{
	const struct oomn_monitor *m = ctx;

	return engine_has_watch(m->engine, cookie);
}

/* Sources end watches by themselves when their cgroup is gone. */
static void sweep(struct oomn_monitor *m)
{
	if (engine_watches(m->engine) != m->query.live)
		query_watches_sweep(&m->query, has_watch, m);
}

int monitor_dispatch(struct oomn_monitor *m)
{
	uint64_t now_ns = clock_boottime_ns();
	int r, armed;

	/* Names before counts: a count is told at once if its name is there. */
	drain(m);
	r = take_ready(m, now_ns);

	for (unsigned i = 0; i < SOURCES && r >= 0; i++)
		if (m->sources[i] && m->sources[i]->ops->deadline(m->sources[i]) <= now_ns)
			r = m->sources[i]->ops->run(m->sources[i], now_ns);
	incidents_run(m->incidents, clock_boottime_ns());
	sweep(m);
	/* Armed whatever happened: who polls first after an error is to be woken for what is left. */
	armed = arm(m);
	return r < 0 ? r : armed;
}

int monitor_next(struct oomn_monitor *m, struct oomn_event **ret)
{
	int r = engine_next(m->engine, ret);

	if (r <= 0)
		return r;
	/* One moment, one time: what one look at the counters brought is not told at many. */
	if ((*ret)->boottime_ns != m->taken_boottime_ns) {
		m->taken_boottime_ns = (*ret)->boottime_ns;
		m->taken_realtime_ns = clock_realtime_at((*ret)->boottime_ns);
	}
	(*ret)->realtime_ns = m->taken_realtime_ns;
	return r;
}

/* All is counted. What waits for its name has its time, but what comes meanwhile does not prolong it. */
static bool settle_names(struct oomn_monitor *m, uint64_t now_ns)
{
	drain(m);
	incidents_run(m->incidents, now_ns);
	if (m->names_ns == 0)
		m->names_ns = now_ns + RECONCILE_WAIT_NS;
	if (now_ns >= m->names_ns)
		incidents_flush(m->incidents);
	return incidents_deadline(m->incidents) != UINT64_MAX;
}

int monitor_settle(struct oomn_monitor *m)
{
	uint64_t now_ns = clock_boottime_ns();
	bool again = false;
	int r = m->listen ? listen_flush(m->listen) : 0;

	if (r < 0)
		return r;
	incidents_settling(m->incidents, now_ns);
	for (unsigned i = 0; i < SOURCES; i++) {
		if (!m->sources[i])
			continue;
		r = m->sources[i]->ops->settle(m->sources[i], now_ns);
		if (r < 0)
			return r;
		again |= r == SOURCE_E_AGAIN;
	}
	if (!again)
		again = settle_names(m, now_ns);
	r = arm(m);
	return r < 0 ? r : again ? MONITOR_E_AGAIN : 0;
}

int monitor_query_process(struct oomn_monitor *m, const struct process_id *id, int wait_status,
			  struct query_answer *ret)
{
	int r = monitor_identify(m);

	if (r != 0)
		return r;
	if (seeing(m) == KILL_SEES_NOTHING)
		query_blind(&m->query);
	r = query_process(&m->query, id, wait_status, ret);
	(void)nudge(m);
	return r;
}

int monitor_query_kills(struct oomn_monitor *m, uint64_t cookie, uint64_t since_ns,
			struct kill_sum *ret)
{
	int r;

	sweep(m);
	query_watch_moved(&m->query, cookie, engine_watch_path(m->engine, cookie));
	r = query_kills(&m->query, cookie, since_ns, ret);
	(void)nudge(m);
	return r;
}

uint64_t monitor_signals_lost(const struct oomn_monitor *m)
{
	return m->listen ? listen_failed(m->listen) : 0;
}

void monitor_balance(const struct oomn_monitor *m, struct balance *ret)
{
	struct balance sum = { .lost = engine_lost(m->engine) };

	for (unsigned i = 0; i < SOURCES; i++)
		if (m->sources[i])
			m->sources[i]->ops->balance(m->sources[i], &sum);
	incidents_balance(m->incidents, &sum);
	*ret = sum;
}

const char *monitor_notice(struct oomn_monitor *m)
{
	const char *notice = NULL;

	for (unsigned i = 0; i < SOURCES && !notice; i++)
		if (m->sources[i])
			notice = m->sources[i]->ops->notice(m->sources[i]);
	if (!notice && m->listen)
		notice = listen_notice(m->listen);
	return notice || !m->witness ? notice : witness_notice(m->witness);
}
