/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks of a thousand children, straight after each was waited for, whether it was killed for want of memory
 *
 *   alone     one child that overruns its cgroup's limit, or one that is killed by hand
 *   family    one that overruns; two that are killed by hand, before and after that; one that exits with 3
 *   sharing   one that overruns; one with the same memory, which dies silently; one that is killed by hand
 *
 * Each cgroup is removed as soon as the last of its children was waited for, and before that one is asked
 * about; in every other one before any of them is. With BPF each answer has to be right. Without, none may
 * be wrong, and those that cannot be known are counted.
 *
 *   test-query [--children N] [--must] LEVEL...     bpf, fentry, kprobe, tracepoint, kmsg, none
 *
 * --must: a level that cannot be had here is a failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "include/oomnotify.h"
#include "scratch.h"

#define CHILDREN 1000
#define BASE_COOKIE 1
#define FAMILY_MAX 4

enum fate {
	FATE_OOM,    /* it overruns, and is killed, or dies along with who shares its memory */
	FATE_SHARES, /* the same the other way round */
	FATE_HAND,
	FATE_EXITS,
	FATES,
};

static const char *const fate_names[FATES] = { "overran", "shared its memory", "was killed by hand",
					       "exited" };

struct child {
	struct hog hog; /* SHARES: no `go` */
	enum fate fate;
	struct oomn_process_id id;
	int status;
};

struct tally {
	uint64_t right, wrong, unknown;
	uint64_t asked[FATES];
	uint64_t why[32];
	uint64_t kills; /* by the kernel, as counted */
	uint64_t longest_ns;
};

static struct {
	struct scratch scratch;
	struct oomn_monitor *m;
	bool bpf, must;
	char base[512]; /* as events tell it */
	struct tally t;
	int told[2], go[2]; /* of who shares: its pid, and that it may go on */
	size_t serial;
} q;

static const struct {
	const char *name;
	uint32_t names;
	bool bpf;
} levels[] = {
	{ "bpf", OOMN_NAMES_BPF, true },       { "fentry", OOMN_NAMES_FENTRY, true },
	{ "kprobe", OOMN_NAMES_KPROBE, true }, { "tracepoint", OOMN_NAMES_TRACEPOINT, true },
	{ "kmsg", OOMN_NAMES_KMSG, false },    { "none", OOMN_NAMES_NONE, false },
};

/* ---- Children --------------------------------------------------------------------------------- */

static void exits(void)
{
	_exit(3);
}

static int rest(void *unused)
{
	(void)unused;
	while (pause() < 0) {
	}
	return 0;
}

/* Makes a process with the same memory, which is the test's child as well; then goes on when told. */
static void shares(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid = clone(rest, stack + sizeof(stack), CLONE_VM | CLONE_PARENT | SIGCHLD, NULL);
	char c;

	if (pid < 0 || write(q.told[1], &pid, sizeof(pid)) != sizeof(pid) ||
	    read(q.go[0], &c, 1) != 1)
		_exit(1);
	hog_overrun();
}

static void release(const struct child *c)
{
	char byte = 0;

	if (write(c->hog.go, &byte, 1) != 1)
		die("process %d has ended too early", (int)c->hog.pid);
}

/* By pid and by pidfd in turn. */
static void identify(struct child *c)
{
	int fd = q.serial++ % 2 ? (int)syscall(SYS_pidfd_open, c->hog.pid, 0) : -1;
	int r = fd >= 0 ? oomn_process_id_get_pidfd(fd, &c->id, sizeof(c->id))
			: oomn_process_id_get(c->hog.pid, &c->id, sizeof(c->id));

	if (r < 0)
		die("process %d cannot be named: %s", (int)c->hog.pid, strerror(-r));
	(void)fd_close(fd);
}

static void start(struct child *c, const char *cgroup, enum fate fate, hog_act act)
{
	*c = (struct child){ .fate = fate };
	c->hog = hog_start(&q.scratch, cgroup, act);
	identify(c);
}

