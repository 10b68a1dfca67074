/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/task.h"

#include <stdlib.h>

const char *oom_constraint_name(enum oom_constraint c)
{
	static const char *const names[OOM_CONSTRAINT_MAX] = {
		[OOM_CONSTRAINT_NONE] = "none",
		[OOM_CONSTRAINT_CPUSET] = "cpuset",
		[OOM_CONSTRAINT_MEMORY_POLICY] = "mempolicy",
		[OOM_CONSTRAINT_MEMCG] = "memcg",
	};

	return names[c];
}

struct oomn_process *oom_process_new(void)
{
	struct oomn_process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->id.uid = UID_NONE;
	p->total_vm_bytes = p->anon_bytes = p->file_bytes = BYTES_NONE;
	p->shmem_bytes = p->table_bytes = BYTES_NONE;
	p->oom_score_adj = OOM_ADJ_NONE;
	return p;
}

struct oomn_process *oom_process_free(struct oomn_process *p)
{
	if (p) {
		free(p->cgroup);
		free(p->own_cgroup);
		free(p->cmdline);
		free(p);
	}
	return NULL;
}
