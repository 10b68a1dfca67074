/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One input, read as memory.oom_control and as a record of /dev/kmsg. */
#include "fuzz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/flat_keyed.h"
#include "source/v1_parse.h"

static void check_control(const char *text)
{
	struct v1_control c = { .oom_kill = 0x5a5a }, again;
	int r = v1_parse_control(text, &c);
	char line[128];
	uint64_t v;

	FUZZ_CHECK(r == 0 || r == -EBADMSG);
	if (r != 0) {
		FUZZ_CHECK(c.oom_kill == 0x5a5a);
		return;
	}
	FUZZ_CHECK(flat_keyed_u64(text, "oom_kill_disable", &v) == 0 && v == c.oom_kill_disable);
	FUZZ_CHECK(flat_keyed_u64(text, "under_oom", &v) == 0 && v == c.under_oom);
	FUZZ_CHECK(flat_keyed_u64(text, "oom_kill", &v) == 0 && v == c.oom_kill);
	snprintf(line, sizeof(line), "oom_kill_disable %d\nunder_oom %d\noom_kill %" PRIu64 "\n",
		 c.oom_kill_disable, c.under_oom, c.oom_kill);
	FUZZ_CHECK(v1_parse_control(line, &again) == 0);
	FUZZ_CHECK(again.oom_kill_disable == c.oom_kill_disable);
	FUZZ_CHECK(again.under_oom == c.under_oom && again.oom_kill == c.oom_kill);
}

static void check_record(const char *record)
{
	enum v1_kmsg what = v1_parse_kmsg(record);
	char *other;

	FUZZ_CHECK(what == V1_KMSG_OTHER || what == V1_KMSG_MEMCG_KILL ||
		   what == V1_KMSG_GLOBAL_KILL);
	if (what != V1_KMSG_OTHER)
		FUZZ_CHECK(strchr(record, ';') && strstr(record, "ut of memory"));
	/* A process may write to /dev/kmsg, but not before the ';'; what it says in quotes is no kill. */
	FUZZ_CHECK(asprintf(&other, "4,1,2,-;said \"%s", record) >= 0);
	FUZZ_CHECK(v1_parse_kmsg(other) == V1_KMSG_OTHER);
	free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fuzz_text t;

	fuzz_text_init(&t, data, n);
	check_control(t.text);
	check_record(t.text);
	fuzz_text_done(&t);
	return 0;
}
