/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A temporary directory with a /proc and a memory hierarchy of plain files: HERE/proc, HERE/cgroup
 */
#include <stdint.h>

#define FAKE_MIB ((uint64_t)1 << 20)

struct details_fake {
	char dir[64];
	char proc[80];
	char cgroups[80];
};

void details_fake_open(struct details_fake *f);
void details_fake_close(struct details_fake *f);
/* "HERE/a/b" in a buffer that the next call takes again. */
const char *details_fake_path(const struct details_fake *f, const char *path);
/* Writes @n bytes to the file @path, whose directories are made. */
void details_fake_put(const struct details_fake *f, const char *path, const char *text, uint64_t n);
void details_fake_text(const struct details_fake *f, const char *path, const char *text);
/* The number that /proc/PID/stat has for a process that began at @start_ns. */
uint64_t details_fake_ticks(uint64_t start_ns);
/* A process with that name, @rss pages, and neither cmdline nor exe. */
void details_fake_process(const struct details_fake *f, uint32_t pid, const char *comm,
			  uint64_t start_ns, uint64_t rss);
void details_fake_exe(const struct details_fake *f, uint32_t pid, const char *exe);
/* The cgroup's inode number. */
uint64_t details_fake_id(const struct details_fake *f, const char *path);
