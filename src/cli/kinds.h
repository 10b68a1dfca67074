/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Lists of kinds, as in --kinds=oom,kill
 */

/* Returns 0 and the EVENT_MASK bits of @list, or -1 after saying what is wrong with @option. */
int kinds_parse(const char *option, const char *list, unsigned *ret);
