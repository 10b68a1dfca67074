/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/memory_at.h"

#include <string.h>

#include "cli/host_error.h"
#include "cli/say.h"
#include "cli/status.h"

int memory_at(const struct cgroup_host *host, const char *name, const char *doing,
	      struct cgroup_at *at)
{
	const struct cgroup_mount *mount = at->hierarchy == HIERARCHY_V1 ? &host->v1 : &host->v2;
	_cleanup_at_ struct cgroup_at nearest = CGROUP_AT_NULL;
	const struct shown shown = host_error_show(at->path);
	int r = cgroup_host_nearest_memory(host, at, &nearest);

	if (r == HOST_E_NO_MEMORY) {
		say("the memory controller is enabled neither for %s nor above it: write +memory "
		    "to %s/cgroup.subtree_control, and so on down to it",
		    shown.text, mount->where);
		return STATUS_FAILURE;
	}
	if (r != 0)
		return host_error_say(host, name, r);
	if (strcmp(nearest.path, at->path) != 0 && doing)
		say("the memory controller is not enabled for %s, whose memory is accounted in %s: "
		    "%s that",
		    shown.text, host_error_show(nearest.path).text, doing);
	cgroup_at_close(at);
	*at = nearest;
	nearest = (struct cgroup_at)CGROUP_AT_NULL;
	return 0;
}
