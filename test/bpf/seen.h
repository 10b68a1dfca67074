/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What the BPF source says of an OOM, and the truth about its processes, to compare
 *
 * A comparison that fails ends the program.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scratch.h"
#include "source/bpf_oom.h"

#define SEEN_MAX 2048

/* The source, and what it has told of ooms that processes of ours asked for. */
struct seen {
	const struct scratch *scratch;
	struct bpf_oom *bpf;
	enum bpf_oom_level level;
	bool victim_is_task; /* see struct bpf_oom_report */
	bool machine;        /* nothing is between us and the root: paths are whole */
	struct sighting *all;
	size_t n;
};

#define SAME(is, should)                                                                           \
	do {                                                                                       \
		unsigned long long is_ = (unsigned long long)(is);                                 \
		unsigned long long should_ = (unsigned long long)(should);                         \
		if (is_ != should_)                                                                \
			die("%s:%d: %s is %llu, should be %s: %llu", __FILE__, __LINE__, #is, is_, \
			    #should, should_);                                                     \
	} while (0)
#define HOLDS(c)                                                                                   \
	do {                                                                                       \
		if (!(c))                                                                          \
			die("%s:%d: not so: %s", __FILE__, __LINE__, #c);                          \
	} while (0)

void seen_open(struct seen *s, const struct bpf_oom_options *options,
	       struct bpf_oom_report *report);
void seen_close(struct seen *s);
void seen_forget(struct seen *s);
/* Takes what is there, of ooms whose trigger is @trigger (0: any). */
void seen_take(struct seen *s, pid_t trigger);
/* Until @count of @kind were taken. */
void seen_until(struct seen *s, pid_t trigger, enum sighting_kind kind, size_t count);
size_t seen_count(const struct seen *s, enum sighting_kind kind);
/* The one of @kind about process @pid (LIMIT, END: about the oom that @pid asked for). */
const struct sighting *seen_of(const struct seen *s, enum sighting_kind kind, pid_t pid);

/* What /proc says of a process that stands still. */
struct truth {
	pid_t pid;
	uint32_t uid, ns_pid;
	uint64_t start_ticks;
	int oom_score_adj;
	char comm[TASK_COMM_MAX];
	char memory[512], own[512];           /* paths of its cgroups, as this process sees them */
	uint64_t total_vm, tables, rss, anon; /* bytes */
};

void truth_read(struct truth *t, pid_t pid);
/* Identity: everything but cgroups and sizes. */
void truth_same_task(const struct truth *t, const struct task_id *id);
void truth_same_victim(const struct truth *t, const struct seen *s, const struct sighting *v);
/* In a machine exactly; elsewhere as exactly as the kernel allows. */
void truth_same_sizes(const struct seen *s, const struct truth *t, const struct sighting *v);
/* @c is the scratch cgroup @path (v1, v2), and is shown as such. */
void truth_same_cgroup(const struct seen *s, const struct sighting *v, const struct cgroup_id *c,
		       const char *path);
