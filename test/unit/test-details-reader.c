/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/details_reader.h"
#include "details_fake.h"

#define START UINT64_C(123456789012345) /* ns */

struct place {
	struct details_fake fake;
	struct details_reader rd;
	int root_fd;
	struct oom_details *d;
};

static void reopen(struct place *p, enum hierarchy h)
{
	details_reader_close(&p->rd);
	details_reader_open(&p->rd, p->root_fd, h, p->fake.proc);
}

static void new_answer(struct place *p)
{
	p->d = oom_details_free(p->d);
	p->d = oom_details_new();
	assert_non_null(p->d);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	details_fake_open(&p->fake);
	p->root_fd = open(p->fake.cgroups, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->root_fd >= 0);
	p->rd = (struct details_reader)DETAILS_READER_NULL;
	reopen(p, HIERARCHY_V2);
	new_answer(p);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	details_reader_close(&p->rd);
	(void)fd_close(p->root_fd);
	details_fake_close(&p->fake);
	oom_details_free(p->d);
	free(p);
	return 0;
}

static bool found(const struct place *p, uint32_t pid, uint64_t start_ns)
{
	_cleanup_close_ int fd = details_process_open(&p->rd, pid, start_ns);

	return fd >= 0;
}

static void only_the_very_process(void **state)
{
	struct place *p = *state;
	uint64_t tick = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);

	details_fake_process(&p->fake, 41, "a", START, 1);
	details_fake_process(&p->fake, 42, ") 1 (\n", START, 1);
	details_fake_text(&p->fake, "proc/43/stat", "43 (short) S 1 2 3\n");
	details_fake_text(&p->fake, "proc/44/stat", "");
	assert_true(found(p, 41, START));
	assert_true(found(p, 42, START));
	/* In the same tick of the clock that user space is told of. */
	assert_true(found(p, 41, START / tick * tick));
	assert_true(found(p, 41, START / tick * tick + tick - 1));
	/* The number was given to another one since, or it is not known whether it was. */
	assert_false(found(p, 41, START / tick * tick - 1));
	assert_false(found(p, 41, START / tick * tick + tick));
	assert_false(found(p, 41, 0));
	assert_false(found(p, 0, START));
	assert_false(found(p, 43, START));
	assert_false(found(p, 44, START));
	assert_false(found(p, 45, START));
}

static void not_from_another_pid_namespace(void **state)
{
	static const char *const names[] = { NULL, "pid:[4026531837]", "pid:[402653183]",
					     "pid:[4026531836]1", "" };
	struct place *p = *state;

	details_fake_process(&p->fake, 41, "a", START, 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)unlink(details_fake_path(&p->fake, "proc/self/ns/pid"));
		if (names[i] && *names[i])
			assert_int_equal(symlink(names[i],
						 details_fake_path(&p->fake, "proc/self/ns/pid")),
					 0);
		reopen(p, HIERARCHY_V2);
		assert_false(found(p, 41, START));
	}
	details_reader_close(&p->rd);
	details_reader_open(&p->rd, p->root_fd, HIERARCHY_V2, "/nonexistent");
	assert_false(found(p, 41, START));
}

static void names_of_a_process(void **state)
{
	static char longer[2 * DETAILS_TEXT_MAX];
	static const struct {
		const char *text;
		size_t n;
		const char *seen; /* NULL: nothing */
	} lines[] = {
		{ "/bin/a", 7, "/bin/a" },
		{ "a\0-b\0c d", 9, "a -b c d" },
		{ "a\0\0b\0\0\0", 7, "a  b" },
		{ "title", 5, "title" },
		{ "\xff\033\n", 4, "\xff\033\n" },
		{ "", 0, NULL },
		{ "\0\0", 2, NULL },
	};
	struct place *p = *state;
	int fd;

	details_fake_process(&p->fake, 41, "a", START, 1);
	fd = details_process_open(&p->rd, 41, START);
	details_read_exe(fd, p->d);
	details_read_cmdline(fd, p->d);
	assert_null(p->d->exe);
	assert_null(p->d->cmdline);
	details_fake_exe(&p->fake, 41, "/usr/bin/a\n (deleted)");
	details_read_exe(fd, p->d);
	assert_string_equal(p->d->exe, "/usr/bin/a\n (deleted)");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		new_answer(p);
		details_fake_put(&p->fake, "proc/41/cmdline", lines[i].text, lines[i].n);
		details_read_cmdline(fd, p->d);
		if (lines[i].seen)
			assert_string_equal(p->d->cmdline, lines[i].seen);
		else
			assert_null(p->d->cmdline);
	}
	memset(longer, 'x', sizeof(longer));
	new_answer(p);
	details_fake_put(&p->fake, "proc/41/cmdline", longer, sizeof(longer));
	details_read_cmdline(fd, p->d);
	assert_int_equal(strlen(p->d->cmdline), DETAILS_TEXT_MAX);
	(void)close(fd);
}

