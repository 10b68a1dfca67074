/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The v1 source, inside: what its files share. doc/v1-source.md has the state diagrams.
 *
 *   v1_eventfd.c  the table of calls, a watch's begin and end, and the round of work
 *   v1_node.c     the tree of cgroups that are known
 *   v1_files.c    their files, the registration, and what to do when descriptors run out
 *   v1_scan.c     finding cgroups that appear, by inotify and by listing
 *   v1_signals.c  core/signals on real eventfds
 *   v1_kills.c    the oom_kill lines: when they are read, and which limit a kill belongs to
 *   v1_vmstat.c   the host's own count of kills, which proves that none is missing
 *   v1_kmsg.c     kernel messages as a hint to look
 *   v1_tell.c     events
 *   v1_notice.c   what it is short of, in words
 *   v1_parse.c    texts of the kernel
 *
 * A node is freed in run(), settle(), detach() or close() only: epoll may still hold a pointer to it
 * during a round of ready().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>
#include <utlist.h>

#include "base/err.h"
#include "core/signals.h"
#include "source/source.h"
#include "source/v1_parse.h"

/* Work in one round, so that a round ends: directories listed, oom_kill lines read. */
#define V1_SCANS_MAX 64
#define V1_LINES_MAX 1024
/* What a look at one cgroup is taken to cost, times ten: looks get a tenth of a CPU at most. */
#define V1_LOOK_PACE_NS UINT64_C(20000)
/* How long the kill that belongs to an oom is waited for. */
#define V1_EPISODE_NS UINT64_C(1000000000)
/* Further ooms of one cgroup within that time make one event. */
#define V1_MERGE_NS UINT64_C(10000000)
/* Between looks at what nothing wakes us for. */
#define V1_POLL_NS UINT64_C(1000000000)
#define V1_RETRY_NS UINT64_C(100000000)

/* An oom at a cgroup's limit and the kills that are expected of it. */
struct v1_episode {
	bool active;
	bool global;    /* a global OOM came in between: no kill is surely of this one */
	uint8_t step;   /* how often the lines have been read */
	uint64_t ooms;  /* signals since it began */
	uint64_t kills; /* seen at or below the limit since then */
	uint64_t start_ns;
	uint64_t last_ns; /* the last signal */
	uint64_t next_ns; /* when the lines are read next */
	uint64_t bytes;   /* the limit */
};

struct v1_node {
	struct signals sig;
	struct source_io io; /* of event_fd */
	struct v1_node *parent;
	struct v1_node *children;
	struct v1_node *prev, *next; /* siblings */
	UT_hash_handle hh;           /* by id */
	UT_hash_handle hh_wd;        /* by inotify watch */
	uint64_t id;
	char *name;       /* "" for the visible root */
	int dir_fd;       /* held for the root and for named cgroups; else -1 */
	int control_fd;   /* memory.oom_control; -1: opened when it is needed */
	int event_fd;     /* registered; -1: the lines are polled */
	int wd;           /* inotify watch on the directory, -1: none */
	unsigned targets; /* watches that name it */

	bool deep;        /* in the subtree of a watch: what is below belongs to it as well */
	bool covered;     /* deep, or named itself */
	bool was_covered; /* while v1_cover() runs */
	bool gone_all;    /* its removal is told whatever else happened */
	bool cut;         /* use_hierarchy=0 above: no limit above this one is its business */
	bool or_above;    /* the parent is not registered: its signals may be of any limit above */
	bool polled;      /* covered and not registered */
	bool unwatched;   /* deep and not under inotify */
	bool all_changes; /* under inotify for more than removals */
	bool based;       /* `kills` is what was there when the watch began, or later */
	bool unread;      /* its line could not be read last time */
	bool keep;        /* at or above a named one; while v1_prune() runs */
	bool had_event;
	bool dead;     /* removed */
	bool released; /* no longer needed by the account of signals */
	bool ended;    /* was named until it was removed */
	bool verify;   /* one of its children may have been removed */
	bool rescan;   /* to be listed */
	bool in_news, in_lines;
	bool check_pause; /* an oom of its own came: see whether its tasks are paused */
	bool gone_new;
	bool paused_new;

	uint64_t listings; /* how often its directory was read for the names of all */
	uint64_t seen_in;  /* the last of the parent's that showed it */
	unsigned based_at; /* in which attach() `kills` became the base */
	uint64_t kills;    /* the line as last read */
	uint64_t ooms_new; /* not told yet */
	uint64_t kills_new;
	uint64_t unbooked;    /* of those, not yet accounted for by an episode */
	uint64_t merge_ns;    /* ooms are told again from then on */
	uint64_t named_ns;    /* when the name of a named one was last looked up */
	uint64_t paused_ns;   /* since when it has been seen under oom with the killer disabled */
	uint64_t vanished_ns; /* when last a cgroup at or below this one was seen to be gone */
	struct v1_episode ep;

