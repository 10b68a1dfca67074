/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/process_id.h"

/* A process of whatever name, with what was read, is read the same again. */
static void check_stat(const char *text)
{
	struct process_stat s = { .state = '?' }, again;
	int r = process_stat_parse(text, &s);
	char *line;

	FUZZ_CHECK(r == 0 || r == -EBADMSG);
	if (r < 0) {
		FUZZ_CHECK(s.state == '?');
		return;
	}
	FUZZ_CHECK(asprintf(&line,
			    "1 (%s) %c 1 2 3 4 -5 %" PRIu64 " 1 2 3 4 5 6 7 8 9 -9 1 2 %" PRIu64
			    " 1",
			    text, s.state, s.flags, s.start_ticks) >= 0);
	FUZZ_CHECK(process_stat_parse(line, &again) == 0);
	FUZZ_CHECK(again.state == s.state && again.flags == s.flags &&
		   again.start_ticks == s.start_ticks);
	free(line);
}

static void check_others(const char *text)
{
	struct process_status status = { .tgid = 99 };
	int64_t pid = 99, ns = 99;
	int r = process_status_parse(text, &status);

	FUZZ_CHECK(r == 0 || (r == -EBADMSG && status.tgid == 99));
	FUZZ_CHECK(status.tgid <= UINT32_MAX);
	r = process_pidfd_parse(text, &pid);
	FUZZ_CHECK(r == 0 || (r == -EINVAL && pid == 99));
	FUZZ_CHECK(pid >= -1 && pid <= INT32_MAX);
	r = process_timens_parse(text, &ns);
	FUZZ_CHECK(r == 0 || (r == -EBADMSG && ns == 99));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fuzz_text t;

	fuzz_text_init(&t, data, n);
	check_stat(t.text);
	check_others(t.text);
	fuzz_text_done(&t);
	return 0;
}
