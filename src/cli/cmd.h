/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Commands: one file each, found through the table in main.c
 *
 * A command gets its own name as argv[0], reads its options with options_next(), says what is wrong
 * with say() and returns its exit status (cli/status.h).
 */
struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args;    /* behind the name in the usage line */
	const char *summary; /* one line in the list of commands */
	const char *options; /* one line each, for --help */
};

/* Ends with an entry without a name. */
extern const struct command commands[];

/* Prints the usage of the command called @name on standard output. Returns an exit status. */
int command_usage(const char *name);

int cmd_watch(int argc, char **argv);
int cmd_listen(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_version(int argc, char **argv);