	struct v1_node *ep_prev, *ep_next;       /* episodes */
	struct v1_node *news_prev, *news_next;   /* with something to tell */
	struct v1_node *lines_prev, *lines_next; /* whose line is to be read */
	struct v1_node *scan_prev, *scan_next;   /* to be listed or verified */
	struct v1_node *reap_prev, *reap_next;   /* removed and told */
};

struct v1_target {
	uint64_t cookie;
	struct v1_node *node;
	bool local;
	bool gone_all;
	struct v1_target *next;
};

/* Kills that /proc/vmstat counted and no line has shown. */
enum v1_reconcile {
	V1_RECONCILED,
	V1_WAITING,  /* the line follows the count: look a little later */
	V1_SWEEPING, /* all lines are being read */
};

struct v1_source {
	struct source s;
	struct signals_set signals;
	struct v1_node *root;
	struct v1_node *by_id;
	struct v1_node *by_wd;
	struct v1_target *targets;
	uint64_t now_ns;
	bool attaching; /* what is found now was there before */
	bool settling;
	uint64_t settle_ns;      /* since when */
	uint64_t settle_next_ns; /* when to look again */
	unsigned attached;       /* watches begun so far */
	bool all_linked;         /* no use_hierarchy=0 on this machine */

	struct v1_node *episodes;
	struct v1_node *news;
	struct v1_node *lines;
	struct v1_node *scans;
	struct v1_node *reap;
	uint64_t tell_ns;       /* when what is left in `news` can be told */
	uint64_t poll_ns;       /* when polled lines are looked at next */
	uint64_t rescan_ns;     /* when unwatched directories are listed next */
	uint64_t scan_retry_ns; /* without memory: when to list again */
	uint64_t verify_ns;     /* children may be looked at from then on */
	uint64_t sweep_ns;      /* a hint may start a sweep from then on */
	size_t nodes;
	size_t polled;    /* of them */
	size_t unwatched; /* of them */

	unsigned notices;     /* which are in `notice` */
	unsigned descriptors; /* held for nodes */
	unsigned descriptors_max;
	bool watches_ended; /* in this round */
	bool no_controls;   /* short of descriptors: control files are not held open */
	bool no_events;     /* shorter still: some cgroups were not registered */
	int spare_fd[2];    /* given up for a moment to open something after all */

	int inotify_fd;
	struct source_io inotify_io;
	bool inotify_limited;

	int kmsg_fd;
	struct source_io kmsg_io;
	uint64_t global_ns; /* when last a global OOM was reported */

	int vmstat_fd;
	uint64_t vmstat;      /* as last read */
	uint64_t vmstat_base; /* at the start */
	uint64_t vmstat_swept;
	uint64_t vmstat_v0;  /* what is being reconciled */
	uint64_t vmstat_ns;  /* last read at */
	uint64_t kills_seen; /* in watched cgroups since vmstat_base */
	enum v1_reconcile reconcile;
	uint64_t reconcile_ns;
	bool whole_host;         /* everything is watched, from the real root on */
	struct v1_node *suspect; /* the only limit whose kills may be in cgroups that are gone */
	unsigned suspects;
	bool others; /* a global OOM, or cgroups that nobody saw: no limit is the only one */
	uint64_t host_kills_new; /* proven by vmstat, not told yet */

	/* The balance. */
	uint64_t counted[COUNTED_KINDS];
	uint64_t reported[COUNTED_KINDS];
	uint64_t ooms_doubtful;  /* of cgroups that are no longer known */
	uint64_t kills_doubtful; /* ooms whose kill may have been in a cgroup that is gone */
	uint64_t unseen;         /* places where cgroups may have come and gone unregistered */
	bool ooms_unseen; /* a kill was found that may have been in one of these: so was its oom */
	bool blind;       /* some cgroups were polled at some time */
	size_t unread;    /* lines that could not be read last time */
	bool unreadable;  /* some lines could not be read */
	bool short_of_descriptors; /* for that */
	int refused; /* why the kernel registered nothing, an errno; 0: it did, or was not asked */
	int unread_error;    /* why the first could not be read, an errno */
	char unread_at[256]; /* and which, cut short */
	char notice[1024];
};

static inline struct v1_source *v1_from(struct source *s)
{
	return (struct v1_source *)s; /* its first member */
}

