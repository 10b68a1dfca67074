/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Source: memory.events (cgroup v2)
 *
 * One descriptor waits for each top, whatever lies below it; the ledger finds the place. A watch by
 * name makes its cgroup a top, unless a top covers it already. A watch of the whole host makes a
 * top of every child of the root, as they come and go. Under memory_localevents, and for a watch on
 * one cgroup alone, a top is "flat": that cgroup and nothing below it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/fd.h"
#include "source/v2_source.h"

#define DESCRIPTORS_RESERVED 24 /* for walks and for the program */
#define SETTLE_ROUNDS_MAX 400
#define RETRY_NS UINT64_C(100000000)

static int probe(const struct cgroup_host *host, struct source_probe *ret)
{
	*ret = (struct source_probe){ .usable = host->v2.root_fd >= 0 && host->v2.has_memory };
	if (host->v2.root_fd < 0)
		ret->why = "cgroup v2 is not mounted";
	else if (!host->v2.has_memory)
		ret->why = "the memory controller is not on cgroup v2";
	else if (host->v2.local_events)
		ret->why = "mounted with memory_localevents: events of removed cgroups cannot be "
			   "proven";
	return 0;
}

static bool find_top(void *ctx, unsigned n, const char **ret_path, uint64_t *ret_id)
{
	struct v2_source *v2 = ctx;
	struct top *t;

	HASH_FIND(hh, v2->by_number, &n, sizeof(n), t);
	if (!t)
		return false;
	*ret_path = t->path;
	*ret_id = t->id;
	return true;
}

static struct source *v2_close(struct source *s);

static unsigned descriptor_budget(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur <= DESCRIPTORS_RESERVED)
		return 1;
	rl.rlim_cur -= DESCRIPTORS_RESERVED;
	return rl.rlim_cur > UINT32_MAX ? UINT32_MAX : (unsigned)rl.rlim_cur;
}

static int v2_open(struct source **ret, const struct source_args *args)
{
	struct v2_source *v2 = calloc(1, sizeof(*v2));
	int r;

	if (!v2)
		return -ENOMEM;
	v2->s = (struct source){ .ops = &source_memory_events,
				 .engine = args->engine,
				 .host = args->host,
				 .epoll_fd = args->epoll_fd };
	v2->tree = (struct v2_tree){ .root_fd = args->host->v2.root_fd,
				     .flat = args->host->v2.local_events,
				     .top = find_top,
				     .top_ctx = v2 };
	v2->whole = v2->tree;
	v2->whole.flat = false;
	v2->descriptors_max = descriptor_budget();
	v2->ledger = ledger_new(&v2_tree_ops, v2_report, &v2->tree);
	r = v2->ledger ? v2_discover_open(v2) : -ENOMEM;
	if (r < 0) {
		v2_close(&v2->s);
		return r;
	}
	*ret = &v2->s;
	return 0;
}

static struct source *v2_close(struct source *s)
{
	struct v2_source *v2 = v2_from(s);
	struct named_watch *w, *tmp;
	struct top *t, *ttmp;

	if (!s)
		return NULL;
	v2_mortal_free_all(v2);
	DL_FOREACH_SAFE (v2->tops, t, ttmp)
		v2_top_close(t);
	LL_FOREACH_SAFE (v2->watches, w, tmp) {
		free(w->path);
		free(w->parent);
		free(w);
	}
	ledger_free(v2->ledger);
	tree_watch_close(v2->changes);
	free(v2);
	return NULL;
}

static struct top *covering_top(struct v2_source *v2, const char *path)
{
	struct top *t;

	DL_FOREACH (v2->tops, t)
		if (v2_top_covers(t, path) && t->state == TOP_LIVE)
			return t;
	return NULL;
}

static int attach_top(struct v2_source *v2, const struct source_target *target)
{
	const struct v2_top_args args = { .path = target->at->path,
					  .id = target->at->id,
					  .named = true };
	struct top *t = covering_top(v2, target->at->path);
	int r;

	if (t) {
		/* Settles first: what came before is not told to the new watch. */
		r = ledger_pass(v2->ledger, t->account, v2->now_ns);
		return r == LEDGER_E_GONE ? -ENODEV : r > 0 ? 0 : r;
	}
	r = v2_top_open(v2, &args, NULL);
	return r > 0 ? -ENODEV : r;
}

static int remember_watch(struct v2_source *v2, const struct source_target *target)
{
	struct named_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->cookie = target->cookie;
	w->id = target->at->id;
	w->path = strdup(target->at->path);
	w->parent = v2_parent_path(target->at->path);
	if (!w->path || !w->parent) {
		free(w->path);
		free(w->parent);
		free(w);
		return -ENOMEM;
	}
	(void)tree_watch_add(v2->changes, w->parent, TREE_CHILDREN);
	LL_PREPEND(v2->watches, w);
	return 0;
}

static int attach_host(struct v2_source *v2, const struct source_target *target)
{
	int r;

	v2->discover_deep = v2->tree.flat;
	v2->host_watched = true;
	v2->host_cookie = target->cookie;
	r = v2_discover(v2, "/", false);
	if (r == 0)
		v2_host_open(v2);
	return r;
}

/* A flat top for every cgroup at and below the target. */
static int attach_localevents(struct v2_source *v2, const struct source_target *target)
{
	v2->discover_deep = true;
	return v2_discover(v2, target->at->path, false);
}

/* In a cgroup namespace the visible root has memory.events like any other cgroup. */
static bool is_real_root(const struct source_target *target)
{
	return strcmp(target->at->path, "/") == 0 &&
	       faccessat(target->at->fd, "memory.events", F_OK, 0) < 0;
}