/* Lets @maker make the one it shares its memory with. */
static void start_sharing(struct child *c, const struct child *maker)
{
	*c = (struct child){ .fate = FATE_SHARES, .hog.go = -1 };
	release(maker);
	if (read(q.told[0], &c->hog.pid, sizeof(c->hog.pid)) != sizeof(c->hog.pid))
		die("nobody shares its memory");
	identify(c);
}

static void reap(struct child *c)
{
	bool killed;

	c->status = hog_wait(&c->hog);
	killed = WIFSIGNALED(c->status) && WTERMSIG(c->status) == SIGKILL;
	if (c->fate == FATE_EXITS ? !WIFEXITED(c->status) || WEXITSTATUS(c->status) != 3 : !killed)
		die("a child that was to be one that %s ended with status %d", fate_names[c->fate],
		    c->status);
}

/* ---- Answers ---------------------------------------------------------------------------------- */

static void check_event(const struct child *c, const struct oomn_answer *a, const char *cgroup)
{
	const struct oomn_event *e = oomn_answer_get_event(a);
	const struct oomn_process *p = oomn_event_get_victim(e);
	const char *path = oomn_event_get_cgroup(e);
	uint32_t kind = oomn_event_get_kind(e);
	char expected[1024];

	(void)snprintf(expected, sizeof(expected), "%s/%s", q.base, cgroup);
	if (!e || (kind != OOMN_KILL && kind != OOMN_COLLATERAL) ||
	    (kind == OOMN_COLLATERAL) != (oomn_answer_get_why(a) == OOMN_WHY_SHARED))
		die("the event of a kill is of kind %u", kind);
	if (oomn_process_get_pid(p) != c->id.pid)
		die("the event is of process %u, not of %u", oomn_process_get_pid(p), c->id.pid);
	/* The kernel leaves headers of messages out, and with them places, after 10 in 5 s. */
	if (path ? strcmp(path, expected) != 0 : q.bpf)
		die("the event is at %s, not at %s", path ? path : "no place", expected);
}

static void ask(const struct child *c, const char *cgroup, bool status_known)
{
	int expected = c->fate <= FATE_SHARES ? OOMN_YES : OOMN_NO;
	uint64_t began_ns = clock_boottime_ns(), took_ns;
	struct oomn_answer *a = NULL;
	int r, verdict, why;

	r = oomn_query_process(q.m, &c->id, sizeof(c->id), status_known ? c->status : -1, &a);
	if (r < 0)
		die("cannot ask: %s", strerror(-r));
	took_ns = clock_boottime_ns() - began_ns;
	q.t.longest_ns = took_ns > q.t.longest_ns ? took_ns : q.t.longest_ns;
	verdict = oomn_answer_get_verdict(a);
	why = oomn_answer_get_why(a);
	q.t.asked[c->fate]++;
	q.t.why[why & 31]++;
	if (verdict == OOMN_UNKNOWN)
		q.t.unknown++;
	else if (verdict == expected)
		q.t.right++;
	else
		q.t.wrong++;
	if (verdict == OOMN_UNKNOWN ? q.bpf : verdict != expected)
		printf("%s: one that %s: answer %d, since %s\n", cgroup, fate_names[c->fate],
		       verdict, oomn_why_text(why));
	if (verdict == OOMN_YES && expected == OOMN_YES)
		check_event(c, a, cgroup);
	oomn_answer_free(a);
}

/* Waits for all in turn, and removes the cgroup as soon as nobody is in it. */
static void finish(struct child *of, size_t n, const char *cgroup, bool at_once)
{
	/* Of one that exited the status says all: of two in three it is held back. */
	static size_t asked;

	for (size_t i = 0; i < n; i++) {
		reap(&of[i]);
		if (i == n - 1)
			scratch_remove(&q.scratch, cgroup);
		else if (!at_once)
			ask(&of[i], cgroup, asked++ % 3 == 0);
	}
	for (size_t i = at_once ? 0 : n - 1; i < n; i++)
		ask(&of[i], cgroup, asked++ % 3 == 0);
}

