/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include "details_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *details_fake_path(const struct details_fake *f, const char *path)
{
	static char text[512];

	assert_true((size_t)snprintf(text, sizeof(text), "%s/%s", f->dir, path) < sizeof(text));
	return text;
}

static void make_parents(const char *path)
{
	char part[512];

	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		assert_true(mkdir(part, 0755) == 0 || errno == EEXIST);
	}
}

void details_fake_put(const struct details_fake *f, const char *path, const char *text, uint64_t n)
{
	const char *full = details_fake_path(f, path);
	int fd;

	make_parents(full);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	(void)close(fd);
}

void details_fake_text(const struct details_fake *f, const char *path, const char *text)
{
	details_fake_put(f, path, text, strlen(text));
}

uint64_t details_fake_ticks(uint64_t start_ns)
{
	return start_ns / (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
}

void details_fake_process(const struct details_fake *f, uint32_t pid, const char *comm,
			  uint64_t start_ns, uint64_t rss)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "proc/%" PRIu32 "/stat", pid);
	snprintf(text, sizeof(text),
		 "%" PRIu32 " (%s) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 %" PRIu64
		 " 20 21 22\n",
		 pid, comm, details_fake_ticks(start_ns));
	details_fake_text(f, path, text);
	snprintf(path, sizeof(path), "proc/%" PRIu32 "/statm", pid);
	snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " 3 4 0 6 0\n", rss + 1000, rss);
	details_fake_text(f, path, text);
	snprintf(path, sizeof(path), "proc/%" PRIu32 "/comm", pid);
	snprintf(text, sizeof(text), "%s\n", comm);
	details_fake_text(f, path, text);
}

void details_fake_exe(const struct details_fake *f, uint32_t pid, const char *exe)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%" PRIu32 "/exe", pid);
	assert_int_equal(symlink(exe, details_fake_path(f, path)), 0);
}

uint64_t details_fake_id(const struct details_fake *f, const char *path)
{
	struct stat st;

	assert_int_equal(stat(details_fake_path(f, path), &st), 0);
	return st.st_ino;
}

void details_fake_open(struct details_fake *f)
{
	snprintf(f->dir, sizeof(f->dir), "/tmp/test-details.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->proc, sizeof(f->proc), "%s/proc", f->dir);
	snprintf(f->cgroups, sizeof(f->cgroups), "%s/cgroup", f->dir);
	assert_int_equal(mkdir(f->cgroups, 0755), 0);
	details_fake_text(f, "proc/self/ns/nothing", "");
	/* The first pid namespace's, as every kernel has it. */
	assert_int_equal(symlink("pid:[4026531836]", details_fake_path(f, "proc/self/ns/pid")), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void details_fake_close(struct details_fake *f)
{
	(void)nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
