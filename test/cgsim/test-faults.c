/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The monitor on a fake tree when calls fail: nothing is left behind, nothing is lost for good
 *
 * What is left behind shows in /proc/self/fd (descriptors), /proc/self/fdinfo (inotify watches) and
 * in the memory that fail_malloc counts (accounts and all else).
 */
#include "cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail_call.h"
#include "fail_malloc.h"
#include "watch_fixture.h"

#define PATIENCE_MS 10000

struct marks {
	unsigned descriptors;
	unsigned inotify;
};

static unsigned inotify_of(const char *fd)
{
	char line[512];
	unsigned n = 0;
	FILE *in;

	(void)snprintf(line, sizeof(line), "/proc/self/fdinfo/%s", fd);
	in = fopen(line, "re");
	while (in && fgets(line, sizeof(line), in))
		n += strncmp(line, "inotify wd:", 11) == 0;
	if (in)
		(void)fclose(in);
	return n;
}

static struct marks marks(void)
{
	struct marks m = { 0 };
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		m.descriptors++;
		m.inotify += inotify_of(e->d_name);
	}
	(void)closedir(dir);
	return m;
}

static void as_before(const struct marks *before, const char *what, unsigned nth)
{
	struct marks now = marks();

	if (now.descriptors != before->descriptors || now.inotify != before->inotify)
		fail_msg("%s %u: %u descriptors and %u inotify watches, before %u and %u", what,
			 nth, now.descriptors, now.inotify, before->descriptors, before->inotify);
}

static const struct scene {
	const char *name;
	const char *path;
	unsigned flags;
	bool local_events;
} scenes[] = {
	{ "named", "p/t", 0, false },
	{ "local", "p/t", MONITOR_LOCAL, false },
	{ "gone all", "p", MONITOR_GONE_ALL, false },
	{ "host", "", 0, false },
	{ "host, gone all", "", MONITOR_GONE_ALL, false },
	{ "named, memory_localevents", "p", 0, true },
	{ "host, memory_localevents", "", MONITOR_GONE_ALL, true },
};
#define SCENES (sizeof(scenes) / sizeof(scenes[0]))

/* The source is opened with the first watch, and stays. */
static void begin(struct fixture *f, const struct scene *s)
{
	static const char *const cgroups[] = { "p", "p/t", "p/t/a", "p/t/a/x", "p/t/b", "q", "r" };

	f->ft.host.v2.local_events = s->local_events;
	for (size_t i = 0; i < sizeof(cgroups) / sizeof(cgroups[0]); i++)
		fake_mkdir(&f->ft, cgroups[i]);
	assert_int_equal(watch_flags(f, s->path, s->flags), 0);
	assert_int_equal(monitor_remove(f->m, f->cookie), 0);
}

struct run {
	struct fixture *f;
	const struct scene *scene;
	struct cgroup_at at;
};

static void run_open(struct run *run, struct fixture *f, const struct scene *s)
{
	*run = (struct run){ .f = f, .scene = s };
	if (*s->path)
		fake_at(&f->ft, s->path, &run->at);
}

static void run_close(struct run *run)
{
	if (*run->scene->path)
		cgroup_at_close(&run->at);
}

static void run_undo(void *ctx)
{
	struct run *run = ctx;

	assert_int_equal(monitor_remove(run->f->m, run->f->cookie), 0);
}

static int run_add(void *ctx)
{
	struct run *run = ctx;
	struct fixture *f = run->f;
	int r = *run->scene->path
			? monitor_add(f->m, &run->at, run->scene->flags, EVENT_MASK_ALL,
				      ++f->cookie)
			: monitor_add_host(f->m, run->scene->flags, EVENT_MASK_ALL, ++f->cookie);

	/* A walk tells a lack of memory from one of descriptors no more. */
	return r == -EAGAIN || r == -EMFILE ? -ENOMEM : r;
}

