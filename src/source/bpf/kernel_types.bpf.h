/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/*
 * Of the kernel's types, what the programs look at: nothing more, in no particular order
 *
 * The loader finds where a field really is by its name, in the running kernel's BTF
 * (preserve_access_index). So padding, order and sizes mean nothing here, only names and the kind of
 * a field's type do. A field that some kernels lack is guarded where it is used. A name with three
 * underscores is a variant: the loader cuts it off there.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What libbpf's own headers name. */
typedef uint8_t __u8;
typedef int16_t __s16;
typedef uint16_t __u16;
typedef int32_t __s32;
typedef uint32_t __u32;
typedef int64_t __s64;
typedef uint64_t __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __sum16;
typedef __u32 __wsum;

/* Of linux/bpf.h: fixed numbers. */
enum {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
};
struct bpf_raw_tracepoint_args {
	__u64 args[0];
};

#define SIGKILL 9
#define SEND_SIG_PRIV 1 /* include/linux/sched/signal.h: a signal of the kernel's own */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long counter;
} atomic_long_t;

struct kernfs_node {
	const char *name;
	uint64_t id;
};

struct cgroup;
struct cgroup_root;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct css_set {
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
};

enum cgroup_subsys_id {
	memory_cgrp_id,
};

struct page_counter {
	atomic_long_t usage;
	unsigned long max;
};

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
	struct page_counter swap; /* one place, two names: v2, v1 */
	struct page_counter memsw;
	atomic_long_t memory_events[1];
	atomic_long_t memory_events_local[1];
};

enum memcg_memory_event {
	MEMCG_OOM_KILL,
};

struct upid {
	int nr;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct signal_struct {
	short oom_score_adj;
	int nr_threads;
};

struct percpu_counter {
	int64_t count;
	int32_t *counters;
};

struct mm_struct {
	atomic_t mm_users;
	unsigned long total_vm;
	atomic_long_t pgtables_bytes;
	struct task_struct *owner;
	unsigned long arg_start;
	unsigned long arg_end;
	struct percpu_counter rss_stat[1]; /* since 6.2 */
};

struct mm_rss_stat {
	atomic_long_t count[1];
};

struct mm_struct___before_6_2 {
	struct mm_rss_stat rss_stat;
};

struct task_rss_stat { /* before 6.2 */
	int count[1];
};

struct task_struct {
	struct task_rss_stat rss_stat;
	int pid;
	int tgid;
	char comm[16];
	uint64_t start_boottime;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	const struct cred *real_cred;
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct css_set *cgroups;
};

enum oom_constraint {
	CONSTRAINT_NONE,
	CONSTRAINT_CPUSET,
	CONSTRAINT_MEMORY_POLICY,
	CONSTRAINT_MEMCG,
};

struct oom_control {
	struct mem_cgroup *memcg;
	unsigned int gfp_mask;
	int order;
	unsigned long totalpages;
	struct task_struct *chosen;
	enum oom_constraint constraint;
};

/* The first argument and the result, where a kprobe finds them. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long di;
	unsigned long ax;
};
#define REGS_FIRST(regs) ((regs)->di)
#define REGS_RESULT(regs) ((regs)->ax)
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs;
struct user_pt_regs {
	uint64_t regs[31];
};
#define REGS_FIRST(r) (((const struct user_pt_regs *)(r))->regs[0])
#define REGS_RESULT(r) (((const struct user_pt_regs *)(r))->regs[0])
#else
#error "no names for this processor's registers"
#endif

#pragma clang attribute pop

enum {
	MM_FILEPAGES,
	MM_ANONPAGES,
	MM_SWAPENTS,
	MM_SHMEMPAGES,
};
