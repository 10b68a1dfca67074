/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The ledger (cgroup v2): every event placed once, none lost
 *
 * memory.events is hierarchical: what happens in a cgroup is added there first and then in each of
 * its ancestors. So the counter of a top proves how much happened below it, also in cgroups that
 * are gone by now, and the counters of the living ones tell where.
 *
 * An account holds how much was already reported from the subtree of one cgroup. A pass reads the
 * top; what is new there is looked for below it, always reading a parent before its children, since
 * in that order no event that the parent shows can be missing in a living child. What no living
 * child explains is looked for once more a slot later and then reported at the nearest living
 * ancestor as `removed`, or as `unplaced` where it may lie in a child that lives.
 *
 * An account is keyed by the inode of the memory.events *file*: a controller switched off and on
 * makes a new file under a directory that stays the same. It starts at 0, unless memory was only
 * hidden and comes back with what it had counted: see hidden.c.
 *
 * The ledger is pure: it reaches the tree through struct tree_ops, which a test replaces with a
 * simulated kernel, and is told the time.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/balance.h"
#include "core/counts.h"

/* The kernel notifies memory.events at most once per 10 ms (CGROUP_FILE_NOTIFY_MIN_INTV). */
#define LEDGER_SLOT_NS UINT64_C(10000000)
/* How long after a group kill was counted its kills may still be coming in. */
#define LEDGER_GROUP_NS UINT64_C(1000000000)

/*
 * So many levels below a top are looked into: each takes a descriptor while what is below is walked,
 * and anybody who is given a cgroup may nest thousands. What happens deeper is told there, unplaced.
 */
#define LEDGER_DEPTH_MAX 100
/* As many levels at least; below, a lack of descriptors is no reason to wait. */
#define LEDGER_DEPTH_SURE 8

struct reading {
	uint64_t key; /* inode of the memory.events file; may be left 0 if all counts are 0 */
	uint64_t id;  /* inode of the directory; only where the directory itself is read */
	struct counts counts;
	bool no_group_count; /* the kernel has no oom_group_kill line (before 5.17) */
};

enum {
	TREE_E_GONE = 1, /* removed, or without memory files (any more) */
	TREE_E_BUSY,   /* not now: out of descriptors or memory. Nothing is lost by trying later. */
	TREE_E_DENIED, /* exists, but may not be read */
};

typedef int (*tree_each_fn)(void *arg, const char *name, uint64_t id);

/*
 * How the ledger sees the cgroup tree. A directory is an int that `open` made and `close` takes.
 * All calls return 0, TREE_E_*, or a negated errno that ends the pass.
 */
struct tree_ops {
	int (*open)(void *ctx, int dir, const char *name, int *ret);
	void (*close)(void *ctx, int dir);
	/* memory.events of child @name of @dir, or of @dir itself if @name is NULL (key and id set). */
	int (*read)(void *ctx, int dir, const char *name, struct reading *ret);
	/* memory.events.local of @dir. */
	int (*read_local)(void *ctx, int dir, struct counts *ret);
	/* memory.oom.group of @dir; asked only where no_group_count. */
	int (*is_group)(void *ctx, int dir, bool *ret);
	/* Whether children of @dir have memory files, as its cgroup.subtree_control says. */
	int (*gives_memory)(void *ctx, int dir, bool *ret);
	/* Calls @each for every child directory; ends early with what @each returns, if not 0. */
	int (*list)(void *ctx, int dir, tree_each_fn each, void *arg);
};

struct account;

struct ledger_report {
	const struct account *at;
	enum event_kind kind;
	uint64_t
		count_min; /* less than count_max where a group kill's victim may be counted twice */
	uint64_t count_max;
	bool removed;  /* in a cgroup below @at that is gone */
	bool unplaced; /* at @at or below it: which of them could not be told */
	bool closing;  /* the last moment of a top that is gone itself */
	uint64_t now_ns;
};

/*
 * Takes one report. Returns 0, or a negated errno if it could not be taken: it is then not booked,
 * and offered again in a later pass.
 */
typedef int (*ledger_report_fn)(void *ctx, const struct ledger_report *report);

struct ledger;

