/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What details tell of real processes in a real cgroup, compared with what the test knows
 *
 * Below the limit cgroup `pod` lie two others, with six processes that have touched 1 to 6 MiB. One
 * process more, with a command line that is known, is described as if it were the victim.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/details.h"
#include "scratch.h"

#define MIB ((size_t)1 << 20)
#define LIMIT (48 * MIB)
#define HOGS 6
#define SLACK                                                                                      \
	(4 * MIB) /* of a process that has touched nothing yet, and of figures that lag behind */
#define PATIENCE_MS 20000
#define IN_TIME_NS (10 * NSEC_PER_SEC) /* so that a busy machine is not too late */

#define CHECK(c)                                                                                   \
	do {                                                                                       \
		if (!(c))                                                                          \
			die("line %d: %s", __LINE__, #c);                                          \
	} while (0)

static void touch_mib(size_t n)
{
	char *p = mmap(NULL, n * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	for (size_t i = 0; i < n * MIB; i += 4096)
		p[i] = 1;
}

/* The name by which each can be told from the others. */
static void hold(size_t n)
{
	char name[16];

	snprintf(name, sizeof(name), "holds %zu\n\033", n);
	(void)prctl(PR_SET_NAME, name);
	touch_mib(n);
}

static void hold_1(void)
{
	hold(1);
}

static void hold_2(void)
{
	hold(2);
}

static void hold_3(void)
{
	hold(3);
}

static void hold_4(void)
{
	hold(4);
}

static void hold_5(void)
{
	hold(5);
}

static void hold_6(void)
{
	hold(6);
}

/* Field 22 of its stat, by the C library: the name has no blank here. */
static uint64_t start_ns_of(pid_t pid, uint64_t before_ns, uint64_t after_ns)
{
	uint64_t tick = NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK), ticks = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	CHECK(f);
	for (int i = 1; i < 22; i++)
		CHECK(fscanf(f, "%*s") == 0);
	CHECK(fscanf(f, "%" SCNu64, &ticks) == 1);
	fclose(f);
	/* It is on the clock that the kernel's own records are on. */
	CHECK(before_ns / tick <= ticks && ticks <= after_ns / tick);
	return ticks * tick;
}

/* A process that waits for ever, in a program that is not ours. Returns when it is that. */
static pid_t start_victim(uint64_t *ret_start_ns)
{
	uint64_t before = clock_boottime_ns(), after;
	int gone[2];
	char c;
	pid_t pid;

	CHECK(pipe2(gone, O_CLOEXEC) == 0); /* closed by exec */
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execl("/bin/sleep", "a victim/sleep", "1000", "2000", (char *)NULL);
		_exit(127);
	}
	(void)close(gone[1]);
	after = clock_boottime_ns();
	CHECK(read(gone[0], &c, 1) == 0);
	(void)close(gone[0]);
	*ret_start_ns = start_ns_of(pid, before, after);
	return pid;
}

static struct oomn_event *next(struct details *d)
{
	struct pollfd p = { .fd = details_fd(d), .events = POLLIN };
	struct oomn_event *e = NULL;

	while (details_next(d, &e) == 0) {
		CHECK(!details_idle(d));
		CHECK(poll(&p, 1, PATIENCE_MS) == 1);
		CHECK(details_run(d, clock_boottime_ns()) == 0);
	}
	return e;
}

static void check_victim(const struct oom_details *d, pid_t pid)
{
	char link[64], exe[4096];
	ssize_t n;

	CHECK(d->victim_pid == (uint32_t)pid);
	CHECK(d->cmdline && strcmp(d->cmdline, "a victim/sleep 1000 2000") == 0);
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	n = readlink(link, exe, sizeof(exe) - 1);
	CHECK(n > 0);
	exe[n] = '\0';
	CHECK(d->exe && strcmp(d->exe, exe) == 0);
}

static void check_figures(const struct oom_details *d, bool v2)
{
	const uint64_t touched = (1 + 2 + 3 + 4 + 5 + 6) * MIB;

	CHECK(d->limit_bytes == LIMIT);
	CHECK(d->usage_bytes >= touched && d->usage_bytes <= LIMIT);
	CHECK(d->peak_bytes == BYTES_NONE || d->peak_bytes >= d->usage_bytes);
	CHECK(v2 || d->peak_bytes != BYTES_NONE);
	CHECK(d->stat.anon + SLACK >= touched && d->stat.anon <= touched + HOGS * SLACK);
	CHECK(d->stat.file <= d->usage_bytes && d->stat.shmem <= d->stat.file);
	CHECK(d->stat.sock <= LIMIT);
	CHECK(d->stat.kernel <= LIMIT);
	/* 5.10 shows a parent its children's figures late, small ones never; it has no peak either. */
	CHECK(d->stat.kernel > 0 || (v2 && d->peak_bytes == BYTES_NONE));
	CHECK(v2 ? d->stat.slab <= d->stat.kernel : d->stat.slab == BYTES_NONE);
}

