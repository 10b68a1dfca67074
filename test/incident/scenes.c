/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scenes.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void play_watch(struct play *p, bool whole)
{
	struct watch_how how = { .program = stage.program, .source = stage.source };
	struct place top;

	place_of(&top, "");
	if (!whole)
		how.cgroup = top.path;
	p->ooms_before = stage.scratch.v2 ? counted("oom") : 0;
	watching_start(&p->watch, &how);
	p->watching = true;
}

void play_cgroup(const char *path, size_t limit)
{
	scratch_make(&stage.scratch, path, false);
	scratch_limit(&stage.scratch, path, limit);
}

void play_oom(struct play *p, const char *limit, struct actor *trigger, struct actor *victim)
{
	struct oom_truth *o = &p->ooms[p->n++];

	oom_begin(o, limit, trigger, victim);
	actor_go(trigger);
	actor_killed(victim);
	oom_end(o);
}

/* Three times the same, in one cgroup. */
static void scene_simple(struct play *p)
{
	play_cgroup("s", LIMIT);
	play_watch(p, false);
	for (struct actor *a = p->actors; a < p->actors + 3; a++) {
		actor_start(a, "s", NULL, act_overrun);
		play_oom(p, "s", a, a);
	}
}

/* A process in @victim stands still, and one in @asker runs over @limit's limit and stays. */
static void play_held(struct play *p, const char *limit, const char *victim, const char *asker)
{
	struct actor *v = &p->actors[0], *a = &p->actors[1];

	play_watch(p, false);
	actor_start(v, victim, NULL, act_hold);
	v->still = true;
	actor_start(a, asker, NULL, act_ask);
	play_oom(p, limit, a, v);
	actor_end(a);
}

static void scene_one_cgroup(struct play *p)
{
	play_cgroup("o", LIMIT);
	play_held(p, "o", "o", "o");
}

static void scene_parent(struct play *p)
{
	scratch_make(&stage.scratch, "p", true);
	scratch_limit(&stage.scratch, "p", LIMIT);
	scratch_make(&stage.scratch, "p/a", false);
	scratch_make(&stage.scratch, "p/v", false);
	play_held(p, "p", "p/v", "p/a");
}

static void scene_grandparent(struct play *p)
{
	scratch_make(&stage.scratch, "g", true);
	scratch_limit(&stage.scratch, "g", LIMIT);
	for (const char *const *path = (const char *const[]){ "g/x", "g/y", NULL }; *path; path++)
		scratch_make(&stage.scratch, *path, true);
	scratch_make(&stage.scratch, "g/x/v", false);
	scratch_make(&stage.scratch, "g/y/a", false);
	play_held(p, "g", "g/x/v", "g/y/a");
}

static void scene_group(struct play *p)
{
	struct actor *a = p->actors;
	struct oom_truth *o = &p->ooms[0];

	play_cgroup("m", LIMIT);
	if (scratch_write(&stage.scratch, "m", "memory.oom.group", "1") < 0) {
		p->skipped = "no group kills";
		return;
	}
	play_watch(p, false);
	for (size_t i = 0; i < 5; i++) {
		actor_start(&a[i], "m", NULL, i == 0 ? act_overrun : act_rest);
		a[i].still = i > 0;
	}
	oom_begin(o, "m", &a[0], &a[0]);
	o->group = true;
	for (size_t i = 1; i < 5; i++)
		oom_add_victim(o, &a[i]);
	actor_go(&a[0]);
	for (size_t i = 0; i < 5; i++)
		actor_killed(&a[i]);
	oom_end(o);
	p->n = 1;
}

#define THREADS 8

static pthread_barrier_t all_there;

static void *thread_waits(void *unused)
{
	(void)pthread_barrier_wait(&all_there);
	(void)pause();
	return unused;
}

static void *thread_overruns(void *memory)
{
	(void)pthread_barrier_wait(&all_there);
	stand();
	touch_pages(memory, 2 * LIMIT);
	_exit(0);
}

static void act_threads(void)
{
	char *memory = take_pages(2 * LIMIT, MAP_PRIVATE);
	pthread_t thread;

	(void)prctl(PR_SET_NAME, "threads");
	(void)pthread_barrier_init(&all_there, NULL, THREADS + 1);
	for (int i = 0; i <= THREADS; i++)
		if (pthread_create(&thread, NULL, i < THREADS ? thread_waits : thread_overruns,
				   memory) != 0)
			_exit(1);
	for (;;)
		(void)pause();
}

static void scene_threads(struct play *p)
{
	struct actor *a = p->actors;

	play_cgroup("t", LIMIT);
	play_watch(p, false);
	actor_start(a, "t", NULL, act_threads);
	a->shares = true;
	a->tid = a->stood_tid;
	play_oom(p, "t", a, a);
}

static void act_namespaces(void)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID | CLONE_NEWCGROUP) < 0)
		_exit(1);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		act_overrun();
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
}

static void scene_namespaces(struct play *p)
{
	struct actor *a = p->actors;
	struct oom_truth *o = &p->ooms[p->n++];
	char c;

	play_cgroup("n", LIMIT);
	play_watch(p, false);
	actor_start(a, "n", NULL, act_namespaces);
	if (a->t.ns_pid != 1)
		die("the first process of a pid namespace has number %u", a->t.ns_pid);
	oom_begin(o, "n", a, a);
	actor_go(a);
	if (read(a->hog.go, &c, 1) != 1)
		die("the victim's parent died too");
	oom_end(o);
	actor_end(a);
}

static void act_neighbour(void)
{
	char *p = take_pages(10 * MIB, MAP_PRIVATE);

	(void)prctl(PR_SET_NAME, "neighbour");
	if (!set_adj("-1000"))
		_exit(1);
	touch_pages(p, 10 * MIB);
	stand();
}

