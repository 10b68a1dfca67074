/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A living top: wakeups, reads and walks
 *
 * A wakeup is a hint: the counter is read, and nothing new is normal.
 */
#include <errno.h>

#include "base/clock.h"
#include "source/counter_file.h"
#include "source/v2_source.h"

void v2_unreadable(struct v2_source *v2, const char *path, int error)
{
	struct balance b = { .reasons = UNPROVEN_UNREADABLE };

	if (error == -EACCES)
		v2_notice_denied(v2, path);
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		b.kind[k].unproven = UINT64_MAX;
	balance_add(&v2->unproven, &b);
}

static int take_result(struct top *t, int r, uint64_t now_ns)
{
	t->again_ns = r == LEDGER_E_AGAIN ? now_ns + LEDGER_SLOT_NS : 0;
	switch (r) {
	case 0:
	case LEDGER_E_AGAIN:
		return 0;
	case LEDGER_E_GONE:
		v2_top_lose(t, now_ns);
		return 0;
	case -EACCES:
	case -EBADMSG:
		v2_unreadable(v2_of_top(t), t->path, r);
		return 0;
	default:
		return r;
	}
}

static int walk(struct top *t, uint64_t now_ns)
{
	struct v2_source *v2 = v2_of_top(t);
	bool waiting = t->pace.wanted;
	uint64_t cpu;
	int r;

	if (!v2->settling && !pace_may_walk(&t->pace, now_ns)) {
		v2->unproven.late += !waiting;
		return 0;
	}
	cpu = clock_thread_ns();
	r = ledger_pass(v2->ledger, t->account, now_ns);
	pace_walked(&t->pace, clock_boottime_ns(), clock_thread_ns() - cpu);
	v2_host_look(v2, now_ns);
	return take_result(t, r, now_ns);
}

/* The second look at what is due, then a walk: what came since was left alone. */
static int resolve(struct top *t, uint64_t now_ns)
{
	struct v2_source *v2 = v2_of_top(t);
	uint64_t cpu;
	int r;

	if (!v2->settling && !pace_may_walk(&t->pace, now_ns))
		return 0;
	cpu = clock_thread_ns();
	r = ledger_resolve(v2->ledger, t->account, now_ns);
	if (r == 0)
		r = ledger_pass(v2->ledger, t->account, now_ns);
	pace_walked(&t->pace, clock_boottime_ns(), clock_thread_ns() - cpu);
	return take_result(t, r, now_ns);
}

/* One read through the descriptor that epoll watches: it also takes the wakeup back. */
static int look(struct top *t, uint64_t now_ns, bool *ret_news)
{
	char text[COUNTER_TEXT_MAX];
	struct reading rd;
	struct deltas news;
	int r;

	*ret_news = false;
	if (t->events_fd < 0)
		return take_result(t, ledger_top_news(v2_of_top(t)->ledger, t->account, ret_news),
				   now_ns);
	r = counter_file_read(t->events_fd, text, sizeof(text));
	if (r < 0 && v2_tree_trouble(-r) == TREE_E_GONE) {
		v2_top_lose(t, now_ns);
		return 0;
	}
	if (r < 0)
		return r;
	r = memory_events_parse(text, &rd);
	if (r < 0)
		return take_result(t, r, now_ns);
	news = counts_minus(&rd.counts, account_reported(t->account));
	*ret_news = deltas_any_positive(&news);
	return 0;
}

int v2_walk_look(struct top *t, uint64_t now_ns)
{
	bool news;
	int r = look(t, now_ns, &news);

	return r == 0 && news && t->state == TOP_LIVE ? walk(t, now_ns) : r;
}

int v2_walk_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct top *t = (struct top *)io;
	bool news;
	int r;

	(void)events;
	if (t->state != TOP_LIVE)
		return 0;
	v2_of_top(t)->now_ns = now_ns;
	r = look(t, now_ns, &news);
	if (r != 0 || t->state != TOP_LIVE)
		return r;
	reread_woken(&t->reread, now_ns, news);
	return news ? walk(t, now_ns) : 0;
}

