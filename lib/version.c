/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "oomnotify.h"

__attribute__((visibility("default"))) const char *oomn_version(void)
{
	return OOMN_VERSION;
}
