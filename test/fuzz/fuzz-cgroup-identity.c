/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <string.h>

#include "core/cgroup_identity.h"

/* A span lies within one component of the path. */
static void check_span(const struct fuzz_text *t, struct path_span s)
{
	if (s.len == 0)
		return;
	FUZZ_CHECK(s.at >= t->text && s.at + s.len <= t->text + t->len);
	FUZZ_CHECK(!memchr(s.at, '/', s.len));
}

static void check_container(const struct fuzz_text *t, const struct cgroup_container *c)
{
	FUZZ_CHECK(c->runtime < CGROUP_RUNTIME_MAX);
	FUZZ_CHECK((c->runtime == CGROUP_RUNTIME_NONE) == (c->id.len == 0));
	check_span(t, c->id);
}

static void check_unescape(struct path_span s)
{
	char text[300];
	size_t n = cgroup_identity_unescape(s, text, sizeof(text));

	FUZZ_CHECK(n < sizeof(text) && n <= s.len);
	FUZZ_CHECK(strlen(text) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cgroup_identity id;
	struct fuzz_text t;

	fuzz_text_init(&t, data, n);
	cgroup_identity_parse(t.text, &id);
	check_span(&t, id.slice);
	check_span(&t, id.unit);
	check_span(&t, id.session);
	check_span(&t, id.user_slice);
	check_span(&t, id.user_unit);
	check_span(&t, id.inner_unit);
	check_container(&t, &id.container);
	check_container(&t, &id.outer);
	check_unescape(id.slice);
	check_unescape(id.container.id);
	check_unescape((struct path_span){ t.text, t.len });
	FUZZ_CHECK(id.outer.runtime == CGROUP_RUNTIME_NONE ||
		   id.container.runtime != CGROUP_RUNTIME_NONE);
	FUZZ_CHECK(strlen(id.machine) <= MACHINE_NAME_MAX);
	FUZZ_CHECK(strlen(id.pod_uid) == 0 || strlen(id.pod_uid) == 32 ||
		   strlen(id.pod_uid) == POD_UID_MAX);
	FUZZ_CHECK((id.pod_uid[0] == '\0') == (id.qos == POD_QOS_NONE));
	FUZZ_CHECK(id.user_unit.len == 0 || id.uid != CGROUP_UID_NONE);
	fuzz_text_done(&t);
	return 0;
}
