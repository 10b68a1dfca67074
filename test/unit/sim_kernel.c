/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim_kernel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define PATH_ROOM 8192

static void *must(void *p)
{
	if (!p)
		abort(); /* the simulation itself never tests a lack of memory */
	return p;
}

static void give_key(struct sim_kernel *s, struct sim_css *css)
{
	uint64_t n = s->next_id + 1;

	if (n > s->n_keys) {
		s->by_key = must(reallocarray(s->by_key, 2 * n, sizeof(struct sim_css *)));
		memset(s->by_key + s->n_keys, 0, (2 * n - s->n_keys) * sizeof(struct sim_css *));
		s->n_keys = 2 * n;
	}
	css->key = s->next_id++;
	s->by_key[css->key] = css;
}

struct sim_css *sim_by_key(const struct sim_kernel *s, uint64_t key)
{
	return key < s->n_keys ? s->by_key[key] : NULL;
}

static void css_new(struct sim_kernel *s, struct sim_dir *dir)
{
	const struct sim_dir *parent = dir->parent;
	struct sim_css *css = must(calloc(1, sizeof(*css)));

	if (s->n_css == s->max_css) {
		s->max_css = s->max_css ? 2 * s->max_css : 64;
		s->css = must(realloc(s->css, s->max_css * sizeof(struct sim_css *)));
	}
	css->index = s->n_css;
	give_key(s, css);
	css->dir = dir;
	css->parent = parent->css ? parent->css : parent->hidden;
	s->css[s->n_css++] = css;
	dir->hidden = css;
}

static struct sim_css *css_show(struct sim_kernel *s, struct sim_dir *dir)
{
	if (dir->hidden)
		give_key(s, dir->hidden);
	else
		css_new(s, dir);
	dir->css = dir->hidden;
	dir->hidden = NULL;
	dir->css->alive = true;
	dir->parent->changes++;
	return dir->css;
}

static void css_hide(struct sim_dir *dir)
{
	if (!dir->css)
		return;
	dir->css->alive = false;
	dir->hidden = dir->css;
	dir->css = NULL;
	dir->parent->changes++;
}

static void css_off(struct sim_dir *dir)
{
	dir->parent->changes += dir->css != NULL;
	if (dir->css)
		dir->css->alive = false;
	dir->css = dir->hidden = NULL;
}

/* kernfs keeps children by a hash of the name, and lists them in that order. */
static uint32_t name_hash(const char *name)
{
	uint32_t h = 2166136261U;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619U;
	return h;
}

static int by_hash(const struct sim_dir *a, const struct sim_dir *b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return strcmp(a->name, b->name);
}

static struct sim_dir *dir_new(struct sim_kernel *s, struct sim_dir *parent, const char *name)
{
	struct sim_dir *d = must(calloc(1, sizeof(*d)));

	d->id = s->next_id++;
	d->name = must(strdup(name));
	d->hash = name_hash(name);
	d->parent = parent;
	d->alive = true;
	d->older = s->dirs;
	s->dirs = d;
	return d;
}

struct sim_kernel *sim_new(void)
{
	struct sim_kernel *s = must(calloc(1, sizeof(*s)));

	s->next_id = 1;
	s->list_batch = 1;
	s->root = dir_new(s, NULL, "/");
	s->root->memory = SIM_MEMORY_ON;
	return s;
}

struct sim_kernel *sim_free(struct sim_kernel *s)
{
	if (!s)
		return NULL;
	while (s->dirs) {
		struct sim_dir *d = s->dirs;

		s->dirs = d->older;
		free(d->name);
		free(d);
	}
	for (unsigned i = 0; i < s->n_css; i++)
		free(s->css[i]);
	free(s->css);
	free(s->by_key);
	free(s);
	return NULL;
}

struct sim_dir *sim_child(const struct sim_dir *dir, const char *name)
{
	struct sim_dir *d;

	DL_FOREACH (dir->children, d)
		if (strcmp(d->name, name) == 0)
			return d;
	return NULL;
}

struct sim_dir *sim_mkdir(struct sim_kernel *s, struct sim_dir *parent, const char *name)
{
	struct sim_dir *d;

	if (!parent->alive || sim_child(parent, name))
		return NULL;
	d = dir_new(s, parent, name);
	DL_INSERT_INORDER(parent->children, d, by_hash);
	if (parent->memory == SIM_MEMORY_ON)
		(void)css_show(s, d);
	else if (parent->memory == SIM_MEMORY_HIDDEN)
		css_new(s, d);
	return d;
}

bool sim_rmdir(struct sim_kernel *s, struct sim_dir *dir)
{
	(void)s;
	if (!dir->alive || dir->children || !dir->parent)
		return false;
	css_off(dir);
	dir->alive = false;
	dir->memory = SIM_MEMORY_OFF;
	DL_DELETE(dir->parent->children, dir);
	return true;
}

