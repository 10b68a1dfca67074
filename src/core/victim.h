/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What was seen of an oom at one moment of it: who was killed, who asked for memory, whose limit it was
 *
 * One oom gives, in this order: the limit; each victim, and behind it its collaterals (processes that
 * die silently, because they share its memory); the end. All carry the same began_ns and trigger.tid,
 * which name the oom. Where only victims can be seen (in_oom is false), began_ns is 0, there is neither
 * limit nor end, and nothing is said of either.
 *
 * An oom that ends without a victim is none that killed: memory was freed meanwhile, or another victim
 * is still on its way out.
 *
 * Not each victim is a kill. One that was exiting already is marked as a victim, so that it may take
 * what it needs to end, but gets no signal and no count. A kill is: the kernel counts oom_kill, sends
 * SIGKILL and then marks, all in one. So for a victim that is `killed` the oom_kill in the same sighting
 * has this kill in it, and one that is not `killed` is no kill. Where nothing was seen of the oom but its
 * victims, there is one exception: a process that shares an earlier victim's memory, or that the kernel
 * sent SIGKILL for another reason (RLIMIT_CPU), and that then asks for memory itself while it dies, may
 * be `killed` without being counted. There, and whenever in doubt, the counter decides: an oom_kill
 * that has not grown since the last sighting of that cgroup counts no kill.
 *
 * Paths begin at the visible root that the source was told. A cgroup that is not below it is `outside`.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/task.h"

enum sighting_kind {
	SIGHTING_LIMIT,
	SIGHTING_VICTIM,
	SIGHTING_COLLATERAL,
	SIGHTING_END,
	SIGHTING_KIND_MAX,
};

struct cgroup_id {
	bool known;
	bool whole;    /* the path is; else it lacks its beginning, and starts without a slash */
	bool outside;  /* not below the visible root: the path is from the real one */
	uint64_t id;   /* inode number of the directory */
	uint16_t text; /* where in the sighting's text: see sighting_path() */
};

/* All names of a record, a slash and a NUL for each path, a command line and its NUL. */
#define SIGHTING_TEXT 4640

/* What became of a process that an oom has to do with, from what weighs least. */
enum death {
	DEATH_EXITING, /* it was marked as a victim, but was on its way out already */
	DEATH_SHARED,  /* it died along, since it shared a victim's memory */
	DEATH_KILLED,
};

struct sighting {
	enum sighting_kind kind;
	uint64_t when_ns;  /* CLOCK_BOOTTIME */
	uint64_t began_ns; /* when the oom began; 0: not seen */
	bool in_oom;       /* the oom was seen to begin: no limit then means none, a global oom */
	bool v1;           /* memory's hierarchy is one of cgroup v1 */
	struct task_id trigger;
	bool task_known; /* else of `task` only the tid */
	struct task_id task;

	struct cgroup_id limit;  /* whose limit was hit */
	struct cgroup_id memory; /* the task's memory is charged there, and its kill counted */
	struct cgroup_id own;    /* of the task itself, in the v2 hierarchy */
	struct cgroup_id trigger_memory; /* the trigger's memory is charged there */

	/* The oom_kill counter of `memory` at that moment: this kill is in it, if it counted. */
	bool counted;
	uint64_t oom_kill;

	/* BYTES_NONE where not known. */
	uint64_t total_vm_bytes;
	uint64_t anon_bytes;
	uint64_t file_bytes;
	uint64_t shmem_bytes;
	uint64_t table_bytes;
	bool exact; /* the three between; else each may be off by some pages per processor */
	int oom_score_adj;
	uint32_t shared_with; /* COLLATERAL: the pid of the victim whose memory it shares */
	bool killed; /* VICTIM: it was sent SIGKILL for this, and counted; else it was exiting */

	/* VICTIM, where it is the trigger's own process, or shares its memory: see sighting_cmdline() */
	bool cmdline_known;
	bool cmdline_cut; /* it goes on */
	uint16_t cmdline; /* where in the text */

	/* Of the limit cgroup; BYTES_NONE: no limit, or not known. */
	uint64_t limit_bytes;
	uint64_t usage_bytes;
	uint64_t swap_limit_bytes; /* v1: memory and swap together; v2: swap alone */
	uint64_t swap_usage_bytes;

	/* The kernel finds them out after the limit was told: victims and the end have them. */
	enum oom_constraint constraint;
	uint64_t total_bytes; /* of what sizes were compared with; BYTES_NONE */

	int order; /* of the allocation; -1: asked for by sysrq */
	uint32_t gfp;

	uint32_t victims; /* END: how many there were */
	bool chosen;      /* END: a victim was found, or there is one already */

	char text[SIGHTING_TEXT];
};

/* Arguments with a space between them, raw bytes without a NUL; NULL if it was not read. */
static inline const char *sighting_cmdline(const struct sighting *s)
{
	return s->cmdline_known ? s->text + s->cmdline : NULL;
}

/* "/a/b" or "/", raw bytes; NULL if @c, one of @s's, is not known. A sighting can be copied as it is. */
static inline const char *sighting_path(const struct sighting *s, const struct cgroup_id *c)
{
	return c->known ? s->text + c->text : NULL;
}
