/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ledger_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool goes_off(const struct trigger *t, const struct sim_call *call)
{
	return t && t->op == call->op && strcmp(t->dir, sim_path(call->dir)) == 0 &&
	       (!t->name || (call->name && strcmp(t->name, call->name) == 0));
}

static int hook(void *arg, const struct sim_call *call)
{
	struct fixture *f = arg;

	if (goes_off(f->trigger, call)) {
		const struct trigger *t = f->trigger;

		f->trigger = NULL;
		if (t->act)
			t->act(f);
		if (t->fault != 0)
			return t->fault;
	}
	if (call->op == SIM_READ_LINE)
		return 0;
	return ++f->calls == f->fault_at ? f->fault : 0;
}

static int take(void *ctx, const struct ledger_report *report)
{
	struct fixture *f = ((struct sim_kernel *)ctx)->hook_arg;
	struct told *t = &f->told[f->n_told];
	char *path;

	if (++f->reports == f->refuse_at)
		return f->refuse;
	path = account_path(report->at);
	if (!path)
		return -ENOMEM;
	assert_true(f->n_told < TOLD_MAX);
	*t = (struct told){ .id = account_id(report->at),
			    .kind = report->kind,
			    .min = report->count_min,
			    .max = report->count_max,
			    .removed = report->removed,
			    .unplaced = report->unplaced,
			    .closing = report->closing };
	assert_true(strlen(path) < sizeof(t->path));
	strcpy(t->path, path);
	free(path);
	f->n_told++;
	assert_int_equal(report->now_ns, f->now_ns);
	return 0;
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->now_ns = FIXTURE_START_NS;
	f->sim = sim_new();
	f->sim->hook = hook;
	f->sim->hook_arg = f;
	f->ledger = ledger_new(&sim_tree_ops, take, f->sim);
	assert_non_null(f->ledger);
	make(f, "/t/a/x");
	make(f, "/t/a/y");
	make(f, "/t/b");
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	ledger_free(f->ledger);
	sim_free(f->sim);
	free(f);
	return 0;
}

static struct sim_dir *walk(struct fixture *f, const char *path, bool may_make)
{
	struct sim_dir *d = f->sim->root;
	char name[128];

	for (path++; *path;) {
		size_t n = strcspn(path, "/");
		struct sim_dir *child;

		assert_true(n < sizeof(name));
		memcpy(name, path, n);
		name[n] = '\0';
		child = sim_child(d, name);
		if (!child && may_make) {
			child = sim_mkdir(f->sim, d, name);
			assert_true(sim_control(f->sim, child, true));
		}
		assert_non_null(child);
		d = child;
		path += n + (path[n] == '/');
	}
	return d;
}

struct sim_dir *at(struct fixture *f, const char *path)
{
	return walk(f, path, false);
}

struct sim_dir *make(struct fixture *f, const char *path)
{
	return walk(f, path, true);
}

void unmake(struct fixture *f, const char *path)
{
	assert_true(sim_rmdir(f->sim, at(f, path)));
}

void happen(struct fixture *f, const char *path, enum event_kind kind, uint64_t n)
{
	sim_count(f->sim, at(f, path)->css, kind, n);
}

static void switch_off(struct fixture *f, struct sim_dir *d)
{
	for (struct sim_dir *c = d->children; c; c = c->next)
		switch_off(f, c);
	assert_true(sim_control(f->sim, d, false));
}

void memory_off(struct fixture *f)
{
	switch_off(f, at(f, "/t"));
}

void remake_b(struct fixture *f)
{
	unmake(f, "/t/b");
	make(f, "/t/b");
	happen(f, "/t/b", EVENT_KILL, 9);
}

void memory_off_and_on(struct fixture *f)
{
	memory_off(f);
	assert_true(sim_control(f->sim, at(f, "/t"), true));
	happen(f, "/t/b", EVENT_KILL, 4);
}

void short_life_of_c(struct fixture *f)
{
	make(f, "/t/c");
	happen(f, "/t/c", EVENT_KILL, 2);
	unmake(f, "/t/c");
}

int try_add(struct fixture *f, const char *path, bool fresh, struct account **ret)
{
	const struct ledger_top top = { .dir = sim_open(f->sim, at(f, path)),
					.path = path,
					.id = at(f, path)->id,
					.fresh = fresh };
	int r = ledger_top_add(f->ledger, &top, f->now_ns, ret);

	if (r != 0)
		sim_close(f->sim, top.dir);
	return r;
}

struct account *add(struct fixture *f, const char *path)
{
	struct account *a = NULL;

	assert_int_equal(try_add(f, path, false, &a), 0);
	return a;
}

void pass(struct fixture *f, struct account *top)
{
	assert_int_equal(ledger_pass(f->ledger, top, f->now_ns), 0);
}

void resolve(struct fixture *f, struct account *top)
{
	f->now_ns += LEDGER_SLOT_NS;
	assert_int_equal(ledger_resolve(f->ledger, top, f->now_ns), 0);
	pass(f, top);
}

void settle(struct fixture *f, struct account *top)
{
	for (unsigned i = 0; i < 8; i++) {
		int r = ledger_pass(f->ledger, top, f->now_ns);

		if (r == 0 && ledger_due(f->ledger, top) == UINT64_MAX) {
			assert_int_equal(ledger_seal(f->ledger, top), 0);
			return;
		}
		f->now_ns += LEDGER_SLOT_NS;
		if (r == 0)
			r = ledger_resolve(f->ledger, top, f->now_ns);
		assert_true(r == 0 || r == LEDGER_E_AGAIN);
	}
	fail_msg("the ledger finds no end");
}

static bool is(const struct told *t, const char *path, enum event_kind kind, enum how how)
{
	return t->kind == kind && strcmp(t->path, path) == 0 && t->removed == (how == REMOVED) &&
	       t->unplaced == (how == UNPLACED);
}

static void expect_one(struct fixture *f, const char *path, enum event_kind kind, uint64_t min,
		       uint64_t max, enum how how)
{
	for (unsigned i = 0; i < f->n_told; i++) {
		struct told *t = &f->told[i];

		if (!is(t, path, kind, how) || t->min != min || t->max != max)
			continue;
		memmove(t, t + 1, (--f->n_told - i) * sizeof(*t));
		return;
	}
	for (unsigned i = 0; i < f->n_told; i++)
		print_error("told: %s %s %llu..%llu removed %d unplaced %d\n", f->told[i].path,
			    event_kind_name(f->told[i].kind), (unsigned long long)f->told[i].min,
			    (unsigned long long)f->told[i].max, f->told[i].removed,
			    f->told[i].unplaced);
	fail_msg("not told: %s %s %llu..%llu", path, event_kind_name(kind), (unsigned long long)min,
		 (unsigned long long)max);
}

void expect(struct fixture *f, const char *path, enum event_kind kind, uint64_t n, enum how how)
{
	expect_one(f, path, kind, n, n, how);
}

void expect_range(struct fixture *f, const char *path, uint64_t min, uint64_t max, enum how how)
{
	expect_one(f, path, EVENT_KILL, min, max, how);
}

void expect_none(struct fixture *f)
{
	if (f->n_told > 0)
		fail_msg("told: %s %s %llu", f->told[0].path, event_kind_name(f->told[0].kind),
			 (unsigned long long)f->told[0].max);
}

void expect_balance(struct fixture *f, enum event_kind kind, uint64_t n)
{
	struct balance b = { 0 };

	ledger_balance(f->ledger, &b);
	assert_int_equal(b.kind[kind].counted, n);
	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_BALANCED);
}
