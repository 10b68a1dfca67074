/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of a part of a request, of which there is one for each process (a lane):
 *
 *             sent                  END
 *   WAITING ───────> SENT ─────────────────────> DONE
 *      │  ^           │ │
 *      │  └───────────┘ │ time is up: the process is killed
 *      │  its process   v
 *      └────────────> LATE
 *         time is up, or there is no process to be had
 *
 * Each process answers in the order in which it is asked, so that the one that is overdue is the one
 * that it hangs at. What else it was asked goes to the next process.
 */
#include "cli/details.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/timer.h"
#include "cli/details_helper.h"
#include "cli/details_wire.h"

#define INCIDENTS 64 /* of which it is known that their limit cgroup was asked for */
#define DYING_MAX 8  /* processes that were killed and are still held up in the kernel */

enum lane {
	LANE_VICTIM,
	LANE_CGROUP,
	LANES,
};

enum part_state {
	PART_NONE,
	PART_WAITING,
	PART_SENT,
	PART_DONE,
	PART_LATE,
};

struct part {
	enum part_state state;
	uint64_t due_ns;
};

struct request {
	uint64_t serial;
	struct oomn_event *event; /* what it will be; complete from the start but for its details */
	struct part part[LANES];
	uint64_t hold_ns; /* until then the first victim is waited for; 0: not */
	uint64_t start_ns;
	uint32_t pid; /* 0: no victim */
	bool cmdline; /* not known yet */
	struct request *prev, *next;
};

struct lane_process {
	struct details_helper helper;
	uint64_t rest_ns; /* none is started before */
};

struct details {
	struct details_place place;
	int epoll_fd;
	struct timer timer;
	struct lane_process lanes[LANES];
	int dying[DYING_MAX]; /* pidfds */
	size_t dying_n;
	uint64_t last_serial;
	struct request *queue;
	size_t queued;
	struct request *ready; /* only their events are left */
	uint64_t incidents[INCIDENTS];
	size_t incidents_n; /* all that there ever were */
};

static struct request *request_free(struct request *r)
{
	if (r) {
		event_free(r->event);
		free(r);
	}
	return NULL;
}

static bool is_open(const struct part *p)
{
	return p->state == PART_WAITING || p->state == PART_SENT;
}

static int poll_for(const struct details *d, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? errno_neg() : 0;
}

static int reap(struct details *d, int pidfd)
{
	if (details_helper_reap(pidfd))
		return 0;
	d->dying[d->dying_n++] = pidfd;
	return poll_for(d, pidfd);
}

static void reap_dying(struct details *d)
{
	for (size_t i = 0; i < d->dying_n;) {
		if (details_helper_reap(d->dying[i]))
			d->dying[i] = d->dying[--d->dying_n];
		else
			i++;
	}
}

/* The process of @lane is of no use any more. What it was asked is asked again. */
static void drop_process(struct details *d, enum lane lane)
{
	struct request *r;

	if (d->lanes[lane].helper.fd < 0)
		return;
	/* There is room for it: none is started without. Not polled for, it is reaped later. */
	(void)reap(d, details_helper_kill(&d->lanes[lane].helper));
	DL_FOREACH (d->queue, r)
		if (r->part[lane].state == PART_SENT)
			r->part[lane].state = PART_WAITING;
}

static int start_process(struct details *d, enum lane lane)
{
	struct lane_process *l = &d->lanes[lane];
	int r = details_helper_start(&l->helper, &d->place);

	if (r < 0)
		return r;
	r = poll_for(d, l->helper.fd);
	if (r < 0)
		drop_process(d, lane);
	return r;
}

/* Whether there is a process in @lane, or could be made one. */
static bool have_process(struct details *d, enum lane lane, uint64_t now_ns)
{
	struct lane_process *l = &d->lanes[lane];

	if (l->helper.fd >= 0)
		return true;
	/* A process that is there may have to be killed too: each needs room among the dying. */
	if (now_ns < l->rest_ns || d->dying_n + LANES > DYING_MAX)
		return false;
	l->rest_ns = now_ns + DETAILS_REST_NS;
	return start_process(d, lane) == 0;
}

