/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What wakes the source: its counter files, inotify, and a timer
 *
 * The timer runs only while some file is within its slot (core/reread.h), or once a second as long
 * as something could not be opened or watched for lack of descriptors or inotify watches.
 */
#include "source/local_events.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "source/local_impl.h"

static void verify_children(struct local_cgroup *parent, const char *name, uint64_t now_ns)
{
	struct local_cgroup *c;

	DL_FOREACH (parent->children, c)
		if (!name || strcmp(c->name, name) == 0)
			local_verify(c, now_ns);
}

static void look_at_laggards(struct local_events *le, uint64_t now_ns)
{
	le->look_ns = now_ns + LOOK_NS;
	for (struct local_cgroup *c = le->cgroups; c; c = c->hh.next) {
		if (c->state == STATE_LATER)
			local_verify(c, now_ns);
		if (!c->unwatched)
			continue;
		(void)local_life_watch(c);
		verify_children(c, NULL, now_ns);
	}
}

static struct local_cgroup *cgroup_find(const struct local_events *le, uint64_t id)
{
	struct local_cgroup *c;

	HASH_FIND(hh, le->cgroups, &id, sizeof(id), c);
	return c;
}

static void changed(void *ctx, const struct tree_change *change)
{
	struct local_events *le = ctx;
	uint64_t now_ns = clock_boottime_ns();
	struct local_cgroup *c;

	if (change->kind == TREE_OVERFLOW) {
		local_events_read_all(le, now_ns);
		return;
	}
	c = cgroup_find(le, change->id);
	if (c && change->kind != TREE_CREATED)
		verify_children(c, change->name, now_ns);
}

static int changes_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct local_events *le =
		(struct local_events *)((char *)io - offsetof(struct local_events, changes_io));
	int r = tree_watch_read(le->changes, changed, le);

	(void)events;
	(void)now_ns;
	return r == TREE_WATCH_E_MORE ? 0 : r;
}

static struct local_cgroup *first_due(const struct local_events *le, uint64_t now_ns)
{
	struct local_cgroup *c;

	DL_FOREACH2 (le->awaited, c, awaited_next)
		if (c->reread.due_ns <= now_ns)
			return c;
	return NULL;
}

static int timer_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct local_events *le =
		(struct local_events *)((char *)io - offsetof(struct local_events, timer_io));
	struct local_cgroup *c;
	int r = timer_take(&le->timer);

	(void)events;
	if (r < 0)
		return r;
	/* A look may take others off the list; each ends with its own due time later or none. */
	while ((c = first_due(le, now_ns)))
		local_look(c, WHY_DUE, now_ns);
	if (le->lagging && le->look_ns <= now_ns)
		look_at_laggards(le, now_ns);
	return 0;
}

void local_events_rearm(struct local_events *le)
{
	uint64_t due = le->lagging ? le->look_ns : UINT64_MAX;
	const struct local_cgroup *c;

	DL_FOREACH2 (le->awaited, c, awaited_next)
		if (c->reread.due_ns < due)
			due = c->reread.due_ns;
	(void)timer_arm(&le->timer, due); /* fails for malformed times only */
}

bool local_events_knows(const struct local_events *le, uint64_t id)
{
	return cgroup_find(le, id) != NULL;
}

void local_events_sighted(struct local_events *le, uint64_t id, uint64_t now_ns)
{
	struct local_cgroup *c = cgroup_find(le, id);

	/* Where nothing can be counted nothing is told twice. */
	if (c && (c->state != STATE_OPEN || early_seen(&c->early, now_ns)))
		registry_oom(le->args.registry, id, 1);
}

void local_events_read_all(struct local_events *le, uint64_t now_ns)
{
	for (struct local_cgroup *c = le->cgroups; c; c = c->hh.next)
		local_verify(c, now_ns);
}

const char *local_events_notice(const struct local_events *le)
{
	const struct local_cgroup *c;

	DL_FOREACH2 (le->lagging, c, lagging_next)
		if (c->unwatched)
			return "no inotify watch could be set (fs.inotify.max_user_watches, or "
			       "/proc is closed to this process): removed cgroups are found "
			       "within a second instead of at once";
	return le->lagging ? "a counter file could not be opened again: trying once a second"
			   : NULL;
}

static int epoll_add(const struct local_events *le, int fd, struct source_io *io)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = io };

	return epoll_ctl(le->args.epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? errno_neg() : 0;
}

static int open_fds(struct local_events *le)
{
	struct stat st;
	int r;

	if (fstat(le->mount->root_fd, &st) < 0)
		return errno_neg();
	le->root_id = st.st_ino;
	r = tree_watch_open(&le->changes);
	if (r < 0)
		return r;
	r = timer_open(&le->timer);
	if (r < 0)
		return r;
	r = epoll_add(le, tree_watch_fd(le->changes), &le->changes_io);
	return r < 0 ? r : epoll_add(le, le->timer.fd, &le->timer_io);
}

int local_events_open(struct local_events **ret, const struct local_events_args *args)
{
	struct local_events *le = calloc(1, sizeof(*le));
	int r;

	if (!le)
		return -ENOMEM;
	le->args = *args;
	le->mount = &args->host->v2;
	le->timer = (struct timer)TIMER_NULL;
	le->changes_io.ready = changes_ready;
	le->timer_io.ready = timer_ready;
	r = open_fds(le);
	if (r < 0) {
		local_events_close(le);
		return r;
	}
	*ret = le;
	return 0;
}

static void epoll_remove(const struct local_events *le, int fd)
{
	if (fd >= 0)
		(void)epoll_ctl(le->args.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

struct local_events *local_events_close(struct local_events *le)
{
	struct local_cgroup *c, *tmp;

	if (!le)
		return NULL;
	/* In no order, so nobody may look at a parent any more. */
	for (c = le->cgroups; c; c = c->hh.next)
		c->parent = c->children = NULL;
	HASH_ITER (hh, le->cgroups, c, tmp)
		local_cgroup_free(c);
	if (le->changes)
		epoll_remove(le, tree_watch_fd(le->changes));
	epoll_remove(le, le->timer.fd);
	tree_watch_close(le->changes);
	timer_close(&le->timer);
	free(le);
	return NULL;
}