static int run_due(struct top *t, uint64_t now_ns)
{
	bool news = false;
	int r = 0;

	if (ledger_due(v2_of_top(t)->ledger, t->account) <= now_ns)
		return resolve(t, now_ns);
	if ((t->again_ns != 0 && t->again_ns <= now_ns) || pace_due(&t->pace) <= now_ns)
		return walk(t, now_ns);
	if (t->reread.due_ns <= now_ns || (t->poll_ns != 0 && t->poll_ns <= now_ns)) {
		r = look(t, now_ns, &news);
		if (t->reread.due_ns <= now_ns)
			reread_done(&t->reread, now_ns, news);
		if (t->poll_ns != 0)
			t->poll_ns = now_ns + V2_POLL_NS;
	}
	return r == 0 && news && t->state == TOP_LIVE ? walk(t, now_ns) : r;
}

static void run_guard(struct top *t, uint64_t now_ns)
{
	uint64_t cpu;

	if (t->guard.refresh_ns == 0 || t->guard.refresh_ns > now_ns)
		return;
	if (!pace_may_walk(&t->guard.pace, now_ns)) {
		t->guard.refresh_ns = pace_free(&t->guard.pace);
		return;
	}
	cpu = clock_thread_ns();
	v2_guard_take(t);
	pace_walked(&t->guard.pace, clock_boottime_ns(), clock_thread_ns() - cpu);
}

int v2_walk_run(struct top *t, uint64_t now_ns)
{
	int r = run_due(t, now_ns);

	if (r == 0 && t->state == TOP_LIVE)
		run_guard(t, now_ns);
	return r;
}

uint64_t v2_walk_due(const struct top *t)
{
	uint64_t due = pace_due(&t->pace), at;

	if (t->reread.due_ns < due)
		due = t->reread.due_ns;
	at = ledger_due(v2_of_top(t)->ledger, t->account);
	if (at < pace_free(&t->pace))
		at = pace_free(&t->pace); /* a second look is a walk: it waits for its share, too */
	if (at < due && ledger_due(v2_of_top(t)->ledger, t->account) != UINT64_MAX)
		due = at;
	if (t->again_ns != 0 && t->again_ns < due)
		due = t->again_ns < pace_free(&t->pace) ? pace_free(&t->pace) : t->again_ns;
	if (t->poll_ns != 0 && t->poll_ns < due)
		due = t->poll_ns;
	if (t->guard.refresh_ns != 0 && t->guard.refresh_ns < due)
		due = t->guard.refresh_ns;
	return due;
}

int v2_walk_settle(struct top *t, uint64_t now_ns)
{
	struct v2_source *v2 = v2_of_top(t);
	uint64_t due;
	int r;

	if (t->settled || t->state == TOP_DORMANT)
		return 0;
	if (t->state == TOP_LOST)
		return SOURCE_E_AGAIN;
	due = ledger_due(v2->ledger, t->account);
	if (due == UINT64_MAX) {
		r = take_result(t, ledger_pass(v2->ledger, t->account, now_ns), now_ns);
	} else if (due <= now_ns) {
		/* Only what the last pass left open: a pass anew might never come to an end. */
		r = take_result(t, ledger_resolve(v2->ledger, t->account, now_ns), now_ns);
	} else {
		return SOURCE_E_AGAIN;
	}
	if (r != 0)
		return r;
	if (t->state != TOP_LIVE || t->again_ns != 0 ||
	    ledger_due(v2->ledger, t->account) != UINT64_MAX)
		return SOURCE_E_AGAIN;
	r = take_result(t, ledger_seal(v2->ledger, t->account), now_ns);
	t->settled = r == 0 && t->state == TOP_LIVE;
	return r == 0 && !t->settled ? SOURCE_E_AGAIN : r;
}
