/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/errno_text.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	int error;
	const char *text;
} errors[] = {
	{ EMFILE, "too many open files: raise the limit of open files (ulimit -n) or "
		  "fs.inotify.max_user_instances" },
	{ ENFILE, "the host has too many open files: raise fs.file-max" },
	{ ENOSPC, "no inotify watch is left: raise fs.inotify.max_user_watches" },
	{ ENOMEM, "out of memory: free some, or raise the limit of the cgroup that oomnotify runs "
		  "in" },
};

const char *errno_text(int error)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == error)
			return errors[i].text;
	return strerror(error);
}
