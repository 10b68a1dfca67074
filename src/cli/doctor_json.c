/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The report for programs: one JSON object. Its keys, and the ids of notes and sources, are a promise;
 * what could not be looked at, or means nothing here, is null.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/fd.h"
#include "cli/doctor.h"
#include "sink/json.h"

static json_t *fact(enum fact f)
{
	return f == FACT_UNKNOWN ? json_null() : json_boolean(f == FACT_YES);
}

static json_t *number(int64_t v)
{
	return v == FACT_NUMBER_UNKNOWN ? json_null() : json_integer(v);
}

static json_t *text(const char *s)
{
	return s ? json_string(s) : json_null();
}

/* A name from the file system: any bytes, made valid as in oomnotify-events(5). */
static json_t *name(const char *s)
{
	_cleanup_free_ char *shown = s ? escape_name(s, 0) : NULL;

	if (!s)
		return json_null();
	return shown ? json_string(shown) : NULL;
}

static json_t *memory(const struct doctor_report *r)
{
	const struct cgroup_mount *m = cgroup_host_memory(r->host, NULL);
	const struct facts *f = r->facts;
	bool v2 = f->memory == HIERARCHY_V2;

	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "hierarchy", text(hierarchy_name(f->memory)), "layout",
			 doctor_layout_name(f->layout), "mount", name(m ? m->where : NULL), "root",
			 name(m ? m->root : NULL), "real_root",
			 m ? json_boolean(m->real_root) : json_null(), "namespaced",
			 r->host->namespaced, "localevents",
			 v2 && m ? json_boolean(m->local_events) : json_null(), "use_hierarchy",
			 fact(f->use_hierarchy), "counters_readable", fact(f->counters_readable),
			 "event_control_writable", fact(f->event_control_writable), "oom_group",
			 fact(f->oom_group), "oom_group_kill", fact(f->oom_group_kill), "read_only",
			 fact(f->read_only));
}

static json_t *sources(const struct doctor_report *r)
{
	_cleanup_(json_decrefp) json_t *list = json_array();

	for (size_t i = 0; i < DOCTOR_SOURCES; i++) {
		const struct doctor_source *s = &r->sources[i];

		if (json_array_append_new(list,
					  json_pack("{s:s, s:b, s:o}", "name", s->name, "usable",
						    s->usable, "why", text(s->why))) < 0)
			return NULL;
	}
	return ptr_steal(&list);
}

static json_t *notes(const struct doctor_report *r)
{
	static const char *const levels[] = {
		[DOCTOR_INFO] = "info", [DOCTOR_LIMIT] = "limit", [DOCTOR_PROBLEM] = "problem"
	};
	_cleanup_(json_decrefp) json_t *list = json_array();

	for (size_t i = 0; i < r->notes_n; i++) {
		const struct doctor_note *n = &r->notes[i];

		if (json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "id", n->id, "level",
							  levels[n->level], "text", n->text)) < 0)
			return NULL;
	}
	return ptr_steal(&list);
}

static json_t *capabilities(const struct facts *f)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	const char *s;
	unsigned bit;

	if (!f->have_capabilities)
		return json_null();
	for (unsigned i = 0; (s = facts_capability(i, &bit)); i++)
		if ((f->capabilities >> bit & 1) && json_array_append_new(list, json_string(s)) < 0)
			return NULL;
	return ptr_steal(&list);
}

static json_t *limits(const struct facts *f)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "open_files", number(f->nofile_soft),
			 "open_files_max", number(f->nofile_hard), "inotify_watches",
			 number(f->inotify_watches), "inotify_instances",
			 number(f->inotify_instances), "inotify_queued_events",
			 number(f->inotify_queue));
}

static json_t *vm(const struct facts *f)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "psi", fact(f->psi), "oom_kill_counted",
			 fact(f->vmstat_oom_kill), "panic_on_oom", number(f->panic_on_oom),
			 "overcommit_memory", number(f->overcommit_memory), "swap_total_bytes",
			 number(f->swap_total_bytes), "swap_free_bytes",
			 number(f->swap_free_bytes));
}

int doctor_print_json(const struct doctor_report *r)
{
	const struct facts *f = r->facts;
	_cleanup_(json_decrefp) json_t *all =
		json_pack("{s:s, s:b, s:{s:s, s:s}, s:o, s:o, s:{s:I, s:o}, s:o, s:o, s:o}",
			  "version", OOMN_VERSION, "works", r->works, "kernel", "release",
			  f->release, "machine", f->machine, "memory", memory(r), "sources",
			  sources(r), "rights", "euid", (json_int_t)f->euid, "capabilities",
			  capabilities(f), "limits", limits(f), "vm", vm(f), "notes", notes(r));
	_cleanup_free_ char *line = NULL;
	int result = all ? json_line(all, &line) : -ENOMEM;

	if (result == 0)
		puts(line);
	return result;
}
