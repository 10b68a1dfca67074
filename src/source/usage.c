/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who wants to know of which cgroup, and when it is read
 *
 * One timer for all. A round reads at most PER_ROUND cgroups, and rounds take a tenth of a CPU
 * (core/pace.h): with thousands of cgroups near their thresholds all are read later, none is forgotten.
 */
#include "source/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "source/usage_impl.h"

#define PER_ROUND 256
#define SLOW_TOLD_NS (10 * NSEC_PER_SEC)

/* From the shortest, which all are multiples of, to the longest that thresholds_step() gives. */
static const uint64_t steps[USAGE_STEPS] = {
	THRESHOLD_STEP_MIN_NS,     10 * NSEC_PER_MSEC,    20 * NSEC_PER_MSEC,
	THRESHOLD_STEP_MAX_NS / 2, THRESHOLD_STEP_MAX_NS,
};

static void dequeue(struct usage_cgroup *c)
{
	if (c->queue >= 0)
		DL_DELETE(c->usage->queues[c->queue], c);
	c->queue = -1;
}

/* @c is read within @step_ns from @now_ns on. */
static void enqueue(struct usage_cgroup *c, uint64_t step_ns, uint64_t now_ns)
{
	int i = USAGE_STEPS - 1;

	dequeue(c);
	if (step_ns == UINT64_MAX)
		return;
	while (i > 0 && steps[i] > step_ns)
		i--;
	c->queue = i;
	c->due_ns = (now_ns + steps[i]) / steps[0] * steps[0];
	DL_APPEND(c->usage->queues[i], c);
}

static uint64_t next_step(const struct usage_cgroup *c)
{
	uint64_t memory = thresholds_step(&c->memory), memsw = thresholds_step(&c->memsw);

	return memory < memsw ? memory : memsw;
}

static void set_state(struct usage_cgroup *c, enum usage_state state, uint64_t now_ns)
{
	struct usage *u = c->usage;

	if (state == USAGE_OFF && u->n_off == 0)
		u->look_ns = now_ns + USAGE_LOOK_NS;
	if (state == USAGE_OFF && c->state != USAGE_OFF)
		u->n_off++;
	if (state != USAGE_OFF && c->state == USAGE_OFF)
		u->n_off--;
	c->state = state;
}

/* Memory is gone from there, for now or with the cgroup. */
static void lost(struct usage_cgroup *c, uint64_t now_ns)
{
	dequeue(c);
	usage_files_close(c);
	set_state(c, usage_is_there(c) ? USAGE_OFF : USAGE_GONE, now_ns);
}

static int read_now(struct usage_cgroup *c, bool anew, uint64_t now_ns)
{
	int r = usage_sample(c, anew, now_ns);

	if (r == -ENODEV)
		lost(c, now_ns);
	else
		enqueue(c, r < 0 ? THRESHOLD_STEP_MAX_NS : next_step(c), now_ns);
	return r;
}

/*
 * New files of a controller that was switched on again: what it counts now against what was seen
 * before is a change of usage as any other.
 */
static int reopen(struct usage_cgroup *c, uint64_t now_ns)
{
	int r = usage_files_open(c);

	if (r == 0 && c->memsw.n > 0)
		r = usage_swap_open(c);
	if (r < 0) {
		usage_files_close(c);
		if (!usage_is_there(c))
			set_state(c, USAGE_GONE, now_ns);
		return r;
	}
	set_state(c, USAGE_OPEN, now_ns);
	return read_now(c, true, now_ns);
}

static void look_at_those_off(struct usage *u, uint64_t now_ns)
{
	struct usage_cgroup *c, *tmp;

	u->look_ns = now_ns + USAGE_LOOK_NS;
	HASH_ITER (hh, u->cgroups, c, tmp)
		if (c->state == USAGE_OFF)
			(void)reopen(c, now_ns);
}

static struct usage_cgroup *first_due(const struct usage *u)
{
	struct usage_cgroup *first = NULL;

	for (int i = 0; i < USAGE_STEPS; i++)
		if (u->queues[i] && (!first || u->queues[i]->due_ns < first->due_ns))
			first = u->queues[i];
	return first;
}

