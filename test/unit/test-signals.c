/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals against a simulated kernel, which signals_sim.h describes
 */
#include "signals_sim.h"

static void sim_own(struct signals *s, uint64_t n, void *ctx)
{
	(void)ctx;
	assert_true(n > 0);
	assert_false(cg_of(s)->complete);
	cg_of(s)->told += n;
	/* Never one too many, at any moment. */
	assert_true(cg_of(s)->told <= cg_of(s)->own);
}

static void sim_dead(struct signals *s, void *ctx)
{
	(void)ctx;
	assert_false(cg_of(s)->exists);
}

static void sim_closed(struct signals *s, void *ctx)
{
	(void)ctx;
	assert_false(cg_of(s)->closed);
	cg_of(s)->closed = true;
}

/* At rest: what is true lies between what was told and that plus the doubt. */
static void check(struct sim *sim, const struct cg *c)
{
	uint64_t doubt = signals_doubt(&c->sig);

	assert_true(c->told <= c->own);
	assert_true(c->own <= c->told + doubt);
	if (!c->disturbed)
		assert_int_equal(doubt, 0);
	sim->looks++;
	sim->doubts += doubt;
	sim->disturbed += c->disturbed;
}

static void sim_released(struct signals *s, void *ctx)
{
	assert_true(cg_of(s)->closed);
	assert_false(cg_of(s)->listed);
	check(ctx, cg_of(s));
	cg_of(s)->released = true;
}

static const struct signals_ops sim_ops = {
	.read = sim_read,
	.under_oom = sim_under_oom,
	.alive = sim_alive,
	.own = sim_own,
	.dead = sim_dead,
	.closed = sim_closed,
	.released = sim_released,
};

/* We find a cgroup and register with it, if we are registered with its parent. */
static void find(struct sim *sim, int i)
{
	struct cg *c = &sim->cg[i];
	struct cg *parent = c->parent == NONE ? NULL : &sim->cg[c->parent];

	if (!c->used || !c->exists || c->registered || (parent && !parent->registered))
		return;
	c->registered = c->listed = true;
	c->eventfd = c->under_oom > 0;
	c->disturbed = false;
	for (int d = 0; d < DELIVERIES; d++)
		if (sim->d[d].active && at_or_above(sim, sim->d[d].from, i))
			c->disturbed = true;
	signals_add(&sim->set, &c->sig, parent ? &parent->sig : NULL, sim->now_ns);
}

static void wake(struct sim *sim, bool all)
{
	for (int i = 0; i < CGROUPS; i++) {
		struct cg *c = &sim->cg[i];

		if (c->used && c->registered && !c->released && c->eventfd > 0 &&
		    (all || rnd(sim, 2)))
			signals_wake(&sim->set, &c->sig);
	}
}

static void look_and_note(struct sim *sim)
{
	signals_pass(&sim->set, sim->now_ns);
	for (int i = 0; i < CGROUPS; i++)
		if (sim->cg[i].used && sim->cg[i].registered && signals_complete(&sim->cg[i].sig))
			sim->cg[i].complete = true;
}

static void we_step(struct sim *sim)
{
	switch (rnd(sim, 8)) {
	case 0:
		find(sim, (int)rnd(sim, CGROUPS));
		break;
	case 1:
	case 2:
		wake(sim, false);
		look_and_note(sim);
		break;
	default:
		kernel_runs(sim);
	}
}

static bool at_work(const struct sim *sim)
{
	for (int i = 0; i < DELIVERIES; i++)
		if (sim->d[i].active)
			return true;
	return false;
}

/* All that is under way ends, and all of it is read. */
static void come_to_rest(struct sim *sim)
{
	while (at_work(sim))
		kernel_deliver(sim);
	sim->frozen = true;
	do {
		sim->now_ns += SIGNALS_LINGER_NS;
		kernel_offline(sim);
		wake(sim, true);
		look_and_note(sim);
	} while (signals_deadline(&sim->set) != UINT64_MAX);
	assert_false(signals_open(&sim->set));
	sim->frozen = false;
	for (int i = 0; i < CGROUPS; i++)
		if (sim->cg[i].used && sim->cg[i].exists && sim->cg[i].registered) {
			assert_int_equal(sim->cg[i].sig.state, SIGNALS_LIVE);
			check(sim, &sim->cg[i]);
		}
}

static void sim_init(struct sim *sim, uint64_t seed)
{
	*sim = (struct sim){ .random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1 };
	signals_init(&sim->set, &sim_ops, sim);
}

