/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OOMNOTIFY_H
#define OOMNOTIFY_H
/*
 * oomnotify - learn that a memory cgroup has run out of memory
 *
 * A monitor is one file descriptor. Poll it for EPOLLIN in the loop you already have; when it is
 * readable, call oomn_monitor_dispatch(), and then oomn_monitor_next() until it returns 0. There is no
 * thread, no signal handler and no output behind your back, and no state outside of the monitor.
 *
 *   watches    what happens to cgroups comes as events: oom, kill, removal, ...
 *   listeners  what happens to cgroups adds to eventfds, as in cgroup v1: oom, threshold, pressure
 *   queries    was this process, which is gone now, killed for want of memory?
 *
 * Cgroups are named by an open descriptor of their directory, on cgroup v1 (hierarchy of the memory
 * controller) or v2. It stays yours, and may be closed as soon as the call has returned.
 *
 * Errors    A negative return value is a negated errno; errno itself means nothing. On error no ret
 *           parameter has been written. A parameter that may not be NULL and is gives -EINVAL, as does
 *           a bit of `flags` that is not named here: it may mean something later.
 * Structs   Who passes a struct that may grow says how large it is for him (sizeof), in its first
 *           field or in a parameter of its own. What a newer program asks of an older library and is
 *           not known there gives -E2BIG; what is zero asks for nothing.
 * Lifetime  A monitor owns its watches, listeners and events that were not taken. Whoever frees it
 *           frees these; a listener of a freed monitor must not be used. Events that were taken are
 *           yours. What a getter returns lives as long as what was asked.
 * Threads   A monitor, its listeners and its answers serve one thread at a time. Two monitors share nothing. An
 *           event that was taken is yours alone, for any thread; one that an answer holds is not.
 * fork      A child has no part in the monitors of its parent: there each call gives -ECHILD, and
 *           oomn_monitor_free() leaves everything as it is. All descriptors close on exec.
 * Times     in nanoseconds of CLOCK_BOOTTIME, where nothing else is said.
 *
 * Every call came with version 0.1, where nothing else is said.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oomn_monitor;
struct oomn_event;
struct oomn_process;
struct oomn_listener;
struct oomn_answer;

/* The version of the library that is linked, such as "0.1.0". Static; never NULL. */
const char *oomn_version(void);

/* ---- Cgroups ---------------------------------------------------------------------------------- */

enum {
	/* The nearest cgroup at or above the named one that has memory files of its own. */
	OOMN_CGROUP_NEAREST = 1 << 0,
};

/*
 * Opens the directory of the cgroup that is called @name in the hierarchy that holds memory:
 *
 *   "self", "pid:123"      the one that a process is charged to
 *   "self/a", "self/../a"  one below or beside it
 *   "/a/b"                 a directory of a cgroup file system, else a path from the hierarchy's root
 *   "./a", "../a"          a directory
 *
 * @flags: OOMN_CGROUP_NEAREST. Returns a descriptor with O_CLOEXEC, to be closed by you, or -ENOENT (no
 * such cgroup, or with NEAREST: only the root is left), -ESRCH (no such process), -EINVAL (not a name),
 * -ENOTDIR (not a cgroup), -EXDEV (a cgroup, but of another hierarchy or mount), -ENODEV (no hierarchy
 * here holds memory), -EACCES, -EMFILE, -ENFILE, -ENOMEM.
 */
int oomn_cgroup_open(const char *name, uint32_t flags);

/* ---- Monitors --------------------------------------------------------------------------------- */

