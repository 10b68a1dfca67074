/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The v1 source on plain directories, where nothing can be registered and all is polled. What needs a
 * kernel is in test/native.
 */
#include "v1_fake.h"

#include <sys/inotify.h>

#define ODD "a b\t\n\"'\\\033[31m\xff\xfe"

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
	struct oomn_event *e;
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

/* How often the directory behind the inotify descriptor @fd was opened to be listed. */
static unsigned listed(int fd)
{
	_Alignas(struct inotify_event) char buf[16384];
	unsigned times = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *ev = (const struct inotify_event *)(buf + at);

			times += (ev->mask & IN_OPEN) && ev->len == 0;
			at += (ssize_t)(sizeof(*ev) + ev->len);
		}
	return times;
}

/* Each is looked for under another name, as no file of it is held open: one listing is enough for all. */
static void many_go_at_once(void **state)
{
	enum { MANY = 100 };
	struct rlimit old = keep_no_files_open(0);
	_cleanup_close_ int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	char path[128], to[128];
	struct fake f;

	(void)state;
	setup(&f);
	f.gone_all = true;
	make(&f, "/a");
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "/a/%d", i);
		make(&f, path);
	}
	start(&f);
	watch(&f, "/a");
	snprintf(path, sizeof(path), "%s/cg/a", f.top);
	assert_true(inotify_add_watch(in, path, IN_OPEN | IN_CLOSE) >= 0);
	for (int i = 1; i < MANY; i++) {
		snprintf(path, sizeof(path), "/a/%d", i);
		remove_cgroup(&f, path);
	}
	snprintf(path, sizeof(path), "%s/cg/a/0", f.top);
	snprintf(to, sizeof(to), "%s/cg/a/new", f.top);
	assert_int_equal(rename(path, to), 0);
	wait_long(&f);
	settle(&f);
	for (int i = 1; i < MANY; i++) {
		_cleanup_event_ struct oomn_event *e = NULL;

		assert_int_equal(engine_next(f.engine, &e), 1);
		assert_int_equal(e->kind, EVENT_GONE);
		assert_string_not_equal(e->cgroup, "/a/new");
	}
	expect_nothing(&f);
	assert_in_range(listed(in), 1, 5);
	teardown(&f);
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
				_cleanup_event_ struct oomn_event *e = NULL;

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
		cmocka_unit_test(no_descriptor_for_a_while),
		cmocka_unit_test(overflow),
		cmocka_unit_test(an_overflow_hides),
		cmocka_unit_test(odd_and_long_names),
		cmocka_unit_test(a_line_that_is_none),
		cmocka_unit_test(the_host_counts_what_is_gone),
		cmocka_unit_test(many_go_at_once),
		cmocka_unit_test(errors),
		cmocka_unit_test(no_memory_to_begin_with),
		cmocka_unit_test(no_memory_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
