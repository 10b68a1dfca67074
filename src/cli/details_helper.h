/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A process that reads for us what can hang, and is killed when it does
 *
 * It holds nothing of ours open but one end of a socket, which ends it when we do, and the directory
 * of the memory hierarchy. Signals that a terminal or a service manager sends to all of a program's
 * processes leave it alone: it ends with its parent.
 *
 * It is forked, not executed anew. What its parent changes later is copied page by page, so that one
 * that is made at the very start, when there is next to nothing, costs the least.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/event.h"

struct details_helper {
	int fd;    /* our end: packets of details_wire.h; -1: there is no process */
	int pidfd; /* readable when it has ended */
};

#define DETAILS_HELPER_NULL                                                                        \
	{                                                                                          \
		.fd = -1, .pidfd = -1                                                              \
	}

/* Where it reads: details_reader.h. */
struct details_place {
	int root_fd;
	enum hierarchy hierarchy;
	char *proc;
};

/* Returns 0 or a negated errno. */
int details_helper_start(struct details_helper *ret, const struct details_place *place);
/*
 * Kills it, whatever it does, and hands over the descriptor that details_helper_reap() takes, since
 * it may yet be held up in the kernel. There is no process left in @h.
 */
int details_helper_kill(struct details_helper *h);
/* Whether the process is gone for good; then @pidfd is closed. Never waits. */
bool details_helper_reap(int pidfd);
