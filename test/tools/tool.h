/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What the workload tools share: numbers from the command line, memory that is really used, and
 * writing to cgroup files
 *
 * The tools are linked statically, so that they run in any root. They end at the first failure that
 * leaves them without a purpose, with a line that says which.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prints "PROGRAM: text" on standard error and ends with status 1. */
_Noreturn void tool_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A decimal number, @what it is; ends the program if @text is none or not within @min … @max. */
uint64_t tool_number(const char *what, const char *text, uint64_t min, uint64_t max);
/* Bytes: a number with an optional K, M or G (1024). */
size_t tool_size(const char *text);
/* Seconds, a fraction allowed, as nanoseconds. */
uint64_t tool_seconds_ns(const char *text);

/* Address space of @size bytes, in small pages; ends the program if there is none. */
char *tool_map(size_t size);
/* Writes to each page, so that it is charged. */
void tool_touch(char *at, size_t size);

/* Writes @text to @file in the folder @dir_fd. Returns 0 or a negated errno. */
int tool_write(int dir_fd, const char *file, const char *text);
/* v2: gives the children of the cgroup @dir_fd a memory controller. */
int tool_enable_memory(int dir_fd);
