/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * oomnotify COMMAND: finds the command in the table and lets it do the rest
 */
#include <string.h>

#include "cli/cmd.h"
#include "cli/say.h"
#include "cli/startup.h"
#include "cli/status.h"

const struct command commands[] = {
	{ "watch", cmd_watch, "[CGROUP]... [OPTION]...",
	  "tell every OOM and every kill in cgroups, or on the whole host",
	  "  --json          one JSON object a line: see oomnotify-events(5)\n"
	  "  --local         the named cgroups alone, not those below them\n"
	  "  --kinds=LIST    only these: oom,kill,group_kill,collateral,details,paused,gone,lost\n"
	  "  -n N            end after N events\n"
	  "  --timeout=TIME  end after TIME: seconds, or 500ms, 10min, 2h\n"
	  "  --source=WORD   what names victims: auto, bpf, bpf-fentry, bpf-kprobe,\n"
	  "                  bpf-tracepoint, kmsg, counters\n"
	  "  --no-bpf        auto, but without BPF\n"
	  "  --bpf-ring=SIZE of the kernel's ring for names, 256K unless told\n"
	  "  -q, --quiet     no notes, and no ledger if it is balanced\n" },
	{ "listen", cmd_listen, "CGROUP [OPTION]...",
	  "wait for an OOM at or above a cgroup, as an eventfd listener",
	  "  --threshold=SIZE[,swap]\n"
	  "                  instead of ooms: usage reaches SIZE, or falls below it again\n"
	  "  --pressure=LEVEL[,MODE]\n"
	  "                  instead of ooms: reclaim finds too little: low, medium, critical;\n"
	  "                  from below too: default, hierarchy, local\n"
	  "  -n N            end after N signals, 1 unless told\n"
	  "  --timeout=TIME  give up after TIME: seconds, or 500ms, 10min, 2h\n"
	  "  --eventfd=FD    have this eventfd signalled too, which was inherited\n" },
	{ "doctor", cmd_doctor, "[OPTION]...",
	  "tell what this host and its kernel let oomnotify see",
	  "  --json          one JSON object\n" },
	{ "help", cmd_help, "[COMMAND]", "list the commands, or show the manual of one", "" },
	{ "version", cmd_version, "", "print the version", "" },
	{ NULL, NULL, NULL, NULL, NULL },
};

/* Options that are commands by another name. */
static const char *command_word(const char *word)
{
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return "help";
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
		return "version";
	return word;
}

static int unknown(const char *word)
{
	if (word[0] == '-')
		say("unknown option '%s' before the command: options come after it", word);
	else
		say("unknown command '%s': 'oomnotify help' lists them", word);
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	const char *word;

	startup_init();
	say_begin_of_output();
	if (argc < 2) {
		say("no command was given: 'oomnotify help' lists them");
		return STATUS_USAGE;
	}
	word = command_word(argv[1]);
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, word) == 0)
			return say_end_of_output(c->run(argc - 1, argv + 1));
	return unknown(word);
}
