/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A ring of deaths, and chains by pid through it
 *
 * Why what was seen until after waitpid() is all there is to see (mm/oom_kill.c, kernel/exit.c,
 * kernel/signal.c, from 5.10 to 7.2):
 *
 *   - __oom_kill_process() takes the victim's task_lock (find_lock_task_mm()), counts OOM_KILL, sends
 *     SIGKILL, marks the victim (trace_mark_victim()), prints "Killed process", and only then lets the lock
 *     go. exit_mm() of that task takes the same lock. So nobody ends, and is waited for, before its record
 *     and its message are there, and the count before these.
 *   - Who shares its memory is sent SIGKILL after that. __send_signal_locked() traces the signal with the
 *     siglock held, which release_task() takes too (__exit_signal()) before wait4() can return.
 *   - All this runs under oom_lock, so no other record is half written in front of it.
 *
 * A process that had a mark before was either killed for it (and that is remembered, if all is) or was
 * ending for another reason: DEATH_EXITING weighs nothing against the first.
 */
#include "core/kill_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"

#define NOBODY UINT32_MAX

struct slot {
	struct kill_death death;
	uint32_t next; /* older, in the same chain */
};

struct kill_log {
	enum kill_seeing seeing;
	uint64_t began_ns;
	bool lost;
	uint64_t lost_ns; /* when the latest loss came to light */
	bool forgot;
	uint64_t forgot_ns; /* of the newest that was forgotten */
	uint32_t max;
	uint32_t used;
	uint32_t at;     /* where the next one goes */
	uint32_t chains; /* a power of two */
	uint32_t *heads;
	struct slot *slots;
};

struct kill_event *kill_event_new(struct oomn_event *e)
{
	struct kill_event *k = calloc(1, sizeof(*k));

	if (!k) {
		event_free(e);
		return NULL;
	}
	*k = (struct kill_event){ .event = e, .refs = 1 };
	return k;
}

struct kill_event *kill_event_ref(struct kill_event *k)
{
	k->refs++;
	return k;
}

struct kill_event *kill_event_unref(struct kill_event *k)
{
	if (k && --k->refs == 0) {
		event_free(k->event);
		free(k);
	}
	return NULL;
}

struct kill_log *kill_log_new(uint32_t max)
{
	struct kill_log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->max = max > 0 ? max : 1;
	for (log->chains = 1; log->chains < log->max && log->chains < 1U << 31;)
		log->chains *= 2;
	/* Pages that were never written cost nothing. */
	log->slots = calloc(log->max, sizeof(*log->slots));
	log->heads = malloc(log->chains * sizeof(*log->heads));
	if (!log->slots || !log->heads)
		return kill_log_free(log);
	memset(log->heads, 0xff, log->chains * sizeof(*log->heads));
	return log;
}

struct kill_log *kill_log_free(struct kill_log *log)
{
	if (!log)
		return NULL;
	for (uint32_t i = 0; i < log->used; i++)
		kill_event_unref(log->slots[i].death.event);
	free(log->slots);
	free(log->heads);
	free(log);
	return NULL;
}

void kill_log_begin(struct kill_log *log, enum kill_seeing seeing, uint64_t now_ns)
{
	log->seeing = seeing;
	log->began_ns = now_ns;
}

void kill_log_lost(struct kill_log *log, uint64_t now_ns)
{
	log->lost = true;
	log->lost_ns = now_ns;
}

enum kill_seeing kill_log_seeing(const struct kill_log *log)
{
	return log->seeing;
}

static uint32_t *head(const struct kill_log *log, uint32_t pid)
{
	return &log->heads[pid & (log->chains - 1)];
}

static void forget_oldest(struct kill_log *log)
{
	struct slot *s = &log->slots[log->at];
	uint32_t *link = head(log, s->death.id.pid);

	while (*link != log->at)
		link = &log->slots[*link].next;
	*link = s->next;
	s->death.event = kill_event_unref(s->death.event);
	/* It was the oldest in the order of the kernel's records, whose times ascend. */
	log->forgot = true;
	if (s->death.when_ns > log->forgot_ns)
		log->forgot_ns = s->death.when_ns;
}

