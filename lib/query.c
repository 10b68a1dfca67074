/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * While the witness is being opened an oom may be under way whose victim it did not see marked, so that it
 * does not know who shares that one's memory either. If vmstat did not move meanwhile there was none.
 * Else all is taken to be seen only from a moment later on.
 */
#include "lib/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/fd.h"
#include "core/incident_event.h"
#include "source/kill_counter.h"
#include "source/vmstat.h"

#define UNDER_WAY_NS (100 * NSEC_PER_MSEC)
/*
 * The clock of kernel messages (local_clock()) begins a little before CLOCK_MONOTONIC, and is not slewed. It
 * has to be off by more, and the pid to be given out again within that time, for an answer to be wrong.
 */
#define EARLIER_NS NSEC_PER_SEC
#define ROUNDS_MAX 256 /* of draining; a ring of 256 MiB is read by then */

struct query_watch {
	uint64_t cookie;
	uint64_t began_ns;
	uint64_t ended_ns; /* UINT64_MAX: it has not */
	char *path;
	bool moved; /* deaths were noted with its old path and with its new one */
	struct kill_counter counter;
	struct kill_sum last;            /* ended: what the counters told then */
	struct query_watch *prev, *next; /* ended */
	UT_hash_handle hh;
};

static uint64_t host_kills(const struct query *q)
{
	uint64_t v;

	return vmstat_kills(q->args.host->proc, &v) == 0 ? v : UINT64_MAX;
}

int query_init(struct query *q, const struct query_args *args)
{
	q->log = kill_log_new(args->history_max);
	if (!q->log)
		return -ENOMEM;
	q->args = *args;
	process_view_read(args->host->proc, &q->view);
	return 0;
}

static void drop(struct query *q, struct query_watch *w)
{
	HASH_DEL(q->watches, w);
	if (w->ended_ns == UINT64_MAX) {
		q->live--;
	} else {
		DL_DELETE(q->ended, w);
		q->ended_n--;
	}
	free(w->path);
	free(w);
}

void query_deinit(struct query *q)
{
	struct query_watch *w, *tmp;

	HASH_ITER (hh, q->watches, w, tmp)
		drop(q, w);
	q->log = kill_log_free(q->log);
}

void query_opening(struct query *q)
{
	q->opening_kills = host_kills(q);
}

void query_opened(struct query *q, enum kill_seeing seeing)
{
	uint64_t now_ns = clock_boottime_ns(), kills = host_kills(q);

	if (kills == UINT64_MAX || kills != q->opening_kills)
		now_ns += UNDER_WAY_NS;
	kill_log_begin(q->log, seeing, now_ns);
}

void query_blind(struct query *q)
{
	kill_log_begin(q->log, KILL_SEES_NOTHING, clock_boottime_ns());
}

/* Takes @e, which may be NULL: then a death is remembered without. */
static struct kill_event *hold(struct oomn_event *e)
{
	return e ? kill_event_new(e) : NULL;
}

void query_died(struct query *q, const struct sighting *s, enum death how, uint64_t number)
{
	struct kill_death d = {
		.how = how,
		.id = s->task,
		.cgroup_id = s->memory.known ? s->memory.id : 0,
		.when_ns = s->when_ns + (uint64_t)q->view.offset_ns,
	};

	if (how == DEATH_KILLED)
		d.event = hold(incident_kill_event(s, number));
	else if (how == DEATH_SHARED)
		d.event = hold(incident_collateral_event(s, number));
	kill_log_add(q->log, &d);
}

void query_printed(struct query *q, const struct kmsg_kill *kill, uint64_t number, uint64_t now_ns)
{
	struct kill_death d = {
		.how = DEATH_KILLED,
		.id.pid = (uint32_t)kill->pid,
		.when_ns = now_ns,
		.message = true,
		.after_ns = q->drained_ns,
		.printed_ns = kill->time_us > 0 ? (uint64_t)kill->time_us * NSEC_PER_USEC : 0,
		.event = hold(incident_kmsg_event(kill, number, now_ns)),
	};

	kill_log_add(q->log, &d);
}

void query_missed(struct query *q)
{
	kill_log_lost(q->log, clock_boottime_ns());
}

void query_drained(struct query *q, uint64_t at_ns)
{
	q->drained_ns = at_ns;
}

/* What is there now. What cannot be read to its end may be anything. */
static void drain(struct query *q)
{
	for (int i = 0; i < ROUNDS_MAX; i++)
		if (q->args.drain(q->args.ctx))
			return;
	kill_log_lost(q->log, clock_boottime_ns());
}

/* ---- Watches ---------------------------------------------------------------------------------- */

static struct query_watch *find(const struct query *q, uint64_t cookie)
{
	struct query_watch *w;

	HASH_FIND(hh, q->watches, &cookie, sizeof(cookie), w);
	return w;
}

void query_watch_forget(struct query *q, uint64_t cookie)
{
	struct query_watch *w = find(q, cookie);

	if (w)
		drop(q, w);
}

int query_watch_begin(struct query *q, const struct cgroup_at *at, bool local, uint64_t cookie)
{
	struct query_watch *w = calloc(1, sizeof(*w));

	if (w)
		w->path = strdup(at->path ? at->path : "/");
	if (!w || !w->path) {
		free(w);
		return -ENOMEM;
	}
	query_watch_forget(q, cookie); /* one that ended had it */
	w->cookie = cookie;
	w->ended_ns = UINT64_MAX;
	kill_counter_begin(&w->counter, q->args.host, at, local);
	w->began_ns = clock_boottime_ns();
	HASH_ADD(hh, q->watches, cookie, sizeof(w->cookie), w);
	if (!w->hh.tbl) { /* uthash without memory leaves the element out (HASH_NONFATAL_OOM) */
		free(w->path);
		free(w);
		return -ENOMEM;
	}
	q->live++;
	return 0;
}

