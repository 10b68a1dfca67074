/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The lines of a watch against the truth about the ooms that a scene has made
 *
 * Each line has to belong to one of the ooms, each field has to be right, and each kill has to be told
 * once. What a level cannot know has to be null: absent, and not wrong.
 */
#include "stage.h"
#include "watching.h"

#define OOM_VICTIMS 6

struct oom_truth {
	bool global;
	bool whole; /* the watch is of the whole machine: a global oom is told as such, too */
	struct place limit;
	uint64_t limit_bytes;
	uint64_t swap_bytes; /* BYTES_NONE: no such limit */
	const struct actor *trigger;
	const struct actor *victims[OOM_VICTIMS];
	size_t victims_n;
	const struct actor *collateral; /* dies along with victims[0] */
	bool group;
	bool removed; /* its cgroup is, as soon as it is over */
	/* It may wait for others' before it begins, longer than an oom that is counted waits for its name. */
	bool queued;
	const char *identity;      /* of the victims' cgroups, as JSON; NULL: nothing is known */
	uint64_t begin_ns, end_ns; /* CLOCK_BOOTTIME: the whole of it lies between */
};

/* Begins one at the limit of the scratch cgroup @limit, of @victim alone, asked for by @trigger. */
void oom_begin(struct oom_truth *o, const char *limit, const struct actor *trigger,
	       const struct actor *victim);
void oom_add_victim(struct oom_truth *o, const struct actor *victim);
/* All its victims have been reaped. */
void oom_end(struct oom_truth *o);

/* What a watch of the scratch has to tell beyond its kills. */
struct told_truth {
	const struct oom_truth *ooms;
	size_t n;
	const struct actor *actors; /* all that have been started */
	size_t actors_n;
	uint64_t kernel_ooms; /* v2: as the kernel has counted them */
	bool maybe_named; /* kills may come without a name: there is a limit on how many have one */
};

/* Compares all lines of @w. Returns how many kills had a name. */
size_t told_same(const struct watching *w, const struct told_truth *truth);
/* How many processes have died as victims. */
size_t told_victims(const struct told_truth *truth);
/* Whether the line @text is the kill of process @pid. */
bool told_kill_of(const char *text, pid_t pid);
