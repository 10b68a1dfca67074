/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "include/oomnotify.h"
#include "sink/json_value.h"

/* An empty name is one too, but of a process that was not seen it is none. */
static json_t *comm(const struct oomn_process *p)
{
	const char *name = oomn_process_get_comm(p);

	return name[0] == '\0' && oomn_process_get_pid(p) == 0 ? json_null() : json_name(name);
}

static int put_id(json_t *object, const struct oomn_process *p)
{
	int r = 0;

	r |= json_put(object, "pid", json_number_unless(oomn_process_get_pid(p), 0));
	r |= json_put(object, "tid", json_number_unless(oomn_process_get_tid(p), 0));
	r |= json_put(object, "ns_pid", json_number_unless(oomn_process_get_ns_pid(p), 0));
	r |= json_put(object, "uid", json_number_unless(oomn_process_get_uid(p), OOMN_UID_NONE));
	r |= json_put(object, "comm", comm(p));
	r |= json_put(object, "start_ns", json_number_unless(oomn_process_get_start(p), 0));
	r |= json_put(object, "cgroup", json_name(oomn_process_get_cgroup(p)));
	r |= json_put(object, "cgroup_id", json_number_unless(oomn_process_get_cgroup_id(p), 0));
	return r;
}

static json_t *bytes(const struct oomn_process *p, uint32_t which)
{
	return json_bytes(oomn_process_get_bytes(p, which));
}

/* Of sizes that are not known, neither is how exact they are. */
static json_t *exact(const struct oomn_process *p)
{
	bool known = oomn_process_get_bytes(p, OOMN_PROCESS_BYTES_ANON) != OOMN_BYTES_NONE ||
		     oomn_process_get_bytes(p, OOMN_PROCESS_BYTES_FILE) != OOMN_BYTES_NONE ||
		     oomn_process_get_bytes(p, OOMN_PROCESS_BYTES_SHMEM) != OOMN_BYTES_NONE;

	return known ? json_boolean(oomn_process_has_exact_bytes(p)) : json_null();
}

static json_t *oom_score_adj(const struct oomn_process *p)
{
	int32_t adj = oomn_process_get_oom_score_adj(p);

	return adj == OOMN_ADJ_NONE ? json_null() : json_integer(adj);
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
	r |= json_put(object, "total_vm_bytes", bytes(p, OOMN_PROCESS_BYTES_TOTAL_VM));
	r |= json_put(object, "anon_bytes", bytes(p, OOMN_PROCESS_BYTES_ANON));
	r |= json_put(object, "file_bytes", bytes(p, OOMN_PROCESS_BYTES_FILE));
	r |= json_put(object, "shmem_bytes", bytes(p, OOMN_PROCESS_BYTES_SHMEM));
	r |= json_put(object, "page_table_bytes", bytes(p, OOMN_PROCESS_BYTES_PAGE_TABLES));
	r |= json_put(object, "exact", exact(p));
	r |= json_put(object, "own_cgroup", json_name(oomn_process_get_own_cgroup(p)));
	r |= json_put(object, "own_cgroup_id",
		      json_number_unless(oomn_process_get_own_cgroup_id(p), 0));
	r |= json_put(object, "cmdline", json_name(oomn_process_get_cmdline(p)));
	return json_object_if(object, r);
}
