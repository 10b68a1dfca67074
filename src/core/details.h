/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What user space could still find out about an incident, at once and in a short time
 *
 * All of it is best effort: the victim may be gone, its cgroup too, and what is read was true a moment
 * after the oom, not at it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/task.h"

#define DETAILS_LARGEST 5  /* processes that are told of one cgroup */
#define DETAILS_LOOKED 256 /* of at most that many that are looked at */

/* memory.stat's figures in bytes: of v2, or the nearest that v1 has. BYTES_NONE: there is none. */
struct details_stat {
	uint64_t anon;
	uint64_t file;
	uint64_t kernel;
	uint64_t slab;
	uint64_t sock;
	uint64_t shmem;
};

struct details_process {
	uint32_t pid; /* in our own pid namespace */
	char comm[TASK_COMM_MAX];
	uint64_t rss_bytes;
};

struct oom_details {
	uint32_t victim_pid; /* of which the next two are; 0: of none */
	char *cmdline;       /* arguments, a space between; raw bytes; NULL: too late */
	char *exe;           /* raw bytes; NULL: too late */
	char *cgroup;        /* the limit cgroup, of which the rest is; NULL: not known */
	uint64_t cgroup_id;
	uint64_t limit_bytes; /* BYTES_NONE: none, or not known */
	uint64_t usage_bytes;
	uint64_t peak_bytes;
	struct details_stat stat;
	struct details_process largest[DETAILS_LARGEST]; /* by rss, the largest first */
	size_t largest_n;
	size_t looked;  /* how many processes were looked at */
	bool more;      /* there were more than DETAILS_LOOKED */
	bool timed_out; /* the deadline came first: what is missing was not looked at */
};

/* One of which nothing is known yet, or NULL without memory. */
struct oom_details *oom_details_new(void);
/* Takes NULL; returns NULL. */
struct oom_details *oom_details_free(struct oom_details *d);
