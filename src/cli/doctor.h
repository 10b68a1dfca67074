/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What the doctor found: facts, what each source can do with them, and what that means
 *
 * The report is made first, without output (doctor_report.c), then written as text or as JSON.
 */
#include <stdbool.h>
#include <stddef.h>

#include "sink/text.h"
#include "source/bpf_oom.h"
#include "source/facts.h"
#include "source/source.h"

enum doctor_level {
	DOCTOR_INFO,
	DOCTOR_LIMIT,   /* something is not seen, or not proven */
	DOCTOR_PROBLEM, /* `watch` does not work */
};

/* One sentence. The id is part of the JSON format and stays; the text may change. */
struct doctor_note {
	enum doctor_level level;
	const char *id;
	const char *text;
};

struct doctor_source {
	const char *name;
	bool usable;
	const char *why; /* why it is not usable, or what is restricted; may be NULL */
};

#define DOCTOR_SOURCES (5 + BPF_OOM_LEVELS)
#define DOCTOR_NOTES_MAX 16

struct doctor_report {
	const struct cgroup_host *host;
	const struct facts *facts;
	struct doctor_source sources[DOCTOR_SOURCES];
	struct doctor_note notes[DOCTOR_NOTES_MAX];
	size_t notes_n;
	bool works; /* `watch` does */
	bool bpf;   /* it names victims, */
	bool early; /* and sees ooms as they begin; */
	bool kmsg;  /* or the kernel's messages name them */
};

/* What was looked at; all of it is borrowed, also by the report. */
struct doctor_findings {
	const struct cgroup_host *host;
	const struct facts *facts;
	const struct bpf_oom_report *bpf;
	const struct source_ops *const *built; /* the sources that this program has */
	size_t built_n;
};

void doctor_report_make(struct doctor_report *ret, const struct doctor_findings *found);
/* "v1", "v2", "hybrid", "none" */
const char *doctor_layout_name(enum facts_layout layout);
/* Both write to standard output. They return 0 or -ENOMEM. */
int doctor_print_text(const struct doctor_report *report, const struct text_style *style);
int doctor_print_json(const struct doctor_report *report);
