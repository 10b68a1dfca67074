/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Lists of kinds, as in --kinds=oom,kill
 */
#include <stddef.h>

/* The word that is none, within the list. */
struct kinds_bad {
	const char *word;
	size_t n; /* 0: there is nothing between two commas */
};

enum {
	KINDS_E_UNKNOWN = 1,
};

/* Returns 0 and the EVENT_MASK bits of @list, or KINDS_E_UNKNOWN and where. */
int kinds_parse(const char *list, unsigned *ret, struct kinds_bad *ret_bad);
