/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "cli/cmd.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/status.h"

int cmd_version(int argc, char **argv)
{
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int c;

	c = options_next(argc, argv, ":h", longs);
	if (c != OPTIONS_END)
		return c == 'h' ? command_usage("version") : STATUS_USAGE;
	if (optind < argc) {
		say("version: takes no argument, but got '%s'", argv[optind]);
		return STATUS_USAGE;
	}
	printf("oomnotify %s\n", OOMN_VERSION);
	return STATUS_OK;
}
