/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/doctor.h"
#include "cli/host_error.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/status.h"
#include "cli/terminal.h"

enum { OPTION_JSON = 256 };

static const struct option longs[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ NULL, 0, NULL, 0 },
};

/* Those that count; the others belong to them, or are not built in. */
static const struct source_ops *const sources[] = { &source_memory_events, &source_v1_eventfd };

static int examine(bool json)
{
	_cleanup_host_ struct cgroup_host host = CGROUP_HOST_NULL;
	const struct text_style style = terminal_style(STDOUT_FILENO);
	struct bpf_oom_report bpf = { 0 };
	struct doctor_report report;
	struct facts facts;
	int r;

	r = cgroup_host_open(&host, "/proc");
	if (r != 0 && r != HOST_E_NO_CGROUPS)
		return host_error_say(NULL, NULL, r);
	r = facts_gather(&facts, &host, "/proc");
	if (r == 0)
		r = bpf_oom_probe(&bpf);
	if (r == 0) {
		doctor_report_make(&report,
				   &(struct doctor_findings){ .host = &host,
							      .facts = &facts,
							      .bpf = &bpf,
							      .built = sources,
							      .built_n = sizeof(sources) /
									 sizeof(sources[0]) });
		r = json ? doctor_print_json(&report) : doctor_print_text(&report, &style);
	}
	if (r < 0) {
		say("doctor: %s", strerror(-r));
		return STATUS_FAILURE;
	}
	return report.works ? STATUS_OK : STATUS_FAILURE;
}

int cmd_doctor(int argc, char **argv)
{
	bool json = false;
	int c;

	while ((c = options_next(argc, argv, ":h", longs)) != OPTIONS_END) {
		if (c == 'h')
			return command_usage("doctor");
		if (c != OPTION_JSON)
			return STATUS_USAGE;
		json = true;
	}
	if (optind < argc) {
		say("doctor: takes no name, but got '%s': see 'oomnotify doctor --help'",
		    argv[optind]);
		return STATUS_USAGE;
	}
	return examine(json);
}
