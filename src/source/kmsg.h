/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * /dev/kmsg: names for kills where BPF is not to be had
 *
 * One descriptor to poll for EPOLLIN; then kmsg_next() until it says that there is no more. What comes
 * out is what core/kmsg_oom.h makes of the records: names, never counts. The kernel's ring overwrites
 * what is not read in time, and a process that may write to /dev/kmsg can make it do so, but not forge
 * a kill.
 *
 * Reading needs CAP_SYSLOG where kernel.dmesg_restrict is 1, as on Debian. The messages are the whole
 * machine's: in a container they tell of others, with pids and paths as the host sees them.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/kmsg_oom.h"

enum {
	KMSG_E_EMPTY = 1, /* nothing more for now: poll */
	KMSG_E_AGAIN, /* many records were read and none was a kill: call again, in the next round */
};

struct kmsg {
	int fd; /* to poll; not to be read by others */
	uint64_t next_seq;
	bool seq_known;
	uint64_t lost; /* records that were overwritten before we read them, or could not be read */
	struct kmsg_decoder decoder;
};

/*
 * Starts to read. Kills that were printed before this call are never told; what went before is looked
 * through once, for how many headers the kernel has printed lately. Returns 0; -EPERM or -EACCES: not
 * allowed; -ENOENT, -ENODEV: there is none, as in a container; or another negated errno.
 */
int kmsg_open(struct kmsg *k);
/* The same with a descriptor of one's own, non-blocking, from which each read gives one record. */
int kmsg_open_fd(struct kmsg *k, int fd);
/*
 * Stores the next kill. Never blocks. Returns 0, KMSG_E_EMPTY, KMSG_E_AGAIN, or a negated errno, after
 * which there is nothing to be had from this descriptor.
 */
int kmsg_next(struct kmsg *k, struct kmsg_kill *ret);
/* Ends it. May be called twice, and on one that was never opened if its fd is -1. */
void kmsg_close(struct kmsg *k);
