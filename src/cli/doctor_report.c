/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/names.h"
#include "include/oomnotify.h"

static const char not_built[] = "not built in this version";
static const char read_only[] =
	"the cgroup file system is mounted read-only here, and no eventfd can be registered: kills "
	"are looked for once a second, ooms without a kill are not seen";

const char *doctor_layout_name(enum facts_layout layout)
{
	switch (layout) {
	case FACTS_LAYOUT_V1:
		return hierarchy_name(HIERARCHY_V1);
	case FACTS_LAYOUT_V2:
		return hierarchy_name(HIERARCHY_V2);
	case FACTS_LAYOUT_HYBRID:
		return "hybrid";
	default:
		return "none";
	}
}

static void note(struct doctor_report *r, enum doctor_level level, const char *id, const char *text)
{
	assert(r->notes_n < DOCTOR_NOTES_MAX);
	r->notes[r->notes_n++] = (struct doctor_note){ level, id, text };
	if (level == DOCTOR_PROBLEM)
		r->works = false;
}

/* A source that counts: whether it is built in, and what its own probe says. */
static struct doctor_source probe(const struct doctor_report *r, const char *name,
				  const struct source_ops *const *built, size_t built_n)
{
	struct doctor_source s = { .name = name, .why = not_built };
	struct source_probe p = { 0 };

	for (size_t i = 0; i < built_n; i++) {
		if (strcmp(built[i]->name, name) != 0)
			continue;
		if (built[i]->probe(r->host, &p) != 0)
			p = (struct source_probe){ .why = "could not be tried" };
		s.usable = p.usable;
		s.why = p.why;
		/* Why the source cannot have what it needs is beyond what it looks at. */
		if (!p.usable || !p.why || r->facts->memory != HIERARCHY_V1)
			continue;
		if (r->facts->descriptors == FACT_NO)
			s.why = "too few descriptors are left to try it";
		else if (r->facts->read_only == FACT_YES)
			s.why = read_only;
	}
	return s;
}

/* The kernel's messages name cgroups as the host sees them. */
static struct doctor_source look_at_kmsg(const struct doctor_report *r)
{
	const struct cgroup_mount *m = cgroup_host_memory(r->host, NULL);
	struct doctor_source s = { .name = "kmsg" };

	if (!m)
		s.why = "no hierarchy with memory is mounted";
	else if (!m->real_root)
		s.why = "its messages name cgroups as the host sees them, and a part is seen here";
	else if (r->facts->kmsg_readable != FACT_YES)
		s.why = "/dev/kmsg may not be read: CAP_SYSLOG is missing";
	else
		s = (struct doctor_source){ "kmsg", true, "names victims where BPF does not" };
	return s;
}

/* One line for all levels, then each by itself, under the words that `watch --source=` takes. */
static void look_at_bpf(struct doctor_report *r, const struct bpf_oom_report *bpf)
{
	static const uint32_t kinds[BPF_OOM_LEVELS] = {
		[BPF_OOM_FENTRY] = OOMN_NAMES_FENTRY,
		[BPF_OOM_KPROBE] = OOMN_NAMES_KPROBE,
		[BPF_OOM_TRACEPOINT] = OOMN_NAMES_TRACEPOINT,
	};
	static const char *const best[] = {
		[BPF_OOM_FENTRY] = "sees limits, triggers and victims as it happens",
		[BPF_OOM_KPROBE] = "sees limits, triggers and victims as it happens",
		[BPF_OOM_TRACEPOINT] = "sees triggers and victims; limits come from the counters",
	};
	struct doctor_source *to = &r->sources[2];

	*to++ = (struct doctor_source){ "bpf", bpf->level != BPF_OOM_NONE,
					bpf->level != BPF_OOM_NONE
						? best[bpf->level]
						: bpf->levels[BPF_OOM_TRACEPOINT].why };
	for (unsigned i = 0; i < BPF_OOM_LEVELS; i++)
		*to++ = (struct doctor_source){
			names_word(kinds[i]), bpf->levels[i].tried == BPF_OOM_WORKS,
			bpf->levels[i].tried == BPF_OOM_WORKS ? NULL : bpf->levels[i].why
		};
}

