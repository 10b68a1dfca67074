/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /proc/vmstat's oom_kill: every kill on this host, whatever the cgroup
 *
 * It wakes nobody, but it shows kills that no oom announces (a global OOM), and it is the one count
 * that a removed cgroup does not take along: if it has grown by no more than the lines have, then
 * nothing was missed. If everything is watched, from the real root on, what it has more were kills in
 * cgroups that are gone.
 *
 * The kernel raises it just before the line. So what is missing is looked for a little later, in all
 * lines, before it is believed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/flat_keyed.h"
#include "source/v1_source.h"

#define TEXT_MAX 16384 /* today's kernels print under 5,000 bytes */
#define BEHIND_NS UINT64_C(20000000)
#define LOOK_NS UINT64_C(1000000000)

static int read_vmstat(struct v1_source *v1)
{
	char text[TEXT_MAX];
	size_t len = 0;
	ssize_t n = 1;
	uint64_t v;

	if (v1->vmstat_fd < 0)
		return -ENOENT;
	/* The kernel hands out at most a page at a time. */
	for (; n > 0 && len < sizeof(text) - 1; len += (size_t)n) {
		n = pread(v1->vmstat_fd, text + len, sizeof(text) - 1 - len, (off_t)len);
		if (n < 0)
			return errno_neg();
	}
	text[len] = '\0';
	if (flat_keyed_u64(text, "oom_kill", &v) != 0)
		return -EBADMSG;
	v1->vmstat = v;
	v1->vmstat_ns = v1->now_ns;
	return 0;
}

int v1_vmstat_open(struct v1_source *v1)
{
	char *path;

	if (asprintf(&path, "%s/vmstat", v1->s.host->proc) < 0)
		return -ENOMEM;
	v1->vmstat_fd = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	if (v1->vmstat_fd >= 0 && read_vmstat(v1) < 0)
		v1->vmstat_fd = fd_close(v1->vmstat_fd);
	return 0;
}

void v1_vmstat_start(struct v1_source *v1)
{
	(void)read_vmstat(v1);
	v1->vmstat_base = v1->vmstat_swept = v1->vmstat;
	v1->kills_seen = 0;
	v1->reconcile = V1_RECONCILED;
}

uint64_t v1_vmstat_excess(const struct v1_source *v1)
{
	if (v1->vmstat_fd < 0)
		return UINT64_MAX;
	return v1->vmstat - v1->vmstat_base > v1->kills_seen
		       ? v1->vmstat - v1->vmstat_base - v1->kills_seen
		       : 0;
}

void v1_forget_suspects(struct v1_source *v1)
{
	v1->suspect = NULL;
	v1->suspects = 0;
	v1->others = false;
}

/* All lines have been read since the count stood at v0: what is missing is in none of them. */
static void conclude(struct v1_source *v1)
{
	uint64_t counted = v1->vmstat_v0 - v1->vmstat_base;

	v1->reconcile = V1_RECONCILED;
	v1->vmstat_swept = v1->vmstat_v0;
	if (!v1->whole_host)
		return;
	if (counted > v1->kills_seen) {
		/* In one that was registered, or in one that came and went: then its oom is lost. */
		v1->ooms_unseen |= v1_may_be_unseen(v1);
		v1->host_kills_new += counted - v1->kills_seen;
		v1->counted[EVENT_KILL] += counted - v1->kills_seen;
		v1->kills_seen = counted;
	} else {
		v1_forget_suspects(v1);
	}
	v1->kills_doubtful = 0; /* each was one of these, or was none */
}

void v1_vmstat_run(struct v1_source *v1, bool now)
{
	if (v1->vmstat_fd < 0)
		return;
	if ((now || v1->now_ns >= v1->vmstat_ns + LOOK_NS) && read_vmstat(v1) < 0)
		return;
	switch (v1->reconcile) {
	case V1_RECONCILED:
		if (v1->vmstat == v1->vmstat_swept ||
		    (v1_vmstat_excess(v1) == 0 && v1->polled == 0 && v1->kills_doubtful == 0))
			break;
		v1->vmstat_v0 = v1->vmstat;
		v1->reconcile_ns = v1->now_ns + BEHIND_NS;
		v1->reconcile = V1_WAITING;
		break;
	case V1_WAITING:
		if (v1->now_ns < v1->reconcile_ns)
			break;
		v1_scan_drain(v1); /* what was there for a kill in v0 has been announced by now */
		v1_lines_all(v1);
		v1->reconcile = V1_SWEEPING;
		break;
	case V1_SWEEPING:
		if (!v1->lines)
			conclude(v1);
		break;
	}
}

uint64_t v1_vmstat_deadline(const struct v1_source *v1)
{
	switch (v1->reconcile) {
	case V1_WAITING:
		return v1->reconcile_ns;
	case V1_SWEEPING:
		return 0;
	default:
		return UINT64_MAX;
	}
}