/* What names victims, and tells of ooms before the counters do. */
enum {
	OOMN_NAMES_AUTO = 0,   /* the best that this kernel and your rights allow; possibly none */
	OOMN_NAMES_BPF = 1,    /* BPF at its best level: CAP_BPF and CAP_PERFMON, or root */
	OOMN_NAMES_FENTRY = 2, /* BPF at this very level, or the next two */
	OOMN_NAMES_KPROBE = 3,
	OOMN_NAMES_TRACEPOINT = 4,
	OOMN_NAMES_KMSG = 5, /* the kernel's messages, /dev/kmsg: some kills, without all details */
	OOMN_NAMES_NONE = 6, /* nobody: what happens is told from the counters alone */
	OOMN_NAMES_NO_BPF = 7, /* as AUTO, without BPF */
};

/*
 * Limits of one monitor, each 0 for what is in parentheses. Over one that is asked for by a call it
 * gives -EDQUOT; over one that is not, the oldest goes.
 */
struct oomn_monitor_options {
	size_t size;         /* sizeof(struct oomn_monitor_options) */
	uint32_t names;      /* OOMN_NAMES_* */
	uint32_t ring_bytes; /* of the kernel's ring for names (256 KiB); a record takes some 400 */
	uint32_t watches_max;   /* (65,536) */
	uint32_t listeners_max; /* (16,384) */
	uint32_t cgroups_max;   /* that listeners are on, with all above these (16,384) */
	uint32_t queue_max;     /* events nobody took (65,536) */
	uint64_t queue_bytes;   /* memory of these (64 MiB) */
	uint32_t history_max;   /* killed processes remembered for queries (4,096) */
	uint32_t reserved;      /* 0 */
};

/*
 * Makes a monitor. @options may be NULL: all 0. Returns 0 and a monitor to be released with
 * oomn_monitor_free(), or -ENODEV (no cgroup file system, or no /proc), -EINVAL, -E2BIG, -ENOMEM, -EMFILE,
 * -ENFILE.
 */
int oomn_monitor_new(struct oomn_monitor **ret, const struct oomn_monitor_options *options);
/* Ends all watches and listeners and frees @m, which may be NULL. Returns NULL. */
struct oomn_monitor *oomn_monitor_free(struct oomn_monitor *m);
/* The descriptor to poll for EPOLLIN. It belongs to @m: neither close nor read it. */
int oomn_monitor_get_fd(const struct oomn_monitor *m);

/*
 * Opens what names victims, which the first watch, the first listener for ooms on cgroup v2 and the
 * first query do otherwise: the kernel checks the BPF programs then, which takes some tenths of a
 * second. What happens after it returned is seen. Returns 0, also if it is open already and if AUTO
 * found nothing; -EOPNOTSUPP: what was asked for cannot be used, oomn_monitor_get_names_why() says why;
 * -ENOMEM.
 */
int oomn_monitor_open_names(struct oomn_monitor *m);
/* What names victims: "fentry", "kprobe", "tracepoint", "kmsg" or "none". Static; NULL for a NULL. */
const char *oomn_monitor_get_names(const struct oomn_monitor *m);
/* In words, why it is not more than that; "" if it is all there is, or was not opened yet. */
const char *oomn_monitor_get_names_why(const struct oomn_monitor *m);

/* What happened. */
enum {
	OOMN_OOM = 1 << 0,  /* a charge failed at a cgroup's limit after reclaim; nobody need die */
	OOMN_KILL = 1 << 1, /* the kernel killed a process because of it */
	OOMN_GROUP_KILL =
		1 << 2, /* a whole cgroup was killed: memory.oom.group. Each kill comes, too */
	OOMN_COLLATERAL = 1 << 3, /* a process died along, since it shared a victim's memory */
	OOMN_PAUSED = 1 << 4,     /* v1's oom_kill_disable: tasks wait instead of being killed */
	OOMN_GONE =
		1 << 5, /* a cgroup was removed; of a watched one: the last event, the watch ends */
	OOMN_LOST = 1 << 6, /* older events were dropped since nobody took them: always told */
	OOMN_ALL = (1 << 7) - 1,
};