/* Millions of steps of the kernel, in lives of 3,000 with a rest after each 1,000. */
static void at_rest_told_is_true(void **state)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	uint64_t steps = 0, cgroups = 0, ooms = 0, looks = 0, disturbed = 0, doubts = 0;

	(void)state;
	assert_non_null(sim);
	for (uint64_t seed = 1; steps < 5000000; seed++) {
		sim_init(sim, seed);
		for (uint64_t rest = 1000; rest <= 3000; rest += 1000) {
			while (sim->steps < rest)
				we_step(sim);
			come_to_rest(sim);
		}
		steps += sim->steps;
		ooms += sim->ooms;
		looks += sim->looks;
		doubts += sim->doubts;
		disturbed += sim->disturbed;
		cgroups += sim->cgroups;
	}
	print_message("%" PRIu64 " steps, %" PRIu64 " cgroups, %" PRIu64 " ooms; %" PRIu64
		      " accounts compared, %" PRIu64 " of them disturbed, with %" PRIu64
		      " ooms in doubt\n",
		      steps, cgroups, ooms, looks, disturbed, doubts);
	assert_true(looks > disturbed);
	free(sim);
}

/* A machine in which nothing happens but what a test does: 0 with its children 1 and 2, 3 below 1. */
static struct sim *still(void)
{
	static const int parents[] = { NONE, 0, 0, 1 };
	struct sim *sim = calloc(1, sizeof(*sim));

	assert_non_null(sim);
	sim_init(sim, 1);
	sim->frozen = true;
	for (int i = 0; i < 4; i++) {
		sim->cg[i] = (struct cg){
			.used = true, .exists = true, .parent = parents[i], .born = ++sim->born
		};
		find(sim, i);
		assert_int_equal(sim->cg[i].sig.state, SIGNALS_LIVE);
	}
	return sim;
}

static void oom(struct sim *sim, int c)
{
	struct delivery d = { .from = c };

	mark(sim, &d);
	for (int i = c; i != NONE; i = next_in_preorder(sim, c, i))
		sim->cg[i].eventfd += sim->cg[i].listed;
	unmark(sim, &d);
	sim->cg[c].own += sim->cg[c].registered;
}

static void rmdir_now(struct sim *sim, int c)
{
	sim->cg[c].exists = false;
	sim->cg[c].offline_ns = sim->now_ns + 20000000;
}

static void pass(struct sim *sim, uint64_t later_ns)
{
	sim->now_ns += later_ns;
	kernel_offline(sim);
	wake(sim, true);
	do
		signals_pass(&sim->set, sim->now_ns);
	while (signals_deadline(&sim->set) == 0);
}

static void told(const struct sim *sim, uint64_t t0, uint64_t t1, uint64_t t2, uint64_t t3)
{
	assert_int_equal(sim->cg[0].told, t0);
	assert_int_equal(sim->cg[1].told, t1);
	assert_int_equal(sim->cg[2].told, t2);
	assert_int_equal(sim->cg[3].told, t3);
}

static void an_oom_is_told_where_the_limit_is(void **state)
{
	struct sim *sim = still();

	(void)state;
	oom(sim, 3);
	pass(sim, 0);
	told(sim, 0, 0, 0, 1);
	oom(sim, 0);
	pass(sim, 0);
	told(sim, 1, 0, 0, 1);
	oom(sim, 1);
	oom(sim, 1);
	oom(sim, 2);
	pass(sim, 0);
	told(sim, 1, 2, 1, 1);
	assert_true(signals_deadline(&sim->set) == UINT64_MAX);
	free(sim);
}

static void a_removal_is_no_oom(void **state)
{
	struct sim *sim = still();

	(void)state;
	rmdir_now(sim, 3);
	pass(sim, 30000000);
	told(sim, 0, 0, 0, 0);
	assert_int_equal(sim->cg[3].sig.state, SIGNALS_DYING);
	assert_false(sim->cg[3].closed); /* that one signal may yet turn out to be an oom */
	pass(sim, SIGNALS_CLOSE_NS);
	assert_true(sim->cg[3].closed);
	assert_int_equal(signals_doubt(&sim->cg[3].sig), 0);
	assert_true(signals_open(&sim->set));
	assert_false(signals_complete(&sim->cg[3].sig));
	pass(sim, SIGNALS_REMOVAL_NS - SIGNALS_CLOSE_NS);
	assert_false(signals_open(&sim->set));
	assert_true(signals_complete(&sim->cg[3].sig));
	assert_false(sim->cg[3].released);
	pass(sim, SIGNALS_LINGER_NS);
	assert_true(sim->cg[3].released);
	told(sim, 0, 0, 0, 0);
	free(sim);
}