static void read_what_is_due(struct usage *u, uint64_t now_ns)
{
	uint64_t began_ns = clock_thread_ns();
	struct usage_cgroup *c = first_due(u);

	for (int n = 0; n < PER_ROUND && c && c->due_ns <= now_ns; n++, c = first_due(u))
		(void)read_now(c, false, now_ns);
	pace_walked(&u->pace, now_ns, clock_thread_ns() - began_ns);
}

static int timer_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct usage *u = (struct usage *)((char *)io - offsetof(struct usage, timer_io));
	struct usage_cgroup *c = first_due(u);
	int r = timer_take(&u->timer);

	(void)events;
	if (r < 0)
		return r;
	if (c && c->due_ns <= now_ns) {
		if (pace_may_walk(&u->pace, now_ns))
			read_what_is_due(u, now_ns);
		else
			u->slow_ns = now_ns;
	}
	if (u->n_off > 0 && u->look_ns <= now_ns)
		look_at_those_off(u, now_ns);
	return 0;
}

static int hint_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct usage_cgroup *c =
		(struct usage_cgroup *)((char *)io - offsetof(struct usage_cgroup, hint_io));

	(void)events;
	if (c->queue > 0)
		enqueue(c, THRESHOLD_STEP_MIN_NS, now_ns);
	return 0;
}

void usage_rearm(struct usage *u)
{
	const struct usage_cgroup *c = first_due(u);
	uint64_t due = c ? c->due_ns : UINT64_MAX;

	if (c && pace_free(&u->pace) > due)
		due = pace_free(&u->pace);
	if (u->n_off > 0 && u->look_ns < due)
		due = u->look_ns;
	(void)timer_arm(&u->timer, due); /* fails for malformed times only */
}

void usage_read_all(struct usage *u, uint64_t now_ns)
{
	struct usage_cgroup *c, *tmp;

	HASH_ITER (hh, u->cgroups, c, tmp) {
		if (c->state == USAGE_OPEN)
			(void)read_now(c, false, now_ns);
		else if (c->state == USAGE_OFF)
			(void)reopen(c, now_ns);
	}
}

const char *usage_notice(const struct usage *u)
{
	bool failing = false, no_resets = false;

	for (const struct usage_cgroup *c = u->cgroups; c; c = c->hh.next) {
		failing |= c->failing;
		no_resets |= c->state == USAGE_OPEN && c->queue >= 0 && !c->resets;
	}
	if (failing)
		return "memory.current of a cgroup could not be read: trying again ten times a "
		       "second";
	if (u->slow_ns > 0 && clock_boottime_ns() < u->slow_ns + SLOW_TOLD_NS)
		return "usage of many cgroups is near a threshold: it is read less often than it "
		       "should be, to take no more than a tenth of a CPU";
	if (no_resets)
		return "memory.peak cannot be reset (before Linux 6.12, no right to write it, or "
		       "too "
		       "few descriptors): "
		       "usage that crosses a threshold and comes back within 5 to 100 ms may not "
		       "be seen";
	return NULL;
}

static void cgroup_free(struct usage_cgroup *c)
{
	struct usage *u = c->usage;
	struct usage_watch *w, *tmp;

	DL_FOREACH_SAFE (c->watches, w, tmp)
		free(w);
	dequeue(c);
	usage_files_close(c);
	set_state(c, USAGE_GONE, 0);
	(void)fd_close(c->dir_fd);
	thresholds_deinit(&c->memory);
	thresholds_deinit(&c->memsw);
	HASH_DELETE(hh, u->cgroups, c);
	free(c);
}

