/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * oomnotify listen CGROUP: an eventfd listener, as cgroup_event_notifier of the 2010 patch was
 *
 * Nothing names victims here: v2's counters are told of without BPF programs, which take some tenths of
 * a second to open.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/err.h"
#include "base/escape.h"
#include "base/fd.h"
#include "cli/cmd.h"
#include "cli/host_error.h"
#include "cli/listen_loop.h"
#include "cli/listen_what.h"
#include "cli/memory_at.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/status.h"
#include "cli/terminal.h"
#include "include/oomnotify.h"
#include "sink/eventfd.h"

struct listen_options {
	struct listen_what what;
	uint64_t count_max;
	uint64_t timeout_ns;
	int eventfd; /* -1: none */
};

enum {
	OPTION_TIMEOUT = 256,
	OPTION_EVENTFD,
	OPTION_THRESHOLD,
	OPTION_PRESSURE,
};

static const struct option longs[] = {
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "eventfd", required_argument, NULL, OPTION_EVENTFD },
	{ "threshold", required_argument, NULL, OPTION_THRESHOLD },
	{ "pressure", required_argument, NULL, OPTION_PRESSURE },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void monitor_freep(struct oomn_monitor **m)
{
	*m = oomn_monitor_free(*m);
}

/* Returns 0, or -1 after saying what is wrong. */
static int take_eventfd(const char *value, int *ret)
{
	uint64_t fd;
	int r = decimal_u64(value, &fd);

	if (r != 0 || fd > INT_MAX) {
		say("listen: --eventfd: '%s' is not the number of a descriptor", value);
		return -1;
	}
	r = sink_eventfd_check((int)fd);
	if (r == -EBADF)
		say("listen: --eventfd: descriptor %s is not open: open an eventfd without "
		    "EFD_CLOEXEC before oomnotify is started",
		    value);
	else if (r == SINK_EVENTFD_E_NOT_ONE)
		say("listen: --eventfd: descriptor %s is not an eventfd", value);
	else if (r < 0)
		say("listen: --eventfd: cannot tell whether descriptor %s is an eventfd: %s", value,
		    strerror(-r));
	if (r == 0)
		*ret = (int)fd;
	return r == 0 ? 0 : -1;
}

/* Returns 0, or -1 after saying what is wrong. */
static int take_what(struct listen_options *o, int c)
{
	struct listen_what w;
	int r = c == OPTION_THRESHOLD ? listen_what_threshold("listen: --threshold", optarg, &w)
				      : listen_what_pressure("listen: --pressure", optarg, &w);

	if (r < 0)
		return -1;
	if (o->what.kind != LISTEN_WHAT_OOM && o->what.kind != w.kind) {
		say("listen: --threshold and --pressure exclude each other: listen to each by "
		    "itself");
		return -1;
	}
	o->what = w;
	return 0;
}

/* Returns 0, or -1 after saying what is wrong. */
static int take_option(struct listen_options *o, int c)
{
	switch (c) {
	case OPTION_TIMEOUT:
		return options_time("listen: --timeout", optarg, &o->timeout_ns);
	case OPTION_EVENTFD:
		return take_eventfd(optarg, &o->eventfd);
	case OPTION_THRESHOLD:
	case OPTION_PRESSURE:
		return take_what(o, c);
	case 'n':
		return options_count("listen: -n", optarg, &o->count_max);
	default: /* OPTIONS_BAD */
		return -1;
	}
}

static int resolve(const struct cgroup_host *host, const char *name, const struct listen_what *what,
		   struct cgroup_at *at)
{
	const struct cgroup_mount *mount;
	int r = cgroup_host_resolve(host, name, at);

	if (r != 0)
		return host_error_say(host, name, r);
	mount = at->hierarchy == HIERARCHY_V1 ? &host->v1 : &host->v2;
	if (strcmp(at->path, "/") == 0 && mount->real_root) {
		say("%s is the root cgroup, %s: name one below it", name,
		    what->kind == LISTEN_WHAT_OOM ? "which has no limit and never an oom"
						  : "which has no account of its own");
		return STATUS_USAGE;
	}
	return memory_at(host, name, "listening on", at);
}

/* Why EOPNOTSUPP, which means something else for each. */
static const char *unsupported(const struct listen_what *what, bool v1)
{
	if (what->kind == LISTEN_WHAT_THRESHOLD && (what->flags & OOMN_THRESHOLD_SWAP))
		return v1 ? "memory and swap together are not accounted for here: boot with "
			    "swapaccount=1 (on PREEMPT_RT there are no eventfds for cgroup v1)"
			  : "swap is not accounted for here: leave ',swap' away";
	if (what->kind == LISTEN_WHAT_PRESSURE)
		return v1 ? "this kernel has no eventfds for pressure on cgroup v1"
			  : "this kernel does not count what reclaim finds in a cgroup";
	return v1 ? "this kernel has no eventfds for cgroup v1 (PREEMPT_RT): use 'oomnotify watch'"
		  : "this kernel has no memory.events.local: Linux 5.2 or later is needed";
}

