/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What `doctor` finds out about a host, before it is put into words
 */
#include <stdbool.h>
#include <stdint.h>

#include "source/host.h"
#include "source/source.h"

/* A yes or no that may not be known. */
enum answer {
	ANSWER_UNKNOWN = -1,
	ANSWER_NO = 0,
	ANSWER_YES = 1,
};

#define DOCTOR_SOURCES 5

struct doctor_source {
	const char *name;
	bool usable;
	const char *why; /* static; NULL: nothing to say */
};

struct doctor_facts {
	char kernel[65]; /* uname's release */
	const struct cgroup_host *host;
	enum hierarchy hierarchy; /* that holds memory */
	struct doctor_source sources[DOCTOR_SOURCES];
	unsigned uid;
	enum answer event_control;  /* v1: may eventfds be registered? */
	enum answer use_hierarchy;  /* v1: at the root */
	enum answer group_count;    /* v2: does the kernel count group kills? */
	enum answer memory_enabled; /* v2: has any child of the root memory files? */
	enum answer pressure;       /* /proc/pressure/memory */
	uint64_t panic_on_oom;      /* vm.panic_on_oom; UINT64_MAX: not known */
	uint64_t swap_bytes;        /* UINT64_MAX: not known */
	uint64_t inotify_watches;   /* fs.inotify.max_user_watches; UINT64_MAX: not known */
	uint64_t files_soft;        /* RLIMIT_NOFILE */
	uint64_t files_hard;
	bool works; /* `watch` works here */
};

/* Looks at @host, which must outlive the facts. What cannot be found out is left unknown. */
void doctor_look(const struct cgroup_host *host, struct doctor_facts *ret);
