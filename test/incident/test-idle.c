/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-idle [--level LEVEL]... OOMNOTIFY
 *
 * What a watch costs while nothing happens: no wakeup of the program in ten seconds, and no run of its
 * BPF programs but of the one at signal:signal_generate, which by design runs for each signal. Whose
 * programs they are is told by the descriptors that it holds; how often they ran, by the kernel
 * (kernel.bpf_stats_enabled, which belongs to the whole machine: this is for machines of our own).
 * At the end one oom shows that both figures would have told.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "play.h"
#include "watching.h"

#define PROGRAMS 16
#define SECONDS 10
#define SIGNALS 100
#define STATS "/proc/sys/kernel/bpf_stats_enabled"

struct program {
	uint32_t id;
	char name[BPF_OBJ_NAME_LEN];
	uint64_t runs;
};

struct sample {
	struct program programs[PROGRAMS];
	size_t n;
	uint64_t wakeups; /* it slept and then ran */
	uint64_t others;  /* another one was to run: only possible after a wakeup */
};

static size_t read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	(void)fd_close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static bool number_of(const char *text, const char *key, uint64_t *ret)
{
	const char *at = strstr(text, key);

	if (at)
		*ret = strtoull(at + strlen(key), NULL, 10);
	return at;
}

static void add_program(struct sample *s, uint32_t id)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	struct program *p = &s->programs[s->n];
	int fd;

	for (size_t i = 0; i < s->n; i++)
		if (s->programs[i].id == id)
			return;
	if (s->n == PROGRAMS)
		die("more programs than there is room for");
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		die("BPF program %u: %s", id, strerror(errno));
	(void)close(fd);
	p->id = id;
	p->runs = info.run_cnt;
	(void)snprintf(p->name, sizeof(p->name), "%s", info.name);
	s->n++;
}

/* Programs themselves and their links name their number in fdinfo. */
static void take_programs(struct sample *s, pid_t pid)
{
	char folder[64], path[512], text[2048];
	struct dirent *e;
	uint64_t id;
	DIR *dir;

	(void)snprintf(folder, sizeof(folder), "/proc/%d/fdinfo", (int)pid);
	dir = opendir(folder);
	if (!dir)
		die("%s: %s", folder, strerror(errno));
	while ((e = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if (e->d_name[0] != '.' && read_text(path, text, sizeof(text)) > 0 &&
		    number_of(text, "prog_id:", &id))
			add_program(s, (uint32_t)id);
	}
	(void)closedir(dir);
}

static void take(struct sample *s, pid_t pid)
{
	char path[64], text[4096];
	memset(s, 0, sizeof(*s));
	take_programs(s, pid);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (read_text(path, text, sizeof(text)) == 0 ||
	    !number_of(text, "\nvoluntary_ctxt_switches:", &s->wakeups) ||
	    !number_of(text, "\nnonvoluntary_ctxt_switches:", &s->others))
		die("%s cannot be read", path);
}

static void rest(time_t seconds)
{
	struct timespec left = { .tv_sec = seconds };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

#define BEGIN_S 30

/* Its beginning is over when it has slept for a whole second. */
static void take_begun(struct sample *s, pid_t pid)
{
	uint64_t last;
	int seconds = 0;

	take(s, pid);
	do {
		last = s->wakeups + s->others;
		rest(1);
		take(s, pid);
		if (++seconds == BEGIN_S)
			die("it never sleeps");
	} while (s->wakeups + s->others != last);
}

/* The sum over all programs whose name has @part, or over all others. */
static uint64_t runs(const struct sample *s, const char *part, bool with)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if ((strstr(s->programs[i].name, part) != NULL) == with)
			n += s->programs[i].runs;
	return n;
}

static void print_growth(const char *when, const struct sample *a, const struct sample *b)
{
	printf("%s, %s: %d wakeups, %d times preempted; runs:", level_name(stage.level), when,
	       (int)(b->wakeups - a->wakeups), (int)(b->others - a->others));
	for (size_t i = 0; i < b->n; i++)
		printf(" %s %d", b->programs[i].name,
		       (int)(b->programs[i].runs - a->programs[i].runs));
	printf("\n");
	(void)fflush(stdout);
}

static void set_stats(const char *on)
{
	int fd = open(STATS, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, on, 1) != 1)
		skip_all("kernel.bpf_stats_enabled cannot be set");
	(void)close(fd);
}

/* To ourselves, ignored; each is one signal generated. */
static void send_signals(void)
{
	(void)signal(SIGUSR1, SIG_IGN);
	for (int i = 0; i < SIGNALS; i++)
		(void)raise(SIGUSR1);
}

static void run(const struct play_args *args)
{
	struct watch_how how = { .program = stage.program, .source = stage.source };
	struct sample before, after, signals, oom;
	struct watching w;
	struct watch_end end;
	struct place top;
	uint64_t when_ns;

	(void)args;
	if (!level_bpf())
		skip_all("no BPF here");
	scratch_make(&stage.scratch, "i", false);
	scratch_limit(&stage.scratch, "i", 4 * MIB);
	place_of(&top, "");
	how.cgroup = top.path;
	set_stats("1");
	watching_start(&w, &how);
	take_begun(&before, w.pid);
	rest(SECONDS);
	take(&after, w.pid);
	print_growth("idle for 10 s", &before, &after);
	send_signals();
	take(&signals, w.pid);
	print_growth("100 signals", &after, &signals);
	(void)quick_kill("i", "eats", &when_ns);
	watching_until(&w, "kill", 1);
	take(&oom, w.pid);
	print_growth("one oom", &signals, &oom);
	watching_end(&w, &end);
	set_stats("0");
	if (before.n == 0)
		die("it has no BPF programs");
	if (after.wakeups != before.wakeups || after.others != before.others)
		die("it has woken up");
	if (runs(&after, "signal", false) != runs(&before, "signal", false) ||
	    runs(&signals, "signal", false) != runs(&after, "signal", false))
		die("a program has run without an oom");
	if (runs(&oom, "signal", false) == runs(&signals, "signal", false) ||
	    oom.wakeups == signals.wakeups)
		die("an oom did not show");
	watching_free(&w);
	scratch_remove(&stage.scratch, "i");
}

int main(int argc, char **argv)
{
	struct play_args args;

	play_parse(&args, argc, argv);
	play_levels(&args, run);
	return 0;
}
