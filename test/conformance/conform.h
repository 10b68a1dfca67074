/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What the scenarios of listen-conform share: registering in either way, eventfds, checks, and the
 * table that comes of them
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/oomnotify.h"
#include "scratch.h"

enum result {
	SAME, /* as a v1 kernel does it */
	NEARLY,
	NO,
};

struct run {
	struct scratch s;
	bool kernel;
	struct oomn_monitor *monitor; /* !kernel */
	enum result result;           /* of the scenario that runs */
	const char *reason;           /* !SAME */
	bool bad, failed;             /* the scenario; any */
};

struct scenario {
	const char *ids;
	const char *what;
	void (*run)(struct run *r);
};
/* Both end with one without ids. */
extern const struct scenario oom_scenarios[], other_scenarios[];

void check(struct run *r, bool ok, const char *what);
void check_count(struct run *r, const char *who, uint64_t got, uint64_t wanted);
/* On v2 this was seen to be so, and cannot be otherwise: conformance list, section 5. */
void differs(struct run *r, enum result result, const char *reason);

int efd_new(int flags);
short efd_ready(int fd);
uint64_t efd_take(int fd);

struct oomn_monitor *monitor_make(uint32_t names);
/* Returns 0 or a negated errno. */
int write_event_control(const struct run *r, const char *path, int efd, const char *file,
			const char *args);
int try_listen(struct run *r, const char *path, int efd);
void listen_on(struct run *r, const char *path, int efd);
/* @swap: memory and swap together. Returns 0 or a negated errno. */
int try_threshold(struct run *r, const char *path, int efd, uint64_t bytes, bool swap);
/* @flags: OOMN_PRESSURE_HIERARCHY, _LOCAL */
int try_pressure(struct run *r, const char *path, int efd, uint32_t level, uint32_t flags);

/* Everything that was to be signalled until now has been, when this returns. */
void settle(struct run *r);
/* Polls as a program does until @fd was signalled, without a limit of time. */
uint64_t wait_signal(struct run *r, int fd);
/* To be made before any listener. */
int barrier_new(struct run *r, const char *path);
/* Removes @path, and returns when the signals for that have been given. */
void remove_and_settle(struct run *r, const char *path, int barrier);
