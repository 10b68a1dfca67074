/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger against a simulated kernel, with random interleavings
 *
 *   test-ledger-property          the seeds that once failed, then new ones
 *   test-ledger-property SEED...  these seeds alone
 *   LEDGER_INTERLEAVINGS=N        how many kernel actions and ledger calls at least (5,000,000)
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

#include "sim_chaos.h"

#define INTERLEAVINGS 5000000
#define WATCHES 8
#define TURNS 1200
#define MS UINT64_C(1000000)

/* Seeds that once showed a bug, each with the bug. */
static const uint64_t old_seeds[] = {
	1,         413381964, /* a child that shows no counts yet lost its account */
	652157440,            /* a stranger under the name of a child took accounts along */
	761917526,            /* old counts passed for news where something was gone */
	526404966,            /* the first of several former accounts was taken for the last */
	35457693,             /* an account had the id of a former directory */
	901895581,            /* one begun anew was taken for a return */
};

/* What the runs came through: a test that never met a thing proves nothing about it. */
struct stats {
	uint64_t interleavings, runs;
	uint64_t events, made, removed, switched, hidden, recounts;
	uint64_t adds, joins, last_known, last_unknown, refused, faults, rests;
	uint64_t told[3]; /* placed, removed, unplaced */
};

struct run {
	uint64_t seed;
	struct chaos chaos;
	struct stats *stats;
	struct sim_kernel *sim;
	struct ledger *ledger;
	struct oracle oracle;
	struct watch *watches[WATCHES];
	struct watch *closing;
	uint64_t now_ns;
	bool quiet; /* nothing happens between reads, and nothing fails */
	bool failed;
	/* Probabilities: reads that fail, in 1/4096, and reports that are refused, in 1/256. */
	unsigned fault, refuse;
	unsigned busy;  /* at most so many kernel actions between two reads */
	unsigned watch; /* weight of watches added */
	uint64_t calls;
	unsigned turn;
};

static void fail(struct run *r, const char *what, const char *detail)
{
	if (!r->failed)
		fprintf(stderr, "seed %" PRIu64 ", turn %u: %s: %s\n", r->seed, r->turn, what,
			detail);
	r->failed = true;
}

/* ---- what the ledger calls ---- */

static int between(void *arg, const struct sim_call *call)
{
	struct run *r = arg;

	if (r->quiet)
		return 0;
	for (unsigned i = chaos_below(&r->chaos, r->busy + 1); i > 0; i--)
		chaos_act(&r->chaos);
	if (call->op != SIM_READ_LINE && chaos_below(&r->chaos, 4096) < r->fault) {
		r->stats->faults++;
		return chaos_chance(&r->chaos, 200) ? TREE_E_BUSY : -ENOMEM;
	}
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

	if (!r->quiet && chaos_chance(&r->chaos, r->refuse)) {
		r->stats->refused++;
		return -ENOMEM;
	}
	r->stats->told[report->removed ? 1 : report->unplaced ? 2 : 0]++;
	if (!w)
		fail(r, "report", "of an account that lies in no watch");
	else if (!oracle_report(&r->oracle, w, report, w == r->closing))
		fail(r, "report", r->oracle.why);
	if (report->now_ns != r->now_ns)
		fail(r, "report", "with another time than told");
	return 0;
}

