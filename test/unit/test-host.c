/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of cgroups, on plain directories
 *
 *   T/cg     stands for the root of the hierarchy
 *   T/proc   stands for /proc
 *
 * What needs real mounts is in test-host-real.c.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text_file.h"
#include "fail_malloc.h"
#include "source/host_impl.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define ODD "a b\t\n\"'\\\033[31m\xff\xfe"

struct tree {
	char top[64];
	char cg[128];
	char proc[128];
};

static void make_dir(const char *top, const char *path)
{
	char full[1024];

	snprintf(full, sizeof(full), "%s/%s", top, path);
	if (mkdir(full, 0755) < 0)
		fail_msg("mkdir %s: %s", full, strerror(errno));
}

static void make_file(const char *top, const char *path, const char *text)
{
	char full[1024];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", top, path);
	f = fopen(full, "we");
	if (!f)
		fail_msg("%s: %s", full, strerror(errno));
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static const char *const cgroups[] = {
	"a",     "a/b", "a/b/c", "dead (deleted)", ODD,         "self",
	"pid:7", "x",   "x/y",   "docker",         "docker/1f",
};

static void tree_make(struct tree *t)
{
	snprintf(t->top, sizeof(t->top), "/tmp/test-host.XXXXXX");
	assert_non_null(mkdtemp(t->top));
	make_dir(t->top, "cg");
	make_dir(t->top, "elsewhere");
	make_dir(t->top, "proc");
	for (size_t i = 0; i < N(cgroups); i++) {
		char path[128];

		snprintf(path, sizeof(path), "cg/%s", cgroups[i]);
		make_dir(t->top, path);
	}
	make_file(t->top, "cg/a/memory.events", "oom 0\noom_kill 0\n");
	make_file(t->top, "cg/a/b/memory.events", "oom 0\noom_kill 0\n");
	make_dir(t->top, "proc/self");
	make_file(t->top, "proc/self/cgroup", "3:cpu:/\n2:memory:/a/b\n0::/x\n");
	make_dir(t->top, "proc/12");
	make_file(t->top, "proc/12/cgroup", "2:memory:/a/b/c\n0::/dead (deleted)\n");
	make_dir(t->top, "proc/13");
	make_file(t->top, "proc/13/cgroup", "2:memory:/gone\n0::/gone (deleted)\n");
	make_dir(t->top, "proc/14");
	make_file(t->top, "proc/14/cgroup", "2:memory:/\n0::/../outside\n");
	make_file(t->top, "proc/14/stat", "14 (x) ) R 1 14 14 0 -1 4194308 7 0\n");
	make_dir(t->top, "proc/15");
	make_file(t->top, "proc/15/cgroup", "2:memory:/\n0::/\n");
	make_file(t->top, "proc/15/stat", "15 (x) R 4) S 1 15 15 0 -1 4194560 7 0\n");
	make_dir(t->top, "proc/16");
	make_file(t->top, "proc/16/cgroup", "3:cpu:/\n");
	make_dir(t->top, "proc/17");
	make_file(t->top, "proc/17/cgroup", "not a word of it\n");
	snprintf(t->cg, sizeof(t->cg), "%s/cg", t->top);
	snprintf(t->proc, sizeof(t->proc), "%s/proc", t->top);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}

static void tree_done(struct tree *t)
{
	assert_int_equal(nftw(t->top, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void tree_open(const struct tree *t, enum hierarchy h, struct cgroup_host *ret)
{
	assert_int_equal(cgroup_host_open_fake(ret, t->cg, h), 0);
	free(ret->proc);
	ret->proc = strdup(t->proc);
	assert_non_null(ret->proc);
}

static ino_t inode_of(const char *top, const char *path)
{
	char full[1024];
	struct stat st;

	snprintf(full, sizeof(full), "%s%s", top, path);
	if (stat(full, &st) < 0)
		fail_msg("%s: %s", full, strerror(errno));
	return st.st_ino;
}

struct name_row {
	const char *name;
	int r;
	const char *path;
};

static void check_names(const struct tree *t, enum hierarchy h, const struct name_row *rows,
			size_t n)
{
	struct cgroup_host host;

	tree_open(t, h, &host);
	for (size_t i = 0; i < n; i++) {
		struct cgroup_at at = { .id = 99 };
		char name[1024];
		struct stat st;
		int r;

		/* @ stands for the top of the tree in the file system */
		snprintf(name, sizeof(name), "%s%s", rows[i].name[0] == '@' ? t->top : "",
			 rows[i].name + (rows[i].name[0] == '@'));
		r = cgroup_host_resolve(&host, name, &at);
		if (r != rows[i].r)
			fail_msg("'%s' gave %d and not %d", name, r, rows[i].r);
		if (r != 0) {
			assert_int_equal(at.id, 99);
			continue;
		}
		assert_string_equal(at.path, rows[i].path);
		assert_int_equal(at.hierarchy, h);
		assert_int_equal(at.id, inode_of(t->cg, rows[i].path));
		assert_int_equal(fstat(at.fd, &st), 0);
		assert_int_equal(st.st_ino, at.id);
		assert_int_equal(fcntl(at.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
		assert_int_equal(fcntl(at.fd, F_GETFL) & O_PATH, 0);
		assert_int_equal(fcntl(at.fd, F_GETFD), FD_CLOEXEC);
		cgroup_at_close(&at);
		assert_int_equal(fcntl(at.fd, F_GETFD), -1);
	}
	cgroup_host_close(&host);
}

static void paths_from_the_root(void **state)
{
	static const struct name_row rows[] = {
		{ "/", 0, "/" },
		{ "a", 0, "/a" },
		{ "/a", 0, "/a" },
		{ "/a/b/", 0, "/a/b" },
		{ "a/b", 0, "/a/b" },
		{ "//a/./b/../b", 0, "/a/b" },
		{ "/../../a", 0, "/a" },
		{ "a/../../../../x", 0, "/x" },
		{ "/" ODD, 0, "/" ODD },
		{ ODD, 0, "/" ODD },
		{ "/self", 0, "/self" },
		{ "/pid:7", 0, "/pid:7" },
		{ "/a/memory.events", HOST_E_NOT_A_CGROUP, NULL },
		{ "/a/memory.events/b", HOST_E_NOT_A_CGROUP, NULL },
		{ "/no", HOST_E_NO_SUCH_CGROUP, NULL },
		{ "no", HOST_E_NO_SUCH_CGROUP, NULL },
		{ "no/such", HOST_E_NO_SUCH_CGROUP, NULL },
		{ "", HOST_E_BAD_NAME, NULL },
	};
	struct tree t;

	(void)state;
	tree_make(&t);
	check_names(&t, HIERARCHY_V2, rows, N(rows));
	check_names(&t, HIERARCHY_V1, rows, N(rows));
	tree_done(&t);
}

static void directories(void **state)
{
	static const struct name_row rows[] = {
		{ "@/cg", 0, "/" },
		{ "@/cg/", 0, "/" },
		{ "@/cg/a/b", 0, "/a/b" },
		{ "@/cg/a/../x//y/.", 0, "/x/y" },
		{ "@/cg/" ODD, 0, "/" ODD },
		{ "@/elsewhere/../cg/x", 0, "/x" },
		{ "@/link/b", 0, "/a/b" },
		{ "@/cg/a/memory.events", HOST_E_NOT_A_CGROUP, NULL },
		{ "@/cg/no", HOST_E_NO_SUCH_CGROUP, NULL },
		{ "@/elsewhere", HOST_E_NOT_A_CGROUP, NULL },
		{ "@/loop", HOST_E_NOT_A_CGROUP, NULL },
		/* A directory of the file system and a path from the root at once. */
		{ "/tmp", HOST_E_NOT_A_CGROUP, NULL },
		{ "/dev/null", HOST_E_NOT_A_CGROUP, NULL },
	};
	static const struct name_row from_a[] = {
		{ ".", 0, "/a" },
		{ "./b", 0, "/a/b" },
		{ "..", 0, "/" },
		{ "../x", 0, "/x" },
		{ "b/c", 0, "/a/b/c" },
		{ "x", 0, "/x" },
		{ "b", HOST_E_NO_SUCH_CGROUP, NULL },
		{ "./x", HOST_E_NO_SUCH_CGROUP, NULL },
		{ "../../elsewhere", HOST_E_NOT_A_CGROUP, NULL },
		{ "x/y", 0, "/x/y" },
	};
	struct tree t;
	char path[256];
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(here >= 0);
	tree_make(&t);
	snprintf(path, sizeof(path), "%s/link", t.top);
	assert_int_equal(symlink("cg/a", path), 0);
	snprintf(path, sizeof(path), "%s/loop", t.top);
	assert_int_equal(symlink("loop", path), 0);
	check_names(&t, HIERARCHY_V2, rows, N(rows));
	snprintf(path, sizeof(path), "%s/a", t.cg);
	assert_int_equal(chdir(path), 0);
	check_names(&t, HIERARCHY_V1, from_a, N(from_a));
	assert_int_equal(fchdir(here), 0);
	(void)close(here);
	tree_done(&t);
}

/* "/tmp" is no cgroup in the file system, but may be one in the hierarchy. */
static void a_path_from_the_root_where_the_directory_is_none(void **state)
{
	static const struct name_row rows[] = {
		{ "/tmp", 0, "/tmp" },
		{ "./tmp", HOST_E_NO_SUCH_CGROUP, NULL },
	};
	struct tree t;

	(void)state;
	tree_make(&t);
	make_dir(t.cg, "tmp");
	check_names(&t, HIERARCHY_V2, rows, N(rows));
	tree_done(&t);
}

static void processes(void **state)
{
	static const struct name_row v1[] = {
		{ "self", 0, "/a/b" },
		{ "self/c", 0, "/a/b/c" },
		{ "self/../../x", 0, "/x" },
		{ "self/no", HOST_E_NO_SUCH_CGROUP, NULL },
		{ "pid:12", 0, "/a/b/c" },
		{ "pid:0012/..", 0, "/a/b" },
		{ "pid:13", HOST_E_NO_SUCH_CGROUP, NULL },
		/* exiting: the kernel says "/" of it, wherever it was */
		{ "pid:14", HOST_E_NO_SUCH_PROCESS, NULL },
		{ "pid:15", 0, "/" },
		{ "pid:16", HOST_E_NO_MEMORY, NULL },
		{ "pid:17", -EBADMSG, NULL },
		{ "pid:99", HOST_E_NO_SUCH_PROCESS, NULL },
		{ "pid:4194305", HOST_E_NO_SUCH_PROCESS, NULL },
	};
	static const struct name_row v2[] = {
		{ "self", 0, "/x" },
		{ "self/y", 0, "/x/y" },
		/* the suffix is part of the name only if there is such a cgroup */
		{ "pid:12", 0, "/dead (deleted)" },
		{ "pid:13", HOST_E_NO_SUCH_CGROUP, NULL },
		{ "pid:14", HOST_E_OTHER_MOUNT, NULL },
		{ "pid:15", 0, "/" },
		{ "pid:16", HOST_E_NO_MEMORY, NULL },
	};
	static const struct name_row bad[] = {
		{ "pid:", HOST_E_BAD_NAME, NULL },
		{ "pid:0", HOST_E_BAD_NAME, NULL },
		{ "pid:-1", HOST_E_BAD_NAME, NULL },
		{ "pid:+1", HOST_E_BAD_NAME, NULL },
		{ "pid: 1", HOST_E_BAD_NAME, NULL },
		{ "pid:1x", HOST_E_BAD_NAME, NULL },
		{ "pid:x/a", HOST_E_BAD_NAME, NULL },
		{ "pid:2147483648", HOST_E_BAD_NAME, NULL },
		{ "pid:99999999999999999999999999", HOST_E_BAD_NAME, NULL },
		{ "selfish", HOST_E_NO_SUCH_CGROUP, NULL },
		{ "pid", HOST_E_NO_SUCH_CGROUP, NULL },
	};
	struct tree t;

	(void)state;
	tree_make(&t);
	check_names(&t, HIERARCHY_V1, v1, N(v1));
	check_names(&t, HIERARCHY_V2, v2, N(v2));
	check_names(&t, HIERARCHY_V2, bad, N(bad));
	tree_done(&t);
}

/* The mount's root lies above the cgroup namespace: names between come from where the task is. */
static void a_mount_from_outside_of_the_namespace(void **state)
{
	static const struct {
		const char *root, *own, *members; /* whose cgroup.threads holds 5 */
		int r;
		const char *path;
	} rows[] = {
		{ "/../..", "/", "docker/1f", 0, "/docker/1f" },
		{ "/..", "/b", "a/b", 0, "/a/b" },
		{ "/..", "/../x", "x", 0, "/x" },
		{ "/../..", "/", NULL, HOST_E_NO_SUCH_CGROUP, NULL },
		{ "/../docker", "/", NULL, HOST_E_OTHER_MOUNT, NULL },
		{ "/docker", "/docker/1f", NULL, 0, "/1f" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct cgroup_at at = CGROUP_AT_NULL;
		struct cgroup_host host;
		struct tree t;
		char text[256], path[256];
		int r;

		tree_make(&t);
		if (i == N(rows) - 1)
			snprintf(t.cg, sizeof(t.cg), "%s/cg/docker", t.top);
		tree_open(&t, HIERARCHY_V2, &host);
		free(host.v2.root);
		host.v2.root = strdup(rows[i].root);
		make_dir(t.top, "proc/5");
		snprintf(text, sizeof(text), "0::%s\n", rows[i].own);
		make_file(t.top, "proc/5/cgroup", text);
		/* Tasks that are others, though their numbers look alike. */
		make_file(t.top, "cg/a/cgroup.threads", "4\n55\n15\n");
		make_file(t.top, "cg/a/b/cgroup.threads", "55\n");
		make_file(t.top, "cg/x/y/cgroup.threads", "15\n51\n");
		if (rows[i].members) {
			snprintf(path, sizeof(path), "cg/%s/cgroup.threads", rows[i].members);
			make_file(t.top, path, "4\n5\n6\n");
		}
		r = cgroup_host_resolve(&host, "pid:5", &at);
		if (r != rows[i].r)
			fail_msg("row %zu gave %d", i, r);
		if (r == 0)
			assert_string_equal(at.path, rows[i].path);
		cgroup_at_close(&at);
		cgroup_host_close(&host);
		tree_done(&t);
	}
}

/* Each of the cgroups two levels down is told from the others by its inode number. */
static void a_cgroup_known_by_its_inode(void **state)
{
	static const char *const paths[] = { "/a/b", "/x/y", "/docker/1f" };
	struct cgroup_host host;
	struct tree t;
	char *path;

	(void)state;
	tree_make(&t);
	tree_open(&t, HIERARCHY_V2, &host);
	for (size_t i = 0; i < N(paths); i++) {
		ino_t ino = inode_of(t.cg, paths[i]);

		assert_int_equal(search_inode(&host, HIERARCHY_V2, 2, "", ino, &path), 0);
		assert_string_equal(path, paths[i]);
		free(path);
		assert_int_equal(search_inode(&host, HIERARCHY_V2, 1, "", ino, &path),
				 HOST_E_NO_SUCH_CGROUP);
	}
	assert_int_equal(
		search_inode(&host, HIERARCHY_V2, 2, "/c", inode_of(t.cg, "/a/b/c"), &path), 0);
	assert_string_equal(path, "/a/b/c");
	free(path);
	cgroup_host_close(&host);
	tree_done(&t);
}

static char *long_name(const char *top, char *name, size_t size, size_t depth)
{
	size_t n = (size_t)snprintf(name, size, "%s", top);

	for (size_t i = 0; i < depth; i++) {
		name[n++] = '/';
		memset(name + n, 'd', 200);
		n += 200;
	}
	name[n] = '\0';
	assert_true(n < size);
	return name;
}

/* 30 levels of 200 bytes: no single system call takes such a path. */
static void beyond_path_max(void **state)
{
	enum { DEPTH = 30, SIZE = 8192 };
	struct cgroup_host host;
	struct cgroup_at at;
	struct tree t;
	char name[SIZE], part[256];
	int fd;

	(void)state;
	tree_make(&t);
	memset(part, 'd', 200);
	part[200] = '\0';
	fd = open(t.cg, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < DEPTH; i++) {
		int below;

		assert_int_equal(mkdirat(fd, part, 0755), 0);
		below = openat(fd, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
		assert_true(below >= 0);
		(void)close(fd);
		fd = below;
	}
	(void)close(fd);
	tree_open(&t, HIERARCHY_V2, &host);
	assert_int_equal(cgroup_host_resolve(&host, long_name("", name, sizeof(name), DEPTH), &at),
			 0);
	assert_string_equal(at.path, name);
	cgroup_at_close(&at);
	assert_int_equal(cgroup_host_resolve(&host, long_name("", name, sizeof(name), DEPTH + 1),
					     &at),
			 HOST_E_NO_SUCH_CGROUP);
	memset(name, 'x', 4500);
	name[4500] = '\0';
	assert_int_equal(cgroup_host_resolve(&host, name, &at), HOST_E_BAD_NAME);
	name[0] = '/';
	assert_int_equal(cgroup_host_resolve(&host, name, &at), HOST_E_BAD_NAME);
	name[256 + 1] = '\0'; /* one component of 256: NAME_MAX is 255 */
	assert_int_equal(cgroup_host_resolve(&host, name, &at), HOST_E_BAD_NAME);
	cgroup_host_close(&host);
	for (size_t depth = DEPTH; depth-- > 0;) {
		fd = dir_open_long(AT_FDCWD, long_name(t.cg, name, sizeof(name), depth),
				   O_PATH | O_DIRECTORY);
		assert_true(fd >= 0);
		assert_int_equal(unlinkat(fd, part, AT_REMOVEDIR), 0);
		(void)close(fd);
	}
	tree_done(&t);
}

static void nearest_with_memory(void **state)
{
	static const struct {
		const char *name;
		int r;
		const char *path;
	} rows[] = {
		{ "/a/b/c", 0, "/a/b" },
		{ "/a/b", 0, "/a/b" },
		{ "/a", 0, "/a" },
		{ "/x/y", HOST_E_NO_MEMORY, NULL },
		{ "/", HOST_E_NO_MEMORY, NULL },
	};
	struct cgroup_host host;
	struct cgroup_at at, up;
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_open(&t, HIERARCHY_V2, &host);
	assert_true(host.v2.real_root);
	for (size_t i = 0; i < N(rows); i++) {
		int r;

		assert_int_equal(cgroup_host_resolve(&host, rows[i].name, &at), 0);
		r = cgroup_host_nearest_memory(&host, &at, &up);
		if (r != rows[i].r)
			fail_msg("%s gave %d", rows[i].name, r);
		if (r == 0) {
			assert_string_equal(up.path, rows[i].path);
			assert_int_equal(up.id, inode_of(t.cg, rows[i].path));
			assert_int_equal(up.hierarchy, HIERARCHY_V2);
			assert_int_equal(fcntl(up.fd, F_GETFD), FD_CLOEXEC);
			cgroup_at_close(&up);
		}
		cgroup_at_close(&at);
	}
	cgroup_host_close(&host);
	/* The root of a namespace has memory.events itself. */
	make_file(t.cg, "memory.events", "oom 0\n");
	tree_open(&t, HIERARCHY_V2, &host);
	assert_false(host.v2.real_root);
	assert_int_equal(cgroup_host_resolve(&host, "/x/y", &at), 0);
	assert_int_equal(cgroup_host_nearest_memory(&host, &at, &up), 0);
	assert_string_equal(up.path, "/");
	cgroup_at_close(&up);
	cgroup_at_close(&at);
	cgroup_host_close(&host);
	tree_done(&t);
}

static struct {
	const char *procs; /* goes as soon as a cgroup is asked for its memory file */
	int asked;
} removal;
int __real_faccessat(int dirfd, const char *path, int mode, int flags);
int __wrap_faccessat(int dirfd, const char *path, int mode, int flags);

/* Linked in for every faccessat(): what happens between two looks of the code under test. */
int __wrap_faccessat(int dirfd, const char *path, int mode, int flags)
{
	if (removal.procs && strncmp(path, "memory.", 7) == 0) {
		removal.asked++;
		(void)unlink(removal.procs);
	}
	return __real_faccessat(dirfd, path, mode, flags);
}

/* A cgroup that is removed between two looks at it is gone, not one without memory. */
static void removed_on_the_way_up(void **state)
{
	static const char *const names[] = { "/a/b/c",
					     "/x/y" }; /* below one with memory, and not */
	struct cgroup_at at, up = CGROUP_AT_NULL;
	struct cgroup_host host;
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_open(&t, HIERARCHY_V2, &host);
	for (size_t i = 0; i < N(names); i++) {
		char procs[256];

		host.fake = true;
		assert_int_equal(cgroup_host_resolve(&host, names[i], &at), 0);
		host.fake = false; /* cgroup.procs tells whether it is there */
		snprintf(procs, sizeof(procs), "%s%s/cgroup.procs", t.cg, names[i]);
		make_file(t.cg, procs + strlen(t.cg) + 1, "");
		removal.procs = procs;
		removal.asked = 0;
		assert_int_equal(cgroup_host_nearest_memory(&host, &at, &up),
				 HOST_E_NO_SUCH_CGROUP);
		assert_true(removal.asked > 0);
		removal.procs = NULL;
		assert_null(up.path);
		/* One that was gone before. */
		assert_int_equal(cgroup_host_nearest_memory(&host, &at, &up),
				 HOST_E_NO_SUCH_CGROUP);
		cgroup_at_close(&at);
	}
	cgroup_host_close(&host);
	tree_done(&t);
}

static char *corpus_text(const char *name)
{
	char path[512], *text = NULL;

	snprintf(path, sizeof(path), "%s/mountinfo/%s", CORPUS, name);
	if (text_file_read(AT_FDCWD, path, 1U << 20, &text, NULL) != 0)
		fail_msg("cannot read %s", path);
	return text;
}

static const struct mountinfo *first_of(const struct mount_table *t, enum mount_kind kind)
{
	for (size_t i = 0; i < t->n; i++)
		if (mount_kind(&t->entries[i]) == kind)
			return &t->entries[i];
	return NULL;
}

static void which_mount_is_tried_first(void **state)
{
	static const struct {
		const char *name;
		size_t n;
		const char *v2, *v1; /* "MOUNT POINT ROOT" */
	} rows[] = {
		{ "v2-systemd", 1, "/sys/fs/cgroup /", NULL },
		{ "v2-container-cgroupns", 1, "/sys/fs/cgroup /", NULL },
		{ "v2-outside-of-namespace", 1, "/sys/fs/cgroup /../..", NULL },
		{ "hybrid-systemd", 6, "/sys/fs/cgroup/unified /", "/sys/fs/cgroup/memory /" },
		{ "v1-one-directory-each", 5, "/sys/fs/cgroup/unified /",
		  "/sys/fs/cgroup/memory /" },
		{ "v1-container-bind-mounts", 3, NULL, "/sys/fs/cgroup/memory /docker/1f0c8b" },
		{ "v1-many-mounts-of-one", 7, NULL, "/sys/fs/cgroup/memory /" },
		{ "names-with-blanks", 1, "/mnt/my cgroups\\040 /a b\tc\\d\ne", NULL },
		{ "made-up-line", 2, "/sys/fs/cgroup /", NULL },
		{ "malformed", 0, NULL, NULL },
		{ "empty", 0, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		const struct mountinfo *m[2];
		const char *want[2] = { rows[i].v2, rows[i].v1 };
		struct mount_table t;

		assert_int_equal(mount_table_parse(&t, corpus_text(rows[i].name)), 0);
		if (t.n != rows[i].n)
			fail_msg("%s: %zu", rows[i].name, t.n);
		m[0] = first_of(&t, MOUNT_V2);
		m[1] = first_of(&t, MOUNT_V1_MEMORY);
		for (size_t k = 0; k < 2; k++) {
			char got[256];

			if (!m[k] || !want[k]) {
				assert_true(!m[k] && !want[k]);
				continue;
			}
			snprintf(got, sizeof(got), "%s %s", m[k]->where, m[k]->root);
			assert_string_equal(got, want[k]);
		}
		mount_table_done(&t);
	}
}

static void the_whole_order(void **state)
{
	static const char *const order[] = { "/sys/fs/cgroup/memory",
					     "/var/lib/rootfs/sys/fs/cgroup/memory",
					     "/d",
					     "/srv/a",
					     "/b",
					     "/c",
					     "/cpu" };
	struct mount_table t;

	(void)state;
	assert_int_equal(mount_table_parse(&t, corpus_text("v1-many-mounts-of-one")), 0);
	assert_int_equal(t.n, N(order));
	for (size_t i = 0; i < N(order); i++)
		assert_string_equal(t.entries[i].where, order[i]);
	mount_table_done(&t);
}

/* What mountinfo claims is a cgroup mount, but is a plain directory. */
static void a_mount_that_is_none(void **state)
{
	struct cgroup_host host = { .fake = true };
	struct tree t;
	char text[256];

	(void)state;
	tree_make(&t);
	assert_int_equal(cgroup_host_open(&host, t.proc), HOST_E_NO_PROC);
	make_file(t.proc, "self/mountinfo", "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n");
	assert_int_equal(cgroup_host_open(&host, t.proc), HOST_E_NO_CGROUPS);
	assert_true(host.fake); /* not written */
	snprintf(text, sizeof(text), "31 27 0:27 / %s rw - cgroup2 cgroup2 rw\n", t.cg);
	make_file(t.proc, "self/mountinfo", text);
	assert_int_equal(cgroup_host_open(&host, t.proc), 0);
	assert_int_equal(host.v2.root_fd, -1);
	assert_null(cgroup_host_memory(&host, NULL));
	assert_int_equal(cgroup_host_resolve(&host, "/", &(struct cgroup_at){ 0 }),
			 HOST_E_NO_MEMORY);
	cgroup_host_close(&host);
	tree_done(&t);
}

static void closing_twice_or_never_opened(void **state)
{
	struct cgroup_host zero = { 0 }, null = CGROUP_HOST_NULL;
	struct cgroup_at at_zero = { 0 }, at_null = CGROUP_AT_NULL;

	(void)state;
	for (int i = 0; i < 2; i++) {
		cgroup_host_close(&zero);
		cgroup_host_close(&null);
		cgroup_at_close(&at_zero);
		cgroup_at_close(&at_null);
	}
	cgroup_host_close(NULL);
	cgroup_at_close(NULL);
	assert_true(fcntl(0, F_GETFD) >= 0); /* a zeroed host is not descriptor 0 */
}

struct memory_case {
	const struct cgroup_host *host;
	struct cgroup_host made;
	const char *name;
	struct cgroup_at at;
};

static int resolve_run(void *ctx)
{
	struct memory_case *c = ctx;

	return cgroup_host_resolve(c->host, c->name, &c->at);
}

static int nearest_run(void *ctx)
{
	struct memory_case *c = ctx;
	struct cgroup_at at;
	int r = cgroup_host_resolve(c->host, c->name, &at);

	if (r != 0)
		return r;
	r = cgroup_host_nearest_memory(c->host, &at, &c->at);
	cgroup_at_close(&at);
	return r;
}

static void at_undo(void *ctx)
{
	cgroup_at_close(&((struct memory_case *)ctx)->at);
}

static int open_run(void *ctx)
{
	struct memory_case *c = ctx;

	return cgroup_host_open_fake(&c->made, c->name, HIERARCHY_V1);
}

static void open_undo(void *ctx)
{
	cgroup_host_close(&((struct memory_case *)ctx)->made);
}

static void without_memory(void **state)
{
	static const char *const names[] = { "/a/b", "self", "pid:12", "pid:15", "pid:18" };
	struct memory_case mc;
	const struct fail_malloc_case resolve = { .run = resolve_run,
						  .undo = at_undo,
						  .ctx = &mc,
						  .out = &mc.at,
						  .out_size = sizeof(mc.at) };
	struct fail_malloc_case c = resolve;
	struct cgroup_host host;
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_open(&t, HIERARCHY_V1, &host);
	mc.host = &host;
	for (size_t i = 0; i < 4; i++) {
		mc.name = names[i];
		assert_true(fail_malloc_each(&c) > 0);
	}
	mc.name = t.cg;
	assert_true(fail_malloc_each(&c) > 0);
	c.run = nearest_run;
	mc.name = "/x/y";
	make_file(t.cg, "x/memory.oom_control", "");
	assert_true(fail_malloc_each(&c) > 0);
	c = (struct fail_malloc_case){ .run = open_run,
				       .undo = open_undo,
				       .ctx = &mc,
				       .out = &mc.made,
				       .out_size = sizeof(mc.made) };
	mc.name = t.cg;
	assert_true(fail_malloc_each(&c) > 0);
	/* A search for the task among the cgroups of an outer mount. */
	c = resolve;
	free(host.v1.root);
	host.v1.root = strdup("/..");
	make_dir(t.top, "proc/18");
	make_file(t.top, "proc/18/cgroup", "2:memory:/b\n");
	make_file(t.top, "cg/a/b/tasks", "18\n");
	mc.name = names[4];
	assert_true(fail_malloc_each(&c) > 0);
	cgroup_host_close(&host);
	tree_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_from_the_root),
		cmocka_unit_test(directories),
		cmocka_unit_test(a_path_from_the_root_where_the_directory_is_none),
		cmocka_unit_test(processes),
		cmocka_unit_test(a_mount_from_outside_of_the_namespace),
		cmocka_unit_test(a_cgroup_known_by_its_inode),
		cmocka_unit_test(beyond_path_max),
		cmocka_unit_test(nearest_with_memory),
		cmocka_unit_test(removed_on_the_way_up),
		cmocka_unit_test(which_mount_is_tried_first),
		cmocka_unit_test(the_whole_order),
		cmocka_unit_test(a_mount_that_is_none),
		cmocka_unit_test(closing_twice_or_never_opened),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
