/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The v1 source on plain directories, where nothing can be registered and all is polled
 *
 *   T/cg/…/memory.oom_control     with the lines of the kernel's
 *   T/cg/…/cgroup.event_control   if the test makes it: takes the registration, and the test signals
 *   T/proc/vmstat                 the host's own count of kills
 *
 * Time is what the test says it is. What needs a kernel is in test/native.
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

#define ODD "a b\t\n\"'\\\033[31m\xff\xfe"

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

static void write_text(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail_msg("%s: %s", path, strerror(errno));
}

static void set_vmstat(struct fake *f, uint64_t kills)
{
	char path[128], text[128];

	f->kills = kills;
	snprintf(path, sizeof(path), "%s/proc/vmstat", f->top);
	snprintf(text, sizeof(text), "nr_free_pages 1\noom_kill %llu\n", (unsigned long long)kills);
	write_text(path, text);
}

static void set_control(struct fake *f, const char *cg, int disable, int under_oom, unsigned kills)
{
	char path[512], text[128];

	snprintf(path, sizeof(path), "%s/cg%s/memory.oom_control", f->top, cg);
	snprintf(text, sizeof(text), "oom_kill_disable %d\nunder_oom %d\noom_kill %u\n", disable,
		 under_oom, kills);
	write_text(path, text);
}

static void set_line(struct fake *f, const char *cg, unsigned kills)
{
	set_control(f, cg, 0, 0, kills);
}

static void make(struct fake *f, const char *cg)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/cg%s", f->top, cg);
	assert_int_equal(mkdir(path, 0755), 0);
	set_line(f, cg, 0);
}

/* One that can be registered. */
static void make_listening(struct fake *f, const char *cg)
{
	char path[512];

	make(f, cg);
	snprintf(path, sizeof(path), "%s/cg%s/cgroup.event_control", f->top, cg);
	write_text(path, "");
}

/* The eventfd that the source registered. */
static int registered(struct fake *f, const char *cg)
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

static void send_signal(int fd)
{
	assert_int_equal(write(fd, &(uint64_t){ 1 }, sizeof(uint64_t)), sizeof(uint64_t));
}

static void remove_cgroup(struct fake *f, const char *cg)
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
static struct rlimit keep_no_files_open(rlim_t eventfds)
{
	struct rlimit rl, old;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	rl = old;
	rl.rlim_cur = 64 + eventfds;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
	return old;
}

static void setup(struct fake *f)
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

static int unlink_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void start(struct fake *f)
{
	struct source_args args = { .host = &f->host };

	f->epoll_fd = args.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	f->engine = args.engine = engine_new(1024);
	assert_int_equal(source_v1_eventfd.open(&f->source, &args), 0);
}

static void stop(struct fake *f)
{
	if (f->source)
		f->source->ops->close(f->source);
	engine_free(f->engine);
	fd_close(f->epoll_fd);
}