enum {
	/* What happens in this cgroup alone, not below it. On v2 all watches of a monitor or none. */
	OOMN_WATCH_LOCAL = 1 << 0,
	/* OOMN_GONE for every cgroup below, not only for those that had an event. */
	OOMN_WATCH_GONE_ALL = 1 << 1,
};

/*
 * Watches a cgroup and all below it. Counting starts inside this call: what happens after it returned
 * is never missed, what happened before it was called is never told. @kinds: OOMN_* bits, one or more.
 * @flags: OOMN_WATCH_*. @cookie: yours, another one for each watch of @m.
 *
 * Returns 0, or -EBADF, -EINVAL (not a directory; WATCH_LOCAL differs from the watches before; a file
 * system other than cgroup's), -EXDEV (a cgroup of another hierarchy than memory's, or outside of what is
 * mounted here), -ENODEV (removed, or no memory files there), -EEXIST (@cookie is taken), -EDQUOT, -EACCES,
 * -EAGAIN (v2: the counters could not be read at this moment), -EOPNOTSUPP (see
 * oomn_monitor_open_names()), -ENOMEM, -EMFILE, -ENFILE. Then @m is as it was.
 */
int oomn_monitor_add(struct oomn_monitor *m, int cgroup_fd, uint32_t kinds, uint32_t flags,
		     uint64_t cookie);
/* Watches everything that is visible here. @flags: OOMN_WATCH_GONE_ALL. Returns as oomn_monitor_add(). */
int oomn_monitor_add_host(struct oomn_monitor *m, uint32_t kinds, uint32_t flags, uint64_t cookie);
/*
 * Ends a watch. Its events that were not taken are dropped: @cookie does not come any more. Returns 0,
 * or -ENOENT: there is none, or it has ended with its cgroup (OOMN_GONE, which is not dropped, comes).
 */
int oomn_monitor_remove(struct oomn_monitor *m, uint64_t cookie);
/* How many watches there are, less those that have ended; or -EINVAL. */
int oomn_monitor_get_watches(const struct oomn_monitor *m);

/*
 * One round of what is ready or due; never blocks. Returns 0 or a negated errno. After -ENOMEM it may
 * be called again: nothing was lost by that.
 */
int oomn_monitor_dispatch(struct oomn_monitor *m);
/*
 * Takes the oldest event. Returns 1 and an event to be released with oomn_event_free(), 0 if none is
 * pending, or a negated errno. What nobody takes is kept within queue_max and queue_bytes; then the
 * oldest are dropped, and the next one taken is OOMN_LOST with their number.
 */
int oomn_monitor_next(struct oomn_monitor *m, struct oomn_event **ret);
/*
 * Reads all counters now, whether the kernel said that they moved or not. Returns 0 when all that
 * happened before the first of these calls is told; 1 if it must be called again when the descriptor is
 * next readable (a counter moved, or may be too fresh: at most some tenths of a second); or a negated
 * errno. To end with a proof: call it until 0, take the events, oomn_monitor_get_balance().
 */
int oomn_monitor_settle(struct oomn_monitor *m);
/*
 * What restricts the monitor at this moment (rights, descriptors, a ring that was too small), in words;
 * NULL: nothing. Valid until the next call with @m.
 */
const char *oomn_monitor_get_notice(struct oomn_monitor *m);

/* ---- The balance ------------------------------------------------------------------------------ */

/* counted = reported + recounts, of one kind. */
struct oomn_balance_line {
	uint64_t counted;  /* by the kernel since the watches began */
	uint64_t reported; /* told, or taken along by OOMN_LOST: the sum of count_min */
	uint64_t recounts; /* at most: victims of a group kill that the kernel counted twice */
	uint64_t
		unproven; /* at most that many may have happened unseen; UINT64_MAX: no bound is known */
	uint64_t reasons; /* for that, OOMN_REASON bits: oomn_reason_text() */
};

