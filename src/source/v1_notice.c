/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a user should know of what this source is short of, and why
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "source/v1_source.h"

#define POLLED "kills are looked for once a second, ooms without a kill are not seen"
#define PLACE_MAX 200 /* of a path that is shown */

enum notice {
	NOTICE_REFUSED = 1U << 0,
	NOTICE_CONTROLS = 1U << 1,
	NOTICE_EVENTS = 1U << 2,
	NOTICE_INOTIFY = 1U << 3,
	NOTICE_UNREAD = 1U << 4,
};

const char *v1_why_refused(int error)
{
	switch (error) {
	case EROFS:
		return "cgroup v1: the cgroup file system is mounted read-only here, so nothing "
		       "can be "
		       "registered (mount it read-write): " POLLED;
	case EOPNOTSUPP:
		return "cgroup v1: this kernel is built for PREEMPT_RT, which has no oom "
		       "notifier: " POLLED;
	default:
		return "cgroup v1: cgroup.event_control is not writable here (since Linux 6.18 for "
		       "root "
		       "alone): " POLLED;
	}
}

void v1_unreadable(struct v1_source *v1, const struct v1_node *n, const char *child, int r)
{
	_cleanup_free_ char *path = v1_node_path(n, NULL);

	v1->unreadable = true;
	v1->short_of_descriptors |= r == -EMFILE || r == -ENFILE;
	if (v1->unread_error != 0 || !path)
		return;
	v1->unread_error = -r;
	if (child && snprintf(v1->unread_at, sizeof(v1->unread_at), "%s/%s", n->parent ? path : "",
			      child) < 0)
		return;
	if (!child)
		(void)snprintf(v1->unread_at, sizeof(v1->unread_at), "%s", path);
}

static const char *text_of(const struct v1_source *v1, enum notice what, char *buf, size_t size)
{
	switch (what) {
	case NOTICE_REFUSED:
		return v1_why_refused(v1->refused);
	case NOTICE_CONTROLS:
		return "few descriptors are left (ulimit -n): each look at a cgroup opens its file "
		       "anew";
	case NOTICE_EVENTS:
		return "too few descriptors (ulimit -n): some cgroups are not registered, and "
		       "looked at "
		       "once a second";
	case NOTICE_INOTIFY:
		return "inotify's limit is reached (fs.inotify.max_user_watches): some directories "
		       "are "
		       "listed now and then";
	default:
		snprintf(buf, size, "cannot read the counters of %.*s: %s", PLACE_MAX,
			 v1->unread_at, strerror(v1->unread_error));
		return buf;
	}
}

void v1_make_notice(struct v1_source *v1)
{
	unsigned now = (v1->no_controls ? NOTICE_CONTROLS : 0U) |
		       (v1->no_events ? NOTICE_EVENTS : 0U) |
		       (v1->inotify_limited ? NOTICE_INOTIFY : 0U) |
		       (v1->unread_error != 0 ? NOTICE_UNREAD : 0U) |
		       (v1_is_refused(v1) ? NOTICE_REFUSED : 0U);
	size_t len = 0;

	if (now == v1->notices)
		return;
	v1->notices = now;
	for (unsigned bit = NOTICE_REFUSED; bit <= NOTICE_UNREAD; bit <<= 1) {
		char buf[PLACE_MAX + 128];
		int n = 0;

		if (now & bit)
			n = snprintf(v1->notice + len, sizeof(v1->notice) - len, "%s%s",
				     len > 0 ? "; " : "",
				     text_of(v1, (enum notice)bit, buf, sizeof(buf)));
		len += (size_t)n;
		if (len >= sizeof(v1->notice))
			return;
	}
}

bool v1_is_refused(const struct v1_source *v1)
{
	return v1->blind && (v1->refused != 0 || !v1->no_events);
}