/* @ops and @ctx must outlive the ledger. NULL without memory. */
struct ledger *ledger_new(const struct tree_ops *ops, ledger_report_fn report, void *ctx);
struct ledger *ledger_free(struct ledger *l);

enum {
	LEDGER_E_GONE = 1, /* the top is gone, or its memory.events is another file now */
	LEDGER_E_AGAIN, /* something could not be read now (TREE_E_BUSY, no memory): pass again later */
};

struct ledger_top {
	int dir;          /* borrowed; open as long as the top exists */
	const char *path; /* copied */
	uint64_t id;
	bool fresh; /* made after the watch began: everything it counts is news */
	/* Back from hiding: this was told or known of it, what it counts beyond is news without a place. */
	const struct counts *told;
};

/*
 * Opens an account for a top and everything below it: what was counted so far is taken as known
 * (unless fresh). Tops that exist already below it become part of it, with what they have not yet
 * reported: afterwards account_parent() of such a top is not NULL, and it is no top any more. One
 * that is still a top after that has counted nothing yet, or is gone: it has to be closed.
 * A top must not be added at or below another one. Returns 0, LEDGER_E_GONE, LEDGER_E_AGAIN (not
 * now; also if tops below never stood still) or a negated errno; then nothing has changed.
 */
int ledger_top_add(struct ledger *l, const struct ledger_top *top, uint64_t now_ns,
		   struct account **ret);
/* Reads the top and reports what is new. Returns 0, LEDGER_E_GONE, LEDGER_E_AGAIN or a negated errno. */
int ledger_pass(struct ledger *l, struct account *top, uint64_t now_ns);
/*
 * One read: whether the top's counter stands above its account. Most wakeups are for `max` or
 * `high`, which this tells without a descent. Returns 0, LEDGER_E_GONE, LEDGER_E_AGAIN or a negated
 * errno.
 */
int ledger_top_news(struct ledger *l, struct account *top, bool *ret_news);
/* When an unexplained rest below @top is to be looked at again; UINT64_MAX if there is none. */
uint64_t ledger_due(const struct ledger *l, const struct account *top);
/*
 * Looks again at the cgroups whose rests are due, and reports what is still unexplained as removed. A
 * pass should follow: the rest of the tree was left alone. Returns as ledger_pass().
 */
int ledger_resolve(struct ledger *l, struct account *top, uint64_t now_ns);
/*
 * Reads the top once more, for the balance: an account is proven if it lies between the counter
 * that the last pass began with and the counter now. Returns as ledger_pass().
 */
int ledger_seal(struct ledger *l, struct account *top);
/*
 * The top was removed (or lost its memory files) when its counter stood at @last, as its parent's
 * counter proves: reports the rest at the top and closes the account. @last is NULL if that is not
 * known; then nothing is reported. Returns 0 or a negated errno (then the account stays).
 */
int ledger_top_close(struct ledger *l, struct account *top, const struct counts *last,
		     uint64_t now_ns);
/* Adds the balance of all tops, open and closed, to @sum: counted, reported, recounts. */
void ledger_balance(const struct ledger *l, struct balance *sum);

struct ledger_dead {
	int dir;
	/* The counter of @dir, if that call is to say (the root has none); its own events are then 0. */
	int (*parent)(void *ctx, struct counts *ret);
	uint64_t
		except_id; /* this child counts as removed if it has no memory files; 0: none does */
};

/*
 * What the removed children of a directory counted in all: its counter less its own events less
 * those of its living children. Stored when the counter stood still while they were read;
 * LEDGER_E_AGAIN if it did not within 5 tries. Returns 0, LEDGER_E_GONE, LEDGER_E_AGAIN or a negated
 * errno: -EACCES if a child may not be read, or lives without memory files.
 */
int ledger_dead_sum(const struct tree_ops *ops, void *ctx, const struct ledger_dead *of,
		    struct deltas *ret);

/* About an account */
const struct account *account_parent(const struct account *a);
uint64_t account_id(const struct account *a);
const struct counts *account_reported(const struct account *a); /* absolute, as counters are */
/* Its path from the visible root, on the heap, or NULL without memory. */
char *account_path(const struct account *a);
