/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/api.h"

API const char *oomn_version(void)
{
	return OOMN_VERSION;
}
