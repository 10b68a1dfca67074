/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Inside of the memory_events source: what its files share
 *
 *   memory_events.c  the source's calls: watches, what is due, balance
 *   v2_top.c         one watched top: wakeups, walks, losing and regaining its memory.events
 *   v2_guard.c       what a top counted in its last moment, from its parent's counter
 *   v2_discover.c    cgroups that come and go: inotify, tops of a whole host, `gone`
 *   v2_host.c        /proc/vmstat: kills that no memory.events shows
 *   v2_report.c      from the ledger's report to an event
 */
#include <uthash.h>

#include "core/ledger.h"
#include "core/pace.h"
#include "core/reread.h"
#include "source/source.h"
#include "source/tree_watch.h"
#include "source/v2_tree.h"

/* Tops without a descriptor (too many open files) and without inotify are looked at this often. */
#define V2_POLL_NS UINT64_C(1000000000)

enum top_state {
	TOP_LIVE,    /* has an account */
	TOP_LOST,    /* memory.events is gone; its last events are being settled */
	TOP_DORMANT, /* the cgroup is there, its memory files are not */
};

/* What is needed to know a top's last counter from its parent's: see v2_guard.c. */
struct guard {
	bool known;
	bool dirty;    /* a neighbour was removed since `dead` was taken */
	bool root;     /* the parent is the root: only kills can be proven, by vmstat */
	bool children; /* flat: it has or had children, whose events cannot be told from its own */
	struct deltas dead;  /* what removed children of the parent had counted in all */
	struct deltas below; /* flat: what its own removed children had counted before */
	uint64_t refresh_ns; /* when to take `dead` anew after it became dirty; 0: not */
	struct pace pace;
};

struct top {
	struct source_io io; /* first: what epoll points at */
	int events_fd;       /* -1: none could be had */
	bool inotified;      /* instead of a descriptor */
	unsigned number;
	char *path;
	char *parent;
	uint64_t id;
	bool named; /* asked for by name: its removal is told and settled from its parent */
	enum top_state state;
	struct account *account;
	struct reread reread;
	struct pace pace;
	uint64_t again_ns; /* a walk could not read everything: walk again then; 0: not */
	uint64_t poll_ns;  /* without a descriptor: look again then */
	struct guard guard;
	/* TOP_LOST */
	uint64_t judge_ns; /* next step of the settlement */
	unsigned tries;
	bool measured;
	struct deltas dead; /* as after the removal */
	bool removed;       /* the directory is gone, too */
	/* v2_source.settling */
	bool settled;
	struct top *prev, *next;
	UT_hash_handle hh; /* by number */
};

/* A cgroup whose removal is to be told. */
struct mortal {
	char *path;
	char *parent;
	uint64_t id;
	UT_hash_handle hh; /* by path */
};

/* One watch by name. Several may lie in one top's tree. */
struct named_watch {
	uint64_t cookie;
	char *path;
	char *parent;
	uint64_t id;
	struct named_watch *next;
};

/* /proc/vmstat against the accounts: see v2_host.c. */
struct host_account {
	bool on;           /* the whole host is watched and vmstat speaks of just this host */
	uint64_t base;     /* vmstat's oom_kill when the watch began */
	uint64_t told;     /* kills told for "/" from the difference */
	bool deaths;       /* a top was removed: a difference may be its last moment */
	uint64_t seen;     /* the value being judged, */
	uint64_t judge_ns; /* when; 0: none is */
	bool confirmed;    /* the difference was there once before */
	uint64_t next_ns;  /* not to be looked at before */
};

struct v2_source {
	struct source s; /* first */
	struct v2_tree tree;
	struct v2_tree whole; /* the same tree, never flat: for guards */
	struct ledger *ledger;
	struct tree_watch *changes;
	struct source_io changes_io;
	struct top *tops;
	struct top *by_number;
	unsigned next_number;
	unsigned descriptors;     /* memory.events held open */
	unsigned descriptors_max; /* more would starve the program of descriptors */
	struct named_watch *watches;
	struct mortal *mortals;
	bool gone_all;
	bool discover_deep; /* memory_localevents: tops on every level, not only below the root */
	uint64_t host_cookie;
	bool host_watched;
	struct host_account host;
	bool rescan; /* changes were lost, or could not be taken in */
	bool settling;
	unsigned settle_rounds;
	struct balance unproven; /* only `unproven`, `reasons` and `late` are used */
	uint64_t now_ns;         /* of the call that is being served */
};

