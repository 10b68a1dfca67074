/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * oomnotify help [COMMAND]: the list, or a command's manual page where man and the page are there,
 * else its usage
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/startup.h"
#include "cli/status.h"

static const struct command *find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

int command_usage(const char *name)
{
	const struct command *c = find(name);

	printf("usage: oomnotify %s%s%s\n%s.\n", c->name, c->args[0] != '\0' ? " " : "", c->args,
	       c->summary);
	if (c->options[0] != '\0')
		printf("\n%s", c->options);
	return STATUS_OK;
}

static int list(void)
{
	printf("usage: oomnotify COMMAND [ARGUMENT]...\n"
	       "Learn at once when a memory cgroup runs out of memory, and where processes were "
	       "killed.\n\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  %-8s %s\n", c->name, c->summary);
	printf("\n'oomnotify help COMMAND' tells more.\n");
	return STATUS_OK;
}

/* Whether man(1) is there and knows @page. */
static bool man_has(char *page)
{
	char *argv[] = { (char[]){ "man" }, (char[]){ "-w" }, page, NULL };
	posix_spawn_file_actions_t actions;
	int status = -1;
	pid_t pid;
	int r;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return false;
	r = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
	if (r == 0)
		r = posix_spawnp(&pid, "man", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r == 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static int help_for(const char *name)
{
	char page[64];

	if (!find(name)) {
		say("help: unknown command '%s': 'oomnotify help' lists them", name);
		return STATUS_USAGE;
	}
	snprintf(page, sizeof(page), "oomnotify-%s", name);
	if (man_has(page)) {
		startup_undo();
		execlp("man", "man", page, NULL);
		startup_init();
	}
	return command_usage(name);
}

int cmd_help(int argc, char **argv)
{
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int c;

	c = options_next(argc, argv, ":h", longs);
	if (c != OPTIONS_END)
		return c == 'h' ? command_usage("help") : STATUS_USAGE;
	if (argc - optind > 1) {
		say("help: one command at a time: '%s' is too many", argv[optind + 1]);
		return STATUS_USAGE;
	}
	return optind < argc ? help_for(argv[optind]) : list();
}
