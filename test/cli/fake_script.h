/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The script behind oomnotify-fake: what its host looks like and what happens there
 *
 * OOMNOTIFY_FAKE names a file of lines. Words are separated by blanks, `#` begins a comment, and
 * `\xHH` stands for a byte, as in the output. First the host, whatever is not said being in order:
 *
 *   host v1|v2|bare|none [namespace|part]
 *                                 where memory is; bare: nowhere; none: no cgroups (default: v2);
 *                                 whose the visible root is, if not that of the hierarchy
 *   cgroup PATH [id=N] [hierarchy=v1|v2] [at=PATH]     at: its nearest with memory files; -: none
 *   name WORD ERROR               resolving WORD fails
 *   new ERROR, add PATH ERROR     oomn_monitor_new() fails, oomn_monitor_add() of PATH fails (/: the host)
 *   queue N                       events that the monitor holds at most
 *   notice TEXT…                  oomn_monitor_get_notice() says so
 *   balance KIND [counted=N] [reported=N] [recounts=N] [unproven=N|unknown] [reasons=MASK]
 *   reasons MASK, late N          of the whole balance
 *
 * then what happens, in that order, as much with each oomn_monitor_dispatch() as stands before a `next`:
 *
 *   event kind=K [count=N|MIN..MAX] [cgroup=PATH] [id=N] [hierarchy=v1|v2] [removed] [unplaced]
 *         [limit=PATH] [limit-id=N] [limit-bytes=N] [or-above] [outside] [evidence=A,B]
 *         [realtime=NS] [boottime=NS] [usage=N] [swap=N] [swap-usage=N] [incident=N]
 *         [constraint=none|cpuset|mempolicy|memcg] [order=N] [total=N] [shared-with=PID]
 *         [trigger.F]… [victim.F]… [details.G]…
 *            F: pid=N, tid=N, ns-pid=N, uid=N, comm=NAME, start=NS, cgroup=PATH, cgroup-id=N,
 *            own-cgroup=PATH, own-cgroup-id=N, total-vm=N, anon=N, file=N, shmem=N, tables=N,
 *            exact, adj=N, cmdline=NAME
 *            G: pid=N, cmdline=NAME, exe=NAME, limit=N, usage=N, peak=N, anon=N, file=N, kernel=N,
 *            slab=N, sock=N, shmem=N, process=PID,COMM,RSS (for each), looked=N, more, timed-out
 *                                 details have no number of their own, as those of the program
 *   repeat N                      the event before it, N times more
 *   gone PATH                     the watch of PATH ends
 *   note TEXT…                    oomn_monitor_get_notice() says so from then on
 *   next                          the rest comes with the next dispatch
 *   wait FIFO                     the rest comes once a byte was written there
 *   signal FIFO                   writes a byte there: what is before was submitted
 *   fail ERROR                    oomn_monitor_dispatch() fails
 *   settle                        the rest comes with oomn_monitor_settle() only
 *   again N                       oomn_monitor_settle() wants to be called N times more, each time after
 *                                 a dispatch; before that it fails
 *   stuck                         oomn_monitor_settle() never comes to an end
 *
 * ERROR is an errno name or that of a HOST_E_* without its prefix.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/balance.h"
#include "core/event.h"
#include "source/host.h"

enum step_type {
	STEP_EVENT,
	STEP_GONE,
	STEP_NOTE,
	STEP_NEXT,
	STEP_WAIT,
	STEP_SIGNAL,
	STEP_FAIL,
	STEP_SETTLE,
	STEP_AGAIN,
	STEP_STUCK,
};

struct step {
	enum step_type type;
	struct oomn_event *event;
	char *text;
	uint64_t n;
	int error;
	struct step *next;
};

struct fake_cgroup {
	char *path;
	char *nearest; /* NULL: itself */
	uint64_t id;
	enum hierarchy hierarchy;
	struct fake_cgroup *next;
};

/* An error for a name: of resolving it, or of watching it. */
struct fake_error {
	char *name;
	bool of_add;
	int error;
	struct fake_error *next;
};

struct fake_script {
	bool v1, v2, no_cgroups;
	bool part, namespaced; /* the visible root has cgroups above it */
	struct fake_cgroup *cgroups;
	struct fake_error *errors;
	int new_error;
	size_t queue;
	char *notice;
	struct balance balance;
	struct step *steps;
};

/* A number, or "unknown". */
uint64_t fake_number(const char *text);
/* @text with its `\xHH` as bytes, on the heap. */
char *fake_bytes(const char *text);
/* Read once. A script that cannot be read ends the program with status 99. */
struct fake_script *fake_script(void);
__attribute__((noreturn, format(printf, 1, 2))) void fake_die(const char *format, ...);
