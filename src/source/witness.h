/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The witness: who names what the counters count
 *
 * The best of what this kernel and this process's rights allow: BPF programs at one of their levels
 * (bpf_oom.h), else the kernel's messages (kmsg.h), else nothing. What it sees goes to core/incident.h.
 * It has one descriptor in the monitor's epoll instance and wakes nobody while there is no oom.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/incident.h"
#include "core/witness_kind.h"
#include "source/bpf_oom.h"
#include "source/host.h"

struct witness;

#define WITNESS_WHY 320

enum {
	WITNESS_E_UNUSABLE = 1, /* open(): not what was asked for by name */
};

struct witness_args {
	const struct cgroup_host *host;
	struct incidents *incidents;
	int epoll_fd;
};

/*
 * Starts to see. What happens from its return on is seen. @why, of WITNESS_WHY bytes, gets in words why
 * it is not all that there could be, or "". Returns 0, WITNESS_E_UNUSABLE, -ENOMEM, or another negated
 * errno.
 */
int witness_open(struct witness **ret, const struct witness_args *args,
		 const struct witness_options *options, char *why);
/* Takes NULL; returns NULL. */
struct witness *witness_close(struct witness *w);
/* Reads what there is to be seen by now. Returns whether that was all. */
bool witness_drain(struct witness *w, uint64_t now_ns);
/* What is used: "fentry", "kprobe", "tracepoint", "kmsg", or "none". */
const char *witness_level(const struct witness *w);
/* What restricts it right now, in words; NULL: nothing. */
const char *witness_notice(const struct witness *w);
