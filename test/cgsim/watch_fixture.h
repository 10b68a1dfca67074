/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* The monitor on a fake tree, and what it told as lines of text. All of it fails the running test. */
#include "fake_tree.h"
#include "lib/monitor.h"

struct fixture {
	struct fake_tree ft;
	struct oomn_monitor *m;
	uint64_t cookie;
	char text[8192]; /* what was told since it was last compared */
};

int setup(void **state);
int teardown(void **state);
/* Returns as monitor_add(). An empty @path is the whole host. */
int watch_flags(struct fixture *f, const char *path, unsigned flags);
void watch(struct fixture *f, const char *path);
void take_events(struct fixture *f);
/* Lets the monitor work until it has been quiet for a while. */
void work(struct fixture *f);
/* The same, and compares what was told since the last time. */
void told(struct fixture *f, const char *wanted);
struct balance settle(struct fixture *f);
void balanced(struct fixture *f);
