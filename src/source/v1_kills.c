/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kills: the oom_kill line of each cgroup's memory.oom_control
 *
 * The line counts the kills in that very cgroup and wakes nobody. An oom at a limit comes before its
 * kill, which may be in any cgroup at or below. So an oom opens an episode, in which those lines are
 * read again and again until as many kills as ooms have shown, or a second has passed: by then the
 * kill has been seen, or there was none (who ran into the limit was dying already, or paused).
 * Under contention there are many more ooms than kills.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/fd.h"
#include "source/v1_source.h"

/*
 * When the lines are read, counted from the last oom; then the episode ends. The kill comes within a
 * millisecond, and whoever waits for the victim may remove the cgroup, with the line, in the next.
 */
static const uint32_t steps_us[] = { 0,     250,    500,    750,    1000,   1500,
				     2000,  3000,   5000,   7000,   10000,  20000,
				     50000, 100000, 200000, 500000, 1000000 };

#define STEPS (sizeof(steps_us) / sizeof(steps_us[0]))

/* How many lines an episode reads at a time, as far as it matters for its pace. */
static uint64_t pace_ns(const struct v1_source *v1, const struct v1_node *n)
{
	return n->children ? v1->nodes * V1_LOOK_PACE_NS : 0;
}

static void next_step(const struct v1_source *v1, struct v1_node *n)
{
	uint64_t at = n->ep.last_ns + steps_us[n->ep.step] * NSEC_PER_USEC;
	uint64_t earliest = v1->now_ns + pace_ns(v1, n);

	n->ep.next_ns = at > earliest || n->ep.step + 1 == STEPS ? at : earliest;
}

static uint64_t limit_bytes(struct v1_source *v1, struct v1_node *n)
{
	int dir_fd = n->dead ? -ENODEV : v1_node_open(v1, n, O_PATH);
	uint64_t v = BYTES_NONE;

	if (dir_fd < 0)
		return BYTES_NONE;
	if (v1_read_u64(v1, dir_fd, "memory.limit_in_bytes", &v) < 0)
		v = BYTES_NONE;
	fd_close(dir_fd);
	/* "No limit" is the largest number of whole pages that fits in a signed 64 bit number. */
	return v >= (uint64_t)INT64_MAX - 0xffff ? BYTES_NONE : v;
}

/* The lowest limit takes it: what it was not the cause of leaves one further up open for longer. */
static void book(struct v1_node *n)
{
	for (struct v1_node *m = n; m && n->unbooked > 0; m = v1_node_limit_above(m)) {
		uint64_t open;

		if (!m->ep.active || m->ep.kills >= m->ep.ooms)
			continue;
		open = m->ep.ooms - m->ep.kills;
		if (open > n->unbooked)
			open = n->unbooked;
		m->ep.kills += open;
		n->unbooked -= open;
	}
}

void v1_episode_begin(struct v1_source *v1, struct v1_node *n, uint64_t ooms)
{
	struct v1_episode *ep = &n->ep;
	struct v1_node *k;

	if (!ep->active) {
		*ep = (struct v1_episode){ .active = true,
					   .start_ns = v1->now_ns,
					   .next_ns = v1->now_ns };
		DL_APPEND2(v1->episodes, n, ep_prev, ep_next);
		v1_scan_hint(v1);
	}
	ep->ooms += ooms;
	ep->last_ns = v1->now_ns;
	ep->bytes = limit_bytes(v1, n);
	if (ep->step > 1)
		ep->step = 1;
	if (ep->step > 0)
		next_step(v1, n);
	/* A kill that was seen in this round, before its oom was known for what it is. */
	DL_FOREACH2 (v1->news, k, news_next)
		book(k);
}

static void end_episode(struct v1_source *v1, struct v1_node *n)
{
	struct v1_episode *ep = &n->ep;

	ep->active = false;
	DL_DELETE2(v1->episodes, n, ep_prev, ep_next);
	if (ep->kills >= ep->ooms)
		return;
	if (!n->dead && (n->vanished_ns == 0 || n->vanished_ns + V1_EPISODE_NS < ep->start_ns))
		return;
	/* A cgroup that went at that time may have taken the count of a kill along. */
	if (__builtin_add_overflow(v1->kills_doubtful, ep->ooms - ep->kills, &v1->kills_doubtful))
		v1->kills_doubtful = UINT64_MAX;
	v1->suspect = v1->suspects == 0 || v1->suspect == n ? n : NULL;
	v1->suspects++;
	v1_vmstat_run(v1, true);
}

static void see_pause(struct v1_source *v1, struct v1_node *n, const struct v1_control *c)
{
	if (!c->under_oom || !c->oom_kill_disable)
		n->paused_ns = 0;
	else if (n->paused_ns == 0)
		n->paused_ns = v1->now_ns;
	if (n->check_pause && n->paused_ns > 0) {
		n->paused_new = true;
		v1_news(v1, n);
	}
	n->check_pause = false;
}