static void each_call_fails(struct fixture *f, const struct scene *s, enum fail_call call, bool all)
{
	struct marks before;
	unsigned nth = 0;
	struct run run;
	bool failed;
	int r;

	run_open(&run, f, s);
	before = marks();
	do {
		fail_call_arm(call, ++nth, all);
		r = run_add(&run);
		failed = fail_call_disarm();
		assert_true(r == 0 || failed);
		if (r == 0)
			run_undo(&run);
		as_before(&before, s->name, nth);
	} while (failed);
	assert_int_equal(monitor_watches(f->m), 0);
	run_close(&run);
}

static void a_watch_that_fails_leaves_nothing(void **state)
{
	for (size_t i = 0; i < SCENES; i++) {
		struct fixture *f;

		setup(state);
		f = *state;
		begin(f, &scenes[i]);
		for (int call = 0; call < FAIL_CALLS; call++) {
			each_call_fails(f, &scenes[i], (enum fail_call)call, false);
			each_call_fails(f, &scenes[i], (enum fail_call)call, true);
		}
		teardown(state);
	}
}

static void no_memory_for_a_watch(void **state)
{
	for (size_t i = 0; i < SCENES; i++) {
		struct marks before;
		struct run run;
		const struct fail_malloc_case c = {
			.run = run_add, .undo = run_undo, .ctx = &run, .may_succeed = true
		};

		setup(state);
		begin(*state, &scenes[i]);
		run_open(&run, *state, &scenes[i]);
		before = marks();
		assert_true(fail_malloc_each(&c) > 5);
		as_before(&before, scenes[i].name, 0);
		run_close(&run);
		teardown(state);
	}
}

/* With one more each time, until it works: each refusal says what is missing. */
static void too_few_descriptors_are_called_so(void **state)
{
	struct fixture *f = *state;
	struct rlimit all, few;
	unsigned refused = 0;
	int r;

	begin(f, &scenes[3]);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = all;
	few.rlim_cur = marks().descriptors - 1; /* without that of the count */
	do {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		r = watch_flags(f, "", 0);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
		few.rlim_cur++;
		refused += r < 0;
	} while (r == -EMFILE);
	assert_int_equal(r, 0);
	assert_true(refused > 2);
}

/* However often cgroups come and go, what is held for them goes with them. */
static void cgroups_that_come_and_go_leave_nothing(void **state)
{
	for (size_t i = 0; i < SCENES; i++) {
		struct marks before, within;
		struct fixture *f;

		setup(state);
		f = *state;
		begin(f, &scenes[i]);
		before = marks();
		assert_int_equal(watch_flags(f, scenes[i].path, scenes[i].flags), 0);
		within = marks();
		for (unsigned n = 0; n < 5; n++) {
			fake_mkdir(&f->ft, "new");
			fake_mkdir(&f->ft, "p/t/new");
			fake_mkdir(&f->ft, "p/t/new/leaf");
			fake_count(&f->ft, "p/t/new/leaf", "oom_kill", 1);
			work(f);
			fake_memory(&f->ft, "p/t/b", false);
			fake_memory(&f->ft, "p/t/b", true);
			fake_rmdir(&f->ft, "p/t/new/leaf");
			fake_rmdir(&f->ft, "p/t/new");
			fake_rmdir(&f->ft, "new");
			work(f);
			f->text[0] = '\0';
		}
		as_before(&within, scenes[i].name, 0);
		assert_int_equal(monitor_remove(f->m, f->cookie), 0);
		as_before(&before, scenes[i].name, 0);
		teardown(state);
	}
}

/* Works until @text was told. */
static void await(struct fixture *f, const char *text)
{
	struct pollfd p = { .fd = monitor_get_fd(f->m), .events = POLLIN };

	take_events(f);
	while (!strstr(f->text, text)) {
		if (poll(&p, 1, PATIENCE_MS) <= 0)
			fail_msg("not told: %s but: %s", text, f->text);
		assert_int_equal(monitor_dispatch(f->m), 0);
		take_events(f);
	}
}