static bool control(struct sim_kernel *s, struct sim_dir *dir, enum sim_memory to)
{
	struct sim_dir *d;

	if (!dir->alive || !dir->parent || dir->memory == to)
		return false;
	if (!dir->css && (to != SIM_MEMORY_OFF || !dir->hidden))
		return false;
	DL_FOREACH (dir->children, d)
		if (d->memory > to)
			return false; /* EBUSY: children have it on for theirs */
	dir->memory = to;
	DL_FOREACH (dir->children, d) {
		if (to == SIM_MEMORY_ON)
			css_show(s, d)->doubtful = true;
		else if (to == SIM_MEMORY_HIDDEN)
			css_hide(d);
		else
			css_off(d);
	}
	return true;
}

bool sim_control(struct sim_kernel *s, struct sim_dir *dir, bool on)
{
	return control(s, dir, on ? SIM_MEMORY_ON : SIM_MEMORY_OFF);
}

bool sim_hide(struct sim_kernel *s, struct sim_dir *dir)
{
	if (dir->memory != SIM_MEMORY_ON || !control(s, dir, SIM_MEMORY_HIDDEN))
		return false;
	sim_land(s); /* kernfs waits for readers: no event takes that long to be counted */
	return true;
}

const char *sim_path(const struct sim_dir *dir)
{
	static char room[PATH_ROOM];
	char *p = room + sizeof(room) - 1;

	*p = '\0';
	for (; dir->parent; dir = dir->parent) {
		size_t n = strlen(dir->name);

		assert((size_t)(p - room) > n + 1);
		p -= n;
		memcpy(p, dir->name, n);
		*--p = '/';
	}
	return *p ? p : "/";
}

bool sim_below(const struct sim_css *css, const struct sim_css *top)
{
	while (css && css != top)
		css = css->parent;
	return css != NULL;
}

bool sim_begin(struct sim_kernel *s, struct sim_css *css, enum event_kind kind, uint64_t n)
{
	if (s->n_flights == SIM_FLIGHTS)
		return false;
	if (kind == EVENT_GROUP_KILL && s->no_group_count)
		return true;
	css->local.n[kind] += n;
	s->flights[s->n_flights++] =
		(struct sim_flight){ .from = css, .next = css, .kind = kind, .n = n };
	return true;
}

bool sim_step(struct sim_kernel *s, unsigned i)
{
	struct sim_flight *f = &s->flights[i];

	if (f->next) {
		f->next->hier.n[f->kind] += f->n;
		f->next = f->next->parent;
		return false;
	}
	s->total.n[f->kind] += f->n;
	*f = s->flights[--s->n_flights];
	return true;
}

void sim_land(struct sim_kernel *s)
{
	while (s->n_flights > 0)
		(void)sim_step(s, 0);
}

void sim_count(struct sim_kernel *s, struct sim_css *css, enum event_kind kind, uint64_t n)
{
	unsigned i = s->n_flights;

	if (!sim_begin(s, css, kind, n))
		abort();
	while (s->n_flights > i)
		(void)sim_step(s, i);
}

int sim_open(struct sim_kernel *s, struct sim_dir *dir)
{
	for (int i = 0; i < SIM_HANDLES; i++)
		if (!s->handles[i]) {
			s->handles[i] = dir;
			s->n_handles++;
			if (s->n_handles > s->most_handles)
				s->most_handles = s->n_handles;
			return i;
		}
	return -1;
}

void sim_close(struct sim_kernel *s, int handle)
{
	assert(handle >= 0 && handle < SIM_HANDLES && s->handles[handle]);
	s->handles[handle] = NULL;
	s->n_handles--;
}

static struct sim_dir *handle_dir(const struct sim_kernel *s, int handle)
{
	assert(handle >= 0 && handle < SIM_HANDLES && s->handles[handle]);
	return s->handles[handle];
}

static int happen(struct sim_kernel *s, enum sim_op op, const struct sim_dir *dir, const char *name)
{
	const struct sim_call call = { .op = op, .dir = dir, .name = name };

	return s->hook ? s->hook(s->hook_arg, &call) : 0;
}

static int op_open(void *ctx, int dir, const char *name, int *ret)
{
	struct sim_kernel *s = ctx;
	struct sim_dir *d = handle_dir(s, dir);
	int r = happen(s, SIM_OPEN, d, name);

	if (r != 0)
		return r;
	d = sim_child(d, name);
	if (!d)
		return TREE_E_GONE;
	if (d->denied == SIM_DENIED_DIR)
		return TREE_E_DENIED;
	r = sim_open(s, d);
	if (r < 0)
		return TREE_E_BUSY;
	*ret = r;
	return 0;
}

