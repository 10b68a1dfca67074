/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Signals: from the counts of cgroup v1's eventfds to whose limit was hit
 *
 * An oom at cgroup M signals the eventfds of M and of everything below it, M first (pre-order). So
 * what a cgroup received less what its parent received are the ooms of its own limit:
 *
 *	own(c) = S(c) - S(parent(c))
 *
 * Nothing of that can be read at one moment. The kernel facts that make it exact all the same:
 *   - Parent before child: if c is read before its parent, then own(c) is never too large. What is
 *     under way to c makes it too small until c is woken by it.
 *   - memory.oom_control's under_oom is raised in M and all below it before the first signal and
 *     lowered in M first, after the last one. So "0 in c and all above it", read after S(parent), says
 *     that whatever S(parent) counts has reached c: the account of both is *quiet*.
 *   - Registering under oom signals at once. A baseline is taken when it is quiet.
 *   - A registration is signalled once more when its cgroup is removed, some time after the cgroup
 *     can no longer be read. Read first, then see whether it can be read: alive means that all that
 *     was read were ooms; dead means that one of them, or one to come, is the removal's.
 *   - Between removal and that last signal the parent's signals may reach c or not. What was known to
 *     have reached it when it was last seen alive (parent_safe) bounds that: the rest is doubt.
 *
 * This file does the order of reading and the sums. It reads through signals_ops, so that a simulated
 * kernel can stand in; it holds no descriptor and reads no clock. doc/v1-source.md has the proofs.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How long after its removal was seen a cgroup is told as gone if its last signal is not certain. */
#define SIGNALS_CLOSE_NS UINT64_C(200000000)
/*
 * The removal's signal is taken to be among those read that long after, if one of them may be it. 13 to
 * 47 ms are usual.
 */
#define SIGNALS_REMOVAL_NS UINT64_C(500000000)
/* And if none may be it, it is no longer waited for after that time. */
#define SIGNALS_SILENT_NS UINT64_C(2000000000)
/* How long an eventfd is kept after its cgroup was seen to be removed, if that is not certain. */
#define SIGNALS_LINGER_NS UINT64_C(4000000000)

enum signals_state {
	SIGNALS_OFF,       /* not registered */
	SIGNALS_UNSETTLED, /* registered; no baseline yet, so nothing is told, but doubted */
	SIGNALS_LIVE,
	SIGNALS_DYING,  /* the cgroup is gone, its last signal not certain */
	SIGNALS_CLOSED, /* gone and told; kept in case something comes late */
};

/* The account of one cgroup. Embedded in its owner's structure; no field is the owner's to change. */
struct signals {
	struct signals
		*parent; /* its ooms and those above it signal this one too; NULL: none known */
	unsigned depth;  /* parents above */
	enum signals_state state;
	bool woken;
	bool fresh;       /* something was read since it was last seen to be alive or dead */
	bool newly_dead;  /* dead_sum has yet to be looked for */
	bool blind;       /* removed before it had a baseline */
	bool removal_out; /* its removal's signal is in `sum`: known, and no oom to those below */
	bool final;       /* closed, and no oom of its own can come to light any more */
	bool quiet;       /* what was found in pass `quiet_pass` */
	uint64_t quiet_pass;
	uint64_t sum;         /* signals read since it was registered */
	uint64_t base;        /* `sum` at the baseline */
	uint64_t parent_base; /* the parent's at the baseline */
	uint64_t parent_safe; /* the parent's of which it is known that they reached this one */
	uint64_t told;        /* own ooms told since the baseline */
	uint64_t doubt;       /* at most that many more may have been its own */
	uint64_t dead_ns;     /* when it was seen to be gone */
	int64_t dead_sum;     /* what was not explained by the parent soon after */
	struct signals *prev, *next;             /* among the woken */
	struct signals *queue_prev, *queue_next; /* in one of the four lists */
};

/* How the world is read. @ctx is that of the set. No callback may call back into the set. */
struct signals_ops {
	/* Takes what is in the eventfd: the number of signals since the last call. */
	uint64_t (*read)(struct signals *s, void *ctx);
	/* memory.oom_control's under_oom; false if it cannot be read. */
	bool (*under_oom)(struct signals *s, void *ctx);
	/* Whether the cgroup still exists. */
	bool (*alive)(struct signals *s, void *ctx);
	/* @n ooms at @s's own limit (or above it, if it has no parent here) are to be told. */
	void (*own)(struct signals *s, uint64_t n, void *ctx);
	/* It is gone. Called once, at the state's change to dying. */
	void (*dead)(struct signals *s, void *ctx);
	/* All of its ooms are told as far as is known. */
	void (*closed)(struct signals *s, void *ctx);
	/* It is in no list any more; its owner may free it. `doubt` is final. */
	void (*released)(struct signals *s, void *ctx);
};

struct signals_set {
	const struct signals_ops *ops;
	void *ctx;
	struct signals *woken;
	struct signals *unsettled; /* without a baseline, or whose parent_safe is behind */
	struct signals *dying;     /* by dead_ns */
	struct signals *closed;
	struct signals *lingering; /* final, kept in case something comes late */
	uint64_t unsettled_ns;     /* when those are tried again */
	uint64_t unsettled_gap;    /* and how long after that */
	uint64_t finish_ns;        /* when the closed are looked at */
	uint64_t pass;
};

void signals_init(struct signals_set *set, const struct signals_ops *ops, void *ctx);
/*
 * @s was registered with the kernel just now, its @parent (NULL: none, or its links to the ones above
 * are cut) before it. Tries for a baseline at once: its state is SIGNALS_LIVE if that worked.
 */
void signals_add(struct signals_set *set, struct signals *s, struct signals *parent,
		 uint64_t now_ns);
/* Takes @s out of all lists, whatever its state. No `released` follows. */
void signals_drop(struct signals_set *set, struct signals *s);
/* Its eventfd can be read. */
void signals_wake(struct signals_set *set, struct signals *s);
/* It may have been removed: the next pass looks, without waiting for the signal of that. */
void signals_suspect(struct signals_set *set, struct signals *s);
/* Reads what was woken and all above it, and does what is due. Calls back with what it learned. */
void signals_pass(struct signals_set *set, uint64_t now_ns);
/* When signals_pass() has something to do without a wakeup: 0 at once, UINT64_MAX never. */
uint64_t signals_deadline(const struct signals_set *set);
/* Whether waiting can still bring ooms to light that have already happened. */
bool signals_open(const struct signals_set *set);
/* Whether @s is removed, and no oom of its own can come to light any more. */
bool signals_complete(const struct signals *s);
/* How many of @s's own ooms may be untold for good, as things are now. */
uint64_t signals_doubt(const struct signals *s);
/* It is known otherwise that of @s's own ooms that were read so far none is untold. */
void signals_clear_doubt(struct signals *s);
