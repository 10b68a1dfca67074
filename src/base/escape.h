/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Names as text that is safe to print, and from which the name can be got back
 *
 * A cgroup's name may hold any byte but '/' and NUL. Written as `\xHH` (two small hexadecimal
 * digits), byte by byte, are: bytes that are no valid UTF-8; control characters (C0, DEL, and C1,
 * which a terminal takes for an escape as well); characters that break or turn a line around
 * (U+2028, U+2029 and the bidirectional controls), since they make a line show something else than
 * it says; those that take no room, with which two names look alike; and `\` itself, so that every
 * `\` in the text begins such a group.
 */
#include <stddef.h>

enum {
	ESCAPE_ASCII = 1U << 0, /* whatever is not ASCII too: for a terminal that knows no UTF-8 */
};

/* Bytes that the longest result of escape_bytes() for @n bytes takes, the NUL included. */
#define ESCAPE_ROOM(n) (4 * (n) + 1)

/*
 * Writes @n bytes of @s to @ret, which has room for ESCAPE_ROOM(n), and ends them with NUL. Returns
 * the length of what was written, without the NUL.
 */
size_t escape_bytes(const char *s, size_t n, unsigned flags, char *ret);
/* The same for a string, on the heap; NULL without memory. */
char *escape_name(const char *name, unsigned flags);
