/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The runner: one process and one scratch cgroup per fact, TAP on standard output
 *
 * Before each result stand what the fact measured ("# figure: ...") and, if it does not hold, the
 * check that failed. Exit status: 0 all hold, 1 one does not, 77 nothing could be tried here.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "kf.h"

static const struct kf_fact *const tables[] = {
	kf_counter_facts, kf_group_facts,   kf_notify_facts,  kf_order_facts,
	kf_life_facts,    kf_removal_facts, kf_eventfd_facts, kf_v1_signal_facts,
	kf_v1_life_facts, kf_machine_facts, /* last: what changes the machine */
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

struct args {
	bool machine;
	const char *base;
	int timeout_s;
	char **names; /* NULL-terminated; none: all */
};

enum verdict {
	HOLDS,
	BROKEN,
	SKIPPED,
	STOPPED, /* a signal to the runner */
};

/* Iterates over all facts: start with t = f = 0. */
static const struct kf_fact *next_fact(size_t *t, size_t *f)
{
	for (; *t < TABLES; (*t)++, *f = 0) {
		if (tables[*t][*f].name)
			return &tables[*t][(*f)++];
	}
	return NULL;
}

static const char *on_words(unsigned on)
{
	return (on & KF_ANY) == KF_ANY ? "any" : (on & KF_V1) ? "v1" : "v2";
}

static bool named(const struct args *a, const struct kf_fact *fact)
{
	for (char **n = a->names; *n; n++) {
		if (strcmp(*n, fact->name) == 0)
			return true;
	}
	return !*a->names;
}

static bool name_exists(const char *name)
{
	const struct kf_fact *fact;
	size_t t = 0, f = 0;

	while ((fact = next_fact(&t, &f))) {
		if (strcmp(fact->name, name) == 0)
			return true;
	}
	return false;
}

static bool selected(const struct args *a, const struct kf *kf, const struct kf_fact *fact)
{
	return named(a, fact) && (fact->on & (kf->v2 ? KF_V2 : KF_V1));
}

static void list(bool all)
{
	const struct kf_fact *fact;
	size_t t = 0, f = 0;

	while ((fact = next_fact(&t, &f))) {
		printf("%s\t%s%s\t%s", fact->name, on_words(fact->on),
		       fact->on & KF_MACHINE ? ", machine" : "", fact->text);
		if (all)
			printf("\t%s\t%s", fact->breaks, fact->legend ? fact->legend : "");
		printf("\n");
	}
}

static noreturn void run_fact(const struct kf_place *place, const struct kf_fact *fact,
			      const char *scratch)
{
	struct kf kf = place->kf;

	kf_scratch_make(place, scratch, fact->on, &kf.scratch);
	fact->run(&kf);
	fflush(stdout);
	_exit(0);
}

/* Waits for @pid, or for a signal that ends the runner. Signals are blocked. */
static enum verdict wait_fact(pid_t pid, int timeout_s)
{
	uint64_t end = now_us() + (uint64_t)timeout_s * 1000000, now;
	struct timespec left;
	sigset_t set;
	int status, sig;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		now = now_us();
		left.tv_sec = now < end ? (time_t)((end - now) / 1000000 + 1) : 0;
		left.tv_nsec = 0;
		sig = sigtimedwait(&set, NULL, &left);
		if (sig == SIGCHLD || (sig < 0 && now_us() < end))
			continue;
		if (sig < 0)
			printf("# still running after %d s\n", timeout_s);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return sig < 0 ? BROKEN : STOPPED;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		return SKIPPED;
	if (WIFSIGNALED(status))
		printf("# ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? HOLDS : BROKEN;
}

static enum verdict try_fact(const struct args *a, const struct kf_place *place,
			     const struct kf_fact *fact)
{
	enum verdict v;
	char scratch[64];
	pid_t pid;
	int r;

	*kf_words = (struct kf_words){ 0 };
	if ((fact->on & KF_MACHINE) && !a->machine) {
		snprintf(kf_words->skip, KF_WORDS, "changes the machine (--machine)");
		return SKIPPED;
	}
	snprintf(scratch, sizeof(scratch), "kernel-facts-%d", (int)getpid());
	pid = hog_fork();
	if (pid == 0)
		run_fact(place, fact, scratch);
	v = wait_fact(pid, a->timeout_s);
	r = kf_scratch_clear(place, scratch);
	if (r != 0) {
		printf("# %s/%s cannot be removed: %s\n", place->base.path, scratch, strerror(-r));
		v = v == STOPPED ? v : BROKEN;
	}
	return v;
}

static void print_verdict(int n, const struct kf_fact *fact, enum verdict v)
{
	if (kf_words->figure[0])
		printf("# figure: %s\n", kf_words->figure);
	if (kf_words->figure[0] && fact->legend)
		printf("# which is: %s\n", fact->legend);
	if (v == SKIPPED)
		printf("SKIP %s: %s\n", fact->name, kf_words->skip);
	printf("%sok %d - %s", v == BROKEN ? "not " : "", n, fact->name);
	if (v == SKIPPED)
		printf(" # SKIP %s", kf_words->skip);
	printf("\n");
	fflush(stdout);
}

static void print_head(const struct kf_place *place, int facts)
{
	struct utsname u;
	struct tm tm;
	char day[32];
	time_t now = time(NULL);

	uname(&u);
	gmtime_r(&now, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	printf("# kernel: %s\n# hierarchy: %s\n# date: %s\n# processors: %ld\n# machine: %s\n",
	       u.release, place->kf.v2 ? "v2" : "v1", day, sysconf(_SC_NPROCESSORS_ONLN),
	       place->kf.machine ? "own" : "shared");
	printf("1..%d\n", facts);
	fflush(stdout);
}

static int run_all(const struct args *a, const struct kf_place *place)
{
	const struct kf_fact *fact;
	int n = 0, held = 0, broken = 0;
	size_t t = 0, f = 0;
	enum verdict v;

	while ((fact = next_fact(&t, &f)))
		n += selected(a, &place->kf, fact);
	print_head(place, n);
	n = 0;
	t = f = 0;
	while ((fact = next_fact(&t, &f))) {
		if (!selected(a, &place->kf, fact))
			continue;
		v = try_fact(a, place, fact);
		if (v == STOPPED) {
			printf("Bail out! stopped by a signal\n");
			return 1;
		}
		print_verdict(++n, fact, v);
		held += v == HOLDS;
		broken += v == BROKEN;
	}
	printf("%d passed, %d failed, %d skipped\n", held, broken, n - held - broken);
	return broken > 0 ? 1 : held > 0 ? 0 : 77;
}

static void prepare(const struct args *a)
{
	sigset_t set;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* what a fact leaves behind is reaped here */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	kf_words = mmap(NULL, sizeof(*kf_words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (kf_words == MAP_FAILED)
		abort();
	if (!a->machine)
		return;
	/* where the machine itself runs out of memory, it must not be the runner that dies */
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "-1000", 5) != 5)
		printf("# oom_score_adj: %m\n");
	close(fd);
}

static int usage(FILE *to)
{
	fprintf(to, "usage: kernel-facts [--base=CGROUP] [--machine] [--timeout=SEC] [NAME]...\n"
		    "       kernel-facts --list | --describe\n"
		    "  --base      make scratch cgroups there (or OOMN_KERNEL_BASE)\n"
		    "  --machine   this machine may be changed and brought out of memory\n"
		    "              (or OOMN_KERNEL_MACHINE=1)\n"
		    "  --timeout   for one fact; 180\n");
	return to == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "base", required_argument, NULL, 'b' },
		{ "describe", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "list", no_argument, NULL, 'l' },
		{ "machine", no_argument, NULL, 'm' },
		{ "timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	const char *env = getenv("OOMN_KERNEL_MACHINE");
	struct args a = { .base = getenv("OOMN_KERNEL_BASE"), .timeout_s = 180 };
	struct kf_place place;
	char why[KF_WORDS] = "";
	int c;

	a.machine = env && strcmp(env, "1") == 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'b')
			a.base = optarg;
		else if (c == 'm')
			a.machine = true;
		else if (c == 't')
			a.timeout_s = (int)strtol(optarg, NULL, 10);
		else if (c == 'l' || c == 'd')
			return list(c == 'd'), 0;
		else
			return usage(c == 'h' ? stdout : stderr);
	}
	if (a.timeout_s <= 0)
		return usage(stderr);
	a.names = argv + optind;
	for (char **n = a.names; *n; n++) {
		if (!name_exists(*n)) {
			fprintf(stderr, "kernel-facts: no fact is called '%s', see --list\n", *n);
			return 2;
		}
	}
	prepare(&a);
	if (kf_place_find(&place, a.base, a.machine, why) != 0) {
		printf("1..0 # SKIP %s\n", why);
		return 77;
	}
	return run_all(&a, &place);
}