/* A watch above one that exists: whatever fails, the lower one goes on, each event told once. */
static void a_watch_above_that_fails_harms_nobody(void **state)
{
	static const struct scene above = { "above", "p", MONITOR_GONE_ALL, false };
	bool failed = true;

	for (unsigned nth = 1; failed; nth++) {
		struct fixture *f;
		struct run run;
		int r;

		setup(state);
		f = *state;
		fake_mkdir(&f->ft, "p");
		fake_mkdir(&f->ft, "p/t");
		fake_mkdir(&f->ft, "p/t/a");
		watch(f, "p/t");
		fake_count(&f->ft, "p/t/a", "oom_kill", 1);
		told(f, "kill /p/t/a 1\n");
		run_open(&run, f, &above);
		fail_malloc_arm(nth, false);
		r = run_add(&run);
		failed = fail_malloc_disarm();
		run_close(&run);
		assert_int_equal(monitor_watches(f->m), r == 0 ? 2 : 1);
		fake_count(&f->ft, "p/t/a", "oom_kill", 2);
		told(f, "kill /p/t/a 2\n");
		fake_count(&f->ft, "p", "oom_kill", 1);
		if (r == 0)
			await(f, "kill /p 1\n"); /* a look a second may be all there is */
		told(f, r == 0 ? "kill /p 1\n" : "");
		balanced(f);
		teardown(state);
	}
}

/* All that may have been missed is oom, group kill and kill in any number. */
static void in_doubt(struct fixture *f, enum unproven_reason reason)
{
	struct balance b = settle(f);

	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_UNPROVEN);
	assert_true(b.reasons & reason);
	assert_true(b.kind[EVENT_OOM].unproven == UINT64_MAX);
	assert_true(b.kind[EVENT_GROUP_KILL].unproven == UINT64_MAX);
	assert_true(b.kind[EVENT_KILL].unproven == UINT64_MAX);
}

static void without_inotify_cgroups_are_found_all_the_same(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "old");
	fail_call_arm(FAIL_INOTIFY, 1, true);
	watch(f, "");
	assert_non_null(strstr(monitor_notice(f->m), "is not seen"));
	fake_mkdir(&f->ft, "new");
	fake_count(&f->ft, "new", "oom_kill", 2);
	await(f, "kill /new 2\n");
	fake_count(&f->ft, "old", "oom", 1);
	await(f, "oom /old 1\n");
	assert_true(fail_call_disarm());
	fake_mkdir(&f->ft, "later"); /* inotify works by now, or will */
	fake_count(&f->ft, "later", "oom_kill", 1);
	await(f, "kill /later 1\n");
	fake_rmdir(&f->ft, "later");
	told(f, "kill /new 2\noom /old 1\nkill /later 1\ngone /later 1\n");
	assert_true(!monitor_notice(f->m) || !strstr(monitor_notice(f->m), "is not seen"));
	in_doubt(f, UNPROVEN_UNSEEN); /* what came and went in between */
}

/* Memory is switched on again while no file can be opened. */
static void a_controller_that_comes_back_in_bad_times(void **state)
{
	struct fixture *f = *state;
	struct pollfd p = { .fd = monitor_get_fd(f->m), .events = POLLIN };

	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/t");
	watch(f, "p/t");
	fake_memory(&f->ft, "p/t", false);
	told(f, "");
	fake_memory(&f->ft, "p/t", true);
	fake_count(&f->ft, "p/t", "oom_kill", 2);
	fail_call_arm(FAIL_OPENAT, 1, true);
	while (poll(&p, 1, 0) > 0)
		assert_int_equal(monitor_dispatch(f->m), 0);
	assert_true(fail_call_disarm());
	await(f, "kill /p/t 2\n");
	balanced(f);
}

/* Fills inotify's queue, which keeps a limited number of events, with cgroups of no interest. */
static void overflow(struct fixture *f, const char *dir)
{
	char noise[64];
	FILE *in = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
	unsigned max = 0;

	assert_non_null(in);
	assert_int_equal(fscanf(in, "%u", &max), 1);
	(void)fclose(in);
	(void)snprintf(noise, sizeof(noise), "%s/noise", dir);
	for (unsigned i = 0; i <= max / 2; i++) {
		assert_int_equal(mkdirat(f->ft.fd, noise, 0755), 0);
		assert_int_equal(unlinkat(f->ft.fd, noise, AT_REMOVEDIR), 0);
	}
}

