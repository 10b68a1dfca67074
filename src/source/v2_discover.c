/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories whose children are taken in as they appear: as tops, or to be told as `gone`
 *
 * Each is held once, before it is listed: what appears in between is seen twice rather than never.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "source/v2_source.h"

char *v2_join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name) < 0 ? NULL : path;
}

uint64_t v2_id_of(const struct v2_source *v2, const char *path)
{
	const char *relative = path + strspn(path, "/");
	struct stat st;

	if (fstatat(v2->s.host->v2.root_fd, *relative ? relative : ".", &st, 0) < 0)
		return 0;
	return st.st_ino;
}

void v2_hold(struct v2_source *v2, const char *path, enum tree_object what, struct watched **held)
{
	int r = tree_watch_hold(v2->changes, v2->s.host->v2.root_fd, path, what, held);

	if (r == 0 || r == TREE_WATCH_E_GONE)
		return;
	v2->blind = true;
	v2_rescan_in(v2, V2_POLL_NS);
}

static struct v2_dir *dir_new(struct v2_source *v2, const char *path)
{
	struct v2_dir *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->path = strdup(path);
	if (d->path)
		HASH_ADD_KEYPTR(hh, v2->dirs, d->path, strlen(d->path), d);
	if (d->hh.tbl)
		return d;
	free(d->path);
	free(d);
	return NULL;
}

static struct v2_dir *dir_get(struct v2_source *v2, const char *path)
{
	struct v2_dir *d;

	HASH_FIND_STR(v2->dirs, path, d);
	return d ? d : dir_new(v2, path);
}

void v2_dir_free(struct v2_source *v2, struct v2_dir *d)
{
	if (!d)
		return;
	HASH_DELETE(hh, v2->dirs, d);
	tree_watch_release(v2->changes, d->children);
	tree_watch_release(v2->changes, d->switches);
	free(d->path);
	free(d);
}

/* 0 for what is gone. */
static int errno_of(int r)
{
	switch (r) {
	case TREE_E_BUSY:
		return -EMFILE;
	case TREE_E_DENIED:
		return -EACCES;
	default:
		return r > 0 ? 0 : r;
	}
}

struct listing {
	struct v2_source *v2;
	const char *dir;
	bool fresh;
};

/* Returns 1 if @path has memory files, 0, or a negated errno. */
static int has_memory(const struct v2_source *v2, const char *path)
{
	_cleanup_close_ int dir = -1;
	struct stat st;
	int r = v2_tree_open(v2->s.host->v2.root_fd, path, 0, &dir);

	if (r == 0 && fstatat(dir, "memory.events", &st, 0) == 0)
		return 1;
	if (r == 0)
		r = v2_tree_trouble(errno);
	return errno_of(r);
}

/* A child that may not be read is no reason to stop, but one to tell. */
static int pass_over(struct v2_source *v2, const char *path, int r)
{
	if (r != -EACCES)
		return r;
	v2_unreadable(v2, path, r);
	return 0;
}

static int take_child(void *arg, const char *name, uint64_t id)
{
	struct listing *l = arg;
	struct v2_source *v2 = l->v2;
	_cleanup_free_ char *path = v2_join(l->dir, name);
	const struct v2_top_args args = { .path = path, .id = id, .fresh = l->fresh };
	struct top *known;
	int r = 0;

	if (!path)
		return -ENOMEM;
	known = v2_top_find(v2, path, id);
	if (known && known->state == TOP_DORMANT)
		r = v2_top_check(known, v2->now_ns);
	else if (!known && (r = has_memory(v2, path)) > 0)
		r = v2_top_open(v2, &args);
	r = pass_over(v2, path, r);
	if (r >= 0 && v2_discovers(v2, path)) /* 1: gone again, or switched off again */
		r = v2_discover(v2, path, l->fresh);
	return r < 0 ? r : 0;
}

int v2_discover_child(struct v2_source *v2, const char *dir, const char *name, uint64_t id)
{
	struct listing l = { .v2 = v2, .dir = dir, .fresh = true };

	return take_child(&l, name, id);
}

static int list(struct v2_source *v2, const char *path, tree_each_fn each, struct listing *l)
{
	_cleanup_close_ int dir = -1;
	int r = v2_tree_open(v2->s.host->v2.root_fd, path, 0, &dir);

	if (r == 0)
		r = v2_tree_ops.list(&v2->whole, dir, each, l);
	return errno_of(r);
}

int v2_discover(struct v2_source *v2, const char *path, bool fresh)
{
	struct listing l = { .v2 = v2, .dir = path, .fresh = fresh };
	struct v2_dir *d = dir_get(v2, path);

	if (!d)
		return -ENOMEM;
	v2_hold(v2, path, TREE_CHILDREN, &d->children);
	v2_hold(v2, path, TREE_SWITCHES, &d->switches);
	if (!d->children && v2_id_of(v2, path) != 0)
		v2_unseen(v2, UNPROVEN_UNSEEN);
	return pass_over(v2, path, list(v2, path, take_child, &l));
}

static int mourn_child(void *arg, const char *name, uint64_t id)
{
	struct listing *l = arg;
	_cleanup_free_ char *path = v2_join(l->dir, name);

	if (!path)
		return -ENOMEM;
	v2_mortal_add(l->v2, path, id);
	return v2_gone_all(l->v2, path);
}

int v2_gone_all(struct v2_source *v2, const char *path)
{
	struct listing l = { .v2 = v2, .dir = path };
	struct v2_dir *d = dir_get(v2, path);
	int r;

	if (!d)
		return -ENOMEM;
	r = tree_watch_hold(v2->changes, v2->s.host->v2.root_fd, path, TREE_CHILDREN, &d->children);
	if (r != 0)
		return r < 0 ? r : 0; /* as far as inotify's limit reaches */
	r = list(v2, path, mourn_child, &l);
	return r == -EACCES ? 0 : r;
}
