/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Incidents: an oom and all that came of it, put together from what was seen in the kernel
 *
 *   sightings (BPF) ──> incident_sight() ──┐
 *   kills in kernel messages ──> incident_kmsg()  ──> reconcile ──> engine_tell()
 *   what sources count ──> engine_submit() ┘
 *
 * It numbers ooms, makes events of sightings, and lets reconcile.h bring them together with the
 * counts. The kernel works on one oom at a time, so there is one open incident at most.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/advances.h"
#include "core/balance.h"
#include "core/engine.h"
#include "core/kmsg_oom.h"
#include "core/victim.h"

struct incidents;

/* What can be seen here. */
enum incident_level {
	INCIDENT_NOTHING,
	INCIDENT_NAMES,   /* of some kills, as far as messages tell them */
	INCIDENT_VICTIMS, /* of every kill */
	INCIDENT_OOMS,    /* and of every oom that leads to one */
};

struct incident_calls {
	/* Reads what there is to be seen by now, and gives it to incident_sight(). May be NULL. */
	void (*drain)(void *ctx);
	/* Whether the cgroup at @s is gone, and its counters with it. May be NULL: not known of any. */
	bool (*gone)(void *ctx, const struct spot *s);
	/* Gets each thing seen before anything is made of it. May be NULL. */
	void (*seen)(void *ctx, const struct sighting *s);
	/*
	 * What became of the task of @s, whatever is watched; of incident @number. For those who want to
	 * know it of each process. May be NULL.
	 */
	void (*died)(void *ctx, const struct sighting *s, enum death how, uint64_t number);
	/* The same of a kill in the kernel's messages that were read at about @now_ns. May be NULL. */
	void (*printed)(void *ctx, const struct kmsg_kill *kill, uint64_t number, uint64_t now_ns);
	/* A death may have been missed. May be NULL. */
	void (*missed)(void *ctx);
	void *ctx;
};

/* Takes what is submitted to @en from here on. Returns one, or NULL without memory. */
struct incidents *incidents_new(struct engine *en, const struct incident_calls *calls);
/* What waits is dropped. Takes NULL; returns NULL. */
struct incidents *incidents_free(struct incidents *in);
void incidents_set_level(struct incidents *in, enum incident_level level);
enum incident_level incidents_level(const struct incidents *in);
/* Takes the next thing seen, in the kernel's order. */
void incident_sight(struct incidents *in, const struct sighting *s);
/* The same of a kill that the kernel's messages told at about @now_ns. */
void incident_kmsg(struct incidents *in, const struct kmsg_kill *kill, uint64_t now_ns);
/* @n names of victims more were lost, or have no place: kills may come without. */
void incidents_lost(struct incidents *in, uint64_t n);
/* Some record of an oom was lost. */
void incidents_lost_ooms(struct incidents *in);
/* Some record of who died along was lost. */
void incidents_lost_collaterals(struct incidents *in);
/* Tells what has waited for a name long enough. */
void incidents_run(struct incidents *in, uint64_t now_ns);
/* A watch was taken back from the engine: what no other covers is forgotten. */
void incidents_forget(struct incidents *in);
/* The counters are read a last time from @now_ns on: what happens later is told only if it is counted. */
void incidents_settling(struct incidents *in, uint64_t now_ns);
/* Tells all that waits. */
void incidents_flush(struct incidents *in);
/* When to call incidents_run(); UINT64_MAX: nothing waits. */
uint64_t incidents_deadline(const struct incidents *in);
/* Adds to @sum, which holds the sources' accounts, what only sightings prove. */
void incidents_balance(const struct incidents *in, struct balance *sum);
