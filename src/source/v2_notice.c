/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What restricts the source right now, in words: all of it in one text, cgroups by name. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "source/v2_source.h"

#define NOTICE_MAX 2048
#define NAME_SHOWN 200 /* bytes of a path; how they are shown is the caller's to say */

int v2_notice_open(struct v2_source *v2)
{
	v2->notice = calloc(1, NOTICE_MAX);
	return v2->notice ? 0 : -ENOMEM;
}

void v2_notice_close(struct v2_source *v2)
{
	free(v2->notice);
	free(v2->denied);
}

void v2_notice_denied(struct v2_source *v2, const char *path)
{
	if (!v2->denied)
		v2->denied = strdup(path);
	else
		v2->denied_more |= strcmp(v2->denied, path) != 0;
}

static void add(char *notice, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char *notice, const char *format, ...)
{
	size_t used = strlen(notice);
	va_list args;

	if (used > 0)
		used += (size_t)snprintf(notice + used, NOTICE_MAX - used, "; ");
	if (used >= NOTICE_MAX)
		return;
	va_start(args, format);
	(void)vsnprintf(notice + used, NOTICE_MAX - used, format, args);
	va_end(args);
}

static void add_inotify(const struct v2_source *v2)
{
	const struct v2_watch *w;
	bool host = false;

	LL_FOREACH (v2->watches, w)
		host |= w->host || w->deep;
	if (v2->blind && host)
		add(v2->notice,
		    "inotify refuses more watches (fs.inotify.max_user_watches, or /proc is closed "
		    "to this process): new cgroups are looked for once a second, and one that "
		    "comes and goes in between is not seen");
	else if (v2->blind)
		add(v2->notice,
		    "inotify refuses more watches (fs.inotify.max_user_watches, or /proc is closed "
		    "to this process): removals are looked for once a second, and the last events "
		    "of a removed cgroup cannot be told from its neighbours'");
	else if (tree_watch_limited(v2->changes))
		add(v2->notice,
		    "fs.inotify.max_user_watches is reached: some removals are not told");
}

static void add_tops(const struct v2_source *v2)
{
	const struct top *t, *off = NULL;
	bool polled = false, more = false;

	DL_FOREACH (v2->tops, t) {
		polled |= t->poll_ns != 0;
		if (t->state == TOP_DORMANT && t->off) {
			more |= off != NULL;
			off = off ? off : t;
		}
	}
	if (polled)
		add(v2->notice,
		    "too many open files: some cgroups are looked at once a second only");
	if (off)
		add(v2->notice,
		    "%.*s%s: no memory controller now, what happens meanwhile is not seen",
		    NAME_SHOWN, off->path, more ? " and others" : "");
}

const char *v2_notice(const struct source *s)
{
	const struct v2_source *v2 = (const struct v2_source *)s;

	v2->notice[0] = '\0';
	add_inotify(v2);
	if (v2->denied)
		add(v2->notice,
		    "%.*s%s: no permission to read its memory counters: what it counts is not "
		    "known",
		    NAME_SHOWN, v2->denied, v2->denied_more ? " and others" : "");
	add_tops(v2);
	if (v2->remounted)
		add(v2->notice,
		    "cgroup2 was remounted %s memory_localevents: counting began anew, what came "
		    "around that moment is not known",
		    v2->local_events ? "with" : "without");
	return v2->notice[0] ? v2->notice : NULL;
}
