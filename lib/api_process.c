/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/task.h"
#include "lib/api.h"

API uint32_t oomn_process_get_pid(const struct oomn_process *p)
{
	return p ? p->id.pid : 0;
}

API uint32_t oomn_process_get_tid(const struct oomn_process *p)
{
	return p ? p->id.tid : 0;
}

API uint32_t oomn_process_get_ns_pid(const struct oomn_process *p)
{
	return p ? p->id.ns_pid : 0;
}

API uint32_t oomn_process_get_uid(const struct oomn_process *p)
{
	return p ? p->id.uid : OOMN_UID_NONE;
}

API uint64_t oomn_process_get_start(const struct oomn_process *p)
{
	return p ? p->id.start_ns : 0;
}

API const char *oomn_process_get_comm(const struct oomn_process *p)
{
	return p ? p->id.comm : "";
}

API const char *oomn_process_get_cmdline(const struct oomn_process *p)
{
	return p ? p->cmdline : NULL;
}

API const char *oomn_process_get_cgroup(const struct oomn_process *p)
{
	return p ? p->cgroup : NULL;
}

API uint64_t oomn_process_get_cgroup_id(const struct oomn_process *p)
{
	return p ? p->cgroup_id : 0;
}

API const char *oomn_process_get_own_cgroup(const struct oomn_process *p)
{
	return p ? p->own_cgroup : NULL;
}

API uint64_t oomn_process_get_own_cgroup_id(const struct oomn_process *p)
{
	return p ? p->own_cgroup_id : 0;
}

API uint64_t oomn_process_get_bytes(const struct oomn_process *p, uint32_t which)
{
	if (!p)
		return OOMN_BYTES_NONE;
	switch (which) {
	case OOMN_PROCESS_BYTES_TOTAL_VM:
		return p->total_vm_bytes;
	case OOMN_PROCESS_BYTES_ANON:
		return p->anon_bytes;
	case OOMN_PROCESS_BYTES_FILE:
		return p->file_bytes;
	case OOMN_PROCESS_BYTES_SHMEM:
		return p->shmem_bytes;
	case OOMN_PROCESS_BYTES_PAGE_TABLES:
		return p->table_bytes;
	default:
		return OOMN_BYTES_NONE;
	}
}

API int oomn_process_has_exact_bytes(const struct oomn_process *p)
{
	return p && p->exact;
}

API int32_t oomn_process_get_oom_score_adj(const struct oomn_process *p)
{
	return p ? p->oom_score_adj : OOMN_ADJ_NONE;
}