struct oomn_balance {
	struct oomn_balance_line oom;
	struct oomn_balance_line kill;
	struct oomn_balance_line group_kill;
	uint64_t reasons;      /* of the whole */
	uint64_t late;         /* readings put off, to take no more than a tenth of a CPU */
	uint64_t lost;         /* events dropped, since nobody took them */
	uint64_t identified;   /* kills told with the victim's name */
	uint64_t names_late;   /* came when their kill had been told without */
	uint64_t names_lost;   /* there was no room for */
	uint64_t signals_lost; /* of listeners: their eventfd could not be signalled */
};

enum {
	OOMN_BALANCED = 0,
	OOMN_DIFFERS = 1,  /* a bug of this library's: please report it */
	OOMN_UNPROVEN = 2, /* it cannot be known here: see the reasons */
};

/*
 * Stores the accounts of all watches. @size: sizeof(*ret); what a newer program has more than this library knows gets
 * 0. Returns 0, -EINVAL, or -E2BIG: @size is none.
 */
int oomn_monitor_get_balance(const struct oomn_monitor *m, struct oomn_balance *ret, size_t size);
/* Judges @kinds, some of OOM, KILL and GROUP_KILL. Returns OOMN_BALANCED, _DIFFERS, _UNPROVEN, -EINVAL. */
int oomn_balance_judge(const struct oomn_balance *b, size_t size, uint32_t kinds);
/* One sentence for the lowest bit in @reasons. Static; NULL if there is none, or it is not known. */
const char *oomn_reason_text(uint64_t reasons);

/* ---- Events ----------------------------------------------------------------------------------- */

#define OOMN_BYTES_NONE UINT64_MAX /* not known, or no limit */
#define OOMN_UID_NONE UINT32_MAX
#define OOMN_ORDER_NONE INT32_MIN
#define OOMN_ADJ_NONE INT32_MIN

/* Takes NULL; returns NULL. */
struct oomn_event *oomn_event_free(struct oomn_event *e);
/* One OOMN_* bit. One that you do not know: skip the event. 0 for a NULL. */
uint32_t oomn_event_get_kind(const struct oomn_event *e);
/* The watch it was told for; of several, the one on the lowest cgroup. */
uint64_t oomn_event_get_cookie(const struct oomn_event *e);
/* All it was told for, from the lowest cgroup up. Returns how many; stores at most @max. */
size_t oomn_event_get_cookies(const struct oomn_event *e, uint64_t *ret, size_t max);
/* 1, 2, 3, ... per monitor, in the order in which events were taken. */
uint64_t oomn_event_get_seq(const struct oomn_event *e);
/*
 * When it happened, where the kernel told of that moment (OOMN_BY_BPF: of an oom when it began); else when it was
 * learned. And the same moment in nanoseconds of CLOCK_REALTIME.
 */
uint64_t oomn_event_get_time(const struct oomn_event *e);
uint64_t oomn_event_get_realtime(const struct oomn_event *e);
/*
 * How many of that kind it stands for, 1 or more. Both are equal but for kills that counters alone
 * tell of, together with a group kill: the kernel mostly counts its first victim twice.
 */
uint64_t oomn_event_get_count_min(const struct oomn_event *e);
uint64_t oomn_event_get_count_max(const struct oomn_event *e);
/* 1 or 2: the cgroup version; 0 for OOMN_LOST. */
uint32_t oomn_event_get_hierarchy(const struct oomn_event *e);

/* What it rests on; several may have seen the same. */
enum {
	OOMN_BY_COUNTERS = 1 << 0, /* v2's memory.events, v1's oom_kill line */
	OOMN_BY_EVENTFD = 1 << 1,  /* v1's own notifier */
	OOMN_BY_BPF = 1 << 2,
	OOMN_BY_KMSG = 1 << 3,
	OOMN_BY_VMSTAT = 1 << 4, /* oom_kill of /proc/vmstat */
};
uint32_t oomn_event_get_evidence(const struct oomn_event *e);

