/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Error convention of the whole tree
 *
 *   0    done
 *   < 0  a negated errno: fatal here, handed on unchanged
 *   > 0  MODULE_E_*: listed in that module's header, handled by the direct caller, never handed on
 */
#include <errno.h>

/* The negated errno of the call that just failed. Never 0, even if errno was not set. */
static inline int errno_neg(void)
{
	return errno > 0 ? -errno : -EIO;
}
