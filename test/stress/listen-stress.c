/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * listen-stress [SECONDS [SEED]]: monitors in several processes and threads, on cgroups that come and go
 *
 *   main     runs processes out of memory in the cgroups, removes and makes these, and starts doomed
 *            workers, which it kills at any moment
 *   workers  each with threads, each with a monitor of its own: all add, remove, close, dispatch and
 *            free in random order, on the same cgroups
 *
 * A call may refuse what is gone, taken or too much; anything else fails the test. Whoever ends his
 * monitor settles it first: its balance must hold, or say why that is not known. A worker that lives
 * must in the end have the descriptors and the memory it had after a first short run.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "include/oomnotify.h"
#include "scratch.h"

#define GROUPS 6
#define WORKERS 3
#define THREADS 3
#define EVENTFDS 4
#define LISTENERS 24
#define WATCHES 8
#define WARM_UP_S 1
#define MIB ((size_t)1 << 20)
/* Of memory: what the threads' caches and stdio keep. */
#define SLACK ((size_t)64 << 10)

static struct scratch s;
static char group_paths[GROUPS][600];
static uint64_t seed;

struct random {
	uint64_t state;
};

static uint64_t draw(struct random *r, uint64_t below)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return (r->state >> 11) % below;
}

static struct random random_for(uint64_t who)
{
	struct random r = { (seed + who + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1 };

