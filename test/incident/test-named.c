/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-named [--level LEVEL]... [--count N] OOMNOTIFY
 *
 * N (500) short-lived cgroups: each has a process killed in it and is removed as soon as that has been
 * reaped. Each kill has to be told with its pid, its name, and the path and number of its dead cgroup
 * and of its limit, and within the time that a kill waits for its name. The ledger of kills has to
 * balance, on v1 too, where no cgroup above counts the kills of one that is gone.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "play.h"
#include "told_fields.h"
#include "watching.h"

struct dead {
	pid_t pid;
	char comm[16];
	struct place place;
	bool told;
};

static struct dead *make_dead(size_t n)
{
	struct dead *all = calloc(n, sizeof(*all));
	uint64_t when_ns;
	char path[32];

	if (!all)
		die("out of memory");
	for (size_t i = 0; i < n; i++) {
		struct dead *d = &all[i];

		(void)snprintf(path, sizeof(path), "short-%zu", i);
		(void)snprintf(d->comm, sizeof(d->comm), "eats-%zu", i);
		scratch_make(&stage.scratch, path, false);
		scratch_limit(&stage.scratch, path, 2 * MIB);
		place_of(&d->place, path);
		d->pid = quick_kill(path, d->comm, &when_ns);
		scratch_remove(&stage.scratch, path);
	}
	return all;
}

static void same_dead(const json_t *line, struct dead *d)
{
	const json_t *victim = json_object_get(line, "victim"), *limit;

	if (d->told)
		wrong("it has been told already");
	d->told = true;
	field_is_name(victim, "comm", MUST, d->comm);
	field_is_name(line, "cgroup", MUST, d->place.path);
	field_is_name(victim, "cgroup", MUST, d->place.path);
	if (level_bpf()) {
		field_is(line, "cgroup_id", MUST, (int64_t)d->place.id);
		field_is(victim, "cgroup_id", MUST, (int64_t)d->place.id);
	}
	(void)field_there(line, "limit", level_scope() ? MUST : MAY);
	limit = json_object_get(line, "limit");
	if (!level_scope())
		return;
	field_is_name(limit, "cgroup", MUST, d->place.path);
	field_is(limit, "cgroup_id", MUST, (int64_t)d->place.id);
	field_is(limit, "bytes", MUST, 2 * MIB);
}

static size_t told(const struct watching *w, struct dead *all, size_t n)
{
	size_t told = 0;

	for (size_t i = 0; i < w->n; i++) {
		json_t *line = json_loads(w->lines[i].text, 0, NULL);
		const char *kind = json_string_value(json_object_get(line, "kind"));
		int64_t pid;
		size_t d = 0;

		complain_about(w->lines[i].text);
		if (!kind)
			wrong("this is no event");
		if (strcmp(kind, "kill") == 0) {
			if (!json_is_object(json_object_get(line, "victim")))
				wrong("a kill without a name");
			(void)field_int(json_object_get(line, "victim"), "pid", MUST, &pid);
			while (d < n && all[d].pid != pid)
				d++;
			if (d == n)
				wrong("a kill of nobody");
			same_dead(line, &all[d]);
			told++;
		}
		json_decref(line);
	}
	complain_about(NULL);
	return told;
}

static void run(const struct play_args *args)
{
	size_t n = args->count ? args->count : 500, named;
	struct watch_how how = { .program = stage.program,
				 .source = stage.source,
				 .kinds = "kill" };
	struct watching w;
	struct watch_end end;
	struct place top;
	struct dead *all;

	place_of(&top, "");
	how.cgroup = top.path;
	watching_start(&w, &how);
	all = make_dead(n);
	watching_until(&w, "kill", n);
	watching_end(&w, &end);
	named = told(&w, all, n);
	printf("%s: %zu of %zu named, %d of them late\n", level_name(stage.level), named, n,
	       (int)end.names_late);
	(void)fflush(stdout);
	if (!WIFEXITED(end.status) || WEXITSTATUS(end.status) != 0 || !end.balanced)
		die("watch ended with status %d:\n%s", WEXITSTATUS(end.status), w.errors);
	if (named != n || end.identified != n || end.names_late > 0 || end.names_lost > 0 ||
	    end.lost > 0)
		die("that is not all, or not what the ledger says:\n%s", w.errors);
	watching_free(&w);
	free(all);
}

int main(int argc, char **argv)
{
	struct play_args args;

	play_parse(&args, argc, argv);
	play_levels(&args, run);
	return 0;
}
