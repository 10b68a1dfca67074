/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Source of the notifier on cgroup v1: the kernel's own
 *
 * The kernel signals the listener's eventfd itself, so no oom passes through here. What does is the
 * end: the kernel signals each registration of a removed cgroup once more, and nothing in that
 * signal tells it from an oom. So each cgroup gets one registration that can mean nothing else: a
 * usage threshold that no usage reaches. It is made before any listener's, and the kernel works
 * through a cgroup's registrations from the newest to the oldest: once it has fired, all listeners
 * have got theirs (test/conformance/listen-conform checks this with 300 of them).
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/listener.h"
#include "source/host.h"

struct v1_notifier;
struct v1_cgroup;

enum {
	V1_NOTIFIER_E_QUOTA = 1,
};

struct v1_notifier_args {
	int epoll_fd;                   /* borrowed; its data.ptr is a struct source_io */
	const struct cgroup_host *host; /* borrowed */
	struct registry *registry;      /* borrowed; learns of removals, never of ooms */
	size_t cgroups_max;
};

/* Returns 0 or -ENOMEM. */
int v1_notifier_open(struct v1_notifier **ret, const struct v1_notifier_args *args);
struct v1_notifier *v1_notifier_close(struct v1_notifier *n);
/*
 * From here on the removal of @at is told to the registry. Each call needs its own
 * v1_notifier_release(). Returns 0, V1_NOTIFIER_E_QUOTA, or -EINVAL (the root of the hierarchy),
 * -ENODEV (gone), -EACCES (cgroup.event_control is for root alone since 6.18), -EOPNOTSUPP
 * (PREEMPT_RT kernels have no notifier), -EMFILE, …
 */
int v1_notifier_hold(struct v1_notifier *n, const struct cgroup_at *at, struct v1_cgroup **ret);
void v1_notifier_release(struct v1_notifier *n, struct v1_cgroup *c);
/*
 * Has the kernel signal @eventfd for what @file tells, such as "memory.oom_control", with @args as that file
 * takes them, from now on until its last close or the end of the cgroup: nothing else ends that. Returns as
 * v1_notifier_hold(); -EOPNOTSUPP also where there is no such file.
 */
int v1_notifier_register(struct v1_cgroup *c, int eventfd, const char *file, const char *args);
/* Whether the cgroup @id is held: then v1_notifier_hold() needs no path. */
bool v1_notifier_knows(const struct v1_notifier *n, uint64_t id);
/*
 * Whether the directory is gone. The kernel's last signals come some 20 ms after that, and the
 * registry is told when they have.
 */
bool v1_notifier_removing(const struct v1_cgroup *c);
