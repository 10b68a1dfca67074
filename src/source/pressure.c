/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What wakes the source, and the clock of the active
 */
#include "source/pressure.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "source/pressure_impl.h"

#define EVENTS_PER_WAIT 64

void pressure_activate(struct pressure_cgroup *c, uint64_t now_ns)
{
	struct pressure *p = c->p;

	p->slot_ns = PRESSURE_SLOT_NS;
	for (; c; c = pressure_parent(c)) {
		c->news_ns = now_ns;
		if (c->active || c->state != PRESSURE_OPEN)
			continue;
		c->active = true;
		DL_APPEND(p->active, c);
	}
}

void pressure_deactivate(struct pressure_cgroup *c)
{
	if (!c->active)
		return;
	DL_DELETE(c->p->active, c);
	c->active = false;
	vmpressure_rest(&c->node);
	pressure_file_arm(c);
}

static void signal_listener(void *ctx, struct vmpressure_watch *w)
{
	(void)ctx;
	registry_signal(((struct pressure_watch *)w)->listener, 1); /* its first member */
}

static void look(struct pressure_cgroup *c, uint64_t now_ns)
{
	const struct vmpressure_told told = { .signal = signal_listener };
	struct vmpressure_reading reading;
	int r = pressure_file_read(c, &reading);

	if (r == -ENODEV)
		pressure_file_verify(c);
	/* Other errors pass (memory): what was not read now is seen the next time. */
	else if (r == 0 && vmpressure_read(&c->node, &reading, now_ns, &told))
		pressure_activate(c, now_ns);
}

static int deeper_first(const struct pressure_cgroup *a, const struct pressure_cgroup *b)
{
	return a->depth < b->depth ? 1 : a->depth > b->depth ? -1 : 0;
}

/* Reads all that are active, each before those above it. */
static void read_active(struct pressure *p, uint64_t now_ns)
{
	uint64_t cpu = clock_thread_ns();
	struct pressure_cgroup *c, *tmp;

	p->read_ns = now_ns;
	p->slot_ns = p->slot_ns * 2 < PRESSURE_SLOWEST_NS ? p->slot_ns * 2 : PRESSURE_SLOWEST_NS;
	DL_SORT(p->active, deeper_first);
	DL_FOREACH_SAFE (p->active, c, tmp)
		look(c, now_ns);
	DL_FOREACH_SAFE (p->active, c, tmp)
		if (now_ns - c->news_ns >= PRESSURE_QUIET_NS)
			pressure_deactivate(c);
	pace_walked(&p->pace, clock_boottime_ns(), clock_thread_ns() - cpu);
}

static uint64_t read_due(const struct pressure *p)
{
	uint64_t due = p->read_ns + p->slot_ns;

	if (!p->active)
		return UINT64_MAX;
	return due > pace_free(&p->pace) ? due : pace_free(&p->pace);
}

/*
 * Takes in who woke. To be done before any reading: whoever was counted at above has to be read with
 * those that are.
 */
static void take_woken(struct pressure *p, uint64_t now_ns)
{
	struct epoll_event ev[EVENTS_PER_WAIT];
	int n;

	do {
		n = epoll_wait(p->wake_fd, ev, EVENTS_PER_WAIT, 0);
		for (int i = 0; i < n; i++)
			pressure_activate(ev[i].data.ptr, now_ns);
	} while (n == EVENTS_PER_WAIT);
}

static void run(struct pressure *p, uint64_t now_ns)
{
	take_woken(p, now_ns);
	if (read_due(p) <= now_ns)
		read_active(p, now_ns);
}

static int wake_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	(void)events;
	run((struct pressure *)((char *)io - offsetof(struct pressure, wake_io)), now_ns);
	return 0;
}

static void look_again(struct pressure *p)
{
	p->look_ns = UINT64_MAX;
	for (struct pressure_cgroup *c = p->by_id; c; c = c->hh.next)
		if (c->state == PRESSURE_LATER)
			pressure_file_verify(c);
}

static int timer_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct pressure *p = (struct pressure *)((char *)io - offsetof(struct pressure, timer_io));
	int r = timer_take(&p->timer);

	(void)events;
	if (r < 0)
		return r;
	if (p->look_ns <= now_ns)
		look_again(p);
	run(p, now_ns);
	return 0;
}

static void verify_all(struct pressure *p)
{
	for (struct pressure_cgroup *c = p->by_id; c; c = c->hh.next)
		pressure_file_verify(c);
}

/* A few at a time, and seldom: whose switch it was need not be known. */
static void changed(void *ctx, const struct tree_change *change)
{
	if (change->kind == TREE_OVERFLOW || change->kind == TREE_CONTROL)
		*(bool *)ctx = true;
}