/* Seen dead before its last signal comes, it is closed by that signal and not by the clock. */
static void a_removal_seen_early_is_closed_by_its_signal(void **state)
{
	struct sim *sim = still();

	(void)state;
	oom(sim, 3);
	rmdir_now(sim, 3);
	signals_suspect(&sim->set, &sim->cg[3].sig);
	pass(sim, 1000000);
	told(sim, 0, 0, 0, 0); /* it is the removal's, or another will be */
	assert_false(sim->cg[3].closed);
	pass(sim, 20000000);
	told(sim, 0, 0, 0, 1);
	assert_true(sim->cg[3].closed);
	assert_true(signals_complete(&sim->cg[3].sig));
	assert_false(signals_open(&sim->set));
	assert_int_equal(signals_doubt(&sim->cg[3].sig), 0);
	free(sim);
}

static void a_suspicion_closes_a_silent_removal(void **state)
{
	struct sim *sim = still();

	(void)state;
	signals_suspect(&sim->set, &sim->cg[3].sig);
	pass(sim, 0);
	assert_int_equal(sim->cg[3].sig.state, SIGNALS_LIVE);
	rmdir_now(sim, 3);
	signals_suspect(&sim->set, &sim->cg[3].sig);
	pass(sim, 1000000);
	assert_int_equal(sim->cg[3].sig.state, SIGNALS_DYING);
	pass(sim, 20000000);
	assert_true(sim->cg[3].closed);
	told(sim, 0, 0, 0, 0);
	free(sim);
}

/* The parent's signal is still under way to what was removed: it is not that of the removal. */
static void a_late_delivery_is_no_removal(void **state)
{
	struct sim *sim = still();
	struct delivery d = { .from = 1 };

	(void)state;
	oom(sim, 3);
	mark(sim, &d);
	sim->cg[1].eventfd++;
	sim->cg[1].own++;
	rmdir_now(sim, 3);
	signals_suspect(&sim->set, &sim->cg[3].sig);
	pass(sim, 0);
	sim->cg[3].eventfd++;
	pass(sim, 1000000);
	assert_false(sim->cg[3].closed);
	unmark(sim, &d);
	pass(sim, 20000000);
	told(sim, 0, 1, 0, 1);
	free(sim);
}

/* A parent's oom at the very time of a removal: nobody knows whether it reached the child. */
static void what_cannot_be_known_is_doubted(void **state)
{
	struct sim *sim = still();

	(void)state;
	oom(sim, 3);
	rmdir_now(sim, 3);
	oom(sim, 1);
	pass(sim, 30000000);
	told(sim, 0, 1, 0, 1); /* three signals: one the removal's, one at most the parent's */
	pass(sim, SIGNALS_CLOSE_NS);
	assert_int_equal(signals_doubt(&sim->cg[3].sig), 1);
	pass(sim, SIGNALS_REMOVAL_NS - SIGNALS_CLOSE_NS);
	assert_int_equal(signals_doubt(&sim->cg[3].sig), 1);
	assert_true(signals_complete(&sim->cg[3].sig)); /* more will never be known */
	free(sim);
}

/* Removed before it had a baseline: when that is over is known all the same. */
static void a_removal_without_a_baseline_is_closed_by_its_signal(void **state)
{
	struct sim *sim = still();
	struct delivery d = { .from = 1 };

	(void)state;
	sim->cg[4] = (struct cg){ .used = true, .exists = true, .parent = 1, .born = ++sim->born };
	mark(sim, &d);
	find(sim, 4);
	sim->cg[4].disturbed = true;
	unmark(sim, &d);
	rmdir_now(sim, 4);
	pass(sim, 1000000);
	assert_int_equal(sim->cg[4].sig.state, SIGNALS_DYING);
	pass(sim, 20000000);
	assert_true(sim->cg[4].closed);
	assert_true(signals_complete(&sim->cg[4].sig));
	assert_int_equal(sim->cg[4].told, 0);
	free(sim);
}

