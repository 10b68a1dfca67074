/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/watch_targets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "cli/host_error.h"
#include "cli/memory_at.h"
#include "cli/say.h"
#include "cli/status.h"

#define DESCRIBED_MAX 3 /* more names than that are only counted */

static int resolve(const struct cgroup_host *host, const char *name, bool local, bool quiet,
		   struct watch_target *ret)
{
	_cleanup_at_ struct cgroup_at at = CGROUP_AT_NULL;
	bool root;
	int r;

	r = cgroup_host_resolve(host, name, &at);
	if (r != 0)
		return host_error_say(host, name, r);
	root = strcmp(at.path, "/") == 0;
	if (root && local) {
		say("--local: %s is the root cgroup, which has no counters of its own: name one "
		    "below it",
		    name);
		return STATUS_USAGE;
	}
	if (!root) {
		r = memory_at(host, name, quiet ? NULL : "watching", &at);
		if (r != 0)
			return r;
		/* A namespace's root does have counters, and all that is visible is below it. */
		root = !local && strcmp(at.path, "/") == 0;
	}
	*ret = (struct watch_target){ .at = at, .whole_host = root };
	at = (struct cgroup_at)CGROUP_AT_NULL;
	return 0;
}

static int whole_host(const struct cgroup_host *host, bool local, struct watch_targets *ret)
{
	if (local) {
		say("--local: the whole host has no counters of its own: name a cgroup");
		return STATUS_USAGE;
	}
	ret->list[0] = (struct watch_target){ .at = CGROUP_AT_NULL, .whole_host = true };
	if (!cgroup_host_memory(host, &ret->list[0].at.hierarchy))
		return host_error_say(host, NULL, HOST_E_NO_MEMORY);
	ret->used = 1;
	return 0;
}

int watch_targets_resolve(struct watch_targets *ret, const struct cgroup_host *host,
			  char *const *names, bool local, bool quiet)
{
	_cleanup_targets_ struct watch_targets targets = { 0 };
	size_t n = 0;
	int r;

	while (names[n])
		n++;
	targets.list = calloc(n > 0 ? n : 1, sizeof(*targets.list));
	if (!targets.list)
		return host_error_say(host, NULL, -ENOMEM);
	if (n == 0) {
		r = whole_host(host, local, &targets);
		if (r != 0)
			return r;
	}
	for (; targets.used < n; targets.used++) {
		r = resolve(host, names[targets.used], local, quiet, &targets.list[targets.used]);
		if (r != 0)
			return r;
	}
	*ret = targets;
	targets = (struct watch_targets){ 0 };
	return 0;
}

void watch_targets_free(struct watch_targets *targets)
{
	for (size_t i = 0; i < targets->used; i++)
		cgroup_at_close(&targets->list[i].at);
	free(targets->list);
	*targets = (struct watch_targets){ 0 };
}

int watch_targets_add(const struct watch_targets *targets, struct monitor *m, unsigned flags,
		      unsigned kinds)
{
	for (size_t i = 0; i < targets->used; i++) {
		const struct watch_target *t = &targets->list[i];
		int r = t->whole_host ? monitor_add_host(m, flags, kinds, i + 1)
				      : monitor_add(m, &t->at, flags, kinds, i + 1);

		if (r < 0)
			return host_error_say_add(t->whole_host ? "/" : t->at.path, r);
	}
	return 0;
}

char *watch_targets_describe(const struct watch_targets *targets)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < targets->used && i < DESCRIBED_MAX; i++) {
		const struct watch_target *t = &targets->list[i];

		fputs(i > 0 ? ", " : "", f);
		fprintf(f, "%s (cgroup %s)", t->whole_host ? "the whole host" : t->at.path,
			hierarchy_name(t->at.hierarchy));
	}
	if (targets->used > DESCRIBED_MAX)
		fprintf(f, " and %zu more", targets->used - DESCRIBED_MAX);
	if (fclose(f) != 0)
		return NULL;
	return ptr_steal(&text);
}
