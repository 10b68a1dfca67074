/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/fd.h"
#include "lib/api.h"

/* What is wrong with a name says more than the same of a descriptor. */
static int name_error(int r)
{
	switch (r) {
	case HOST_E_NO_SUCH_CGROUP:
		return -ENOENT;
	case HOST_E_NOT_A_CGROUP:
		return -ENOTDIR;
	default:
		return api_host_error(r);
	}
}

API int oomn_cgroup_open(const char *name, uint32_t flags)
{
	_cleanup_host_ struct cgroup_host host = CGROUP_HOST_NULL;
	_cleanup_at_ struct cgroup_at at = CGROUP_AT_NULL, nearest = CGROUP_AT_NULL;
	int r;

	if (!name || (flags & ~(uint32_t)OOMN_CGROUP_NEAREST))
		return -EINVAL;
	r = cgroup_host_open(&host, "/proc");
	if (r == 0)
		r = cgroup_host_resolve(&host, name, &at);
	if (r != 0)
		return name_error(r);
	if (!(flags & OOMN_CGROUP_NEAREST))
		return fd_steal(&at.fd);
	r = cgroup_host_nearest_memory(&host, &at, &nearest);
	if (r == HOST_E_NO_MEMORY)
		return -ENOENT;
	return r != 0 ? name_error(r) : fd_steal(&nearest.fd);
}
