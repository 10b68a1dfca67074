/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A source: where facts come from
 *
 * Each source is one const table of calls: memory_events.c with the v2_* files, v1_eventfd.c with the
 * v1_* files. It puts its descriptors into the epoll instance that it was given (data.ptr = a struct
 * source_io it owns), and gets called back when one is ready. It tells what it learned with
 * engine_submit(). It starts no thread, prints nothing and never blocks; work that has to wait names a
 * time in deadline(), at which run() is called. The sources of the notifier (local_events.h,
 * v1_notifier.h) have calls of their own and share struct source_io alone: they feed the registry of
 * listeners, which has no events, no accounts and no end to settle.
 *
 * Errors. A call that returns int returns 0, or a negated errno that is fatal to the monitor: what may
 * pass (a cgroup that goes, a lack of descriptors or of memory while something is read) is the
 * source's own to try again, to account for and to name in notice(). After -ENOMEM from ready, run or
 * settle nothing is lost: the same call may be made again, and accounts are booked only with what was
 * told. Values above 0 have a meaning where that is said, and mean nothing elsewhere.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/balance.h"
#include "core/engine.h"
#include "source/host.h"

struct source;

/* One descriptor in the epoll instance of the monitor. Embedded in the source's own structures. */
struct source_io {
	struct source *source;
	/*
	 * Called from the monitor's dispatch when the descriptor is ready. @events: EPOLL* bits. An
	 * error ends the round: what else is ready then is so in the next one.
	 */
	int (*ready)(struct source_io *io, uint32_t events, uint64_t now_ns);
};

struct source_args {
	struct engine *engine;
	const struct cgroup_host *host;
	int epoll_fd; /* borrowed */
};

/* What is watched: the counterpart of struct watch in terms of descriptors. */
struct source_target {
	uint64_t cookie;
	const struct cgroup_at *at; /* borrowed for the call; the source dups what it keeps */
	bool local;
	bool whole_host; /* `at` is the visible root: everything below it, and kills in the root too */
	unsigned kinds;
	bool gone_all; /* tell the removal of every cgroup below, not only of those that had an event */
};

/* Answer of a probe; `why` is a static text or NULL. */
struct source_probe {
	bool usable;
	const char *why; /* in words: why it is not usable, or what is restricted */
};

struct source_ops {
	const char *name;
	/* Looks whether this source can work on @host; changes nothing. Returns 0 or a negated errno. */
	int (*probe)(const struct cgroup_host *host, struct source_probe *ret);
	/* Returns 0 and a source to be released with close(), or -ENOMEM, -EMFILE, … */
	int (*open)(struct source **ret, const struct source_args *args);
	/* What happened where @target will look, it tells now to those who watch already. Returns as attach(). */
	int (*prepare)(struct source *s, const struct source_target *target);
	/*
	 * Starts to watch. Counting begins inside this call: what happens after it returned is never
	 * missed, what happened before it was called is never told. Returns 0; -ENODEV: the cgroup is
	 * gone or has no memory files; -EINVAL: `local` differs from other watches; -EMFILE, -ENFILE,
	 * -ENOMEM: for lack of those; -EAGAIN: it could not be read at this moment. Nothing is watched then that was not before. A watch
	 * whose cgroup is removed later is ended by the source: after `gone` it calls
	 * engine_watch_remove().
	 */
	int (*attach)(struct source *s, const struct source_target *target);
	/* Ends the watch @cookie. Returns 0 or -ENOENT. */
	int (*detach)(struct source *s, uint64_t cookie);
	/*
	 * Does what is due at @now_ns (see deadline). Called after all ready() of a round: what those
	 * belong to is released here at the earliest. Returns 0 or a negated errno.
	 */
	int (*run)(struct source *s, uint64_t now_ns);
	/* When `run` wants to be called next, CLOCK_BOOTTIME; UINT64_MAX: not until a descriptor is ready. */
	uint64_t (*deadline)(const struct source *s);
	/*
	 * One last look at all counters, without regard to any CPU budget. Returns 0 when everything
	 * is told, SOURCE_E_AGAIN if it must be called again once deadline() has passed, or a negated
	 * errno.
	 */
	int (*settle)(struct source *s, uint64_t now_ns);
	/* Adds this source's accounts to @sum. */
	void (*balance)(const struct source *s, struct balance *sum);
	/* What restricts this source right now (limits, rights), in words; NULL: nothing. */
	const char *(*notice)(const struct source *s);
	/* Releases the source and all it watches. Takes NULL; returns NULL. */
	struct source *(*close)(struct source *s);
};

enum {
	SOURCE_E_AGAIN = 1, /* settle(): not at rest yet */
};

/* The head of every source's own structure. */
struct source {
	const struct source_ops *ops;
	struct engine *engine;
	const struct cgroup_host *host;
	int epoll_fd;
};

extern const struct source_ops source_memory_events; /* v2 */
extern const struct source_ops source_v1_eventfd;
