/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Lists of kinds, as in --kinds=oom,kill
 */
#include <stddef.h>
#include <stdint.h>

#include "include/oomnotify.h"

/* What the helpers of cli/details.h find: no event of the library's. */
#define KIND_DETAILS ((uint32_t)OOMN_ALL + 1)
#define KINDS_ALL ((uint32_t)OOMN_ALL | KIND_DETAILS)

/* The word that is none, within the list. */
struct kinds_bad {
	const char *word;
	size_t n; /* 0: there is nothing between two commas */
};

enum {
	KINDS_E_UNKNOWN = 1,
};

/* The name of one bit of KINDS_ALL. */
const char *kinds_name(uint32_t kind);
/* Returns 0 and the bits of @list, OOMN_* and KIND_DETAILS, or KINDS_E_UNKNOWN and where. */
int kinds_parse(const char *list, uint32_t *ret, struct kinds_bad *ret_bad);
