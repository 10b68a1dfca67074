/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* How the programs here are called: [--machine] [--level LEVEL]... [--scene NAME] [--count N] OOMNOTIFY */
#include "stage.h"

struct play_args {
	enum level levels[LEVELS];
	size_t levels_n; /* 0: the one that `doctor` tells */
	const char *scene;
	unsigned count; /* 0: not given */
};

/* Fills in @stage, whose scratch is open then, and has its first level. Ends the program at its misuse. */
void play_parse(struct play_args *ret, int argc, char **argv);
/* Calls @each once at each level. */
void play_levels(const struct play_args *args, void (*each)(const struct play_args *args));