void v1_line_seen(struct v1_source *v1, struct v1_node *n, const struct v1_control *c)
{
	uint64_t kills = c->oom_kill - n->kills;

	see_pause(v1, n, c);
	v1_set_unread(v1, n, false);
	if (!n->covered || !n->based) {
		n->kills = c->oom_kill;
		n->based = true;
		n->based_at = v1->attached;
		return;
	}
	if (c->oom_kill < n->kills)
		/* the kernel only ever adds: whatever this is, it is no count */
		v1_unreadable(v1, n, NULL, -EBADMSG);
	if (c->oom_kill <= n->kills)
		return;
	n->kills = c->oom_kill;
	v1->counted[EVENT_KILL] += kills;
	v1->kills_seen += kills;
	n->kills_new += kills;
	n->unbooked += kills;
	book(n);
	v1_news(v1, n);
}

void v1_line_unread(struct v1_source *v1, struct v1_node *n, int r)
{
	if (v1_may_pass(r) && n->based)
		v1_set_unread(v1, n, true);
	else
		v1_unreadable(v1, n, NULL, r);
	v1->short_of_descriptors |= r == -EMFILE || r == -ENFILE;
}

void v1_lines_later(struct v1_source *v1, struct v1_node *n)
{
	if (n->in_lines || n->dead)
		return;
	n->in_lines = true;
	DL_APPEND2(v1->lines, n, lines_prev, lines_next);
}

static void lines_below(struct v1_source *v1, struct v1_node *top)
{
	for (struct v1_node *n = top; n; n = v1_node_next(top, n))
		if (n->covered)
			v1_lines_later(v1, n);
}

void v1_lines_all(struct v1_source *v1)
{
	if (v1->root)
		lines_below(v1, v1->root);
}

static void read_line(struct v1_source *v1, struct v1_node *n)
{
	struct v1_control c;
	int r = v1_read_control(v1, n, &c);

	if (r == 0)
		v1_line_seen(v1, n, &c);
	else if (r != -ENODEV)
		v1_line_unread(v1, n, r);
	else if (n->event_fd >= 0)
		signals_suspect(&v1->signals, &n->sig);
	else
		v1_polled_gone(v1, n);
}

static void run_episodes(struct v1_source *v1)
{
	struct v1_node *n, *tmp;

	DL_FOREACH_SAFE2 (v1->episodes, n, tmp, ep_next) {
		if (v1->now_ns < n->ep.next_ns)
			continue;
		lines_below(v1, n);
		n->ep.step++;
		if (n->ep.step < STEPS && !n->dead)
			next_step(v1, n);
		else
			n->ep.next_ns = UINT64_MAX; /* ends when those lines have been read */
	}
}

void v1_kills_end(struct v1_source *v1)
{
	struct v1_node *n, *tmp;

	if (v1->lines)
		return;
	DL_FOREACH_SAFE2 (v1->episodes, n, tmp, ep_next)
		if (n->ep.kills >= n->ep.ooms || n->ep.next_ns == UINT64_MAX)
			end_episode(v1, n);
}

static void poll_lines(struct v1_source *v1)
{
	if (v1->polled == 0 || v1->now_ns < v1->poll_ns)
		return;
	v1->poll_ns = v1->now_ns + V1_POLL_NS;
	/* Without a kill on the whole host there is none here; if there was one, all lines are read. */
	v1_vmstat_run(v1, true);
	if (v1->vmstat_fd >= 0 && v1->unwatched == 0)
		return;
	for (struct v1_node *n = v1->root; n; n = v1_node_next(v1->root, n))
		if (n->polled)
			v1_lines_later(v1, n);
}

void v1_kills_run(struct v1_source *v1, size_t max)
{
	poll_lines(v1);
	run_episodes(v1);
	for (; v1->lines && max > 0; max--) {
		struct v1_node *n = v1->lines;

		DL_DELETE2(v1->lines, n, lines_prev, lines_next);
		n->in_lines = false;
		read_line(v1, n);
	}
}

uint64_t v1_kills_deadline(const struct v1_source *v1)
{
	const struct v1_node *n;
	uint64_t at = UINT64_MAX;

	if (v1->lines)
		return 0;
	DL_FOREACH2 (v1->episodes, n, ep_next)
		if (n->ep.next_ns < at)
			at = n->ep.next_ns;
	if (v1->polled > 0 && v1->poll_ns < at)
		at = v1->poll_ns;
	return at;
}

void v1_kills_hint(struct v1_source *v1, bool global)
{
	struct v1_node *n;

	DL_FOREACH2 (v1->episodes, n, ep_next) {
		if (n->ep.next_ns != UINT64_MAX)
			n->ep.next_ns = v1->now_ns;
		n->ep.global |= global;
	}
	if (global) {
		v1->global_ns = v1->now_ns;
		v1->others = true;
	}
	/* A kill that no oom here announces: of a limit further up, or of the whole machine. */
	if ((global || !v1->episodes) && v1->now_ns >= v1->sweep_ns) {
		v1->sweep_ns = v1->now_ns + v1->nodes * V1_LOOK_PACE_NS;
		v1_lines_all(v1);
	}
}

struct v1_node *v1_kill_limit(struct v1_source *v1, struct v1_node *n)
{
	struct v1_node *found = NULL;

	if (v1->global_ns > 0 && v1->now_ns < v1->global_ns + V1_EPISODE_NS)
		return NULL;
	for (struct v1_node *up = n; up; up = v1_node_limit_above(up)) {
		if (up->polled)
			return NULL; /* its limit may have been hit without our knowing */
		if (!up->ep.active)
			continue;
		if (found || up->ep.global)
			return NULL;
		found = up;
	}
	return found;
}
