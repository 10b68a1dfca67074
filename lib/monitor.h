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
#include "source/host.h"
#include "source/witness.h"

struct monitor;

enum {
	MONITOR_LOCAL = 1U << 0, /* that cgroup alone, not the ones below it; all watches or none */
	MONITOR_GONE_ALL =
		1U << 1, /* tell the removal of every cgroup, not only of those with events */
};

enum {
	/* monitor_settle(): a counter moved, or has to be read again after its slot of 10 ms. */
	MONITOR_E_AGAIN = 1,
};

/* @host is borrowed and must outlive the monitor. Returns 0, -ENOMEM, -EMFILE or -ENFILE. */
int monitor_new(struct monitor **ret, const struct cgroup_host *host);
/* Ends all watches; events not taken are freed. Takes NULL; returns NULL. */
struct monitor *monitor_free(struct monitor *m);
/* The epoll descriptor; belongs to the monitor. */
int monitor_get_fd(const struct monitor *m);
/*
 * From now on ooms and kills are named as far as @options and this host allow: see source/witness.h.
 * To be called once, before the first watch; without it the counters tell what they know. Returns as
 * witness_open() does, and fills in @why.
 */
int monitor_identify(struct monitor *m, const struct witness_options *options, char *why);
/* By what ooms are named: "fentry", "kprobe", "tracepoint", "kmsg" or "none". */
const char *monitor_identified_by(const struct monitor *m);
/*
 * Watches @at, which stays the caller's. Counting starts inside this call. Returns 0, or
 *   -EEXIST           @cookie is taken
 *   -ENODEV           gone, or no memory files there: see cgroup_host_nearest_memory()
 *   -EINVAL           v2: MONITOR_LOCAL differs from the watches before
 *   -EACCES           the counters may not be read
 *   -ENOMEM, -EMFILE, -ENFILE   for lack of memory or descriptors
 *   -EAGAIN           v2: the counters could not be read at this moment: for lack of memory or of the
 *                     host's descriptors, or since those of watches below did not stand still
 * and any other errno of reading files. Then the watches are the same as before.
 */
int monitor_add(struct monitor *m, const struct cgroup_at *at, unsigned flags, unsigned kinds,
		uint64_t cookie);
/*
 * Watches everything that is visible on the host; of @flags only MONITOR_GONE_ALL has a meaning.
 * Returns the same, -ENODEV if no hierarchy holds memory.
 */
int monitor_add_host(struct monitor *m, unsigned flags, unsigned kinds, uint64_t cookie);
/* Ends a watch; its events that are queued stay. Returns 0, or -ENOENT: none, or it has ended. */
int monitor_remove(struct monitor *m, uint64_t cookie);
/* Watches that are left; a watch ends by itself when its cgroup is removed. */
size_t monitor_watches(const struct monitor *m);
/*
 * One round of what is ready or due. Returns 0 or a negated errno. After -ENOMEM it may be
 * called again: nothing is lost by that.
 */
int monitor_dispatch(struct monitor *m);
/* Returns 1 and an event that the caller frees with event_free(), or 0 if none is pending. */
int monitor_next(struct monitor *m, struct oomn_event **ret);
/*
 * Reads all counters a last time. Returns 0 when everything is told, MONITOR_E_AGAIN if it has to be
 * called again when the descriptor is next readable, or a negated errno.
 */
int monitor_settle(struct monitor *m);
/* The accounts of all sources together. */
void monitor_balance(const struct monitor *m, struct balance *ret);
/* Sources restricted on this host, in words (descriptor or inotify limits, polling); NULL: none. */
const char *monitor_notice(struct monitor *m);
