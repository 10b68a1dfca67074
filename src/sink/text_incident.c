/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who died, who asked for memory, whose limit it was: what a named event says
 *
 * Three cgroups belong to a kill: the victim's is in the column of its line, that of the limit and
 * that of the trigger stand in the words where they are others than the one in the column.
 */
#include <inttypes.h>
#include <string.h>

#include "core/cgroup_identity.h"
#include "sink/text_words.h"

#define ID_SHOWN 12 /* digits of a container's id, as the tools of containers show it */

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* Messages of the kernel have the thread that asked, and the process that was killed. */
static bool is_itself(const struct oomn_process *trigger, const struct oomn_process *victim)
{
	if (!victim)
		return false;
	if (trigger->id.pid != 0 && victim->id.pid != 0)
		return trigger->id.pid == victim->id.pid;
	return trigger->id.tid != 0 &&
	       (trigger->id.tid == victim->id.tid || trigger->id.tid == victim->id.pid);
}

/* The process, or, where the kernel gave that alone, the thread that was seen of it. */
static void put_process(struct words *w, const struct task_id *id)
{
	if (id->pid == 0 && id->tid != 0)
		fprintf(w->f, "thread %" PRIu32 "%s", id->tid, id->comm[0] != '\0' ? " " : "");
	else if (id->pid == 0 && id->comm[0] == '\0')
		fputs("a process that is not known", w->f);
	words_process(w, id->pid, id->comm);
}

void words_trigger(struct words *w, const struct oomn_event *e)
{
	const struct oomn_process *t = e->trigger;

	if ((!t && e->order != ORDER_SYSRQ) || (w->told & TOLD_TRIGGER))
		return;
	words_part(w);
	if (e->order == ORDER_SYSRQ) {
		fputs("asked for by SysRq", w->f);
		return;
	}
	fputs("asked for by ", w->f);
	if (is_itself(t, e->victim)) {
		fputs("itself", w->f);
		return;
	}
	put_process(w, &t->id);
	if (same(t->cgroup, e->cgroup))
		return;
	if (t->cgroup) {
		fputs(" in ", w->f);
		words_name(w, t->cgroup);
	} else {
		fputs(" in a cgroup that is not known", w->f);
	}
}

static void put_who(struct words *w, const struct oomn_event *e)
{
	const struct oomn_process *v = e->victim;

	words_part(w);
	put_process(w, &v->id);
	if (e->kind == EVENT_COLLATERAL && e->shared_with != 0) {
		words_part(w);
		fprintf(w->f, "shared the memory of %" PRIu32, e->shared_with);
	}
	if (v->id.uid != UID_NONE) {
		words_part(w);
		fprintf(w->f, "uid %" PRIu32, v->id.uid);
	}
	if (v->oom_score_adj != OOM_ADJ_NONE && v->oom_score_adj != 0) {
		words_part(w);
		fprintf(w->f, "adj %d", v->oom_score_adj);
	}
	if (v->id.ns_pid != 0 && v->id.pid != 0 && v->id.ns_pid != v->id.pid) {
		words_part(w);
		fprintf(w->f, "pid %" PRIu32 " in its namespace", v->id.ns_pid);
	}
}

static void put_sizes(struct words *w, const struct oomn_process *v)
{
	const struct {
		const char *what;
		const char *about;
		uint64_t bytes;
	} sizes[] = {
		{ "anon", "anon about", v->anon_bytes },    { "file", "file about", v->file_bytes },
		{ "shmem", "shmem about", v->shmem_bytes }, { "page tables", NULL, v->table_bytes },
		{ "total vm", NULL, v->total_vm_bytes },
	};

	words_paragraph(w);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		words_size_part(w, v->exact || !sizes[i].about ? sizes[i].what : sizes[i].about,
				sizes[i].bytes);
}

static void put_own_cgroup(struct words *w, const struct oomn_event *e)
{
	const struct oomn_process *v = e->victim;
	bool v1 = e->hierarchy == HIERARCHY_V1;

	/* Where memory is in v1, the v2 hierarchy is often mounted without being used. */
	if (!v->own_cgroup || same(v->own_cgroup, e->cgroup) || (v1 && same(v->own_cgroup, "/")))
		return;
	words_paragraph(w);
	words_part(w);
	fputs(v1 ? "itself in cgroup v2 " : "itself in ", w->f);
	words_name(w, v->own_cgroup);
}

static void put_span(struct words *w, const char *what, struct path_span s)
{
	if (s.len == 0)
		return;
	words_part(w);
	fprintf(w->f, "%s ", what);
	words_name_n(w, s.at, s.len);
}

static void put_container(struct words *w, const char *what, const struct cgroup_container *c)
{
	const char *runtime = cgroup_runtime_name(c->runtime);
	/* LXC's and machines' are names, of which a part is not enough. */
	bool digits = c->runtime < CGROUP_RUNTIME_LXC && c->id.len > ID_SHOWN;

	put_span(w, what, (struct path_span){ c->id.at, digits ? ID_SHOWN : c->id.len });
	if (c->id.len > 0 && runtime)
		fprintf(w->f, " (%s)", runtime);
}

/* systemd's scope around a container has the container's whole id in its name, and says no more. */
static bool holds(struct path_span outer, struct path_span inner)
{
	return outer.len > 0 && inner.len > 0 && inner.at >= outer.at &&
	       inner.at < outer.at + outer.len;
}

static void put_identity(struct words *w, const char *cgroup)
{
	struct cgroup_identity id;

	if (!cgroup)
		return;
	cgroup_identity_parse(cgroup, &id);
	words_paragraph(w);
	if (id.pod_uid[0] != '\0') {
		words_part(w);
		fprintf(w->f, "pod %s (%s)", id.pod_uid, pod_qos_name(id.qos));
	}
	put_container(w, "container", &id.container);
	put_span(w, "its unit", id.inner_unit);
	put_container(w, "in container", &id.outer);
	if (!holds(id.unit, id.container.id) && !holds(id.unit, id.outer.id) &&
	    !holds(id.unit, id.session))
		put_span(w, "unit", id.unit);
	if (!holds(id.user_unit, id.container.id) && !holds(id.user_unit, id.outer.id))
		put_span(w, "user unit", id.user_unit);
	put_span(w, "session", id.session);
}

void words_of_victim(struct words *w, const struct oomn_event *e)
{
	const struct oomn_process *v = e->victim;

	put_who(w, e);
	/* A collateral's sizes are those of the victim, whose memory it is. */
	if (e->kind != EVENT_COLLATERAL)
		put_sizes(w, v);
	words_paragraph(w);
	words_trigger(w, e);
	words_limit(w, e);
	put_own_cgroup(w, e);
	put_identity(w, e->cgroup);
	words_command(w, v->cmdline);
}
