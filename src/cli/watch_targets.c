/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/watch_targets.h"

#include <assert.h>
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

static const struct cgroup_mount *mount_of(const struct cgroup_host *host, enum hierarchy h)
{
	return h == HIERARCHY_V1 ? &host->v1 : &host->v2;
}

static int resolve(const struct cgroup_host *host, const char *name, bool local, bool quiet,
		   struct watch_target *ret)
{
	_cleanup_at_ struct cgroup_at at = CGROUP_AT_NULL;
	bool real_root;
	int r;

	r = cgroup_host_resolve(host, name, &at);
	if (r != 0)
		return host_error_say(host, name, r);
	real_root = strcmp(at.path, "/") == 0 && mount_of(host, at.hierarchy)->real_root;
	if (real_root && local) {
		say("--local: %s is the root cgroup, which has no counters of its own: name one "
		    "below it",
		    name);
		return STATUS_USAGE;
	}
	if (!real_root) {
		r = memory_at(host, name, quiet ? NULL : "watching", &at);
		if (r != 0)
			return r;
	}
	/* A namespace's root does have counters, and all that is visible is at or below it. */
	ret->whole_host = !local && strcmp(at.path, "/") == 0;
	ret->at = cgroup_at_steal(&at);
	return 0;
}

static int whole_host(const struct cgroup_host *host, bool local, struct watch_targets *ret)
{
	if (local) {
		say("--local: no cgroup was named: name those to watch without what is below them");
		return STATUS_USAGE;
	}
	ret->list[0] = (struct watch_target){ .at = CGROUP_AT_NULL, .whole_host = true };
	if (!cgroup_host_memory(host, &ret->list[0].at.hierarchy))
		return host_error_say(host, NULL, HOST_E_NO_MEMORY);
	ret->used = 1;
	return 0;
}

/* Was the newest named before, by this or another name? */
static bool is_named_twice(const struct watch_targets *targets)
{
	const struct cgroup_at *newest = &targets->list[targets->used - 1].at;

	assert(newest->path);
	for (size_t i = 0; i + 1 < targets->used; i++) {
		const struct cgroup_at *at = &targets->list[i].at;

		assert(at->path);
		if (at->hierarchy == newest->hierarchy && strcmp(at->path, newest->path) == 0)
			return true;
	}
	return false;
}

static int resolve_names(struct watch_targets *targets, const struct cgroup_host *host,
			 char *const *names, bool local, bool quiet)
{
	for (; *names; names++) {
		int r = resolve(host, *names, local, quiet, &targets->list[targets->used]);

		if (r != 0)
			return r;
		targets->used++;
		if (is_named_twice(targets))
			cgroup_at_close(&targets->list[--targets->used].at);
	}
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
	r = n == 0 ? whole_host(host, local, &targets)
		   : resolve_names(&targets, host, names, local, quiet);
	if (r != 0)
		return r;
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

int watch_targets_add(const struct watch_targets *targets, struct oomn_monitor *m, uint32_t flags,
		      uint32_t kinds)
{
	for (size_t i = 0; i < targets->used; i++) {
		const struct watch_target *t = &targets->list[i];
		int r = t->whole_host ? oomn_monitor_add_host(m, kinds, flags & OOMN_WATCH_GONE_ALL,
							      i + 1)
				      : oomn_monitor_add(m, t->at.fd, kinds, flags, i + 1);

		if (r < 0)
			return host_error_say_add(t->whole_host ? "/" : t->at.path, r);
	}
	return 0;
}

/* What all that is visible in a hierarchy is called. */
static const char *whole_name(const struct cgroup_mount *m)
{
	if (m->real_root)
		return "the whole host";
	return strcmp(m->root, "/") == 0 ? "all cgroups of this namespace"
					 : "all cgroups of the part that is mounted here";
}

const char *watch_targets_unseen(const struct watch_targets *targets,
				 const struct cgroup_host *host)
{
	for (size_t i = 0; i < targets->used; i++) {
		enum hierarchy h = targets->list[i].at.hierarchy;

		if (mount_of(host, h)->real_root)
			continue;
		return h == HIERARCHY_V1
			       ? "limits above the visible root are not seen: an oom at one of "
				 "them is told as one of the root, 'limit here or above'"
			       : "limits above the visible root are not seen: of an oom at one of "
				 "them only the kills are told";
	}
	return NULL;
}

char *watch_targets_describe(const struct watch_targets *targets, const struct cgroup_host *host)
{
	const struct watch_target *only = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < targets->used; i++)
		if (targets->list[i].whole_host) /* and with it all others */
			only = &targets->list[i];
	for (size_t i = 0; i < targets->used && i < DESCRIBED_MAX; i++) {
		const struct watch_target *t = only ? only : &targets->list[i];
		const char *version = hierarchy_name(t->at.hierarchy);

		fputs(i > 0 ? ", " : "", f);
		fprintf(f, "%s (cgroup %s)",
			only ? whole_name(mount_of(host, t->at.hierarchy)) : t->at.path, version);
		if (only)
			break;
	}
	if (targets->used > DESCRIBED_MAX && !only)
		fprintf(f, " and %zu more", targets->used - DESCRIBED_MAX);
	if (fclose(f) != 0)
		return NULL;
	return ptr_steal(&text);
}
