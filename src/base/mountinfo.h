/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * /proc/PID/mountinfo (proc_pid_mountinfo(5))
 *
 *   36 35 98:0 /root /mount/point rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue
 *   id parent dev root where     options    any number of tags   type source    options of the super block
 *
 * Blanks, tabs, newlines and backslashes in names are written as three octal digits. A file system
 * that does not escape its own options can break its line, and whoever may mount one (FUSE) can make
 * lines up: what is found here has to be verified with the mount itself.
 */
#include <stdbool.h>
#include <stdint.h>

struct mountinfo {
	uint64_t id;
	uint64_t parent;
	uint32_t major;
	uint32_t minor;
	char *root;          /* which directory of the file system is mounted */
	char *where;         /* mount point, as this process sees it */
	char *type;          /* "cgroup2" */
	char *super_options; /* comma-separated; still escaped */
};

/*
 * Takes the line at *@cursor apart in place: the strings of @ret lie in the text itself, names
 * unescaped. *@cursor is a NUL-terminated text and moves on to the next line in any case. Returns 1
 * and a mount, 0 at the end, or -EBADMSG for a line that is not one, after which the next can be read.
 */
int mountinfo_next(char **cursor, struct mountinfo *ret);
/* Whether the comma-separated @options hold the word @name. */
bool mountinfo_has_option(const char *options, const char *name);
