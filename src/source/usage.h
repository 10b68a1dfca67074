/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Source of usage thresholds on cgroup v2: memory.current, sampled
 *
 * cgroup v2 tells nobody that usage crossed a number. So as long as somebody has a threshold on a
 * cgroup its usage is read again and again, at a pace that follows the distance to the nearest threshold and
 * the speed at which usage moves (core/threshold.h): every 5 ms where a threshold is near, every 100 ms
 * where none is. Where nobody listens nothing is read and no timer is set.
 *
 *   within 10 ms    a crossing by a usage that moves by no more than 1 GiB/s, or than twice as quickly as it
 *                   was just seen to: then it was read at most 5 ms ago
 *   within 105 ms   any other, such as the exit of a large process far from the threshold
 *
 * That is when the owner of the epoll instance dispatches at once, and while all of this takes less than
 * a tenth of a CPU; beyond that usage_notice() says that it is slower.
 *
 * Up and down (or a process that came and went) between two samples gives its two signals if
 * memory.peak shows it: with Linux 6.12 and later and the right to write that file each time, unless
 * another process resets it in between (a second monitor on the same cgroup does: the kernel then forgets
 * the peak for all); from 5.19 on, or without the right, only where it was the cgroup's highest usage
 * ever. Down and up cannot be seen.
 *
 * Memory and swap together (v1's memsw) are memory.current + memory.swap.current, read one after the
 * other. A page that is swapped out in between counts twice, one that is in the swap cache too.
 * memory.peak says of the sum only what memory alone had.
 *
 * Wakeups, which only make the next sample come within 5 ms: memory.events changed (usage is at a limit);
 * tasks stall for want of memory (PSI). PSI triggers with a window of less than 2 s need
 * CAP_SYS_RESOURCE, and longer ones say nothing that the next sample does not say earlier, so who may not
 * have one does without.
 *
 * Costs. A cgroup: descriptors for its directory, memory.current, memory.peak, memory.events, and
 * memory.swap.current while somebody asks for swap: 4 or 5. The first USAGE_PSI_MAX cgroups one more,
 * and a kernel thread each, which sleeps while nothing stalls. Only the first two and swap are needed;
 * the others are left out when descriptors are short. A sample: 2 or 3 reads, and a write when a peak is
 * used up.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/listener.h"
#include "source/host.h"

#define USAGE_PSI_MAX 64

struct usage;
struct usage_watch;

enum {
	USAGE_E_QUOTA = 1, /* as many cgroups as there may be */
};

struct usage_args {
	int epoll_fd;                   /* borrowed; its data.ptr is a struct source_io */
	const struct cgroup_host *host; /* borrowed */
	struct registry *registry;      /* borrowed */
	size_t cgroups_max;
};

/* Returns 0 or a negated errno. */
int usage_open(struct usage **ret, const struct usage_args *args);
/* Ends all watches that are left. Takes NULL; returns NULL. */
struct usage *usage_close(struct usage *u);
/*
 * Signals @l (registry_signal()) when the usage of @at reaches @bytes, rounded down to a page, and when it
 * no longer does. What it is when this returns is no crossing. @swap: usage of memory and swap. 0 and
 * UINT64_MAX, and what is rounded to them, are never crossed. Listeners that were added earlier may be
 * signalled in here. That @at is removed is not told here: then nothing is signalled any more.
 *
 * Returns 0 and a watch to be released with usage_remove() before @l goes; USAGE_E_QUOTA; -EINVAL (the root
 * of the hierarchy), -ENODEV (gone, or no memory files there), -EOPNOTSUPP (@swap: it is not accounted
 * for here), -EACCES, -EMFILE, -ENFILE, -ENOMEM. Then nothing has changed.
 */
int usage_add(struct usage *u, const struct cgroup_at *at, uint64_t bytes, bool swap,
	      struct listener *l, struct usage_watch **ret);
/* Takes NULL. */
void usage_remove(struct usage *u, struct usage_watch *w);
/* Reads all now. */
void usage_read_all(struct usage *u, uint64_t now_ns);
/* To be called after the callbacks of a round, and after all calls above: sets the timer. */
void usage_rearm(struct usage *u);
/* What makes this less than it should be, in words; NULL: nothing. */
const char *usage_notice(const struct usage *u);
