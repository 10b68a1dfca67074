/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Reads what is still to be found of a victim and of a limit cgroup
 *
 * Runs in the processes of details_helper.h only: each of these calls may take as long as it likes.
 * What cannot be read, or is not what was asked for, is left as it was in struct oom_details.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/details.h"
#include "core/event.h"

#define DETAILS_TEXT_MAX                                                                           \
	4096              /* bytes of a command line, or of the name of a program; then it is cut */
#define DETAILS_DIRS 1024 /* cgroups that are looked at for processes */
#define DETAILS_DEPTH 32  /* that far below the limit cgroup */

struct details_reader {
	int root_fd; /* of the memory hierarchy, borrowed; -1: none */
	enum hierarchy hierarchy;
	int proc_fd; /* -1: no /proc */
	bool namespaced; /* a victim's pid, which is one of the initial pid namespace, says nothing here */
};

#define DETAILS_READER_NULL                                                                        \
	{                                                                                          \
		.root_fd = -1, .proc_fd = -1                                                       \
	}

/* @proc is "/proc", or another directory in tests. Without one there is no process to be found. */
void details_reader_open(struct details_reader *ret, int root_fd, enum hierarchy h,
			 const char *proc);
void details_reader_close(struct details_reader *rd);

/*
 * The process @pid of the initial pid namespace that began at @start_ns, to be closed; or -1 if it is
 * gone, is another one by now, or cannot be found from here. What is read through it is never that
 * of another process, whoever gets the number later.
 */
int details_process_open(const struct details_reader *rd, uint32_t pid, uint64_t start_ns);
/* The name of its program. Takes no lock of the process that an oom could hold. */
void details_read_exe(int process_fd, struct oom_details *d);
/* Its arguments. Takes its mmap_lock, and hangs for as long as another task holds that. */
void details_read_cmdline(int process_fd, struct oom_details *d);

/* Opens the cgroup @path with the inode number @id, to be closed; -1: there is none, or another one. */
int details_cgroup_open(const struct details_reader *rd, const char *path, uint64_t id);
/* Its limit, usage and peak, and memory.stat. */
void details_read_memory(const struct details_reader *rd, int cgroup_fd, struct oom_details *d);
/* The largest processes in it and below it. */
void details_read_largest(const struct details_reader *rd, int cgroup_fd, struct oom_details *d);
