/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmstat, then the time, then stat, then status: in that order
 *
 * What is told of a process later rests on that nothing had killed it at `taken`. The kernel counts a kill, then
 * sends SIGKILL, with the victim's task_lock held (mm/oom_kill.c, __oom_kill_process()). To read status takes
 * the same lock (fs/proc/array.c, proc_pid_status(): get_task_mm()) before it looks at the pending signals. So if
 * the count of a kill was in vmstat, the signal is in status, or the process is a zombie by then, or ending
 * (PF_EXITING). One case is not covered: that of a process that shares a victim's memory and is sent its signal
 * just after the victim was counted. With BPF that does not matter: its record comes with the signal.
 *
 * All is read through one descriptor of /proc/PID: it stays that process's, whoever gets the number next.
 */
#include "source/process_id.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digits.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text_file.h"
#include "source/vmstat.h"

#define TEXT_MAX 65536 /* status lists all supplementary groups */
#define PF_EXITING 0x4 /* include/linux/sched.h */
#define FIELD_FLAGS 9  /* proc(5), stat; comm is 2, state 3 */
#define FIELD_START 22

int process_stat_parse(const char *text, struct process_stat *ret)
{
	const char *p = strrchr(text, ')'); /* comm may hold anything, these too */
	struct process_stat s = { 0 };

	if (!p || p[1] != ' ' || p[2] < 'A' || p[3] != ' ')
		return -EBADMSG;
	s.state = p[2];
	p += 3;
	for (int field = 4; field <= FIELD_START; field++) {
		uint64_t v;

		p += *p == ' ' && p[1] == '-' ? 2 : *p == ' ';
		if (digits_parse(p, UINT64_MAX, &v, &p) != 0 || *p != ' ')
			return -EBADMSG;
		if (field == FIELD_FLAGS)
			s.flags = v;
		s.start_ticks = v;
	}
	*ret = s;
	return 0;
}

/* What follows @key and its blanks, at the beginning of a line; NULL if there is no such line. */
static const char *value_of(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) == 0)
			return line + n + strspn(line + n, " \t");
	}
	return NULL;
}

static bool has_sigkill(const char *mask)
{
	char *end;
	unsigned long long v = mask ? strtoull(mask, &end, 16) : 0;

	return v & (1ULL << (SIGKILL - 1));
}

int process_status_parse(const char *text, struct process_status *ret)
{
	const char *tgid = value_of(text, "Tgid:");
	const char *own = value_of(text, "SigPnd:"), *shared = value_of(text, "ShdPnd:");
	const char *ns = value_of(text, "NSpid:");
	struct process_status s = { 0 };
	const char *end;

	if (!tgid || !own || !shared || digits_parse(tgid, UINT32_MAX, &s.tgid, &end) != 0)
		return -EBADMSG;
	s.killed = has_sigkill(own) || has_sigkill(shared);
	if (ns)
		ns += strspn(ns, DIGITS);
	s.own_proc = ns && (*ns == '\n' || *ns == '\0');
	*ret = s;
	return 0;
}

int process_pidfd_parse(const char *text, int64_t *ret_pid)
{
	const char *p = value_of(text, "Pid:"), *end;
	uint64_t v;

	if (!p)
		return -EINVAL;
	if (strncmp(p, "-1", 2) == 0) {
		*ret_pid = -1;
		return 0;
	}
	if (digits_parse(p, INT32_MAX, &v, &end) != 0)
		return -EINVAL;
	*ret_pid = (int64_t)v;
	return 0;
}

int process_timens_parse(const char *text, int64_t *ret_ns)
{
	const char *p = value_of(text, "boottime"), *end;
	bool minus = p && *p == '-';
	uint64_t s, ns;

	if (!p || digits_parse(p + minus, INT64_MAX / NSEC_PER_SEC - 1, &s, &end) != 0)
		return -EBADMSG;
	end += strspn(end, " \t");
	if (digits_parse(end, NSEC_PER_SEC - 1, &ns, &end) != 0)
		return -EBADMSG;
	/* -1.5 s is written as -2 and 500,000,000. */
	*ret_ns = (minus ? -(int64_t)s : (int64_t)s) * (int64_t)NSEC_PER_SEC + (int64_t)ns;
	return 0;
}

static uint64_t ticks_per_second(void)
{
	long hz = sysconf(_SC_CLK_TCK);

	return hz > 0 ? (uint64_t)hz : 100;
}

/* A process that ends between the open and the read gives ESRCH there, and ENOENT before. */
static int no_process(int r)
{
	return r == -ENOENT ? -ESRCH : r;
}

