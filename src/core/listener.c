/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A node per cgroup, found by id, linked to its parent. A node lives as long as it has listeners or
 * children or is under oom, so each leaf of the tree is wanted by somebody.
 *
 * A parent may become known later than its child (the child was under oom, or was registered by
 * somebody who sees a smaller part of the hierarchy): the node then gets it. A parent that is known
 * never changes: cgroup v2 has no rename, v1 none to another directory.
 */
#include "core/listener.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <uthash.h>
#include <utlist.h>

#include "base/saturate.h"

struct registry_node {
	uint64_t id;
	bool under_oom;
	struct registry_node *parent;
	struct registry_node *children;
	struct registry_node *prev, *next; /* among the children of @parent */
	struct listener *listeners;
	UT_hash_handle hh;
};

struct registry {
	struct registry_quota quota;
	struct registry_node *nodes;
	struct listener *queue; /* DL list over queue_prev, queue_next */
	struct listener *ended; /* of removed cgroups, not taken out yet; over prev, next */
	size_t n_listeners;
};

static void queue(struct registry *r, struct listener *l, uint64_t n)
{
	l->due = add_saturated(l->due, n);
	if (!l->queued && l->due > 0) {
		l->queued = true;
		DL_APPEND2(r->queue, l, queue_prev, queue_next);
	}
}

static void unqueue(struct registry *r, struct listener *l)
{
	if (l->queued)
		DL_DELETE2(r->queue, l, queue_prev, queue_next);
	l->queued = false;
	l->due = 0;
}

static struct registry_node *node_find(const struct registry *r, uint64_t id)
{
	struct registry_node *node;

	HASH_FIND(hh, r->nodes, &id, sizeof(id), node);
	return node;
}

static int node_new(struct registry *r, uint64_t id, struct registry_node **ret)
{
	struct registry_node *node;

	if (HASH_COUNT(r->nodes) >= r->quota.cgroups)
		return LISTENER_E_QUOTA;
	node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->id = id;
	HASH_ADD(hh, r->nodes, id, sizeof(node->id), node);
	if (!node->hh.tbl) {
		free(node);
		return -ENOMEM;
	}
	*ret = node;
	return 0;
}

static void node_set_parent(struct registry_node *node, struct registry_node *parent)
{
	node->parent = parent;
	DL_APPEND(parent->children, node);
}

static void node_free(struct registry *r, struct registry_node *node)
{
	if (node->parent)
		DL_DELETE(node->parent->children, node);
	HASH_DELETE(hh, r->nodes, node);
	free(node);
}

/* Frees @node and its ancestors as far as nobody wants them any more. */
static void node_prune(struct registry *r, struct registry_node *node)
{
	while (node && !node->listeners && !node->children && !node->under_oom) {
		struct registry_node *parent = node->parent;

		node_free(r, node);
		node = parent;
	}
}

/* The node after @node in the subtree of @top, parents first; NULL after the last one. */
static struct registry_node *node_after(const struct registry_node *node,
					const struct registry_node *top)
{
	if (node->children)
		return node->children;
	while (node != top) {
		if (node->next)
			return node->next;
		node = node->parent;
	}
	return NULL;
}

struct registry *registry_new(const struct registry_quota *quota)
{
	struct registry *r = calloc(1, sizeof(*r));

	if (r)
		r->quota = *quota;
	return r;
}

/* Makes @l one that was never added. */
static void detach(struct registry *r, struct listener *l)
{
	unqueue(r, l);
	if (l->node)
		DL_DELETE(l->node->listeners, l);
	else
		DL_DELETE(r->ended, l);
	r->n_listeners--;
	l->registry = NULL;
	l->node = NULL;
}

struct registry *registry_free(struct registry *r)
{
	struct registry_node *node, *tmp;

	if (!r)
		return NULL;
	while (r->ended)
		detach(r, r->ended);
	HASH_ITER (hh, r->nodes, node, tmp) {
		while (node->listeners)
			detach(r, node->listeners);
		HASH_DEL(r->nodes, node);
		free(node);
	}
	free(r);
	return NULL;
}

static bool chain_has(const struct registry_chain *chain, size_t length, uint64_t id)
{
	for (size_t i = 0; i < length; i++)
		if (chain->id[i] == id)
			return true;
	return false;
}