static void teardown(struct fake *f)
{
	stop(f);
	cgroup_host_close(&f->host);
	assert_int_equal(nftw(f->top, unlink_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static int try_watch(struct fake *f, const char *cg, uint64_t cookie)
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

static void watch(struct fake *f, const char *cg)
{
	assert_int_equal(try_watch(f, cg, 1), 0);
}

/* What is ready, then what is due @later. */
static void go(struct fake *f, uint64_t later_ns)
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
static void wait_long(struct fake *f)
{
	for (int i = 0; i < 60; i++)
		go(f, 25 * NSEC_PER_MSEC);
}

static void expect(struct fake *f, enum event_kind kind, const char *cg, uint64_t count)
{
	_cleanup_event_ struct event *e = NULL;

	assert_int_equal(engine_next(f->engine, &e), 1);
	assert_int_equal(e->kind, kind);
	assert_string_equal(e->cgroup, cg);
	assert_int_equal(e->count_min, count);
	assert_int_equal(e->count_max, count);
}

static void expect_nothing(struct fake *f)
{
	struct event *e;

	assert_int_equal(engine_next(f->engine, &e), 0);
}

static struct balance balance_of(struct fake *f)
{
	struct balance b = { 0 };

	f->source->ops->balance(f->source, &b);
	return b;
}

static void settle(struct fake *f)
{
	while (f->source->ops->settle(f->source, f->now_ns) != 0)
		go(f, 10 * NSEC_PER_MSEC);
}

static void kills_are_polled(void **state)
{
	struct fake f;
	struct balance b;

	(void)state;
	setup(&f);
	make(&f, "/a");
	make(&f, "/a/b");
	set_line(&f, "/a", 3);
	start(&f);
	watch(&f, "/a");
	assert_non_null(f.source->ops->notice(f.source));
	wait_long(&f);
	expect_nothing(&f); /* what was there before */
	set_line(&f, "/a/b", 2);
	set_vmstat(&f, 102);
	wait_long(&f);
	expect(&f, EVENT_KILL, "/a/b", 2);
	expect_nothing(&f);
	b = balance_of(&f);
	assert_int_equal(balance_judge(&b, EVENT_MASK(EVENT_KILL)), BALANCE_BALANCED);
	assert_int_equal(balance_judge(&b, EVENT_MASK(EVENT_OOM)), BALANCE_UNPROVEN);
	assert_true(b.reasons == UNPROVEN_V1_POLLED);
	teardown(&f);
}

/* The lines are not read while the host counts no kill; settling reads them all. */
static void the_host_says_when_to_look(void **state)
{
	struct fake f;

	(void)state;
	setup(&f);
	make(&f, "/a");
	start(&f);
	watch(&f, "/a");
	set_line(&f, "/a", 1);
	wait_long(&f);
	expect_nothing(&f);
	settle(&f);
	expect(&f, EVENT_KILL, "/a", 1);
	teardown(&f);
}

static void without_vmstat_all_lines_are_read(void **state)
{
	char path[128];
	struct fake f;

	(void)state;
	setup(&f);
	make(&f, "/a");
	snprintf(path, sizeof(path), "%s/proc/vmstat", f.top);
	assert_int_equal(unlink(path), 0);
	start(&f);
	watch(&f, "/a");
	set_line(&f, "/a", 1);
	wait_long(&f);
	expect(&f, EVENT_KILL, "/a", 1);
	teardown(&f);
}

/* New ones count from 0, whenever they are found, and by the name they have then. */
static void appear_and_are_renamed(void **state)
{
	char from[128], to[128];
	struct fake f;

	(void)state;
	setup(&f);
	make(&f, "/a");
	start(&f);
	watch(&f, "/a");
	make(&f, "/a/new");
	make(&f, "/a/new/deep");
	set_line(&f, "/a/new/deep", 1);
	set_vmstat(&f, 101);
	wait_long(&f);
	expect(&f, EVENT_KILL, "/a/new/deep", 1);
	snprintf(from, sizeof(from), "%s/cg/a/new", f.top);
	snprintf(to, sizeof(to), "%s/cg/a/old", f.top);
	assert_int_equal(rename(from, to), 0);
	set_line(&f, "/a/old/deep", 2);
	set_vmstat(&f, 102);
	wait_long(&f);
	expect(&f, EVENT_KILL, "/a/old/deep", 1);
	expect_nothing(&f);
	teardown(&f);
}

/* The watched one is renamed: nothing says so, but events have the name that it has. */
static void the_watched_one_is_renamed(void **state)
{
	char from[128], to[128];
	struct fake f;

	(void)state;
	setup(&f);
	make(&f, "/p");
	make(&f, "/p/a");
	make(&f, "/p/a/b");
	start(&f);
	watch(&f, "/p/a");
	snprintf(from, sizeof(from), "%s/cg/p", f.top);
	snprintf(to, sizeof(to), "%s/cg/q", f.top);
	assert_int_equal(rename(from, to), 0);
	set_line(&f, "/q/a/b", 1);
	set_vmstat(&f, 101);
	wait_long(&f);
	expect(&f, EVENT_KILL, "/q/a/b", 1);
	expect_nothing(&f);
	teardown(&f);
}

static void rename_cgroup(struct fake *f, const char *from, const char *to)
{
	char old[512], new[512];

	snprintf(old, sizeof(old), "%s/cg%s", f->top, from);
	snprintf(new, sizeof(new), "%s/cg%s", f->top, to);
	assert_int_equal(rename(old, new), 0);
}

/* Nothing says that those above were renamed, and each is found by its name: none is taken for removed. */
static void all_above_are_renamed(void **state)
{
	struct rlimit old = keep_no_files_open(8);
	struct fake f;

	(void)state;
	setup(&f);
	make_listening(&f, "/g");
	make_listening(&f, "/g/p");
	make_listening(&f, "/g/p/o");
	make_listening(&f, "/g/p/o/a");
	make_listening(&f, "/g/p/o/a/b");
	start(&f);
	watch(&f, "/g/p/o/a");
	rename_cgroup(&f, "/g/p", "/g/q");
	rename_cgroup(&f, "/g", "/h");
	send_signal(registered(&f, "/h/q/o"));
	go(&f, 0);
	send_signal(registered(&f, "/h/q/o/a"));
	send_signal(registered(&f, "/h/q/o/a/b"));
	wait_long(&f);
	expect_nothing(&f);
	assert_int_equal(engine_watches(f.engine), 1);
	send_signal(registered(&f, "/h/q/o/a/b"));
	wait_long(&f);
	expect(&f, EVENT_OOM, "/h/q/o/a/b", 1);
	expect_nothing(&f);
	teardown(&f);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/* Out of descriptors for a while, even for those that are opened for a moment only. */
static void no_descriptor_for_a_while(void **state)
{
	struct rlimit old = keep_no_files_open(0);
	int held[128], n = 0;
	struct fake f;

	(void)state;
	setup(&f);
	make(&f, "/a");
	start(&f);
	watch(&f, "/a");
	make(&f, "/a/new");
	set_line(&f, "/a/new", 1);
	set_vmstat(&f, 101);
	while (n < 128 && (held[n] = dup(f.epoll_fd)) >= 0)
		n++;
	assert_in_range(n, 1, 127);
	wait_long(&f);
	expect_nothing(&f);
	while (n > 0)
		fd_close(held[--n]);
	wait_long(&f);
	wait_long(&f);
	expect(&f, EVENT_KILL, "/a/new", 1);
	expect_nothing(&f);
	assert_int_equal(engine_watches(f.engine), 1);
	assert_int_equal(balance_of(&f).kind[EVENT_KILL].unproven, 0);
	teardown(&f);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static unsigned inotify_queue_max(void)
{
	FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
	unsigned max = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%u", &max), 1);
	fclose(file);
	return max;
}

/* Who knows what came and went while the queue was full. */
static void an_overflow_hides(void **state)
{
	unsigned max = inotify_queue_max();
	char path[256];
	struct fake f;

	(void)state;
	setup(&f);
	make(&f, "/a");
	start(&f);
	watch(&f, "/a");
	snprintf(path, sizeof(path), "%s/cg/a/file", f.top);
	for (unsigned i = 0; i < max / 2 + 1; i++) {
		write_text(path, "");
		assert_int_equal(unlink(path), 0);
	}
	settle(&f);
	assert_false(balance_of(&f).reasons & UNPROVEN_V1_UNSEEN);
	set_vmstat(&f, 101);
	settle(&f);
	assert_true(balance_of(&f).reasons & UNPROVEN_V1_UNSEEN);
	teardown(&f);
}

/*
 * A cgroup and the one above it go, and that is seen before inotify's queue is read so far: what came and
 * went in it has still been seen.
 */
static void removed_with_what_was_never_seen(void **state)
{
	struct rlimit old = keep_no_files_open(3);
	char path[256];
	struct fake f;
	int fd;

	(void)state;
	setup(&f);
	make_listening(&f, "/a");
	make_listening(&f, "/a/d");
	start(&f);
	watch(&f, "/a");
	fd = registered(&f, "/a/d");
	snprintf(path, sizeof(path), "%s/cg/a/file", f.top);
	for (int i = 0; i < 500; i++) { /* more than is read in one round */
		write_text(path, "");
		assert_int_equal(unlink(path), 0);
	}
	make_listening(&f, "/a/d/x");
	remove_cgroup(&f, "/a/d/x");
	remove_cgroup(&f, "/a/d");
	send_signal(fd);
	wait_long(&f);
	assert_false(balance_of(&f).reasons & UNPROVEN_V1_UNSEEN);
	set_vmstat(&f, 101);
	settle(&f);
	assert_true(balance_of(&f).reasons & UNPROVEN_V1_UNSEEN);
	for (int k = 0; k < 5; k++)
		wait_long(&f);
	assert_true(f.source->ops->deadline(f.source) == UINT64_MAX);
	teardown(&f);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void overflow(void **state)
{
	unsigned max = inotify_queue_max();
	char path[256];
	struct fake f;

	(void)state;
	setup(&f);
	make(&f, "/a");
	start(&f);
	watch(&f, "/a");
	for (unsigned i = 0; i < max / 2 + 1; i++) {
		snprintf(path, sizeof(path), "%s/cg/a/%u", f.top, i & 1);
		assert_int_equal(mkdir(path, 0755), 0);
		assert_int_equal(rmdir(path), 0);
	}
	make(&f, "/a/lost");
	set_line(&f, "/a/lost", 1);
	set_vmstat(&f, 101);
	wait_long(&f); /* reads a part of the queue in each round */
	settle(&f);
	expect(&f, EVENT_KILL, "/a/lost", 1);
	expect_nothing(&f);
	teardown(&f);
}

/* Names of any bytes, and a path longer than a path may be. */
static void odd_and_long_names(void **state)
{
	char name[201], *want;
	size_t used;
	struct fake f;
	int fd;

	(void)state;
	setup(&f);
	make(&f, "/" ODD);
	start(&f);
	watch(&f, "/");
	memset(name, 'n', 200);
	name[200] = '\0';
	want = calloc(1, 32 * 201 + sizeof(ODD) + 2);
	assert_non_null(want);
	strcpy(want, "/" ODD);
	used = strlen(want);
	fd = open(f.top, O_PATH | O_CLOEXEC);
	assert_true(fd >= 0);
	for (int i = -1; i <= 30; i++) {
		int next = openat(fd, i < 0 ? "cg/" ODD : name, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (i >= 0) {
			want[used++] = '/';
			memcpy(want + used, name, 200);
			used += 200;
		}
		assert_true(next >= 0);
		fd_close(fd);
		fd = next;
		if (i < 30)
			assert_int_equal(mkdirat(fd, name, 0755), 0);
		if (i >= 0) {
			int line = openat(fd, "memory.oom_control", O_WRONLY | O_CREAT, 0644);

			assert_true(line >= 0);
			dprintf(line, "oom_kill_disable 0\nunder_oom 0\noom_kill %d\n", i == 30);
			fd_close(line);
		}
	}
	fd_close(fd);
	set_vmstat(&f, 101);
	wait_long(&f);
	expect(&f, EVENT_KILL, want, 1);
	expect_nothing(&f);
	free(want);
	stop(&f);
	cgroup_host_close(&f.host);
	{
		/* too long for a program that puts paths together */
		char command[128];

		snprintf(command, sizeof(command), "rm -rf %s", f.top);
		assert_int_equal(system(command), 0);
	}
}

/* Something is wrong with a line: nothing is made up, and it is said. */
static void a_line_that_is_none(void **state)
{
	char path[128];
	struct fake f;

	(void)state;
	setup(&f);
	make(&f, "/a");
	set_line(&f, "/a", 5);
	start(&f);
	watch(&f, "/");
	set_line(&f, "/a", 4);
	settle(&f);
	expect_nothing(&f);
	assert_true(balance_of(&f).reasons & UNPROVEN_UNREADABLE);
	set_line(&f, "/a", 6);
	settle(&f);
	expect(&f, EVENT_KILL, "/a", 1);
	stop(&f);
	start(&f);
	watch(&f, "/");
	assert_false(balance_of(&f).reasons & UNPROVEN_UNREADABLE);
	snprintf(path, sizeof(path), "%s/cg/a/memory.oom_control", f.top);
	write_text(path, "nonsense\n");
	settle(&f);
	expect_nothing(&f);
	assert_true(balance_of(&f).reasons & UNPROVEN_UNREADABLE);
	assert_true(balance_of(&f).kind[EVENT_KILL].unproven == UINT64_MAX);
	teardown(&f);
}

/* On the whole host, what vmstat counted and no line shows was in a cgroup that is gone. */
static void the_host_counts_what_is_gone(void **state)
{
	struct event *e;
	struct balance b;
	struct fake f;

	(void)state;
	setup(&f);
	make(&f, "/a");
	start(&f);
	watch(&f, "/");
	set_vmstat(&f, 103);
	set_line(&f, "/a", 1);
	set_line(&f, "", 1); /* the root's own */
	settle(&f);
	expect(&f, EVENT_KILL, "/", 1);
	expect(&f, EVENT_KILL, "/a", 1);
	assert_int_equal(engine_next(f.engine, &e), 1);
	assert_int_equal(e->kind, EVENT_KILL);
	assert_string_equal(e->cgroup, "/");
	assert_true(e->removed && e->below && e->evidence == EVIDENCE_VMSTAT);
	assert_int_equal(e->count_max, 1);
	event_free(e);
	settle(&f);
	expect_nothing(&f);
	b = balance_of(&f);
	assert_int_equal(balance_judge(&b, EVENT_MASK(EVENT_KILL)), BALANCE_BALANCED);
	assert_int_equal(b.kind[EVENT_KILL].counted, 3);
	teardown(&f);
}

/* Under oom for longer than a delivery takes, as 5.10 shows it now and then: nobody waits. */
static void under_oom_is_no_pause(void **state)
{
	struct fake f;

	(void)state;
	for (int disable = 0; disable < 2; disable++) {
		setup(&f);
		make_listening(&f, "/a");
		start(&f);
		watch(&f, "/a");
		set_control(&f, "/a", disable, 1, 0);
		send_signal(registered(&f, "/a"));
		wait_long(&f);
		expect(&f, EVENT_OOM, "/a", 1);
		if (disable)
			expect(&f, EVENT_PAUSED, "/a", 1);
		set_control(&f, "/a", disable, 0, 0);
		send_signal(registered(&f, "/a"));
		wait_long(&f);
		expect(&f, EVENT_OOM, "/a", 1);
		expect_nothing(&f); /* disabled alone is none, either */
		teardown(&f);
	}
}

/* Ooms are told 10 ms apart; a kill in between changes nothing unless an oom waits for it. */
static void a_kill_does_not_hurry_later_ooms(void **state)
{
	struct fake f;

	(void)state;
	setup(&f);
	make_listening(&f, "/a");
	start(&f);
	watch(&f, "/a");
	send_signal(registered(&f, "/a"));
	go(&f, 0);
	expect(&f, EVENT_OOM, "/a", 1);
	set_line(&f, "/a", 1);
	go(&f, 5 * NSEC_PER_MSEC);
	expect(&f, EVENT_KILL, "/a", 1);
	send_signal(registered(&f, "/a"));
	go(&f, NSEC_PER_MSEC);
	expect_nothing(&f);
	send_signal(registered(&f, "/a"));
	go(&f, 4 * NSEC_PER_MSEC);
	expect(&f, EVENT_OOM, "/a", 2);
	send_signal(registered(&f, "/a"));
	go(&f, NSEC_PER_MSEC);
	expect_nothing(&f);
	set_line(&f, "/a", 2);
	go(&f, 2 * NSEC_PER_MSEC);
	expect(&f, EVENT_OOM, "/a", 1);
	expect(&f, EVENT_KILL, "/a", 1);
	teardown(&f);
}

/* Takes an oom or the end of a cgroup below @top. Returns whether it was an oom. */
static bool take_below(struct fake *f, const char *top)
{
	_cleanup_event_ struct event *e = NULL;

	assert_int_equal(engine_next(f->engine, &e), 1);
	assert_true(e->kind == EVENT_OOM || e->kind == EVENT_GONE);
	assert_true(strcmp(e->cgroup, top) > 0);
	assert_int_equal(e->count_max, 1);
	return e->kind == EVENT_OOM;
}

/*
 * A top and what was below it go together, and the last signals come in any order, or never: its end is
 * told last, after all that happened below it.
 */
static void the_top_goes_last(void **state)
{
	static const int orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 0, -1, -1 }, { 0, 2, -1 } };
	struct rlimit old = keep_no_files_open(6);
	struct fake f;

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		int fds[3], ooms = 0;

		setup(&f);
		f.gone_all = true;
		make_listening(&f, "/a");
		make_listening(&f, "/a/b");
		make_listening(&f, "/a/b/c");
		start(&f);
		watch(&f, "/a");
		fds[0] = registered(&f, "/a");
		fds[1] = registered(&f, "/a/b");
		fds[2] = registered(&f, "/a/b/c");
		send_signal(fds[2]); /* an oom that is not looked at before all is over */
		remove_cgroup(&f, "/a/b/c");
		remove_cgroup(&f, "/a/b");
		remove_cgroup(&f, "/a");
		for (size_t k = 0; k < 3; k++) {
			if (orders[i][k] >= 0)
				send_signal(fds[orders[i][k]]);
			go(&f, 20 * NSEC_PER_MSEC);
		}
		for (int k = 0; k < 10; k++)
			wait_long(&f);
		for (int k = orders[i][1] > 0 ? 3 : 2; k > 0; k--)
			ooms += take_below(&f, "/a");
		assert_int_equal(ooms, orders[i][1] > 0);
		expect(&f, EVENT_GONE, "/a", 1);
		expect_nothing(&f);
		assert_int_equal(engine_watches(f.engine), 0);
		assert_true(f.source->ops->deadline(f.source) == UINT64_MAX);
		teardown(&f);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void errors(void **state)
{
	struct cgroup_at at = { .hierarchy = HIERARCHY_V2, .fd = -1 };
	struct source_target t = { .cookie = 1, .at = &at };
	struct source_probe probe;
	char path[128];
	struct fake f;

	(void)state;
	setup(&f);
	make(&f, "/a");
	start(&f);
	assert_int_equal(source_v1_eventfd.probe(&f.host, &probe), 0);
	assert_true(probe.usable && probe.why);
	assert_int_equal(f.source->ops->attach(f.source, &t), -EINVAL);
	watch(&f, "/a");
	assert_int_equal(try_watch(&f, "/a", 1), -EEXIST);
	assert_int_equal(f.source->ops->detach(f.source, 2), -ENOENT);
	snprintf(path, sizeof(path), "%s/cg/empty", f.top);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(try_watch(&f, "/empty", 2), -ENODEV);
	assert_int_equal(f.source->ops->detach(f.source, 1), 0);
	assert_true(f.source->ops->deadline(f.source) == UINT64_MAX);
	teardown(&f);
}

static int open_and_attach(void *arg)
{
	struct fake *f = arg;
	struct source_args args = { .host = &f->host,
				    .engine = f->engine,
				    .epoll_fd = f->epoll_fd };
	struct cgroup_at at = CGROUP_AT_NULL;
	struct source_target t = { .cookie = 1, .at = &at };
	struct source *s;
	int r;

	r = cgroup_host_resolve(&f->host, "/a", &at);
	if (r != 0)
		return r;
	r = source_v1_eventfd.open(&s, &args);
	if (r == 0) {
		r = s->ops->attach(s, &t);
		if (r < 0)
			s->ops->close(s);
		else
			f->source = s;
	}
	cgroup_at_close(&at);
	return r;
}

static void close_again(void *arg)
{
	struct fake *f = arg;

	f->source = f->source->ops->close(f->source);
}

static void no_memory_to_begin_with(void **state)
{
	struct fail_malloc_case c = { .run = open_and_attach, .undo = close_again };
	struct fake f;

	(void)state;
	setup(&f);
	make(&f, "/a");
	make(&f, "/a/b");
	make(&f, "/a/b/c");
	f.engine = engine_new(16);
	f.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c.ctx = &f;
	c.may_succeed = true; /* a directory that is not under inotify is listed now and then */
	assert_in_range(fail_malloc_each(&c), 10, 1000);
	teardown(&f);
}

/* Whatever fails meanwhile, in the end all is told. */
static void no_memory_later(void **state)
{
	bool failed = true;
	size_t nth;

	(void)state;
	for (nth = 1; failed; nth++)
		for (int how = 0; how < 4;
		     how++) { /* from there on or once, files kept open or not */
			struct rlimit old = keep_no_files_open(how & 2 ? 0 : 64);
			struct fake f;

			setup(&f);
			make(&f, "/a");
			start(&f);
			watch(&f, "/a");
			make(&f, "/a/new");
			make(&f, "/a/new/deep");
			set_line(&f, "/a", 1);
			set_line(&f, "/a/new/deep", 2);
			set_vmstat(&f, 103);
			fail_malloc_arm(nth, how & 1);
			go(&f, NSEC_PER_SEC);
			go(&f, NSEC_PER_SEC / 10);
			failed = fail_malloc_disarm();
			settle(&f);
			wait_long(&f);
			settle(&f);
			for (uint64_t told = 0; told < 3;) {
				_cleanup_event_ struct event *e = NULL;

				assert_int_equal(engine_next(f.engine, &e), 1);
				assert_int_equal(e->kind, EVENT_KILL);
				told += e->count_max;
				assert_true(told <= 3);
			}
			expect_nothing(&f);
			assert_int_equal(balance_of(&f).kind[EVENT_KILL].reported, 3);
			assert_int_equal(balance_of(&f).kind[EVENT_KILL].counted, 3);
			assert_int_equal(balance_of(&f).kind[EVENT_KILL].unproven, 0);
			teardown(&f);
			assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		}
	assert_in_range(nth, 5, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kills_are_polled),
		cmocka_unit_test(the_host_says_when_to_look),
		cmocka_unit_test(without_vmstat_all_lines_are_read),
		cmocka_unit_test(appear_and_are_renamed),
		cmocka_unit_test(the_watched_one_is_renamed),
		cmocka_unit_test(all_above_are_renamed),
		cmocka_unit_test(no_descriptor_for_a_while),
		cmocka_unit_test(removed_with_what_was_never_seen),
		cmocka_unit_test(overflow),
		cmocka_unit_test(an_overflow_hides),
		cmocka_unit_test(odd_and_long_names),
		cmocka_unit_test(a_line_that_is_none),
		cmocka_unit_test(the_host_counts_what_is_gone),
		cmocka_unit_test(under_oom_is_no_pause),
		cmocka_unit_test(a_kill_does_not_hurry_later_ooms),
		cmocka_unit_test(the_top_goes_last),
		cmocka_unit_test(errors),
		cmocka_unit_test(no_memory_to_begin_with),
		cmocka_unit_test(no_memory_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