static struct slot *find(const struct kill_log *log, const struct kill_death *d)
{
	for (uint32_t i = *head(log, d->id.pid); i != NOBODY; i = log->slots[i].next) {
		struct slot *s = &log->slots[i];

		if (s->death.id.pid == d->id.pid && s->death.id.start_ns == d->id.start_ns &&
		    s->death.message == d->message)
			return s;
	}
	return NULL;
}

void kill_log_add(struct kill_log *log, const struct kill_death *d)
{
	struct slot *s = d->message ? NULL : find(log, d);
	uint32_t *first = head(log, d->id.pid);

	if (s) {
		struct kill_event *drop = d->how > s->death.how ? s->death.event : d->event;

		if (d->how > s->death.how)
			s->death = *d;
		kill_event_unref(drop);
		return;
	}
	if (log->used == log->max)
		forget_oldest(log);
	else
		log->used++;
	log->slots[log->at] = (struct slot){ .death = *d, .next = *first };
	*first = log->at;
	log->at = (log->at + 1) % log->max;
}

/*
 * fs/proc/array.c, do_task_stat(): nsec_to_clock_t(timens_add_boottime_ns(start_boottime)). Before 5.11 it did
 * not add the time namespace's offset: in such a namespace either may be meant.
 */
static bool began_then(const struct task_id *id, const struct kill_question *q)
{
	uint64_t tick_ns = NSEC_PER_SEC / q->hz;

	return (id->start_ns + (uint64_t)q->offset_ns) / tick_ns == q->start_ticks ||
	       (q->offset_ns != 0 && id->start_ns / tick_ns == q->start_ticks);
}

static const struct kill_death *find_seen(const struct kill_log *log, const struct kill_question *q)
{
	for (uint32_t i = *head(log, q->pid); i != NOBODY; i = log->slots[i].next) {
		const struct kill_death *d = &log->slots[i].death;

		if (!d->message && d->id.pid == q->pid && began_then(&d->id, q))
			return d;
	}
	return NULL;
}

/*
 * Of an earlier process of that pid and this one: was it certainly printed after this one began? So it was if all
 * that was there after that had been read without it; or by the time that the kernel put on it, which stands still
 * in suspend as CLOCK_MONOTONIC does. That pids are given out in a circle (kernel/pid.c, alloc_pid()) proves
 * nothing: a number whose process lived long can be the next one again.
 */
static bool printed_after(const struct kill_death *d, const struct kill_question *q)
{
	uint64_t began_ns = (q->start_ticks + 1) * (NSEC_PER_SEC / q->hz);

	return d->after_ns >= began_ns ||
	       (q->offset_ns == 0 && d->printed_ns >= began_ns + q->ahead_ns);
}

static const struct kill_death *find_message(const struct kill_log *log,
					     const struct kill_question *q)
{
	for (uint32_t i = *head(log, q->pid); i != NOBODY; i = log->slots[i].next) {
		const struct kill_death *d = &log->slots[i].death;

		if (d->message && d->id.pid == q->pid && printed_after(d, q))
			return d;
	}
	return NULL;
}

/* Of another pid namespace only the start is known: it is the same in all. */
static bool began_with_any(const struct kill_log *log, const struct kill_question *q)
{
	for (uint32_t i = 0; i < log->used; i++) {
		const struct kill_death *d = &log->slots[i].death;

		if (!d->message && d->how != DEATH_EXITING && began_then(&d->id, q))
			return true;
	}
	return false;
}

static struct kill_answer answer(enum kill_verdict verdict, enum kill_why why)
{
	return (struct kill_answer){ .verdict = verdict, .why = why };
}

static struct kill_answer yes(const struct kill_death *d)
{
	return (struct kill_answer){ .verdict = KILL_YES,
				     .why = d->how == DEATH_SHARED ? KILL_WHY_SHARED
								   : KILL_WHY_SEEN,
				     .death = d };
}

