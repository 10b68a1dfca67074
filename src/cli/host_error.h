/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What can go wrong with a name, in words that say what to do
 */
#include "source/host.h"

/* Longer names are cut in messages: a path may have 4096 bytes. */
#define HOST_ERROR_NAME_MAX 160

/* A name as it stands in a message. */
struct shown {
	char text[HOST_ERROR_NAME_MAX + sizeof("''...")];
};

struct shown host_error_show(const char *name);

/*
 * Says what @r, a HOST_E_* or a negated errno of a function in source/host.h, means for @name (NULL:
 * for the host as such). Returns the exit status to end with.
 */
int host_error_say(const struct cgroup_host *host, const char *name, int r);
/* The same for what monitor_add() and monitor_add_host() return. */
int host_error_say_add(const char *path, int r);
