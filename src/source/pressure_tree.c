/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cgroups with listeners, each linked to the next one above it that has some
 *
 * cgroup v2 has no rename, so a path says what is above what. A cgroup whose path another one has now
 * was removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "source/pressure_impl.h"

struct pressure_cgroup *pressure_parent(const struct pressure_cgroup *c)
{
	struct vmpressure_node *parent = c->node.parent;

	/* A node is the first member of its cgroup. */
	return parent == &c->p->top ? NULL : (struct pressure_cgroup *)parent;
}

static struct pressure_cgroup *nearest_above(const struct pressure *p, const char *path)
{
	struct pressure_cgroup *c = NULL;
	size_t len = strlen(path);

	while (!c && len > 1) {
		while (path[len - 1] != '/')
			len--;
		if (len > 1)
			len--; /* the slash belongs to "/" alone */
		HASH_FIND(hh_path, p->by_path, path, len, c);
	}
	return c;
}

static void unplace(struct pressure_cgroup *c)
{
	if (!c->placed)
		return;
	HASH_DELETE(hh_path, c->p->by_path, c);
	vmpressure_unlink(&c->node);
	c->placed = false;
}

static int place(struct pressure_cgroup *c)
{
	struct pressure *p = c->p;
	struct pressure_cgroup *above = nearest_above(p, c->path), *removed;
	struct vmpressure_node *parent = above ? &above->node : &p->top, *n, *tmp;

	HASH_FIND(hh_path, p->by_path, c->path, strlen(c->path), removed);
	if (removed) {
		unplace(removed);
		pressure_file_close(removed);
	}
	HASH_ADD_KEYPTR(hh_path, p->by_path, c->path, strlen(c->path), c);
	if (!c->hh_path.tbl)
		return -ENOMEM;
	c->placed = true;
	DL_FOREACH_SAFE (parent->children, n, tmp)
		if (path_is_below(((struct pressure_cgroup *)n)->path, c->path))
			vmpressure_link(n, &c->node);
	vmpressure_link(&c->node, parent);
	return 0;
}

static unsigned depth(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += *path == '/' && path[1] != '\0';
	return n;
}

static int cgroup_new(struct pressure *p, const struct cgroup_at *at, struct pressure_cgroup **ret)
{
	struct pressure_cgroup *c;

	if (HASH_COUNT(p->by_id) >= p->args.cgroups_max)
		return PRESSURE_E_QUOTA;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->p = p;
	c->id = at->id;
	c->dir_fd = c->events_fd = c->local_fd = c->stat_fd = -1;
	c->path = strdup(at->path);
	if (c->path)
		HASH_ADD(hh, p->by_id, id, sizeof(c->id), c);
	if (!c->path || !c->hh.tbl) {
		free(c->path);
		free(c);
		return -ENOMEM;
	}
	c->depth = depth(c->path);
	*ret = c;
	return 0;
}

static int cgroup_open(struct pressure_cgroup *c, const struct cgroup_at *at)
{
	int r;

	c->dir_fd = openat(at->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->dir_fd < 0)
		return errno == ENOENT ? -ENODEV : errno_neg();
	/* Before its files are opened: a switch in between is then told. */
	r = pressure_file_watch(c);
	if (r == 0)
		r = pressure_file_open(c);
	return r == 0 ? place(c) : r;
}

int pressure_cgroup_get(struct pressure *p, const struct cgroup_at *at,
			struct pressure_cgroup **ret)
{
	struct pressure_cgroup *c;
	int r = 0;

	HASH_FIND(hh, p->by_id, &at->id, sizeof(at->id), c);
	if (c) {
		pressure_file_verify(c);
		if (c->state != PRESSURE_OPEN)
			return c->state == PRESSURE_OFF ? -ENODEV : -EAGAIN;
	} else {
		r = cgroup_new(p, at, &c);
		if (r != 0)
			return r;
		r = cgroup_open(c, at);
	}
	if (r != 0)
		pressure_cgroup_put(c);
	else
		*ret = c;
	return r;
}

void pressure_cgroup_put(struct pressure_cgroup *c)
{
	if (c->node.watches)
		return;
	pressure_file_close(c);
	c->switches = tree_watch_release(c->p->changes, c->switches);
	unplace(c);
	HASH_DELETE(hh, c->p->by_id, c);
	(void)fd_close(c->dir_fd);
	free(c->path);
	free(c);
}