void query_watches_sweep(struct query *q, bool (*is_alive)(void *ctx, uint64_t cookie), void *ctx)
{
	struct query_watch *w, *tmp;

	HASH_ITER (hh, q->watches, w, tmp) {
		if (w->ended_ns != UINT64_MAX || is_alive(ctx, w->cookie))
			continue;
		w->ended_ns = clock_boottime_ns();
		kill_counter_sum(&w->counter, q->args.host, NULL, &w->last);
		q->live--;
		DL_APPEND(q->ended, w);
		q->ended_n++;
	}
	while (q->ended_n > QUERY_ENDED_MAX)
		drop(q, q->ended);
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * What was seen and what was counted, of the same kills. Counters know only how many there were since the watch
 * began: of a later moment that is a bound, and nothing more.
 */
static struct kill_sum join(const struct kill_sum *seen, const struct kill_sum *counted,
			    bool since_began)
{
	struct kill_sum sum = *seen;

	if (seen->max != UINT64_MAX && seen->min == seen->max)
		return sum;
	if (since_began && counted->min > sum.min)
		sum.min = counted->min;
	sum.max = lesser(seen->max, counted->max);
	if (sum.max < sum.min)
		sum.max = sum.min;
	if (counted->max < seen->max || counted->why == KILL_WHY_REMOVED)
		sum.why = counted->why;
	return sum;
}

int query_kills(struct query *q, uint64_t cookie, uint64_t since_ns, struct kill_sum *ret)
{
	struct query_watch *w = find(q, cookie);
	struct kill_sum seen = { .max = UINT64_MAX, .why = KILL_WHY_NOT_SEEN }, counted;
	uint64_t since;

	if (!w)
		return -ENOENT;
	since = since_ns ? since_ns : w->began_ns;
	if (since < w->began_ns)
		return -EINVAL;
	drain(q);
	if (!w->moved)
		kill_log_sum(q->log,
			     &(struct kill_place){ .path = w->path,
						   .id = w->counter.id,
						   .local = w->counter.local,
						   .all = w->counter.whole },
			     since, w->ended_ns, &seen);
	if (w->ended_ns == UINT64_MAX)
		kill_counter_sum(&w->counter, q->args.host, w->path, &counted);
	else
		counted = w->last;
	*ret = join(&seen, &counted, since == w->began_ns);
	return 0;
}

void query_watch_moved(struct query *q, uint64_t cookie, const char *path)
{
	struct query_watch *w;
	char *copy;

	HASH_FIND(hh, q->watches, &cookie, sizeof(cookie), w);
	if (!w || !path || strcmp(path, w->path) == 0)
		return;
	w->moved = true;
	copy = strdup(path);
	if (!copy)
		return; /* the next call tries again */
	free(w->path);
	w->path = copy;
}

/* ---- Processes -------------------------------------------------------------------------------- */

static int end_of(int wait_status, enum kill_end *ret)
{
	if (wait_status == -1)
		*ret = KILL_END_UNKNOWN;
	else if (WIFSIGNALED(wait_status))
		*ret = WTERMSIG(wait_status) == SIGKILL ? KILL_END_SIGKILL : KILL_END_OTHERWISE;
	else if (WIFEXITED(wait_status))
		*ret = KILL_END_OTHERWISE;
	else
		return -EINVAL;
	return 0;
}

/* Who died without memory for an event: what is known by itself. */
static struct kill_event *bare_event(const struct kill_death *d)
{
	_cleanup_event_ struct oomn_event *e =
		event_new(d->how == DEATH_SHARED ? EVENT_COLLATERAL : EVENT_KILL);

	if (!e)
		return NULL;
	e->victim = oom_process_new();
	if (!e->victim)
		return NULL;
	e->boottime_ns = d->when_ns;
	e->evidence = d->message ? EVIDENCE_KMSG : EVIDENCE_BPF;
	e->victim->id = d->id;
	e->cgroup_id = e->victim->cgroup_id = d->cgroup_id;
	return kill_event_new(ptr_steal(&e));
}

static struct kill_event *event_of(const struct kill_death *d)
{
	struct kill_event *k = d->event ? kill_event_ref(d->event) : bare_event(d);

	if (k && k->event->realtime_ns == 0)
		k->event->realtime_ns = clock_realtime_at(k->event->boottime_ns);
	return k;
}

int query_process(struct query *q, const struct process_id *id, int wait_status,
		  struct query_answer *ret)
{
	struct kill_question question = {
		.pid = id->pid,
		.start_ticks = id->start_ticks,
		.taken_ns = id->taken_ns,
		.host_kills = id->host_kills,
		.foreign = q->view.foreign,
		.offset_ns = q->view.offset_ns,
		.hz = q->view.hz,
	};
	struct kill_event *event = NULL;
	struct kill_answer a;
	int r = end_of(wait_status, &question.end);

	if (r == 0 && (id->pid == 0 || id->taken_ns > clock_boottime_ns()))
		r = -EINVAL;
	if (r < 0)
		return r;
	question.host_kills_now = host_kills(q);
	if (kill_log_seeing(q->log) == KILL_SEES_SOME)
		question.ahead_ns = EARLIER_NS + clock_slewed_ns();
	drain(q);
	kill_log_judge(q->log, &question, &a);
	if (a.verdict == KILL_YES) {
		event = event_of(a.death);
		if (!event)
			return -ENOMEM;
	}
	*ret = (struct query_answer){ .verdict = a.verdict, .why = a.why, .event = event };
	return 0;
}