static struct doctor_source look_at_vmstat(const struct doctor_report *r)
{
	const struct cgroup_mount *m = cgroup_host_memory(r->host, NULL);
	struct doctor_source s = { .name = "vmstat" };

	if (r->facts->vmstat_oom_kill != FACT_YES)
		s.why = "/proc/vmstat does not tell the kills of the whole host";
	else if (m && !m->real_root)
		s.why = "counts the whole host, of which a part is seen here";
	else
		s.usable = true;
	return s;
}

static void note_absence(struct doctor_report *r)
{
	switch (r->facts->absence) {
	case FACTS_ABSENCE_NONE:
		break;
	case FACTS_ABSENCE_NO_CGROUPS:
		note(r, DOCTOR_PROBLEM, "no_cgroups",
		     "no cgroup file system is mounted: mount one, as with 'mount -t cgroup2 none "
		     "/sys/fs/cgroup'");
		break;
	case FACTS_ABSENCE_DISABLED:
		note(r, DOCTOR_PROBLEM, "memory_disabled",
		     "the memory controller is switched off: take cgroup_disable=memory from the "
		     "kernel's command line");
		break;
	case FACTS_ABSENCE_V1_UNMOUNTED:
		note(r, DOCTOR_PROBLEM, "memory_v1_unmounted",
		     "the memory controller is in a cgroup v1 hierarchy that is not mounted here");
		break;
	case FACTS_ABSENCE_V2_UNMOUNTED:
		note(r, DOCTOR_PROBLEM, "memory_v2_unmounted",
		     "the memory controller is on cgroup v2, which is not mounted here: mount it, "
		     "as "
		     "with 'mount -t cgroup2 none /sys/fs/cgroup'");
		break;
	case FACTS_ABSENCE_NOT_DELEGATED:
		note(r, DOCTOR_PROBLEM, "memory_not_delegated",
		     "the memory controller is not enabled for the cgroups that are seen here: "
		     "whoever started this container has to delegate it");
		break;
	case FACTS_ABSENCE_NOT_BUILT:
		note(r, DOCTOR_PROBLEM, "memory_not_built",
		     "this kernel shows no memory controller: CONFIG_MEMCG may be off");
		break;
	}
}

static void note_v1(struct doctor_report *r)
{
	const struct facts *f = r->facts;
	const char *restricted = r->sources[1].why;

	if (restricted)
		note(r, DOCTOR_LIMIT, "polled", restricted);
	else
		note(r, DOCTOR_INFO, "before_the_kill",
		     "OOMs are seen as they happen, most of them before the victim is dead");
	if (f->inotify == FACT_NO)
		note(r, DOCTOR_LIMIT, "no_inotify",
		     "no inotify instance is left for this user: new cgroups are found by listing "
		     "directories now and then; raise fs.inotify.max_user_instances");
	if (f->use_hierarchy == FACT_NO)
		note(r, DOCTOR_INFO, "use_hierarchy",
		     "memory.use_hierarchy is 0: the limit of a cgroup does not hold for those "
		     "below it, and its OOMs are not signalled there");
	if (!r->bpf)
		note(r, DOCTOR_LIMIT, "v1_removed",
		     "kills in cgroups that are removed at once take their count along: a watch of "
		     "the "
		     "whole host may still learn how many, else they are unproven");
}

static void note_v2(struct doctor_report *r)
{
	const struct facts *f = r->facts;

	if (r->early)
		note(r, DOCTOR_INFO, "before_the_kill",
		     "OOMs are seen as they happen, most of them before the victim is dead");
	else
		note(r, DOCTOR_INFO, "within_10ms",
		     "OOMs and kills are seen within about 10 ms, often when the victim is dead "
		     "already");
	if (r->host->v2.local_events)
		note(r, DOCTOR_LIMIT, "localevents",
		     "memory_localevents: what happened last in a cgroup that is removed cannot be "
		     "proven");
	else
		note(r, DOCTOR_INFO, "removed_counted",
		     "kills in cgroups that are removed at once are seen too: their parents keep "
		     "the count");
	if (f->counters_exist == FACT_NO)
		note(r, DOCTOR_LIMIT, "no_counters",
		     "no cgroup that is seen here has memory files yet: they come where "
		     "cgroup.subtree_control of the parent enables memory");
	if (f->oom_group == FACT_YES && f->oom_group_kill == FACT_NO)
		note(r, DOCTOR_LIMIT, "group_kills_uncounted",
		     "this kernel does not count group kills: of such a group, one kill too many "
		     "may be told");
}