static void check_largest(const struct oom_details *d, const struct hog *hogs)
{
	char name[16];

	CHECK(d->looked == HOGS && !d->more);
	CHECK(d->largest_n == DETAILS_LARGEST);
	for (size_t i = 0; i < DETAILS_LARGEST; i++) {
		size_t holds = HOGS - i;

		CHECK(d->largest[i].pid == (uint32_t)hogs[holds - 1].pid);
		snprintf(name, sizeof(name), "holds %zu\n\033", holds);
		CHECK(strcmp(d->largest[i].comm, name) == 0);
		CHECK(d->largest[i].rss_bytes >= holds * MIB);
		CHECK(d->largest[i].rss_bytes <= holds * MIB + SLACK);
	}
}

static struct oomn_event *ask(struct details *d, const struct oomn_event *asked)
{
	struct oomn_event *e;

	CHECK(details_ask(d, asked, clock_boottime_ns() + IN_TIME_NS) == 0);
	e = next(d);
	CHECK(e->incident == asked->incident && e->cgroup_id == asked->limit_id);
	CHECK(strcmp(e->cgroup, asked->limit_cgroup) == 0);
	CHECK(!e->details->timed_out);
	return e;
}

static void run(const struct scratch *s, const struct hog *hogs, pid_t victim, uint64_t start_ns)
{
	struct oomn_event *asked = event_new(EVENT_KILL), *e;
	struct cgroup_at pod;
	struct details *d;

	CHECK(asked && (asked->victim = oom_process_new()));
	scratch_at(s, "pod", &pod);
	CHECK(details_open(&d, &s->host) == 0);
	asked->incident = 1;
	asked->hierarchy = pod.hierarchy;
	asked->limit_cgroup = strdup(pod.path);
	asked->limit_id = pod.id;
	asked->victim->id.pid = (uint32_t)victim;
	asked->victim->id.start_ns = start_ns;
	e = ask(d, asked);
	check_victim(e->details, victim);
	CHECK(e->details->cgroup && strcmp(e->details->cgroup, pod.path) == 0);
	check_figures(e->details, s->v2);
	check_largest(e->details, hogs);
	event_free(e);
	/* Somebody else's number, and somebody else's name. */
	asked->incident = 2;
	asked->limit_id++;
	asked->victim->id.start_ns += NSEC_PER_SEC;
	CHECK(details_ask(d, asked, clock_boottime_ns() + IN_TIME_NS) == 0);
	while (!details_idle(d)) {
		struct pollfd p = { .fd = details_fd(d), .events = POLLIN };

		CHECK(poll(&p, 1, PATIENCE_MS) == 1);
		CHECK(details_run(d, clock_boottime_ns()) == 0);
		CHECK(details_next(d, &e) == 0);
	}
	event_free(asked);
	scratch_at_close(&pod);
	details_close(d);
}

int main(void)
{
	static const hog_act acts[HOGS] = { hold_1, hold_2, hold_3, hold_4, hold_5, hold_6 };
	struct hog hogs[HOGS];
	struct scratch s;
	uint64_t start_ns;
	pid_t victim;

	skip_in_pid_namespace();
	scratch_open(&s, NULL);
	scratch_make(&s, "pod", true);
	scratch_limit(&s, "pod", LIMIT);
	scratch_make(&s, "pod/a", false);
	scratch_make(&s, "pod/b", false);
	for (size_t i = 0; i < HOGS; i++) {
		hogs[i] = hog_start(&s, i % 2 == 0 ? "pod/a" : "pod/b", acts[i]);
		hog_go(&hogs[i]);
	}
	victim = start_victim(&start_ns);
	run(&s, hogs, victim, start_ns);
	(void)kill(victim, SIGKILL);
	(void)waitpid(victim, NULL, 0);
	for (size_t i = 0; i < HOGS; i++)
		hog_kill(&hogs[i]);
	scratch_close(&s);
	puts("victim, figures and the largest processes are what they are");
	return 0;
}
