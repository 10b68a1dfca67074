/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * oomhog: uses memory, in the ways that an OOM can meet it
 *
 * Each way is one function below. Whatever is to run over a limit is put into its cgroup first, by
 * the shell: sh -c 'echo $$ >DIR/cgroup.procs; exec oomhog eat 64M'.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tool.h"

#define CHUNK ((size_t)1 << 20) /* what madvfree has in use at a time */
#define HELD ((size_t)1 << 20)  /* what each of `forks` has before the first of them eats */
#define MANY 4096

static const char usage_text[] =
	"usage: oomhog eat SIZE                    touch SIZE of memory, then end\n"
	"       oomhog hold SIZE                   touch SIZE, print a line, keep it until a "
	"signal\n"
	"       oomhog madvfree SIZE [--seconds N] touch and MADV_FREE bit by bit, again and "
	"again:\n"
	"                                          hits a limit below SIZE, without any OOM\n"
	"       oomhog threads N SIZE              N threads of one process, each eats SIZE\n"
	"       oomhog forks N SIZE                N processes: each holds 1M until all do, then "
	"eats SIZE\n"
	"       oomhog vfork SIZE                  a child that shares its parent's memory eats "
	"SIZE\n";

static int usage(void)
{
	fputs(usage_text, stderr);
	return 2;
}

static int eat(char **args)
{
	size_t size = tool_size(args[0]);

	tool_touch(tool_map(size), size);
	return 0;
}

static int hold(char **args)
{
	eat(args);
	printf("held %s\n", args[0]);
	(void)fflush(stdout);
	return pause(); /* no signal is handled: it never returns */
}

/*
 * Pages given up with MADV_FREE stay charged until there is need for them, and reclaim takes them
 * without swap. So each chunk beyond the limit is a charge that fails at first (`max` in
 * memory.events, failcnt on v1), and always succeeds after reclaim.
 */
static void free_lazily(char *at, size_t size, uint64_t end_ns)
{
	for (size_t i = 0; i < size && clock_boottime_ns() < end_ns; i += CHUNK) {
		size_t n = size - i < CHUNK ? size - i : CHUNK;

		tool_touch(at + i, n);
		if (madvise(at + i, n, MADV_FREE) < 0)
			tool_die("MADV_FREE: %s", strerror(errno));
	}
}

static int madvfree(char **args)
{
	size_t size = tool_size(args[0]);
	uint64_t rounds = UINT64_MAX, end_ns = UINT64_MAX;
	char *at = tool_map(size);

	if (args[1] && !args[2])
		return usage();
	if (args[1] && strcmp(args[1], "--rounds") == 0)
		rounds = tool_number("--rounds", args[2], 1, UINT64_MAX);
	else if (args[1] && strcmp(args[1], "--seconds") == 0)
		end_ns = clock_boottime_ns() + tool_seconds_ns(args[2]);
	else if (args[1])
		return usage();
	for (uint64_t i = 0; i < rounds && clock_boottime_ns() < end_ns; i++)
		free_lazily(at, size, end_ns);
	return 0;
}

static void *thread_main(void *arg)
{
	eat(arg);
	return NULL;
}

static int threads(char **args)
{
	size_t n = tool_number("threads", args[0], 1, MANY);
	pthread_t *ids = calloc(n, sizeof(*ids));

	if (!ids)
		tool_die("out of memory");
	for (size_t i = 0; i < n; i++)
		if (pthread_create(&ids[i], NULL, thread_main, args + 1) != 0)
			tool_die("cannot start thread %zu", i);
	for (size_t i = 0; i < n; i++)
		pthread_join(ids[i], NULL);
	free(ids);
	return 0;
}

/* Tells that it holds its share, and waits until the parent has closed the gate. */
static _Noreturn void fork_main(char **args, int ready_fd, int gate_fd)
{
	char byte = 0;

	tool_touch(tool_map(HELD), HELD);
	if (write(ready_fd, &byte, 1) != 1 || read(gate_fd, &byte, 1) != 0)
		tool_die("the parent has gone");
	exit(eat(args));
}

/* Children that were killed, of all that there are. */
static unsigned reap_all(void)
{
	unsigned killed = 0;
	int status;

	while (wait(&status) > 0)
		killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	return killed;
}

static int forks(char **args)
{
	unsigned n = (unsigned)tool_number("forks", args[0], 1, MANY);
	int ready[2], gate[2];
	unsigned killed;
	char byte;

	if (pipe(ready) < 0 || pipe(gate) < 0)
		tool_die("pipe: %s", strerror(errno));
	for (unsigned i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			tool_die("fork: %s", strerror(errno));
		if (pid == 0) {
			close(gate[1]);
			fork_main(args + 1, ready[1], gate[0]);
		}
	}
	close(ready[1]); /* so that children that died early end the wait as well */
	for (unsigned i = 0; i < n && read(ready[0], &byte, 1) == 1; i++)
		;
	close(gate[1]);
	killed = reap_all();
	printf("forks: killed=%u ended=%u\n", killed, n - killed);
	return 0;
}

struct share {
	char *at;
	size_t size;
};

static int share_main(void *arg)
{
	const struct share *s = arg;

	tool_touch(s->at, s->size);
	return 0;
}

/*
 * What vfork() does, with a stack of its own: until the child ends, both run on one mm. The kernel
 * counts one victim and kills two processes.
 */
static int share(char **args)
{
	static _Alignas(16) char stack[1 << 16];
	struct share s = { .size = tool_size(args[0]) };

	s.at = tool_map(s.size);
	if (clone(share_main, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &s) < 0)
		tool_die("clone: %s", strerror(errno));
	return reap_all() > 0;
}

static const struct way {
	const char *name;
	int args_min;
	int args_max;
	int (*run)(char **args);
} ways[] = {
	{ "eat", 1, 1, eat },         { "hold", 1, 1, hold },   { "madvfree", 1, 3, madvfree },
	{ "threads", 2, 2, threads }, { "forks", 2, 2, forks }, { "vfork", 1, 1, share },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(argv[1], ways[i].name) == 0 && argc - 2 >= ways[i].args_min &&
		    argc - 2 <= ways[i].args_max)
			return ways[i].run(argv + 2);
	return usage();
}
