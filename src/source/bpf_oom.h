/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The BPF programs of bpf/oom.bpf.c: loaded at the best level that the kernel allows, and what they see
 *
 *   fentry      an oom as it begins and as it ends, and each victim
 *   kprobe      the same, by the kernel's older way of hooking a function
 *   tracepoint  each victim alone: whose limit it was is not seen
 *   none
 *
 * A level is found out by trying it, and by nothing else. How mark_victim is called, and what the
 * kernel's structures look like, is read from the kernel's own type information (BTF).
 *
 * Records wait in a ring in the kernel. One that finds it full is dropped and counted. Nothing here
 * blocks; after opening, nothing allocates.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/victim.h"

struct bpf_oom;

/* From the best one down. */
enum bpf_oom_level {
	BPF_OOM_FENTRY,
	BPF_OOM_KPROBE,
	BPF_OOM_TRACEPOINT,
	BPF_OOM_LEVELS,
	BPF_OOM_NONE = BPF_OOM_LEVELS,
};

enum bpf_oom_tried {
	BPF_OOM_UNTRIED,
	BPF_OOM_WORKS,
	BPF_OOM_FAILED,
};

#define BPF_OOM_WHY 200

/* What is known of this kernel and this process. Given again, what has failed is not tried again. */
struct bpf_oom_report {
	enum bpf_oom_level
		level; /* the best one that works; NONE: none does, or nothing was tried */
	struct {
		enum bpf_oom_tried tried;
		char why[BPF_OOM_WHY]; /* FAILED: in words */
	} levels[BPF_OOM_LEVELS];
	bool victim_is_task; /* mark_victim gives a task; else a thread's id, as on 5.10 */
};

/* "fentry", "kprobe", "tracepoint", "none" */
const char *bpf_oom_level_name(enum bpf_oom_level level);

#define BPF_OOM_RING_BYTES (256U * 1024)

struct bpf_oom_options {
	uint32_t ring_bytes; /* 0: BPF_OOM_RING_BYTES; rounded up to a power of two of pages */
	enum bpf_oom_level highest; /* none above this is tried */
	/*
	 * Inode numbers of the directories that paths begin at: the visible roots of memory's hierarchy
	 * on v1, and of v2's. 0: the real root.
	 */
	uint64_t root_v1;
	uint64_t root_v2;
	bool loud; /* lets libbpf print what it has to say, as libbpf_set_print() has it */
};

enum {
	BPF_OOM_E_NONE = 1, /* open(): no level works here; the report says why */
};

/*
 * Loads and attaches the programs. From its return on every victim is seen. @report is both read and
 * written, also on failure; at first it is all zero. Returns 0, BPF_OOM_E_NONE or -ENOMEM.
 */
int bpf_oom_open(struct bpf_oom **ret, const struct bpf_oom_options *options,
		 struct bpf_oom_report *report);
/* Tries each level by itself and leaves nothing attached. Returns 0 or -ENOMEM. */
int bpf_oom_probe(struct bpf_oom_report *report);
/* Detaches, and drops what is still in the ring. Takes NULL; returns NULL. */
struct bpf_oom *bpf_oom_close(struct bpf_oom *b);

/* The descriptor to poll: EPOLLIN as long as there is a record. It belongs to @b. */
int bpf_oom_fd(const struct bpf_oom *b);
/*
 * Takes the oldest record. Returns 1 and a sighting that is @b's, until the next call; 0 if there is
 * none; -EBADMSG for a record that makes no sense, which is gone then.
 */
int bpf_oom_next(struct bpf_oom *b, const struct sighting **ret);
/* How many sightings of @kind the ring had no room for so far. */
uint64_t bpf_oom_lost(const struct bpf_oom *b, enum sighting_kind kind);