static int v2_attach(struct source *s, const struct source_target *target)
{
	struct v2_source *v2 = v2_from(s);
	int r;

	if (v2->tops && target->local != v2->tree.flat && !v2->s.host->v2.local_events)
		return -EINVAL;
	v2->tree.flat = target->local || v2->s.host->v2.local_events;
	v2->now_ns = clock_boottime_ns();
	v2->gone_all |= target->gone_all;
	if (is_real_root(target))
		r = attach_host(v2, target);
	else
		r = attach_top(v2, target);
	if (r == 0 && v2->s.host->v2.local_events && !target->local && !v2->host_watched)
		r = attach_localevents(v2, target);
	if (r == 0 && !is_real_root(target))
		r = remember_watch(v2, target);
	if (r == 0 && v2->gone_all)
		r = v2_gone_all(v2, target->at->path);
	return r;
}

static int v2_detach(struct source *s, uint64_t cookie)
{
	struct v2_source *v2 = v2_from(s);
	struct named_watch *w, *other;
	struct top *t, *tmp;

	LL_FOREACH (v2->watches, w)
		if (w->cookie == cookie)
			break;
	if (!w)
		return v2->host_watched && v2->host_cookie == cookie ? 0 : -ENOENT;
	LL_DELETE(v2->watches, w);
	tree_watch_remove(v2->changes, w->parent, TREE_CHILDREN);
	/* A top goes with the last watch in its tree. */
	DL_FOREACH_SAFE (v2->tops, t, tmp) {
		bool used = !t->named;

		LL_FOREACH (v2->watches, other)
			used |= v2_top_covers(t, other->path);
		if (!used)
			v2_top_close(t);
	}
	free(w->path);
	free(w->parent);
	free(w);
	return 0;
}

static int v2_run(struct source *s, uint64_t now_ns)
{
	struct v2_source *v2 = v2_from(s);
	struct top *t, *tmp;
	int r = 0;

	v2->now_ns = now_ns;
	if (v2->rescan)
		r = v2_rescan(v2);
	DL_FOREACH_SAFE (v2->tops, t, tmp)
		if (r == 0)
			r = v2_top_run(t, now_ns);
	return r == 0 ? v2_host_run(v2, now_ns) : r;
}

static uint64_t v2_deadline(const struct source *s)
{
	const struct v2_source *v2 = (const struct v2_source *)s;
	uint64_t due = v2_host_due(v2);
	const struct top *t;

	DL_FOREACH (v2->tops, t) {
		uint64_t at = v2_top_due(t);

		if (at < due)
			due = at;
	}
	if (v2->rescan && v2->now_ns + RETRY_NS < due)
		due = v2->now_ns + RETRY_NS;
	return due;
}

static int v2_settle(struct source *s, uint64_t now_ns)
{
	struct v2_source *v2 = v2_from(s);
	struct top *t, *tmp;
	bool again = false;
	int r;

	v2->now_ns = now_ns;
	if (!v2->settling) {
		v2->settling = true;
		v2_host_look(v2, now_ns);
	}
	r = v2_changes_read(v2);
	if (r == 0)
		r = v2_run(s, now_ns);
	DL_FOREACH_SAFE (v2->tops, t, tmp) {
		if (r < 0)
			return r;
		r = v2_top_settle(t, now_ns);
		again |= r == SOURCE_E_AGAIN;
	}
	if (r < 0)
		return r;
	again |= v2->host.judge_ns != 0;
	if (!again || ++v2->settle_rounds > SETTLE_ROUNDS_MAX)
		return 0;
	return SOURCE_E_AGAIN;
}

/* Tops that never came to rest prove nothing about what they have not told. */
static void add_restless(const struct v2_source *v2, struct balance *b)
{
	const struct top *t;
	bool restless = false;

	DL_FOREACH (v2->tops, t)
		restless |= v2->settling && !t->settled && t->state != TOP_DORMANT;
	for (unsigned k = 0; restless && k < COUNTED_KINDS; k++) {
		struct balance_line *line = &b->kind[k];
		uint64_t told = line->reported + line->recounts;

		if (line->counted > told) {
			line->unproven += line->counted - told;
			line->counted = told;
			b->reasons |= UNPROVEN_RESTLESS;
		}
	}
}

static void v2_balance(const struct source *s, struct balance *sum)
{
	const struct v2_source *v2 = (const struct v2_source *)s;
	struct balance b = { 0 };

	ledger_balance(v2->ledger, &b);
	add_restless(v2, &b);
	b.kind[EVENT_KILL].counted += v2->host.told;
	b.kind[EVENT_KILL].reported += v2->host.told;
	if (v2->settling)
		b.kind[EVENT_KILL].counted -= v2_host_excess(v2);
	balance_add(sum, &b);
	balance_add(sum, &v2->unproven);
}

static const char *v2_notice(const struct source *s)
{
	const struct v2_source *v2 = (const struct v2_source *)s;
	const struct top *t;

	if (tree_watch_limited(v2->changes))
		return "fs.inotify.max_user_watches is reached: some removals are not told";
	DL_FOREACH (v2->tops, t)
		if (t->poll_ns != 0)
			return "too many open files: some cgroups are looked at once a second only";
	DL_FOREACH (v2->tops, t)
		if (t->state == TOP_DORMANT)
			return "a watched cgroup has no memory controller now: it is seen again "
			       "once it has";
	return NULL;
}

const struct source_ops source_memory_events = {
	.name = "memory_events",
	.probe = probe,
	.open = v2_open,
	.attach = v2_attach,
	.detach = v2_detach,
	.run = v2_run,
	.deadline = v2_deadline,
	.settle = v2_settle,
	.balance = v2_balance,
	.notice = v2_notice,
	.close = v2_close,
};