	for (int i = 0; i < 8; i++)
		(void)draw(&r, 2);
	return r;
}

struct totals {
	uint64_t monitors, watches, listeners, events, refused, balanced, unproven, bad;
};

struct worker {
	pthread_t thread;
	struct random random;
	uint64_t until_ns;
	struct oomn_monitor *m;
	int eventfds[EVENTFDS];
	struct oomn_listener *listeners[LISTENERS];
	struct totals t;
};

static void bad(struct worker *w, const char *what, int r)
{
	printf("NOT OK %s: %d %s\n", what, r, r < 0 ? strerror(-r) : "");
	w->t.bad++;
}

/* Whether it was done; what may be refused here, at any time, is no error. */
static bool done(struct worker *w, const char *what, int r)
{
	switch (r) {
	case 0:
		return true;
	case -ENODEV: /* removed, maybe at this moment */
	case -ENOENT:
	case -EEXIST:
	case -EDQUOT:
	case -EAGAIN:
		w->t.refused++;
		return false;
	default:
		bad(w, what, r);
		return false;
	}
}

static int open_group(struct worker *w)
{
	return open(group_paths[draw(&w->random, GROUPS)], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void add_watch(struct worker *w)
{
	int fd = open_group(w);

	if (fd >= 0 && done(w, "oomn_monitor_add",
			    oomn_monitor_add(w->m, fd, OOMN_ALL,
					     draw(&w->random, 4) == 0 ? OOMN_WATCH_GONE_ALL : 0,
					     draw(&w->random, WATCHES))))
		w->t.watches++;
	(void)fd_close(fd);
}

static void remove_watch(struct worker *w)
{
	(void)done(w, "oomn_monitor_remove", oomn_monitor_remove(w->m, draw(&w->random, WATCHES)));
}

static void add_listener(struct worker *w)
{
	struct oomn_listener **l = &w->listeners[draw(&w->random, LISTENERS)];
	int efd = w->eventfds[draw(&w->random, EVENTFDS)], fd = open_group(w), r;

	if (fd < 0 || *l) {
		(void)fd_close(fd);
		return;
	}
	switch (draw(&w->random, 4)) {
	case 0:
		r = oomn_listener_add_threshold(w->m, fd, efd, draw(&w->random, 4) * MIB, 0, l);
		break;
	case 1:
		r = oomn_listener_add_pressure(w->m, fd, efd, OOMN_PRESSURE_LOW, 0, l);
		break;
	default:
		r = oomn_listener_add_oom(w->m, fd, efd, 0, l);
	}
	w->t.listeners += done(w, "oomn_listener_add", r);
	(void)close(fd);
}

static void remove_listener(struct worker *w)
{
	struct oomn_listener **l = &w->listeners[draw(&w->random, LISTENERS)];

	if (*l && oomn_listener_get_state(*l) < 0)
		bad(w, "oomn_listener_get_state", oomn_listener_get_state(*l));
	if (oomn_listener_remove(*l) < 0)
		bad(w, "oomn_listener_remove", 0);
	*l = NULL;
}

/* The caller may close it at any time. */
static void close_eventfd(struct worker *w)
{
	int *fd = &w->eventfds[draw(&w->random, EVENTFDS)];

	(void)fd_close(*fd);
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*fd < 0)
		bad(w, "eventfd", -errno);
}

static void take(struct worker *w)
{
	struct oomn_event *e;
	int r;

	while ((r = oomn_monitor_next(w->m, &e)) == 1) {
		if (oomn_event_get_count_min(e) == 0)
			bad(w, "an event of nothing", 0);
		w->t.events++;
		oomn_event_free(e);
	}
	if (r < 0)
		bad(w, "oomn_monitor_next", r);
}

static void dispatch(struct worker *w)
{
	struct pollfd p = { .fd = oomn_monitor_get_fd(w->m), .events = POLLIN };
	int r;

	(void)poll(&p, 1, (int)draw(&w->random, 20));
	r = oomn_monitor_dispatch(w->m);
	if (r < 0)
		bad(w, "oomn_monitor_dispatch", r);
	if (draw(&w->random, 3) != 0)
		take(w);
}

static void print_line(const char *what, const struct oomn_balance_line *l)
{
	printf("\t%s: counted %" PRIu64 ", reported %" PRIu64 ", recounts %" PRIu64
	       ", unproven %" PRIu64 ", reasons %#" PRIx64 "\n",
	       what, l->counted, l->reported, l->recounts, l->unproven, l->reasons);
}

static void judge(struct worker *w)
{
	struct pollfd p = { .fd = oomn_monitor_get_fd(w->m), .events = POLLIN };
	struct oomn_balance b;
	int r;

	while ((r = oomn_monitor_settle(w->m)) == 1) {
		(void)poll(&p, 1, -1);
		(void)oomn_monitor_dispatch(w->m);
	}
	if (r < 0)
		bad(w, "oomn_monitor_settle", r);
	take(w);
	r = oomn_monitor_get_balance(w->m, &b, sizeof(b));
	if (r == 0)
		r = oomn_balance_judge(&b, sizeof(b), OOMN_OOM | OOMN_KILL | OOMN_GROUP_KILL);
	w->t.balanced += r == OOMN_BALANCED;
	w->t.unproven += r == OOMN_UNPROVEN;
	if (r == OOMN_UNPROVEN &&
	    !oomn_reason_text(b.reasons | b.oom.reasons | b.kill.reasons | b.group_kill.reasons))
		bad(w, "unproven, and no reason", 0);
	else if (r < 0 || r == OOMN_DIFFERS) {
		bad(w, "the balance differs", r);
		print_line("oom", &b.oom);
		print_line("kill", &b.kill);
		print_line("group kill", &b.group_kill);
		printf("\tlost %" PRIu64 ", names by %s, reasons %#" PRIx64 "\n", b.lost,
		       oomn_monitor_get_names(w->m), b.reasons);
	}
}

static void monitor_new(struct worker *w)
{
	struct oomn_monitor_options o = { .size = sizeof(o), .names = OOMN_NAMES_NONE };
	int r;

	if (draw(&w->random, 16) == 0) /* the kernel checks BPF programs for tenths of a second */
		o.names = OOMN_NAMES_AUTO;
	if (draw(&w->random, 4) == 0)
		o.queue_max = 2;
	r = oomn_monitor_new(&w->m, &o);
	if (r < 0) {
		bad(w, "oomn_monitor_new", r);
		_exit(1);
	}
	w->t.monitors++;
}

static void monitor_end(struct worker *w)
{
	if (draw(&w->random, 4) != 0)
		judge(w);
	w->m = oomn_monitor_free(w->m);
	memset(w->listeners, 0, sizeof(w->listeners)); /* went with it */
}

static void *work(void *arg)
{
	static void (*const acts[])(struct worker * w) = {
		add_watch,       remove_watch,  add_listener, add_listener,
		remove_listener, close_eventfd, dispatch,     dispatch,
	};
	struct worker *w = arg;

	for (size_t i = 0; i < EVENTFDS; i++)
		w->eventfds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	while (clock_boottime_ns() < w->until_ns) {
		monitor_new(w);
		for (uint64_t n = draw(&w->random, 200) + 1; n > 0; n--)
			acts[draw(&w->random, sizeof(acts) / sizeof(acts[0]))](w);
		monitor_end(w);
	}
	for (size_t i = 0; i < EVENTFDS; i++)
		(void)fd_close(w->eventfds[i]);
	return NULL;
}

static void run_threads(uint64_t who, uint64_t seconds, struct totals *sum)
{
	struct worker w[THREADS];

	memset(w, 0, sizeof(w));
	for (uint64_t i = 0; i < THREADS; i++) {
		w[i].random = random_for(who * THREADS + i);
		w[i].until_ns = clock_boottime_ns() + seconds * NSEC_PER_SEC;
		if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0)
			die("no thread");
	}
	for (size_t i = 0; i < THREADS; i++) {
		const uint64_t *from = (const uint64_t *)&w[i].t;
		uint64_t *to = (uint64_t *)sum;

		(void)pthread_join(w[i].thread, NULL);
		for (size_t k = 0; k < sizeof(*sum) / sizeof(*to); k++)
			to[k] += from[k];
	}
}

static size_t open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Returns the exit status. */
static int be_worker(uint64_t who, uint64_t seconds)
{
	struct totals t = { 0 };
	size_t fds, memory, after;

	run_threads(1000 + who, WARM_UP_S, &t);
	(void)malloc_trim(0);
	fds = open_fds();
	memory = mallinfo2().uordblks;
	run_threads(who, seconds, &t);
	after = mallinfo2().uordblks;
	printf("worker %" PRIu64 ": %" PRIu64 " monitors, %" PRIu64 " watches, %" PRIu64
	       " listeners, "
	       "%" PRIu64 " events, %" PRIu64 " refusals; %" PRIu64 " balanced, %" PRIu64
	       " unproven; "
	       "memory %zu -> %zu, descriptors %zu -> %zu\n",
	       who, t.monitors, t.watches, t.listeners, t.events, t.refused, t.balanced, t.unproven,
	       memory, after, fds, open_fds());
	if (open_fds() != fds || after > memory + SLACK) {
		printf("NOT OK something was left behind\n");
		t.bad++;
	}
	return t.bad > 0;
}

static pid_t worker_start(uint64_t who, uint64_t seconds)
{
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(be_worker(who, seconds)); /* not _exit(): leaks are looked for there */
	}
	return pid;
}