enum {
	/* In a cgroup at or below that one, which no longer exists. */
	OOMN_EVENT_REMOVED = 1 << 0,
	/* At or below that cgroup: where could not be told (rights, or during the start). */
	OOMN_EVENT_UNPLACED = 1 << 1,
	/* The limit is that of the limit cgroup, or of one above it. */
	OOMN_EVENT_LIMIT_OR_ABOVE = 1 << 2,
	/* The limit is that of a cgroup outside of what is visible here: the path is from the real root. */
	OOMN_EVENT_LIMIT_OUTSIDE = 1 << 3,
};
uint32_t oomn_event_get_flags(const struct oomn_event *e);

/*
 * Where it happened: of an oom and a pause the limit cgroup, of a kill the cgroup that the victim was
 * charged to. Paths are raw bytes from the visible root, "/a/b"; NULL for OOMN_LOST. The id is the inode
 * number of the directory; 0: not known.
 */
const char *oomn_event_get_cgroup(const struct oomn_event *e);
uint64_t oomn_event_get_cgroup_id(const struct oomn_event *e);
/* Whose limit was hit; NULL and 0 if that is not known, or it was none (the whole machine). */
const char *oomn_event_get_limit_cgroup(const struct oomn_event *e);
uint64_t oomn_event_get_limit_cgroup_id(const struct oomn_event *e);

enum {
	OOMN_BYTES_LIMIT,      /* of the limit cgroup */
	OOMN_BYTES_USAGE,      /* charged there when it was hit */
	OOMN_BYTES_SWAP_LIMIT, /* v1: of memory and swap together */
	OOMN_BYTES_SWAP_USAGE,
	OOMN_BYTES_TOTAL, /* what the kernel compared sizes of processes with */
};
/* @which: OOMN_BYTES_LIMIT, ... Returns OOMN_BYTES_NONE for what is not known. */
uint64_t oomn_event_get_bytes(const struct oomn_event *e, uint32_t which);

/* The same number for an oom and all that came of it; 0: not known. Per monitor. */
uint64_t oomn_event_get_incident(const struct oomn_event *e);

enum {
	OOMN_CONSTRAINT_UNKNOWN,
	OOMN_CONSTRAINT_NONE, /* the whole machine */
	OOMN_CONSTRAINT_CPUSET,
	OOMN_CONSTRAINT_MEMPOLICY,
	OOMN_CONSTRAINT_MEMCG, /* a limit */
};
uint32_t oomn_event_get_constraint(const struct oomn_event *e);
/* Of the allocation that failed; OOMN_ORDER_NONE: not known; -1: asked for by SysRq. */
int32_t oomn_event_get_order(const struct oomn_event *e);
/* Who asked for the memory, and of KILL and COLLATERAL who died; NULL if it is not known. @e's. */
const struct oomn_process *oomn_event_get_trigger(const struct oomn_event *e);
const struct oomn_process *oomn_event_get_victim(const struct oomn_event *e);
/* COLLATERAL: the pid of the victim whose memory it shared; else 0. */
uint32_t oomn_event_get_shared_with(const struct oomn_event *e);

/* "oom", "kill", "group_kill", ...; "counters", "eventfd", ...; "memcg", ...: NULL if it is not known. */
const char *oomn_kind_name(uint32_t kind);
const char *oomn_evidence_name(uint32_t bit);
const char *oomn_constraint_name(uint32_t constraint);

/* ---- Processes in events ---------------------------------------------------------------------- */

