/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-early [--machine] [--level LEVEL]... [--count N] OOMNOTIFY
 *
 * N (100) ooms, one after the other. Three note when they hear of each, on one clock: who reads the pipe
 * of `watch --json`; who waits for the cgroup's memory.events with inotify, as notifiers without
 * oomnotify do (v2); and the parent, who reaps the victim. With an oom's whole scope to be seen, at
 * least 95 of 100 have to be in the reader's hands before their victim has been reaped.
 *
 * A busy host lets a machine's processors run in turns, and what is late then is the host. How much of it
 * is, a twin of each oom tells: a process that signals one that waits, who writes to a pipe, whose reader
 * notes when; and which ends after as long as the victim lasted since its kill. Nothing with as many
 * processes could be sooner. What was late for the twin is not asked of the watch.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/flat_keyed.h"
#include "play.h"
#include "told_fields.h"
#include "watching.h"

#define MANY 1000

struct one {
	pid_t pid;
	uint64_t reaped_ns;
	uint64_t inotify_ns, oom_ns, kill_ns; /* 0: never */
	uint64_t first_ns;                    /* of the oom and the kill */
};

static struct one all[MANY];

/* The plain reader: waits for a change, and reads what it was. */
static struct {
	int inotify, file, end;
	uint64_t before; /* kills */
	pthread_t thread;
} plain;