static void after_an_overflow_everything_is_looked_at(void **state)
{
	struct fixture *f = *state;

	fake_mkdir(&f->ft, "loud");
	fake_mkdir(&f->ft, "quiet");
	assert_int_equal(watch_flags(f, "", MONITOR_GONE_ALL), 0);
	fake_count(&f->ft, "loud", "oom_kill", 1);
	told(f, "kill /loud 1\n");
	overflow(f, ".");
	fake_rmdir(&f->ft, "loud");
	fake_rmdir(&f->ft, "quiet");
	fake_mkdir(&f->ft, "new");
	fake_mkdir(&f->ft, "new/leaf");
	fake_count(&f->ft, "new/leaf", "oom", 1);
	fake_mkdir(&f->ft, "calm");
	fake_mkdir(&f->ft, "calm/leaf");
	await(f, "gone /loud 1\n");
	await(f, "gone /quiet 1\n");
	await(f, "oom /new/leaf 1\n");
	work(f);
	f->text[0] = '\0';
	fake_rmdir(&f->ft, "calm/leaf");
	fake_mkdir(&f->ft, "calm/later");
	work(f);
	fake_rmdir(&f->ft, "calm/later");
	told(f, "gone /calm/leaf 1\ngone /calm/later 1\n");
	in_doubt(f, UNPROVEN_UNSEEN);
}

/* Which of the two had the kill can only be told by the order of removals, which was lost. */
static void after_an_overflow_neighbours_may_have_died(void **state)
{
	struct fixture *f = *state;
	struct balance b;

	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/neighbour");
	fake_mkdir(&f->ft, "p/t");
	fake_mkdir(&f->ft, "noisy");
	fake_mkdir(&f->ft, "noisy/t");
	watch(f, "p/t");
	watch(f, "noisy/t");
	overflow(f, "noisy");
	fake_count(&f->ft, "p/neighbour", "oom_kill", 1);
	fake_rmdir(&f->ft, "p/neighbour");
	fake_memory(&f->ft, "p/t", false); /* heard of with the next reading */
	fake_rmdir(&f->ft, "p/t");
	await(f, "gone /p/t 1\n");
	told(f, "gone /p/t 1\n");
	b = settle(f);
	assert_int_equal(b.kind[EVENT_KILL].unproven, 1);
	assert_true(b.reasons & UNPROVEN_SIBLINGS_GONE);
}

/* A cgroup's inode number never comes again; that of a file in /tmp may. */
static void skip_if_inodes_return(struct fixture *f)
{
	struct stat st[2];

	for (int i = 0; i < 2; i++) {
		assert_int_equal(mkdirat(f->ft.fd, "probe", 0755), 0);
		assert_int_equal(fstatat(f->ft.fd, "probe", &st[i], 0), 0);
		assert_int_equal(unlinkat(f->ft.fd, "probe", AT_REMOVEDIR), 0);
	}
	if (st[0].st_ino != st[1].st_ino)
		return;
	print_message("%s gives inode numbers twice\n", f->ft.dir);
	skip();
}

/* The old one is still being settled when the new one under its name is gone, too. */
static void two_of_one_name_are_both_told(void **state)
{
	struct fixture *f = *state;

	skip_if_inodes_return(f);
	fake_mkdir(&f->ft, "a");
	assert_int_equal(watch_flags(f, "", MONITOR_GONE_ALL), 0);
	fake_rmdir(&f->ft, "a");
	fake_mkdir(&f->ft, "a");
	assert_int_equal(monitor_dispatch(f->m), 0);
	fake_rmdir(&f->ft, "a");
	told(f, "gone /a 1\ngone /a 1\n");
}

/* The new one has an event before the old one's removal is heard of. */
static void a_removal_is_not_taken_for_that_of_a_successor(void **state)
{
	struct fixture *f = *state;

	skip_if_inodes_return(f);
	fake_mkdir(&f->ft, "t");
	fake_mkdir(&f->ft, "t/c");
	watch(f, "t");
	fake_count(&f->ft, "t/c", "oom_kill", 1);
	told(f, "kill /t/c 1\n");
	fake_rmdir(&f->ft, "t/c");
	fake_mkdir(&f->ft, "t/c");
	fake_count(&f->ft, "t/c", "oom", 1);
	watch(f, "t"); /* walks before inotify is read */
	work(f);
	assert_non_null(strstr(f->text, "gone /t/c 1\n"));
	assert_non_null(strstr(f->text, "oom /t/c 1\n"));
	f->text[0] = '\0';
	fake_rmdir(&f->ft, "t/c");
	told(f, "gone /t/c 1\n");
}

