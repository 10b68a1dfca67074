/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Of a group kill the chosen victim is counted twice as a rule: once for itself, once as a member. So of D counts
 * at most one for each group kill is such a second one, and as each group has a victim of its own, at most half.
 *
 * vmstat is raised before the cgroup's counter: it is read before it at the beginning and after it at the end, and
 * has all that the other has.
 */
#include "source/kill_counter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/flat_keyed.h"
#include "source/counter_file.h"
#include "source/vmstat.h"

struct reading {
	uint64_t file_id;
	uint64_t kills;
	bool groups_known;
	uint64_t groups;
};

static bool read_counter(const char *file, int dir, struct reading *ret)
{
	_cleanup_close_ int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	char text[COUNTER_TEXT_MAX];
	struct reading rd = { 0 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || counter_file_read(fd, text, sizeof(text)) < 0 ||
	    flat_keyed_u64(text, "oom_kill", &rd.kills) != 0)
		return false;
	rd.file_id = st.st_ino;
	rd.groups_known = flat_keyed_u64(text, "oom_group_kill", &rd.groups) == 0;
	*ret = rd;
	return true;
}

static uint64_t read_host(const struct cgroup_host *host)
{
	uint64_t v;

	return vmstat_kills(host->proc, &v) == 0 ? v : UINT64_MAX;
}

static const struct cgroup_mount *mount_of(const struct cgroup_host *host, enum hierarchy h)
{
	return h == HIERARCHY_V2 ? &host->v2 : &host->v1;
}

void kill_counter_begin(struct kill_counter *c, const struct cgroup_host *host,
			const struct cgroup_at *at, bool local)
{
	const struct cgroup_mount *m = mount_of(host, at->hierarchy);
	struct reading rd;

	bool v2 = at->hierarchy == HIERARCHY_V2;

	*c = (struct kill_counter){ .hierarchy = at->hierarchy, .local = local, .id = at->id };
	c->whole = !local && m->real_root && at->path && strcmp(at->path, "/") == 0;
	c->host = read_host(host);
	c->hierarchical = v2 && !m->local_events;
	c->file = v2 ? "memory.events" : "memory.oom_control";
	/* It is there since Linux 5.2. */
	if (v2 && local && faccessat(at->fd, "memory.events.local", R_OK, 0) == 0) {
		c->file = "memory.events.local";
		c->hierarchical = false;
	}
	if (!read_counter(c->file, at->fd, &rd))
		return;
	c->known = true;
	c->file_id = rd.file_id;
	c->kills = rd.kills;
	c->groups_known = rd.groups_known;
	c->groups = rd.groups;
}

static int reopen(const struct cgroup_mount *m, const char *path)
{
	while (*path == '/')
		path++;
	return openat(m->root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static uint64_t least(const struct kill_counted *d, uint64_t counted)
{
	uint64_t half = counted / 2 + counted % 2;

	if (d->groups_none)
		return counted;
	if (d->groups_known && counted > d->groups && counted - d->groups > half)
		return counted - d->groups;
	return half;
}

void kill_counter_judge(const struct kill_counted *d, struct kill_sum *ret)
{
	struct kill_sum s = { .max = d->host, .why = KILL_WHY_COUNTERS };
	bool all_below = d->hierarchical &&
			 !d->local; /* the counter holds what is asked for, and only that */

	if (d->host == 0) {
		*ret = (struct kill_sum){ .why = KILL_WHY_NO_KILLS };
		return;
	}
	if (d->whole && d->host != UINT64_MAX) {
		s.min = least(d, d->host);
	} else if (!d->known) {
		s.why = KILL_WHY_REMOVED;
	} else if (d->hierarchical && d->local) {
		/* What happened below is in the counter, too. */
		s.max = d->kills < s.max ? d->kills : s.max;
	} else {
		s.min = least(d, d->kills);
		if (all_below || d->local)
			s.max = d->kills;
		else
			s.max = s.max < d->kills ? d->kills : s.max;
		if (s.max == UINT64_MAX)
			s.why = KILL_WHY_NOT_SEEN;
	}
	*ret = s;
}

void kill_counter_sum(const struct kill_counter *c, const struct cgroup_host *host,
		      const char *path, struct kill_sum *ret)
{
	struct kill_counted d = { .whole = c->whole,
				  .hierarchical = c->hierarchical,
				  .local = c->local,
				  .groups_none = c->hierarchy == HIERARCHY_V1,
				  .host = UINT64_MAX };
	const struct cgroup_mount *m = mount_of(host, c->hierarchy);
	_cleanup_close_ int dir = path && m->root_fd >= 0 ? reopen(m, path) : -1;
	struct reading rd;
	uint64_t now;

	/* Another file: memory was switched off and on, and counts anew; or another cgroup has that name. */
	if (dir >= 0 && c->known && read_counter(c->file, dir, &rd) && rd.file_id == c->file_id &&
	    rd.kills >= c->kills) {
		d.known = true;
		d.kills = rd.kills - c->kills;
		d.groups_known = c->groups_known && rd.groups_known && rd.groups >= c->groups;
		d.groups = d.groups_known ? rd.groups - c->groups : 0;
	}
	now = read_host(host);
	if (c->host != UINT64_MAX && now != UINT64_MAX && now >= c->host)
		d.host = now - c->host;
	kill_counter_judge(&d, ret);
}
