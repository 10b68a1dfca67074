/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Texts of the kernel that the v1 source reads
 */
#include <stdbool.h>
#include <stdint.h>

/* memory.oom_control */
struct v1_control {
	bool oom_kill_disable;
	bool under_oom;
	uint64_t oom_kill; /* kills in this very cgroup */
};

/*
 * @text is NUL-terminated. Returns 0, or -EBADMSG for something else than memory.oom_control; also when
 * there is no oom_kill line, as before Linux 4.13.
 */
int v1_parse_control(const char *text, struct v1_control *ret);

/* What a record of /dev/kmsg says about kills. */
enum v1_kmsg {
	V1_KMSG_OTHER,
	V1_KMSG_MEMCG_KILL,  /* the kernel killed a process because of a memory cgroup's limit */
	V1_KMSG_GLOBAL_KILL, /* or because the whole machine is out of memory */
};

/* @record is NUL-terminated: "priority,sequence,time,flags;message". */
enum v1_kmsg v1_parse_kmsg(const char *record);