static void under_localevents_a_last_moment_is_unproven(void **state)
{
	struct fixture *f = *state;
	struct balance b;

	f->ft.host.v2.local_events = true;
	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/t");
	watch(f, "p/t");
	fake_rmdir(&f->ft, "p/t");
	told(f, "gone /p/t 1\n");
	b = settle(f);
	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_UNPROVEN);
	assert_true(b.reasons & UNPROVEN_LOCALEVENTS);
}

/* Made, used and removed before anybody could open it. */
static void a_child_of_the_root_that_was_never_seen_is_in_doubt(void **state)
{
	struct fixture *f = *state;

	watch(f, "");
	fake_mkdir(&f->ft, "v");
	fake_rmdir(&f->ft, "v");
	told(f, "");
	in_doubt(f, UNPROVEN_TOP_UNDER_ROOT);
}

/* The second takes the first one's name, so that the first one's creation leads to the second. */
static void one_of_two_of_a_name_was_never_seen(void **state)
{
	struct fixture *f = *state;

	skip_if_inodes_return(f);
	watch(f, "");
	fake_mkdir(&f->ft, "v");
	fake_rmdir(&f->ft, "v");
	fake_mkdir(&f->ft, "v");
	fake_count(&f->ft, "v", "oom_kill", 1);
	told(f, "kill /v 1\n");
	in_doubt(f, UNPROVEN_TOP_UNDER_ROOT);
}

static void give_vmstat(struct fixture *f)
{
	f->ft.host.v2.real_root = true;
	free(f->ft.host.proc);
	f->ft.host.proc = strdup(f->ft.dir);
	assert_non_null(f->ft.host.proc);
	fake_write(&f->ft, "", "vmstat", "oom_kill 5\n");
}

static void only_vmstat_has_the_kill_of_one_never_seen(void **state)
{
	struct fixture *f = *state;
	struct balance b;

	give_vmstat(f);
	watch(f, "");
	fake_mkdir(&f->ft, "v");
	fake_write(&f->ft, "", "vmstat", "oom_kill 6\n");
	fake_rmdir(&f->ft, "v");
	await(f, "kill / 1 removed unplaced\n");
	b = settle(f);
	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_UNPROVEN);
	assert_int_equal(b.kind[EVENT_KILL].unproven, 0);
	assert_int_equal(b.kind[EVENT_KILL].counted, 1);
	assert_true(b.kind[EVENT_OOM].unproven == UINT64_MAX);
}

/* Switches the memory of p/t, and what else p gives to its children. */
static void switch_memory(struct fixture *f, bool on, const char *gives)
{
	fake_memory(&f->ft, "p/t", on);
	fake_write(&f->ft, "p", "cgroup.subtree_control", gives);
}

static void watch_below_p(struct fixture *f)
{
	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/t");
	fake_count(&f->ft, "p/t", "oom_kill", 3);
	watch(f, "p/t");
	fake_count(&f->ft, "p/t", "oom_kill", 1);
	told(f, "kill /p/t 1\n");
}

/* io needs memory: it counts on in hiding, and comes back with all it ever counted. */
static void a_hidden_top_tells_nothing_twice(void **state)
{
	struct fixture *f = *state;

	watch_below_p(f);
	switch_memory(f, false, "io\n");
	told(f, "");
	assert_non_null(strstr(monitor_notice(f->m), "/p/t: no memory controller now"));
	switch_memory(f, true, "io memory\n");
	fake_write(&f->ft, "p/t", "memory.events", "oom 0\noom_kill 6\noom_group_kill 0\n");
	fake_write(&f->ft, "p/t", "memory.events.local", "oom 0\noom_kill 6\noom_group_kill 0\n");
	told(f, "kill /p/t 2 unplaced\n");
	assert_null(monitor_notice(f->m));
	fake_write(&f->ft, "p/t", "memory.events", "oom 0\noom_kill 7\noom_group_kill 0\n");
	fake_write(&f->ft, "p/t", "memory.events.local", "oom 0\noom_kill 7\noom_group_kill 0\n");
	told(f, "kill /p/t 1\n");
	balanced(f);
}