static inline struct v2_source *v2_from(struct source *s)
{
	return (struct v2_source *)s;
}

static inline struct v2_source *v2_of_top(const struct top *t)
{
	return (struct v2_source *)t->io.source;
}

/* v2_top.c */
struct v2_top_args {
	const char *path;
	uint64_t id;
	bool named;
	bool fresh; /* made after the watch began */
};
/* Opens a top and its account. Returns 0, TREE_E_GONE (no memory files), or a negated errno. */
int v2_top_open(struct v2_source *v2, const struct v2_top_args *args, struct top **ret);
struct top *v2_top_close(struct top *t);
/* Looks at the top: walks if there is news, finds out if its memory.events has gone, or come. */
int v2_top_check(struct top *t, uint64_t now_ns);
/* Does what is due. */
int v2_top_run(struct top *t, uint64_t now_ns);
uint64_t v2_top_due(const struct top *t);
/* One step of the last look. Returns 0 when settled, SOURCE_E_AGAIN or a negated errno. */
int v2_top_settle(struct top *t, uint64_t now_ns);
/* The top lies at or above @path. */
bool v2_top_covers(const struct top *t, const char *path);
struct top *v2_top_find(const struct v2_source *v2, const char *path);
/* The path of the cgroup above @path, on the heap; "/" for a child of the root. NULL: no memory. */
char *v2_parent_path(const char *path);

/* v2_guard.c */
/* A neighbour died: the sum has to be taken anew. */
void v2_guard_soil(struct top *t);
/* Takes the sum of the dead below the parent, with the top alive. Trouble leaves it unknown. */
void v2_guard_take(struct top *t);
/*
 * The same after the top is gone. Returns 0 and the sum in t->dead, SOURCE_E_AGAIN to try later, or
 * TREE_E_DENIED if it cannot be known.
 */
int v2_guard_measure(struct top *t);
/* Closes the account with what the guard proves; books the rest as unproven. */
int v2_guard_judge(struct top *t, uint64_t now_ns);

/* v2_discover.c */
int v2_discover_open(struct v2_source *v2);
/* Takes in what inotify has to tell. */
int v2_changes_read(struct v2_source *v2);
/* Makes tops of the children of @path that have memory files and are none yet. */
int v2_discover(struct v2_source *v2, const char *path, bool fresh);
/* The removal of the cgroup is to be told. Trouble is only remembered for the notice. */
void v2_mortal_add(struct v2_source *v2, const char *path, uint64_t id);
void v2_mortal_free_all(struct v2_source *v2);
/* Tells that @path is gone and ends the watches on it. */
int v2_gone(struct v2_source *v2, const char *path, uint64_t id, bool named);
/* Changes were lost: looks at every top, watch and mortal. */
int v2_rescan(struct v2_source *v2);
/* Watches every directory at and below @path, for MONITOR_GONE_ALL. */
int v2_gone_all(struct v2_source *v2, const char *path);

/* v2_host.c */
int v2_vmstat_kills(const struct cgroup_host *host, uint64_t *ret);
void v2_host_open(struct v2_source *v2);
int v2_host_run(struct v2_source *v2, uint64_t now_ns);
uint64_t v2_host_due(const struct v2_source *v2);
/* How many kills more were told than the host counted: none, unless we are wrong. */
uint64_t v2_host_excess(const struct v2_source *v2);
/* Asks for a comparison; at most once a second but for the last. */
void v2_host_look(struct v2_source *v2, uint64_t now_ns);

/* v2_report.c */
int v2_report(void *ctx, const struct ledger_report *report);
/* An event about @path, filled as far as every event is; NULL without memory. */
struct event *v2_event(const struct v2_source *v2, enum event_kind kind, const char *path,
		       uint64_t id);
