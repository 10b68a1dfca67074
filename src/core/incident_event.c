/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/incident_event.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

const char *incident_path(const struct sighting *s, const struct cgroup_id *c)
{
	return c->known && c->whole && !c->outside ? sighting_path(s, c) : NULL;
}

/* Copies @text, if there is one; false without memory. */
static bool copy(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return *to || !text;
}

static struct oomn_process *process(const struct sighting *s, const struct task_id *id,
				    const struct cgroup_id *memory)
{
	struct oomn_process *p = oom_process_new();

	if (!p)
		return NULL;
	p->id = *id;
	p->cgroup_id = memory->known ? memory->id : 0;
	if (!copy(&p->cgroup, incident_path(s, memory)))
		return oom_process_free(p);
	return p;
}

/* Of a thread's id alone nothing is told: a number without a name names nobody. */
static struct oomn_process *victim(const struct sighting *s)
{
	struct oomn_process *p = process(s, &s->task, &s->memory);

	if (!p)
		return NULL;
	p->own_cgroup_id = s->own.known ? s->own.id : 0;
	p->total_vm_bytes = s->total_vm_bytes;
	p->anon_bytes = s->anon_bytes;
	p->file_bytes = s->file_bytes;
	p->shmem_bytes = s->shmem_bytes;
	p->table_bytes = s->table_bytes;
	p->exact = s->exact;
	p->oom_score_adj = s->oom_score_adj;
	if (!copy(&p->own_cgroup, incident_path(s, &s->own)) ||
	    !copy(&p->cmdline, sighting_cmdline(s)))
		return oom_process_free(p);
	return p;
}

static bool add_limit(struct oomn_event *e, const struct sighting *s)
{
	if (!s->limit.known)
		return true;
	e->limit_id = s->limit.outside ? 0 : s->limit.id;
	e->limit_outside = s->limit.outside;
	e->limit_bytes = s->limit_bytes;
	e->usage_bytes = s->usage_bytes;
	e->swap_limit_bytes = s->swap_limit_bytes;
	e->swap_usage_bytes = s->swap_usage_bytes;
	return copy(&e->limit_cgroup, incident_path(s, &s->limit));
}

/* What all records of one oom have in common. */
static struct oomn_event *event_of(const struct sighting *s, enum event_kind kind,
				   uint64_t incident)
{
	struct oomn_event *e = event_new(kind);

	if (!e)
		return NULL;
	e->boottime_ns = s->when_ns;
	e->hierarchy = s->v1 ? HIERARCHY_V1 : HIERARCHY_V2;
	e->evidence = EVIDENCE_BPF;
	e->incident = incident;
	e->constraint = s->constraint;
	e->order = s->in_oom ? s->order : OOM_ORDER_NONE;
	e->total_bytes = s->total_bytes;
	e->trigger = process(s, &s->trigger, &s->trigger_memory);
	return e->trigger && add_limit(e, s) ? e : event_free(e);
}

static bool add_place(struct oomn_event *e, const struct sighting *s, const struct cgroup_id *c)
{
	e->cgroup_id = c->known ? c->id : 0;
	return copy(&e->cgroup, incident_path(s, c));
}

struct oomn_event *incident_oom_event(const struct sighting *s, uint64_t incident)
{
	_cleanup_event_ struct oomn_event *e = event_of(s, EVENT_OOM, incident);

	if (!e)
		return NULL;
	if (s->in_oom)
		e->boottime_ns = s->began_ns;
	if (s->limit.known)
		return add_place(e, s, &s->limit) ? ptr_steal(&e) : NULL;
	e->hierarchy = HIERARCHY_NONE;
	return copy(&e->cgroup, "/") ? ptr_steal(&e) : NULL;
}

struct oomn_event *incident_kill_event(const struct sighting *s, uint64_t incident)
{
	_cleanup_event_ struct oomn_event *e = event_of(s, EVENT_KILL, incident);

	if (!e)
		return NULL;
	e->victim = victim(s);
	return e->victim && add_place(e, s, &s->memory) ? ptr_steal(&e) : NULL;
}

struct oomn_event *incident_collateral_event(const struct sighting *s, uint64_t incident)
{
	struct oomn_event *e = incident_kill_event(s, incident);

	if (e) {
		e->kind = EVENT_COLLATERAL;
		e->shared_with = s->shared_with;
	}
	return e;
}

static const char *kmsg_path(const struct kmsg_path *p)
{
	return p->len > 0 && !p->cut ? p->text : NULL;
}

static void copy_comm(char *to, const struct kmsg_comm *comm)
{
	memcpy(to, comm->text, TASK_COMM_MAX);
	to[TASK_COMM_MAX - 1] = '\0';
}

static struct oomn_process *kmsg_victim(const struct kmsg_kill *k, const char *cgroup)
{
	struct oomn_process *p = oom_process_new();

	if (!p)
		return NULL;
	p->id.pid = (uint32_t)k->pid;
	p->id.uid = k->uid;
	copy_comm(p->id.comm, &k->comm);
	p->total_vm_bytes = k->total_vm_bytes;
	p->anon_bytes = k->anon_rss_bytes;
	p->file_bytes = k->file_rss_bytes;
	p->shmem_bytes = k->shmem_rss_bytes;
	p->table_bytes = k->pgtables_bytes;
	p->oom_score_adj = k->oom_score_adj;
	return copy(&p->cgroup, cgroup) ? p : oom_process_free(p);
}

/* The message has the thread that asked: its comm is that thread's, and whose thread it is, not told. */
static bool add_kmsg_trigger(struct oomn_event *e, const struct kmsg_oom *oom)
{
	if (!oom->trigger_known)
		return true;
	e->trigger = oom_process_new();
	if (!e->trigger)
		return false;
	e->trigger->id.tid = (uint32_t)oom->trigger_pid;
	copy_comm(e->trigger->id.comm, &oom->trigger);
	return true;
}

static enum oom_constraint kmsg_constraint(const struct kmsg_kill *k)
{
	if (k->oom.constraint == OOM_CONSTRAINT_UNKNOWN)
		return k->global ? OOM_CONSTRAINT_UNKNOWN : OOM_CONSTRAINT_MEMCG;
	return k->oom.constraint;
}

struct oomn_event *incident_kmsg_event(const struct kmsg_kill *k, uint64_t incident,
				       uint64_t now_ns)
{
	_cleanup_event_ struct oomn_event *e = event_new(EVENT_KILL);

	if (!e)
		return NULL;
	e->boottime_ns = now_ns;
	e->evidence = EVIDENCE_KMSG;
	e->incident = incident;
	e->constraint = kmsg_constraint(k);
	if (k->oom.constraint != OOM_CONSTRAINT_UNKNOWN && k->oom.trigger_known)
		e->order = k->oom.order;
	e->limit_bytes = k->oom.limit_bytes;
	e->usage_bytes = k->oom.usage_bytes;
	e->swap_limit_bytes = k->oom.memsw_limit_bytes;
	e->swap_usage_bytes = k->oom.memsw_usage_bytes;
	e->victim = kmsg_victim(k, kmsg_path(&k->cgroup));
	e->below = k->cgroup.len == 0;
	if (!e->victim || !add_kmsg_trigger(e, &k->oom) ||
	    !copy(&e->limit_cgroup, kmsg_path(&k->oom.limit_cgroup)) ||
	    !copy(&e->cgroup, k->cgroup.len > 0 ? kmsg_path(&k->cgroup) : kmsg_path(&k->group)))
		return NULL;
	return ptr_steal(&e);
}