/* As the initial pid namespace has it; the thread that was seen; as its own namespace has it. */
uint32_t oomn_process_get_pid(const struct oomn_process *p);
uint32_t oomn_process_get_tid(const struct oomn_process *p);
uint32_t oomn_process_get_ns_pid(const struct oomn_process *p);
/* Its real uid, as the initial user namespace has it; OOMN_UID_NONE. */
uint32_t oomn_process_get_uid(const struct oomn_process *p);
/* When it began: names it for ever, together with its pid. 0: not known. */
uint64_t oomn_process_get_start(const struct oomn_process *p);
/* Raw bytes, up to 15; "": not known. */
const char *oomn_process_get_comm(const struct oomn_process *p);
/* Its arguments with a space between, raw bytes, possibly cut; NULL: not known. */
const char *oomn_process_get_cmdline(const struct oomn_process *p);
/* The cgroup that its memory is charged to; and the process's own one in v2's hierarchy. NULL, 0. */
const char *oomn_process_get_cgroup(const struct oomn_process *p);
uint64_t oomn_process_get_cgroup_id(const struct oomn_process *p);
const char *oomn_process_get_own_cgroup(const struct oomn_process *p);
uint64_t oomn_process_get_own_cgroup_id(const struct oomn_process *p);

enum {
	OOMN_PROCESS_BYTES_TOTAL_VM = 16, /* numbers of their own: one for the other is not known */
	OOMN_PROCESS_BYTES_ANON,
	OOMN_PROCESS_BYTES_FILE,
	OOMN_PROCESS_BYTES_SHMEM,
	OOMN_PROCESS_BYTES_PAGE_TABLES,
};
/* @which: OOMN_PROCESS_BYTES_TOTAL_VM, ... Returns OOMN_BYTES_NONE for what is not known. */
uint64_t oomn_process_get_bytes(const struct oomn_process *p, uint32_t which);
/* Whether ANON, FILE and SHMEM are exact: 1; or may be off by some pages for each CPU: 0. */
int oomn_process_has_exact_bytes(const struct oomn_process *p);
/* OOMN_ADJ_NONE: not known. */
int32_t oomn_process_get_oom_score_adj(const struct oomn_process *p);

/* ---- Listeners -------------------------------------------------------------------------------- */

/*
 * A listener adds 1 to an eventfd for each of what it listens to, as cgroup v1's notifier does
 * (cgroup.event_control), on v1 and on v2:
 *
 *   oom        the limit of the cgroup or of one above it was hit
 *   threshold  what is charged to the cgroup crossed a number of bytes, up or down
 *   pressure   reclaim in the cgroup finds too little
 *
 * and 1 more when the cgroup is removed; then it has ended. The same eventfd may be registered as often
 * as you like. It is never read, blocked on or changed: full, it stays at its greatest value. You may
 * close yours at any time. On v2 the monitor keeps a duplicate, so that the eventfd lives, and is signalled, until
 * the listener is removed.
 *
 * On v1 the kernel signals by itself. On v2 oomn_monitor_dispatch() does, or any other call with the
 * monitor; oomnotify-listener(3) has what v2 cannot do as v1 does.
 */

enum {
	OOMN_LISTENER_ALIVE = 0,
	OOMN_LISTENER_ENDING =
		1, /* v1: the cgroup is gone, the kernel's signal for that is to come */
	OOMN_LISTENER_ENDED = 2, /* the cgroup is gone, and the last signal was given */
};

/*
 * Registers @eventfd for ooms. Registered while the cgroup or one above it is under oom, it is signalled
 * at once. @flags: 0. What @ret gets belongs to @m and ends with it, or with oomn_listener_remove(). @ret may be
 * NULL: then the listener goes by itself when its cgroup is removed.
 *
 * Returns 0, or -EBADF, -EINVAL (not an eventfd; the root cgroup, which has no limit; not a cgroup's
 * directory), -EXDEV, -ENODEV (as oomn_monitor_add()), -EACCES (v1: since Linux 6.18 for root alone),
 * -EROFS (v1: mounted read-only), -EAGAIN (v2:
 * counters could not be read at this moment), -EOPNOTSUPP (v1: PREEMPT_RT; v2: Linux before 5.2; or see
 * oomn_monitor_open_names()), -EDQUOT, -ENOMEM, -EMFILE, -ENFILE.
 */
