/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What the BPF programs write and source/bpf_record.c reads: layouts and numbers, no code
 *
 * Both sides are built from this file at the same time and travel in one program, so it carries no
 * version. Sizes and places are asserted below, for either compiler.
 *
 * A record is the fixed part and, right behind it, the names of cgroups, and behind these a command
 * line. A path lies there as its names from the leaf upwards, each with its NUL, the root without any:
 * this is the order in which the kernel's parents are met. Paths follow each other in the order of
 * their slots. A path that is that of a slot before it takes no bytes. The command line is what the
 * process's memory holds between arg_start and arg_end: arguments with a NUL each, or anything else.
 */
#include <stddef.h>
#include <stdint.h>

enum oom_record_kind {
	OOM_RECORD_LIMIT = 1,  /* out_of_memory() was entered */
	OOM_RECORD_VICTIM,     /* a process was marked as a victim */
	OOM_RECORD_COLLATERAL, /* one that shares the last victim's memory was sent SIGKILL */
	OOM_RECORD_END,        /* out_of_memory() returns */
};

/* What of a record is there. What its flag does not name is 0. */
enum oom_record_flag {
	OOM_RECORD_F_SCOPED = 1U << 0,  /* inside of an out_of_memory() that was seen to begin */
	OOM_RECORD_F_TASK = 1U << 1,    /* `task` beyond its thread id; its two cgroups */
	OOM_RECORD_F_MM = 1U << 2,      /* the sizes of its memory */
	OOM_RECORD_F_COUNTED = 1U << 3, /* oom_kill */
	OOM_RECORD_F_V1 = 1U << 4,      /* memory's hierarchy is one of cgroup v1 */
	OOM_RECORD_F_LIMIT = 1U << 5,   /* a memory cgroup's limit: slot LIMIT and its figures */
	OOM_RECORD_F_CAUSE = 1U << 6,   /* constraint and total_pages */
	OOM_RECORD_F_EXACT = 1U << 7,   /* rss: each processor's share is added up */
	OOM_RECORD_F_CHOSEN = 1U << 8,  /* END: out_of_memory() said that it did something */
	OOM_RECORD_F_KILLED = 1U << 9,  /* VICTIM: SIGKILL was sent to it, and then it was marked */
	OOM_RECORD_F_ARGS_CUT = 1U << 10, /* the command line goes on */
	OOM_RECORD_F_ALL = (1U << 11) - 1,
};

enum oom_record_slot {
	OOM_RECORD_SLOT_LIMIT,  /* whose limit was hit */
	OOM_RECORD_SLOT_MEMORY, /* where the memory of `task` is charged: its mm's owner's cgroup */
	OOM_RECORD_SLOT_OWN,    /* the cgroup of `task` itself in the v2 hierarchy */
	OOM_RECORD_SLOT_TRIGGER, /* the trigger's memory cgroup */
	OOM_RECORD_SLOTS,
};

#define OOM_RECORD_COMM 16
#define OOM_RECORD_NAME 256   /* the longest name of a cgroup, and its NUL */
#define OOM_RECORD_NAMES 4096 /* of all paths of one record; a power of two */
#define OOM_RECORD_LEVELS 64  /* of one path */
#define OOM_RECORD_ARGS 512   /* of a command line */

struct oom_record_task {
	uint64_t start_ns; /* CLOCK_BOOTTIME */
	uint32_t pid;      /* of the process, as the initial pid namespace has it */
	uint32_t tid;      /* of the thread, likewise */
	uint32_t ns_pid;   /* of the process in its own pid namespace */
	uint32_t uid;      /* real, as the initial user namespace has it */
	uint8_t comm[OOM_RECORD_COMM];
};

enum oom_record_path_flag {
	OOM_RECORD_PATH_THERE = 1U << 0,   /* the slot is used */
	OOM_RECORD_PATH_CUT = 1U << 1,     /* the names next to the root did not fit */
	OOM_RECORD_PATH_OUTSIDE = 1U << 2, /* not below the visible root: from the real one */
	OOM_RECORD_PATH_ALL = (1U << 3) - 1,
};

struct oom_record_path {
	uint64_t id;
	uint16_t bytes;
	uint8_t flags;
	uint8_t same; /* 1 + the slot before this one that has the same path; 0: none has */
	uint32_t reserved;
};

struct oom_record {
	uint16_t kind;
	uint16_t flags;
	uint32_t names;   /* bytes behind the fixed part */
	uint64_t when_ns; /* CLOCK_BOOTTIME */
	uint64_t
		began_ns; /* when out_of_memory() was entered: names the oom together with trigger.tid */
	struct oom_record_task
		trigger;             /* who asked for memory; ns_pid, uid and start as for `task` */
	struct oom_record_task task; /* VICTIM, COLLATERAL */
	struct oom_record_path paths[OOM_RECORD_SLOTS];

	uint64_t oom_kill; /* of the memory cgroup itself, without those below it */
	uint64_t total_vm_pages;
	uint64_t anon_pages;
	uint64_t file_pages;
	uint64_t shmem_pages;
	uint64_t table_bytes;

	uint64_t limit_pages; /* memory.max of the limit cgroup, and what is charged to it */
	uint64_t usage_pages;
	uint64_t swap_limit_pages; /* v1: memory and swap together, v2: swap */
	uint64_t swap_usage_pages;
	uint64_t total_pages; /* that the kernel compared sizes with */
	uint32_t gfp;
	int32_t order;
	uint32_t constraint; /* enum oom_constraint of the kernel */
	int32_t oom_score_adj;
	uint32_t
		victims; /* END: how many were marked; COLLATERAL: the pid of whose memory it shared */
	uint32_t args; /* VICTIM: bytes of its command line, which was read if there are any */
};

_Static_assert(sizeof(struct oom_record_task) == 40, "oom_record_task");
_Static_assert(sizeof(struct oom_record_path) == 16, "oom_record_path");
_Static_assert(offsetof(struct oom_record, trigger) == 24, "oom_record.trigger");
_Static_assert(offsetof(struct oom_record, paths) == 104, "oom_record.paths");
_Static_assert(offsetof(struct oom_record, oom_kill) == 168, "oom_record.oom_kill");
_Static_assert(offsetof(struct oom_record, gfp) == 256, "oom_record.gfp");
_Static_assert(offsetof(struct oom_record, args) == 276, "oom_record.args");
_Static_assert(sizeof(struct oom_record) == 280, "oom_record");
_Static_assert(OOM_RECORD_ARGS >= OOM_RECORD_NAME, "room behind the names, which both take");
