/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The BPF source when there is much to tell, or little time: nothing is missing, and early is early
 *
 * test-bpf-load [--machine] [LEVEL]: at LEVEL, or at the best one that works here. --machine:
 * nobody else is on it, so that a figure is one.
 *
 * A reader is a thread that waits for records and for nothing else, as any event loop does.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/flat_keyed.h"
#include "seen.h"

#define MIB ((size_t)1 << 20)
#define LIMIT MIB
#define EARLY_LIMIT (16 * MIB) /* the victim: a small one, as processes go */
#define LATE_S 60              /* a machine may be slow */
#define COMM "much\n\xff"

static struct scratch scratch;
static bool machine;
static struct bpf_oom *bpf;
static enum bpf_oom_level level;

static uint64_t now_ns(void)
{
	struct timespec t;

	HOLDS(clock_gettime(CLOCK_BOOTTIME, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void open_level(uint32_t ring_bytes)
{
	struct bpf_oom_options options = { .highest = level, .ring_bytes = ring_bytes };
	struct bpf_oom_report report = { 0 };

	if (bpf_oom_open(&bpf, &options, &report) != 0 || report.level != level)
		die("%s does not work: %s", bpf_oom_level_name(level), report.levels[level].why);
}

/* Starts a process in @path that overruns @limit as soon as @go is closed (-1: at once). */
static pid_t start(const char *path, size_t limit, const int go[2])
{
	const char *procs = scratch_path(&scratch, path, "cgroup.procs");
	pid_t pid = fork();
	char c, *p;
	int fd;

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, COMM);
	fd = open(procs, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		_exit(1);
	if (go) {
		(void)close(go[1]);
		if (read(go[0], &c, 1) != 0)
			_exit(1);
	}
	p = mmap(NULL, 2 * limit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		_exit(1);
	for (size_t i = 0; i < 2 * limit; i += 4096)
		*(volatile char *)(p + i) = 1;
	_exit(2);
}

static void reap(pid_t pid)
{
	int status;

	HOLDS(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		die("no oom came of it (status %d)", status);
}

/* What was told of one victim. */
struct told {
	pid_t pid;
	uint64_t when_ns, taken_ns;
	uint64_t memory, limit;
	char path[256];
};

#define TOLD_MAX 512

static struct reader {
	pthread_t thread;
	int stop;
	sem_t more; /* once per victim */
	size_t n;
	struct told all[TOLD_MAX];
} reader;

/* Others on the same machine may have ooms too. */
static bool ours(const struct sighting *v)
{
	const char *path = sighting_path(v, &v->memory);

	return path && strstr(path, strrchr(scratch.base, '/'));
}

static void tell(const struct sighting *v)
{
	struct told *t = &reader.all[reader.n];

	if (v->kind != SIGHTING_VICTIM || !ours(v))
		return;
	HOLDS(reader.n < TOLD_MAX);
	HOLDS(v->killed && v->memory.whole && strcmp(v->task.comm, COMM) == 0);
	t->taken_ns = now_ns();
	t->pid = (pid_t)v->task.pid;
	t->when_ns = v->when_ns;
	t->memory = v->memory.id;
	t->limit = v->limit.id;
	(void)snprintf(t->path, sizeof(t->path), "%s", sighting_path(v, &v->memory));
	reader.n++;
	(void)sem_post(&reader.more);
}

static void *reader_main(void *unused)
{
	struct pollfd p[] = {
		{ .fd = bpf_oom_fd(bpf), .events = POLLIN },
		{ .fd = reader.stop, .events = POLLIN },
	};

	while (!p[1].revents) {
		const struct sighting *v;
		int r;

		if (poll(p, 2, -1) < 0)
			die("poll: %s", strerror(errno));
		while ((r = bpf_oom_next(bpf, &v)) > 0)
			tell(v);
		HOLDS(r == 0);
	}
	return unused;
}

static void reader_start(void)
{
	memset(&reader, 0, sizeof(reader));
	reader.stop = eventfd(0, EFD_CLOEXEC);
	HOLDS(reader.stop >= 0 && sem_init(&reader.more, 0, 0) == 0);
	HOLDS(pthread_create(&reader.thread, NULL, reader_main, NULL) == 0);
}

static void wait_for(sem_t *s, const char *what)
{
	struct timespec until;

	HOLDS(clock_gettime(CLOCK_REALTIME, &until) == 0);
	until.tv_sec += LATE_S;
	if (sem_timedwait(s, &until) < 0)
		die("%s: %s", what, strerror(errno));
}

/* Waits for @count more victims: in vain, if the reader is not woken for one of them. */
static void reader_until(size_t count)
{
	for (size_t i = 0; i < count; i++)
		wait_for(&reader.more, "no more was told of a victim");
}

static void reader_stop(void)
{
	HOLDS(eventfd_write(reader.stop, 1) == 0);
	HOLDS(pthread_join(reader.thread, NULL) == 0);
	(void)close(reader.stop);
	(void)sem_destroy(&reader.more);
	for (enum sighting_kind k = SIGHTING_LIMIT; k < SIGHTING_KIND_MAX; k++)
		SAME(bpf_oom_lost(bpf, k), 0);
}

static const struct told *told_of(pid_t pid)
{
	const struct told *found = NULL;

	for (size_t i = 0; i < reader.n; i++) {
		if (reader.all[i].pid != pid)
			continue;
		HOLDS(!found);
		found = &reader.all[i];
	}
	if (!found)
		die("process %d was not told", (int)pid);
	return found;
}

#define EARLY 100
#define EARLY_ROUNDS 3
#define EARLY_ENOUGH 95

/* The one beside it: waits on the cgroup's file by inotify, and looks at the counter. */
static struct other {
	pthread_t thread;
	int inotify;
	char file[512];
	sem_t more;     /* once per kill */
	uint64_t first; /* kills before the round */
	uint64_t at_ns[EARLY];
} other;

static uint64_t other_kills(void)
{
	char text[512];
	uint64_t kills;
	int fd = open(other.file, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	HOLDS(n > 0);
	(void)close(fd);
	text[n] = '\0';
	HOLDS(flat_keyed_u64(text, "oom_kill", &kills) == 0);
	return kills - other.first;
}

static void *other_main(void *unused)
{
	uint64_t seen_kills = 0;

	while (seen_kills < EARLY) {
		char events[4096] __attribute__((aligned(8)));
		uint64_t kills;

		HOLDS(read(other.inotify, events, sizeof(events)) > 0);
		kills = other_kills();
		for (; seen_kills < kills; seen_kills++) {
			other.at_ns[seen_kills] = now_ns();
			(void)sem_post(&other.more);
		}
	}
	return unused;
}

static void other_start(const char *path)
{
	memset(&other, 0, sizeof(other));
	(void)snprintf(other.file, sizeof(other.file), "%s",
		       scratch_path(&scratch, path, "memory.events"));
	other.first = other_kills();
	other.inotify = inotify_init1(IN_CLOEXEC);
	HOLDS(inotify_add_watch(other.inotify, other.file, IN_MODIFY) >= 0);
	HOLDS(sem_init(&other.more, 0, 0) == 0);
	HOLDS(pthread_create(&other.thread, NULL, other_main, NULL) == 0);
}

static void other_stop(void)
{
	HOLDS(pthread_join(other.thread, NULL) == 0);
	(void)close(other.inotify);
	(void)sem_destroy(&other.more);
}

/*
 * What the host lets come true: one that waits on an eventfd, and a process that writes to it, goes on
 * for as long as the victim before it did, and ends. Nothing could tell of a kill sooner than that.
 */
static struct twin {
	pthread_t thread;
	int fd;
	sem_t more;
	int n;
	uint64_t at_ns[EARLY];
} twin;

static void *twin_main(void *unused)
{
	while (twin.n < EARLY) {
		eventfd_t value;

		HOLDS(eventfd_read(twin.fd, &value) == 0);
		twin.at_ns[twin.n++] = now_ns();
		(void)sem_post(&twin.more);
	}
	return unused;
}

static void twin_start(void)
{
	memset(&twin, 0, sizeof(twin));
	twin.fd = eventfd(0, EFD_CLOEXEC);
	HOLDS(twin.fd >= 0 && sem_init(&twin.more, 0, 0) == 0);
	HOLDS(pthread_create(&twin.thread, NULL, twin_main, NULL) == 0);
}

static void twin_stop(void)
{
	HOLDS(pthread_join(twin.thread, NULL) == 0);
	(void)close(twin.fd);
	(void)sem_destroy(&twin.more);
}

/* Returns whether the one that waits was there before the process had been reaped. */
static bool twin_early(uint64_t lasts_ns)
{
	uint64_t reaped;
	pid_t pid = fork();

	if (pid == 0) {
		uint64_t until = now_ns() + lasts_ns;

		if (eventfd_write(twin.fd, 1) < 0)
			_exit(1);
		while (now_ns() < until)
			;
		_exit(0);
	}
	HOLDS(pid > 0 && waitpid(pid, NULL, 0) == pid);
	reaped = now_ns();
	wait_for(&twin.more, "the other process has not been heard of");
	return twin.at_ns[twin.n - 1] < reaped;
}

/* In how many of EARLY ooms each had its news when the victim had been reaped. */
struct early {
	int bpf, inotify, twin;
};

static struct early early_round(void)
{
	struct early e = { 0 };

	reader_start();
	twin_start();
	if (scratch.v2)
		other_start("early");
	for (int i = 0; i < EARLY; i++) {
		pid_t pid = start("early", EARLY_LIMIT, NULL);
		const struct told *t;
		uint64_t reaped;

		reap(pid);
		reaped = now_ns();
		reader_until(1);
		t = told_of(pid);
		e.bpf += t->taken_ns < reaped;
		/* Else what it had not yet seen would hide what comes next. */
		if (scratch.v2) {
			wait_for(&other.more, "inotify tells of no more kills");
			e.inotify += other.at_ns[i] < reaped;
		}
		e.twin += twin_early(reaped - t->when_ns);
	}
	reader_stop();
	twin_stop();
	if (scratch.v2)
		other_stop();
	return e;
}

/*
 * A host that is busy lets a machine's processors run in turns, and what is late then is the host: the
 * twin tells how much of it. Both are counts of 100 and vary by chance, so there are some rounds.
 */
static void case_early(void)
{
	bool enough = false;

	open_level(0);
	scratch_make(&scratch, "early", false);
	scratch_limit(&scratch, "early", EARLY_LIMIT);
	for (int i = 0; i < EARLY_ROUNDS && !enough; i++) {
		struct early e = early_round();

		printf("# early: %s: of %d in hands before the victim was reaped: bpf %d",
		       bpf_oom_level_name(level), EARLY, e.bpf);
		if (scratch.v2)
			printf(", inotify %d", e.inotify);
		printf("; at best %d\n", e.twin);
		enough = e.bpf >= EARLY_ENOUGH - (EARLY - e.twin);
	}
	scratch_remove(&scratch, "early");
	bpf = bpf_oom_close(bpf);
	HOLDS(enough || !machine || level == BPF_OOM_TRACEPOINT);
}

#define SHORT 500

/* Cgroups that are gone as soon as their process is dead, and a reader that takes what is told. */
static void case_short(void)
{
	static struct {
		pid_t pid;
		uint64_t id;
		char path[256];
	} dead[SHORT];
	uint64_t longest = 0;

	open_level(0);
	reader_start();
	for (int i = 0; i < SHORT; i++) {
		struct cgroup_at at;
		char name[16];

		(void)snprintf(name, sizeof(name), "short-%d", i);
		scratch_make(&scratch, name, false);
		scratch_limit(&scratch, name, LIMIT);
		scratch_at(&scratch, name, &at);
		dead[i].id = at.id;
		(void)snprintf(dead[i].path, sizeof(dead[i].path), "%s", at.path);
		scratch_at_close(&at);
		dead[i].pid = start(name, LIMIT, NULL);
		reap(dead[i].pid);
		scratch_remove(&scratch, name);
	}
	reader_until(SHORT);
	reader_stop();
	for (int i = 0; i < SHORT; i++) {
		const struct told *t = told_of(dead[i].pid);
		size_t more = strlen(t->path) - strlen(dead[i].path);

		SAME(t->memory, dead[i].id);
		SAME(t->limit, level == BPF_OOM_TRACEPOINT ? 0 : dead[i].id);
		/* A cgroup namespace hides the beginning. */
		HOLDS(strlen(t->path) >= strlen(dead[i].path) && (more == 0 || !machine));
		HOLDS(strcmp(t->path + more, dead[i].path) == 0);
		if (t->taken_ns - t->when_ns > longest)
			longest = t->taken_ns - t->when_ns;
	}
	printf("# short: %d of %d, the last one %" PRIu64 " us after its kill\n", SHORT, SHORT,
	       longest / 1000);
	bpf = bpf_oom_close(bpf);
}

#define BURST 50

/* As many as a second can have: all begin at the same time. */
static void case_burst(void)
{
	uint64_t first = UINT64_MAX, last = 0;
	pid_t pids[BURST];
	char name[16];
	int go[2];

	open_level(0);
	reader_start();
	HOLDS(pipe(go) == 0);
	for (int i = 0; i < BURST; i++) {
		(void)snprintf(name, sizeof(name), "burst-%d", i);
		scratch_make(&scratch, name, false);
		scratch_limit(&scratch, name, LIMIT);
		pids[i] = start(name, LIMIT, go);
	}
	(void)close(go[0]);
	(void)close(go[1]);
	for (int i = 0; i < BURST; i++)
		reap(pids[i]);
	reader_until(BURST);
	reader_stop();
	for (int i = 0; i < BURST; i++) {
		const struct told *t = told_of(pids[i]);
		struct cgroup_at at;

		(void)snprintf(name, sizeof(name), "burst-%d", i);
		scratch_at(&scratch, name, &at);
		SAME(t->memory, at.id);
		scratch_at_close(&at);
		scratch_remove(&scratch, name);
		first = t->when_ns < first ? t->when_ns : first;
		last = t->when_ns > last ? t->when_ns : last;
	}
	printf("# burst: %d kills in %" PRIu64 " ms\n", BURST, (last - first) / 1000000);
	bpf = bpf_oom_close(bpf);
}

#define LOST 1000
#define LOST_RING (64U << 10)
#define LOST_READ 8

/* A ring that nobody reads: what is read at last and what was lost make up all. */
static void case_lost(void)
{
	const struct sighting *v;
	uint64_t lost, read = 0;
	int r;

	open_level(LOST_RING);
	scratch_make(&scratch, "lost", false);
	scratch_limit(&scratch, "lost", LIMIT);
	for (int i = 0; i < LOST; i++)
		reap(start("lost", LIMIT, NULL));
	lost = bpf_oom_lost(bpf, SIGHTING_VICTIM);
	while ((r = bpf_oom_next(bpf, &v)) > 0)
		read += v->kind == SIGHTING_VICTIM && ours(v);
	HOLDS(r == 0);
	printf("# lost: of %d, read %" PRIu64 " and lost %" PRIu64 "\n", LOST, read, lost);
	HOLDS(lost > 0 && read >= LOST_READ);
	/* Somebody else's may have been lost with ours. */
	if (machine)
		SAME(read + lost, LOST);
	else
		HOLDS(read + lost >= LOST);
	scratch_remove(&scratch, "lost");
	bpf = bpf_oom_close(bpf);
}

int main(int argc, char **argv)
{
	struct bpf_oom_report report = { 0 };
	const char *name = NULL;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--machine") == 0)
			machine = true;
		else
			name = argv[i];
	skip_in_pid_namespace();
	HOLDS(bpf_oom_probe(&report) == 0);
	if (report.level == BPF_OOM_NONE && !name)
		skip_all(report.levels[BPF_OOM_TRACEPOINT].why);
	level = report.level;
	while (name && level < BPF_OOM_LEVELS && strcmp(bpf_oom_level_name(level), name) != 0)
		level++;
	if (level == BPF_OOM_NONE || report.levels[level].tried != BPF_OOM_WORKS)
		die("%s does not work here", name ? name : "the best level");
	scratch_open(&scratch, NULL);
	case_early();
	puts("ok early");
	case_short();
	puts("ok short");
	case_burst();
	puts("ok burst");
	case_lost();
	puts("ok lost");
	scratch_close(&scratch);
	return 0;
}
