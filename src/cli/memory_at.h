/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "source/host.h"

/*
 * Goes from @at, which the user called @name, to the cgroup that its memory is accounted in: itself,
 * or the nearest above that has memory files. Says that it is another one, and what is done with it
 * (@doing: "watching"; NULL: without a word). Returns 0, or an exit status after saying what is wrong.
 */
int memory_at(const struct cgroup_host *host, const char *name, const char *doing,
	      struct cgroup_at *at);