/* Everything is seen, as far back as it is remembered. @d: what was seen of it, which is no kill; or NULL. */
static struct kill_answer not_killed(const struct kill_log *log, const struct kill_question *q,
				     const struct kill_death *d)
{
	if (log->began_ns > q->taken_ns)
		return answer(KILL_UNKNOWN, KILL_WHY_BEFORE);
	if (log->lost && log->lost_ns >= q->taken_ns)
		return answer(KILL_UNKNOWN, KILL_WHY_LOST);
	if (log->forgot && log->forgot_ns >= q->taken_ns)
		return answer(KILL_UNKNOWN, KILL_WHY_FORGOTTEN);
	if (q->foreign && began_with_any(log, q))
		return answer(KILL_UNKNOWN, KILL_WHY_NAMESPACE);
	return answer(KILL_NO, d ? KILL_WHY_EXITING : KILL_WHY_NOT_AMONG);
}

void kill_log_judge(const struct kill_log *log, const struct kill_question *q,
		    struct kill_answer *ret)
{
	const struct kill_death *d = q->foreign ? NULL : find_seen(log, q);

	if (q->end == KILL_END_OTHERWISE)
		*ret = answer(KILL_NO, KILL_WHY_STATUS);
	else if (d && d->how != DEATH_EXITING)
		*ret = yes(d);
	else if (q->host_kills != UINT64_MAX && q->host_kills == q->host_kills_now)
		*ret = answer(KILL_NO, KILL_WHY_NO_KILLS);
	else if (log->seeing == KILL_SEES_ALL)
		*ret = not_killed(log, q, d);
	else if (log->seeing == KILL_SEES_NOTHING)
		*ret = answer(KILL_UNKNOWN, KILL_WHY_NOT_SEEN);
	else if (q->foreign)
		*ret = answer(KILL_UNKNOWN, KILL_WHY_NAMESPACE);
	else if (!(d = find_message(log, q)))
		*ret = answer(KILL_UNKNOWN, KILL_WHY_NOT_SEEN);
	else
		*ret = yes(d);
}

/* Whether @d is one of @place's: 1, 0, or -1 if its path is not known. */
static int is_at(const struct kill_death *d, const struct kill_place *place)
{
	const char *path = d->event ? d->event->event->cgroup : NULL;

	if (place->all || (place->id != 0 && d->cgroup_id == place->id))
		return 1;
	if (!path)
		return -1;
	/* One of that name that came later, or went before. */
	if (place->local || (strcmp(path, place->path) == 0 && place->id != 0 && d->cgroup_id != 0))
		return strcmp(path, place->path) == 0 && (place->id == 0 || d->cgroup_id == 0);
	return path_is_at_or_below(path, place->path);
}

void kill_log_sum(const struct kill_log *log, const struct kill_place *place, uint64_t since_ns,
		  uint64_t until_ns, struct kill_sum *ret)
{
	struct kill_sum sum = { .why = KILL_WHY_SEEN };
	uint64_t unplaced = 0;

	for (uint32_t i = 0; i < log->used; i++) {
		const struct kill_death *d = &log->slots[i].death;
		int at = -1;

		if (d->how != DEATH_KILLED || d->when_ns < since_ns || d->when_ns > until_ns)
			continue;
		/* A message is read later than it was printed, and may lack the place: it proves nothing. */
		if (!d->message)
			at = is_at(d, place);
		sum.min += at > 0;
		unplaced += at < 0;
	}
	sum.max = sum.min + unplaced;
	if (log->seeing != KILL_SEES_ALL)
		sum.why = KILL_WHY_NOT_SEEN;
	else if (log->began_ns > since_ns)
		sum.why = KILL_WHY_BEFORE;
	else if (log->lost && log->lost_ns >= since_ns)
		sum.why = KILL_WHY_LOST;
	else if (log->forgot && log->forgot_ns >= since_ns)
		sum.why = KILL_WHY_FORGOTTEN;
	if (sum.why != KILL_WHY_SEEN)
		sum.max = UINT64_MAX;
	*ret = sum;
}
