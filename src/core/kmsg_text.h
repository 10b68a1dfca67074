/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Single lines of the OOM killer's messages: the parts of kmsg_oom.c that need no memory of others
 */
#include "core/kmsg_oom.h"

/* Bytes that are not NUL-terminated at @len, but somewhere behind it. */
struct bytes {
	const char *at;
	size_t len;
};

bool bytes_begin(struct bytes b, const char *text);
bool bytes_end(struct bytes b, const char *text);
/* The last place of @text in @b, or NULL. */
const char *bytes_last(struct bytes b, const char *text);
/* The same for the first. */
const char *bytes_first(struct bytes b, const char *text);

/* "COMM invoked oom-killer: …": fills in @oom's trigger and order. */
bool kmsg_text_invoked(struct bytes b, struct kmsg_oom *oom);
/* "CPU: 0 UID: 0 PID: 125 Comm: COMM …", of @comm. Returns the pid, or 0 for something else. */
int kmsg_text_cpu(struct bytes b, const struct kmsg_comm *comm);
/* "memory: usage 8192kB, limit 8192kB, failcnt 18", after @head. */
bool kmsg_text_usage(struct bytes b, const char *head, uint64_t *ret_usage, uint64_t *ret_limit);
/* "Memory cgroup out of memory: Killed process …": fills in what the line itself tells. */
bool kmsg_text_killed(struct bytes b, struct kmsg_kill *kill);
/* "…: OOM victim 7 (COMM) is already exiting. Skip killing the task": no kill comes of that header. */
bool kmsg_text_exiting(struct bytes b);
/* "oom_kill_process: 4 callbacks suppressed". Returns how many, or 0. */
uint64_t kmsg_text_suppressed(struct bytes b);
/*
 * "oom-kill:constraint=…", as far as it can be read in one way only. @limit: the limit's path if it is
 * known already; @victim: whose kill the line announces. Fills in @oom's constraint and limit cgroup
 * and @ret_cgroup.
 */
void kmsg_text_oom_kill(const struct kmsg_line *line, const struct kmsg_kill *victim,
			const struct kmsg_path *limit, struct kmsg_oom *oom,
			struct kmsg_path *ret_cgroup);
/* A path as it stands in a line. */
void kmsg_text_path(struct bytes b, struct kmsg_path *ret);
