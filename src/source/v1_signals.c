/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/signals on real eventfds
 */
#include <errno.h>
#include <unistd.h>

#include "source/v1_source.h"

/* Longer than any delivery takes: a cgroup that is under oom for so long is paused. */
#define PAUSE_NS UINT64_C(100000000)

int v1_event_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct v1_node *n = (struct v1_node *)((char *)io - offsetof(struct v1_node, io));

	(void)events;
	(void)now_ns;
	/* Read in run(), in an order of its own. */
	signals_wake(&v1_from(io->source)->signals, &n->sig);
	return 0;
}

static uint64_t read_event(struct signals *sig, void *ctx)
{
	uint64_t n;

	(void)ctx;
	return read(v1_node_of(sig)->event_fd, &n, sizeof(n)) == (ssize_t)sizeof(n) ? n : 0;
}

/* An oom that pauses (oom_kill_disable) marks its subtree for as long as that takes. */
static bool is_paused(struct v1_source *v1, struct v1_node *n)
{
	for (; n; n = v1_node_limit_above(n))
		if (n->paused_ns > 0 && v1->now_ns >= n->paused_ns + PAUSE_NS)
			return true;
	return false;
}

static bool is_under_oom(struct signals *sig, void *ctx)
{
	struct v1_node *n = v1_node_of(sig);
	struct v1_source *v1 = ctx;
	struct v1_control c;

	if (v1_read_control(v1, n, &c) != 0)
		return false;
	v1_line_seen(v1, n, &c);
	return c.under_oom && !is_paused(v1, n);
}

/* What is below a removed cgroup was removed before it. */
static bool is_below_removed(const struct v1_node *n)
{
	for (n = n->parent; n; n = n->parent)
		if (n->dead)
			return true;
	return false;
}

static bool is_alive(struct signals *sig, void *ctx)
{
	struct v1_node *n = v1_node_of(sig);
	struct v1_source *v1 = ctx;
	struct v1_control c;
	int r = is_below_removed(n) ? -ENODEV : v1_read_control(v1, n, &c);

	if (r == 0)
		v1_line_seen(v1, n, &c);
	return r != -ENODEV;
}

void v1_doubt_ooms(struct v1_source *v1, uint64_t ooms)
{
	if (__builtin_add_overflow(v1->ooms_doubtful, ooms, &v1->ooms_doubtful))
		v1->ooms_doubtful = UINT64_MAX;
}

/* Whether the watch on @n has ended with its cgroup, or with one above. */
static bool has_ended(const struct v1_node *n)
{
	for (; n; n = n->parent)
		if (n->ended)
			return true;
	return false;
}

static void own(struct signals *sig, uint64_t ooms, void *ctx)
{
	struct v1_node *n = v1_node_of(sig);
	struct v1_source *v1 = ctx;

	v1_episode_begin(v1, n, ooms);
	if (!n->covered) {
		if (has_ended(n))
			v1_doubt_ooms(v1, ooms);
		return;
	}
	v1->counted[EVENT_OOM] += ooms;
	n->ooms_new += ooms;
	n->check_pause = !n->dead;
	v1_news(v1, n);
}

/* The kills of whoever ran out of memory at or above @n may have been in it. What was below is gone too. */
static void vanish(struct v1_source *v1, struct v1_node *n)
{
	struct v1_node *c;

	DL_FOREACH (n->children, c)
		v1_lines_later(v1, c);
	for (struct v1_node *up = n; up; up = v1_node_limit_above(up))
		up->vanished_ns = v1->now_ns;
}

static void dead(struct signals *sig, void *ctx)
{
	struct v1_node *n = v1_node_of(sig);
	struct v1_source *v1 = ctx;

	n->dead = true;
	v1_node_update(v1, n);
	vanish(v1, n);
	v1_node_shut(v1, n, false);
}

static void tell_gone(struct v1_source *v1, struct v1_node *n)
{
	n->gone_new = true;
	v1_news(v1, n);
}

static void closed(struct signals *sig, void *ctx)
{
	tell_gone(ctx, v1_node_of(sig));
}

static void released(struct signals *sig, void *ctx)
{
	struct v1_node *n = v1_node_of(sig);
	struct v1_source *v1 = ctx;

	if (n->covered)
		v1_doubt_ooms(v1, signals_doubt(sig));
	v1_reap_later(v1, n);
}

const struct signals_ops v1_signals_ops = {
	.read = read_event,
	.under_oom = is_under_oom,
	.alive = is_alive,
	.own = own,
	.dead = dead,
	.closed = closed,
	.released = released,
};

void v1_signals_all(struct v1_source *v1)
{
	for (struct v1_node *n = v1->root; n; n = v1_node_next(v1->root, n))
		signals_wake(&v1->signals, &n->sig);
}

void v1_below_gone(struct v1_source *v1, struct v1_node *n)
{
	if (n->dead)
		return;
	if (n->event_fd < 0)
		v1_polled_gone(v1, n);
	else if (n->sig.state == SIGNALS_LIVE) /* without a baseline it is looked at anyway */
		signals_suspect(&v1->signals, &n->sig);
}

/* Its line was last read up to a second ago. */
void v1_polled_gone(struct v1_source *v1, struct v1_node *n)
{
	if (n->dead)
		return;
	if (n->covered)
		v1->kills_doubtful = UINT64_MAX;
	n->dead = true;
	v1_node_update(v1, n);
	vanish(v1, n);
	v1_node_shut(v1, n, true);
	tell_gone(v1, n);
	v1_reap_later(v1, n);
}