static void group_make(size_t i)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "g%zu", i);
	scratch_make(&s, name, false);
	scratch_limit(&s, name, (1 + i % 4) * MIB);
	(void)snprintf(group_paths[i], sizeof(group_paths[i]), "%s", scratch_path(&s, name, ""));
}

static uint64_t chaos(struct random *r, uint64_t until_ns, uint64_t *removals, uint64_t *deaths)
{
	uint64_t ooms = 0, who = 100;
	char name[16];

	while (clock_boottime_ns() < until_ns) {
		size_t i = draw(r, GROUPS);
		pid_t pid;

		(void)snprintf(name, sizeof(name), "g%zu", i);
		switch (draw(r, 6)) {
		case 0:
			scratch_remove(&s, name);
			group_make(i);
			++*removals;
			break;
		case 1:
			pid = worker_start(who++, 3600);
			(void)poll(NULL, 0, (int)draw(r, 300));
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
			++*deaths;
			break;
		default: {
			struct hog h = hog_start(&s, name, hog_overrun);

			hog_go(&h);
			(void)hog_wait(&h);
			ooms++;
		}
		}
	}
	return ooms;
}

int main(int argc, char **argv)
{
	uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 20, removals = 0, deaths = 0,
		 ooms;
	struct random r;
	pid_t workers[WORKERS];
	bool failed = false;

	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : clock_boottime_ns();
	printf("seed %" PRIu64 "\n", seed);
	scratch_open(&s, NULL);
	for (size_t i = 0; i < GROUPS; i++)
		group_make(i);
	for (uint64_t i = 0; i < WORKERS; i++)
		workers[i] = worker_start(i, seconds);
	r = random_for(9999);
	ooms = chaos(&r, clock_boottime_ns() + (seconds + WARM_UP_S) * NSEC_PER_SEC, &removals,
		     &deaths);
	for (size_t i = 0; i < WORKERS; i++) {
		int status;

		if (waitpid(workers[i], &status, 0) != workers[i] || status != 0) {
			printf("NOT OK worker %zu ended with status %#x\n", i, (unsigned)status);
			failed = true;
		}
	}
	scratch_close(&s);
	printf("%" PRIu64 " processes out of memory, %" PRIu64 " cgroups removed, %" PRIu64
	       " workers killed\n%s\n",
	       ooms, removals, deaths, failed ? "FAILED" : "all as it must be");
	return failed;
}
