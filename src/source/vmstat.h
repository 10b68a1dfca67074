/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stdint.h>

/*
 * How many processes the kernel has killed on this host: oom_kill of vmstat in the directory @proc. It is not
 * of any namespace. Returns 0, -ENOENT if this kernel does not count them, or another negated errno.
 */
int vmstat_kills(const char *proc, uint64_t *ret);
