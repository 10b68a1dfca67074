/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Random things that happen in a simulated kernel
 *
 * Events that are counted step by step, several at once; cgroups made, killed, removed and made anew
 * under the same name; the memory controller switched off and on, or hidden; group kills; a limit hit above and
 * the victim below; bursts of ooms; charges that fail in a cgroup that is gone already. The temper
 * says how much of each. Everything follows from the seed.
 */
#include "ledger_oracle.h"

#define CHAOS_LIVE_MAX 48
#define CHAOS_SCRIPT_MAX 10

/* Weights, and probabilities in 1/256. */
struct temper {
	unsigned live_max, depth_max;
	unsigned step;  /* weight of moving an event on */
	unsigned churn; /* weight of cgroups made and removed */
	unsigned control, hide, group, denied, burst, ghost;
	unsigned names; /* few names: many that are made anew */
};

/* A group kill on its way: one after the other, under the kernel's oom_lock. */
struct killer {
	struct {
		struct sim_css *css;
		enum event_kind kind;
		bool recount;
	} script[CHAOS_SCRIPT_MAX];
	unsigned n, at;
	struct watch *seen; /* by this watch, from begin to end; NULL: not */
};

struct chaos {
	uint64_t state;
	struct temper temper;
	struct sim_kernel *sim;
	struct oracle *oracle;
	struct sim_dir *live[CHAOS_LIVE_MAX + 1];
	unsigned n_live;
	struct killer killer;
	/* What has happened */
	uint64_t actions;
	uint64_t events, made, removed, switched, hidden, recounts;
};

/* Chooses a temper, and a kind of kernel. */
void chaos_init(struct chaos *c, uint64_t seed, struct sim_kernel *sim, struct oracle *oracle);
/* Something happens. */
void chaos_act(struct chaos *c);
/* Everything that has begun comes to its end. */
void chaos_land(struct chaos *c);
/* A living memory.events, or NULL. */
struct sim_css *chaos_pick(struct chaos *c);

/* Less than @n; 0 if that is 0. */
unsigned chaos_below(struct chaos *c, unsigned n);
bool chaos_chance(struct chaos *c, unsigned of_256);
