/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * idlewatch PID SECONDS: what a process does while nothing happens
 *
 * Three lines for each figure: NAME_before=, NAME_after= and NAME= (the difference). A wakeup is a
 * context switch at least: a process that slept through it all has none.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tool.h"

#define TEXT_MAX 8192
#define PID_LIMIT (1 << 22)

enum figure {
	VOLUNTARY,   /* context switches, of all threads */
	INVOLUNTARY, /* the same, when another one was to run */
	CPU_TICKS,   /* user and system time, in units of sysconf(_SC_CLK_TCK) */
	CPU_NS,      /* the same as the scheduler has it; absent without schedstats */
	RSS_KIB,
	HWM_KIB, /* the highest that rss_kib has been */
	FDS,
	FIGURES,
};

static const char *const names[FIGURES] = {
	"voluntary", "involuntary", "cpu_ticks", "cpu_ns", "rss_kib", "hwm_kib", "fds",
};

struct sample {
	long long of[FIGURES];
	bool has_cpu_ns;
};

/* Reads a file of /proc as text. Returns false if there is none. */
static bool read_text(int dir_fd, const char *file, char *text)
{
	_cleanup_close_ int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, TEXT_MAX - 1) : -1;

	if (n < 0)
		return false;
	text[n] = '\0';
	return true;
}

/* The number behind @key, which starts a line of @text. */
static long long value_of(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	if (!at)
		tool_die("/proc has no %s", key + 1);
	return strtoll(at + strlen(key), NULL, 10);
}

static void add_thread(int task_fd, const char *tid, struct sample *s)
{
	_cleanup_close_ int fd = openat(task_fd, tid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[TEXT_MAX];

	if (fd < 0 || !read_text(fd, "status", text))
		return; /* it has ended just now */
	s->of[VOLUNTARY] += value_of(text, "\nvoluntary_ctxt_switches:");
	s->of[INVOLUNTARY] += value_of(text, "\nnonvoluntary_ctxt_switches:");
	if (read_text(fd, "schedstat", text)) {
		s->has_cpu_ns = true;
		s->of[CPU_NS] += strtoll(text, NULL, 10);
	}
}

/* Calls @each, or only counts, for the entries of @folder but . and .. */
static long long for_entries(int proc_fd, const char *folder,
			     void (*each)(int, const char *, struct sample *), struct sample *s)
{
	int fd = openat(proc_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	long long n = 0;

	if (!dir)
		tool_die("the process has ended (%s: %s)", folder, strerror(errno));
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		if (each)
			each(fd, entry->d_name, s);
	}
	closedir(dir);
	return n;
}

/* utime and stime, fields 14 and 15; the name in parentheses may hold anything. */
static long long cpu_ticks(int proc_fd)
{
	char text[TEXT_MAX];
	char *at = read_text(proc_fd, "stat", text) ? strrchr(text, ')') : NULL;
	long long user;

	for (int field = 2; at && field < 14; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		tool_die("/proc has no stat of it");
	user = strtoll(at, &at, 10);
	return user + strtoll(at, NULL, 10);
}

static void take(int proc_fd, struct sample *ret)
{
	struct sample s = { 0 };
	char text[TEXT_MAX];

	for_entries(proc_fd, "task", add_thread, &s);
	s.of[FDS] = for_entries(proc_fd, "fd", NULL, NULL);
	if (!read_text(proc_fd, "status", text))
		tool_die("the process has ended");
	s.of[RSS_KIB] = value_of(text, "\nVmRSS:");
	s.of[HWM_KIB] = value_of(text, "\nVmHWM:");
	s.of[CPU_TICKS] = cpu_ticks(proc_fd);
	*ret = s;
}

int main(int argc, char **argv)
{
	struct timespec left;
	struct sample before, after;
	char path[32];
	uint64_t ns;
	int proc_fd;

	if (argc != 3) {
		fputs("usage: idlewatch PID SECONDS\n", stderr);
		return 2;
	}
	(void)snprintf(path, sizeof(path), "/proc/%u",
		       (unsigned)tool_number("PID", argv[1], 1, PID_LIMIT));
	ns = tool_seconds_ns(argv[2]);
	left = (struct timespec){ (time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC) };
	proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		tool_die("no process %s", argv[1]);

	take(proc_fd, &before);
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	take(proc_fd, &after);
	for (int i = 0; i < FIGURES; i++)
		if (i != CPU_NS || (before.has_cpu_ns && after.has_cpu_ns))
			printf("%s_before=%lld\n%s_after=%lld\n%s=%lld\n", names[i], before.of[i],
			       names[i], after.of[i], names[i], after.of[i] - before.of[i]);
	close(proc_fd);
	return 0;
}
