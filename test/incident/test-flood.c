/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-flood [--level LEVEL]... [--count N] OOMNOTIFY
 *
 * A watch with a ring of 64 KiB that is held up (SIGSTOP) while N (1,000) processes are killed. Some names
 * find no room then. Those told with a name and those lost have to make up all, and the ledger balances.
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "play.h"
#include "told_fields.h"
#include "watching.h"

/* The least that has to fit: of the longest records. */
#define FIT 8

struct flood {
	pid_t *pids;
	bool *told;
	size_t n, named;
	uint64_t unnamed;
};

static void take_kill(struct flood *f, const json_t *line)
{
	const json_t *victim = json_object_get(line, "victim");
	int64_t pid, count;

	(void)field_int(line, "count", MUST, &count);
	if (json_object_get(line, "count_max"))
		wrong("how many there were is known");
	if (json_is_null(victim)) {
		f->unnamed += (uint64_t)count;
		return;
	}
	value_is("count", (uint64_t)count, 1);
	(void)field_int(victim, "pid", MUST, &pid);
	for (size_t i = 0; i < f->n; i++)
		if (f->pids[i] == pid) {
			if (f->told[i])
				wrong("it has been told already");
			f->told[i] = true;
			f->named++;
			return;
		}
	wrong("a kill of nobody");
}

static void take_lines(struct flood *f, const struct watching *w)
{
	for (size_t i = 0; i < w->n; i++) {
		json_t *line = json_loads(w->lines[i].text, 0, NULL);
		const char *kind = json_string_value(json_object_get(line, "kind"));

		complain_about(w->lines[i].text);
		if (kind && strcmp(kind, "kill") == 0)
			take_kill(f, line);
		json_decref(line);
	}
	complain_about(NULL);
}

/* Returns when it stands still. */
static void hold_up(const struct watching *w)
{
	int status;

	if (kill(w->pid, SIGSTOP) < 0 || waitpid(w->pid, &status, WUNTRACED) != w->pid ||
	    !WIFSTOPPED(status))
		die("the watch could not be held up");
}

static void run(const struct play_args *args)
{
	struct watch_how how = { .program = stage.program, .source = stage.source, .ring = "64K" };
	struct flood f = { .n = args->count ? args->count : 1000 };
	struct watching w;
	struct watch_end end;
	struct place top;
	uint64_t when_ns;

	f.pids = calloc(f.n, sizeof(*f.pids));
	f.told = calloc(f.n, sizeof(*f.told));
	if (!f.pids || !f.told)
		die("out of memory");
	scratch_make(&stage.scratch, "f", false);
	scratch_limit(&stage.scratch, "f", 2 * MIB);
	place_of(&top, "");
	how.cgroup = top.path;
	watching_start(&w, &how);
	hold_up(&w);
	for (size_t i = 0; i < f.n; i++)
		f.pids[i] = quick_kill("f", "eats", &when_ns);
	(void)kill(w.pid, SIGCONT);
	watching_end(&w, &end);
	take_lines(&f, &w);
	printf("%s: of %zu kills %zu named, %d without a name, %d lost in a full ring\n",
	       level_name(stage.level), f.n, f.named, (int)f.unnamed, (int)end.names_lost);
	(void)fflush(stdout);
	if (!WIFEXITED(end.status) || WEXITSTATUS(end.status) != 0 || !end.balanced)
		die("watch ended with status %d:\n%s", WEXITSTATUS(end.status), w.errors);
	if (f.named < FIT || end.names_lost == 0 || end.names_lost >= f.n)
		die("nothing was lost, or all:\n%s", w.errors);
	if (f.named + end.names_lost != f.n || f.named + f.unnamed != f.n ||
	    end.identified != f.named)
		die("that does not add up:\n%s", w.errors);
	watching_free(&w);
	free(f.pids);
	free(f.told);
	scratch_remove(&stage.scratch, "f");
}

int main(int argc, char **argv)
{
	struct play_args args;

	play_parse(&args, argc, argv);
	play_levels(&args, run);
	return 0;
}
