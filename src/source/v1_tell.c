/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From what was learned of v1 cgroups to events
 *
 * What is new is gathered in the nodes and told at the end of a round: one event for each cgroup and
 * kind, ooms before kills. Without memory it stays there and is told a little later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "source/v1_source.h"

void v1_news(struct v1_source *v1, struct v1_node *n)
{
	if (n->in_news)
		return;
	n->in_news = true;
	DL_APPEND2(v1->news, n, news_prev, news_next);
}

/* Gives @n and all above it the names in @path, from the last to the first; false if they do not fit. */
static bool rename_upward(struct v1_source *v1, struct v1_node *n, char *path)
{
	for (; n->parent; n = n->parent) {
		char *slash = strrchr(path, '/');

		if (!slash || slash[1] == '\0' || v1_node_rename(v1, n, slash + 1) < 0)
			return false;
		*slash = '\0';
	}
	return *path == '\0';
}

/*
 * Cgroups above a named one are not under inotify, and they can be renamed. The kernel knows the path of
 * a directory that is held open.
 */
static void refresh_path(struct v1_source *v1, struct v1_node *n)
{
	const char *where = v1->s.host->v1.where;
	char link[64], path[4096];
	size_t skip;
	ssize_t len;

	while (n->targets == 0 && n->parent)
		n = n->parent;
	if (!n->parent || n->dead || n->dir_fd < 0 || n->named_ns == v1->now_ns || !where)
		return;
	n->named_ns = v1->now_ns;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", n->dir_fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0 || (size_t)len == sizeof(path) - 1)
		return;
	path[len] = '\0';
	skip = strcmp(where, "/") == 0 ? 0 : strlen(where);
	if (strncmp(path, where, skip) == 0 && path[skip] == '/' &&
	    !(len > 10 && strcmp(path + len - 10, " (deleted)") == 0))
		(void)rename_upward(v1, n, path + skip);
}

static struct oomn_event *make(struct v1_source *v1, enum event_kind kind, const struct v1_node *n)
{
	struct oomn_event *e = event_new(kind);

	if (!e)
		return NULL;
	e->hierarchy = HIERARCHY_V1;
	e->boottime_ns = v1->now_ns;
	e->cgroup_id = n->id;
	e->cgroup = v1_node_path(n, NULL);
	return e->cgroup ? e : event_free(e);
}

/* The limit of @m was hit; NULL: not known whose. */
static int add_limit(struct oomn_event *e, const struct v1_node *m)
{
	if (!m)
		return 0;
	e->limit_cgroup = v1_node_path(m, NULL);
	if (!e->limit_cgroup)
		return -ENOMEM;
	e->limit_id = m->id;
	e->limit_bytes = m->ep.bytes;
	e->limit_or_above = m->or_above;
	return 0;
}

static int tell(struct v1_source *v1, struct v1_node *n, enum event_kind kind,
		const struct v1_node *limit, uint64_t number)
{
	static const unsigned evidence[] = {
		[EVENT_OOM] = EVIDENCE_EVENTFD,
		[EVENT_KILL] = EVIDENCE_COUNTERS,
		[EVENT_PAUSED] = EVIDENCE_EVENTFD | EVIDENCE_COUNTERS,
		[EVENT_GONE] = EVIDENCE_EVENTFD,
	};
	_cleanup_event_ struct oomn_event *e = make(v1, kind, n);

	if (!e || add_limit(e, limit) < 0)
		return -ENOMEM;
	e->count_min = e->count_max = number;
	e->evidence = evidence[kind];
	if (kind == EVENT_GONE && n->sig.state == SIGNALS_OFF && n->event_fd < 0)
		e->evidence = EVIDENCE_COUNTERS; /* it was polled */
	if (kind < COUNTED_KINDS)
		v1->reported[kind] += number;
	n->had_event = true;
	engine_submit(v1->s.engine, ptr_steal(&e));
	return 0;
}

/* A kill is not told before the ooms that it may have come of. */
static void release_ooms(struct v1_node *n)
{
	if (n->kills_new > 0)
		for (; n; n = v1_node_limit_above(n))
			if (n->ooms_new > 0)
				n->merge_ns = 0;
}

/* Ooms that come while others were told just now wait, to make one event with what follows. */
static bool ooms_due(const struct v1_source *v1, const struct v1_node *n)
{
	return n->ooms_new > 0 && (n->gone_new || v1->settling || v1->now_ns >= n->merge_ns);
}

