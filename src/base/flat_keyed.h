/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Flat keyed files: lines of "KEY VALUE\n" (Documentation/admin-guide/cgroup-v2.rst, "Format")
 *
 * memory.events, memory.stat, v1's memory.oom_control and /proc/vmstat look like this. The kernel
 * adds keys at will, so a reader asks by key and never by line number.
 */
#include <stdint.h>

enum {
	FLAT_KEYED_E_NO_KEY = 1, /* the text is fine, but has no such key */
};

/*
 * Stores the value of @key in @text (NUL-terminated).
 * Returns 0, FLAT_KEYED_E_NO_KEY, -EBADMSG when the line of that key holds no plain decimal
 * number, or -ERANGE when the number does not fit into 64 bits.
 */
int flat_keyed_u64(const char *text, const char *key, uint64_t *ret);
