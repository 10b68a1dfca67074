/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Small files of a cgroup, held open and read again and again
 */
#include <stddef.h>

#define COUNTER_TEXT_MAX 1024 /* today's kernels print under 200 bytes; new keys may come */

/*
 * Reads the file behind @fd from its beginning into @text, which has @size bytes, and ends it with a
 * NUL. Returns 0, -EFBIG if the text does not fit (a number may be cut then, so none is to be
 * believed), -ENODEV if the cgroup was removed or the controller switched off, or another negated
 * errno. Whatever it returns but 0, @text is not to be used.
 */
int counter_file_read(int fd, char *text, size_t size);