static void act_small(void)
{
	char *p = take_pages(2 * LIMIT, MAP_PRIVATE);

	(void)prctl(PR_SET_NAME, "small");
	stand();
	touch_pages(p, 2 * LIMIT);
}

/* The larger one is spared. */
static void scene_spared(struct play *p)
{
	struct actor *a = p->actors, *neighbour = a + 1;

	if (!set_adj("-1000")) {
		p->skipped = "no right to spare a process (CAP_SYS_RESOURCE)";
		return;
	}
	(void)set_adj("0");
	play_cgroup("i", LIMIT);
	play_watch(p, false);
	actor_start(neighbour, "i", NULL, act_neighbour);
	actor_start(a, "i", NULL, act_small);
	play_oom(p, "i", a, a);
	if (waitpid(neighbour->hog.pid, NULL, WNOHANG) != 0)
		die("the neighbour was not spared");
	actor_end(neighbour);
}

static int overruns_shared(void *memory)
{
	stand();
	touch_pages(memory, 2 * LIMIT);
	return 0;
}

static void act_vfork(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	char *memory = take_pages(2 * LIMIT, MAP_PRIVATE);

	(void)prctl(PR_SET_NAME, "shares");
	if (clone(overruns_shared, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
		  memory) < 0)
		_exit(1);
}

/* Parent and child have one memory: which of them is the victim is the kernel's choice. */
static void scene_vfork(struct play *p)
{
	struct actor *child = &p->actors[0], *parent = &p->actors[1];
	struct oom_truth *o = &p->ooms[0];

	play_cgroup("v", LIMIT);
	play_watch(p, false);
	actor_start(child, "v", NULL, act_vfork);
	child->shares = true;
	*parent = *child;
	truth_read(&parent->t, child->hog.pid);
	parent->tid = (uint32_t)parent->t.pid;
	play_oom(p, "v", child, child);
	if (!level_names())
		return;
	watching_until(&p->watch, "kill", 1);
	for (size_t i = 0; i < p->watch.n; i++)
		if (told_kill_of(p->watch.lines[i].text, parent->t.pid))
			o->victims[0] = parent;
	o->collateral = o->victims[0] == parent ? child : parent;
}

/* A limit on swap, or on v1 on memory and swap together: there below, and where memory's is. */
static void scene_swap_limit(struct play *p)
{
	const char *file = stage.scratch.v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes";
	const char *const limits[] = { "20971520", stage.scratch.v2 ? "0" : "16777216" };
	char path[] = "w0";

	for (int i = 0; i < 2; i++) {
		path[1] = (char)('0' + i);
		play_cgroup(path, LIMIT);
		if (scratch_write(&stage.scratch, path, file, limits[i]) < 0) {
			p->skipped = "no limits of swap";
			return;
		}
	}
	play_watch(p, false);
	for (int i = 0; i < 2; i++) {
		path[1] = (char)('0' + i);
		actor_start(&p->actors[i], path, NULL, act_overrun);
		play_oom(p, path, &p->actors[i], &p->actors[i]);
	}
}

/* A threaded cgroup has no memory of its own: that is the next one's above. */
static void scene_threaded(struct play *p)
{
	play_cgroup("d", LIMIT);
	scratch_make(&stage.scratch, "d/t", false);
	if (scratch_write(&stage.scratch, "d/t", "cgroup.type", "threaded") < 0) {
		p->skipped = "no threaded cgroups";
		return;
	}
	play_watch(p, false);
	actor_start(p->actors, "d/t", "d", act_overrun);
	play_oom(p, "d", p->actors, p->actors);
}

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define POD "kubepods-burstable-pod0a1b2c3d_4e5f_6789_abcd_ef0123456789.slice"

static void scene_identity(struct play *p)
{
	static const char *const paths[] = {
		"docker-" CONTAINER ".scope",
		POD "/cri-containerd-" CONTAINER ".scope",
	};
	static const char *const identities[] = {
		"{\"runtime\":\"docker\",\"container\":\"" CONTAINER "\"}",
		"{\"runtime\":\"containerd\",\"container\":\"" CONTAINER "\",\"pod\":"
		"\"0a1b2c3d-4e5f-6789-abcd-ef0123456789\",\"qos\":\"Burstable\"}",
	};

	scratch_make(&stage.scratch, POD, true);
	for (int i = 0; i < 2; i++)
		play_cgroup(paths[i], LIMIT);
	play_watch(p, false);
	for (int i = 0; i < 2; i++) {
		actor_start(&p->actors[i], paths[i], NULL, act_overrun);
		play_oom(p, paths[i], &p->actors[i], &p->actors[i]);
		p->ooms[i].identity = identities[i];
	}
}

const struct scene scenes[] = {
	{ "simple", scene_simple, false, false },
	{ "one-cgroup", scene_one_cgroup, false, false },
	{ "parent", scene_parent, false, false },
	{ "grandparent", scene_grandparent, false, false },
	{ "group", scene_group, true, false },
	{ "threads", scene_threads, false, false },
	{ "namespaces", scene_namespaces, false, false },
	{ "spared", scene_spared, false, false },
	{ "removed", scene_removed, false, false },
	{ "swap-limit", scene_swap_limit, false, false },
	{ "two-at-once", scene_two_at_once, false, false },
	{ "vfork", scene_vfork, false, false },
	{ "threaded", scene_threaded, true, false },
	{ "fifty", scene_fifty, false, false },
	{ "identity", scene_identity, false, false },
	{ "global", scene_global, false, true },
	{ "global-inside", scene_global_inside, false, true },
};
const size_t scenes_n = sizeof(scenes) / sizeof(scenes[0]);