static int say_add(const struct listen_what *what, const struct cgroup_at *at, int r)
{
	const char *instead = what->kind == LISTEN_WHAT_OOM ? ", or use 'oomnotify watch'" : "";
	bool v1 = at->hierarchy == HIERARCHY_V1;

	if (v1 && (r == -EACCES || r == -EPERM))
		say("no permission to register on %s: since Linux 6.18 only root may write to "
		    "cgroup.event_control: run as root%s",
		    host_error_show(at->path).text, instead);
	else if (v1 && r == -EROFS)
		say("cannot register on %s: the cgroup file system is mounted read-only here, as "
		    "in containers: have it mounted writable%s",
		    host_error_show(at->path).text, instead);
	else if (r == -EOPNOTSUPP)
		say("%s", unsupported(what, v1));
	else
		return host_error_say_add(at->path, r);
	return STATUS_FAILURE;
}

static void say_unseen(const struct oomn_listener *l, const char *path)
{
	int unseen = oomn_listener_get_unseen(l);

	if (unseen & OOMN_UNSEEN_UNREADABLE)
		say("note: ooms of cgroups above %s whose counters may not be read are not "
		    "signalled",
		    path);
	if (unseen & OOMN_UNSEEN_OUTSIDE)
		say("note: ooms of cgroups above the visible root are not signalled");
}

static int listen_at(const struct listen_options *o, const struct cgroup_host *host,
		     const struct cgroup_at *at)
{
	const struct oomn_monitor_options options = { .size = sizeof(options),
						      .names = OOMN_NAMES_NONE };
	const struct text_style style = terminal_style(STDOUT_FILENO);
	_cleanup_(monitor_freep) struct oomn_monitor *m = NULL;
	_cleanup_free_ char *name = NULL, *ready = NULL;
	_cleanup_close_ int own = -1;
	struct oomn_listener *l;
	int r;

	own = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = own < 0 ? errno_neg() : oomn_monitor_new(&m, &options);
	if (r < 0)
		return host_error_say(host, NULL, r);
	r = listen_what_add(&o->what, m, at->fd, own, &l);
	if (r == 0 && o->eventfd >= 0)
		r = listen_what_add(&o->what, m, at->fd, o->eventfd, NULL);
	if (r < 0)
		return say_add(&o->what, at, r);
	if (o->what.kind == LISTEN_WHAT_OOM)
		say_unseen(l, at->path);

	name = escape_name(at->path, style.ascii ? ESCAPE_ASCII : 0);
	if (!name || asprintf(&ready, "listening on %s (cgroup %s), ready", at->path,
			      hierarchy_name(at->hierarchy)) < 0) {
		ready = NULL;
		return host_error_say(host, NULL, -ENOMEM);
	}
	return listen_loop_run(&(struct listen_loop_args){ .monitor = m,
							   .listener = l,
							   .eventfd = own,
							   .name = name,
							   .ready = ready,
							   .noun = listen_what_noun(&o->what),
							   .count_max = o->count_max,
							   .timeout_ns = o->timeout_ns });
}

int cmd_listen(int argc, char **argv)
{
	struct listen_options o = { .count_max = 1, .timeout_ns = UINT64_MAX, .eventfd = -1 };
	_cleanup_host_ struct cgroup_host host = CGROUP_HOST_NULL;
	_cleanup_at_ struct cgroup_at at = CGROUP_AT_NULL;
	int c, r;

	while ((c = options_next(argc, argv, ":n:h", longs)) != OPTIONS_END) {
		if (c == 'h')
			return command_usage("listen");
		if (take_option(&o, c) < 0)
			return STATUS_USAGE;
	}
	if (argc - optind != 1) {
		say(optind == argc ? "listen: no cgroup was named: give a directory, the path of a "
				     "cgroup, 'self', or 'pid:N'"
				   : "listen: more than one cgroup was named: listen to each by "
				     "itself, or use 'oomnotify watch'");
		return STATUS_USAGE;
	}
	r = cgroup_host_open(&host, "/proc");
	if (r != 0)
		return host_error_say(NULL, NULL, r);
	r = resolve(&host, argv[optind], &o.what, &at);
	if (r != 0)
		return r;
	return listen_at(&o, &host, &at);
}
