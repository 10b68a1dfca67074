/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the ledger's report to an event: paths, times, and the limit that was hit. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "source/v2_source.h"

struct oomn_event *v2_event(const struct v2_source *v2, enum event_kind kind, const char *path,
			    uint64_t id)
{
	struct oomn_event *e = event_new(kind);

	if (!e)
		return NULL;
	e->hierarchy = HIERARCHY_V2;
	e->boottime_ns = v2->now_ns ? v2->now_ns : clock_boottime_ns();
	e->evidence = EVIDENCE_COUNTERS;
	e->cgroup_id = id;
	e->cgroup = strdup(path);
	return e->cgroup ? e : event_free(e);
}

/* memory.max as it stands now: "max" and a file that is gone are both BYTES_NONE. */
static uint64_t read_limit(int root_fd, const char *path, uint64_t id)
{
	_cleanup_close_ int dir = -1;
	_cleanup_close_ int fd = -1;
	char text[32];
	char *end;
	ssize_t n;
	unsigned long long v;

	if (v2_tree_open(root_fd, path, id, &dir) != 0)
		return BYTES_NONE;
	fd = openat(dir, "memory.max", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return BYTES_NONE;
	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return BYTES_NONE;
	text[n] = '\0';
	errno = 0;
	v = strtoull(text, &end, 10);
	return errno != 0 || end == text ? BYTES_NONE : (uint64_t)v;
}

static int add_limit(const struct v2_source *v2, struct oomn_event *e)
{
	e->limit_cgroup = strdup(e->cgroup);
	if (!e->limit_cgroup)
		return -ENOMEM;
	e->limit_id = e->cgroup_id;
	e->limit_bytes = read_limit(v2->s.host->v2.root_fd, e->cgroup, e->cgroup_id);
	return 0;
}

int v2_report(void *ctx, const struct ledger_report *report)
{
	const struct v2_tree *tree = ctx; /* the ledger's calls share one context */
	struct v2_source *v2 = tree->top_ctx;
	_cleanup_free_ char *path = account_path(report->at);
	_cleanup_event_ struct oomn_event *e = NULL;
	bool exact = !report->removed && !report->unplaced;
	int r;

	if (!path)
		return -ENOMEM;
	e = v2_event(v2, report->kind, path, account_id(report->at));
	if (!e)
		return -ENOMEM;
	e->count_min = report->count_min;
	e->count_max = report->count_max;
	e->removed = report->removed;
	e->unplaced = report->unplaced;
	/* While the cgroup lives, what no living child explains was a dead child's. */
	e->below = report->removed && !report->closing;
	if (report->kind == EVENT_OOM && exact) {
		r = add_limit(v2, e);
		if (r < 0)
			return r;
	}
	if (exact && engine_wants(v2->s.engine, HIERARCHY_V2, report->kind, path, false))
		v2_mortal_add(v2, path, e->cgroup_id);
	engine_submit(v2->s.engine, e);
	e = NULL;
	return 0;
}