static void *read_plainly(void *unused)
{
	struct pollfd p[] = {
		{ .fd = plain.inotify, .events = POLLIN },
		{ .fd = plain.end, .events = POLLIN },
	};
	char text[4096];
	uint64_t kills, before = plain.before, seen = 0;
	ssize_t n;

	for (;;) {
		(void)poll(p, 2, -1);
		if (p[1].revents)
			return unused;
		if (read(plain.inotify, text, sizeof(text)) < 0)
			return unused;
		n = pread(plain.file, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = '\0';
		if (flat_keyed_u64(text, "oom_kill", &kills) != 0)
			return unused;
		kills -= before;
		for (uint64_t now_ns = clock_ns(CLOCK_MONOTONIC); seen < kills && seen < MANY;
		     seen++)
			all[seen].inotify_ns = now_ns;
	}
}

static void start_plain_reader(void)
{
	const char *path = scratch_path(&stage.scratch, "e", "memory.events");

	plain.inotify = inotify_init1(IN_CLOEXEC);
	plain.file = open(path, O_RDONLY | O_CLOEXEC);
	plain.end = eventfd(0, EFD_CLOEXEC);
	plain.before = scratch_key(&stage.scratch, "e", "memory.events", "oom_kill");
	if (plain.file < 0 || inotify_add_watch(plain.inotify, path, IN_MODIFY) < 0 ||
	    pthread_create(&plain.thread, NULL, read_plainly, NULL) != 0)
		die("%s cannot be watched: %s", path, strerror(errno));
}

static void end_plain_reader(void)
{
	(void)eventfd_write(plain.end, 1);
	(void)pthread_join(plain.thread, NULL);
	(void)close(plain.inotify);
	(void)close(plain.file);
	(void)close(plain.end);
}

/* Who stands in for the watch, and the reader of its pipe. */
static struct {
	pid_t pid;
	int event, pipe;
} twin;

static noreturn void forward(int event, int to)
{
	eventfd_t value;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (eventfd_read(event, &value) == 0 && write(to, "\n", 1) == 1)
		;
	_exit(1);
}

static void start_twin(void)
{
	int fds[2];

	twin.event = eventfd(0, EFD_CLOEXEC);
	if (twin.event < 0 || pipe2(fds, O_CLOEXEC) < 0)
		die("eventfd: %s", strerror(errno));
	twin.pipe = fds[0];
	twin.pid = fork();
	if (twin.pid == 0)
		forward(twin.event, fds[1]);
	(void)close(fds[1]);
}

static void end_twin(void)
{
	(void)kill(twin.pid, SIGKILL);
	(void)waitpid(twin.pid, NULL, 0);
	(void)close(twin.event);
	(void)close(twin.pipe);
}

static void *read_twin(void *ret_ns)
{
	char c;

	if (read(twin.pipe, &c, 1) == 1)
		*(uint64_t *)ret_ns = clock_ns(CLOCK_MONOTONIC);
	return NULL;
}

/* Whether the twin's reader had its news before the one that @lasts_ns had been reaped. */
static bool twin_early(uint64_t lasts_ns)
{
	uint64_t reaped_ns, heard_ns = UINT64_MAX;
	pthread_t reader;
	pid_t pid;

	if (pthread_create(&reader, NULL, read_twin, &heard_ns) != 0)
		die("no thread could be started");
	pid = fork();
	if (pid == 0) {
		uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + lasts_ns;

		if (eventfd_write(twin.event, 1) < 0)
			_exit(1);
		while (clock_ns(CLOCK_MONOTONIC) < until_ns)
			;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		die("no twin could be started");
	reaped_ns = clock_ns(CLOCK_MONOTONIC);
	(void)pthread_join(reader, NULL);
	return heard_ns < reaped_ns;
}

/* Looks for the lines of @one, among those from @from on. Returns when its kill was, CLOCK_BOOTTIME. */
static uint64_t find_lines(struct watching *w, size_t from, struct one *one)
{
	int64_t incident = 0, killed_ns = 0;

	(void)pthread_mutex_lock(&w->lock);
	for (size_t i = from; i < w->n; i++) {
		json_t *line = json_loads(w->lines[i].text, 0, NULL);
		const json_t *victim = json_object_get(line, "victim");

		if (json_integer_value(json_object_get(victim, "pid")) == one->pid) {
			one->kill_ns = w->lines[i].arrived_ns;
			incident = json_integer_value(json_object_get(line, "incident"));
			killed_ns = json_integer_value(json_object_get(line, "boottime_ns"));
		}
		json_decref(line);
	}
	for (size_t i = from; i < w->n; i++) {
		json_t *line = json_loads(w->lines[i].text, 0, NULL);

		if (incident && json_integer_value(json_object_get(line, "incident")) == incident &&
		    strcmp(json_string_value(json_object_get(line, "kind")), "oom") == 0)
			one->oom_ns = w->lines[i].arrived_ns;
		json_decref(line);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return (uint64_t)killed_ns;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of what was heard at all: how many before the reap, and the median of how long before or after. */
static size_t print_early(const char *who, size_t offset, size_t n)
{
	int64_t lead[MANY];
	size_t early = 0, heard = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t when_ns;

		memcpy(&when_ns, (const char *)&all[i] + offset, sizeof(when_ns));
		if (when_ns == 0)
			continue;
		early += when_ns < all[i].reaped_ns;
		/* Shifted, so that the order of unsigned numbers is theirs. */
		lead[heard++] = (int64_t)(all[i].reaped_ns - when_ns) + INT64_MAX / 2;
	}
	qsort(lead, heard, sizeof(lead[0]), compare_u64);
	printf("%s: %s %zu of %zu before the reap", level_name(stage.level), who, early, n);
	if (heard > 0) {
		int64_t median_ns = lead[heard / 2] - INT64_MAX / 2;

		printf(", median %+.1f ms before it", (double)median_ns / 1e6);
	}
	printf("\n");
	return early;
}

#define ROUNDS 3

/* Returns whether that was early. */
static bool round_of(const struct watch_how *how, size_t n)
{
	uint64_t boot_ahead_ns = clock_ns(CLOCK_BOOTTIME) - clock_ns(CLOCK_MONOTONIC);
	size_t early, at_best = 0, from = 0;
	struct watching w;
	struct watch_end end;

	memset(all, 0, sizeof(all));
	watching_start(&w, how);
	start_twin();
	if (stage.scratch.v2)
		start_plain_reader();
	for (size_t i = 0; i < n; i++) {
		uint64_t killed_ns;

		all[i].pid = quick_kill("e", "eats", &all[i].reaped_ns);
		watching_until(&w, "kill", i + 1);
		killed_ns = find_lines(&w, from, &all[i]);
		from = w.n;
		all[i].first_ns = all[i].oom_ns && all[i].oom_ns < all[i].kill_ns ? all[i].oom_ns
										  : all[i].kill_ns;
		at_best += killed_ns && twin_early(all[i].reaped_ns + boot_ahead_ns - killed_ns);
	}
	if (stage.scratch.v2)
		end_plain_reader();
	end_twin();
	watching_end(&w, &end);
	early = print_early("watch:", offsetof(struct one, first_ns), n);
	(void)print_early("watch, the kill:", offsetof(struct one, kill_ns), n);
	if (stage.scratch.v2)
		(void)print_early("inotify:", offsetof(struct one, inotify_ns), n);
	printf("%s: at best %zu of %zu\n", level_name(stage.level), at_best, n);
	(void)fflush(stdout);
	if (!WIFEXITED(end.status) || WEXITSTATUS(end.status) != 0 || end.identified != n)
		die("watch ended with status %d:\n%s", WEXITSTATUS(end.status), w.errors);
	watching_free(&w);
	return 100 * (early + n - at_best) >= 95 * n;
}

/* Counts that vary by chance: so there are some rounds. */
static void run(const struct play_args *args)
{
	size_t n = args->count ? args->count : 100;
	struct watch_how how = { .program = stage.program, .source = stage.source };
	struct place top;
	bool early = false;

	if (n > MANY)
		die("at most %d", MANY);
	scratch_make(&stage.scratch, "e", false);
	scratch_limit(&stage.scratch, "e", LIMIT);
	place_of(&top, "");
	how.cgroup = top.path;
	for (int i = 0; i < ROUNDS && !early; i++)
		early = round_of(&how, n);
	if (level_scope() && stage.machine && !early)
		die("that is not early");
	scratch_remove(&stage.scratch, "e");
}

int main(int argc, char **argv)
{
	struct play_args args;

	play_parse(&args, argc, argv);
	play_levels(&args, run);
	return 0;
}
