/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program with no command but `doctor`, which looks at this very machine. */
#include "cli/cmd.h"
#include "cli/say.h"
#include "cli/startup.h"
#include "cli/status.h"

#include <string.h>

const struct command commands[] = {
	{ "doctor", cmd_doctor, "[OPTION]...", "tell what this host lets oomnotify see",
	  "  --json          one JSON object\n" },
	{ NULL, NULL, NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	startup_init();
	if (argc < 2 || strcmp(argv[1], "doctor") != 0)
		return STATUS_USAGE;
	return say_end_of_output(cmd_doctor(argc - 1, argv + 1));
}
