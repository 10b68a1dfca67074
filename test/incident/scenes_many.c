/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scenes of more than one oom, and of the whole machine's. */
#include "scenes.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"

#define SHORT 20

/* Each cgroup is gone as soon as its process has been reaped. */
void scene_removed(struct play *p)
{
	char path[32];

	play_watch(p, false);
	for (int i = 0; i < SHORT; i++) {
		(void)snprintf(path, sizeof(path), "short-%d", i);
		play_cgroup(path, LIMIT / 4);
		actor_start(&p->actors[i], path, NULL, act_overrun);
		play_oom(p, path, &p->actors[i], &p->actors[i]);
		p->ooms[i].removed = true;
		scratch_remove(&stage.scratch, path);
	}
}

/* For the actor that is started next. */
static int cpu;

static void act_on_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		_exit(1);
	act_overrun();
}

static void start_all(struct play *p, int count, hog_act act)
{
	char path[32];

	for (int i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "many-%d", i);
		cpu = i;
		actor_start(&p->actors[i], path, NULL, act);
	}
	for (int i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "many-%d", i);
		oom_begin(&p->ooms[i], path, &p->actors[i], &p->actors[i]);
	}
	p->n = (size_t)count;
}

static void end_all(struct play *p)
{
	for (size_t i = 0; i < p->n; i++)
		actor_go(&p->actors[i]);
	for (size_t i = 0; i < p->n; i++)
		actor_killed(&p->actors[i]);
	for (size_t i = 0; i < p->n; i++)
		oom_end(&p->ooms[i]);
}

void scene_two_at_once(struct play *p)
{
	play_cgroup("many-0", LIMIT);
	play_cgroup("many-1", LIMIT);
	play_watch(p, false);
	start_all(p, 2, act_on_cpu);
	end_all(p);
}

#define FIFTY 50

/* All that is left of each is to touch a MiB. */
void scene_fifty(struct play *p)
{
	char path[32];
	uint64_t ns;

	for (int i = 0; i < FIFTY; i++) {
		(void)snprintf(path, sizeof(path), "many-%d", i);
		play_cgroup(path, MIB);
	}
	play_watch(p, false);
	start_all(p, FIFTY, act_overrun);
	for (int i = 0; i < FIFTY; i++)
		p->ooms[i].queued = true;
	ns = clock_ns(CLOCK_MONOTONIC);
	end_all(p);
	ns = clock_ns(CLOCK_MONOTONIC) - ns;
	printf("# %d kills in %.3f s\n", FIFTY, (double)ns / (double)NSEC_PER_SEC);
}

/* It is killed, whoever asks last. */
static void act_all_memory(void)
{
	size_t total = memory_total();
	char *p = take_pages(total, MAP_PRIVATE | MAP_NORESERVE);

	(void)prctl(PR_SET_NAME, "takes all");
	if (!set_adj("1000"))
		_exit(1);
	stand();
	touch_pages(p, total);
}

static void play_global(struct play *p, bool whole)
{
	struct actor *a = p->actors;

	scratch_make(&stage.scratch, "a", false);
	play_watch(p, whole);
	actor_start(a, "a", NULL, act_all_memory);
	play_oom(p, NULL, a, a);
	p->ooms[0].trigger = NULL;
	p->ooms[0].whole = whole;
}

void scene_global(struct play *p)
{
	play_global(p, true);
}

void scene_global_inside(struct play *p)
{
	play_global(p, false);
}