static void note_rest(struct doctor_report *r)
{
	const struct cgroup_mount *m = cgroup_host_memory(r->host, NULL);
	const struct facts *f = r->facts;

	if (r->bpf)
		note(r, DOCTOR_INFO, "victims_named",
		     "every victim is named, also of removed cgroups");
	else if (r->kmsg)
		note(r, DOCTOR_LIMIT, "victims_by_kmsg",
		     "victims are named by the kernel's messages, as far as those tell: BPF would "
		     "name every one");
	else
		note(r, DOCTOR_LIMIT, "victims_unnamed",
		     "victims are not named: that takes BPF or the kernel's messages");
	if (m && !m->real_root)
		note(r, DOCTOR_LIMIT, "part",
		     f->memory == HIERARCHY_V1
			     ? "a part of the hierarchy is seen here: OOMs at limits above it are "
			       "told as those of its root, 'limit here or above'"
			     : "a part of the hierarchy is seen here: OOMs at limits above it are "
			       "not told, only the kills");
	if (f->panic_on_oom == 1)
		note(r, DOCTOR_LIMIT, "panic_on_oom",
		     "vm.panic_on_oom is 1: when the host itself runs out of memory it stops, and "
		     "nothing is told");
	else if (f->panic_on_oom > 1)
		note(r, DOCTOR_LIMIT, "panic_on_oom",
		     "vm.panic_on_oom is 2: every OOM, at the limit of a cgroup too, stops the "
		     "host, and nothing is told");
	if (f->overcommit_memory == 2)
		note(r, DOCTOR_INFO, "overcommit",
		     "vm.overcommit_memory is 2: programs are refused memory before the host runs "
		     "out of it; OOMs at the limits of cgroups stay as they are");
	if (f->euid != 0)
		note(r, DOCTOR_INFO, "not_root",
		     "not root: cgroups whose files this user may not read are not seen");
}

void doctor_report_make(struct doctor_report *ret, const struct doctor_findings *found)
{
	const struct facts *facts = found->facts;
	struct doctor_report r = { .host = found->host,
				   .facts = facts,
				   .works = true,
				   .bpf = found->bpf->level != BPF_OOM_NONE,
				   .early = found->bpf->level < BPF_OOM_TRACEPOINT };
	const struct doctor_source *counting;

	r.sources[0] = probe(&r, "memory_events", found->built, found->built_n);
	r.sources[1] = probe(&r, "v1_eventfd", found->built, found->built_n);
	look_at_bpf(&r, found->bpf);
	r.sources[DOCTOR_SOURCES - 2] = look_at_kmsg(&r);
	r.sources[DOCTOR_SOURCES - 1] = look_at_vmstat(&r);
	r.kmsg = r.sources[DOCTOR_SOURCES - 2].usable;
	counting = &r.sources[facts->memory == HIERARCHY_V1 ? 1 : 0];
	if (facts->memory == HIERARCHY_NONE) {
		note_absence(&r);
	} else if (!counting->usable) {
		note(&r, DOCTOR_PROBLEM, "no_source",
		     counting->why == not_built ? "this version cannot watch cgroup v1"
						: counting->why);
	} else if (facts->descriptors == FACT_NO) {
		note(&r, DOCTOR_PROBLEM, "few_descriptors",
		     "too few descriptors can be had: raise the limit of open files (ulimit -n), "
		     "to "
		     "one for each cgroup and 64 more");
	} else if (facts->counters_readable == FACT_NO) {
		note(&r, DOCTOR_PROBLEM, "unreadable",
		     "the memory counters may not be read: run as root, or as the user who owns "
		     "the cgroups");
	} else if (facts->inotify == FACT_NO && facts->memory == HIERARCHY_V2) {
		note(&r, DOCTOR_PROBLEM, "no_inotify",
		     "no inotify instance is left for this user: raise "
		     "fs.inotify.max_user_instances");
	} else {
		if (facts->memory == HIERARCHY_V1)
			note_v1(&r);
		else
			note_v2(&r);
		note_rest(&r);
	}
	*ret = r;
}