static int tell_node(struct v1_source *v1, struct v1_node *n)
{
	refresh_path(v1, n);
	if (ooms_due(v1, n)) {
		if (tell(v1, n, EVENT_OOM, n, n->ooms_new) < 0)
			return -ENOMEM;
		n->ooms_new = 0;
		n->merge_ns = v1->now_ns + V1_MERGE_NS;
	}
	if (n->paused_new) {
		if (tell(v1, n, EVENT_PAUSED, n, 1) < 0)
			return -ENOMEM;
		n->paused_new = false;
	}
	return 0;
}

static int tell_kills(struct v1_source *v1, struct v1_node *n)
{
	if (n->kills_new > 0) {
		if (tell(v1, n, EVENT_KILL, v1_kill_limit(v1, n), n->kills_new) < 0)
			return -ENOMEM;
		n->kills_new = n->unbooked = 0;
	}
	return 0;
}

static bool has_counts(const struct v1_node *n)
{
	return n->ooms_new > 0 || n->kills_new > 0 || n->paused_new;
}

static bool told(const struct v1_node *n)
{
	return !has_counts(n) && !n->gone_new;
}

/*
 * Whether nothing can come of @top, which is gone, nor of what was below it. A watch ends with the end
 * of its cgroup, and what came later would be told to nobody.
 */
static bool is_complete(struct v1_source *v1, struct v1_node *top)
{
	bool complete = true;

	for (struct v1_node *n = top; n; n = v1_node_next(top, n)) {
		if (n != top)
			v1_below_gone(v1, n);
		complete &= n->dead && signals_complete(&n->sig) && (n == top || told(n));
	}
	return complete;
}

/* Returns 1 if it was told, 0 if it is not time for it, or -ENOMEM. */
static int tell_gone(struct v1_source *v1, struct v1_node *n)
{
	if (!n->gone_new || has_counts(n) || (n->targets > 0 && !is_complete(v1, n)))
		return 0;
	if ((n->targets > 0 || n->had_event || n->gone_all) && n->covered &&
	    tell(v1, n, EVENT_GONE, NULL, 1) < 0)
		return -ENOMEM;
	n->gone_new = false;
	v1->watches_ended |= v1_end_targets(v1, n);
	return 1;
}

/* The end of a named one may wait for that of another, later in the list. */
static int tell_all_gone(struct v1_source *v1)
{
	struct v1_node *n;
	bool more = true;

	while (more) {
		more = false;
		DL_FOREACH2 (v1->news, n, news_next) {
			int r = tell_gone(v1, n);

			if (r < 0)
				return r;
			more |= r > 0;
		}
	}
	return 0;
}

/*
 * Kills that only /proc/vmstat has counted: in cgroups that are gone. If only one limit was hit in all
 * that time, they were at or below that one.
 */
static int tell_host_kills(struct v1_source *v1)
{
	struct v1_node *m = v1->suspect;
	_cleanup_event_ struct oomn_event *e = NULL;

	if (v1->host_kills_new == 0)
		return 0;
	if (v1->others || v1->kmsg_fd < 0)
		m = NULL;
	e = make(v1, EVENT_KILL, m ? m : v1->root);
	if (!e || add_limit(e, m) < 0)
		return -ENOMEM;
	e->count_min = e->count_max = v1->host_kills_new;
	e->evidence = EVIDENCE_VMSTAT;
	e->removed = true;
	e->below = !m || !m->dead; /* what lives has shown its own */
	v1->reported[EVENT_KILL] += v1->host_kills_new;
	v1->host_kills_new = 0;
	v1_forget_suspects(v1);
	engine_submit(v1->s.engine, ptr_steal(&e));
	return 0;
}

void v1_tell(struct v1_source *v1)
{
	struct v1_node *n, *tmp;
	int r = 0;

	v1->tell_ns = UINT64_MAX;
	DL_FOREACH2 (v1->news, n, news_next)
		release_ooms(n);
	DL_FOREACH2 (v1->news, n, news_next)
		r |= tell_node(v1, n);
	DL_FOREACH2 (v1->news, n, news_next)
		r |= tell_kills(v1, n);
	r |= tell_all_gone(v1);
	if (v1->watches_ended)
		v1_watches_changed(v1);
	v1->watches_ended = false;
	r |= tell_host_kills(v1);
	if (r != 0)
		v1->tell_ns = v1->now_ns + V1_RETRY_NS;
	DL_FOREACH_SAFE2 (v1->news, n, tmp, news_next) {
		if (told(n)) {
			DL_DELETE2(v1->news, n, news_prev, news_next);
			n->in_news = false;
		} else if (n->ooms_new > 0 && n->merge_ns < v1->tell_ns && r == 0) {
			v1->tell_ns = n->merge_ns;
		}
	}
}