static int read_status(int dir, struct process_status *ret)
{
	_cleanup_free_ char *text = NULL;
	int r = text_file_read(dir, "status", TEXT_MAX, &text, NULL);

	return r < 0 ? no_process(r) : process_status_parse(text, ret);
}

static int read_stat(int dir, struct process_stat *ret)
{
	_cleanup_free_ char *text = NULL;
	int r = text_file_read(dir, "stat", TEXT_MAX, &text, NULL);

	return r < 0 ? no_process(r) : process_stat_parse(text, ret);
}

/* Whether @proc is of our own pid namespace: another one's has other processes under the same numbers. */
static int check_proc(const char *proc)
{
	_cleanup_close_ int dir = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int self = dir < 0 ? -1 : openat(dir, "self", O_PATH | O_CLOEXEC);
	struct process_status s;
	int r;

	if (self < 0)
		return errno_neg();
	r = read_status(self, &s);
	if (r < 0)
		return r == -ESRCH ? -ENOENT : r;
	return s.own_proc ? 0 : -ENOENT;
}

static int open_process(const char *proc, pid_t pid)
{
	char path[32];
	_cleanup_close_ int dir = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (dir < 0)
		return errno_neg();
	(void)snprintf(path, sizeof(path), "%d", (int)pid);
	fd = openat(dir, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? no_process(errno_neg()) : fd;
}

int process_id_read(const char *proc, pid_t pid, struct process_id *ret)
{
	struct process_id id = { .pid = (uint32_t)pid, .host_kills = UINT64_MAX };
	_cleanup_close_ int dir = -1;
	struct process_status status;
	struct process_stat stat;
	uint64_t kills;
	int r;

	if (pid < 1)
		return -EINVAL;
	r = check_proc(proc);
	if (r < 0)
		return r;
	dir = open_process(proc, pid);
	if (dir < 0)
		return dir;
	r = vmstat_kills(proc, &kills);
	if (r == 0)
		id.host_kills = kills;
	else if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return r;
	id.taken_ns = clock_boottime_ns();
	r = read_stat(dir, &stat);
	if (r == 0)
		r = read_status(dir, &status);
	if (r < 0)
		return r;
	if (status.tgid != id.pid)
		return -EINVAL;
	id.start_ticks = stat.start_ticks;
	if (status.killed || stat.state == 'Z' || stat.state == 'X' || stat.flags & PF_EXITING) {
		id.taken_ns = stat.start_ticks * (NSEC_PER_SEC / ticks_per_second());
		id.host_kills = UINT64_MAX;
	}
	*ret = id;
	return 0;
}

static int pid_of(const char *proc, int pidfd, pid_t *ret)
{
	_cleanup_close_ int dir = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	char path[64];
	int64_t pid;
	int r;

	if (dir < 0)
		return errno_neg();
	(void)snprintf(path, sizeof(path), "thread-self/fdinfo/%d", pidfd);
	r = text_file_read(dir, path, TEXT_MAX, &text, NULL);
	if (r == 0)
		r = process_pidfd_parse(text, &pid);
	if (r < 0)
		return r;
	if (pid < 1)
		return -ESRCH;
	*ret = (pid_t)pid;
	return 0;
}

int process_id_read_pidfd(const char *proc, int pidfd, struct process_id *ret)
{
	struct process_id id;
	pid_t pid = 0, again = 0;
	int r;

	if (pidfd < 0 || fcntl(pidfd, F_GETFD) < 0)
		return -EBADF;
	r = pid_of(proc, pidfd, &pid);
	if (r == 0)
		r = process_id_read(proc, pid, &id);
	/* The number is this process's until it is waited for, and that had not happened yet: */
	if (r == 0)
		r = pid_of(proc, pidfd, &again);
	if (r == 0)
		*ret = id;
	return r;
}

void process_view_read(const char *proc, struct process_view *ret)
{
	static const char initial[] =
		"pid:[4026531836]"; /* include/linux/proc_ns.h, PROC_PID_INIT_INO */
	struct process_view v = { .foreign = true, .hz = ticks_per_second() };
	_cleanup_close_ int dir = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	char ns[64];
	ssize_t n;

	n = dir < 0 ? -1 : readlinkat(dir, "self/ns/pid", ns, sizeof(ns));
	if (n == (ssize_t)strlen(initial) && memcmp(ns, initial, (size_t)n) == 0)
		v.foreign = false;
	if (dir >= 0 && text_file_read(dir, "self/timens_offsets", TEXT_MAX, &text, NULL) == 0)
		(void)process_timens_parse(text, &v.offset_ns);
	*ret = v;
}
