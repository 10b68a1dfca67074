/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/json_value.h"

/* An empty name is one too, but of a process that was not seen it is none. */
static json_t *comm(const struct task_id *id)
{
	return id->comm[0] == '\0' && id->pid == 0 ? json_null() : json_name(id->comm);
}

static int put_id(json_t *object, const struct oomn_process *p)
{
	int r = 0;

	r |= json_put(object, "pid", json_number_unless(p->id.pid, 0));
	r |= json_put(object, "tid", json_number_unless(p->id.tid, 0));
	r |= json_put(object, "ns_pid", json_number_unless(p->id.ns_pid, 0));
	r |= json_put(object, "uid", json_number_unless(p->id.uid, UID_NONE));
	r |= json_put(object, "comm", comm(&p->id));
	r |= json_put(object, "start_ns", json_number_unless(p->id.start_ns, 0));
	r |= json_put(object, "cgroup", json_name(p->cgroup));
	r |= json_put(object, "cgroup_id", json_number_unless(p->cgroup_id, 0));
	return r;
}

/* Of sizes that are not known, neither is how exact they are. */
static json_t *exact(const struct oomn_process *p)
{
	bool known = p->anon_bytes != BYTES_NONE || p->file_bytes != BYTES_NONE ||
		     p->shmem_bytes != BYTES_NONE;

	return known ? json_boolean(p->exact) : json_null();
}

static json_t *oom_score_adj(const struct oomn_process *p)
{
	return p->oom_score_adj == OOM_ADJ_NONE ? json_null() : json_integer(p->oom_score_adj);
}

json_t *json_trigger(const struct oomn_process *p)
{
	json_t *object;

	if (!p)
		return json_null();
	object = json_object();
	return json_object_if(object, put_id(object, p));
}

json_t *json_victim(const struct oomn_process *p)
{
	json_t *object;
	int r;

	if (!p)
		return json_null();
	object = json_object();
	r = put_id(object, p);
	r |= json_put(object, "oom_score_adj", oom_score_adj(p));
	r |= json_put(object, "total_vm_bytes", json_bytes(p->total_vm_bytes));
	r |= json_put(object, "anon_bytes", json_bytes(p->anon_bytes));
	r |= json_put(object, "file_bytes", json_bytes(p->file_bytes));
	r |= json_put(object, "shmem_bytes", json_bytes(p->shmem_bytes));
	r |= json_put(object, "page_table_bytes", json_bytes(p->table_bytes));
	r |= json_put(object, "exact", exact(p));
	r |= json_put(object, "own_cgroup", json_name(p->own_cgroup));
	r |= json_put(object, "own_cgroup_id", json_number_unless(p->own_cgroup_id, 0));
	r |= json_put(object, "cmdline", json_name(p->cmdline));
	return json_object_if(object, r);
}