/* The answer with all that the cgroup "a" has. */
static void read_a(struct place *p, enum hierarchy h)
{
	_cleanup_close_ int fd = -1;

	reopen(p, h);
	new_answer(p);
	fd = details_cgroup_open(&p->rd, "/a", details_fake_id(&p->fake, "cgroup/a"));
	assert_true(fd >= 0);
	details_read_memory(&p->rd, fd, p->d);
	details_read_largest(&p->rd, fd, p->d);
}

static void only_the_very_cgroup(void **state)
{
	struct place *p = *state;
	uint64_t id;

	details_fake_text(&p->fake, "cgroup/a/b/memory.max", "1\n");
	id = details_fake_id(&p->fake, "cgroup/a/b");
	(void)close(details_cgroup_open(&p->rd, "/a/b", id));
	assert_int_equal(details_cgroup_open(&p->rd, "/a/b", id + 1), -1);
	assert_int_equal(details_cgroup_open(&p->rd, "/a", id), -1);
	assert_int_equal(details_cgroup_open(&p->rd, "/a/b", 0), -1);
	assert_int_equal(details_cgroup_open(&p->rd, "/a/c", id), -1);
	id = details_fake_id(&p->fake, "cgroup");
	assert_int_equal(close(details_cgroup_open(&p->rd, "/", id)), 0);
	p->rd.root_fd = -1;
	assert_int_equal(details_cgroup_open(&p->rd, "/", id), -1);
}

static void figures_of_v2(void **state)
{
	struct place *p = *state;

	details_fake_text(&p->fake, "cgroup/a/memory.current", "1000\n");
	read_a(p, HIERARCHY_V2);
	assert_true(p->d->limit_bytes == BYTES_NONE && p->d->peak_bytes == BYTES_NONE);
	assert_int_equal(p->d->usage_bytes, 1000);
	assert_true(p->d->stat.anon == BYTES_NONE && p->d->stat.kernel == BYTES_NONE);

	details_fake_text(&p->fake, "cgroup/a/memory.max", "max\n");
	details_fake_text(&p->fake, "cgroup/a/memory.peak", "1200\n");
	/* 5.10's, shortened. */
	details_fake_text(&p->fake, "cgroup/a/memory.stat",
			  "anon 1\nfile 2\nkernel_stack 3\npercpu 4\nsock 5\nshmem 6\n"
			  "file_mapped 7\nslab_reclaimable 8\nslab 9\n");
	read_a(p, HIERARCHY_V2);
	assert_true(p->d->limit_bytes == BYTES_NONE);
	assert_int_equal(p->d->peak_bytes, 1200);
	assert_int_equal(p->d->stat.anon, 1);
	assert_int_equal(p->d->stat.file, 2);
	assert_int_equal(p->d->stat.kernel, 3 + 4 + 9);
	assert_int_equal(p->d->stat.sock, 5);
	assert_int_equal(p->d->stat.shmem, 6);
	assert_int_equal(p->d->stat.slab, 9);

	details_fake_text(&p->fake, "cgroup/a/memory.max", "16777216\n");
	details_fake_text(&p->fake, "cgroup/a/memory.stat",
			  "anon 1\nfile 2\nkernel 77\nkernel_stack 3\npagetables 30\n"
			  "sec_pagetables 0\npercpu 4\nsock 5\nvmalloc 6\nshmem 6\nslab 9\n");
	read_a(p, HIERARCHY_V2);
	assert_int_equal(p->d->limit_bytes, 16777216);
	assert_int_equal(p->d->stat.kernel, 77);
}

static void figures_of_v1(void **state)
{
	struct place *p = *state;

	details_fake_text(&p->fake, "cgroup/a/memory.limit_in_bytes", "9223372036854771712\n");
	details_fake_text(&p->fake, "cgroup/a/memory.usage_in_bytes", "1000\n");
	details_fake_text(&p->fake, "cgroup/a/memory.max_usage_in_bytes", "1200\n");
	details_fake_text(&p->fake, "cgroup/a/memory.kmem.usage_in_bytes", "30\n");
	details_fake_text(&p->fake, "cgroup/a/memory.kmem.tcp.usage_in_bytes", "4\n");
	details_fake_text(&p->fake, "cgroup/a/memory.stat",
			  "cache 1\nrss 2\nshmem 3\ntotal_cache 10\ntotal_rss 20\n"
			  "total_shmem 7\n");
	read_a(p, HIERARCHY_V1);
	assert_true(p->d->limit_bytes == BYTES_NONE && p->d->stat.slab == BYTES_NONE);
	assert_int_equal(p->d->usage_bytes, 1000);
	assert_int_equal(p->d->peak_bytes, 1200);
	assert_int_equal(p->d->stat.anon, 20);
	assert_int_equal(p->d->stat.file, 10);
	assert_int_equal(p->d->stat.shmem, 7);
	assert_int_equal(p->d->stat.kernel, 30);
	assert_int_equal(p->d->stat.sock, 4);
	details_fake_text(&p->fake, "cgroup/a/memory.limit_in_bytes", "16777216\n");
	read_a(p, HIERARCHY_V1);
	assert_int_equal(p->d->limit_bytes, 16777216);
}

