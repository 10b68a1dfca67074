/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"

#include <inttypes.h>
#include <stdio.h>

static bool failed;

void check(bool ok, const char *what)
{
	printf("\t%s %s\n", ok ? "ok" : "NOT OK", what);
	failed |= !ok;
}

void check_count(const char *who, uint64_t got, uint64_t wanted)
{
	printf("\t%s %s: %" PRIu64, got == wanted ? "ok" : "NOT OK", who, got);
	if (got != wanted)
		printf(" instead of %" PRIu64, wanted);
	printf("\n");
	failed |= got != wanted;
}

bool checks_failed(void)
{
	return failed;
}
