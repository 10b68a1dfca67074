/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A process as an oom has to do with it: the victim, who asked for memory, who died along
 */
#include <stdbool.h>
#include <stdint.h>

#define BYTES_NONE UINT64_MAX /* a size that is not known, or no limit */
#define UID_NONE UINT32_MAX
#define OOM_ORDER_NONE INT32_MIN /* -1 is one: asked for by SysRq */
#define OOM_ADJ_NONE INT32_MIN

/* Why memory was short. Of the kernel's words, as its message has them. */
enum oom_constraint {
	OOM_CONSTRAINT_UNKNOWN,
	OOM_CONSTRAINT_NONE, /* the whole machine */
	OOM_CONSTRAINT_CPUSET,
	OOM_CONSTRAINT_MEMORY_POLICY,
	OOM_CONSTRAINT_MEMCG,
	OOM_CONSTRAINT_MAX,
};

/* "none", "cpuset", "mempolicy", "memcg"; NULL for UNKNOWN. */
const char *oom_constraint_name(enum oom_constraint c);

#define TASK_COMM_MAX 16 /* with its NUL */

struct task_id {
	uint32_t pid;             /* of the process, as the initial pid namespace has it */
	uint32_t tid;             /* of the thread that was seen */
	uint32_t ns_pid;          /* of the process in its own pid namespace */
	uint32_t uid;             /* real, as the initial user namespace has it */
	uint64_t start_ns;        /* CLOCK_BOOTTIME: with pid, names the process for ever */
	char comm[TASK_COMM_MAX]; /* of the process; any bytes */
};

/* What is known of it. 0, NULL, BYTES_NONE, UID_NONE or OOM_ADJ_NONE: that is not. */
struct oomn_process {
	struct task_id id;
	char *cgroup; /* where its memory is charged; raw bytes, from the visible root */
	uint64_t cgroup_id;
	char *own_cgroup; /* of the task itself in the v2 hierarchy */
	uint64_t own_cgroup_id;
	uint64_t total_vm_bytes;
	uint64_t anon_bytes;
	uint64_t file_bytes;
	uint64_t shmem_bytes;
	uint64_t table_bytes;
	bool exact; /* the three between; else each may be off by some pages per processor */
	int oom_score_adj;
	char *cmdline; /* arguments, a space between; raw bytes; possibly cut at its end */
};

/* One of which nothing is known yet, or NULL without memory. Freed with all its strings. */
struct oomn_process *oom_process_new(void);
struct oomn_process *oom_process_free(struct oomn_process *p);
