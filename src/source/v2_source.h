/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Inside of the memory_events source: what its files share
 *
 *   memory_events.c  the source's calls: what is due, settling, balance
 *   v2_watch.c       watches: what each needs, and what is dropped when none needs it any more
 *   v2_top.c         the life of one watched top: opened, lost, dormant, closed
 *   v2_walk.c        a living top: wakeups, reads, walks
 *   v2_guard.c       what a top counted in its last moment, from its parent's counter
 *   v2_discover.c    directories whose children become tops, or are to be told as `gone`
 *   v2_gone.c        removals to be told
 *   v2_changes.c     what inotify tells, and looking at everything when it did not
 *   v2_mounts.c      memory_localevents, which may come and go
 *   v2_host.c        /proc/vmstat: kills that no memory.events shows
 *   v2_notice.c      what restricts the source, in words
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
/* What could not be done for want of memory or descriptors is tried again after this time. */
#define V2_RETRY_NS UINT64_C(100000000)

enum top_state {
	TOP_LIVE,    /* has an account */
	TOP_LOST,    /* memory.events is gone; its last events are being settled */
	TOP_DORMANT, /* the cgroup is there, its memory files are not */
	TOP_CLOSED,  /* until the end of the round: epoll may have reported it already */
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
	bool around_known;
	struct counts around; /* what the parent itself had counted, while the top was alive */
};

struct top {
	struct source_io io;        /* first: what epoll points at */
	int events_fd;              /* -1: none could be had */
	struct watched *counter;    /* its memory.events, instead of a descriptor */
	struct watched *neighbours; /* its parent's children, */
	struct watched *switches;   /* and controllers */
	struct watched *children;   /* flat: its own */
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
	bool mourned;       /* its removal is to be told, also if it was not named */
	bool buried;        /* inotify has told its removal */
	/* TOP_DORMANT */
	bool off;       /* its parent gives no memory: it is not just on its way out */
	bool closed;    /* `told` is what its account held in the end */
	bool io_stayed; /* io was still on then, for which memory is only hidden */
	struct counts told;
	/* v2_source.settling */
	bool settled;
	struct top *prev, *next;
	UT_hash_handle hh; /* by number */
};

/* A cgroup whose removal is to be told. */
struct mortal {
	char *path;
	struct watched *around; /* the parent's children */
	uint64_t id;
	UT_hash_handle hh; /* by path */
};

/* A directory whose children are taken in as they appear. */
struct v2_dir {
	char *path;
	struct watched *children;
	struct watched *switches;
	UT_hash_handle hh; /* by path */
};

/* Several may lie in one top's tree. */
struct v2_watch {
	uint64_t cookie;
	char *path;
	struct watched *around; /* the parent's children */
	uint64_t id;
	bool host;     /* the whole of it: every child of the root is a top */
	bool local;    /* the one cgroup alone */
	bool waiting;  /* could not begin anew: tried with each rescan */
	bool deep;     /* memory_localevents: every cgroup at and below `path` is a top */
	bool gone_all; /* every removal below `path` is told */
	struct v2_watch *next;
};

/* /proc/vmstat against the accounts: see v2_host.c. */
struct host_account {
	bool on;           /* the whole host is watched and vmstat speaks of just this host */
	uint64_t base;     /* vmstat's oom_kill when the watch began, less what was told by then */
	uint64_t told;     /* kills told for "/" from the difference */
	bool doubt;        /* a child of the root was removed, or may have come and gone unseen */
	uint64_t seen;     /* the value being judged, */
	uint64_t judge_ns; /* when; 0: none is */
	bool confirmed;    /* the difference was there once before */
	uint64_t next_ns;  /* not to be looked at before */
	bool wanted;       /* then it is to be */
};

