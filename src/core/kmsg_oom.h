/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What the kernel's messages tell of an OOM: who was killed, in which cgroup, at whose limit
 *
 * The kernel (mm/oom_kill.c, mm/memcontrol.c; the same from 5.10 to 7.2) prints, under its oom_lock
 * and so never two of them mixed:
 *
 *   COMM invoked oom-killer: gfp_mask=…, order=0, oom_score_adj=0      -+
 *   CPU: 0 UID: 0 PID: 125 Comm: COMM …                                 |  the header: at most 10
 *   memory: usage 8192kB, limit 8192kB, failcnt 18                      |  in 5 s, then it is left
 *   Memory cgroup stats for /one:                                       |  out
 *   oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,     -+
 *     mems_allowed=0,oom_memcg=/one,task_memcg=/one,task=COMM,pid=125,uid=0
 *   Memory cgroup out of memory: Killed process 125 (COMM) total-vm:66700kB, …   always there
 *   Tasks in /one are going to be killed due to memory.oom.group set             a group kill: then
 *   Memory cgroup out of memory: Killed process 126 (COMM) …                     one for each member
 *
 * COMM, cpuset and paths are chosen by those who may be killed, and are not quoted. So:
 *   - only records of the kernel count (facility 0);
 *   - numbers are read from the line's end, where nobody else's bytes come after them;
 *   - COMM is what stands in the line of the kill, where it is alone between numbers; the limit's path
 *     is what stands in the line of the stats, where it is alone;
 *   - if a line can then still be read in two ways, the path in question is not told.
 * A line longer than a record (paths of about 970 bytes and more) comes in pieces, of which the kernel
 * cuts those that are too long: such a path is marked. Other CPUs' messages may lie between.
 *
 * After lost records whatever was half told is forgotten: a kill is never joined to a header that may
 * be another one's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/kmsg_record.h"
#include "core/event.h"

#define KMSG_PATH_MAX 1023
#define KMSG_COMM_MAX 15
#define KMSG_UID_NONE UINT32_MAX

struct kmsg_path {
	size_t len; /* 0: not known */
	bool cut;   /* so long that its end may be missing */
	char text[KMSG_PATH_MAX + 1];
};

struct kmsg_comm {
	size_t len;
	char text[KMSG_COMM_MAX + 1]; /* raw bytes */
};

/* The header of an OOM. What it did not tell is UNKNOWN, BYTES_NONE, of length 0, or 0. */
struct kmsg_oom {
	enum oom_constraint constraint;
	struct kmsg_path limit_cgroup; /* MEMCG only; a path from the real root */
	/* Of the limit cgroup, when it was hit. v1 only: memory and swap together. */
	uint64_t usage_bytes, limit_bytes;
	uint64_t memsw_usage_bytes, memsw_limit_bytes;
	bool trigger_known;
	struct kmsg_comm trigger;
	int trigger_pid; /* a thread's */
	int order;       /* of the allocation; -1: asked for by SysRq */
};

enum kmsg_member {
	KMSG_MEMBER_NO,
	KMSG_MEMBER_YES,   /* killed because its whole group was */
	KMSG_MEMBER_MAYBE, /* or by another OOM, whose header was left out: there were 10 already */
};

struct kmsg_kill {
	uint64_t seq; /* of the record */
	int64_t time_us;
	int pid; /* the host's; a thread's, if the first thread has ended already */
	struct kmsg_comm comm;
	uint32_t uid;
	int oom_score_adj;
	uint64_t total_vm_bytes, anon_rss_bytes, file_rss_bytes, shmem_rss_bytes, pgtables_bytes;
	bool global; /* not because of a cgroup's limit */
	/* Its cgroup; of a further member it is only known that it lies in or below @group. */
	struct kmsg_path cgroup;
	enum kmsg_member member;
	bool again; /* the group's first victim a second time: counted twice, one death */
	struct kmsg_path
		group;       /* YES and MAYBE; the first victim's kill comes before it is known */
	uint64_t oom_number; /* the same for all kills of one OOM: 1, 2, 3, … */
	struct kmsg_oom oom;
};

#define KMSG_HEADERS 10 /* DEFAULT_RATELIMIT_BURST */

/* A line of the kernel, put together from its pieces. */
struct kmsg_line {
	bool open;
	char caller[KMSG_CALLER_MAX + 1];
	size_t len;
	char text[2 * KMSG_TEXT_MAX + 1];
};

/* All that is remembered between records. Fixed size, no memory of its own. */
struct kmsg_decoder {
	struct kmsg_oom oom;    /* the header as far as it has come */
	bool pending;           /* it awaits its kill */
	uint64_t invoked_seq;   /* of "invoked oom-killer" */
	struct kmsg_line stats; /* "Memory cgroup stats for …:" */
	struct kmsg_line line;  /* "oom-kill:…" */
	struct kmsg_line tasks; /* "Tasks in …" */
	struct kmsg_line *last; /* that a further piece belongs to */
	uint64_t number;
	int first_pid; /* of the kill that came last with a header, or alone */
	bool first_global;
	int last_pid; /* of the last kill of all */
	bool last_global;
	int64_t header_us[KMSG_HEADERS]; /* when the last headers came */
	size_t next_header;
	bool history_known;  /* false: headers may have been missed until the next record */
	uint64_t suppressed; /* headers that the kernel says it has left out */
};

/* Starts with nothing known of what was printed before. */
void kmsg_decoder_init(struct kmsg_decoder *d);
/* Records were missed before the one that comes next. */
void kmsg_decoder_lost(struct kmsg_decoder *d);
/* Takes the next record. Returns whether it told of a kill, which is then stored. */
bool kmsg_decoder_feed(struct kmsg_decoder *d, const struct kmsg_record *rec,
		       struct kmsg_kill *ret);