/* ---- Scenes ----------------------------------------------------------------------------------- */

static void make(const char *cgroup)
{
	scratch_make(&q.scratch, cgroup, false);
	scratch_limit(&q.scratch, cgroup, SCRATCH_LIMIT);
}

static size_t alone_oom(const char *cgroup, bool at_once)
{
	struct child c;

	start(&c, cgroup, FATE_OOM, hog_overrun);
	release(&c);
	q.t.kills++;
	finish(&c, 1, cgroup, at_once);
	return 1;
}

static size_t alone_hand(const char *cgroup, bool at_once)
{
	struct child c;

	start(&c, cgroup, FATE_HAND, hog_nothing);
	(void)kill(c.hog.pid, SIGKILL);
	finish(&c, 1, cgroup, at_once);
	return 1;
}

static void check_kills(uint64_t cookie, uint64_t expected, const char *cgroup)
{
	struct oomn_kills k;
	int r = oomn_query_kills(q.m, cookie, 0, &k, sizeof(k));

	if (r < 0)
		die("%s: kills cannot be asked for: %s", cgroup, strerror(-r));
	if (k.min > expected || k.max < expected || (q.bpf && k.min != k.max))
		die("%s: %llu to %llu kills, not %llu (%s)", cgroup, (unsigned long long)k.min,
		    (unsigned long long)k.max, (unsigned long long)expected, oomn_why_text(k.why));
}

static size_t family(const char *cgroup, bool at_once)
{
	struct child of[FAMILY_MAX];
	struct cgroup_at at = CGROUP_AT_NULL;
	int r;

	scratch_at(&q.scratch, cgroup, &at);
	r = oomn_monitor_add(q.m, at.fd, OOMN_KILL, 0, BASE_COOKIE + 1);
	if (r < 0)
		die("%s cannot be watched: %s", cgroup, strerror(-r));
	scratch_at_close(&at);
	start(&of[0], cgroup, FATE_HAND, hog_nothing);
	start(&of[1], cgroup, FATE_OOM, hog_overrun);
	start(&of[2], cgroup, FATE_EXITS, exits);
	start(&of[3], cgroup, FATE_HAND, hog_nothing);
	(void)kill(of[0].hog.pid, SIGKILL);
	release(&of[1]);
	release(&of[2]);
	q.t.kills++;
	(void)kill(of[3].hog.pid, SIGKILL);
	finish(of, 4, cgroup, at_once);
	check_kills(BASE_COOKIE + 1, 1, cgroup);
	r = oomn_monitor_remove(q.m, BASE_COOKIE + 1);
	if (r < 0 && r != -ENOENT)
		die("%s: %s", cgroup, strerror(-r));
	return 4;
}

static size_t sharing(const char *cgroup, bool at_once)
{
	struct child of[3];
	char c = 0;

	start(&of[0], cgroup, FATE_OOM, shares);
	start_sharing(&of[1], &of[0]);
	start(&of[2], cgroup, FATE_HAND, hog_nothing);
	if (write(q.go[1], &c, 1) != 1)
		die("a pipe is shut");
	q.t.kills++;
	(void)kill(of[2].hog.pid, SIGKILL);
	finish(of, 3, cgroup, at_once);
	return 3;
}

static size_t (*const scenes[])(const char *cgroup, bool at_once) = {
	alone_oom, alone_hand, family, sharing, alone_oom,
};
#define SCENES (sizeof(scenes) / sizeof(scenes[0]))

/* ---- Levels ----------------------------------------------------------------------------------- */

/* Takes what was told meanwhile: it is not what this is about. */
static void dispatch(void)
{
	struct oomn_event *e;
	int r = oomn_monitor_dispatch(q.m);

	while (r >= 0 && (r = oomn_monitor_next(q.m, &e)) > 0)
		oomn_event_free(e);
	if (r < 0)
		die("dispatch: %s", strerror(-r));
}

