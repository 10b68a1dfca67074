/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Who a process is, read while it exists, so that it can be told from all others when it is gone
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_id {
	uint32_t pid; /* in the caller's pid namespace */
	uint64_t start_ticks;
	/*
	 * A moment, CLOCK_BOOTTIME, at which nobody had killed it yet, and oom_kill of the host then. Of one
	 * that may have been killed already: when it began, and UINT64_MAX.
	 */
	uint64_t taken_ns;
	uint64_t host_kills;
};

/*
 * Reads it of process @pid from @proc, "/proc". Returns 0; -ESRCH; -EINVAL for a thread that is no process, or a
 * @pid below 1; -ENOENT: there is no @proc, or it is that of another pid namespace; -EACCES, -ENOMEM, -EMFILE, …
 */
int process_id_read(const char *proc, pid_t pid, struct process_id *ret);
/* The same by a pidfd. -EBADF; -EINVAL: not a pidfd; -ESRCH: waited for, or not to be seen from here. */
int process_id_read_pidfd(const char *proc, int pidfd, struct process_id *ret);

/* How this process sees others, and so itself. */
struct process_view {
	bool foreign;      /* in a pid namespace other than the initial one */
	int64_t offset_ns; /* its time namespace adds that to CLOCK_BOOTTIME */
	uint64_t hz;       /* ticks in a second, as in /proc */
};

/* What cannot be read is as if in a namespace of its own, or without an offset where there are none. */
void process_view_read(const char *proc, struct process_view *ret);

/* ---- Parsers ---- */

/* What is read of /proc/PID/stat and /proc/PID/status. */
struct process_stat {
	char state;
	uint64_t flags;
	uint64_t start_ticks;
};

/* Returns 0 or -EBADMSG. */
int process_stat_parse(const char *text, struct process_stat *ret);

struct process_status {
	uint64_t tgid;
	bool killed; /* SIGKILL is on its way to it */
	bool own_proc; /* there is one number in NSpid: this /proc is of the process's own pid namespace */
};

int process_status_parse(const char *text, struct process_status *ret);
/* Of /proc/self/fdinfo/N. Returns 0 and the pid, -1 or 0 among them; -EINVAL: not a pidfd's. */
int process_pidfd_parse(const char *text, int64_t *ret_pid);
/* Of /proc/self/timens_offsets. Returns 0 or -EBADMSG. */
int process_timens_parse(const char *text, int64_t *ret_ns);