/* It counts on, but nobody sees what. */
static void a_top_that_stays_hidden_is_in_doubt(void **state)
{
	struct fixture *f = *state;

	watch_below_p(f);
	switch_memory(f, false, "io\n");
	told(f, "");
	in_doubt(f, UNPROVEN_SWITCHED);
}

static void switched_off(struct fixture *f, uint64_t kills)
{
	struct balance b = settle(f);

	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_UNPROVEN);
	assert_int_equal(b.kind[EVENT_KILL].unproven, kills);
	assert_int_equal(b.kind[EVENT_OOM].unproven, 0);
	assert_int_equal(b.reasons, UNPROVEN_SWITCHED);
}

/* Without memory its processes are its parent's, which counts what happens to them as its own. */
static void while_memory_is_off_its_parent_counts(void **state)
{
	struct fixture *f = *state;

	watch_below_p(f);
	switch_memory(f, false, "\n");
	told(f, "");
	fake_count(&f->ft, "p", "oom_kill", 1);
	switch_memory(f, true, "memory\n");
	told(f, "");
	switched_off(f, 1);
}

static void memory_that_stays_off_is_told(void **state)
{
	struct fixture *f = *state;

	watch_below_p(f);
	switch_memory(f, false, "\n");
	told(f, "");
	assert_non_null(strstr(monitor_notice(f->m), "/p/t: no memory controller now"));
	fake_count(&f->ft, "p", "oom_kill", 2);
	switched_off(f, 2);
}

/* A removal takes the files first. */
static void a_cgroup_on_its_way_out_is_not_switched_off(void **state)
{
	struct fixture *f = *state;

	watch_below_p(f);
	switch_memory(f, false, "memory\n");
	told(f, "");
	assert_null(monitor_notice(f->m));
	fake_rmdir(&f->ft, "p/t");
	told(f, "gone /p/t 1\n");
	balanced(f);
}

/* The neighbour's counter began anew as well: what it had counted is not the top's. */
static void neighbours_are_switched_off_and_on_too(void **state)
{
	struct fixture *f = *state;
	struct balance b;

	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/neighbour");
	fake_count(&f->ft, "p/neighbour", "oom_kill", 5);
	fake_mkdir(&f->ft, "p/t");
	watch(f, "p/t");
	told(f, "");
	fake_memory(&f->ft, "p/neighbour", false);
	fake_memory(&f->ft, "p/t", false);
	fake_memory(&f->ft, "p/neighbour", true);
	fake_memory(&f->ft, "p/t", true);
	told(f, "");
	b = settle(f);
	assert_int_equal(b.kind[EVENT_KILL].unproven, 5);
	assert_int_equal(b.reasons, UNPROVEN_SIBLINGS_GONE);
}

static void neighbours_without_memory_are_not_unreadable(void **state)
{
	struct fixture *f = *state;
	struct balance b;

	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/neighbour");
	fake_mkdir(&f->ft, "p/t");
	watch(f, "p/t");
	fake_memory(&f->ft, "p/neighbour", false);
	fake_memory(&f->ft, "p/t", false);
	told(f, "");
	b = settle(f);
	assert_int_equal(b.reasons, UNPROVEN_SWITCHED);
}