static struct request *find_serial(struct details *d, uint64_t serial)
{
	struct request *r;

	DL_FOREACH (d->queue, r)
		if (r->serial == serial)
			return r;
	return NULL;
}

/* Returns 0 or -EBADMSG. */
static int take_reply(struct details *d, enum lane lane, const char *packet, size_t n)
{
	struct request *r;
	enum wire_kind kind;
	uint64_t serial;

	if (wire_reply_head(packet, n, &serial, &kind) < 0)
		return -EBADMSG;
	r = find_serial(d, serial);
	if (!r || r->part[lane].state != PART_SENT)
		return -EBADMSG;
	if (wire_reply_take(packet, n, r->event->details) == -EBADMSG)
		return -EBADMSG;
	if (kind == WIRE_MEMORY && !r->event->details->cgroup) {
		r->event->details->cgroup = strdup(r->event->cgroup);
		r->event->details->cgroup_id = r->event->cgroup_id;
	}
	if (kind == WIRE_END)
		r->part[lane].state = PART_DONE;
	return 0;
}

static void take_replies(struct details *d, enum lane lane)
{
	char packet[WIRE_PACKET_MAX];
	ssize_t n;

	while (d->lanes[lane].helper.fd >= 0) {
		n = recv(d->lanes[lane].helper.fd, packet, sizeof(packet), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0 || take_reply(d, lane, packet, (size_t)n) < 0)
			drop_process(d, lane);
	}
}

static void make_late(struct request *r, enum lane lane)
{
	r->part[lane].state = PART_LATE;
	r->event->details->timed_out = true;
}

static void expire(struct details *d, enum lane lane, uint64_t now_ns)
{
	struct request *r;

	DL_FOREACH (d->queue, r) {
		if (!is_open(&r->part[lane]) || now_ns < r->part[lane].due_ns)
			continue;
		if (r->part[lane].state == PART_SENT)
			drop_process(d, lane);
		make_late(r, lane);
	}
}