struct v2_source {
	struct source s; /* first */
	struct v2_tree tree;
	struct v2_tree whole; /* the same tree, never flat: for guards */
	bool local_events;    /* memory_localevents, as last seen */
	struct ledger *ledger;
	struct tree_watch *changes;
	struct source_io changes_io;
	struct v2_mounts *mounts;
	bool remounted; /* memory_localevents came or went while the watch ran */
	struct top *tops;
	struct top *by_number;
	unsigned next_number;
	unsigned descriptors;     /* memory.events held open */
	unsigned descriptors_max; /* more would starve the program of descriptors */
	struct top *closed;
	struct v2_watch *watches;
	struct v2_dir *dirs;
	struct mortal *mortals;
	struct host_account host;
	uint64_t
		rescan_ns; /* changes were lost, or not taken in: look at everything then; or UINT64_MAX */
	bool blind;   /* inotify refused something that tops depend on: a rescan every second */
	bool unheard; /* inotify has more to tell than one round takes */
	bool settling;
	unsigned settle_rounds;
	unsigned unseen;         /* UNPROVEN_* bits: cgroups may have come and gone unseen */
	char *denied;            /* a cgroup whose counters may not be read; NULL: none */
	bool denied_more;        /* and others */
	char *notice;            /* NOTICE_MAX bytes */
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

/* v2_watch.c */
int v2_attach(struct source *s, const struct source_target *target);
int v2_prepare(struct source *s, const struct source_target *target);
int v2_detach(struct source *s, uint64_t cookie);
/* Ends the watches on this very cgroup. */
void v2_watch_end(struct v2_source *v2, const char *path, uint64_t id);
void v2_watch_free_all(struct v2_source *v2);
/* Tells what there is and begins anew, as memory_localevents demands. In a round. */
void v2_watch_restart(struct v2_source *v2);
/* Begins with the watches that could not yet. */
void v2_watch_retry(struct v2_source *v2);
/* Whether children of @dir become tops as they appear. */
bool v2_discovers(const struct v2_source *v2, const char *dir);
/* Whether the removal of whatever is below @dir is to be told. */
bool v2_tells_all_gone(const struct v2_source *v2, const char *dir);
/* @path is @top or lies below it. */
bool v2_path_within(const char *path, const char *top);

/* v2_top.c */
struct v2_top_args {
	const char *path;
	uint64_t id;
	bool named;
	bool fresh; /* made after the watch began */
};
/* Opens a top and its account. Returns 0, TREE_E_GONE (no memory files), or a negated errno. */
int v2_top_open(struct v2_source *v2, const struct v2_top_args *args);
struct top *v2_top_close(struct top *t);
/* Frees the tops that were closed. Not within a round. */
void v2_top_free_closed(struct v2_source *v2);
/* Holds what tells of its neighbours, its controllers and its children. */
void v2_top_hold(struct top *t);
/* memory.events is gone. With it may go the cgroup, or only its memory controller. */
void v2_top_lose(struct top *t, uint64_t now_ns);
/* Finds out if its memory.events has gone, or come; if neither, looks if there is news. */
int v2_top_check(struct top *t, uint64_t now_ns);
/* Does what is due. */
int v2_top_run(struct top *t, uint64_t now_ns);
uint64_t v2_top_due(const struct top *t);
/* The top lies at or above @path. */
bool v2_top_covers(const struct top *t, const char *path);
/* The top for this very cgroup; there may be an older one of the same path, being settled. */
struct top *v2_top_find(const struct v2_source *v2, const char *path, uint64_t id);
/* The path of the cgroup above @path, on the heap; "/" for a child of the root. NULL: no memory. */
char *v2_parent_path(const char *path);

/* v2_walk.c: of a top that is TOP_LIVE when called */
int v2_walk_ready(struct source_io *io, uint32_t events, uint64_t now_ns);
/* What @path counts may not be read, or makes no sense: it is unproven. */
void v2_unreadable(struct v2_source *v2, const char *path, int error);
/* One read; a walk if there is news. */
int v2_walk_look(struct top *t, uint64_t now_ns);
int v2_walk_run(struct top *t, uint64_t now_ns);
uint64_t v2_walk_due(const struct top *t);
/* One step of the last look, in any state. Returns 0 when settled, SOURCE_E_AGAIN or a negated errno. */
int v2_walk_settle(struct top *t, uint64_t now_ns);

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
/*
 * Stores what may have happened to the top since it had no memory controller. @hidden: it goes on
 * counting, but does not show it.
 */
void v2_guard_span(const struct top *t, bool hidden, struct balance *ret);
/* Whether the parent of @t gives the controller @name to its children; @otherwise if that is not known. */
bool v2_parent_gives(const struct top *t, const char *name, bool otherwise);

/* v2_discover.c */
/* Makes tops of the children of @path that have memory files and are none yet. */
int v2_discover(struct v2_source *v2, const char *path, bool fresh);
/* The same for one child of @dir. */
int v2_discover_child(struct v2_source *v2, const char *dir, const char *name, uint64_t id);
/* Every removal at a level below @path is to be told. */
int v2_gone_all(struct v2_source *v2, const char *path);
void v2_dir_free(struct v2_source *v2, struct v2_dir *d);
char *v2_join(const char *dir, const char *name);
/* The inode number of the directory @path, 0 if there is none. */
uint64_t v2_id_of(const struct v2_source *v2, const char *path);
/* Holds what tops depend on; what is refused is tried again in a second, with a look at everything. */
void v2_hold(struct v2_source *v2, const char *path, enum tree_object what, struct watched **held);

/* v2_gone.c */
/* The removal of the cgroup is to be told. Without memory or watches it is not. */
void v2_mortal_add(struct v2_source *v2, const char *path, uint64_t id);
void v2_mortal_free(struct v2_source *v2, struct mortal *m);
/*
 * Tells that this very cgroup is gone, if it is @named, watched or mortal, and ends the watches on it.
 * Returns 0 or -ENOMEM: nothing was done.
 */
int v2_gone(struct v2_source *v2, const char *path, uint64_t id, bool named);
/* The same for who had the name @path and is there no more, unless a top settles it first. */
int v2_gone_by_name(struct v2_source *v2, const char *path);
/* The same for all. */
int v2_gone_rescan(struct v2_source *v2);

/* v2_changes.c */
int v2_changes_open(struct v2_source *v2);
/* Takes in what inotify has to tell. Returns 0 or a negated errno. */
int v2_changes_read(struct v2_source *v2);
/* Asks for a look at everything, @in_ns from now at the latest. */
void v2_rescan_in(struct v2_source *v2, uint64_t in_ns);
/* Does that if it is due. */
int v2_rescan_run(struct v2_source *v2, uint64_t now_ns);

/* v2_mounts.c */
int v2_mounts_open(struct v2_source *v2);
/* When to look at the mounts; UINT64_MAX: not. */
uint64_t v2_mounts_due(const struct v2_source *v2);
/* To be looked at now, whatever was heard. */
void v2_mounts_look(struct v2_source *v2);
void v2_mounts_close(struct v2_source *v2);
/* Looks at the mounts if that is due. */
void v2_mounts_run(struct v2_source *v2, uint64_t now_ns);

/* v2_host.c */
void v2_host_open(struct v2_source *v2);
void v2_host_close(struct v2_source *v2);
int v2_host_run(struct v2_source *v2, uint64_t now_ns);
uint64_t v2_host_due(const struct v2_source *v2);
/* How many kills more were told than the host counted: none, unless we are wrong. */
uint64_t v2_host_excess(const struct v2_source *v2);
/*
 * Cgroups may have come and gone below the root that nobody looked into: their ooms are unproven for
 * @reason, and so are their kills where vmstat does not tell them.
 */
void v2_unseen(struct v2_source *v2, enum unproven_reason reason);
/* Asks for a comparison; at most once a second but for the last. */
void v2_host_look(struct v2_source *v2, uint64_t now_ns);

/* v2_notice.c */
int v2_notice_open(struct v2_source *v2);
void v2_notice_close(struct v2_source *v2);
/* What restricts the source right now; NULL: nothing. */
const char *v2_notice(const struct source *s);
/* @path may not be read: from now on a notice names it. */
void v2_notice_denied(struct v2_source *v2, const char *path);

/* v2_report.c */
int v2_report(void *ctx, const struct ledger_report *report);
/* An event about @path, filled as far as every event is; NULL without memory. */
struct oomn_event *v2_event(const struct v2_source *v2, enum event_kind kind, const char *path,
			    uint64_t id);
