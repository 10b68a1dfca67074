/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Failing system calls: the linker leads openat(), inotify_add_watch() and epoll_ctl() of everything
 * that is linked statically into the test to here, where they fail when told to.
 */
#include <stdbool.h>

enum fail_call {
	FAIL_OPENAT,  /* EMFILE */
	FAIL_INOTIFY, /* ENOSPC */
	FAIL_EPOLL,   /* ENOSPC */
	FAIL_CALLS,
};

/* The @nth call from now on fails (1: the next one), with @all also those after it. */
void fail_call_arm(enum fail_call call, unsigned nth, bool all);
/* Ends that. Returns whether one has failed. */
bool fail_call_disarm(void);
