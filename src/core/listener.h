/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The notifier's registry: who is to be signalled when a cgroup runs out of memory
 *
 * What the kernel's oom notifier keeps in each memory cgroup's list is kept here in one tree, which
 * holds only the cgroups that somebody listens on and their ancestors. It knows no descriptor: a
 * listener carries a token, and what is due to it is put on a queue that the owner drains:
 *
 *   registry_oom(r, id, n)               somebody learned that the limit of `id` was hit n times
 *   while (registry_next(r, &delivery))  signal delivery.token delivery.count times
 *
 * A queue instead of a callback, so that anything may be added or removed between two deliveries,
 * and so that ten ooms that came together are one entry of the queue. It needs no memory of its
 * own: a listener is in it once or not at all.
 *
 *   oom of X         all listeners on X and in the subtree below it; none above, none beside
 *   X under oom      one for each listener that is added on X or below it meanwhile
 *   X removed        one more for each of its listeners, which have then ended
 *
 * A listener that is there for something else, a threshold or pressure, shares the removal and the queue:
 * who learns of what it is there for says so with registry_signal().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registry;
struct registry_node;

enum {
	LISTENER_E_QUOTA = 1, /* as many listeners or cgroups as the registry may hold */
};

struct registry_quota {
	size_t listeners;
	size_t cgroups; /* those listened on, their ancestors, and those under oom */
};

/*
 * One registration, embedded in what belongs to it. To begin with all zero but the first two; all other
 * fields are the registry's.
 */
struct listener {
	void *token;
	bool no_oom;                /* it is not there for ooms */
	struct registry *registry;  /* NULL: not added */
	struct registry_node *node; /* NULL: its cgroup was removed */
	uint64_t due;
	bool queued;
	struct listener *prev, *next;             /* on the same cgroup */
	struct listener *queue_prev, *queue_next; /* with something due */
};

struct delivery {
	struct listener *listener;
	void *token;
	uint64_t count; /* 1 or more */
	bool ended;     /* the cgroup was removed (one of @count is for that): the last delivery */
};

/* A cgroup as a registration names it: its own id, its parent's, … up to the visible root's. */
struct registry_chain {
	const uint64_t *id;
	size_t length; /* 1 or more */
};

/* Returns NULL without memory. */
struct registry *registry_new(const struct registry_quota *quota);
/* Listeners that are left are taken out, without a delivery. */
struct registry *registry_free(struct registry *r);

/*
 * Links @l in; if the cgroup or one above it is under oom, one delivery is due at once.
 * Returns 0, LISTENER_E_QUOTA, -EINVAL when @chain contradicts what earlier ones said or itself, or
 * -ENOMEM. Other than at 0 nothing has changed.
 */
int registry_add(struct registry *r, struct listener *l, const struct registry_chain *chain);
/* Takes @l out, whatever is due to it. Does nothing if it was not added, or is out already. */
void registry_remove(struct listener *l);

/* The limit of cgroup @id was hit @n times. */
void registry_oom(struct registry *r, uint64_t id, uint64_t n);
/* What @l, which was added, is there for happened @n times. Nothing if its cgroup was removed. */
void registry_signal(struct listener *l, uint64_t n);
/*
 * Cgroup @id is, or no longer is, under oom. This delivers nothing to those who listen already: the
 * oom that began it does. Who said true must say false, also of a cgroup that was removed with one
 * above it. Returns 0, LISTENER_E_QUOTA or -ENOMEM, the latter two for true only.
 */
int registry_under_oom(struct registry *r, uint64_t id, bool under_oom);
/* Cgroup @id was removed, and with it whatever was still below it. */
void registry_gone(struct registry *r, uint64_t id);

/* Takes the oldest entry of the queue. Returns false if nothing is due. */
bool registry_next(struct registry *r, struct delivery *ret);

/* How many listeners are linked in or have ended and were not taken out yet; how many cgroups. */
size_t registry_listeners(const struct registry *r);
size_t registry_cgroups(const struct registry *r);
