/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/flat_keyed.h"

static const char *const keys[] = { "low", "high", "max", "oom", "oom_kill", "oom_group_kill" };
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static void die(const char *what)
{
	perror(what);
	abort();
}

static void put(struct fake_tree *ft, const char *path, const char *file, const char *text)
{
	char name[4096];
	size_t n = strlen(text);
	int fd;

	(void)snprintf(name, sizeof(name), "%s%s%s", path, *path ? "/" : "", file);
	fd = openat(ft->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	/* Never empty in between: the texts only grow, since counters do. */
	if (fd < 0 || pwrite(fd, text, n, 0) != (ssize_t)n || ftruncate(fd, (off_t)n) < 0)
		die(name);
	close(fd);
}

void fake_write(struct fake_tree *ft, const char *path, const char *file, const char *text)
{
	put(ft, path, file, text);
}

/*
 * Takes a file away without giving its inode back: kernfs never uses one twice, other file systems do
 * at once, and the ledger knows accounts by it.
 */
static void bury(struct fake_tree *ft, const char *name)
{
	char grave[32];

	(void)snprintf(grave, sizeof(grave), "%u", ft->buried++);
	if (renameat(ft->fd, name, ft->graves_fd, grave) < 0 && errno != ENOENT)
		die(name);
}

static void put_counts(struct fake_tree *ft, const char *path, const char *file,
		       const uint64_t n[KEYS])
{
	char text[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < KEYS; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %llu\n", keys[i],
					 (unsigned long long)n[i]);
	put(ft, path, file, text);
}

static bool get_counts(struct fake_tree *ft, const char *path, const char *file, uint64_t n[KEYS])
{
	char name[4096], text[512];
	ssize_t len;
	int fd;

	(void)snprintf(name, sizeof(name), "%s/%s", path, file);
	fd = openat(ft->fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len < 0)
		die(name);
	text[len] = '\0';
	for (size_t i = 0; i < KEYS; i++)
		if (flat_keyed_u64(text, keys[i], &n[i]) != 0)
			die(name);
	return true;
}

static void add(struct fake_tree *ft, const char *path, const char *file, const char *key,
		uint64_t more)
{
	uint64_t n[KEYS];

	if (!get_counts(ft, path, file, n))
		return;
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(keys[i], key) == 0)
			n[i] += more;
	put_counts(ft, path, file, n);
}

void fake_count(struct fake_tree *ft, const char *path, const char *key, uint64_t n)
{
	char at[4096];
	char *slash;

	(void)snprintf(at, sizeof(at), "%s", path);
	add(ft, at, "memory.events.local", key, n);
	for (;;) {
		add(ft, at, "memory.events", key, n);
		slash = strrchr(at, '/');
		if (!slash)
			return;
		*slash = '\0';
	}
}

void fake_memory(struct fake_tree *ft, const char *path, bool on)
{
	static const uint64_t nothing[KEYS] = { 0 };
	static const char *const files[] = { "memory.events", "memory.events.local", "memory.max",
					     "memory.oom.group" };
	char name[4096], parent[4096];
	char *slash;

	if (on) {
		put_counts(ft, path, "memory.events", nothing);
		put_counts(ft, path, "memory.events.local", nothing);
		put(ft, path, "memory.max", "max\n");
		put(ft, path, "memory.oom.group", "0\n");
	} else {
		for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
			(void)snprintf(name, sizeof(name), "%s/%s", path, files[i]);
			bury(ft, name);
		}
	}
	/* The write that does it shows in the parent's file. */
	(void)snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	parent[slash ? slash - parent : 0] = '\0';
	put(ft, parent, "cgroup.subtree_control", on ? "memory\n" : "\n");
}

void fake_mkdir(struct fake_tree *ft, const char *path)
{
	if (mkdirat(ft->fd, path, 0755) < 0)
		die(path);
	fake_memory(ft, path, true);
	put(ft, path, "cgroup.subtree_control", "memory\n");
	put(ft, path, "cgroup.procs", "");
}

void fake_rmdir(struct fake_tree *ft, const char *path)
{
	static const char *const files[] = {
		"memory.events",    "memory.events.local",    "memory.max",
		"memory.oom.group", "cgroup.subtree_control", "cgroup.procs"
	};
	char name[4096];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(name, sizeof(name), "%s/%s", path, files[i]);
		bury(ft, name);
	}
	if (unlinkat(ft->fd, path, AT_REMOVEDIR) < 0)
		die(path);
}

void fake_open(struct fake_tree *ft)
{
	*ft = (struct fake_tree){ .dir = "/dev/shm/oomn-cgsim-XXXXXX",
				  .graves = "/dev/shm/oomn-graves-XXXXXX" };
	/* tmpfs, because it does not use the inode number of a directory twice; else any will do. */
	if (!mkdtemp(ft->dir) || !mkdtemp(ft->graves)) {
		strcpy(ft->dir, "/tmp/oomn-cgsim-XXXXXX");
		strcpy(ft->graves, "/tmp/oomn-graves-XXXXXX");
		if (!mkdtemp(ft->dir) || !mkdtemp(ft->graves))
			die(ft->dir);
	}
	ft->fd = open(ft->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ft->graves_fd = open(ft->graves, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ft->fd < 0 || ft->graves_fd < 0)
		die(ft->dir);
	put(ft, "", "cgroup.subtree_control", "memory\n");
	put(ft, "", "cgroup.procs", "");
	if (cgroup_host_open_fake(&ft->host, ft->dir, HIERARCHY_V2) != 0)
		die("cgroup_host_open_fake");
	ft->host.v2.real_root = false; /* /proc/vmstat speaks of the machine, not of this tree */
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void fake_close(struct fake_tree *ft)
{
	cgroup_host_close(&ft->host);
	close(ft->fd);
	close(ft->graves_fd);
	if (nftw(ft->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 ||
	    nftw(ft->graves, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		die(ft->dir);
}

void fake_at(struct fake_tree *ft, const char *path, struct cgroup_at *ret)
{
	char name[4096];
	int r;

	(void)snprintf(name, sizeof(name), "/%s", path);
	r = cgroup_host_resolve(&ft->host, name, ret);
	if (r != 0) {
		fprintf(stderr, "%s: cannot be resolved: %d\n", name, r);
		abort();
	}
}
