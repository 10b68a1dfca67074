/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * oomnotify watch [CGROUP]...: tells every OOM and kill, and proves that none was missed
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/cmd.h"
#include "cli/details.h"
#include "cli/errno_text.h"
#include "cli/host_error.h"
#include "cli/kinds.h"
#include "cli/ledger_text.h"
#include "cli/names.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/status.h"
#include "cli/terminal.h"
#include "cli/watch_loop.h"
#include "cli/watch_targets.h"
#include "include/oomnotify.h"
#include "sink/json.h"

/* Details are worth less than counts: so many descriptors are left to those who count. */
#define SPARE_DESCRIPTORS 40

struct watch_options {
	bool json;
	bool local;
	bool quiet;
	uint32_t kinds; /* 0: not given */
	uint64_t count_max;
	uint64_t timeout_ns;
	uint32_t names; /* OOMN_NAMES_* */
	uint32_t ring_bytes;
	bool no_bpf;
};

enum {
	OPTION_JSON = 256,
	OPTION_LOCAL,
	OPTION_KINDS,
	OPTION_TIMEOUT,
	OPTION_SOURCE,
	OPTION_NO_BPF,
	OPTION_BPF_RING,
};

#define BPF_RING_MIN (UINT64_C(4) << 10)
#define BPF_RING_MAX (UINT64_C(512) << 20)

static const struct option longs[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "local", no_argument, NULL, OPTION_LOCAL },
	{ "kinds", required_argument, NULL, OPTION_KINDS },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "source", required_argument, NULL, OPTION_SOURCE },
	{ "no-bpf", no_argument, NULL, OPTION_NO_BPF },
	{ "bpf-ring", required_argument, NULL, OPTION_BPF_RING },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void monitor_freep(struct oomn_monitor **m)
{
	*m = oomn_monitor_free(*m);
}

static int take_ring(struct watch_options *o)
{
	uint64_t bytes;

	if (options_size("watch: --bpf-ring", optarg, BPF_RING_MIN, BPF_RING_MAX, &bytes) < 0)
		return -1;
	o->ring_bytes = (uint32_t)bytes;
	return 0;
}

/* Returns 0, or -1 after saying what is wrong. */
static int take_option(struct watch_options *o, int c)
{
	switch (c) {
	case OPTION_JSON:
		o->json = true;
		return 0;
	case OPTION_LOCAL:
		o->local = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case OPTION_KINDS:
		return options_kinds("watch: --kinds", optarg, &o->kinds);
	case OPTION_TIMEOUT:
		return options_time("watch: --timeout", optarg, &o->timeout_ns);
	case OPTION_SOURCE:
		return options_source("watch: --source", optarg, &o->names);
	case OPTION_NO_BPF:
		o->no_bpf = true;
		return 0;
	case OPTION_BPF_RING:
		return take_ring(o);
	case 'n':
		return options_count("watch: -n", optarg, &o->count_max);
	default: /* OPTIONS_BAD */
		return -1;
	}
}

static int open_sink(const struct watch_options *o, struct sink **ret)
{
	struct text_style style = terminal_style(STDOUT_FILENO);
	int r = o->json ? json_sink_open(ret, STDOUT_FILENO)
			: text_sink_open(ret, STDOUT_FILENO, &style);

	if (r == 0)
		return 0;
	say_output_failed(-r);
	return STATUS_FAILURE;
}

static uint32_t watched_kinds(const struct watch_options *o)
{
	return o->kinds != 0 ? o->kinds : KINDS_ALL;
}

static uint32_t watch_flags(const struct watch_options *o)
{
	uint32_t flags = o->local ? OOMN_WATCH_LOCAL : 0;

	/* Asked for by name: every removal, not only of cgroups that had an event. */
	if (o->kinds & OOMN_GONE)
		flags |= OOMN_WATCH_GONE_ALL;
	return flags;
}

/* Before the first watch, so that no name is missing. */
static int identify(const struct watch_options *o, struct oomn_monitor *m,
		    const struct cgroup_host *host)
{
	int r = oomn_monitor_open_names(m);
	const char *why = oomn_monitor_get_names_why(m);

	if (r == -EOPNOTSUPP) {
		say("watch: --source=%s cannot be used: %s", names_word(o->names), why);
		return STATUS_FAILURE;
	}
	if (r < 0)
		return host_error_say(host, NULL, r);
	if (why[0] != '\0' && !o->quiet)
		say("note: victims are %s: %s",
		    strcmp(oomn_monitor_get_names(m), "none") == 0
			    ? "not named"
			    : "named by the kernel's messages only",
		    why);
	return 0;
}

