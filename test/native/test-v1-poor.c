/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The v1 source on the real hierarchy with less than it would like to have: rights, descriptors,
 * inotify watches
 */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "v1_box.h"

#define NOBODY 65534

static struct box box;

static struct balance balance_of(const struct rig *r)
{
	struct balance b = { 0 };

	r->source->ops->balance(r->source, &b);
	return b;
}

static bool anybody_may_register(void)
{
	struct stat st;

	assert_int_equal(stat(box_path(&box, "", "cgroup.event_control"), &st), 0);
	return st.st_mode & 0002;
}

/* A cgroup in which only root may register, as in every one since 6.18. */
static void make_readable(const char *path, bool may)
{
	box_make(&box, path, BOX_LIMIT);
	if (!may)
		assert_int_equal(chmod(box_path(&box, path, "cgroup.event_control"), 0200), 0);
}

/* Who may only read: kills are found by looking once a second, and what is not seen is said. */
static void watch_as_nobody(bool may)
{
	struct source_probe probe;
	uint64_t ooms;
	struct rig r;

	if (!may)
		assert_int_equal(chmod(box_path(&box, "", "cgroup.event_control"), 0200), 0);
	make_readable("a", may);
	make_readable("b", may);
	box_oom(&box, "a");
	assert_int_equal(seteuid(NOBODY), 0);
	rig_open(&r, &box);
	assert_int_equal(source_v1_eventfd.probe(&box.host, &probe), 0);
	assert_true(probe.usable);
	rig_watch(&r, "", false, false);
	assert_true(may == !r.source->ops->notice(r.source));
	assert_int_equal(seteuid(0), 0);
	ooms = box_oom_heard(&box, "a", "a");
	make_readable("c", may);
	assert_int_equal(seteuid(NOBODY), 0);
	rig_catch_up(&r); /* seen before its kill: none there can have been missed */
	assert_int_equal(seteuid(0), 0);
	ooms += box_oom_heard(&box, "b", "b");
	box_oom(&box, "c");
	assert_int_equal(seteuid(NOBODY), 0);
	rig_until(&r, EVENT_KILL, "a", 1);
	rig_until(&r, EVENT_KILL, "b", 1);
	rig_until(&r, EVENT_KILL, "c", 1);
	rig_settle(&r);
	assert_int_equal(rig_count(&r, EVENT_KILL, NULL), 3);
	rig_balanced(&r, EVENT_KILL);
	if (may)
		assert_int_equal(rig_count(&r, EVENT_OOM, "a") + rig_count(&r, EVENT_OOM, "b"),
				 ooms);
	else
		assert_int_equal(rig_count_limit(&r, EVENT_KILL, NULL, NULL), 3);
	assert_true(may == !(balance_of(&r).reasons & UNPROVEN_V1_POLLED));
	assert_true(may || balance_of(&r).kind[EVENT_OOM].unproven == UINT64_MAX);
	rig_close(&r);
	assert_int_equal(seteuid(0), 0);
}

static void as_nobody(void **state)
{
	struct source_probe probe;
	bool may = anybody_may_register();

	(void)state;
	print_message("uid %d may %s\n", NOBODY, may ? "register" : "only read");
	watch_as_nobody(may);
	assert_int_equal(seteuid(NOBODY), 0);
	assert_int_equal(source_v1_eventfd.probe(&box.host, &probe), 0);
	assert_int_equal(seteuid(0), 0);
	assert_true(may == !probe.why);
}

/* The polled way, on kernels that let anybody register, too. */
static void as_nobody_who_may_only_read(void **state)
{
	mode_t mode = anybody_may_register() ? 0222 : 0200;

	(void)state;
	watch_as_nobody(false);
	assert_int_equal(chmod(box_path(&box, "", "cgroup.event_control"), mode), 0);
}

/* The end of a cgroup that is only looked at. */
static void gone_as_nobody(void **state)
{
	struct rig r;

	(void)state;
	box_make(&box, "a", BOX_LIMIT);
	assert_int_equal(seteuid(NOBODY), 0);
	rig_open(&r, &box);
	rig_watch(&r, "a", false, false);
	rig_watch(&r, "", false, true);
	assert_int_equal(seteuid(0), 0);
	box_rmdir(&box, "a");
	rig_until(&r, EVENT_GONE, "a", 1);
	assert_int_equal(engine_watches(r.engine), 1);
	rig_settle(&r);
	assert_int_equal(rig_count(&r, EVENT_GONE, NULL), 1);
	rig_close(&r);
}

