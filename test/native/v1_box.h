/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The real v1 hierarchy for tests: a scratch cgroup below our own, processes that run out of memory
 * in it, and the v1 source watching
 *
 * A failure fails the running cmocka test. Paths are relative to the scratch cgroup, "" is itself.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/engine.h"
#include "source/source.h"

#define BOX_LIMIT ((size_t)4 << 20) /* of most cgroups here; no limit is above 64 MiB */

struct box {
	struct cgroup_host host;
	char base[512]; /* the scratch cgroup in the file system */
	char top[512];  /* and its path from the visible root */
};

/* Makes the scratch cgroup; ends the program with status 77 and a reason where there can be none. */
void box_open(struct box *b);
/* Removes all that is left. */
void box_close(struct box *b);
/* A path in the file system, in a buffer that the next call but three takes again. */
const char *box_path(const struct box *b, const char *path, const char *file);
/* The path as events show it, likewise. */
const char *box_name(const struct box *b, const char *path);
void box_mkdir(const struct box *b, const char *path);
/* With a limit. */
void box_make(const struct box *b, const char *path, size_t limit);
void box_rmdir(const struct box *b, const char *path);
/* Removes it and all below it. */
void box_clear(const struct box *b, const char *path);
/* Removes all that a test left. */
void box_clear_all(const struct box *b);
void box_rename(const struct box *b, const char *from, const char *to);
/* Returns 0 or a negated errno. */
int box_write(const struct box *b, const char *path, const char *file, const char *text);
uint64_t box_key(const struct box *b, const char *path, const char *file, const char *key);
uint64_t box_id(const struct box *b, const char *path);

/* An eventfd of our own on @path's ooms, beside the source's. */
int box_listen(const struct box *b, const char *path);
/* How often it was signalled since the last call. */
uint64_t box_heard(int fd);
/* Waits until it is signalled, and closes it. */
void box_wait_heard(int fd);

/* A process in the cgroup @path that touches @bytes. Returns its pid. */
pid_t hog_start(const struct box *b, const char *path, size_t bytes);
/* Waits for it; true if it was killed by SIGKILL. */
bool hog_killed(pid_t pid);
/* One process runs over the limit and is killed. */
void box_oom(const struct box *b, const char *path);
/*
 * The same, and returns how often the kernel signalled an oom at @limit meanwhile: nearly always once.
 * A process that is killed can still fail one more charge on its way out.
 */
uint64_t box_oom_heard(const struct box *b, const char *path, const char *limit);

/* What came out of the source. */
struct seen {
	struct oomn_event *e;
	struct seen *next;
};

/* The v1 source in an epoll loop, as the monitor runs it. */
struct rig {
	const struct box *box;
	struct engine *engine;
	struct source *source;
	int epoll_fd;
	int timer_fd;
	uint64_t cookie;
	struct seen *first, *last;
	uint64_t rounds; /* of the loop so far */
};

void rig_open(struct rig *r, const struct box *b);
void rig_close(struct rig *r);
/* Watches @path (NULL: the whole host). Returns the cookie. */
uint64_t rig_watch(struct rig *r, const char *path, bool local, bool gone_all);
/* One round, which waits for @timeout_ms at most. Returns whether there was anything to do. */
bool rig_round(struct rig *r, int timeout_ms);
/* Rounds for as long as something is ready or due. */
void rig_catch_up(struct rig *r);
/* Rounds until @kind at @path was seen @count times in all, within 20 seconds. */
void rig_until(struct rig *r, enum event_kind kind, const char *path, uint64_t count);
/* Rounds for as long as it takes until the source waits for nothing, then settles. */
void rig_settle(struct rig *r);
/* What was seen of @kind at @path (NULL: anywhere). */
uint64_t rig_count(const struct rig *r, enum event_kind kind, const char *path);
/* The same where @limit (a path in the box) was told as the limit; NULL: none was told. */
uint64_t rig_count_limit(const struct rig *r, enum event_kind kind, const char *path,
			 const char *limit);
/* Fails unless the balance of @kind is even, and nothing is unproven. */
void rig_balanced(const struct rig *r, enum event_kind kind);
void rig_forget(struct rig *r);
/* Prints what was seen. */
void rig_show(const struct rig *r);
