/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim_chaos.h"

#include <stdlib.h>

static uint64_t rnd(struct chaos *c)
{
	uint64_t z = c->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

unsigned chaos_below(struct chaos *c, unsigned n)
{
	return n == 0 ? 0 : (unsigned)(rnd(c) % n);
}

bool chaos_chance(struct chaos *c, unsigned of_256)
{
	return chaos_below(c, 256) < of_256;
}

static struct sim_dir *pick_dir(struct chaos *c)
{
	return c->live[chaos_below(c, c->n_live)];
}

struct sim_css *chaos_pick(struct chaos *c)
{
	for (unsigned i = 0; i < 8; i++) {
		struct sim_dir *d = pick_dir(c);

		if (d->css)
			return d->css;
	}
	return NULL;
}

static unsigned depth(const struct sim_dir *d)
{
	unsigned n = 0;

	for (; d->parent; d = d->parent)
		n++;
	return n;
}

static struct sim_dir *make(struct chaos *c, struct sim_dir *parent, const char *name)
{
	struct sim_dir *d;

	if (c->n_live > c->temper.live_max || depth(parent) >= c->temper.depth_max)
		return NULL;
	d = sim_mkdir(c->sim, parent, name);
	if (!d)
		return NULL;
	c->live[c->n_live++] = d;
	c->actions++;
	c->made++;
	d->group = chaos_chance(c, c->temper.group);
	if (chaos_chance(c, c->temper.denied))
		d->denied = chaos_chance(c, 128) ? SIM_DENIED_DIR : SIM_DENIED_FILES;
	if (chaos_chance(c, 170))
		(void)sim_control(c->sim, d, true);
	return d;
}

static struct sim_dir *make_random(struct chaos *c)
{
	char name[2] = { (char)('a' + chaos_below(c, c->temper.names)), '\0' };

	return make(c, pick_dir(c), name);
}

static bool unmake(struct chaos *c, struct sim_dir *d)
{
	if (!sim_rmdir(c->sim, d))
		return false;
	c->actions++;
	c->removed++;
	for (unsigned i = 0; i < c->n_live; i++)
		if (c->live[i] == d)
			c->live[i] = c->live[--c->n_live];
	return true;
}

static void step(struct chaos *c)
{
	if (c->sim->n_flights == 0)
		return;
	(void)sim_step(c->sim, chaos_below(c, c->sim->n_flights));
	c->actions++;
}

static void count_event(struct chaos *c, struct sim_css *css, enum event_kind kind, uint64_t n)
{
	if (sim_begin(c->sim, css, kind, n)) {
		c->actions++;
		c->events++;
	}
}

static void begin(struct chaos *c, struct sim_css *css)
{
	enum event_kind kind = chaos_chance(c, 128) ? EVENT_OOM : EVENT_KILL;
	uint64_t n = 1;

	if (!css)
		return;
	/* memory.max lowered below what is used: ooms in a loop, until the victim is gone */
	if (kind == EVENT_OOM && chaos_chance(c, c->temper.burst))
		n = 1 + chaos_below(c, 50000);
	count_event(c, css, kind, n);
	for (unsigned i = chaos_below(c, 6); i > 0; i--)
		step(c);
}

/* A limit is hit above, the victim lives below. */
static void oom_and_kill(struct chaos *c)
{
	struct sim_css *victim = chaos_pick(c);
	struct sim_css *limit = victim;

	if (!victim)
		return;
	while (limit->parent && chaos_chance(c, 128))
		limit = limit->parent;
	count_event(c, limit, EVENT_OOM, 1);
	if (chaos_chance(c, 200))
		count_event(c, victim, EVENT_KILL, 1);
}

/* Made, killed, removed: some of it perhaps before the counting has reached the top. */
static void short_life(struct chaos *c)
{
	struct sim_dir *d = make_random(c);

	if (!d || !d->css)
		return;
	begin(c, d->css);
	if (chaos_chance(c, 128))
		begin(c, d->css);
	if (chaos_chance(c, 160))
		sim_land(c->sim);
	if (chaos_chance(c, 220))
		(void)unmake(c, d);
}

static void remake(struct chaos *c)
{
	struct sim_dir *d = pick_dir(c);
	struct sim_dir *parent = d->parent;

	if (!unmake(c, d))
		return;
	d = make(c, parent, d->name);
	if (d && chaos_chance(c, 128))
		begin(c, d->css);
}

/* A charge can still fail in a cgroup that is gone, as long as pages of it are; or that is hidden. */
static void ghost(struct chaos *c)
{
	struct sim_css *css;
	struct watch *w;

	if (c->sim->n_css == 0)
		return;
	css = c->sim->css[chaos_below(c, c->sim->n_css)];
	w = oracle_owner(c->oracle, css);
	if (w && !css->alive && w->css->alive)
		count_event(c, css,
			    css->dir->hidden && chaos_chance(c, 128) ? EVENT_KILL : EVENT_OOM, 1);
}

static void script(struct killer *k, struct sim_css *css, enum event_kind kind, bool recount)
{
	k->script[k->n].css = css;
	k->script[k->n].kind = kind;
	k->script[k->n].recount = recount;
	k->n++;
}

/*
 * oom_kill_process(): the victim, then the group's count, then every member of the group, among them
 * the victim once more if its memory still stands.
 */
static void group_kill(struct chaos *c)
{
	struct sim_css *victim = chaos_pick(c);
	struct sim_css *members[CHAOS_SCRIPT_MAX];
	struct sim_css *group = NULL;
	struct killer *k = &c->killer;
	unsigned n = 0;

	for (struct sim_css *at = victim; at; at = at->parent)
		if (at->dir->group)
			group = at;
	if (!group || k->at < k->n)
		return;
	*k = (struct killer){ 0 };
	script(k, victim, EVENT_KILL, false);
	script(k, group, EVENT_GROUP_KILL, false);
	for (unsigned i = 0; i < c->n_live && n < 4; i++)
		if (c->live[i]->css && sim_below(c->live[i]->css, group) && chaos_chance(c, 100))
			members[n++] = c->live[i]->css;
	if (chaos_chance(c, 200)) {
		unsigned i = chaos_below(c, n + 1);

		members[n++] = members[i];
		members[i] = NULL;
	}
	k->seen = oracle_owner(c->oracle, group);
	for (unsigned i = 0; i < n; i++)
		script(k, members[i] ? members[i] : victim, EVENT_KILL, !members[i]);
	/* Where memory is switched, what is known in sum only may hide the group of a recount. */
	if (c->oracle->window || c->sim->no_group_count || c->temper.control > 0)
		k->seen = NULL;
}

static void killer_step(struct chaos *c)
{
	struct killer *k = &c->killer;

	if (k->at == k->n)
		return;
	for (unsigned i = 0; i < c->sim->n_flights && k->at > 0; i++)
		if (c->sim->flights[i].from == k->script[k->at - 1].css &&
		    c->sim->flights[i].kind == k->script[k->at - 1].kind) {
			(void)sim_step(c->sim, i);
			return;
		}
	if (!k->script[k->at].css->alive) {
		k->at++; /* a process keeps its cgroup: this one had left before */
		return;
	}
	if (!sim_begin(c->sim, k->script[k->at].css, k->script[k->at].kind, 1))
		return;
	if (k->script[k->at].recount && k->seen)
		k->seen->recounts++;
	c->recounts += k->script[k->at].recount;
	c->actions++;
	k->at++;
}

void chaos_land(struct chaos *c)
{
	while (c->killer.at < c->killer.n) {
		sim_land(c->sim);
		killer_step(c);
	}
	sim_land(c->sim);
}

static void switch_memory(struct chaos *c)
{
	struct sim_dir *d = pick_dir(c);

	if (chaos_chance(c, c->temper.hide) && sim_hide(c->sim, d)) {
		c->actions++;
		c->hidden++;
	} else if (chaos_chance(c, c->temper.control) &&
		   sim_control(c->sim, d, chaos_chance(c, 160))) {
		c->actions++;
		c->switched++;
	}
}

void chaos_act(struct chaos *c)
{
	const struct temper *t = &c->temper;
	unsigned w = chaos_below(c, t->step + 2 * t->churn + 44);

	if (w < t->step && c->sim->n_flights > 0) {
		step(c);
	} else if (w < t->step + 20) {
		begin(c, chaos_pick(c));
	} else if (w < t->step + 26) {
		oom_and_kill(c);
	} else if (w < t->step + 30) {
		group_kill(c);
	} else if (w < t->step + 37) {
		killer_step(c);
	} else if (w < t->step + 43) {
		switch_memory(c);
	} else if (w < t->step + 44) {
		if (chaos_chance(c, t->ghost))
			ghost(c);
	} else if (w < t->step + 44 + t->churn / 2) {
		(void)make_random(c);
	} else if (w < t->step + 44 + t->churn) {
		(void)unmake(c, pick_dir(c));
	} else if (w < t->step + 44 + t->churn + t->churn / 2) {
		short_life(c);
	} else {
		remake(c);
	}
}

void chaos_init(struct chaos *c, uint64_t seed, struct sim_kernel *sim, struct oracle *oracle)
{
	static const unsigned rare[] = { 0, 0, 1, 8 };
	struct temper *t = &c->temper;

	*c = (struct chaos){ .state = seed, .sim = sim, .oracle = oracle };
	c->live[c->n_live++] = sim->root;
	t->live_max = 3 + chaos_below(c, CHAOS_LIVE_MAX - 3);
	t->depth_max = 2 + chaos_below(c, 6);
	t->step = 20 + chaos_below(c, 200);
	t->churn = 4 + chaos_below(c, 60);
	t->control = chaos_chance(c, 128) ? chaos_below(c, 256) : 0;
	t->hide = t->control > 0 && chaos_chance(c, 128) ? chaos_below(c, 256) : 0;
	t->group = chaos_chance(c, 128) ? chaos_below(c, 200) : 0;
	t->denied = chaos_chance(c, 64) ? chaos_below(c, 24) : 0;
	t->burst = rare[chaos_below(c, 4)];
	t->ghost = chaos_chance(c, 128) ? 256 : 0;
	t->names = 1 + chaos_below(c, 8);
	sim->no_group_count = chaos_chance(c, 64);
	sim->lazy_keys = chaos_chance(c, 128);
	sim->list_twice = chaos_chance(c, 128);
	sim->dead_list_empty = chaos_chance(c, 128);
	sim->list_batch = chaos_chance(c, 128) ? 1 : 1 + chaos_below(c, 60);
}