static bool stands(const struct watch *w)
{
	return w->css->alive && w->css->key == w->key;
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

/* How often a memory.events came or went below @parent: the sum of the dead holds for one loss. */
static unsigned changes(const struct run *r, const struct sim_css *parent)
{
	return (parent ? parent->dir : r->sim->root)->changes;
}

static int root_counts(void *ctx, struct counts *ret)
{
	*ret = ((struct sim_kernel *)ctx)->total;
	return 0;
}

/* What removed children of @parent have counted, when nothing is on its way. */
static bool dead_sum(struct run *r, const struct sim_css *css, struct deltas *ret)
{
	const struct sim_css *parent = css->parent;
	struct ledger_dead of = { .parent = parent ? NULL : root_counts,
				  .except_id = css->dir->id };
	struct sim_dir *d = parent ? parent->dir : r->sim->root;
	struct counts truth = { 0 };
	bool quiet = r->quiet;
	int got;

	if (under_way(r, parent) || (parent && !parent->alive))
		return false;
	for (unsigned i = 0; i < r->sim->n_css; i++)
		for (unsigned k = 0; k < COUNTED_KINDS; k++)
			if (r->sim->css[i]->parent == parent && !r->sim->css[i]->alive)
				truth.n[k] += r->sim->css[i]->hier.n[k];
	of.dir = sim_open(r->sim, d);
	r->quiet = true;
	r->calls++;
	got = ledger_dead_sum(&sim_tree_ops, r->sim, &of, ret);
	r->quiet = quiet;
	sim_close(r->sim, of.dir);
	if (got == -EACCES)
		return false; /* a neighbour may not be read, or has no memory files */
	if (got != 0)
		fail(r, "ledger_dead_sum", "fails on a quiet tree");
	for (unsigned k = 0; k < COUNTED_KINDS && got == 0; k++)
		if (ret->n[k] != (int64_t)truth.n[k])
			fail(r, "ledger_dead_sum", "is not what the dead counted");
	return got == 0;
}

static void guard(struct run *r, struct watch *w)
{
	w->guarded = w->css->alive && dead_sum(r, w->css, &w->dead);
	w->changes = changes(r, w->css->parent);
}

static void forget_watch(struct run *r, struct watch *w, bool forgotten)
{
	oracle_watch_end(&r->oracle, w, forgotten);
	if (r->chaos.killer.seen == w)
		r->chaos.killer.seen = NULL;
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
	bool known = lost && w->guarded && changes(r, w->css->parent) == w->changes + 1 &&
		     dead_sum(r, w->css, &dead);
	int got;

	r->stats->last_known += known;
	r->stats->last_unknown += lost && !known;
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
			if (r->chaos.killer.seen == v)
				r->chaos.killer.seen = w;
			r->stats->joins++;
			forget_watch(r, v, false);
		} else {
			end_watch(r, v, !stands(v), !stands(v));
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
	struct sim_css *css = chaos_pick(&r->chaos);
	struct watch *w;
	unsigned slot = 0;
	int got;

	while (slot < WATCHES && r->watches[slot])
		slot++;
	while (css && css->parent && chaos_chance(&r->chaos, 140))
		css = css->parent; /* more is to be seen from above */
	if (!css || slot == WATCHES || deniable(css->dir) || oracle_owner(&r->oracle, css))
		return;
	w = calloc(1, sizeof(*w));
	if (!w)
		abort();
	w->css = css;
	w->key = css->key;
	w->handle = sim_open(r->sim, css->dir);
	if (chaos_chance(&r->chaos, 60))
		r->quiet = true;
	got = add_top(r, css, w, chaos_chance(&r->chaos, 80) && may_be_fresh(r, css));
	r->quiet = false;
	if (got != 0) {
		if (got != LEDGER_E_GONE && got != LEDGER_E_AGAIN && got != -ENOMEM)
			fail(r, "ledger_top_add", "fails");
		sim_close(r->sim, w->handle);
		free(w);
		return;
	}
	r->stats->adds++;
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
		if (stands(w))
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
	bool gone = r->quiet && !stands(w);
	enum outcome o =
		outcome(r, w, "ledger_pass", ledger_pass(r->ledger, w->account, r->now_ns));

	if (gone && o != ENDED)
		fail(r, "ledger_pass", "does not find its top gone");
	return o;
}

static enum outcome resolve(struct run *r, struct watch *w)
{
	return outcome(r, w, "ledger_resolve", ledger_resolve(r->ledger, w->account, r->now_ns));
}

/* One pass is enough for all that live, if nothing happens meanwhile. */
static void quiet_pass(struct run *r, struct watch *w)
{
	chaos_land(&r->chaos);
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
		/* Signed: a base may lie below 0, where a joined top ran ahead of this one. */
		truth |= (int64_t)(w->css->hier.n[k] - w->base.n[k] - w->told.n[k]) > 0;
	if (outcome(r, w, "ledger_top_news", got) == DONE && is != truth)
		fail(r, "ledger_top_news", "is wrong");
	r->quiet = false;
}

static void advance(struct run *r)
{
	if (chaos_chance(&r->chaos, 6)) {
		chaos_land(&r->chaos); /* no event takes that long to be counted */
		r->now_ns += chaos_below(&r->chaos, 3000) * MS;
	} else {
		r->now_ns += chaos_below(&r->chaos, 15) * MS;
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
	uint64_t recounts = 0, groups = r->sim->total.n[EVENT_GROUP_KILL];

	if (groups < r->oracle.told.n[EVENT_GROUP_KILL])
		groups = r->oracle.told.n[EVENT_GROUP_KILL];
	for (unsigned i = 0; i < WATCHES; i++)
		recounts += r->watches[i] ? r->watches[i]->recounts : 0;
	ledger_balance(r->ledger, &b);
	for (unsigned k = 0; k < COUNTED_KINDS; k++) {
		if (b.kind[k].counted != r->oracle.told.n[k])
			fail(r, "balance", "counted is not what happened");
		if (b.kind[k].reported + b.kind[k].recounts != r->oracle.told.n[k])
			fail(r, "balance", "reported and recounts are not what was told");
	}
	/* One for each group kill: for what happened, or for what a joined top told once more. */
	if (!r->sim->no_group_count && b.kind[EVENT_KILL].recounts > groups)
		fail(r, "balance", "has more recounts than group kills");
	if (b.kind[EVENT_KILL].recounts < recounts)
		fail(r, "balance", "has less recounts than there were");
	if (balance_judge(&b, EVENT_MASK_ALL) != BALANCE_BALANCED)
		fail(r, "balance", "is not balanced");
}

static void rest(struct run *r)
{
	unsigned watches = 0;

	r->stats->rests++;
	chaos_land(&r->chaos);
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
	struct watch *w = r->watches[chaos_below(&r->chaos, WATCHES)];
	unsigned what = chaos_below(&r->chaos, 256);

	if (what < 110) {
		for (unsigned i = chaos_below(&r->chaos, 4); i > 0; i--)
			chaos_act(&r->chaos);
	} else if (what < 130) {
		advance(r);
	} else if (what < 130 + r->watch) {
		add_watch(r);
	} else if (what == 255) {
		rest(r);
	} else if (!w) {
		chaos_act(&r->chaos);
	} else if (what < 140 + r->watch) {
		guard(r, w);
	} else if (what < 142 + r->watch) {
		end_watch(r, w, false, false);
	} else if (what < 150 + r->watch) {
		news(r, w);
	} else if (what < 156 + r->watch) {
		quiet_pass(r, w);
	} else if (what < 190 + r->watch) {
		if (resolve(r, w) != ENDED && chaos_chance(&r->chaos, 128))
			(void)pass(r, w);
	} else {
		(void)pass(r, w);
	}
}

static void count(struct stats *stats, const struct run *r)
{
	stats->interleavings += r->chaos.actions + r->calls;
	stats->events += r->chaos.events;
	stats->made += r->chaos.made;
	stats->removed += r->chaos.removed;
	stats->switched += r->chaos.switched;
	stats->hidden += r->chaos.hidden;
	stats->recounts += r->chaos.recounts;
}

static bool run(struct stats *stats, uint64_t seed)
{
	struct run r = { .seed = seed, .stats = stats, .now_ns = 1000 * MS };

	r.sim = sim_new();
	r.sim->hook = between;
	r.sim->hook_arg = &r;
	oracle_init(&r.oracle, r.sim);
	chaos_init(&r.chaos, seed, r.sim, &r.oracle);
	r.busy = chaos_below(&r.chaos, 5);
	r.fault = chaos_chance(&r.chaos, 128) ? chaos_below(&r.chaos, 200) : 0;
	r.refuse = chaos_chance(&r.chaos, 128) ? chaos_below(&r.chaos, 60) : 0;
	r.watch = 2 + chaos_below(&r.chaos, 16);
	r.ledger = ledger_new(&sim_tree_ops, take, r.sim);
	if (!r.ledger)
		abort();
	for (r.turn = 0; r.turn < TURNS && !r.failed; r.turn++)
		turn(&r);
	if (!r.failed)
		rest(&r);
	ledger_free(r.ledger);
	for (unsigned i = 0; i < WATCHES; i++)
		free(r.watches[i]);
	oracle_done(&r.oracle);
	sim_free(r.sim);
	count(stats, &r);
	stats->runs++;
	return !r.failed;
}

static bool show(const struct stats *s)
{
	const struct {
		const char *what;
		uint64_t n;
	} met[] = {
		{ "events", s->events },
		{ "cgroups made", s->made },
		{ "cgroups removed", s->removed },
		{ "controllers switched", s->switched },
		{ "controllers hidden", s->hidden },
		{ "recounts", s->recounts },
		{ "tops added", s->adds },
		{ "tops joined", s->joins },
		{ "last moments known", s->last_known },
		{ "last moments unknown", s->last_unknown },
		{ "reads failed", s->faults },
		{ "reports refused", s->refused },
		{ "told where it happened", s->told[0] },
		{ "told as removed", s->told[1] },
		{ "told unplaced", s->told[2] },
		{ "times at rest", s->rests },
	};
	bool all = true;

	printf("%" PRIu64 " interleavings in %" PRIu64 " runs\n", s->interleavings, s->runs);
	for (size_t i = 0; i < sizeof(met) / sizeof(*met); i++) {
		printf("%12" PRIu64 " %s\n", met[i].n, met[i].what);
		all = all && met[i].n > 0;
	}
	return all;
}

static uint64_t wanted(void)
{
	const char *text = getenv("LEDGER_INTERLEAVINGS");

	return text ? strtoull(text, NULL, 10) : INTERLEAVINGS;
}

int main(int argc, char **argv)
{
	struct stats stats = { 0 };
	uint64_t seed = 0;

	for (int i = 1; i < argc; i++)
		if (!run(&stats, strtoull(argv[i], NULL, 10)))
			return 1;
	if (argc > 1)
		return 0;
	for (size_t i = 0; i < sizeof(old_seeds) / sizeof(*old_seeds); i++)
		if (!run(&stats, old_seeds[i]))
			return 1;
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return 1;
	seed %= UINT64_C(1000000000);
	printf("seeds from %" PRIu64 "\n", seed);
	fflush(stdout);
	for (; stats.interleavings < wanted(); seed++)
		if (!run(&stats, seed))
			return 1;
	return show(&stats) ? 0 : 1;
}
