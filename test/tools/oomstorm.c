/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * oomstorm: many OOM kills in cgroups that are gone a moment later
 *
 * A round is: make a cgroup with a limit, let a process in it run over the limit, reap it, remove the
 * cgroup at once. That is what a container runtime does to short-lived containers, and where a
 * notifier that looks at each cgroup's own counters loses most. Rounds are shared out among `makers`,
 * processes of their own; what came of them is counted in memory that all of them share.
 */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tool.h"

#define MANY 1000000
#define MAKERS_MAX 1000
#define DEFAULT_LIMIT ((size_t)2 << 20)

static const char usage_text[] =
	"usage: oomstorm --v2|--v1 DIR --count N [OPTION]...\n"
	"  --depth D      each made cgroup is D levels deep; the process is in the lowest (1)\n"
	"  --makers M     processes that share the N rounds (1)\n"
	"  --limit SIZE   of the lowest level (2M)\n"
	"  --keep         do not remove the cgroups\n"
	"  --linger MS    wait that long before removing them\n"
	"  --group G      v2: memory.oom.group, and G sleeping members that die as well\n"
	"  --rate R       at most R rounds a second\n"
	"  --top-dies     the cgroup is DIR/top each time, and only eats after a byte on stdin;\n"
	"                 'top PATH' is printed when it is there\n"
	"  --pool K       in random ones of K cgroups made before; 'kill PATH' is printed for "
	"each\n"
	"  --existing     in random ones of the leaves that are below DIR; printed likewise\n"
	"  --seed S       for --pool and --existing\n"
	"Ends with 'storm: kills=N made=CGROUPS failed=ROUNDS seconds=S', and status 1 unless each "
	"round\n"
	"killed what it should.\n";

static void set_flag(struct storm *s, int c, bool *v2)
{
	switch (c) {
	case '1':
		s->v1 = true;
		break;
	case '2':
		*v2 = true;
		break;
	case 'k':
		s->keep = true;
		break;
	case 't':
		s->top_dies = true;
		break;
	case 'e':
		s->existing = true;
		break;
	default:
		fputs(usage_text, stderr);
		exit(2);
	}
}

static void parse(struct storm *s, int argc, char **argv)
{
	static const struct option options[] = {
		{ "v1", no_argument, NULL, '1' },
		{ "v2", no_argument, NULL, '2' },
		{ "count", required_argument, NULL, 'n' },
		{ "depth", required_argument, NULL, 'd' },
		{ "makers", required_argument, NULL, 'm' },
		{ "limit", required_argument, NULL, 'l' },
		{ "keep", no_argument, NULL, 'k' },
		{ "linger", required_argument, NULL, 'L' },
		{ "group", required_argument, NULL, 'g' },
		{ "rate", required_argument, NULL, 'r' },
		{ "top-dies", no_argument, NULL, 't' },
		{ "pool", required_argument, NULL, 'p' },
		{ "existing", no_argument, NULL, 'e' },
		{ "seed", required_argument, NULL, 's' },
		{ 0 },
	};
	bool v2 = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (c == 'n')
			s->count = (unsigned)tool_number("--count", optarg, 1, MANY);
		else if (c == 'd')
			s->depth = (unsigned)tool_number("--depth", optarg, 1, DEPTH_MAX);
		else if (c == 'm')
			s->makers = (unsigned)tool_number("--makers", optarg, 1, MAKERS_MAX);
		else if (c == 'l')
			s->limit = tool_size(optarg);
		else if (c == 'L')
			s->linger_ns = tool_number("--linger", optarg, 0, MANY) * NSEC_PER_MSEC;
		else if (c == 'g')
			s->group = (unsigned)tool_number("--group", optarg, 1, GROUP_MAX);
		else if (c == 'r')
			s->rate = (unsigned)tool_number("--rate", optarg, 1, MANY);
		else if (c == 'p')
			s->pool = (unsigned)tool_number("--pool", optarg, 1, MANY);
		else if (c == 's')
			s->seed = tool_number("--seed", optarg, 0, UINT64_MAX);
		else
			set_flag(s, c, &v2);
	if (optind != argc - 1 || s->count == 0 || s->v1 == v2 || (s->v1 && s->group) ||
	    s->top_dies + s->existing + (s->pool > 0) > 1 || (s->top_dies && s->makers > 1)) {
		fputs(usage_text, stderr);
		exit(2);
	}
	s->dir = argv[optind];
}