static void report(const char *level, size_t children, uint64_t took_ns)
{
	printf("%s (%s): %zu children in %llu ms: %llu right, %llu wrong, %llu cannot be known; "
	       "longest answer %llu us\n",
	       level, oomn_monitor_get_names(q.m), children,
	       (unsigned long long)(took_ns / NSEC_PER_MSEC), (unsigned long long)q.t.right,
	       (unsigned long long)q.t.wrong, (unsigned long long)q.t.unknown,
	       (unsigned long long)(q.t.longest_ns / NSEC_PER_USEC));
	for (size_t i = 0; i < FATES; i++)
		printf("  %6llu that %s\n", (unsigned long long)q.t.asked[i], fate_names[i]);
	for (int why = 0; why < 32; why++)
		if (q.t.why[why] > 0)
			printf("  %6llu since %s\n", (unsigned long long)q.t.why[why],
			       oomn_why_text(why));
}

/* Returns whether that level can be had here. */
static bool open_monitor(uint32_t names, const char *level)
{
	const struct oomn_monitor_options o = { .size = sizeof(o), .names = names };
	int r = oomn_monitor_new(&q.m, &o);

	if (r == 0)
		r = oomn_monitor_open_names(q.m);
	if (r == -EOPNOTSUPP && !q.must) {
		printf("%s: left out: %s\n", level, oomn_monitor_get_names_why(q.m));
		q.m = oomn_monitor_free(q.m);
		return false;
	}
	if (r < 0)
		die("%s: %s: %s", level, strerror(-r), oomn_monitor_get_names_why(q.m));
	return true;
}

static void watch_base(void)
{
	struct cgroup_at at = CGROUP_AT_NULL;
	int r;

	scratch_at(&q.scratch, "", &at);
	(void)snprintf(q.base, sizeof(q.base), "%s", at.path);
	r = oomn_monitor_add(q.m, at.fd, OOMN_KILL, 0, BASE_COOKIE);
	if (r < 0)
		die("%s cannot be watched: %s", at.path, strerror(-r));
	scratch_at_close(&at);
}

/* Returns whether it was right. */
static bool run_level(size_t level, size_t children)
{
	uint64_t began_ns;
	size_t asked = 0;
	bool fine;

	q.t = (struct tally){ 0 };
	q.bpf = levels[level].bpf;
	if (!open_monitor(levels[level].names, levels[level].name))
		return true;
	watch_base();
	began_ns = clock_boottime_ns();
	for (size_t i = 0; asked < children; i++) {
		char cgroup[32];

		(void)snprintf(cgroup, sizeof(cgroup), "q%zu", i);
		make(cgroup);
		asked += scenes[i % SCENES](cgroup, i / SCENES % 2);
		if (i % 16 == 15)
			dispatch();
	}
	report(levels[level].name, asked, clock_boottime_ns() - began_ns);
	check_kills(BASE_COOKIE, q.t.kills, "all of them");
	fine = q.t.wrong == 0 && (!q.bpf || q.t.unknown == 0);
	q.m = oomn_monitor_free(q.m);
	return fine;
}

static size_t level_of(const char *name)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(levels[i].name, name) == 0)
			return i;
	die("no level is called %s", name);
}

int main(int argc, char **argv)
{
	size_t children = CHILDREN;
	bool fine = true;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--must") == 0)
			q.must = true;
		else if (strcmp(argv[i], "--children") == 0 && i + 1 < argc)
			children = strtoul(argv[++i], NULL, 10);
		else
			die("usage: test-query [--children N] [--must] LEVEL...");
	}
	if (i == argc)
		die("no level was named");
	skip_in_pid_namespace();
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (pipe2(q.told, O_CLOEXEC) < 0 || pipe2(q.go, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	scratch_open(&q.scratch, NULL);
	for (; i < argc; i++)
		fine &= run_level(level_of(argv[i]), children);
	scratch_close(&q.scratch);
	return fine ? 0 : 1;
}