static void expect_largest(const struct place *p, size_t n, const uint32_t *pids)
{
	assert_int_equal(p->d->largest_n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(p->d->largest[i].pid, pids[i]);
}

static void largest_processes(void **state)
{
	struct place *p = *state;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	details_fake_process(&p->fake, 11, "eleven", START, 300);
	details_fake_process(&p->fake, 12, "exactly fifteen", START, 100);
	details_fake_process(&p->fake, 13, "kworker/longer than a task's", START, 500);
	details_fake_process(&p->fake, 14, "dead", START, 0);
	details_fake_process(&p->fake, 15, "not in it", START, 900);
	details_fake_process(&p->fake, 16, "", START, 200);
	details_fake_text(&p->fake, "cgroup/cgroup.procs", "15\n");
	details_fake_text(&p->fake, "cgroup/a/cgroup.procs", "11\n0\n14\n99\n");
	details_fake_text(&p->fake, "cgroup/a/b/c/cgroup.procs", "12\n13\n");
	details_fake_text(&p->fake, "cgroup/a/.b/cgroup.procs", "16\n11\n");
	read_a(p, HIERARCHY_V2);
	expect_largest(p, 4, (const uint32_t[]){ 13, 11, 16, 12 });
	assert_int_equal(p->d->largest[0].rss_bytes, 500 * page);
	assert_int_equal(p->d->largest[3].rss_bytes, 100 * page);
	assert_string_equal(p->d->largest[0].comm, "kworker/longer ");
	assert_string_equal(p->d->largest[3].comm, "exactly fifteen");
	assert_string_equal(p->d->largest[2].comm, "");
	assert_int_equal(p->d->looked, 7);
	assert_false(p->d->more);

	details_fake_process(&p->fake, 17, "a", START, 400);
	details_fake_process(&p->fake, 18, "a", START, 150);
	details_fake_text(&p->fake, "cgroup/a/d/cgroup.procs", "17\n18\n");
	read_a(p, HIERARCHY_V2);
	expect_largest(p, 5, (const uint32_t[]){ 13, 17, 11, 16, 18 });
}

static void write_procs(const struct place *p, unsigned n)
{
	char text[8192];
	size_t at = 0;

	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%u\n", 1000 + i);
	details_fake_text(&p->fake, "cgroup/a/cgroup.procs", text);
}

static void bounded(void **state)
{
	struct place *p = *state;
	char path[64];

	for (unsigned i = 0; i <= DETAILS_LOOKED; i++)
		details_fake_process(&p->fake, 1000 + i, "a", START, 1 + i);
	write_procs(p, DETAILS_LOOKED);
	read_a(p, HIERARCHY_V2);
	assert_int_equal(p->d->looked, DETAILS_LOOKED);
	assert_false(p->d->more);
	assert_int_equal(p->d->largest[0].pid, 1000 + DETAILS_LOOKED - 1);
	write_procs(p, DETAILS_LOOKED + 1);
	read_a(p, HIERARCHY_V2);
	assert_int_equal(p->d->looked, DETAILS_LOOKED);
	assert_true(p->d->more);

	write_procs(p, 1);
	for (unsigned i = 0; i < DETAILS_DIRS - 1; i++) {
		snprintf(path, sizeof(path), "cgroup/a/%u/cgroup.procs", i);
		details_fake_text(&p->fake, path, "");
	}
	read_a(p, HIERARCHY_V2);
	assert_false(p->d->more);
	details_fake_text(&p->fake, "cgroup/a/one-more/cgroup.procs", "");
	read_a(p, HIERARCHY_V2);
	assert_true(p->d->more);
	assert_int_equal(p->d->looked, 1);
}

static void deep(void **state)
{
	struct place *p = *state;
	char path[512] = "cgroup/a";

	details_fake_process(&p->fake, 1000, "a", START, 1);
	for (unsigned i = 0; i < DETAILS_DEPTH; i++)
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "/b");
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/cgroup.procs");
	details_fake_text(&p->fake, path, "1000\n");
	read_a(p, HIERARCHY_V2);
	assert_int_equal(p->d->largest_n, 1);
	assert_false(p->d->more);
	snprintf(strrchr(path, '/'), 32, "/b/cgroup.procs");
	details_fake_text(&p->fake, path, "1000\n");
	read_a(p, HIERARCHY_V2);
	assert_true(p->d->more);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(only_the_very_process),
		TEST(not_from_another_pid_namespace),
		TEST(names_of_a_process),
		TEST(only_the_very_cgroup),
		TEST(figures_of_v2),
		TEST(figures_of_v1),
		TEST(largest_processes),
		TEST(bounded),
		TEST(deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
