/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * oomnotify listen CGROUP: an eventfd listener, as cgroup_event_notifier of the 2010 patch was
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
#include "cli/memory_at.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/status.h"
#include "cli/terminal.h"
#include "sink/eventfd.h"

struct listen_options {
	uint64_t count_max;
	uint64_t timeout_ns;
	int eventfd; /* -1: none */
};

enum {
	OPTION_TIMEOUT = 256,
	OPTION_EVENTFD,
};

static const struct option longs[] = {
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "eventfd", required_argument, NULL, OPTION_EVENTFD },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void listen_closep(struct listen **l)
{
	*l = listen_close(*l);
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
static int take_option(struct listen_options *o, int c)
{
	switch (c) {
	case OPTION_TIMEOUT:
		return options_time("listen: --timeout", optarg, &o->timeout_ns);
	case OPTION_EVENTFD:
		return take_eventfd(optarg, &o->eventfd);
	case 'n':
		return options_count("listen: -n", optarg, &o->count_max);
	default: /* OPTIONS_BAD */
		return -1;
	}
}

static int resolve(const struct cgroup_host *host, const char *name, struct cgroup_at *at)
{
	const struct cgroup_mount *mount;
	int r = cgroup_host_resolve(host, name, at);

	if (r != 0)
		return host_error_say(host, name, r);
	mount = at->hierarchy == HIERARCHY_V1 ? &host->v1 : &host->v2;
	if (strcmp(at->path, "/") == 0 && mount->real_root) {
		say("%s is the root cgroup, which has no limit and never an oom: name one below it",
		    name);
		return STATUS_USAGE;
	}
	return memory_at(host, name, "listening on", at);
}

static int say_add(const struct cgroup_at *at, int r)
{
	bool v1 = at->hierarchy == HIERARCHY_V1;

	if (v1 && (r == -EACCES || r == -EPERM))
		say("no permission to register on %s: since Linux 6.18 only root may write to "
		    "cgroup.event_control: run as root, or use 'oomnotify watch'",
		    host_error_show(at->path).text);
	else if (v1 && r == -EROFS)
		say("cannot register on %s: the cgroup file system is mounted read-only here, as "
		    "in "
		    "containers: have it mounted writable, or use 'oomnotify watch'",
		    host_error_show(at->path).text);
	else if (v1 && r == -EOPNOTSUPP)
		say("this kernel has no eventfds for cgroup v1 (PREEMPT_RT): use 'oomnotify "
		    "watch'");
	else if (r == -EOPNOTSUPP)
		say("this kernel has no memory.events.local: Linux 5.2 or later is needed");
	else
		return host_error_say_add(at->path, r);
	return STATUS_FAILURE;
}

static void say_unseen(const struct oomn_listener *h, const char *path)
{
	unsigned unseen = listen_unseen(h);

	if (unseen & LISTEN_UNREADABLE)
		say("note: ooms of cgroups above %s whose counters may not be read are not "
		    "signalled",
		    path);
	if (unseen & LISTEN_OUTSIDE)
		say("note: ooms of cgroups above the visible root are not signalled");
}

static int listen_at(const struct listen_options *o, const struct cgroup_host *host,
		     const struct cgroup_at *at)
{
	const struct text_style style = terminal_style(STDOUT_FILENO);
	_cleanup_(listen_closep) struct listen *l = NULL;
	_cleanup_free_ char *name = NULL, *ready = NULL;
	_cleanup_close_ int own = -1;
	struct oomn_listener *h, *inherited;
	int r;

	own = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = own < 0 ? errno_neg() : listen_open(&l, host, NULL);
	if (r < 0)
		return host_error_say(host, NULL, r);
	r = listen_add(l, at, own, NULL, &h);
	if (r == 0 && o->eventfd >= 0)
		r = listen_add(l, at, o->eventfd, NULL, &inherited);
	if (r < 0)
		return say_add(at, r);
	say_unseen(h, at->path);

	name = escape_name(at->path, style.ascii ? ESCAPE_ASCII : 0);
	if (!name || asprintf(&ready, "listening on %s (cgroup %s), ready", at->path,
			      hierarchy_name(at->hierarchy)) < 0) {
		ready = NULL;
		return host_error_say(host, NULL, -ENOMEM);
	}
	return listen_loop_run(&(struct listen_loop_args){ .listen = l,
							   .handle = h,
							   .eventfd = own,
							   .name = name,
							   .ready = ready,
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
	r = resolve(&host, argv[optind], &at);
	if (r != 0)
		return r;
	return listen_at(&o, &host, &at);
}
