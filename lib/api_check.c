/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "lib/api.h"
#include "lib/monitor.h"

int api_check(const struct oomn_monitor *m)
{
	if (!m)
		return -EINVAL;
	return monitor_is_foreign(m) ? -ECHILD : 0;
}

int api_host_error(int r)
{
	switch (r) {
	case HOST_E_NO_CGROUPS:
	case HOST_E_NO_MEMORY:
	case HOST_E_NO_SUCH_CGROUP: /* removed since its directory was opened */
	case HOST_E_NO_PROC:
		return -ENODEV;
	case HOST_E_NOT_A_CGROUP:
	case HOST_E_BAD_NAME:
		return -EINVAL;
	case HOST_E_WRONG_HIERARCHY:
	case HOST_E_OTHER_MOUNT:
		return -EXDEV;
	case HOST_E_NO_SUCH_PROCESS:
		return -ESRCH;
	case HOST_E_NO_PERMISSION:
		return -EACCES;
	default:
		return r;
	}
}

int api_find(const struct oomn_monitor *m, int fd, struct cgroup_at *ret)
{
	return api_host_error(cgroup_host_find(monitor_host(m), fd, ret));
}
