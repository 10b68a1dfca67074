/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* What the parts of the comparison share: told.c, and told_details.c for lines of that kind. */
#include "told.h"
#include "told_fields.h"

/* More ooms without a kill than a few for each with one would be odd. */
#define KILLLESS 64

/* What has been found out about one oom from its lines. */
struct found {
	int64_t incident;               /* of its kills; 0: none yet */
	int64_t incidents[OOM_VICTIMS]; /* where each victim is an incident of its own */
	size_t victims[OOM_VICTIMS];
	int64_t killless[KILLLESS]; /* incidents of ooms at its limit that killed nobody */
	size_t killless_n;
	bool detailed[OOM_VICTIMS]; /* victims that details were told of */
	size_t ooms, groups, collaterals, details, gone;
};

struct comparing {
	const struct told_truth *truth;
	const struct watching *watching;
	struct found *found;                 /* for each oom of the truth */
	uint64_t ooms, kills_min, kills_max; /* kills: those without a name */
	size_t named;
};

extern const char *const no_keys[];

/* Which of @o's victims is process @pid; OOM_VICTIMS if none is. */
size_t victim_of(const struct oom_truth *o, int64_t pid);
bool is_killless(const struct found *f, int64_t incident);
/* Whether @incident is that of its kills, or of an oom at its limit without one. */
bool has_incident(const struct found *f, int64_t incident);
void same_place(const json_t *o, const char *path_key, const char *id_key, const struct place *p,
		enum need need);
/* The moment of it, on both clocks; @kernel: as the kernel saw it, and not when it was learned. */
void same_time(const json_t *line, const struct oom_truth *o, bool kernel);

void same_details(struct comparing *c, const json_t *line);