static inline const struct v1_source *v1_from_const(const struct source *s)
{
	return (const struct v1_source *)s;
}

static inline struct v1_node *v1_node_of(struct signals *sig)
{
	return (struct v1_node *)sig; /* its first member */
}

/* v1_node.c */

/* A new child of @parent (NULL: the root), not registered. Returns NULL without memory. */
struct v1_node *v1_node_new(struct v1_source *v1, struct v1_node *parent, const char *name,
			    uint64_t id);
/* Frees @n, which has no children, and all that it holds. */
void v1_node_free(struct v1_source *v1, struct v1_node *n);
void v1_node_free_all(struct v1_source *v1);
struct v1_node *v1_node_by_id(const struct v1_source *v1, uint64_t id);
struct v1_node *v1_node_by_wd(const struct v1_source *v1, int wd);
/* Puts @n into the table of inotify watches. Returns 0 or -ENOMEM. */
int v1_node_set_wd(struct v1_source *v1, struct v1_node *n, int wd);
void v1_node_drop_wd(struct v1_source *v1, struct v1_node *n);
/* The next of @top and all below it, in pre-order; NULL after the last. */
struct v1_node *v1_node_next(struct v1_node *top, struct v1_node *at);
/* The path from the visible root, or with @from the path below that node. On the heap; NULL: no memory. */
char *v1_node_path(const struct v1_node *n, const struct v1_node *from);
/* Tells the engine as well, if a watch is on @n or below. Returns 0 or -ENOMEM. */
int v1_node_rename(struct v1_source *v1, struct v1_node *n, const char *name);
/* The next cgroup up whose limit is @n's as well; NULL: there is none. */
struct v1_node *v1_node_limit_above(struct v1_node *n);
/* Whether @n is the root of the whole hierarchy: it has no limit, and its eventfds stay silent. */
bool v1_is_real_root(const struct v1_source *v1, const struct v1_node *n);
void v1_set_unread(struct v1_source *v1, struct v1_node *n, bool unread);
/* Brings `polled`, `unwatched` and their counts up to date after something about @n has changed. */
void v1_node_update(struct v1_source *v1, struct v1_node *n);
/* Which nodes belong to a watch, after the watches have changed. */
void v1_cover(struct v1_source *v1);
/* Frees what no watch needs any more. */
void v1_prune(struct v1_source *v1);
/* Puts @n, which is removed and done with, up for freeing. */
void v1_reap_later(struct v1_source *v1, struct v1_node *n);
/* Frees those of them that nothing holds any more. */
void v1_reap(struct v1_source *v1);

/* v1_files.c */

/* Whether the error @r is one that may be over a moment later: it says nothing of the cgroup. */
bool v1_may_pass(int r);

/* Opens with O_CLOEXEC; gives up descriptors of less importance when there are none left. */
int v1_openat(struct v1_source *v1, int dir_fd, const char *path, int flags);
/* The directory of @n: -ENODEV if it is gone. @flags as for openat(). */
int v1_node_open(struct v1_source *v1, struct v1_node *n, int flags);
/* A file with one number. Returns 0, -ENODEV, or another negated errno. */
int v1_read_u64(struct v1_source *v1, int dir_fd, const char *file, uint64_t *ret);
/* memory.oom_control of @n. Returns 0, -ENODEV if it is gone, or another negated errno. */
int v1_read_control(struct v1_source *v1, struct v1_node *n, struct v1_control *ret);
/*
 * Registers @n, whose directory is @dir_fd, with the kernel if it can be, else it is polled. Returns 0,
 * -ENODEV, -EACCES (it cannot even be read), or -ENOMEM.
 */
int v1_register(struct v1_source *v1, struct v1_node *n, int dir_fd);
/* Closes what a removed cgroup does not need any more. */
void v1_node_shut(struct v1_source *v1, struct v1_node *n, bool event_fd);

/* v1_scan.c */

int v1_scan_open(struct v1_source *v1);
void v1_scan_close(struct v1_source *v1);
/* @n will be listed: what is new in it is registered. */
void v1_scan_later(struct v1_source *v1, struct v1_node *n);
/* One of @n's children may be gone. */
void v1_verify_later(struct v1_source *v1, struct v1_node *n);
/* Every directory that has no inotify watch; with @all every one. */
void v1_rescan(struct v1_source *v1, bool all);
/* Learns of @n's removal when it is removed, and not by the signal of that, some time later. */
void v1_watch_removal(struct v1_source *v1, struct v1_node *n);
/* Something goes on: a good time to look at directories that are not under inotify. */
void v1_scan_hint(struct v1_source *v1);
/* Lists up to @max directories. Returns 0 or, while a watch begins, what kept it from being complete. */
int v1_scan_run(struct v1_source *v1, size_t max);
/* Reads what inotify has, to its end. */
void v1_scan_drain(struct v1_source *v1);
/* A cgroup came and went before it could be registered, or may have. */
void v1_unseen(struct v1_source *v1);
/* Whether a kill that no line shows may have been in such a cgroup. */
bool v1_may_be_unseen(const struct v1_source *v1);
/*
 * Looks for @n, which is not where it was. Returns 1 if it is there under another name, which it then has,
 * 0 if it is gone, or a negated errno: not known.
 */