static void no_right_to_look(void **state)
{
	struct cgroup_at at = CGROUP_AT_NULL;
	struct source_target t = { .cookie = 1, .at = &at };
	struct rig r;

	(void)state;
	box_mkdir(&box, "a");
	assert_int_equal(chmod(box_path(&box, "a", "memory.oom_control"), 0600), 0);
	assert_int_equal(cgroup_host_resolve(&box.host, box_path(&box, "a", ""), &at), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	rig_open(&r, &box);
	assert_int_equal(r.source->ops->attach(r.source, &t), -EACCES);
	rig_close(&r);
	assert_int_equal(seteuid(0), 0);
	cgroup_at_close(&at);
}

/* A cgroup below the watched one that may not even be entered: said at once, with its name and why. */
static void no_right_to_enter(void **state)
{
	const char *notice;
	struct rig r;

	(void)state;
	box_make(&box, "a", BOX_LIMIT);
	box_make(&box, "b", BOX_LIMIT);
	assert_int_equal(chmod(box_path(&box, "a", ""), 0700), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	notice = r.source->ops->notice(r.source);
	assert_non_null(notice);
	assert_non_null(strstr(notice, box_name(&box, "a")));
	assert_non_null(strstr(notice, strerror(EACCES)));
	assert_true(balance_of(&r).reasons & UNPROVEN_UNREADABLE);
	rig_close(&r);
	assert_int_equal(seteuid(0), 0);
}

/* Mounted read-only, as containers have it: that is the reason, and not the rights of who asks. */
static void mounted_read_only(void **state)
{
	_cleanup_close_ int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	struct source_probe probe;
	struct box ro = box;
	struct rig r;

	(void)state;
	box_make(&box, "a", BOX_LIMIT);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(NULL, box.host.v1.where, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0) {
		print_message("skipped: no mount namespace here: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(cgroup_host_open(&ro.host, "/proc"), 0);
	assert_int_equal(source_v1_eventfd.probe(&ro.host, &probe), 0);
	assert_true(probe.usable && strstr(probe.why, "read-only"));
	rig_open(&r, &ro);
	rig_watch(&r, "a", false, false);
	assert_non_null(strstr(r.source->ops->notice(r.source), "read-only"));
	rig_close(&r);
	cgroup_host_close(&ro.host);
	assert_int_equal(setns(ns, CLONE_NEWNS), 0);
}

/* A watch of what was removed meanwhile. */
static void gone_before_it_is_watched(void **state)
{
	struct cgroup_at at = CGROUP_AT_NULL;
	struct source_target t = { .cookie = 1, .at = &at };
	struct rig r;

	(void)state;
	box_mkdir(&box, "a");
	assert_int_equal(cgroup_host_resolve(&box.host, box_path(&box, "a", ""), &at), 0);
	rig_open(&r, &box);
	box_rmdir(&box, "a");
	assert_int_equal(r.source->ops->attach(r.source, &t), -ENODEV);
	box_mkdir(&box, "a");
	assert_int_equal(r.source->ops->attach(r.source, &t), -ENODEV);
	assert_int_equal(r.source->ops->detach(r.source, 1), -ENOENT);
	rig_watch(&r, "a", false, false);
	rig_close(&r);
	cgroup_at_close(&at);
}

static rlim_t limit_descriptors(rlim_t n)
{
	struct rlimit rl;
	rlim_t old;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
	old = rl.rlim_cur;
	rl.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
	return old;
}

static void make_many(int n)
{
	char path[32];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "c%d", i);
		box_make(&box, path, BOX_LIMIT);
	}
}

/* An oom in each third of the cgroups, and in one made later. */
static uint64_t oom_in_many(struct rig *r, int n, uint64_t *heard)
{
	char path[32];
	uint64_t kills = 1;

	*heard = 0;
	for (int i = 0; i < n; i += 3, kills++) {
		snprintf(path, sizeof(path), "c%d", i);
		*heard += box_oom_heard(&box, path, path);
		rig_catch_up(r);
	}
	box_make(&box, "late", BOX_LIMIT);
	rig_catch_up(r);
	*heard += box_oom_heard(&box, "late", "late");
	rig_settle(r);
	for (int i = 0; i < n; i += 3) {
		snprintf(path, sizeof(path), "c%d", i);
		assert_int_equal(rig_count(r, EVENT_KILL, path), 1);
	}
	assert_int_equal(rig_count(r, EVENT_KILL, "late"), 1);
	return kills;
}

/* Not two descriptors for each, but one: all is told. */
static void few_descriptors(void **state)
{
	enum { CGROUPS = 60 };
	rlim_t old = limit_descriptors(64 + CGROUPS + 30);
	uint64_t ooms, kills;
	struct rig r;

	(void)state;
	make_many(CGROUPS);
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	assert_non_null(r.source->ops->notice(r.source));
	kills = oom_in_many(&r, CGROUPS, &ooms);
	assert_int_equal(rig_count(&r, EVENT_OOM, NULL), ooms);
	assert_int_equal(rig_count(&r, EVENT_KILL, NULL), kills);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	limit_descriptors(old);
}

/* Without a descriptor on each, a cgroup is known by its number, not by the name. */
static void replaced_with_few_descriptors(void **state)
{
	enum { CGROUPS = 20 };
	rlim_t old = limit_descriptors(64 + CGROUPS + 12);
	uint64_t ids[2];
	struct rig r;

	(void)state;
	make_many(CGROUPS);
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	assert_non_null(r.source->ops->notice(r.source));
	ids[0] = box_id(&box, "c3");
	box_oom(&box, "c3");
	rig_until(&r, EVENT_KILL, "c3", 1);
	box_rmdir(&box, "c3");
	box_make(&box, "c3", BOX_LIMIT);
	ids[1] = box_id(&box, "c3");
	rig_catch_up(&r);
	box_oom(&box, "c3");
	rig_until(&r, EVENT_KILL, "c3", 2);
	rig_until(&r, EVENT_GONE, "c3", 1);
	rig_settle(&r);
	for (const struct seen *s = r.first; s; s = s->next)
		assert_true(s->e->cgroup_id == ids[0] || s->e->cgroup_id == ids[1]);
	assert_true(r.first->e->cgroup_id == ids[0]);
	rig_balanced(&r, EVENT_OOM);
	rig_balanced(&r, EVENT_KILL);
	rig_close(&r);
	limit_descriptors(old);
}

/* Not even one for each: kills are complete, ooms are not, and that is said. */
static void too_few_descriptors(void **state)
{
	enum { CGROUPS = 60 };
	rlim_t old = limit_descriptors(64 + CGROUPS / 2);
	uint64_t ooms, kills;
	struct rig r;

	(void)state;
	make_many(CGROUPS);
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	assert_non_null(r.source->ops->notice(r.source));
	kills = oom_in_many(&r, CGROUPS, &ooms);
	assert_int_equal(rig_count(&r, EVENT_KILL, NULL), kills);
	assert_true(rig_count(&r, EVENT_OOM, NULL) < ooms);
	rig_balanced(&r, EVENT_KILL);
	assert_true(balance_of(&r).kind[EVENT_OOM].unproven == UINT64_MAX);
	assert_true(balance_of(&r).reasons == UNPROVEN_V1_DESCRIPTORS);
	/* Some become free: what comes then is registered. */
	box_clear_all(&box);
	while (r.source->ops->deadline(r.source) != UINT64_MAX)
		rig_round(&r, 1000);
	box_make(&box, "after", BOX_LIMIT);
	rig_catch_up(&r);
	ooms = box_oom_heard(&box, "after", "after");
	rig_until(&r, EVENT_OOM, "after", ooms);
	assert_true(balance_of(&r).kind[EVENT_OOM].unproven == UINT64_MAX);
	rig_close(&r);
	limit_descriptors(old);
}

/* The program itself has taken all that there are. */
static void no_descriptors(void **state)
{
	enum { CGROUPS = 20, HELD = 400 };
	rlim_t old = limit_descriptors(200);
	int held[HELD], n = 0;
	uint64_t ooms, kills;
	struct rig r;

	(void)state;
	make_many(CGROUPS);
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	/* all but a few, with which the test itself works */
	while (n < HELD && (held[n] = fcntl(r.epoll_fd, F_DUPFD_CLOEXEC, 0)) >= 0)
		n++;
	for (int i = 0; i < 3; i++)
		fd_close(held[--n]);
	box_make(&box, "new", BOX_LIMIT);
	rig_catch_up(&r);
	kills = oom_in_many(&r, CGROUPS, &ooms);
	assert_int_equal(rig_count(&r, EVENT_KILL, NULL), kills);
	rig_balanced(&r, EVENT_KILL);
	while (n > 0)
		fd_close(held[--n]);
	rig_close(&r);
	limit_descriptors(old);
}

static void write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* In a user namespace of our own, whose limit of inotify watches is ours to set. */
static bool limit_inotify(const char *watches)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return false;
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", "0 0 1");
	write_file("/proc/self/gid_map", "0 0 1");
	write_file("/proc/sys/user/max_inotify_watches", watches);
	return true;
}

/* Cgroups below a directory that is not under inotify are found by listing it now and then. */
static void few_inotify_watches(void **state)
{
	enum { CGROUPS = 20 };
	uint64_t ooms;
	struct rig r;
	char path[64];

	(void)state;
	make_many(CGROUPS);
	if (!limit_inotify("6")) {
		print_message("skipped: no user namespaces here\n");
		skip();
	}
	rig_open(&r, &box);
	rig_watch(&r, "", false, false);
	assert_non_null(r.source->ops->notice(r.source));
	for (int i = 0; i < CGROUPS; i += 4) {
		snprintf(path, sizeof(path), "c%d/new", i);
		box_make(&box, path, BOX_LIMIT / 2);
	}
	for (uint64_t end = clock_boottime_ns() + 2 * NSEC_PER_SEC; clock_boottime_ns() < end;)
		rig_catch_up(&r);
	for (int i = 0; i < CGROUPS; i += 4) {
		snprintf(path, sizeof(path), "c%d/new", i);
		ooms = box_oom_heard(&box, path, path);
		rig_until(&r, EVENT_KILL, path, 1);
		rig_until(&r, EVENT_OOM, path, ooms);
		assert_int_equal(rig_count_limit(&r, EVENT_OOM, path, path), ooms);
	}
	box_make(&box, "c1/at-the-end", BOX_LIMIT / 2);
	box_oom(&box, "c1/at-the-end");
	rig_settle(&r);
	assert_int_equal(rig_count(&r, EVENT_KILL, "c1/at-the-end"), 1);
	/* kills outside, by others, cannot be told from kills in what was never seen */
	assert_true(balance_of(&r).kind[EVENT_KILL].counted ==
		    balance_of(&r).kind[EVENT_KILL].reported);
	rig_close(&r);
}

static int open_box(void **state)
{
	(void)state;
	box_open(&box);
	if (geteuid() != 0) {
		printf("skipped: not root\n");
		exit(77);
	}
	return 0;
}

static int clear_box(void **state)
{
	(void)state;
	(void)seteuid(0);
	box_clear_all(&box);
	return 0;
}

static int close_box(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(as_nobody, clear_box),
		cmocka_unit_test_teardown(as_nobody_who_may_only_read, clear_box),
		cmocka_unit_test_teardown(gone_as_nobody, clear_box),
		cmocka_unit_test_teardown(no_right_to_look, clear_box),
		cmocka_unit_test_teardown(no_right_to_enter, clear_box),
		cmocka_unit_test_teardown(mounted_read_only, clear_box),
		cmocka_unit_test_teardown(gone_before_it_is_watched, clear_box),
		cmocka_unit_test_teardown(few_descriptors, clear_box),
		cmocka_unit_test_teardown(replaced_with_few_descriptors, clear_box),
		cmocka_unit_test_teardown(too_few_descriptors, clear_box),
		cmocka_unit_test_teardown(no_descriptors, clear_box),
		/* the last: what it changes stays */
		cmocka_unit_test_teardown(few_inotify_watches, clear_box),
	};

	return cmocka_run_group_tests(tests, open_box, close_box);
}