static void prepare(struct storm *s)
{
	int r;

	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		tool_die("%s: %s", s->dir, strerror(errno));
	r = s->v1 ? 0 : tool_enable_memory(s->dir_fd);
	if (r < 0)
		tool_die("%s: cannot enable memory: %s", s->dir, strerror(-r));
	s->tally = mmap(NULL, sizeof(*s->tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (s->tally == MAP_FAILED)
		tool_die("mmap: %s", strerror(errno));
	if (s->pool > 0)
		cells_make(s);
	else if (s->existing)
		cells_find(s);
	/* Two makers never share a cell, whose limit each of them sets and takes off. */
	if (s->cells && s->cells_n < s->makers)
		tool_die("more makers than cgroups");
}

static void sleep_until(uint64_t ns)
{
	const struct timespec ts = { (time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC) };

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* A round in one of the cells that this maker has, of which it removes none. */
static int round_in_cell(const struct storm *s, unsigned maker, unsigned short *random)
{
	size_t mine = (s->cells_n - maker + s->makers - 1) / s->makers;
	const char *path = s->cells[maker + s->makers * ((size_t)nrand48(random) % mine)];

	if (cell_limit(s, path, true) < 0 || storm_kill(s, path) < 0 ||
	    cell_limit(s, path, false) < 0)
		return -1;
	printf("kill %s/%s\n", s->dir, path);
	(void)fflush(stdout);
	return 0;
}

/* A round in a cgroup of its own. */
static int round_in_new(const struct storm *s, const char *name)
{
	char path[CELL_PATH_MAX];
	char byte;
	int r;

	cell_path(s, name, path);
	if (cell_make(s, path) < 0 || cell_limit(s, path, true) < 0)
		return -1;
	if (s->top_dies) {
		printf("top %s/%s\n", s->dir, name);
		(void)fflush(stdout);
		if (read(STDIN_FILENO, &byte, 1) != 1)
			tool_die("standard input has ended");
	}
	r = storm_kill(s, path);
	if (s->linger_ns > 0)
		sleep_until(clock_boottime_ns() + s->linger_ns);
	if (!s->keep)
		r |= cell_remove(s, path);
	return r;
}

/* Rounds are dealt out in turn: maker m has m, m + makers, … */
static void maker_main(const struct storm *s, unsigned maker)
{
	uint64_t seed = s->seed + maker;
	unsigned short random[3] = { (unsigned short)seed, (unsigned short)(seed >> 16),
				     (unsigned short)(seed >> 32) };
	char name[32];
	int r;

	for (unsigned i = maker; i < s->count; i += s->makers) {
		if (s->rate > 0)
			sleep_until(s->start_ns + i * NSEC_PER_SEC / s->rate);
		(void)snprintf(name, sizeof(name), "s%u", i);
		r = s->cells ? round_in_cell(s, maker, random)
			     : round_in_new(s, s->top_dies ? "top" : name);
		if (r < 0)
			s->tally->failed++;
	}
}

static void run_makers(struct storm *s)
{
	s->start_ns = clock_boottime_ns();
	if (s->makers == 1) {
		maker_main(s, 0);
		return;
	}
	for (unsigned m = 0; m < s->makers; m++) {
		pid_t pid = fork();

		if (pid < 0)
			tool_die("fork: %s", strerror(errno));
		if (pid == 0) {
			maker_main(s, m);
			exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	struct storm s = {
		.depth = 1,
		.makers = 1,
		.limit = DEFAULT_LIMIT,
		.seed = clock_boottime_ns(),
	};
	unsigned kills, failed;
	double seconds;

	parse(&s, argc, argv);
	prepare(&s);
	run_makers(&s);
	seconds = (double)(clock_boottime_ns() - s.start_ns) / (double)NSEC_PER_SEC;
	for (size_t i = 0; s.pool > 0 && !s.keep && i < s.cells_n; i++)
		if (cell_remove(&s, s.cells[i]) < 0)
			s.tally->failed++;
	kills = s.tally->kills;
	failed = s.tally->failed;
	printf("storm: kills=%u made=%u failed=%u seconds=%.3f\n", kills, s.tally->made, failed,
	       seconds);
	return kills != s.count * (s.group + 1) || failed > 0;
}
