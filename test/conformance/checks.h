/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* What a test program on real cgroups found to be as it must, or not: a line for each. */
#include <stdbool.h>
#include <stdint.h>

void check(bool ok, const char *what);
void check_count(const char *who, uint64_t got, uint64_t wanted);
/* Whether any of them was not. */
bool checks_failed(void);
