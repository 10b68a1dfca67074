/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Completes the table of commands in programs that are linked without the doctor's own modules. */
#include "cli/cmd.h"
#include "cli/say.h"
#include "cli/status.h"

int cmd_doctor(int argc, char **argv)
{
	(void)argc;
	say("%s: not in this program", argv[0]);
	return STATUS_USAGE;
}