int v1_find_renamed(struct v1_source *v1, struct v1_node *n);
/* When v1_scan_run() has something to do. */
uint64_t v1_scan_deadline(const struct v1_source *v1);
/* Finds or makes the node of the child called @name, whose directory is open. */
int v1_child(struct v1_source *v1, struct v1_node *parent, const char *name, int dir_fd,
	     struct v1_node **ret);

/* v1_eventfd.c */

/* The watches on @n, which is gone, are over. Returns whether there was one. */
bool v1_end_targets(struct v1_source *v1, struct v1_node *n);
/* Brings everything up to date after the watches have changed. */
void v1_watches_changed(struct v1_source *v1);

/* v1_signals.c */

extern const struct signals_ops v1_signals_ops;
int v1_event_ready(struct source_io *io, uint32_t events, uint64_t now_ns);
/* Looks at all eventfds, whether or not they are ready. */
void v1_signals_all(struct v1_source *v1);
/* @n is below a cgroup that is gone. */
void v1_below_gone(struct v1_source *v1, struct v1_node *n);
/* That many ooms of what is watched may be untold. */
void v1_doubt_ooms(struct v1_source *v1, uint64_t ooms);
/* A cgroup without eventfd is gone. */
void v1_polled_gone(struct v1_source *v1, struct v1_node *n);

/* v1_kills.c */

/* An own oom of @n: kills at or below it may follow. */
void v1_episode_begin(struct v1_source *v1, struct v1_node *n, uint64_t ooms);
/* What memory.oom_control of @n says. */
void v1_line_seen(struct v1_source *v1, struct v1_node *n, const struct v1_control *c);
/*
 * It could not be read, for @r. If that passes, the next time makes up for it, as the line only grows; not
 * if what it showed when the watch began is not known either.
 */
void v1_line_unread(struct v1_source *v1, struct v1_node *n, int r);
void v1_lines_later(struct v1_source *v1, struct v1_node *n);
/* All lines of what is watched. */
void v1_lines_all(struct v1_source *v1);
/* Reads up to @max lines and starts what is due. */
void v1_kills_run(struct v1_source *v1, size_t max);
/* Ends the episodes that have seen all of their kills or waited long enough. */
void v1_kills_end(struct v1_source *v1);
uint64_t v1_kills_deadline(const struct v1_source *v1);
/* A kernel message says that there was a kill. */
void v1_kills_hint(struct v1_source *v1, bool global);
/* The episode of the only limit that can have killed in @n; NULL: not known. */
struct v1_node *v1_kill_limit(struct v1_source *v1, struct v1_node *n);

/* v1_vmstat.c */

/* Returns 0, also where the file cannot be read, or -ENOMEM. */
int v1_vmstat_open(struct v1_source *v1);
/* Counts from here on. */
void v1_vmstat_start(struct v1_source *v1);
/* Compares. @now: without regard to when that was done last. */
void v1_vmstat_run(struct v1_source *v1, bool now);
uint64_t v1_vmstat_deadline(const struct v1_source *v1);
/* Kills on this host that none of the lines accounts for; UINT64_MAX: not known. */
uint64_t v1_vmstat_excess(const struct v1_source *v1);
void v1_forget_suspects(struct v1_source *v1);

/* v1_kmsg.c */

void v1_kmsg_open(struct v1_source *v1);
void v1_kmsg_close(struct v1_source *v1);

/* v1_notice.c */

/* Why nothing can be registered, for the errno of the attempt. */
const char *v1_why_refused(int error);
/* Whether some cgroups are polled for another reason than descriptors. */
bool v1_is_refused(const struct v1_source *v1);
/* @n, or its child called @child, could not be read, for @r: what it counts will never be known. */
void v1_unreadable(struct v1_source *v1, const struct v1_node *n, const char *child, int r);
void v1_make_notice(struct v1_source *v1);

/* v1_tell.c */

void v1_news(struct v1_source *v1, struct v1_node *n);
/* Submits what there is to tell. */
void v1_tell(struct v1_source *v1);