/* Returns 0, -EAGAIN if it has to wait until the process has taken what it was sent, or < 0. */
static int send_part(const struct details *d, const struct request *r, enum lane lane)
{
	struct wire_request q = { .serial = r->serial };
	char packet[WIRE_PACKET_MAX];
	ssize_t n;

	if (lane == LANE_VICTIM) {
		q.pid = r->pid;
		q.start_ns = r->start_ns;
		q.cmdline = r->cmdline;
	} else {
		q.cgroup_id = r->event->cgroup_id;
		memcpy(q.path, r->event->cgroup, strlen(r->event->cgroup) + 1);
	}
	do
		n = send(d->lanes[lane].helper.fd, packet, wire_request_make(&q, packet),
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? errno_neg() : 0;
}

/* Sends one part. False: no more can be sent now. */
static bool send_or_give_up(struct details *d, struct request *r, enum lane lane, uint64_t now_ns)
{
	int s;

	while (have_process(d, lane, now_ns)) {
		s = send_part(d, r, lane);
		if (s == 0)
			r->part[lane].state = PART_SENT;
		if (s == 0 || s == -EAGAIN)
			return s == 0;
		drop_process(d, lane); /* it ended just now */
	}
	make_late(r, lane);
	return true;
}

static struct request *first_waiting(struct details *d, enum lane lane)
{
	struct request *r;

	DL_FOREACH (d->queue, r)
		if (r->part[lane].state == PART_WAITING)
			return r;
	return NULL;
}

/* From the front each time: what a process that ends was asked waits again, and goes first. */
static void send_waiting(struct details *d, enum lane lane, uint64_t now_ns)
{
	struct request *r;

	while ((r = first_waiting(d, lane)) && send_or_give_up(d, r, lane, now_ns))
		;
}

static bool has_news(const struct request *r)
{
	const struct oom_details *d = r->event->details;

	return d->cmdline || d->exe || d->cgroup || d->timed_out;
}

/* Moves what is complete to the events that can be taken. */
static void finish(struct details *d, uint64_t now_ns)
{
	struct request *r, *next;

	DL_FOREACH_SAFE (d->queue, r, next) {
		bool open = is_open(&r->part[LANE_VICTIM]) || is_open(&r->part[LANE_CGROUP]);

		if (open || (r->pid == 0 && now_ns < r->hold_ns))
			continue;
		DL_DELETE(d->queue, r);
		d->queued--;
		r->event->boottime_ns = now_ns;
		if (has_news(r))
			DL_APPEND(d->ready, r);
		else
			request_free(r);
	}
}

/* An event that was not taken keeps the descriptor readable. */
static int rearm(struct details *d)
{
	uint64_t due = UINT64_MAX;
	struct request *r;

	DL_FOREACH (d->queue, r) {
		for (int lane = 0; lane < LANES; lane++)
			if (is_open(&r->part[lane]) && r->part[lane].due_ns < due)
				due = r->part[lane].due_ns;
		if (r->pid == 0 && r->hold_ns > 0 && r->hold_ns < due)
			due = r->hold_ns;
	}
	return timer_arm(&d->timer, d->ready ? 0 : due);
}

/* Sends what waits, and tells what is complete. */
static int go_on(struct details *d, uint64_t now_ns)
{
	for (int lane = 0; lane < LANES; lane++)
		send_waiting(d, (enum lane)lane, now_ns);
	finish(d, now_ns);
	return rearm(d);
}

int details_run(struct details *d, uint64_t now_ns)
{
	int r = timer_take(&d->timer);

	if (r < 0)
		return r;
	reap_dying(d);
	for (int lane = 0; lane < LANES; lane++) {
		take_replies(d, (enum lane)lane); /* also those that came just in time */
		expire(d, (enum lane)lane, now_ns);
		/* Ready before the next oom, if it may be. */
		(void)have_process(d, (enum lane)lane, now_ns);
	}
	return go_on(d, now_ns);
}

static bool knows_limit(const struct oomn_event *e)
{
	return e->limit_cgroup && e->limit_id != 0 && !e->limit_outside && !e->limit_or_above &&
	       strlen(e->limit_cgroup) < WIRE_PATH_MAX;
}

static bool was_asked(const struct details *d, uint64_t incident)
{
	for (size_t i = 0; i < INCIDENTS && i < d->incidents_n; i++)
		if (d->incidents[i] == incident)
			return true;
	return false;
}

/* The request that @incident's oom has made, while no victim belongs to it yet. */
static struct request *find_held(struct details *d, uint64_t incident)
{
	struct request *r;

	DL_FOREACH (d->queue, r)
		if (r->event->incident == incident && r->pid == 0)
			return r;
	return NULL;
}

static struct request *request_new(const struct oomn_event *e)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->event = event_new(EVENT_DETAILS);
	if (!r->event)
		return request_free(r);
	r->event->incident = e->incident;
	r->event->hierarchy = e->hierarchy;
	r->event->evidence = e->evidence;
	r->event->details = oom_details_new();
	if (!r->event->details)
		return request_free(r);
	if (!e->limit_cgroup || e->limit_outside || e->limit_or_above)
		return r;
	r->event->cgroup = strdup(e->limit_cgroup);
	r->event->cgroup_id = e->limit_id;
	return r->event->cgroup ? r : request_free(r);
}

static void begin_part(struct request *r, enum lane lane, uint64_t now_ns)
{
	r->part[lane] = (struct part){ .state = PART_WAITING, .due_ns = now_ns + DETAILS_DUE_NS };
}

static void begin_victim(struct request *r, const struct oomn_process *victim, uint64_t now_ns)
{
	r->pid = victim->id.pid;
	r->start_ns = victim->id.start_ns;
	r->cmdline = !victim->cmdline;
	r->event->details->victim_pid = r->pid;
	begin_part(r, LANE_VICTIM, now_ns);
}

