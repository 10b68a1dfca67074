/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Source: memory.events (cgroup v2)
 *
 * One descriptor waits for each top, whatever lies below it; the ledger finds the place. Under
 * memory_localevents, and for a watch on one cgroup alone, a top is "flat": that cgroup and nothing
 * below it.
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
	v2->local_events = args->host->v2.local_events;
	v2->descriptors_max = descriptor_budget();
	v2->ledger = ledger_new(&v2_tree_ops, v2_report, &v2->tree);
	r = v2->ledger ? v2_notice_open(v2) : -ENOMEM;
	if (r == 0)
		r = v2_changes_open(v2);
	if (r == 0)
		r = v2_mounts_open(v2);
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

	if (!s)
		return NULL;
	v2_watch_free_all(v2); /* and with the watches all that they needed */
	ledger_free(v2->ledger);
	tree_watch_close(v2->changes);
	v2_mounts_close(v2);
	v2_notice_close(v2);
	free(v2);
	return NULL;
}

static int v2_run(struct source *s, uint64_t now_ns)
{
	struct v2_source *v2 = v2_from(s);
	struct top *t, *tmp;
	int r;

	v2->now_ns = now_ns;
	v2_top_free_closed(v2);
	v2_mounts_run(v2, now_ns);
	r = v2_rescan_run(v2, now_ns);
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
	uint64_t at;

	DL_FOREACH (v2->tops, t) {
		at = v2_top_due(t);
		if (at < due)
			due = at;
	}
	if (v2->closed)
		return 0; /* to be freed after this round */
	at = v2_mounts_due(v2);
	if (at < due)
		due = at;
	return v2->rescan_ns < due ? v2->rescan_ns : due;
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
		v2_mounts_look(v2);
		v2_host_look(v2, now_ns);
		if (v2->rescan_ns != UINT64_MAX)
			v2->rescan_ns = now_ns;
	}
	r = v2_changes_read(v2);
	if (r == 0)
		r = v2_run(s, now_ns);
	DL_FOREACH_SAFE (v2->tops, t, tmp) {
		if (r < 0)
			return r;
		r = v2_walk_settle(t, now_ns);
		again |= r == SOURCE_E_AGAIN;
	}
	if (r < 0)
		return r;
	again |= v2->host.judge_ns != 0 || v2->unheard;
	again |=
		v2->rescan_ns <= now_ns + V2_RETRY_NS; /* but not one that a blind source repeats */
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

static void add_unseen(const struct v2_source *v2, struct balance *b)
{
	const struct top *t;

	DL_FOREACH (v2->tops, t) {
		struct balance span = { 0 };

		if (t->state == TOP_DORMANT && t->off)
			v2_guard_span(t, t->io_stayed, &span);
		balance_add(b, &span);
	}
	b->reasons |= v2->unseen;
	for (unsigned k = 0; v2->unseen && k < COUNTED_KINDS; k++)
		if (k != EVENT_KILL || !v2->host.on)
			b->kind[k].unproven = UINT64_MAX;
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
	add_unseen(v2, &b);
	balance_add(sum, &b);
	balance_add(sum, &v2->unproven);
}

const struct source_ops source_memory_events = {
	.name = "memory_events",
	.probe = probe,
	.open = v2_open,
	.attach = v2_attach,
	.prepare = v2_prepare,
	.detach = v2_detach,
	.run = v2_run,
	.deadline = v2_deadline,
	.settle = v2_settle,
	.balance = v2_balance,
	.notice = v2_notice,
	.close = v2_close,
};
