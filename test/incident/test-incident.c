/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-incident [--machine] [--level LEVEL]... [--scene NAME] OOMNOTIFY
 *
 * Plays scenes below the own memory cgroup while `OOMNOTIFY watch --json` watches, and compares each
 * field of each line with what it knows to be true. A LEVEL (fentry, kprobe, tracepoint, kmsg, none) is
 * asked for with --source=, and has to work; without one, the program chooses, and `doctor` is asked
 * which one that is. --machine: nobody else is here, and the machine may run out of memory.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "play.h"
#include "scenes.h"

/* The kernel prints so many headers of ooms in so much time, and a kill without one has no cgroup. */
#define HEADERS 10
#define HEADERS_NS (UINT64_C(6) * NSEC_PER_SEC)

static struct play play;

/* When the last scene ended, CLOCK_MONOTONIC. */
static uint64_t ended_ns;

/* Of kernel messages: so that the headers that the last scene took do not count. */
static void wait_for_headers(void)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), till_ns = ended_ns + HEADERS_NS;
	struct timespec left = { 0 };

	if (stage.level != LEVEL_KMSG || !stage.machine || ended_ns == 0 || now_ns >= till_ns)
		return;
	left.tv_sec = (time_t)((till_ns - now_ns) / NSEC_PER_SEC + 1);
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static void judge(const struct scene *s, const struct watch_end *end,
		  const struct told_truth *truth)
{
	/*
	 * v1 counts nothing above a cgroup that is gone. Its kills can be told all the same, where each
	 * is named; its ooms cannot, if it was gone before it could be registered.
	 */
	bool may_be_unproven = !stage.scratch.v2 && strcmp(s->name, "removed") == 0;
	bool kills_proven = level_names() && !truth->maybe_named;
	size_t named;

	if (may_be_unproven && WIFEXITED(end->status) && WEXITSTATUS(end->status) == 4) {
		if (kills_proven && !end->kills_proven)
			die("kills are not proven:\n%s", play.watch.errors);
		printf("ok %s %s: unproven\n", level_name(stage.level), s->name);
		if (kills_proven)
			(void)told_same(&play.watch, truth);
		return;
	}
	if (!WIFEXITED(end->status) || WEXITSTATUS(end->status) != 0)
		die("watch ended with status %d:\n%s", WEXITSTATUS(end->status), play.watch.errors);
	if (!end->balanced)
		die("the ledger does not say that it is balanced:\n%s", play.watch.errors);
	/* Messages without their header have no place. */
	if (end->lost > 0 || (end->names_lost > 0 && !truth->maybe_named) || end->names_late > 0)
		die("something was lost or late:\n%s", play.watch.errors);
	named = told_same(&play.watch, truth);
	if (!end->has_identified || end->identified != named)
		die("the ledger should have %zu identified:\n%s", named, play.watch.errors);
	if (stage.machine && truth->maybe_named && named + end->names_lost != told_victims(truth))
		die("%zu named and %d lost of %zu:\n%s", named, (int)end->names_lost,
		    told_victims(truth), play.watch.errors);
	printf("ok %s %s: %zu of %zu kills named, %zu lines\n", level_name(stage.level), s->name,
	       named, told_victims(truth), play.watch.n);
}

static void run_scene(const struct scene *s)
{
	struct told_truth truth = { .ooms = play.ooms,
				    .actors = play.actors,
				    .actors_n = PLAY_MAX };
	struct watch_end end;

	wait_for_headers();
	memset(&play, 0, sizeof(play));
	s->play(&play);
	if (play.watching) {
		truth.n = play.n;
		/* Who else is here may have taken the headers. */
		truth.maybe_named =
			stage.level == LEVEL_KMSG && (!stage.machine || truth.n > HEADERS);
		if (level_names() && !truth.maybe_named)
			watching_until(&play.watch, "kill", told_victims(&truth));
		if (stage.scratch.v2)
			truth.kernel_ooms = counted("oom") - play.ooms_before;
		watching_end(&play.watch, &end);
		judge(s, &end, &truth);
		watching_free(&play.watch);
	} else {
		printf("skipped %s %s: %s\n", level_name(stage.level), s->name, play.skipped);
	}
	ended_ns = clock_ns(CLOCK_MONOTONIC);
	(void)fflush(stdout);
	scratch_close(&stage.scratch);
	scratch_open(&stage.scratch, NULL);
}

static void run_level(const struct play_args *args)
{
	for (const struct scene *s = scenes; s < scenes + scenes_n; s++) {
		if ((args->scene && strcmp(args->scene, s->name) != 0) ||
		    (s->only_v2 && !stage.scratch.v2) || (s->machine && !stage.machine))
			continue;
		run_scene(s);
	}
}

int main(int argc, char **argv)
{
	struct play_args args;

	skip_in_pid_namespace();
	play_parse(&args, argc, argv);
	play_levels(&args, run_level);
	return 0;
}