static int cgroup_new(struct usage *u, uint64_t id, struct usage_cgroup **ret)
{
	struct usage_cgroup *c;

	if (HASH_COUNT(u->cgroups) >= u->args.cgroups_max)
		return USAGE_E_QUOTA;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct usage_cgroup){
		.hint_io.ready = hint_ready,
		.usage = u,
		.id = id,
		.state = USAGE_OPEN,
		.dir_fd = -1,
		.current_fd = -1,
		.swap_fd = -1,
		.peak_fd = -1,
		.events_fd = -1,
		.psi_fd = -1,
		.queue = -1,
	};
	HASH_ADD(hh, u->cgroups, id, sizeof(c->id), c);
	if (!c->hh.tbl) {
		free(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

static int cgroup_open(struct usage *u, const struct cgroup_at *at, struct usage_cgroup **ret)
{
	struct usage_cgroup *c;
	int r = cgroup_new(u, at->id, &c);

	if (r != 0)
		return r;
	c->dir_fd = openat(at->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->dir_fd < 0)
		r = errno == ENOENT ? -ENODEV : errno_neg();
	if (r == 0)
		r = usage_files_open(c);
	if (r < 0) {
		cgroup_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

/* Reads @c, so that what is added now starts where usage is; and what older ones are due is told. */
static int watch_start(struct usage_cgroup *c, struct usage_watch *w, uint64_t now_ns)
{
	struct thresholds *t = w->swap ? &c->memsw : &c->memory;
	int r = 0;

	if (c->state == USAGE_GONE)
		return -ENODEV;
	if (c->state == USAGE_OFF)
		r = reopen(c, now_ns);
	if (r == 0 && w->swap)
		r = usage_swap_open(c);
	if (r == 0)
		r = read_now(c, true, now_ns);
	if (r == 0 && w->bytes > 0)
		r = thresholds_add(t, w->bytes, w->listener);
	return r;
}

static void swap_unwanted(struct usage_cgroup *c)
{
	const struct usage_watch *w;

	DL_FOREACH (c->watches, w)
		if (w->swap)
			return;
	usage_swap_close(c);
	thresholds_deinit(&c->memsw);
}

int usage_add(struct usage *u, const struct cgroup_at *at, uint64_t bytes, bool swap,
	      struct listener *l, struct usage_watch **ret)
{
	uint64_t now_ns = clock_boottime_ns();
	struct usage_watch *w;
	struct usage_cgroup *c;
	int r = 0;

	if (at->id == u->root_id && u->args.host->v2.real_root)
		return -EINVAL;
	HASH_FIND(hh, u->cgroups, &at->id, sizeof(at->id), c);
	if (!c)
		r = cgroup_open(u, at, &c);
	if (r != 0)
		return r;
	w = calloc(1, sizeof(*w));
	if (w) {
		*w = (struct usage_watch){ .cgroup = c,
					   .listener = l,
					   .bytes = threshold_round(bytes, u->page),
					   .swap = swap };
		r = watch_start(c, w, now_ns);
	}
	if (!w || r < 0) {
		free(w);
		swap_unwanted(c);
		if (!c->watches)
			cgroup_free(c);
		return w ? r : -ENOMEM;
	}
	DL_APPEND(c->watches, w);
	if (c->state == USAGE_OPEN)
		enqueue(c, next_step(c), now_ns);
	*ret = w;
	return 0;
}

void usage_remove(struct usage *u, struct usage_watch *w)
{
	struct usage_cgroup *c;

	if (!w)
		return;
	c = w->cgroup;
	(void)u;
	thresholds_remove(w->swap ? &c->memsw : &c->memory, w->bytes, w->listener);
	DL_DELETE(c->watches, w);
	if (w->swap)
		swap_unwanted(c);
	free(w);
	if (!c->watches)
		cgroup_free(c);
	else if (next_step(c) == UINT64_MAX)
		dequeue(c);
}

static int open_fds(struct usage *u)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &u->timer_io };
	struct stat st;
	int r;

	if (fstat(u->args.host->v2.root_fd, &st) < 0)
		return errno_neg();
	u->root_id = st.st_ino;
	r = timer_open(&u->timer);
	if (r < 0)
		return r;
	return epoll_ctl(u->args.epoll_fd, EPOLL_CTL_ADD, u->timer.fd, &ev) < 0 ? errno_neg() : 0;
}

int usage_open(struct usage **ret, const struct usage_args *args)
{
	struct usage *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->args = *args;
	u->page = (uint64_t)sysconf(_SC_PAGESIZE);
	u->timer = (struct timer)TIMER_NULL;
	u->timer_io.ready = timer_ready;
	r = open_fds(u);
	if (r < 0) {
		usage_close(u);
		return r;
	}
	*ret = u;
	return 0;
}

struct usage *usage_close(struct usage *u)
{
	struct usage_cgroup *c, *tmp;

	if (!u)
		return NULL;
	HASH_ITER (hh, u->cgroups, c, tmp)
		cgroup_free(c);
	if (u->timer.fd >= 0)
		(void)epoll_ctl(u->args.epoll_fd, EPOLL_CTL_DEL, u->timer.fd, NULL);
	timer_close(&u->timer);
	free(u);
	return NULL;
}
