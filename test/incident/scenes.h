/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Scenes: cgroups, actors in them, and ooms of which all is known
 *
 * A scene makes its cgroups and calls play_watch(), from where on a watch of the scratch counts. Then it
 * lets ooms happen and notes down the truth about each. The rest is done by who runs it: told_same().
 */
#include "told.h"

#define PLAY_MAX 64

struct play {
	struct watching watch;
	bool watching;
	struct actor actors[PLAY_MAX];
	struct oom_truth ooms[PLAY_MAX];
	size_t n; /* ooms */
	uint64_t ooms_before;
	const char *skipped; /* why it cannot be played here; returned before the watch began */
};

struct scene {
	const char *name;
	void (*play)(struct play *p);
	bool only_v2;
	bool machine; /* needs the whole machine for itself */
};

extern const struct scene scenes[];
extern const size_t scenes_n;

/* Parts of the table. */
void scene_global(struct play *p);
void scene_global_inside(struct play *p);
void scene_removed(struct play *p);
void scene_two_at_once(struct play *p);
void scene_fifty(struct play *p);

/* @whole: of the whole machine. */
void play_watch(struct play *p, bool whole);
/* Makes a cgroup without children, with a limit. */
void play_cgroup(const char *path, size_t limit);
/* The next oom, of one actor who asks and dies; waits until it has. */
void play_oom(struct play *p, const char *limit, struct actor *trigger, struct actor *victim);
