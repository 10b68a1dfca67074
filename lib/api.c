/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/api.h"

#include <errno.h>
#include <string.h>

#include "lib/monitor.h"

/* No structure is that large: a size that is none is not to be believed. */
#define STRUCT_MAX 4096

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

int api_take_struct(void *ret, size_t known, size_t least, const void *from, size_t size)
{
	const unsigned char *bytes = from;

	if (!from || size < least)
		return -EINVAL;
	if (size > STRUCT_MAX)
		return -E2BIG;
	for (size_t i = known; i < size; i++)
		if (bytes[i] != 0)
			return -E2BIG;
	memset(ret, 0, known);
	memcpy(ret, from, size < known ? size : known);
	return 0;
}

int api_give_struct(void *ret, size_t size, size_t least, const void *from, size_t known)
{
	if (!ret || size < least)
		return -EINVAL;
	if (size > STRUCT_MAX)
		return -E2BIG;
	memset(ret, 0, size);
	memcpy(ret, from, size < known ? size : known);
	return 0;
}
