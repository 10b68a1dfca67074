/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Queries: was it killed for want of memory, and how many were?
 *
 *   what the witness sees ──> core/kill_log.h ──┐
 *   /proc when the id was got, and now ─────────┼──> an answer
 *   counters since a watch began ──> source/kill_counter.h
 *
 * Embedded in the monitor, whose incidents call query_died(), query_printed() and query_missed(). Before it
 * answers it reads what there is to be seen, through the monitor.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/incident.h"
#include "core/kill_log.h"
#include "source/host.h"
#include "source/process_id.h"

#define QUERY_ENDED_MAX 1024 /* watches that ended, and can still be asked about */

struct query_watch;

struct query_args {
	const struct cgroup_host *host; /* borrowed */
	uint32_t history_max;
	/* Reads what there is to be seen, and calls query_drained(). Returns whether that was all. */
	bool (*drain)(void *ctx);
	void *ctx;
};

struct query {
	struct query_args args;
	struct process_view view;
	struct kill_log *log;
	uint64_t opening_kills; /* vmstat before the witness was opened; UINT64_MAX: not known */
	uint64_t drained_ns;    /* everything that was there then was read */
	struct query_watch *watches; /* by cookie */
	struct query_watch *ended;   /* the oldest first */
	size_t live, ended_n;
};

/* Returns 0 or -ENOMEM. @q is all 0 before. */
int query_init(struct query *q, const struct query_args *args);
/* Takes one that is all 0, or was released. */
void query_deinit(struct query *q);

/* Around the opening of the witness. */
void query_opening(struct query *q);
void query_opened(struct query *q, enum kill_seeing seeing);
/* The witness sees nothing any more. */
void query_blind(struct query *q);

/* For struct incident_calls. */
void query_died(struct query *q, const struct sighting *s, enum death how, uint64_t number);
void query_printed(struct query *q, const struct kmsg_kill *kill, uint64_t number, uint64_t now_ns);
void query_missed(struct query *q);
/* All that was there to be seen at @at_ns was read. */
void query_drained(struct query *q, uint64_t at_ns);

/* A watch begins to count: before its source is told. Returns 0 or -ENOMEM. */
int query_watch_begin(struct query *q, const struct cgroup_at *at, bool local, uint64_t cookie);
/* Its cgroup was renamed (v1), if @path is another one; NULL: not known. */
void query_watch_moved(struct query *q, uint64_t cookie, const char *path);
/* It was taken back, or could not begin: it cannot be asked about. */
void query_watch_forget(struct query *q, uint64_t cookie);
/* Ends those that @is_alive does not know any more: their cgroup is gone. */
void query_watches_sweep(struct query *q, bool (*is_alive)(void *ctx, uint64_t cookie), void *ctx);

struct query_answer {
	enum kill_verdict verdict;
	enum kill_why why;
	struct kill_event *event; /* YES: to be released with kill_event_unref(); else NULL */
};

/*
 * Judges @id, which ended with @wait_status (-1: not known). Returns 0 or -ENOMEM; -EINVAL: an @id of the future,
 * or @wait_status says that it did not end.
 */
int query_process(struct query *q, const struct process_id *id, int wait_status,
		  struct query_answer *ret);
/* @since_ns: 0 for when the watch began. Returns 0; -ENOENT: no such watch; -EINVAL: before that. */
int query_kills(struct query *q, uint64_t cookie, uint64_t since_ns, struct kill_sum *ret);
