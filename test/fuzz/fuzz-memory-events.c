/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/flat_keyed.h"
#include "source/v2_tree.h"

/* As the kernel prints it, with a line that nobody knows yet. */
static void check_round_trip(const struct reading *rd)
{
	struct reading again;
	char text[256], group[64] = "";

	if (!rd->no_group_count)
		snprintf(group, sizeof(group), "oom_group_kill %" PRIu64 "\n",
			 rd->counts.n[EVENT_GROUP_KILL]);
	snprintf(text, sizeof(text),
		 "low 1\nhigh 2\nmax 3\noom %" PRIu64 "\noom_kill %" PRIu64 "\n%snew 4\n",
		 rd->counts.n[EVENT_OOM], rd->counts.n[EVENT_KILL], group);
	FUZZ_CHECK(memory_events_parse(text, &again) == 0);
	FUZZ_CHECK(memcmp(&again.counts, &rd->counts, sizeof(rd->counts)) == 0);
	FUZZ_CHECK(again.no_group_count == rd->no_group_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const keys[COUNTED_KINDS] = { "oom", "oom_kill", "oom_group_kill" };
	struct reading rd = { .key = 0x5a5a };
	struct fuzz_text t;
	int r;

	fuzz_text_init(&t, data, n);
	r = memory_events_parse(t.text, &rd);
	FUZZ_CHECK(r == 0 || r == -EBADMSG);
	FUZZ_CHECK(r == 0 || rd.key == 0x5a5a);
	for (unsigned k = 0; k < COUNTED_KINDS; k++) {
		uint64_t v;
		int found = flat_keyed_u64(t.text, keys[k], &v);

		if (r == 0 && found == 0)
			FUZZ_CHECK(rd.counts.n[k] == v);
		else if (r == 0)
			FUZZ_CHECK(k == EVENT_GROUP_KILL && found == FLAT_KEYED_E_NO_KEY &&
				   rd.counts.n[k] == 0);
	}
	if (r == 0) {
		FUZZ_CHECK(rd.key == 0 && rd.id == 0);
		check_round_trip(&rd);
	}
	fuzz_text_done(&t);
	return 0;
}
