/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A monitor: one descriptor to poll, behind which all sources sit
 *
 *   fd = monitor_get_fd(m);      poll it for EPOLLIN in any loop
 *   monitor_dispatch(m);         when it is readable: lets the sources work, never blocks
 *   monitor_next(m, &event);     until it returns 0
 *
 * To end with a proof: monitor_settle() until it returns 0 (polling and taking events in between),
 * then monitor_balance().
 */
#include <stddef.h>
#include <stdint.h>

#include "core/balance.h"
#include "core/event.h"
#include "core/listener.h"
#include "source/host.h"
#include "source/witness.h"

struct kill_sum;
struct listen;
struct oomn_monitor;
struct process_id;
struct query_answer;
struct oomn_listener;

/* 0 stands for what is in parentheses. */
struct monitor_options {
	struct witness_options witness;
	size_t watches_max;          /* (65,536) */
	size_t queue_max;            /* events nobody took (65,536) */
	uint64_t queue_bytes;        /* memory of these (64 MiB) */
	struct registry_quota quota; /* of listeners (16,384 each) */
	size_t history_max;          /* victims remembered (4,096) */
};

enum {
	MONITOR_LOCAL = 1U << 0, /* that cgroup alone, not the ones below it; all watches or none */
	MONITOR_GONE_ALL =
		1U << 1, /* tell the removal of every cgroup, not only of those with events */
};

enum {
	/* monitor_settle(): a counter moved, or has to be read again after its slot of 10 ms. */
	MONITOR_E_AGAIN = 1,
};

/*
 * @host is borrowed and must outlive the monitor; with NULL it looks for it itself. @options: NULL for all
 * 0. Returns 0, -ENODEV (no cgroups, or no /proc), -ENOMEM, -EMFILE or -ENFILE.
 */
int monitor_new(struct oomn_monitor **ret, const struct cgroup_host *host,
		const struct monitor_options *options);
/* Ends all watches; events not taken are freed. Takes NULL; returns NULL. */
struct oomn_monitor *monitor_free(struct oomn_monitor *m);
/* The epoll descriptor; belongs to the monitor. */
int monitor_get_fd(const struct oomn_monitor *m);
/* Whether the process that made it is another one: a child has no part in it. */
bool monitor_is_foreign(const struct oomn_monitor *m);
const struct cgroup_host *monitor_host(const struct oomn_monitor *m);
/*
 * From now on ooms and kills are named as far as the options and this host allow: see source/witness.h.
 * To be called before the first watch; without it the counters tell what they know. Returns as
 * witness_open() does; 0 if it was called before.
 */
int monitor_identify(struct oomn_monitor *m);
/* Why it is not all that there could be, in words; "" if it is. */
const char *monitor_identify_why(const struct oomn_monitor *m);
/* By what ooms are named: "fentry", "kprobe", "tracepoint", "kmsg" or "none". */
const char *monitor_identified_by(const struct oomn_monitor *m);
/*
 * Watches @at, which stays the caller's. Counting starts inside this call. Returns 0, or
 *   -EEXIST           @cookie is taken
 *   -ENODEV           gone, or no memory files there: see cgroup_host_nearest_memory()
 *   -EINVAL           v2: MONITOR_LOCAL differs from the watches before
 *   -EACCES           the counters may not be read
 *   -EDQUOT           there are watches_max of them
 *   -ENOMEM, -EMFILE, -ENFILE   for lack of memory or descriptors
 *   -EAGAIN           v2: the counters could not be read at this moment: for lack of memory or of the
 *                     host's descriptors, or since those of watches below did not stand still
 * and any other errno of reading files. Then the watches are the same as before.
 */
int monitor_add(struct oomn_monitor *m, const struct cgroup_at *at, unsigned flags, unsigned kinds,
		uint64_t cookie);
/*
 * Watches everything that is visible on the host; of @flags only MONITOR_GONE_ALL has a meaning.
 * Returns the same, -ENODEV if no hierarchy holds memory.
 */
int monitor_add_host(struct oomn_monitor *m, unsigned flags, unsigned kinds, uint64_t cookie);
/* Ends a watch and drops its events that are queued. Returns 0, or -ENOENT: none, or it has ended. */
int monitor_remove(struct oomn_monitor *m, uint64_t cookie);
/* Watches that are left; a watch ends by itself when its cgroup is removed. */
size_t monitor_watches(const struct oomn_monitor *m);
/* The listeners of this monitor, made when they are first asked for. Returns 0 or a negated errno. */
int monitor_listen(struct oomn_monitor *m, struct listen **ret);
/*
 * One round of what is ready or due. Returns 0 or a negated errno. After -ENOMEM it may be
 * called again: nothing is lost by that.
 */
int monitor_dispatch(struct oomn_monitor *m);
/* Returns 1 and an event that the caller frees with event_free(), or 0 if none is pending. */
int monitor_next(struct oomn_monitor *m, struct oomn_event **ret);
/*
 * Reads all counters a last time. Returns 0 when everything is told, MONITOR_E_AGAIN if it has to be
 * called again when the descriptor is next readable, or a negated errno.
 */
int monitor_settle(struct oomn_monitor *m);
/* As query_process() and query_kills() (lib/query.h). What they can know begins with monitor_identify(). */
int monitor_query_process(struct oomn_monitor *m, const struct process_id *id, int wait_status,
			  struct query_answer *ret);
int monitor_query_kills(struct oomn_monitor *m, uint64_t cookie, uint64_t since_ns,
			struct kill_sum *ret);
/* Signals of listeners that reached no eventfd. */
uint64_t monitor_signals_lost(const struct oomn_monitor *m);
/* The accounts of all sources together. */
void monitor_balance(const struct oomn_monitor *m, struct balance *ret);
/* Sources restricted on this host, in words (descriptor or inotify limits, polling); NULL: none. */
const char *monitor_notice(struct oomn_monitor *m);