/* Only what is named has details. Nothing depends on them: without, there are none. */
static bool has_details(const struct oomn_monitor *m)
{
	const char *level = oomn_monitor_get_names(m);

	/* The kernel's messages do not tell when a process began, and pids are used again. */
	return strcmp(level, "none") != 0 && strcmp(level, "kmsg") != 0;
}

static struct details *open_details(const struct watch_options *o, const struct oomn_monitor *m,
				    const struct cgroup_host *host)
{
	struct details *d = NULL;
	int r = 0;

	if ((watched_kinds(o) & KIND_DETAILS) && fd_available(SPARE_DESCRIPTORS) && has_details(m))
		r = details_open(&d, host);
	if (r < 0 && !o->quiet)
		say("note: no details of ooms can be read: %s", errno_text(-r));
	return r < 0 ? NULL : d;
}

static int watch(const struct watch_options *o, const struct cgroup_host *host,
		 struct watch_targets *targets)
{
	_cleanup_details_ struct details *details = NULL;
	_cleanup_(monitor_freep) struct oomn_monitor *m = NULL;
	_cleanup_sink_ struct sink *sink = NULL;
	_cleanup_free_ char *what = NULL;
	const char *unseen = NULL;
	struct watch_loop_result result = { 0 };
	struct watch_loop_args args = {
		.count_max = o->count_max,
		.timeout_ns = o->timeout_ns,
		.quiet = o->quiet,
	};
	const struct oomn_monitor_options options = {
		.size = sizeof(options),
		.names = o->no_bpf ? OOMN_NAMES_NO_BPF : o->names,
		.ring_bytes = o->ring_bytes,
	};
	struct oomn_balance balance;
	int r;

	r = open_sink(o, &sink);
	if (r != 0)
		return r;
	r = oomn_monitor_new(&m, &options);
	if (r < 0)
		return host_error_say(host, NULL, r);
	r = identify(o, m, host);
	if (r != 0)
		return r;
	details = open_details(o, m, host);
	r = watch_targets_add(targets, m, watch_flags(o), watched_kinds(o) & OOMN_ALL);
	if (r != 0)
		return r;
	if (!o->quiet) {
		what = watch_targets_describe(targets, host);
		unseen = watch_targets_unseen(targets, host);
	}
	watch_targets_free(targets); /* the monitor keeps descriptors of its own */
	args.monitor = m;
	args.details = details;
	args.sink = sink;
	args.ready = what;
	if (unseen)
		say("note: %s", unseen);
	r = watch_loop_run(&args, &result);
	if (r != 0)
		return r;
	r = oomn_monitor_get_balance(m, &balance, sizeof(balance));
	if (r < 0)
		return host_error_say(host, NULL, r);
	return ledger_print(&balance, watched_kinds(o), result.unsettled, o->quiet);
}

int cmd_watch(int argc, char **argv)
{
	struct watch_options o = { .count_max = UINT64_MAX, .timeout_ns = UINT64_MAX };
	_cleanup_targets_ struct watch_targets targets = { 0 };
	_cleanup_host_ struct cgroup_host host = CGROUP_HOST_NULL;
	int c, r;

	while ((c = options_next(argc, argv, ":n:qh", longs)) != OPTIONS_END) {
		if (c == 'h')
			return command_usage("watch");
		if (take_option(&o, c) < 0)
			return STATUS_USAGE;
	}
	if ((watched_kinds(&o) & KIND_DETAILS) && !(watched_kinds(&o) & (OOMN_OOM | OOMN_KILL))) {
		say("watch: --kinds: details come with an oom or a kill: name one of these, too");
		return STATUS_USAGE;
	}
	if (o.no_bpf && o.names != OOMN_NAMES_AUTO) {
		say("watch: --no-bpf and --source=%s exclude each other", names_word(o.names));
		return STATUS_USAGE;
	}
	r = cgroup_host_open(&host, "/proc");
	if (r != 0)
		return host_error_say(NULL, NULL, r);
	r = watch_targets_resolve(&targets, &host, argv + optind, o.local, o.quiet);
	if (r != 0)
		return r;
	return watch(&o, &host, &targets);
}
