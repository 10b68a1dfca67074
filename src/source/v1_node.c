/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree of v1 cgroups that are known
 *
 * A node stands for one cgroup, known by the inode number of its directory, which is never used
 * again. Its name may change (v1 cgroups can be renamed, within their parent), so paths are put
 * together when they are needed. Nodes are what the watches cover, and everything above it, up to the
 * visible root.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "base/fd.h"
#include "source/v1_source.h"

struct v1_node *v1_node_new(struct v1_source *v1, struct v1_node *parent, const char *name,
			    uint64_t id)
{
	struct v1_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->id = id;
	n->dir_fd = n->control_fd = n->event_fd = n->wd = -1;
	n->io = (struct source_io){ .source = &v1->s, .ready = v1_event_ready };
	n->based = !v1->attaching; /* one that is made while we watch begins at 0 */
	n->name = strdup(name);
	if (n->name)
		HASH_ADD(hh, v1->by_id, id, sizeof(n->id), n);
	if (!n->name || !n->hh.tbl) {
		free(n->name);
		free(n);
		return NULL;
	}
	n->parent = parent;
	if (parent) {
		DL_APPEND(parent->children, n);
		n->deep = n->covered = parent->deep;
		n->gone_all = parent->deep && parent->gone_all;
		n->seen_in = parent->listings;
	}
	v1->nodes++;
	v1_node_update(v1, n);
	return n;
}

static void unlink_lists(struct v1_source *v1, struct v1_node *n)
{
	if (n->ep.active)
		DL_DELETE2(v1->episodes, n, ep_prev, ep_next);
	if (n->in_news)
		DL_DELETE2(v1->news, n, news_prev, news_next);
	if (n->in_lines)
		DL_DELETE2(v1->lines, n, lines_prev, lines_next);
	if (n->rescan || n->verify)
		DL_DELETE2(v1->scans, n, scan_prev, scan_next);
	if (n->released)
		DL_DELETE2(v1->reap, n, reap_prev, reap_next);
	if (v1->suspect == n) {
		v1->suspect = NULL;
		v1->suspects++; /* one that can no longer be named */
	}
}

void v1_node_free(struct v1_source *v1, struct v1_node *n)
{
	n->dead = true;
	v1_node_update(v1, n);
	unlink_lists(v1, n);
	signals_drop(&v1->signals, &n->sig);
	v1_node_shut(v1, n, true);
	v1_node_drop_wd(v1, n);
	n->dir_fd = fd_close(n->dir_fd);
	HASH_DELETE(hh, v1->by_id, n);
	if (n->parent)
		DL_DELETE(n->parent->children, n);
	else
		v1->root = NULL;
	v1->nodes--;
	free(n->name);
	free(n);
}

static void free_subtree(struct v1_source *v1, struct v1_node *top)
{
	struct v1_node *n = top;

	while (n) {
		struct v1_node *up = n == top ? NULL : n->parent;

		if (n->children) {
			n = n->children;
			continue;
		}
		v1_node_free(v1, n);
		n = up;
	}
}

void v1_node_free_all(struct v1_source *v1)
{
	if (v1->root)
		free_subtree(v1, v1->root);
}

struct v1_node *v1_node_by_id(const struct v1_source *v1, uint64_t id)
{
	struct v1_node *n;

	HASH_FIND(hh, v1->by_id, &id, sizeof(id), n);
	return n;
}

struct v1_node *v1_node_by_wd(const struct v1_source *v1, int wd)
{
	struct v1_node *n;

	HASH_FIND(hh_wd, v1->by_wd, &wd, sizeof(wd), n);
	return n;
}

int v1_node_set_wd(struct v1_source *v1, struct v1_node *n, int wd)
{
	n->wd = wd;
	HASH_ADD(hh_wd, v1->by_wd, wd, sizeof(n->wd), n);
	if (!n->hh_wd.tbl) {
		n->wd = -1;
		return -ENOMEM;
	}
	v1_node_update(v1, n);
	return 0;
}

void v1_node_drop_wd(struct v1_source *v1, struct v1_node *n)
{
	if (n->wd < 0)
		return;
	HASH_DELETE(hh_wd, v1->by_wd, n);
	n->wd = -1;
	v1_node_update(v1, n);
}

/* The next in pre-order that is not below @at. */
static struct v1_node *skip(struct v1_node *top, struct v1_node *at)
{
	for (; at && at != top; at = at->parent)
		if (at->next)
			return at->next;
	return NULL;
}

struct v1_node *v1_node_next(struct v1_node *top, struct v1_node *at)
{
	return at->children ? at->children : skip(top, at);
}

