/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "core/balance.h"
#include "include/oomnotify.h"

/* Stores @b in the caller's structure of @size bytes. Returns 0 or -EINVAL. */
int api_give_balance(struct oomn_balance *ret, size_t size, const struct balance *b,
		     uint64_t signals_lost);
