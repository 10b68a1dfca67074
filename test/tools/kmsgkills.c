/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kmsgkills N: prints the next N kills that the kernel's messages tell of, one a line, then what was lost
 *
 * "ready" comes first: what happens after that is told. Fields are KEY=VALUE with tabs between; names
 * are escaped as everywhere (base/escape.h), and what is not known is empty.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "source/kmsg.h"
#include "tool.h"

static void put(const char *key, const char *at, size_t len, bool cut)
{
	char text[ESCAPE_ROOM(KMSG_PATH_MAX)];

	(void)escape_bytes(at, len, 0, text);
	printf("\t%s=%s%s", key, text, cut ? "..." : "");
}

static void put_path(const char *key, const struct kmsg_path *p)
{
	put(key, p->text, p->len, p->cut);
}

static void print_kill(const struct kmsg_kill *kill)
{
	static const char *const members[] = { "no", "yes", "maybe" };
	const char *constraint = oom_constraint_name(kill->oom.constraint);

	printf("kill\tpid=%d", kill->pid);
	put("comm", kill->comm.text, kill->comm.len, false);
	put_path("cgroup", &kill->cgroup);
	put_path("limit_cgroup", &kill->oom.limit_cgroup);
	put_path("group", &kill->group);
	put("trigger", kill->oom.trigger.text, kill->oom.trigger.len, false);
	if (kill->oom.limit_bytes != BYTES_NONE)
		printf("\tlimit=%llu", (unsigned long long)kill->oom.limit_bytes);
	printf("\ttrigger_pid=%d\tconstraint=%s\tmember=%s\tagain=%d\tglobal=%d\toom=%llu",
	       kill->oom.trigger_pid, constraint ? constraint : "", members[kill->member],
	       kill->again, kill->global, (unsigned long long)kill->oom_number);
	printf("\tuid=%u\tadj=%d\tanon=%llu\n", (unsigned)kill->uid, kill->oom_score_adj,
	       (unsigned long long)kill->anon_rss_bytes);
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct kmsg k;
	static struct kmsg_kill kill;
	uint64_t left;
	int r;

	if (argc != 2)
		tool_die("usage: kmsgkills N");
	left = tool_number("N", argv[1], 1, 1000000);
	r = kmsg_open(&k);
	if (r < 0)
		tool_die("/dev/kmsg: %s", strerror(-r));
	puts("ready");
	(void)fflush(stdout);
	while (left > 0) {
		r = kmsg_next(&k, &kill);
		if (r < 0)
			tool_die("/dev/kmsg: %s", strerror(-r));
		if (r == 0) {
			print_kill(&kill);
			left--;
		} else if (r == KMSG_E_EMPTY) {
			(void)poll(&(struct pollfd){ .fd = k.fd, .events = POLLIN }, 1, -1);
		}
	}
	printf("end\tlost=%llu\tsuppressed=%llu\n", (unsigned long long)k.lost,
	       (unsigned long long)k.decoder.suppressed);
	kmsg_close(&k);
	return 0;
}
