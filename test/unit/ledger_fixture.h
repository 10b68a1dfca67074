/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What the ledger's unit tests share: a scripted tree, and a book of what was told
 *
 * The tree is sim_kernel's. A trigger does something to it in the middle of a ledger call, at the
 * first read, open, … of a given directory; a fault makes the Nth call into the tree fail.
 */
#include "cmocka_all.h"

#include "sim_kernel.h"

#define TOLD_MAX 64
#define FIXTURE_START_NS UINT64_C(1000000000)

struct told {
	char path[4096];
	uint64_t id;
	enum event_kind kind;
	uint64_t min, max;
	bool removed, unplaced, closing;
};

struct fixture;

struct trigger {
	enum sim_op op;
	const char *dir;
	const char *name; /* NULL: a call about the directory itself, or any */
	void (*act)(struct fixture *f);
	int fault; /* what the call fails with then; 0: it does not */
};

struct fixture {
	struct sim_kernel *sim;
	struct ledger *ledger;
	uint64_t now_ns;
	struct told told[TOLD_MAX];
	unsigned n_told;
	const struct trigger *trigger; /* taken back when it went off */
	unsigned calls;                /* into the tree */
	unsigned fault_at;             /* the number of the call that fails; 0: none */
	int fault;
	unsigned refuse_at; /* the number of the report that is refused; 0: none */
	int refuse;
	unsigned reports;
};

/* A tree with /t/{a/{x,y},b} and memory on everywhere. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The living directory @path, which must be there. */
struct sim_dir *at(struct fixture *f, const char *path);
/* Makes @path, with all that is missing above it, memory switched on everywhere. */
struct sim_dir *make(struct fixture *f, const char *path);
void unmake(struct fixture *f, const char *path);
/* @n events are counted in @path from begin to end. */
void happen(struct fixture *f, const char *path, enum event_kind kind, uint64_t n);

/* Switches the memory controller off in all below /t. */
void memory_off(struct fixture *f);
/* Off, and on again for /t; then 4 kills in /t/b. */
void memory_off_and_on(struct fixture *f);
/* /t/b is removed and made anew; then 9 kills in it. */
void remake_b(struct fixture *f);
/* /t/c is made, two of its processes are killed, and it is removed. */
void short_life_of_c(struct fixture *f);

int try_add(struct fixture *f, const char *path, bool fresh, struct account **ret);
struct account *add(struct fixture *f, const char *path);
void pass(struct fixture *f, struct account *top);
/* The second look, a slot later, and the pass that follows it. */
void resolve(struct fixture *f, struct account *top);
/* Passes and looks until nothing is left, through whatever faults come, and seals. */
void settle(struct fixture *f, struct account *top);

enum how {
	PLACED,
	REMOVED,
	UNPLACED,
};

/* Takes one report that must be among those told. */
void expect(struct fixture *f, const char *path, enum event_kind kind, uint64_t n, enum how how);
void expect_range(struct fixture *f, const char *path, uint64_t min, uint64_t max, enum how how);
/* Nothing else was told. */
void expect_none(struct fixture *f);
/* The ledger's balance is balanced, and says that @n events of @kind were counted. */
void expect_balance(struct fixture *f, enum event_kind kind, uint64_t n);
