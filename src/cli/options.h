/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Options of a command: getopt_long(), made strict and given one voice
 *
 * Options and names may be mixed; "--" ends the options. Abbreviations of long options, which
 * getopt_long() takes, are refused: with a later option they would mean something else or nothing.
 */
#include <getopt.h>
#include <stdint.h>

enum {
	OPTIONS_END = -1,
	OPTIONS_BAD = '?', /* it has been said what is wrong: end with STATUS_USAGE */
};

/*
 * The next option: its letter or its struct option's `val`, with its value in `optarg`; or
 * OPTIONS_END, with the first name at argv[optind]; or OPTIONS_BAD. @shorts begins with ':'.
 */
int options_next(int argc, char **argv, const char *shorts, const struct option *longs);

/* Values of options. They return 0, or -1 after saying what is wrong with the value of @option. */
int options_count(const char *option, const char *value, uint64_t *ret);
int options_time(const char *option, const char *value, uint64_t *ret_ns);
/* OOMN_* bits and KIND_DETAILS. */
int options_kinds(const char *option, const char *value, uint32_t *ret);
/* A word of --source=: OOMN_NAMES_*. */
int options_source(const char *option, const char *value, uint32_t *ret);
/* A size from @min to @max bytes, as 64K. */
int options_size(const char *option, const char *value, uint64_t min, uint64_t max, uint64_t *ret);
