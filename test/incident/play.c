/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "play.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

static noreturn void usage(const char *name)
{
	die("usage: %s [--machine] [--level LEVEL]... [--scene NAME] [--count N] OOMNOTIFY", name);
}

void play_parse(struct play_args *ret, int argc, char **argv)
{
	static const struct option options[] = {
		{ "machine", no_argument, NULL, 'm' },
		{ "level", required_argument, NULL, 'l' },
		{ "scene", required_argument, NULL, 's' },
		{ "count", required_argument, NULL, 'c' },
		{ 0 },
	};
	struct play_args args = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'm')
			stage.machine = true;
		else if (c == 's')
			args.scene = optarg;
		else if (c == 'c')
			args.count = (unsigned)strtoul(optarg, NULL, 10);
		else if (c != 'l' || args.levels_n == LEVELS ||
			 !level_from_name(optarg, &args.levels[args.levels_n++]))
			usage(argv[0]);
	}
	if (optind != argc - 1)
		usage(argv[0]);
	stage.program = argv[optind];
	scratch_open(&stage.scratch, NULL);
	*ret = args;
}

void play_levels(const struct play_args *args, void (*each)(const struct play_args *args))
{
	if (args->levels_n == 0) {
		stage.level = doctor_level(stage.program);
		printf("# doctor: %s\n", level_name(stage.level));
		each(args);
	}
	for (size_t i = 0; i < args->levels_n; i++) {
		stage.level = args->levels[i];
		stage.source = level_source(stage.level);
		each(args);
	}
	scratch_close(&stage.scratch);
}
