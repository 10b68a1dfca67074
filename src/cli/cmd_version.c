/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "cli/cmd.h"
#include "cli/say.h"
#include "cli/status.h"

int cmd_version(int argc, char **argv)
{
	if (argc > 1) {
		say("version: takes no argument, but got '%s'", argv[1]);
		return STATUS_USAGE;
	}
	printf("oomnotify %s\n", OOMN_VERSION);
	return STATUS_OK;
}