int oomn_listener_add_oom(struct oomn_monitor *m, int cgroup_fd, int eventfd, uint32_t flags,
			  struct oomn_listener **ret);

enum {
	OOMN_THRESHOLD_SWAP = 1 << 0, /* memory and swap together, memory.memsw.usage_in_bytes */
};

/*
 * Registers @eventfd for the moments at which usage of @bytes (rounded down to a page) is reached, and
 * those at which it no longer is. 0 and UINT64_MAX never are. @flags: OOMN_THRESHOLD_SWAP. Returns as
 * oomn_listener_add_oom(); -EOPNOTSUPP: swap is not accounted for here.
 */
int oomn_listener_add_threshold(struct oomn_monitor *m, int cgroup_fd, int eventfd, uint64_t bytes,
				uint32_t flags, struct oomn_listener **ret);

enum {
	OOMN_PRESSURE_LOW = 1,      /* pages are looked for */
	OOMN_PRESSURE_MEDIUM = 2,   /* 60 of 100 that were looked at could not be had */
	OOMN_PRESSURE_CRITICAL = 3, /* 95 of 100 */
};
enum {
	/* From below only if nobody below was signalled, without one of these two: */
	OOMN_PRESSURE_HIERARCHY = 1 << 0, /* from below in any case */
	OOMN_PRESSURE_LOCAL = 1 << 1,     /* not from below */
};

/*
 * Registers @eventfd for reclaim pressure at @level or above. @flags: 0 or one of
 * OOMN_PRESSURE_HIERARCHY and _LOCAL. Returns as oomn_listener_add_oom(); -EOPNOTSUPP: this kernel has no
 * memory.pressure_level.
 */
int oomn_listener_add_pressure(struct oomn_monitor *m, int cgroup_fd, int eventfd, uint32_t level,
			       uint32_t flags, struct oomn_listener **ret);
/*
 * Ends a listener at any time, and frees @l, which may be NULL. Returns 0; or 1 on v1 while the cgroup
 * exists: the kernel has no call for it, and goes on to signal the eventfd until its last close.
 */
int oomn_listener_remove(struct oomn_listener *l);
/* OOMN_LISTENER_ALIVE, _ENDING, _ENDED, or -EINVAL. */
int oomn_listener_get_state(const struct oomn_listener *l);

enum {
	OOMN_UNSEEN_UNREADABLE = 1
				 << 0, /* ooms of a cgroup above, whose counters may not be read */
	OOMN_UNSEEN_OUTSIDE = 1 << 1, /* ooms of cgroups above the visible root, if there are any */
};
/* What it is not signalled for: OOMN_UNSEEN_* bits, 0 for nothing; or -EINVAL. */
int oomn_listener_get_unseen(const struct oomn_listener *l);

/* ---- Queries ---------------------------------------------------------------------------------- */

/*
 * A process, named so that no other can be mistaken for it. To be got while it exists, also as a zombie:
 * best right after fork(), at the latest before it is waited for.
 */
struct oomn_process_id {
	uint32_t pid;         /* in the caller's pid namespace */
	uint32_t reserved;    /* 0 */
	uint64_t start_ticks; /* field 22 of /proc/PID/stat */
	/*
	 * When this was got, and oom_kill of /proc/vmstat then (UINT64_MAX: not to be read). Of a process
	 * that was dying already: when it began, and UINT64_MAX.
	 */
	uint64_t taken;
	uint64_t host_kills;
};

/* @size: sizeof(*ret). Returns 0, -ESRCH, -EINVAL, -E2BIG, -ENOENT (no /proc), -EACCES, -EMFILE, ... */
int oomn_process_id_get(pid_t pid, struct oomn_process_id *ret, size_t size);
/* The same by a pidfd. -EBADF, -EINVAL: not one. -ESRCH: the process was waited for. */
int oomn_process_id_get_pidfd(int pidfd, struct oomn_process_id *ret, size_t size);

