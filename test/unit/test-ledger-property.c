/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger against a simulated kernel, with random interleavings
 *
 *   test-ledger-property          the seeds that once failed, then new ones
 *   test-ledger-property SEED...  these seeds alone
 *   LEDGER_INTERLEAVINGS=N        how many kernel actions and ledger calls at least (1,000,000)
 *
 * One run is one seed: a tree, a temper (how busy, how often cgroups come and go, which kernel), and
 * then kernel actions and ledger calls in turns. Between any two reads of a ledger call, kernel
 * actions happen too. Now and then everything comes to rest, and ledger_oracle.c judges.
 *
 * A wakeup is a hint, so there are none here: tops are passed at random, too early and too late.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "ledger_oracle.h"

#define INTERLEAVINGS 1000000
#define WATCHES 8
#define LIVE_MAX 48
#define SCRIPT_MAX 10
#define TURNS 1200
#define MS UINT64_C(1000000)

/* Seeds that once showed a bug, each with the bug. */
static const uint64_t old_seeds[] = {
	1,
};

/* How this run is. Probabilities are in 1/256. */
struct temper {
	unsigned live_max, depth_max;
	unsigned busy;  /* at most so many kernel actions between two reads */
	unsigned step;  /* weight of moving a flight on */
	unsigned churn; /* weight of cgroups made and removed */
	unsigned control, group, denied, burst, ghost;
	unsigned fault, refuse; /* TREE_E_BUSY; reports not taken */
	unsigned watch;         /* weight of watches added and ended */
	unsigned names;         /* few names: many that are made anew */
};

/* A group kill on its way: one after the other, under the kernel's oom_lock. */
struct killer {
	struct {
		struct sim_css *css;
		enum event_kind kind;
		bool recount;
	} script[SCRIPT_MAX];
	unsigned n, at;
	struct watch *seen; /* by this watch, from begin to end; NULL: not */
};

struct run {
	uint64_t seed, state;
	struct temper temper;
	struct sim_kernel *sim;
	struct ledger *ledger;
	struct oracle oracle;
	struct sim_dir *live[LIVE_MAX + 1];
	unsigned n_live;
	struct watch *watches[WATCHES];
	struct watch *closing;
	struct killer killer;
	uint64_t now_ns;
	bool quiet; /* nothing happens between reads, and nothing fails */
	bool failed;
	uint64_t actions, calls;
	unsigned turn;
};