static void op_close(void *ctx, int dir)
{
	sim_close(ctx, dir);
}

/* The lines of memory.events in the kernel's order; each is read from its counter as it is printed. */
static int read_lines(struct sim_kernel *s, const struct sim_css *css, const struct counts *from,
		      struct counts *ret)
{
	struct counts c = { 0 };

	for (unsigned k = 0; k < COUNTED_KINDS; k++) {
		int r = k > 0 ? happen(s, SIM_READ_LINE, css->dir, NULL) : 0;

		if (r != 0)
			return r;
		c.n[k] = from->n[k];
	}
	*ret = c;
	return 0;
}

static int op_read(void *ctx, int dir, const char *name, struct reading *ret)
{
	struct sim_kernel *s = ctx;
	const struct sim_dir *d = handle_dir(s, dir);
	struct reading rd = { .no_group_count = s->no_group_count };
	const struct sim_css *css;
	int r = happen(s, SIM_READ, d, name);

	if (r != 0)
		return r;
	if (name)
		d = sim_child(d, name);
	if (!d || !d->css)
		return TREE_E_GONE;
	if (d->denied == SIM_DENIED_FILES)
		return TREE_E_DENIED;
	css = d->css;
	r = read_lines(s, css, &css->hier, &rd.counts);
	if (r != 0)
		return r;
	if (!name)
		rd.id = d->id;
	rd.key = name && s->lazy_keys && counts_zero(&rd.counts) ? 0 : css->key;
	*ret = rd;
	return 0;
}

static int op_read_local(void *ctx, int dir, struct counts *ret)
{
	struct sim_kernel *s = ctx;
	const struct sim_dir *d = handle_dir(s, dir);
	int r = happen(s, SIM_READ_LOCAL, d, NULL);

	if (r != 0)
		return r;
	if (!d->css)
		return TREE_E_GONE;
	if (d->denied == SIM_DENIED_FILES)
		return TREE_E_DENIED;
	return read_lines(s, d->css, &d->css->local, ret);
}

static int op_is_group(void *ctx, int dir, bool *ret)
{
	struct sim_kernel *s = ctx;
	const struct sim_dir *d = handle_dir(s, dir);
	int r = happen(s, SIM_IS_GROUP, d, NULL);

	if (r != 0)
		return r;
	if (!d->css)
		return TREE_E_GONE;
	if (d->denied == SIM_DENIED_FILES)
		return TREE_E_DENIED;
	*ret = d->group;
	return 0;
}

static int op_gives_memory(void *ctx, int dir, bool *ret)
{
	struct sim_kernel *s = ctx;
	const struct sim_dir *d = handle_dir(s, dir);
	int r = happen(s, SIM_GIVES_MEMORY, d, NULL);

	if (r != 0)
		return r;
	if (!d->alive)
		return TREE_E_GONE;
	*ret = d->memory == SIM_MEMORY_ON;
	return 0;
}

/* The next @max children after @last; those removed meanwhile keep their place in the order. */
static unsigned next_batch(const struct sim_dir *dir, const struct sim_dir *last, unsigned max,
			   const struct sim_dir **ret)
{
	const struct sim_dir *d;
	unsigned n = 0;

	DL_FOREACH (dir->children, d)
		if (n < max && (!last || by_hash(d, last) > 0))
			ret[n++] = d;
	return n;
}

static int op_list(void *ctx, int dir, tree_each_fn each, void *arg)
{
	struct sim_kernel *s = ctx;
	const struct sim_dir *d = handle_dir(s, dir);
	const struct sim_dir *batch[64];
	const struct sim_dir *last = NULL;
	unsigned max = (s->list_batch < 63 ? s->list_batch : 63) + s->list_twice;
	unsigned n;
	bool more;
	int r = happen(s, SIM_LIST, d, NULL);

	if (r != 0)
		return r;
	do {
		if (!d->alive && !s->dead_list_empty)
			return TREE_E_GONE;
		n = 0;
		if (last && last->alive && s->list_twice)
			batch[n++] = last;
		n += next_batch(d, last, max - n, batch + n);
		more = n == max;
		for (unsigned i = 0; i < n; i++) {
			last = batch[i];
			r = happen(s, SIM_EACH, d, last->name);
			if (r == 0)
				r = each(arg, last->name, last->id);
			if (r != 0)
				return r;
		}
	} while (more);
	return 0;
}

const struct tree_ops sim_tree_ops = {
	.open = op_open,
	.close = op_close,
	.read = op_read,
	.read_local = op_read_local,
	.is_group = op_is_group,
	.gives_memory = op_gives_memory,
	.list = op_list,
};
