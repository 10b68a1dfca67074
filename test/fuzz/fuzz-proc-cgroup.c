/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/proc_cgroup.h"

/* The path, as the line of another hierarchy, is found again. */
static void check_round_trip(const struct proc_cgroup *pc)
{
	struct proc_cgroup again;
	char *text;

	FUZZ_CHECK(asprintf(&text, "1:name=x:/\n7:y,memory,z:%.*s\n0::%.*s", (int)pc->len, pc->path,
			    (int)pc->len, pc->path) >= 0);
	FUZZ_CHECK(proc_cgroup_find(text, "memory", &again) == 0);
	FUZZ_CHECK(again.len == pc->len && memcmp(again.path, pc->path, pc->len) == 0);
	FUZZ_CHECK(proc_cgroup_find(text, NULL, &again) == 0);
	FUZZ_CHECK(again.len == pc->len && memcmp(again.path, pc->path, pc->len) == 0);
	FUZZ_CHECK(proc_cgroup_find(text, "name", &again) == PROC_CGROUP_E_NO_LINE);
	free(text);
}

static void check(const struct fuzz_text *t, const char *controller)
{
	struct proc_cgroup pc = { .len = 99 };
	int r = proc_cgroup_find(t->text, controller, &pc);
	const char *line;

	FUZZ_CHECK(r == 0 || r == PROC_CGROUP_E_NO_LINE || r == -EBADMSG);
	if (r != 0) {
		FUZZ_CHECK(!pc.path && pc.len == 99);
		return;
	}
	FUZZ_CHECK(pc.path > t->text && pc.len > 0 && pc.path + pc.len <= t->text + t->len);
	FUZZ_CHECK(pc.path[0] == '/' && pc.path[-1] == ':');
	FUZZ_CHECK(!memchr(pc.path, '\n', pc.len));
	FUZZ_CHECK(pc.path[pc.len] == '\n' || pc.path[pc.len] == '\0');
	for (line = pc.path; line > t->text && line[-1] != '\n'; line--)
		;
	if (controller)
		FUZZ_CHECK(memmem(line, (size_t)(pc.path - line), controller, strlen(controller)));
	else
		FUZZ_CHECK(strncmp(line, "0::", 3) == 0 && line + 3 == pc.path);
	check_round_trip(&pc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fuzz_text t;

	fuzz_text_init(&t, data, n);
	check(&t, NULL);
	check(&t, "memory");
	check(&t, "cpu");
	fuzz_text_done(&t);
	return 0;
}
