/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/details.h"

#include <stdlib.h>

struct oom_details *oom_details_new(void)
{
	struct oom_details *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->limit_bytes = d->usage_bytes = d->peak_bytes = BYTES_NONE;
	d->stat = (struct details_stat){ BYTES_NONE, BYTES_NONE, BYTES_NONE,
					 BYTES_NONE, BYTES_NONE, BYTES_NONE };
	return d;
}

struct oom_details *oom_details_free(struct oom_details *d)
{
	if (d) {
		free(d->cmdline);
		free(d->exe);
		free(d->cgroup);
		free(d);
	}
	return NULL;
}