/* Whether @chain can be linked: it says nothing else than is known, and makes no circle. */
static bool chain_fits(const struct registry *r, const struct registry_chain *chain)
{
	const struct registry_node *node = NULL;

	if (chain->length == 0)
		return false;
	for (size_t i = 0; i < chain->length; i++) {
		if (chain_has(chain, i, chain->id[i]))
			return false;
		node = node_find(r, chain->id[i]);
		if (node && node->parent && i + 1 < chain->length &&
		    node->parent->id != chain->id[i + 1])
			return false;
	}
	/* More may be known of what is above the chain's top than whoever made the chain can see. */
	while (node && node->parent) {
		node = node->parent;
		if (chain_has(chain, chain->length, node->id))
			return false;
	}
	return true;
}

static void chain_forget(struct registry *r, const struct registry_chain *chain)
{
	for (size_t i = 0; i < chain->length; i++)
		node_prune(r, node_find(r, chain->id[i]));
}

/* All that can fail comes first, so that a refusal leaves nothing behind. */
static int chain_link(struct registry *r, const struct registry_chain *chain,
		      struct registry_node **ret)
{
	struct registry_node *node = NULL;

	for (size_t i = 0; i < chain->length; i++) {
		int err = node_find(r, chain->id[i]) ? 0 : node_new(r, chain->id[i], &node);

		if (err != 0) {
			chain_forget(r, chain);
			return err;
		}
	}
	node = NULL;
	for (size_t i = chain->length; i-- > 0;) {
		struct registry_node *parent = node;

		node = node_find(r, chain->id[i]);
		if (parent && !node->parent)
			node_set_parent(node, parent);
	}
	assert(node); /* no chain is empty */
	*ret = node;
	return 0;
}

static bool is_under_oom(const struct registry_node *node)
{
	for (; node; node = node->parent)
		if (node->under_oom)
			return true;
	return false;
}

int registry_add(struct registry *r, struct listener *l, const struct registry_chain *chain)
{
	struct registry_node *node;
	int err;

	assert(!l->registry);
	if (r->n_listeners >= r->quota.listeners)
		return LISTENER_E_QUOTA;
	if (!chain_fits(r, chain))
		return -EINVAL;
	err = chain_link(r, chain, &node);
	if (err != 0)
		return err;

	*l = (struct listener){
		.token = l->token, .no_oom = l->no_oom, .registry = r, .node = node
	};
	DL_APPEND(node->listeners, l);
	r->n_listeners++;
	if (!l->no_oom && is_under_oom(node))
		queue(r, l, 1);
	return 0;
}

void registry_remove(struct listener *l)
{
	struct registry_node *node = l->node;
	struct registry *r = l->registry;

	if (!r)
		return;
	detach(r, l);
	node_prune(r, node);
}

void registry_oom(struct registry *r, uint64_t id, uint64_t n)
{
	struct registry_node *top = node_find(r, id);
	struct listener *l;

	for (const struct registry_node *node = top; node; node = node_after(node, top))
		DL_FOREACH (node->listeners, l)
			if (!l->no_oom)
				queue(r, l, n);
}

void registry_signal(struct listener *l, uint64_t n)
{
	if (l->node)
		queue(l->registry, l, n);
}

int registry_under_oom(struct registry *r, uint64_t id, bool under_oom)
{
	struct registry_node *node = node_find(r, id);
	int err;

	if (!node && !under_oom)
		return 0;
	if (!node) {
		err = node_new(r, id, &node);
		if (err != 0)
			return err;
	}
	node->under_oom = under_oom;
	node_prune(r, node);
	return 0;
}

/* The cgroup of @node was removed: what its listeners still have to get is their last. */
static void node_end(struct registry *r, struct registry_node *node)
{
	while (node->listeners) {
		struct listener *l = node->listeners;

		queue(r, l, 1);
		DL_DELETE(node->listeners, l);
		DL_APPEND(r->ended, l);
		l->node = NULL;
	}
	node_free(r, node);
}

void registry_gone(struct registry *r, uint64_t id)
{
	struct registry_node *top = node_find(r, id);
	struct registry_node *node = top;
	struct registry_node *above;

	if (!top)
		return;
	above = top->parent;
	/* Children first, as the directories were removed. */
	while (top->children) {
		while (node->children)
			node = node->children;
		struct registry_node *parent = node->parent;

		node_end(r, node);
		node = parent;
	}
	node_end(r, top);
	node_prune(r, above);
}

bool registry_next(struct registry *r, struct delivery *ret)
{
	struct listener *l = r->queue;

	if (!l)
		return false;
	*ret = (struct delivery){
		.listener = l, .token = l->token, .count = l->due, .ended = !l->node
	};
	unqueue(r, l);
	return true;
}

size_t registry_listeners(const struct registry *r)
{
	return r->n_listeners;
}

size_t registry_cgroups(const struct registry *r)
{
	return HASH_COUNT(r->nodes);
}
