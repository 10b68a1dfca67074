/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Listening: an eventfd that is signalled when a cgroup runs out of memory
 *
 *   fd = listen_get_fd(l);              poll it for EPOLLIN in any loop
 *   listen_dispatch(l);                 when it is readable: signals what is due, never blocks
 *   listen_add(l, &at, eventfd, &h);    as many as you like, also the same eventfd many times
 *
 * An oom at the limit of a cgroup signals all listeners on it and on the cgroups below it, the
 * removal of a cgroup each of its listeners once more. On v1 the kernel does that, and listen_dispatch()
 * only learns of removals; on v2 it is done in listen_dispatch(), from the counters.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/listener.h"
#include "core/victim.h"
#include "core/vmpressure.h"
#include "source/host.h"

struct listen;
struct oomn_listener;

/* Bounds of one object, if no others are set; over them listen_add() answers -EDQUOT. */
#define LISTEN_LISTENERS_MAX 16384
#define LISTEN_CGROUPS_MAX 16384

enum {
	LISTEN_E_STAYS = 1,
};

enum listen_state {
	LISTEN_ALIVE,
	LISTEN_ENDING, /* v1: the cgroup is gone, the kernel's signal for that may be yet to come */
	LISTEN_ENDED, /* the cgroup is gone and the eventfd was signalled for it: the last signal */
};

enum listen_kind {
	LISTEN_OOM,
	LISTEN_THRESHOLD,
	LISTEN_PRESSURE,
};

/* What is listened to; NULL stands for ooms. */
struct listen_what {
	enum listen_kind kind;
	uint64_t bytes; /* THRESHOLD */
	bool swap;      /* THRESHOLD: memory and swap together */
	enum pressure_level level;
	enum pressure_mode mode;
};

/* What a listener is not told, beyond anybody's power here. */
enum {
	LISTEN_UNREADABLE = 1U << 0, /* ooms of an ancestor whose counters may not be read */
	LISTEN_OUTSIDE = 1U << 1, /* ooms of ancestors above the visible root, if there are any */
};

/*
 * @host is borrowed and must outlive the object; @quota: NULL for LISTEN_*_MAX. Returns 0 or a negated
 * errno.
 */
int listen_open(struct listen **ret, const struct cgroup_host *host,
		const struct registry_quota *quota);
/* Ends all registrations, as listen_remove() does, and frees @l, which may be NULL. Returns NULL. */
struct listen *listen_close(struct listen *l);
/* The epoll descriptor; belongs to @l. */
int listen_get_fd(const struct listen *l);
/* Whether there is a listener on the cgroup @id, or below it on v2: then it can be added to without a path. */
bool listen_knows(const struct listen *l, uint64_t id);
/*
 * Registers @eventfd on @at. It stays the caller's and may be closed: on v2 a duplicate is kept until
 * listen_remove(), on v1 the kernel keeps its own reference, which ends with the last descriptor of
 * that eventfd anywhere. What happens after this returned is signalled, what happened before it was
 * called is not. @ret may be NULL: the listener goes when its cgroup does, or with @l.
 *
 * Returns 0, or -EBADF, -EINVAL (@eventfd is no eventfd; @at is the root, which has no limit),
 * -ENODEV (gone, or no memory files there: see cgroup_host_nearest_memory()), -EACCES (v1: only root
 * may register since 6.18), -EOPNOTSUPP (v1 on PREEMPT_RT; v2 before 5.2; swap is not accounted for; no
 * memory.pressure_level), -EDQUOT, -ENOMEM, -EMFILE.
 */
int listen_add(struct listen *l, const struct cgroup_at *at, int eventfd,
	       const struct listen_what *what, struct oomn_listener **ret);
/*
 * Ends a registration, at any time, and frees the handle, which may be NULL. Returns 0, or
 * LISTEN_E_STAYS on v1 while the cgroup exists: the kernel has no call for it, and goes on to signal
 * the eventfd until its last close.
 */
int listen_remove(struct oomn_listener *h);
/*
 * What was seen of an oom, in the kernel's order: on v2 whoever listens there is signalled before the count
 * of it can be read, and whoever registers before it ends.
 */
void listen_sighted(struct listen *l, const struct sighting *s);
/* Signals what is due. To be called after listen_sighted(). */
void listen_signal(struct listen *l);
/* Whether the process that opened it is another one: a child has no part in it. */
bool listen_is_foreign(const struct oomn_listener *h);
/* Signals that reached no eventfd. */
uint64_t listen_failed(const struct listen *l);
/* Returns 0 or a negated errno. */
int listen_dispatch(struct listen *l);
/* As listen_dispatch(), and every counter is read whether it has anything new or not. */
int listen_flush(struct listen *l);
enum listen_state listen_state(const struct oomn_listener *h);
/* LISTEN_UNREADABLE, LISTEN_OUTSIDE */
unsigned listen_unseen(const struct oomn_listener *h);
/* What is restricted on this host, in words; NULL: nothing. */
const char *listen_notice(const struct listen *l);