/* Parent and child go together: the parent's removal is no oom that the child ought to have had. */
static void a_branch_that_goes_at_once_keeps_its_ooms(void **state)
{
	struct sim *sim = still();

	(void)state;
	oom(sim, 3);
	rmdir_now(sim, 3);
	rmdir_now(sim, 1);
	pass(sim, 30000000);
	told(sim, 0, 0, 0, 0);
	assert_true(signals_open(&sim->set));
	while (signals_open(&sim->set))
		pass(sim, SIGNALS_CLOSE_NS);
	assert_true(signals_complete(&sim->cg[1].sig));
	assert_true(signals_complete(&sim->cg[3].sig));
	assert_false(signals_complete(&sim->cg[2].sig));
	while (signals_deadline(&sim->set) != UINT64_MAX)
		pass(sim, SIGNALS_LINGER_NS);
	told(sim, 0, 0, 0, 1);
	assert_int_equal(sim->cg[3].sig.doubt + sim->cg[1].sig.doubt, 0);
	free(sim);
}

static void oom_at_1(struct sim *sim)
{
	oom(sim, 1);
}

static void oom_at_4(struct sim *sim)
{
	oom(sim, 4);
}

/* Lets @script happen at each look that is taken while cgroup 4 below 1 is registered. */
static struct sim *disturbed_registration(void (*script)(struct sim *), int at)
{
	struct sim *sim = still();

	sim->cg[4] = (struct cg){ .used = true, .exists = true, .parent = 1, .born = ++sim->born };
	sim->script = script;
	sim->script_at = at;
	find(sim, 4);
	if (sim->script_at > 0) {
		free(sim);
		return NULL;
	}
	pass(sim, 0);
	pass(sim, 1000000);
	oom(sim, 4);
	pass(sim, 0);
	return sim;
}

static void registering_beside_an_oom_of_the_parent(void **state)
{
	struct sim *sim;
	int looks = 0;

	(void)state;
	while ((sim = disturbed_registration(oom_at_1, looks + 1))) {
		looks++;
		assert_int_equal(sim->cg[1].told, 1);
		assert_int_equal(sim->cg[4].told, 1);
		/* Once the parent's sum is known, the baseline is exact. */
		assert_true(signals_doubt(&sim->cg[4].sig) <= (looks == 1));
		free(sim);
	}
	assert_in_range(looks, 5, 50);
}

static void registering_beside_an_own_oom(void **state)
{
	struct sim *sim;
	int looks = 0;

	(void)state;
	while ((sim = disturbed_registration(oom_at_4, looks + 1))) {
		uint64_t n = sim->cg[4].told;

		looks++;
		assert_true(n >= 1 && n <= 2);
		assert_int_equal(n + signals_doubt(&sim->cg[4].sig), 2);
		free(sim);
	}
	assert_in_range(looks, 5, 50);
}

/* A pause lasts: what is registered meanwhile is signalled at once, and that is no oom of its own. */
static void registering_under_oom(void **state)
{
	struct sim *sim = still();
	struct delivery d = { .from = 1 };

	(void)state;
	sim->cg[4] = (struct cg){ .used = true, .exists = true, .parent = 1, .born = ++sim->born };
	mark(sim, &d);
	find(sim, 4);
	assert_int_equal(sim->cg[4].sig.state, SIGNALS_UNSETTLED);
	for (int i = 0; i < 20; i++)
		pass(sim, 500000000);
	assert_int_equal(sim->cg[4].sig.state, SIGNALS_UNSETTLED);
	unmark(sim, &d);
	pass(sim, 1000000000);
	assert_int_equal(sim->cg[4].sig.state, SIGNALS_LIVE);
	oom(sim, 4);
	pass(sim, 0);
	assert_int_equal(sim->cg[4].told, 1);
	free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_oom_is_told_where_the_limit_is),
		cmocka_unit_test(a_removal_is_no_oom),
		cmocka_unit_test(a_removal_seen_early_is_closed_by_its_signal),
		cmocka_unit_test(a_suspicion_closes_a_silent_removal),
		cmocka_unit_test(a_late_delivery_is_no_removal),
		cmocka_unit_test(what_cannot_be_known_is_doubted),
		cmocka_unit_test(a_removal_without_a_baseline_is_closed_by_its_signal),
		cmocka_unit_test(a_branch_that_goes_at_once_keeps_its_ooms),
		cmocka_unit_test(registering_beside_an_oom_of_the_parent),
		cmocka_unit_test(registering_beside_an_own_oom),
		cmocka_unit_test(registering_under_oom),
		cmocka_unit_test(at_rest_told_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
