/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static struct account *account_free(struct account *a)
{
	if (a) {
		free(a->top);
		free(a->name);
		free(a);
	}
	return NULL;
}

struct account *account_new(struct account_table *t, struct account *parent, const char *name,
			    uint64_t key, uint64_t id)
{
	struct account *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->key = key;
	a->number = ++t->made;
	a->id = id;
	a->name = strdup(name);
	if (!parent)
		a->top = calloc(1, sizeof(*a->top));
	if (!a->name || (!parent && !a->top))
		return account_free(a);

	HASH_ADD(hh, t->by_key, key, sizeof(a->key), a);
	if (!a->hh.tbl) /* uthash without memory leaves the element out (HASH_NONFATAL_OOM) */
		return account_free(a);
	a->parent = parent;
	if (parent)
		DL_APPEND(parent->children, a);
	return a;
}

struct account *account_find(const struct account_table *t, uint64_t key)
{
	struct account *a;

	HASH_FIND(hh, t->by_key, &key, sizeof(key), a);
	return a;
}

struct account *account_find_below(const struct account_table *t, struct account *parent,
				   uint64_t key)
{
	struct account *a = account_find(t, key);

	if (a && a->parent && a->parent != parent) {
		DL_DELETE(a->parent->children, a);
		a->parent = parent;
		DL_APPEND(parent->children, a);
	}
	return a;
}

void account_saw_off(struct account *a, uint64_t id)
{
	if (id > a->off_id)
		a->off_id = id;
}

void account_rest_set(struct account_table *t, struct account *a, bool pending)
{
	if (a->rest_pending == pending)
		return;
	a->rest_pending = pending;
	if (pending)
		DL_APPEND2(t->rests, a, rest_prev, rest_next);
	else
		DL_DELETE2(t->rests, a, rest_prev, rest_next);
}

static void unlink_account(struct account_table *t, struct account *a)
{
	recounts_inherit(a);
	account_rest_set(t, a, false);
	if (a->parent)
		DL_DELETE(a->parent->children, a);
	HASH_DELETE(hh, t->by_key, a);
	account_free(a);
}

static struct account *deepest(struct account *a)
{
	while (a->children)
		a = a->children;
	return a;
}

void account_hand_over(struct account *a)
{
	for (struct account *at = deepest(a);; at = at->next ? deepest(at->next) : at->parent) {
		recounts_inherit(at);
		at->recounts = (struct recounts){ 0 };
		if (at == a)
			return;
	}
}

/* Bottom-up without recursion: cgroups may be nested thousands deep. */
void account_drop(struct account_table *t, struct account *a)
{
	struct account *at = a;

	for (;;) {
		struct account *parent = at->parent;

		if (at->children) {
			at = at->children;
			continue;
		}
		if (at == a)
			break;
		unlink_account(t, at);
		at = parent;
	}
	unlink_account(t, a);
}

void account_lump(struct account_table *t, struct account *a)
{
	while (a->children)
		account_drop(t, a->children);
	account_rest_set(t, a, false);
	a->lumped = true;
}

void account_graft(struct account *a, struct account *parent, char *name)
{
	free(a->name);
	a->name = name;
	free(a->top);
	a->top = NULL;
	a->parent = parent;
	DL_APPEND(parent->children, a);
}

void account_take_over(struct account_table *t, struct account *a, struct account *before)
{
	struct account *child;

	DL_FOREACH (before->children, child)
		child->parent = a;
	DL_CONCAT(a->children, before->children);
	before->children = NULL;
	a->reported = before->reported;
	a->own = before->own;
	a->recounts = before->recounts;
	before->recounts = (struct recounts){ 0 };
	a->looked_ns = before->looked_ns;
	a->returned = true;
	a->off_id = before->off_id;
	a->lumped = before->lumped;
	account_drop(t, before);
}

uint64_t account_looked(const struct account *a)
{
	uint64_t looked_ns = 0;

	for (; a; a = a->parent)
		if (a->looked_ns > looked_ns)
			looked_ns = a->looked_ns;
	return looked_ns;
}

struct account *account_root(struct account *a)
{
	while (a->parent)
		a = a->parent;
	return a;
}

const struct account *account_parent(const struct account *a)
{
	return a->parent;
}

uint64_t account_id(const struct account *a)
{
	return a->id;
}

const struct counts *account_reported(const struct account *a)
{
	return &a->reported;
}

char *account_path(const struct account *a)
{
	const struct account *at;
	size_t n = 1;
	char *path, *p;

	for (at = a; at; at = at->parent)
		n += strlen(at->name) + 1;
	path = malloc(n);
	if (!path)
		return NULL;
	p = path + n - 1;
	*p = '\0';
	for (at = a; at; at = at->parent) {
		size_t len = strlen(at->name);

		/* The top's name is its path; "/" joins without doubling its slash. */
		if (at != a && !(len > 0 && at->name[len - 1] == '/'))
			*--p = '/';
		p -= len;
		memcpy(p, at->name, len);
	}
	memmove(path, p, strlen(p) + 1);
	return path;
}