enum {
	OOMN_NO = 0,
	OOMN_YES = 1,
	OOMN_UNKNOWN = 2,
};

/* Why an answer is what it is. */
enum {
	OOMN_WHY_SEEN = 1,     /* yes: the kernel was seen to kill it */
	OOMN_WHY_SHARED = 2,   /* yes: it shared the memory of a process that was */
	OOMN_WHY_STATUS = 3,   /* no: it did not end by SIGKILL */
	OOMN_WHY_NO_KILLS = 4, /* no: since its id was got the kernel killed nobody on this host */
	OOMN_WHY_NOT_AMONG =
		5, /* no: all kills since its id was got were seen, it is not among them */
	OOMN_WHY_NOT_SEEN =
		6, /* unknown: nothing here sees all kills (see oomn_monitor_get_names()) */
	OOMN_WHY_BEFORE = 7,    /* unknown: its id was got before the monitor began to see */
	OOMN_WHY_LOST = 8,      /* unknown: records were lost since then, for want of room */
	OOMN_WHY_FORGOTTEN = 9, /* unknown: more kills than history_max came since then */
	OOMN_WHY_NAMESPACE =
		10, /* unknown: pids of this pid namespace are not those of the records */
	OOMN_WHY_EXITING = 11,  /* no: it was on its way out already when it was chosen */
	OOMN_WHY_COUNTERS = 12, /* the counters say so */
	OOMN_WHY_REMOVED = 13,  /* unknown: the cgroup is gone, and its counters with it */
};

/*
 * Was the process killed for want of memory? Right also straight after waitpid(), whether its cgroup
 * still exists or not: the kernel tells before it lets a victim end. @wait_status: as waitpid() gave it;
 * -1: not known. Reads what there is to be seen; does not wait for anything, but for the first call, which opens what
 * names victims. Returns 0 and an answer to be released
 * with oomn_answer_free(), or -EINVAL, -ENOMEM, -EOPNOTSUPP (see oomn_monitor_open_names()).
 *
 * What the first call can know begins with it: call oomn_monitor_open_names() before the process starts.
 */
int oomn_query_process(struct oomn_monitor *m, const struct oomn_process_id *id, size_t size,
		       int wait_status, struct oomn_answer **ret);
/* OOMN_NO, OOMN_YES or OOMN_UNKNOWN; or -EINVAL. */
int oomn_answer_get_verdict(const struct oomn_answer *a);
/* OOMN_WHY_*; or -EINVAL. */
int oomn_answer_get_why(const struct oomn_answer *a);
/* YES: the OOMN_KILL or OOMN_COLLATERAL. It belongs to @a. NULL for other answers. */
const struct oomn_event *oomn_answer_get_event(const struct oomn_answer *a);
/* Takes NULL; returns NULL. */
struct oomn_answer *oomn_answer_free(struct oomn_answer *a);
/* One sentence for an OOMN_WHY_*. Static; NULL if it is not known. */
const char *oomn_why_text(int why);

struct oomn_kills {
	uint64_t min;
	uint64_t max; /* UINT64_MAX: no bound is known */
	int32_t why;  /* OOMN_WHY_*: how that is known, or why no more is */
	int32_t reserved;
};

/*
 * How many processes did the kernel kill since @since (0: since the watch began) in the cgroup of the
 * watch @cookie, and below it? A watch that ended with its cgroup can be asked about until 1,024 others
 * have ended. @size: sizeof(*ret). Returns 0; -ENOENT: no such watch; -EINVAL (@since is before the watch
 * began), -E2BIG, -ENOMEM.
 */
int oomn_query_kills(struct oomn_monitor *m, uint64_t cookie, uint64_t since,
		     struct oomn_kills *ret, size_t size);

#ifdef __cplusplus
}
#endif
#endif
