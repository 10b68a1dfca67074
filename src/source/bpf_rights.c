/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CAP_BPF loads programs, CAP_PERFMON lets them read the kernel's memory and hook its functions: both
 * were split off from CAP_SYS_ADMIN in 5.8, which still stands for either.
 */
#include "source/bpf_rights.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text_file.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

static bool has(uint64_t effective, unsigned capability)
{
	return effective >> capability & 1;
}

bool bpf_rights_suffice(uint64_t effective, char *why, size_t size)
{
	bool bpf = has(effective, CAP_BPF), perfmon = has(effective, CAP_PERFMON);
	const char *missing = "CAP_BPF and CAP_PERFMON";

	if (has(effective, CAP_SYS_ADMIN) || (bpf && perfmon))
		return true;
	if (bpf || perfmon)
		missing = bpf ? "CAP_PERFMON" : "CAP_BPF";
	if (why)
		(void)snprintf(why, size, "%s %s missing", missing, bpf || perfmon ? "is" : "are");
	return false;
}

uint64_t bpf_rights_effective(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return 0;
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

/* Lockdown's strictest mode forbids programs to read the kernel's memory, to root as well. */
static bool locked_down(void)
{
	_cleanup_free_ char *text = NULL;

	if (text_file_read(AT_FDCWD, "/sys/kernel/security/lockdown", 4096, &text, NULL) < 0)
		return false;
	return strstr(text, "[confidentiality]") != NULL;
}

/* The numbers of a user namespace that is the initial one are not mapped: 0 0 4294967295. */
static bool in_user_namespace(void)
{
	_cleanup_free_ char *text = NULL;
	unsigned inside, outside, count;

	if (text_file_read(AT_FDCWD, "/proc/self/uid_map", 4096, &text, NULL) < 0)
		return false;
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own three numbers */
	return sscanf(text, "%u %u %u", &inside, &outside, &count) != 3 || inside != 0 ||
	       outside != 0 || count != UINT32_MAX;
}

const char *bpf_rights_obstacle(uint64_t ring_bytes)
{
	struct rlimit limit;

	if (in_user_namespace())
		return "capabilities of a user namespace do not count here";
	if (locked_down())
		return "the kernel is locked down (confidentiality)";
	/* Before 5.11 maps are charged to this limit, which libbpf has tried to raise. */
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur < 2 * ring_bytes)
		return "RLIMIT_MEMLOCK is too low and could not be raised (CAP_SYS_RESOURCE)";
	return NULL;
}