static int changes_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct pressure *p =
		(struct pressure *)((char *)io - offsetof(struct pressure, changes_io));
	bool switched = false;
	int r = tree_watch_read(p->changes, changed, &switched);

	(void)events;
	(void)now_ns;
	if (switched)
		verify_all(p);
	return r == TREE_WATCH_E_MORE ? 0 : r;
}

void pressure_rearm(struct pressure *p)
{
	uint64_t due = read_due(p);

	(void)timer_arm(&p->timer,
			due < p->look_ns ? due : p->look_ns); /* fails for malformed times only */
}

void pressure_read_all(struct pressure *p, uint64_t now_ns)
{
	for (struct pressure_cgroup *c = p->by_id; c; c = c->hh.next) {
		if (c->unwatched)
			(void)pressure_file_watch(c);
		pressure_file_verify(c);
		pressure_activate(c, now_ns);
	}
	read_active(p, now_ns);
}

const char *pressure_notice(const struct pressure *p)
{
	const char *notice = NULL;

	for (const struct pressure_cgroup *c = p->by_id; c; c = c->hh.next) {
		if (c->state == PRESSURE_LATER)
			return "files of a cgroup could not be opened again: its pressure is not "
			       "seen, trying once a second";
		if (c->unwatched)
			notice = "no inotify watch could be set (fs.inotify.max_user_watches, or "
				 "/proc is closed to this process): pressure in a cgroup whose "
				 "memory controller is switched off and on is not seen any more";
	}
	return notice;
}

int pressure_add(struct pressure *p, const struct cgroup_at *at, enum pressure_level level,
		 enum pressure_mode mode, struct listener *l, struct pressure_watch **ret)
{
	struct pressure_watch *w;
	int r;

	if ((at->id == p->root_id && p->args.host->v2.real_root) || level < PRESSURE_LOW ||
	    level > PRESSURE_CRITICAL || mode > PRESSURE_LOCAL)
		return -EINVAL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	r = pressure_cgroup_get(p, at, &w->cgroup);
	if (r != 0) {
		free(w);
		return r;
	}
	w->watch.level = level;
	w->watch.mode = mode;
	w->listener = l;
	vmpressure_watch_add(&w->cgroup->node, &w->watch);
	*ret = w;
	return 0;
}

void pressure_remove(struct pressure *p, struct pressure_watch *w)
{
	(void)p;
	if (!w)
		return;
	vmpressure_watch_remove(&w->cgroup->node, &w->watch);
	pressure_cgroup_put(w->cgroup);
	free(w);
}

static int epoll_add(const struct pressure *p, int fd, struct source_io *io)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = io };

	return epoll_ctl(p->args.epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? errno_neg() : 0;
}

static int open_fds(struct pressure *p)
{
	struct stat st;
	int r;

	if (fstat(p->args.host->v2.root_fd, &st) < 0)
		return errno_neg();
	p->root_id = st.st_ino;
	p->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->wake_fd < 0)
		return errno_neg();
	r = tree_watch_open(&p->changes);
	if (r == 0)
		r = timer_open(&p->timer);
	if (r == 0)
		r = epoll_add(p, p->wake_fd, &p->wake_io);
	if (r == 0)
		r = epoll_add(p, tree_watch_fd(p->changes), &p->changes_io);
	return r == 0 ? epoll_add(p, p->timer.fd, &p->timer_io) : r;
}

int pressure_open(struct pressure **ret, const struct pressure_args *args)
{
	struct pressure *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct pressure){
		.args = *args,
		.wake_fd = -1,
		.wake_io.ready = wake_ready,
		.changes_io.ready = changes_ready,
		.timer = TIMER_NULL,
		.timer_io.ready = timer_ready,
		.slot_ns = PRESSURE_SLOT_NS,
		.look_ns = UINT64_MAX,
	};
	r = open_fds(p);
	if (r < 0) {
		pressure_close(p);
		return r;
	}
	*ret = p;
	return 0;
}

static void epoll_remove(const struct pressure *p, int fd)
{
	if (fd >= 0)
		(void)epoll_ctl(p->args.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

struct pressure *pressure_close(struct pressure *p)
{
	if (!p)
		return NULL;
	while (p->by_id) {
		struct pressure_cgroup *c = p->by_id;

		while (c->node.watches) {
			struct vmpressure_watch *w = c->node.watches;

			vmpressure_watch_remove(&c->node, w);
			free(w); /* the first member of a pressure_watch */
		}
		pressure_cgroup_put(c);
	}
	epoll_remove(p, p->wake_fd);
	if (p->changes)
		epoll_remove(p, tree_watch_fd(p->changes));
	epoll_remove(p, p->timer.fd);
	(void)fd_close(p->wake_fd);
	tree_watch_close(p->changes);
	timer_close(&p->timer);
	free(p);
	return NULL;
}
