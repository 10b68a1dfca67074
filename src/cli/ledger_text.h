/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "include/oomnotify.h"

/*
 * Prints the ledger on standard error: a table of the counted kinds in @kinds, and the verdict in
 * words. @unsettled: why the last reading did not come to its end, so that a difference is no proof
 * of anything; NULL if it did. Nothing is printed if @only_unbalanced and all is balanced. Returns
 * an exit status.
 */
int ledger_print(const struct oomn_balance *b, uint32_t kinds, const char *unsettled,
		 bool only_unbalanced);
