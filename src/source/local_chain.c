/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cgroups that are watched: each linked to its parent, up to the visible root, and counted by who
 * wants it
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "source/local_impl.h"

static int hold(struct local_cgroup *c, enum tree_object what, struct watched **w)
{
	return *w ? 0 : tree_watch_hold(c->le->changes, c->dir_fd, "", what, w);
}

/* One that is gone has no children. */
int local_life_watch(struct local_cgroup *c)
{
	int r = hold(c, TREE_CHILDREN, &c->removals);

	if (r == 0)
		r = hold(c, TREE_SWITCHES, &c->switches);
	if (r == -ENOMEM)
		return r;
	c->unwatched = r != 0 && r != TREE_WATCH_E_GONE;
	local_set_state(c, c->state);
	return 0;
}

static void life_unwatch(struct local_cgroup *c)
{
	c->removals = tree_watch_release(c->le->changes, c->removals);
	c->switches = tree_watch_release(c->le->changes, c->switches);
	c->unwatched = false;
	local_set_state(c, c->state);
}

static struct local_cgroup *cgroup_find(const struct local_events *le, uint64_t id)
{
	struct local_cgroup *c;

	HASH_FIND(hh, le->cgroups, &id, sizeof(id), c);
	return c;
}

static int cgroup_new(struct local_events *le, uint64_t id, const char *name, size_t name_len,
		      struct local_cgroup **ret)
{
	struct local_cgroup *c;

	if (HASH_COUNT(le->cgroups) >= le->args.cgroups_max)
		return LOCAL_EVENTS_E_QUOTA;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct local_cgroup){
		.io.ready = local_file_ready,
		.le = le,
		.id = id,
		.state = STATE_NEW,
		.events_fd = -1,
		.dir_fd = -1,
		.name = strndup(name, name_len),
		.reread = REREAD_INIT,
	};
	if (c->name)
		HASH_ADD(hh, le->cgroups, id, sizeof(c->id), c);
	if (!c->name || !c->hh.tbl) {
		free(c->name);
		free(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

static void cgroup_unlink(struct local_cgroup *c)
{
	struct local_cgroup *parent = c->parent;

	if (!parent)
		return;
	c->parent = NULL;
	DL_DELETE(parent->children, c);
	if (parent->children)
		return;
	life_unwatch(parent);
	if (parent->parent)
		parent->dir_fd = fd_close(parent->dir_fd);
}

void local_cgroup_free(struct local_cgroup *c)
{
	local_file_close(c);
	cgroup_unlink(c);
	life_unwatch(c);
	local_set_state(c, STATE_GONE);
	HASH_DELETE(hh, c->le->cgroups, c);
	(void)fd_close(c->dir_fd);
	free(c->name);
	free(c);
}

void local_events_release(struct local_events *le, struct local_cgroup *c)
{
	(void)le;
	while (c && --c->refs == 0) {
		struct local_cgroup *parent = c->parent;

		local_cgroup_free(c);
		c = parent;
	}
}

/* A path from the visible root, taken apart from its end. */
struct path_tail {
	const char *path;
	size_t len; /* what is not yet taken */
};

static bool path_take(struct path_tail *t, const char **ret_name, size_t *ret_len)
{
	size_t end = t->len;

	while (t->len > 0 && t->path[t->len - 1] != '/')
		t->len--;
	*ret_name = t->path + t->len;
	*ret_len = end - t->len;
	if (t->len > 0)
		t->len--; /* the slash */
	return *ret_len > 0;
}

/* Links @c to the cgroup behind @dir_fd, which becomes the parent's if it has none yet. */
static int link_parent(struct local_cgroup *c, int *dir_fd, struct path_tail *tail, bool *ret_known)
{
	struct local_events *le = c->le;
	struct local_cgroup *parent;
	const char *name;
	struct stat st;
	size_t len;
	int r = 0;

	if (fstat(*dir_fd, &st) < 0)
		return errno_neg();
	if (!path_take(tail, &name, &len) && st.st_ino != le->root_id)
		return -ENODEV; /* moved out of sight since its path was told */
	parent = cgroup_find(le, st.st_ino);
	*ret_known = parent != NULL;
	if (!parent)
		r = cgroup_new(le, st.st_ino, name, len, &parent);
	if (r != 0)
		return r;
	c->parent = parent;
	parent->refs++;
	DL_APPEND(parent->children, c);
	if (parent->dir_fd < 0)
		parent->dir_fd = fd_steal(dir_fd);
	return local_life_watch(parent);
}

/* On failure what was made hangs on @c and goes with its release. */
static int link_ancestors(struct local_cgroup *c, int dir_fd, struct path_tail *tail)
{
	bool known = false;

	for (; !known && c->id != c->le->root_id; c = c->parent) {
		_cleanup_close_ int up = -1;
		int r;

		up = openat(dir_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			return errno_neg();
		r = link_parent(c, &up, tail, &known);
		if (r != 0)
			return r;
		dir_fd = c->parent->dir_fd;
	}
	if (c->dir_fd < 0 && !c->parent) {
		c->dir_fd = openat(dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (c->dir_fd < 0)
			return errno_neg();
	}
	return 0;
}

/* All files that can be open, are; and what older listeners have to know, the registry knows. */
static int chain_start(struct local_cgroup *top_of_call, uint64_t now_ns)
{
	for (struct local_cgroup *c = top_of_call; c; c = c->parent) {
		bool was_new = c->state == STATE_NEW;
		int r = 0;

		if (c->state == STATE_OPEN)
			local_look(c, WHY_ASKED, now_ns);
		else if (c->state != STATE_GONE)
			r = local_reopen(c);
		if (was_new && c->state == STATE_LATER)
			return r;
		if (c == top_of_call && c->state != STATE_OPEN)
			return r < 0 ? r : -ENODEV;
	}
	return 0;
}

static int explain(int r, const struct cgroup_at *at)
{
	struct stat st;

	if (r != -ENOENT && r != -ENODEV)
		return r;
	return fstatat(at->fd, "memory.events", &st, 0) == 0 ? -EOPNOTSUPP : -ENODEV;
}

int local_events_hold(struct local_events *le, const struct cgroup_at *at,
		      struct local_cgroup **ret)
{
	struct local_cgroup *c = cgroup_find(le, at->id);
	struct path_tail tail;
	const char *name;
	size_t len;
	int r = 0;

	if (at->id == le->root_id && le->mount->real_root)
		return -EINVAL;
	if (!c) {
		tail = (struct path_tail){ .path = at->path, .len = strlen(at->path) };
		(void)path_take(&tail, &name, &len);
		r = cgroup_new(le, at->id, name, len, &c);
		if (r != 0)
			return r;
		c->refs = 1;
		r = link_ancestors(c, at->fd, &tail);
	} else {
		c->refs++;
	}
	if (r == 0)
		r = explain(chain_start(c, clock_boottime_ns()), at);
	if (r != 0) {
		local_events_release(le, c);
		return r;
	}
	*ret = c;
	return 0;
}

size_t local_events_chain(const struct local_cgroup *c, uint64_t *ret_ids, size_t max)
{
	size_t n = 0;

	for (; c; c = c->parent, n++)
		if (n < max)
			ret_ids[n] = c->id;
	return n;
}

unsigned local_events_unseen(const struct local_events *le, const struct local_cgroup *c)
{
	unsigned unseen = le->mount->real_root ? 0 : LOCAL_EVENTS_OUTSIDE;

	for (c = c->parent; c; c = c->parent)
		if (c->state == STATE_DENIED)
			unseen |= LOCAL_EVENTS_UNREADABLE;
	return unseen;
}
