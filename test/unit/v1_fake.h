/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A v1 hierarchy of plain directories, and the v1 source on it
 *
 *   T/cg/…/memory.oom_control     with the lines of the kernel's
 *   T/cg/…/cgroup.event_control   takes the registration, and the test signals; or cannot be opened
 *   T/proc/vmstat                 the host's own count of kills
 *
 * Time is what the test says it is.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "fail_malloc.h"
#include "source/source.h"

struct fake {
	char top[64];
	struct cgroup_host host;
	struct engine *engine;
	struct source *source;
	int epoll_fd;
	uint64_t now_ns;
	uint64_t kills; /* on the whole host */
	bool gone_all;  /* how it is watched */
};

static inline void write_text(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail_msg("%s: %s", path, strerror(errno));
}

static inline void set_vmstat(struct fake *f, uint64_t kills)
{
	char path[128], text[128];

	f->kills = kills;
	snprintf(path, sizeof(path), "%s/proc/vmstat", f->top);
	snprintf(text, sizeof(text), "nr_free_pages 1\noom_kill %llu\n", (unsigned long long)kills);
	write_text(path, text);
}

static inline void set_control(struct fake *f, const char *cg, int disable, int under_oom,
			       unsigned kills)
{
	char path[512], text[128];

	snprintf(path, sizeof(path), "%s/cg%s/memory.oom_control", f->top, cg);
	snprintf(text, sizeof(text), "oom_kill_disable %d\nunder_oom %d\noom_kill %u\n", disable,
		 under_oom, kills);
	write_text(path, text);
}

static inline void set_line(struct fake *f, const char *cg, unsigned kills)
{
	set_control(f, cg, 0, 0, kills);
}

static inline void make(struct fake *f, const char *cg)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/cg%s", f->top, cg);
	assert_int_equal(mkdir(path, 0755), 0);
	set_line(f, cg, 0);
	strcat(path, "/cgroup.event_control");
	assert_int_equal(symlink("cgroup.event_control", path), 0);
}

/* One that can be registered. */
static inline void make_listening(struct fake *f, const char *cg)
{
	char path[512];

	make(f, cg);
	snprintf(path, sizeof(path), "%s/cg%s/cgroup.event_control", f->top, cg);
	assert_int_equal(unlink(path), 0);
	write_text(path, "");
}

/* The eventfd that the source registered. */
static inline int registered(struct fake *f, const char *cg)
{
	char path[512];
	int fd = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/cg%s/cgroup.event_control", f->top, cg);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &fd), 1);
	fclose(file);
	return fd;
}

static inline void send_signal(int fd)
{
	assert_int_equal(write(fd, &(uint64_t){ 1 }, sizeof(uint64_t)), sizeof(uint64_t));
}

static inline void remove_cgroup(struct fake *f, const char *cg)
{
	static const char *const files[] = { "/memory.oom_control", "/cgroup.event_control", "" };
	char path[512];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/cg%s%s", f->top, cg, files[i]);
		assert_int_equal(remove(path), 0);
	}
}

/*
 * A file that is removed can still be read where it is open, unlike the kernel's: with so few descriptors
 * the source keeps none open. Returns what the limit was.
 */
static inline struct rlimit keep_no_files_open(rlim_t eventfds)
{
	struct rlimit rl, old;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	rl = old;
	rl.rlim_cur = 64 + eventfds;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
	return old;
}

static inline void setup(struct fake *f)
{
	char path[128];

	*f = (struct fake){ .top = "/tmp/oomn-v1-XXXXXX", .host = CGROUP_HOST_NULL };
	assert_non_null(mkdtemp(f->top));
	snprintf(path, sizeof(path), "%s/proc", f->top);
	assert_int_equal(mkdir(path, 0755), 0);
	make(f, "");
	set_vmstat(f, 100);
	snprintf(path, sizeof(path), "%s/cg", f->top);
	assert_int_equal(cgroup_host_open_fake(&f->host, path, HIERARCHY_V1), 0);
	free(f->host.proc);
	assert_true(asprintf(&f->host.proc, "%s/proc", f->top) > 0);
	f->now_ns = clock_boottime_ns();
}

static inline int unlink_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void start(struct fake *f)
{
	struct source_args args = { .host = &f->host };

	f->epoll_fd = args.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	f->engine = args.engine = engine_new(1024);
	assert_int_equal(source_v1_eventfd.open(&f->source, &args), 0);
}

static inline void stop(struct fake *f)
{
	if (f->source)
		f->source->ops->close(f->source);
	engine_free(f->engine);
	fd_close(f->epoll_fd);
}

static inline void teardown(struct fake *f)
{
	stop(f);
	cgroup_host_close(&f->host);
	assert_int_equal(nftw(f->top, unlink_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline int try_watch(struct fake *f, const char *cg, uint64_t cookie)
{
	struct cgroup_at at = CGROUP_AT_NULL;
	struct source_target t = { .cookie = cookie, .at = &at, .gone_all = f->gone_all };
	struct watch w = { .cookie = cookie, .kinds = EVENT_MASK_ALL };
	int r;

	r = strcmp(cg, "/") == 0 ? cgroup_host_root(&f->host, &at)
				 : cgroup_host_resolve(&f->host, cg, &at);
	if (r != 0)
		return r < 0 ? r : -ENOENT;
	t.whole_host = strcmp(cg, "/") == 0;
	r = f->source->ops->attach(f->source, &t);
	w.path = at.path;
	if (r == 0)
		r = engine_watch_add(f->engine, &w);
	cgroup_at_close(&at);
	return r;
}

static inline void watch(struct fake *f, const char *cg)
{
	assert_int_equal(try_watch(f, cg, 1), 0);
}

/* What is ready, then what is due @later. */
static inline void go(struct fake *f, uint64_t later_ns)
{
	struct epoll_event ready[16];
	int n = epoll_wait(f->epoll_fd, ready, 16, 0);

	f->now_ns += later_ns;
	for (int i = 0; i < n; i++) {
		struct source_io *io = ready[i].data.ptr;

		assert_int_equal(io->ready(io, ready[i].events, f->now_ns), 0);
	}
	while (f->source->ops->deadline(f->source) <= f->now_ns)
		assert_int_equal(f->source->ops->run(f->source, f->now_ns), 0);
}

/* A second and a half: longer than any wait of the source. */
static inline void wait_long(struct fake *f)
{
	for (int i = 0; i < 60; i++)
		go(f, 25 * NSEC_PER_MSEC);
}

static inline void expect(struct fake *f, enum event_kind kind, const char *cg, uint64_t count)
{
	_cleanup_event_ struct oomn_event *e = NULL;

	assert_int_equal(engine_next(f->engine, &e), 1);
	assert_int_equal(e->kind, kind);
	assert_string_equal(e->cgroup, cg);
	assert_int_equal(e->count_min, count);
	assert_int_equal(e->count_max, count);
}

static inline void expect_nothing(struct fake *f)
{
	struct oomn_event *e;

	assert_int_equal(engine_next(f->engine, &e), 0);
}

static inline struct balance balance_of(struct fake *f)
{
	struct balance b = { 0 };

	f->source->ops->balance(f->source, &b);
	return b;
}

static inline void settle(struct fake *f)
{
	while (f->source->ops->settle(f->source, f->now_ns) != 0)
		go(f, 10 * NSEC_PER_MSEC);
}