/* Seen at the end at the latest: counting begins anew, flat, and the gap is told. */
static void a_remount_with_localevents_begins_anew(void **state)
{
	static const char *const of[] = { "p", "" };

	for (size_t i = 0; i < 2; i++) {
		struct fixture *f;

		setup(state);
		f = *state;
		fake_mkdir(&f->ft, "p");
		fake_mkdir(&f->ft, "p/t");
		watch(f, of[i]);
		fake_count(&f->ft, "p/t", "oom_kill", 1);
		told(f, "kill /p/t 1\n");
		fake_count(&f->ft, "p/t", "oom_kill", 1);
		f->ft.host.v2.local_events = true;
		in_doubt(f, UNPROVEN_LOCALEVENTS);
		assert_string_equal(f->text, "kill /p/t 1\n");
		assert_non_null(strstr(monitor_notice(f->m), "with memory_localevents"));
		f->text[0] = '\0';
		fake_mkdir(&f->ft, "p/new");
		work(f);
		fake_write(&f->ft, "p/new", "memory.events.local", "oom 1\noom_kill 0\n");
		fake_write(&f->ft, "p/t", "memory.events.local", "oom 0\noom_kill 3\n");
		work(f);
		assert_non_null(strstr(f->text, "oom /p/new 1\n"));
		assert_non_null(strstr(f->text, "kill /p/t 1\n"));
		teardown(state);
	}
}

static void a_remount_without_localevents_begins_anew(void **state)
{
	struct fixture *f = *state;

	f->ft.host.v2.local_events = true;
	fake_mkdir(&f->ft, "p");
	fake_mkdir(&f->ft, "p/t");
	fake_mkdir(&f->ft, "p/t/leaf");
	watch(f, "p");
	fake_count(&f->ft, "p/t", "oom_kill", 1);
	told(f, "kill /p/t 1\n");
	f->ft.host.v2.local_events = false;
	in_doubt(f, UNPROVEN_LOCALEVENTS);
	assert_non_null(strstr(monitor_notice(f->m), "without memory_localevents"));
	fake_count(&f->ft, "p/t/leaf", "oom_kill", 1);
	fake_rmdir(&f->ft, "p/t/leaf");
	told(f, "kill /p/t 1 removed\n"); /* as only a hierarchical counter tells */
}

/* What a watch by name told before the host was watched is no kill too many. */
static void the_hosts_account_begins_with_what_was_told(void **state)
{
	struct fixture *f = *state;

	give_vmstat(f);
	fake_mkdir(&f->ft, "t");
	watch(f, "t");
	fake_write(&f->ft, "", "vmstat", "oom_kill 6\n");
	fake_count(&f->ft, "t", "oom_kill", 1);
	told(f, "kill /t 1\n");
	watch(f, "");
	fake_write(&f->ft, "", "vmstat", "oom_kill 8\n"); /* one of them in the root */
	fake_count(&f->ft, "t", "oom_kill", 1);
	await(f, "kill /t 1\n");
	balanced(f);
	assert_non_null(strstr(f->text, "kill / 1\n"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watch_that_fails_leaves_nothing),
		cmocka_unit_test(no_memory_for_a_watch),
		CASE(too_few_descriptors_are_called_so),
		cmocka_unit_test(cgroups_that_come_and_go_leave_nothing),
		cmocka_unit_test(a_watch_above_that_fails_harms_nobody),
		CASE(without_inotify_cgroups_are_found_all_the_same),
		CASE(a_controller_that_comes_back_in_bad_times),
		CASE(after_an_overflow_everything_is_looked_at),
		CASE(after_an_overflow_neighbours_may_have_died),
		CASE(two_of_one_name_are_both_told),
		CASE(a_child_of_the_root_that_was_never_seen_is_in_doubt),
		CASE(one_of_two_of_a_name_was_never_seen),
		CASE(only_vmstat_has_the_kill_of_one_never_seen),
		CASE(a_hidden_top_tells_nothing_twice),
		CASE(a_top_that_stays_hidden_is_in_doubt),
		CASE(while_memory_is_off_its_parent_counts),
		CASE(memory_that_stays_off_is_told),
		CASE(a_cgroup_on_its_way_out_is_not_switched_off),
		CASE(neighbours_are_switched_off_and_on_too),
		CASE(neighbours_without_memory_are_not_unreadable),
		cmocka_unit_test(a_remount_with_localevents_begins_anew),
		CASE(a_remount_without_localevents_begins_anew),
		CASE(a_removal_is_not_taken_for_that_of_a_successor),
		CASE(under_localevents_a_last_moment_is_unproven),
		CASE(the_hosts_account_begins_with_what_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
