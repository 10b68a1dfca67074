/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Small text files of the kernel, read whole
 *
 * Files in /proc and in cgroups have no size to ask for and may hand out their text in pieces.
 */
#include <stddef.h>

/*
 * Reads @path, taken from the directory @dirfd (or AT_FDCWD), to its end. The text is NUL-terminated,
 * a NUL inside of it stays where it is. @ret_n may be NULL. Returns 0 and a heap string, -EFBIG for
 * more than @max bytes, or a negated errno.
 */
int text_file_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_n);