char *v1_node_path(const struct v1_node *n, const struct v1_node *from)
{
	size_t len = 0;
	char *path, *p;

	for (const struct v1_node *a = n; a != from && a->parent; a = a->parent)
		len += strlen(a->name) + 1;
	path = malloc(len + 2);
	if (!path)
		return NULL;
	if (len == 0)
		return memcpy(path, from ? "." : "/", 2);
	p = path + len;
	*p = '\0';
	for (const struct v1_node *a = n; a != from && a->parent; a = a->parent) {
		p -= strlen(a->name);
		memcpy(p, a->name, strlen(a->name));
		*--p = '/';
	}
	if (from)
		memmove(path, path + 1, len); /* no slash in front of a path that is relative */
	return path;
}

/* Without memory the engine keeps an old path until the next change. */
static void rename_watches(struct v1_source *v1)
{
	const struct v1_target *t;

	LL_FOREACH (v1->targets, t) {
		_cleanup_free_ char *path = v1_node_path(t->node, NULL);

		if (path)
			(void)engine_watch_rename(v1->s.engine, t->cookie, path);
	}
}

int v1_node_rename(struct v1_source *v1, struct v1_node *n, const char *name)
{
	char *copy;

	if (strcmp(n->name, name) == 0)
		return 0;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	free(n->name);
	n->name = copy;
	rename_watches(v1);
	return 0;
}

struct v1_node *v1_node_limit_above(struct v1_node *n)
{
	return n->cut ? NULL : n->parent;
}

bool v1_is_real_root(const struct v1_source *v1, const struct v1_node *n)
{
	return !n->parent && v1->s.host->v1.real_root;
}

static void count(size_t *number, bool *was, bool is)
{
	if (is && !*was)
		++*number;
	else if (!is && *was)
		--*number;
	*was = is;
}

void v1_set_unread(struct v1_source *v1, struct v1_node *n, bool unread)
{
	count(&v1->unread, &n->unread, unread);
}

void v1_node_update(struct v1_source *v1, struct v1_node *n)
{
	if (n->dead && n->covered)
		v1->unreadable |= n->unread; /* there is no next time */
	if (n->dead)
		v1_set_unread(v1, n, false);
	count(&v1->polled, &n->polled,
	      n->covered && !n->dead && n->event_fd < 0 && !v1_is_real_root(v1, n));
	count(&v1->unwatched, &n->unwatched, n->deep && !n->dead && n->wd < 0);
}

/* A watch that ends leaves its doubts in the balance. */
static void uncover(struct v1_source *v1, struct v1_node *n)
{
	v1_doubt_ooms(v1, signals_doubt(&n->sig));
	signals_clear_doubt(&n->sig);
}

void v1_cover(struct v1_source *v1)
{
	const struct v1_target *t;
	struct v1_node *n;

	for (n = v1->root; n; n = v1_node_next(v1->root, n)) {
		n->based &= n->covered;
		n->was_covered = n->covered;
		n->deep = n->covered = n->gone_all = false;
	}
	LL_FOREACH (v1->targets, t) {
		t->node->covered = true;
		t->node->deep |= !t->local;
		t->node->gone_all |= t->gone_all;
	}
	for (n = v1->root; n; n = v1_node_next(v1->root, n)) {
		if (n->parent && n->parent->deep) {
			n->deep = n->covered = true;
			n->gone_all |= n->parent->gone_all;
		}
		if (n->was_covered && !n->covered)
			uncover(v1, n);
		v1_node_update(v1, n);
	}
}

void v1_prune(struct v1_source *v1)
{
	const struct v1_target *t;
	struct v1_node *n, *after;

	for (n = v1->root; n; n = v1_node_next(v1->root, n))
		n->keep = n == v1->root;
	LL_FOREACH (v1->targets, t)
		for (n = t->node; n; n = n->parent)
			n->keep = true;
	for (n = v1->root; n; n = after) {
		after = n->keep || n->deep ? v1_node_next(v1->root, n) : skip(v1->root, n);
		if (!n->keep && !n->deep)
			free_subtree(v1, n);
	}
}

void v1_reap_later(struct v1_source *v1, struct v1_node *n)
{
	if (n->released)
		return;
	n->released = true;
	DL_APPEND2(v1->reap, n, reap_prev, reap_next);
}

/* What is below must go first, so a round may make the next one possible. */
void v1_reap(struct v1_source *v1)
{
	struct v1_node *n, *tmp;
	bool more = v1->reap, ended = false;

	while (more) {
		more = false;
		DL_FOREACH_SAFE2 (v1->reap, n, tmp, reap_next) {
			if (n->children || n->targets > 0 || n->in_news || n->ep.active ||
			    n->wd >= 0)
				continue;
			ended |= n->ended;
			v1_node_free(v1, n);
			more = true;
		}
	}
	if (ended) /* what was above it only for its sake */
		v1_prune(v1);
}