int details_ask(struct details *d, const struct oomn_event *e, uint64_t now_ns)
{
	const struct oomn_process *victim = e->kind == EVENT_KILL ? e->victim : NULL;
	bool cgroup = knows_limit(e) && !was_asked(d, e->incident);
	struct request *r;

	if (e->incident == 0 || (e->kind != EVENT_OOM && e->kind != EVENT_KILL))
		return 0;
	/* Without the time of its start a number may be another process's by now. */
	if (victim && (victim->id.pid == 0 || victim->id.start_ns == 0))
		victim = NULL;
	if (!victim && !cgroup)
		return 0;
	r = victim ? find_held(d, e->incident) : NULL;
	if (r) {
		begin_victim(r, victim, now_ns);
		return go_on(d, now_ns);
	}
	r = request_new(e);
	if (!r)
		return -ENOMEM;
	r->serial = ++d->last_serial;
	if (victim)
		begin_victim(r, victim, now_ns);
	if (d->queued == DETAILS_QUEUE) {
		r->part[LANE_VICTIM].state = PART_LATE;
		r->event->details->timed_out = true;
	} else if (cgroup) {
		begin_part(r, LANE_CGROUP, now_ns);
		d->incidents[d->incidents_n++ % INCIDENTS] = e->incident;
		r->hold_ns = e->kind == EVENT_OOM ? now_ns + DETAILS_DUE_NS : 0;
	}
	DL_APPEND(d->queue, r);
	d->queued++;
	return go_on(d, now_ns);
}

int details_next(struct details *d, struct oomn_event **ret)
{
	struct request *r = d->ready;

	if (!r)
		return 0;
	DL_DELETE(d->ready, r);
	*ret = ptr_steal(&r->event);
	request_free(r);
	if (!d->ready)
		(void)rearm(d); /* it stays readable once too often, at worst */
	return 1;
}

bool details_idle(const struct details *d)
{
	return !d->queue && !d->ready;
}

int details_fd(const struct details *d)
{
	return d->epoll_fd;
}

static int open_all(struct details *d, const struct cgroup_host *host)
{
	const struct cgroup_mount *m = cgroup_host_memory(host, &d->place.hierarchy);
	int r;

	d->place.proc = strdup(host->proc ? host->proc : "/proc");
	if (!d->place.proc)
		return -ENOMEM;
	d->place.root_fd = m ? fcntl(m->root_fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (m && d->place.root_fd < 0)
		return errno_neg();
	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll_fd < 0)
		return errno_neg();
	r = timer_open(&d->timer);
	if (r == 0)
		r = poll_for(d, d->timer.fd);
	for (int lane = 0; r == 0 && lane < LANES; lane++)
		r = start_process(d, (enum lane)lane);
	return r;
}

int details_open(struct details **ret, const struct cgroup_host *host)
{
	_cleanup_details_ struct details *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->epoll_fd = d->place.root_fd = -1;
	d->timer = (struct timer)TIMER_NULL;
	for (int lane = 0; lane < LANES; lane++)
		d->lanes[lane].helper = (struct details_helper)DETAILS_HELPER_NULL;
	r = open_all(d, host);
	if (r < 0)
		return r;
	*ret = ptr_steal(&d);
	return 0;
}

struct details *details_close(struct details *d)
{
	struct request *r, *next;

	if (!d)
		return NULL;
	for (int lane = 0; lane < LANES; lane++)
		drop_process(d, (enum lane)lane);
	reap_dying(d);
	while (d->dying_n > 0) /* whoever ends later is init's, or nobody's as long as we go on */
		(void)fd_close(d->dying[--d->dying_n]);
	DL_FOREACH_SAFE (d->queue, r, next)
		request_free(r);
	DL_FOREACH_SAFE (d->ready, r, next)
		request_free(r);
	timer_close(&d->timer);
	(void)fd_close(d->epoll_fd);
	(void)fd_close(d->place.root_fd);
	free(d->place.proc);
	free(d);
	return NULL;
}