static uint64_t rnd(struct run *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static unsigned below(struct run *r, unsigned n)
{
	return n == 0 ? 0 : (unsigned)(rnd(r) % n);
}

static bool chance(struct run *r, unsigned of_256)
{
	return below(r, 256) < of_256;
}

static void fail(struct run *r, const char *what, const char *detail)
{
	if (!r->failed)
		fprintf(stderr, "seed %" PRIu64 ", turn %u: %s: %s\n", r->seed, r->turn, what,
			detail);
	r->failed = true;
}

/* ---- kernel actions ---- */

static struct sim_dir *pick_dir(struct run *r)
{
	return r->live[below(r, r->n_live)];
}

static struct sim_css *pick_css(struct run *r)
{
	for (unsigned i = 0; i < 8; i++) {
		struct sim_dir *d = pick_dir(r);

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

static struct sim_dir *make(struct run *r, struct sim_dir *parent, const char *name)
{
	struct sim_dir *d;

	if (r->n_live > r->temper.live_max || depth(parent) >= r->temper.depth_max)
		return NULL;
	d = sim_mkdir(r->sim, parent, name);
	if (!d)
		return NULL;
	r->live[r->n_live++] = d;
	d->group = chance(r, r->temper.group);
	if (chance(r, r->temper.denied))
		d->denied = chance(r, 128) ? SIM_DENIED_DIR : SIM_DENIED_FILES;
	if (chance(r, 170))
		(void)sim_control(r->sim, d, true);
	return d;
}

static struct sim_dir *make_random(struct run *r)
{
	char name[2] = { (char)('a' + below(r, r->temper.names)), '\0' };

	return make(r, pick_dir(r), name);
}

static bool unmake(struct run *r, struct sim_dir *d)
{
	if (!sim_rmdir(r->sim, d))
		return false;
	for (unsigned i = 0; i < r->n_live; i++)
		if (r->live[i] == d)
			r->live[i] = r->live[--r->n_live];
	return true;
}

static void step(struct run *r)
{
	if (r->sim->n_flights > 0)
		(void)sim_step(r->sim, below(r, r->sim->n_flights));
}

static void begin(struct run *r, struct sim_css *css)
{
	enum event_kind kind = chance(r, 128) ? EVENT_OOM : EVENT_KILL;
	uint64_t n = 1;

	if (!css)
		return;
	/* memory.max lowered below what is used: ooms in a loop, until the victim is gone */
	if (kind == EVENT_OOM && chance(r, r->temper.burst))
		n = 1 + below(r, 50000);
	(void)sim_begin(r->sim, css, kind, n);
	for (unsigned i = below(r, 6); i > 0; i--)
		step(r);
}

/* A limit is hit above, the victim lives below. */
static void oom_and_kill(struct run *r)
{
	struct sim_css *victim = pick_css(r);
	struct sim_css *limit = victim;

	if (!victim)
		return;
	while (limit->parent && chance(r, 128))
		limit = limit->parent;
	(void)sim_begin(r->sim, limit, EVENT_OOM, 1);
	if (chance(r, 200))
		(void)sim_begin(r->sim, victim, EVENT_KILL, 1);
}

/* Made, killed, removed: some of it perhaps before the counting has reached the top. */
static void short_life(struct run *r)
{
	struct sim_dir *d = make_random(r);

	if (!d || !d->css)
		return;
	begin(r, d->css);
	if (chance(r, 128))
		begin(r, d->css);
	if (chance(r, 160))
		sim_land(r->sim);
	if (chance(r, 220))
		(void)unmake(r, d);
}

static void remake(struct run *r)
{
	struct sim_dir *d = pick_dir(r);
	struct sim_dir *parent = d->parent;

	if (!unmake(r, d))
		return;
	d = make(r, parent, d->name);
	if (d && chance(r, 128))
		begin(r, d->css);
}

/* A charge can still fail in a cgroup that is gone, as long as pages of it are. */
static void ghost(struct run *r)
{
	struct sim_css *css;
	struct watch *w;

	if (r->sim->n_css == 0)
		return;
	css = r->sim->css[below(r, r->sim->n_css)];
	w = oracle_owner(&r->oracle, css);
	if (w && !css->alive && w->css->alive)
		(void)sim_begin(r->sim, css, EVENT_OOM, 1);
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
static void group_kill(struct run *r)
{
	struct sim_css *victim = pick_css(r);
	struct sim_css *members[SCRIPT_MAX];
	struct sim_css *group = NULL;
	struct killer *k = &r->killer;
	unsigned n = 0;

	for (struct sim_css *at = victim; at; at = at->parent)
		if (at->dir->group)
			group = at;
	if (!group || k->at < k->n)
		return;
	*k = (struct killer){ 0 };
	script(k, victim, EVENT_KILL, false);
	script(k, group, EVENT_GROUP_KILL, false);
	for (unsigned i = 0; i < r->n_live && n < 4; i++)
		if (r->live[i]->css && sim_below(r->live[i]->css, group) && chance(r, 100))
			members[n++] = r->live[i]->css;
	if (chance(r, 200)) {
		unsigned i = below(r, n + 1);

		members[n++] = members[i];
		members[i] = NULL;
	}
	for (unsigned i = 0; i < n; i++)
		script(k, members[i] ? members[i] : victim, EVENT_KILL, !members[i]);
	k->seen = oracle_owner(&r->oracle, group);
	if (r->oracle.window || r->sim->no_group_count)
		k->seen = NULL;
}

static void killer_step(struct run *r)
{
	struct killer *k = &r->killer;

	if (k->at == k->n)
		return;
	for (unsigned i = 0; i < r->sim->n_flights && k->at > 0; i++)
		if (r->sim->flights[i].from == k->script[k->at - 1].css &&
		    r->sim->flights[i].kind == k->script[k->at - 1].kind) {
			(void)sim_step(r->sim, i);
			return;
		}
	if (!k->script[k->at].css->alive) {
		k->at++; /* a process keeps its cgroup: this one had left before */
		return;
	}
	if (!sim_begin(r->sim, k->script[k->at].css, k->script[k->at].kind, 1))
		return;
	if (k->script[k->at].recount && k->seen)
		k->seen->recounts++;
	k->at++;
}

/* Everything that has begun comes to its end. */
static void land(struct run *r)
{
	while (r->killer.at < r->killer.n) {
		sim_land(r->sim);
		killer_step(r);
	}
	sim_land(r->sim);
}

static void act(struct run *r)
{
	const struct temper *t = &r->temper;
	unsigned w = below(r, t->step + 2 * t->churn + 40);

	r->actions++;
	if (w < t->step) {
		step(r);
	} else if (w < t->step + 20) {
		begin(r, pick_css(r));
	} else if (w < t->step + 26) {
		oom_and_kill(r);
	} else if (w < t->step + 30) {
		group_kill(r);
	} else if (w < t->step + 37) {
		killer_step(r);
	} else if (w < t->step + 39) {
		if (chance(r, t->control))
			(void)sim_control(r->sim, pick_dir(r), chance(r, 160));
	} else if (w < t->step + 40) {
		if (chance(r, t->ghost))
			ghost(r);
	} else if (w < t->step + 40 + t->churn / 2) {
		(void)make_random(r);
	} else if (w < t->step + 40 + t->churn) {
		(void)unmake(r, pick_dir(r));
	} else if (w < t->step + 40 + t->churn + t->churn / 2) {
		short_life(r);
	} else {
		remake(r);
	}
}

/* ---- what the ledger calls ---- */

static int between(void *arg, const struct sim_call *call)
{
	struct run *r = arg;

	if (r->quiet)
		return 0;
	for (unsigned i = below(r, r->temper.busy + 1); i > 0; i--)
		act(r);
	if (call->op != SIM_READ_LINE && below(r, 4096) < r->temper.fault)
		return chance(r, 200) ? TREE_E_BUSY : -ENOMEM;
	return 0;
}

static struct watch *watch_of(struct run *r, const struct account *a)
{
	while (account_parent(a))
		a = account_parent(a);
	for (unsigned i = 0; i < WATCHES; i++)
		if (r->watches[i] && r->watches[i]->account == a)
			return r->watches[i];
	return NULL;
}

static int take(void *ctx, const struct ledger_report *report)
{
	struct run *r = ((struct sim_kernel *)ctx)->hook_arg;
	struct watch *w = watch_of(r, report->at);

	if (!r->quiet && chance(r, r->temper.refuse))
		return -ENOMEM;
	if (!w)
		fail(r, "report", "of an account that lies in no watch");
	else if (!oracle_report(&r->oracle, w, report, w == r->closing))
		fail(r, "report", r->oracle.why);
	if (report->now_ns != r->now_ns)
		fail(r, "report", "with another time than told");
	return 0;
}

/* ---- tops ---- */

/* True while something that @parent's counter will show is not there yet. NULL: the root. */
static bool under_way(const struct run *r, const struct sim_css *parent)
{
	if (!parent)
		return r->sim->n_flights > 0;
	for (unsigned i = 0; i < r->sim->n_flights; i++)
		if (r->sim->flights[i].next && sim_below(r->sim->flights[i].next, parent))
			return true;
	return false;
}

static unsigned deaths(const struct run *r, const struct sim_css *parent)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->sim->n_css; i++)
		n += r->sim->css[i]->parent == parent && !r->sim->css[i]->alive;
	return n;
}

static int root_counts(void *ctx, struct counts *ret)
{
	*ret = ((struct sim_kernel *)ctx)->total;
	return 0;
}

/* What removed children of @parent have counted, when nothing is on its way. */
static bool dead_sum(struct run *r, const struct sim_css *parent, struct deltas *ret)
{
	struct sim_dir *d = parent ? parent->dir : r->sim->root;
	struct counts truth = { 0 };
	bool quiet = r->quiet;
	int dir, got;

	if (under_way(r, parent) || (parent && !parent->alive))
		return false;
	for (unsigned i = 0; i < r->sim->n_css; i++)
		for (unsigned k = 0; k < COUNTED_KINDS; k++)
			if (r->sim->css[i]->parent == parent && !r->sim->css[i]->alive)
				truth.n[k] += r->sim->css[i]->hier.n[k];
	dir = sim_open(r->sim, d);
	r->quiet = true;
	r->calls++;
	got = ledger_dead_sum(&sim_tree_ops, r->sim, dir, parent ? NULL : root_counts, ret);
	r->quiet = quiet;
	sim_close(r->sim, dir);
	if (got == -EACCES)
		return false; /* a neighbour may not be read */
	if (got != 0)
		fail(r, "ledger_dead_sum", "fails on a quiet tree");
	for (unsigned k = 0; k < COUNTED_KINDS && got == 0; k++)
		if (ret->n[k] != (int64_t)truth.n[k])
			fail(r, "ledger_dead_sum", "is not what the dead counted");
	return got == 0;
}

static void guard(struct run *r, struct watch *w)
{
	w->guarded = w->css->alive && dead_sum(r, w->css->parent, &w->dead);
	w->deaths = deaths(r, w->css->parent);
}

static void forget_watch(struct run *r, struct watch *w, bool forgotten)
{
	oracle_watch_end(&r->oracle, w, forgotten);
	if (r->killer.seen == w)
		r->killer.seen = NULL;
	for (unsigned i = 0; i < WATCHES; i++)
		if (r->watches[i] == w)
			r->watches[i] = NULL;
	sim_close(r->sim, w->handle);
	free(w);
}

/* Closes the account. @lost: the top is gone; what is left is told if it can be known. */
static void end_watch(struct run *r, struct watch *w, bool lost, bool forgotten)
{
	struct counts last;
	struct deltas dead;
	bool known = lost && w->guarded && deaths(r, w->css->parent) == w->deaths + 1 &&
		     dead_sum(r, w->css->parent, &dead);
	int got;

	for (unsigned k = 0; k < COUNTED_KINDS && known; k++)
		last.n[k] = (uint64_t)(dead.n[k] - w->dead.n[k]);
	r->closing = w;
	do {
		r->calls++;
		got = ledger_top_close(r->ledger, w->account, known ? &last : NULL, r->now_ns);
	} while (got == -ENOMEM);
	r->closing = NULL;
	if (got != 0)
		fail(r, "ledger_top_close", "fails");
	for (unsigned k = 0; k < COUNTED_KINDS && known; k++)
		if (w->base.n[k] + w->told.n[k] != w->css->hier.n[k])
			fail(r, "ledger_top_close", "not all told of a top's last moment");
	forget_watch(r, w, forgotten);
}

static bool deniable(const struct sim_dir *d)
{
	for (; d; d = d->parent)
		if (d->denied != SIM_ALLOWED)
			return true;
	return false;
}

/* Only what no watch ever looked at can be told from its first event on. */
static bool may_be_fresh(struct run *r, const struct sim_css *css)
{
	for (unsigned i = css->index; i < r->sim->n_css; i++) {
		if (sim_below(r->sim->css[i], css) &&
		    oracle_tally(&r->oracle, r->sim->css[i])->used)
			return false;
	}
	return true;
}

/* The tops that lie below the new one @w are either part of its tree now, or counted nothing yet. */
static void take_over(struct run *r, struct watch *w)
{
	for (unsigned i = 0; i < WATCHES; i++) {
		struct watch *v = r->watches[i];

		if (!v || v == w || !sim_below(v->css, w->css))
			continue;
		if (account_parent(v->account)) {
			w->recounts += v->recounts;
			w->recounts_told += v->recounts_told;
			if (r->killer.seen == v)
				r->killer.seen = w;
			forget_watch(r, v, false);
		} else {
			end_watch(r, v, !v->css->alive, !v->css->alive);
		}
	}
}

static int add_top(struct run *r, struct sim_css *css, struct watch *w, bool fresh)
{
	struct ledger_top top = { .dir = w->handle,
				  .path = strdup(sim_path(css->dir)),
				  .id = css->dir->id,
				  .fresh = fresh };
	int got;

	if (!fresh)
		oracle_window_open(&r->oracle, css);
	r->calls++;
	got = ledger_top_add(r->ledger, &top, r->now_ns, &w->account);
	if (!fresh)
		oracle_window_close(&r->oracle, css, got == 0 ? w : NULL);
	else if (got == 0)
		oracle_watch_fresh(&r->oracle, css, w);
	free((void *)top.path);
	return got;
}

static void add_watch(struct run *r)
{
	struct sim_css *css = pick_css(r);
	struct watch *w;
	unsigned slot = 0;
	int got;

	while (slot < WATCHES && r->watches[slot])
		slot++;
	if (!css || slot == WATCHES || deniable(css->dir) || oracle_owner(&r->oracle, css))
		return;
	w = calloc(1, sizeof(*w));
	if (!w)
		abort();
	w->css = css;
	w->handle = sim_open(r->sim, css->dir);
	if (chance(r, 60))
		r->quiet = true;
	got = add_top(r, css, w, chance(r, 80) && may_be_fresh(r, css));
	r->quiet = false;
	if (got != 0) {
		if (got != LEDGER_E_GONE && got != LEDGER_E_AGAIN && got != -ENOMEM)
			fail(r, "ledger_top_add", "fails");
		sim_close(r->sim, w->handle);
		free(w);
		return;
	}
	w->base = *account_reported(w->account);
	r->watches[slot] = w;
	take_over(r, w);
	guard(r, w);
}

enum outcome {
	DONE,
	AGAIN,
	ENDED, /* and with it the watch */
};

static enum outcome outcome(struct run *r, struct watch *w, const char *call, int got)
{
	r->calls++;
	if (got == LEDGER_E_GONE) {
		if (w->css->alive)
			fail(r, call, "finds a living top gone");
		end_watch(r, w, true, false);
		return ENDED;
	}
	if (got != 0 && got != LEDGER_E_AGAIN)
		fail(r, call, "fails");
	if (got != 0 && r->quiet)
		fail(r, call, "wants to be called again, where nothing failed");
	return got == 0 ? DONE : AGAIN;
}

static enum outcome pass(struct run *r, struct watch *w)
{
	return outcome(r, w, "ledger_pass", ledger_pass(r->ledger, w->account, r->now_ns));
}

static enum outcome resolve(struct run *r, struct watch *w)
{
	return outcome(r, w, "ledger_resolve", ledger_resolve(r->ledger, w->account, r->now_ns));
}

/* One pass is enough for all that live, if nothing happens meanwhile. */
static void quiet_pass(struct run *r, struct watch *w)
{
	land(r);
	r->quiet = true;
	if (pass(r, w) == DONE && !oracle_living_placed(&r->oracle, w))
		fail(r, "after an undisturbed pass", r->oracle.why);
	r->quiet = false;
}

static void news(struct run *r, struct watch *w)
{
	bool is = false, truth = false;
	int got;

	r->quiet = true;
	got = ledger_top_news(r->ledger, w->account, &is);
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		truth |= w->css->hier.n[k] > w->base.n[k] + w->told.n[k];
	if (outcome(r, w, "ledger_top_news", got) == DONE && is != truth)
		fail(r, "ledger_top_news", "is wrong");
	r->quiet = false;
}

static void advance(struct run *r)
{
	if (chance(r, 6)) {
		land(r); /* no event takes that long to be counted */
		r->now_ns += below(r, 3000) * MS;
	} else {
		r->now_ns += below(r, 15) * MS;
	}
}

/* ---- rest ---- */

static bool settle(struct run *r, struct watch *w)
{
	enum outcome o;

	for (unsigned i = 0; i < 8; i++) {
		uint64_t due;

		o = pass(r, w);
		if (o != DONE)
			return o == ENDED;
		due = ledger_due(r->ledger, w->account);
		if (due == UINT64_MAX) {
			o = outcome(r, w, "ledger_seal", ledger_seal(r->ledger, w->account));
			return o != AGAIN;
		}
		if (due > r->now_ns + LEDGER_SLOT_NS)
			fail(r, "ledger_due", "is later than a slot from now");
		if (due > r->now_ns)
			r->now_ns = due;
		o = resolve(r, w);
		if (o != DONE)
			return o == ENDED;
	}
	return false;
}

static void check_balance(struct run *r)
{
	struct balance b = { 0 };

	ledger_balance(r->ledger, &b);
	for (unsigned k = 0; k < COUNTED_KINDS; k++) {
		if (b.kind[k].counted != r->oracle.told.n[k])
			fail(r, "balance", "counted is not what happened");
		if (b.kind[k].reported + b.kind[k].recounts != r->oracle.told.n[k])
			fail(r, "balance", "reported and recounts are not what was told");
	}
	if (balance_judge(&b, EVENT_MASK_ALL) != BALANCE_BALANCED)
		fail(r, "balance", "is not balanced");
}

static void rest(struct run *r)
{
	unsigned watches = 0;

	land(r);
	r->quiet = true;
	for (unsigned i = 0; i < WATCHES && !r->failed; i++)
		if (r->watches[i] && !settle(r, r->watches[i]))
			fail(r, "rest", "the ledger finds no end");
	if (!r->failed && !oracle_rest(&r->oracle))
		fail(r, "at rest", r->oracle.why);
	if (!r->failed)
		check_balance(r);
	for (unsigned i = 0; i < WATCHES; i++)
		watches += r->watches[i] != NULL;
	if (r->sim->n_handles != watches)
		fail(r, "at rest", "directories are still open");
	r->quiet = false;
}

/* ---- one run ---- */

static void turn(struct run *r)
{
	struct watch *w = r->watches[below(r, WATCHES)];
	unsigned what = below(r, 256);

	if (what < 110) {
		for (unsigned i = below(r, 4); i > 0; i--)
			act(r);
	} else if (what < 130) {
		advance(r);
	} else if (what < 130 + r->temper.watch) {
		add_watch(r);
	} else if (what == 255) {
		rest(r);
	} else if (!w) {
		act(r);
	} else if (what < 140 + r->temper.watch) {
		guard(r, w);
	} else if (what < 142 + r->temper.watch) {
		end_watch(r, w, false, false);
	} else if (what < 150 + r->temper.watch) {
		news(r, w);
	} else if (what < 156 + r->temper.watch) {
		quiet_pass(r, w);
	} else if (what < 190 + r->temper.watch) {
		if (resolve(r, w) != ENDED && chance(r, 128))
			(void)pass(r, w);
	} else {
		(void)pass(r, w);
	}
}

static void choose_temper(struct run *r)
{
	static const unsigned rare[] = { 0, 0, 1, 8 };
	struct temper *t = &r->temper;

	t->live_max = 3 + below(r, LIVE_MAX - 3);
	t->depth_max = 2 + below(r, 5);
	t->busy = below(r, 5);
	t->step = 20 + below(r, 200);
	t->churn = 4 + below(r, 60);
	t->control = chance(r, 128) ? below(r, 256) : 0;
	t->group = chance(r, 128) ? below(r, 200) : 0;
	t->denied = chance(r, 64) ? below(r, 24) : 0;
	t->burst = rare[below(r, 4)];
	t->ghost = chance(r, 128) ? 256 : 0;
	t->fault = chance(r, 128) ? below(r, 200) : 0;
	t->refuse = chance(r, 128) ? below(r, 60) : 0;
	t->watch = 2 + below(r, 16);
	t->names = 1 + below(r, 8);
	r->sim->no_group_count = chance(r, 64);
	r->sim->lazy_keys = chance(r, 128);
	r->sim->dead_list_empty = chance(r, 128);
	r->sim->list_batch = chance(r, 128) ? 1 : 1 + below(r, 60);
}

/* Returns how many interleavings that was; 0 if it failed. */
static uint64_t run(uint64_t seed)
{
	struct run r = { .seed = seed, .state = seed, .now_ns = 1000 * MS };
	uint64_t done;

	r.sim = sim_new();
	choose_temper(&r);
	r.sim->hook = between;
	r.sim->hook_arg = &r;
	r.live[r.n_live++] = r.sim->root;
	oracle_init(&r.oracle, r.sim);
	r.ledger = ledger_new(&sim_tree_ops, take, r.sim);
	if (!r.ledger)
		abort();
	while (r.n_live < 3)
		(void)make_random(&r);
	for (r.turn = 0; r.turn < TURNS && !r.failed; r.turn++)
		turn(&r);
	if (!r.failed)
		rest(&r);
	ledger_free(r.ledger);
	for (unsigned i = 0; i < WATCHES; i++)
		free(r.watches[i]);
	oracle_done(&r.oracle);
	sim_free(r.sim);
	done = r.actions + r.calls;
	return r.failed ? 0 : done;
}

static uint64_t wanted(void)
{
	const char *text = getenv("LEDGER_INTERLEAVINGS");

	return text ? strtoull(text, NULL, 10) : INTERLEAVINGS;
}

int main(int argc, char **argv)
{
	uint64_t done = 0, seed = 0, first, n;

	for (int i = 1; i < argc; i++)
		if (run(strtoull(argv[i], NULL, 10)) == 0)
			return 1;
	if (argc > 1)
		return 0;
	for (size_t i = 0; i < sizeof(old_seeds) / sizeof(*old_seeds); i++)
		if (run(old_seeds[i]) == 0)
			return 1;
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return 1;
	first = seed %= UINT64_C(1000000000);
	printf("seeds from %" PRIu64 "\n", first);
	fflush(stdout);
	for (; done < wanted(); seed++) {
		n = run(seed);
		if (n == 0)
			return 1;
		done += n;
	}
	printf("%" PRIu64 " interleavings in %" PRIu64 " runs\n", done, seed - first);
	return 0;
}
