/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/v1_parse.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/flat_keyed.h"

static int parse_flag(const char *text, const char *key, bool *ret)
{
	uint64_t v;

	if (flat_keyed_u64(text, key, &v) != 0 || v > 1)
		return -EBADMSG;
	*ret = v;
	return 0;
}

int v1_parse_control(const char *text, struct v1_control *ret)
{
	struct v1_control c;

	if (parse_flag(text, "oom_kill_disable", &c.oom_kill_disable) != 0 ||
	    parse_flag(text, "under_oom", &c.under_oom) != 0 ||
	    flat_keyed_u64(text, "oom_kill", &c.oom_kill) != 0)
		return -EBADMSG;
	*ret = c;
	return 0;
}

/*
 * "Memory cgroup out of memory: Killed process 1 (a) …", "Out of memory: Killed process …", and with
 * vm.oom_kill_allocating_task "Out of memory (oom_kill_allocating_task): Killed process …".
 */
enum v1_kmsg v1_parse_kmsg(const char *record)
{
	const char *text = strchr(record, ';');
	const char *verb;

	if (!text)
		return V1_KMSG_OTHER;
	text++;
	verb = strstr(text, ": Kill");
	if (!verb)
		return V1_KMSG_OTHER;
	if (strncmp(text, "Memory cgroup out of memory", 27) == 0)
		return V1_KMSG_MEMCG_KILL;
	if (strncmp(text, "Out of memory", 13) == 0)
		return V1_KMSG_GLOBAL_KILL;
	return V1_KMSG_OTHER;
}
