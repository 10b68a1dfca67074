/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host on real mounts: those of this machine, and such as a test makes for itself in a mount
 * namespace of its own. The only cgroups made are below this process's own memory cgroup.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text_file.h"
#include "fail_malloc.h"
#include "source/host_impl.h"

#define SKIP 77

static bool have_memory;
static char scratch[64]; /* name of the cgroup that is made */

static void own_host(struct cgroup_host *host)
{
	if (!have_memory) {
		print_message("no memory hierarchy is mounted here\n");
		skip();
	}
	assert_int_equal(cgroup_host_open(host, "/proc"), 0);
}

/* In the file system: the mount point of the memory hierarchy, and @path below it. */
static const char *in_fs(const struct cgroup_host *host, const char *path, char *to, size_t size)
{
	snprintf(to, size, "%s%s", cgroup_host_memory(host, NULL)->where, path);
	return to;
}

static uint64_t root_id(const struct cgroup_host *host)
{
	struct cgroup_at root;
	uint64_t id;

	assert_int_equal(cgroup_host_root(host, &root), 0);
	id = root.id;
	cgroup_at_close(&root);
	return id;
}

static void self_is_where_proc_says(void **state)
{
	struct cgroup_host host;
	struct cgroup_at self, pid, dir, path;
	char name[4096];
	struct stat st;

	(void)state;
	own_host(&host);
	assert_int_equal(cgroup_host_resolve(&host, "self", &self), 0);
	assert_int_equal(stat(in_fs(&host, self.path, name, sizeof(name)), &st), 0);
	assert_int_equal(st.st_ino, self.id);
	assert_int_equal(cgroup_host_resolve(&host, name, &dir), 0);
	assert_int_equal(dir.id, self.id);
	assert_string_equal(dir.path, self.path);
	assert_int_equal(cgroup_host_resolve(&host, self.path, &path), 0);
	assert_int_equal(path.id, self.id);
	snprintf(name, sizeof(name), "pid:%d", getpid());
	assert_int_equal(cgroup_host_resolve(&host, name, &pid), 0);
	assert_string_equal(pid.path, self.path);
	cgroup_at_close(&self);
	cgroup_at_close(&pid);
	cgroup_at_close(&dir);
	cgroup_at_close(&path);
	cgroup_host_close(&host);
}

static void the_root(void **state)
{
	struct cgroup_host host;
	struct cgroup_at root, slash;

	(void)state;
	own_host(&host);
	assert_int_equal(cgroup_host_root(&host, &root), 0);
	assert_string_equal(root.path, "/");
	assert_int_equal(root.id == 1, cgroup_host_memory(&host, NULL)->real_root);
	assert_int_equal(cgroup_host_resolve(&host, "/", &slash), 0);
	assert_int_equal(slash.id, root.id);
	cgroup_at_close(&root);
	cgroup_at_close(&slash);
	cgroup_host_close(&host);
}

static void what_is_no_memory_cgroup(void **state)
{
	struct cgroup_host host;
	struct mount_table t;
	struct cgroup_at at;
	enum hierarchy h;
	char name[4096];

	(void)state;
	own_host(&host);
	assert_int_equal(cgroup_host_resolve(&host, "/tmp", &at), HOST_E_NOT_A_CGROUP);
	assert_int_equal(cgroup_host_resolve(&host, "/proc/self", &at), HOST_E_NOT_A_CGROUP);
	assert_int_equal(
		cgroup_host_resolve(&host, in_fs(&host, "/cgroup.procs", name, sizeof(name)), &at),
		HOST_E_NOT_A_CGROUP);
	assert_int_equal(cgroup_host_resolve(&host, "/cgroup.procs", &at), HOST_E_NOT_A_CGROUP);
	assert_int_equal(cgroup_host_resolve(&host, "/no/such/cgroup", &at), HOST_E_NO_SUCH_CGROUP);
	cgroup_host_memory(&host, &h);
	assert_int_equal(mount_table_read(&t, "/proc"), 0);
	for (size_t i = 0; i < t.n; i++) {
		enum mount_kind kind = mount_kind(&t.entries[i]);

		if (kind == (h == HIERARCHY_V2 ? MOUNT_V2 : MOUNT_V1_MEMORY))
			continue;
		assert_int_equal(cgroup_host_resolve(&host, t.entries[i].where, &at),
				 HOST_E_WRONG_HIERARCHY);
		snprintf(name, sizeof(name), "%s/cgroup.procs", t.entries[i].where);
		assert_int_equal(cgroup_host_resolve(&host, name, &at), HOST_E_NOT_A_CGROUP);
	}
	mount_table_done(&t);
	cgroup_host_close(&host);
}

/* Makes a cgroup below this process's own one, or skips. */
static void scratch_make(const struct cgroup_host *host, struct cgroup_at *own)
{
	assert_int_equal(cgroup_host_resolve(host, "self", own), 0);
	snprintf(scratch, sizeof(scratch), "test-host-real.%d", getpid());
	if (mkdirat(own->fd, scratch, 0755) < 0) {
		print_message("no cgroup can be made below %s: %s\n", own->path, strerror(errno));
		skip();
	}
}

static void a_removed_cgroup_has_no_nearest(void **state)
{
	struct cgroup_host host;
	struct cgroup_at own, at, up;
	char name[128];
	int r;

	(void)state;
	own_host(&host);
	scratch_make(&host, &own);
	snprintf(name, sizeof(name), "self/%s", scratch);
	assert_int_equal(cgroup_host_resolve(&host, name, &at), 0);
	r = cgroup_host_nearest_memory(&host, &at, &up);
	assert_true(r == 0 || r == HOST_E_NO_MEMORY);
	if (r == 0)
		cgroup_at_close(&up);
	assert_int_equal(unlinkat(own.fd, scratch, AT_REMOVEDIR), 0);
	assert_int_equal(cgroup_host_nearest_memory(&host, &at, &up), HOST_E_NO_SUCH_CGROUP);
	/* The directory can still be reached through its descriptor, but is no cgroup any more. */
	assert_int_equal(dir_find_cgroup(&host, at.hierarchy, at.fd, &up), HOST_E_NO_SUCH_CGROUP);
	cgroup_at_close(&at);
	cgroup_at_close(&own);
	cgroup_host_close(&host);
}

/* Cgroups so deep that neither /proc/self/fd nor one openat() can tell or take their path. */
static void beyond_path_max(void **state)
{
	enum { DEPTH = 24, LEN = 200 };
	struct cgroup_host host;
	struct cgroup_at own, at, dir;
	char part[LEN + 1], name[8192];
	int fd[DEPTH + 1] = { 0 };
	size_t made, n;

	(void)state;
	own_host(&host);
	scratch_make(&host, &own);
	memset(part, 'd', LEN);
	part[LEN] = '\0';
	n = (size_t)snprintf(name, sizeof(name), "%s/%s", own.id == root_id(&host) ? "" : own.path,
			     scratch);
	fd[0] = openat(own.fd, scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (made = 0; made < DEPTH; made++) {
		if (mkdirat(fd[made], part, 0755) < 0)
			break;
		fd[made + 1] = openat(fd[made], part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		n += (size_t)snprintf(name + n, sizeof(name) - n, "/%s", part);
	}
	assert_int_equal(made, DEPTH);
	assert_int_equal(cgroup_host_resolve(&host, name, &at), 0);
	assert_string_equal(at.path, name);
	assert_int_equal(dir_find_cgroup(&host, at.hierarchy, fd[DEPTH], &dir), 0);
	assert_string_equal(dir.path, name);
	cgroup_at_close(&dir);
	memmove(name + strlen(cgroup_host_memory(&host, NULL)->where), name, n + 1);
	memcpy(name, cgroup_host_memory(&host, NULL)->where,
	       strlen(cgroup_host_memory(&host, NULL)->where));
	assert_int_equal(cgroup_host_resolve(&host, name, &dir), 0);
	assert_string_equal(dir.path, at.path);
	assert_int_equal(dir.id, at.id);
	cgroup_at_close(&dir);
	cgroup_at_close(&at);
	for (; made > 0; made--) {
		(void)close(fd[made]);
		assert_int_equal(unlinkat(fd[made - 1], part, AT_REMOVEDIR), 0);
	}
	(void)close(fd[0]);
	assert_int_equal(unlinkat(own.fd, scratch, AT_REMOVEDIR), 0);
	cgroup_at_close(&own);
	cgroup_host_close(&host);
}

/*
 * Runs @body in a child with namespaces of its own. The child cannot fail a cmocka test: it ends with
 * the line of its first wrong expectation as a message, or SKIP. What @body gets was looked up outside.
 */
#define EXPECT(c)                                                                                  \
	do {                                                                                       \
		if (!(c)) {                                                                        \
			fprintf(stderr, "%s:%d: %s (errno %s)\n", __FILE__, __LINE__, #c,          \
				strerror(errno));                                                  \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static noreturn void child_skips(const char *what, const char *why)
{
	print_message("%s: %s\n", what, why);
	(void)fflush(stdout);
	_exit(SKIP);
}

typedef void (*body_fn)(const struct cgroup_host *host, const struct cgroup_at *self);

static void in_namespaces(int namespaces, body_fn body)
{
	struct cgroup_host host;
	struct cgroup_at self;
	int status;
	pid_t pid;

	own_host(&host);
	assert_int_equal(cgroup_host_resolve(&host, "self", &self), 0);
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(namespaces) < 0 ||
		    ((namespaces & CLONE_NEWNS) &&
		     mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
			child_skips("no namespaces of one's own", strerror(errno));
		body(&host, &self);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	cgroup_at_close(&self);
	cgroup_host_close(&host);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIP)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool same(const struct cgroup_host *host, const char *name, const struct cgroup_at *want)
{
	struct cgroup_at at;
	bool yes;

	if (cgroup_host_resolve(host, name, &at) != 0)
		return false;
	yes = at.id == want->id && strcmp(at.path, want->path) == 0;
	cgroup_at_close(&at);
	return yes;
}

/* Is memory enabled for the cgroup that is seen at @mount_point? On v1 there is no other way. */
static bool has_memory(const char *mount_point, enum hierarchy h)
{
	_cleanup_free_ char *text = NULL;
	char path[4096];

	snprintf(path, sizeof(path), "%s/cgroup.controllers", mount_point);
	return h == HIERARCHY_V1 ||
	       (text_file_read(AT_FDCWD, path, 4096, &text, NULL) == 0 && strstr(text, "memory"));
}

/* The own cgroup mounted once more at a name with a blank: found, and told by the first mount's path. */
static void bind_body(const struct cgroup_host *host, const struct cgroup_at *self)
{
	char from[4096], at[] = "/tmp/test host real.XXXXXX", below[128];

	EXPECT(mkdtemp(at));
	EXPECT(mount(in_fs(host, self->path, from, sizeof(from)), at, NULL, MS_BIND, NULL) == 0);
	EXPECT(same(host, at, self));
	snprintf(below, sizeof(below), "%s/../..%s/.", at, at);
	EXPECT(same(host, below, self));
	EXPECT(umount(at) == 0);
	EXPECT(rmdir(at) == 0);
}

/*
 * The mount point of the memory hierarchy lies under another file system: mountinfo still lists it.
 * A bind mount of the own cgroup is then all there is to see.
 */
static void overmount_body(const struct cgroup_host *host, const struct cgroup_at *self)
{
	const char *where = cgroup_host_memory(host, NULL)->where;
	struct cgroup_host again;
	struct cgroup_at root, up;
	char from[4096], at[] = "/tmp/test-host-real.XXXXXX";

	EXPECT(mkdtemp(at));
	EXPECT(mount(in_fs(host, self->path, from, sizeof(from)), at, NULL, MS_BIND, NULL) == 0);
	EXPECT(mount("none", where, "tmpfs", 0, NULL) == 0);
	EXPECT(cgroup_host_open(&again, "/proc") == 0);
	if (!has_memory(at, self->hierarchy)) {
		EXPECT(!cgroup_host_memory(&again, NULL));
		cgroup_host_close(&again);
		EXPECT(umount(where) == 0 && umount(at) == 0 && rmdir(at) == 0);
		_exit(0);
	}
	EXPECT(cgroup_host_memory(&again, NULL));
	EXPECT(strcmp(cgroup_host_memory(&again, NULL)->where, at) == 0);
	EXPECT(cgroup_host_root(&again, &root) == 0);
	EXPECT(root.id == self->id);
	EXPECT(strcmp(root.path, "/") == 0);
	EXPECT(same(&again, "self", &root));
	EXPECT(same(&again, at, &root));
	/* The rest of the hierarchy exists, and is outside of what this mount shows. */
	EXPECT(dir_find_cgroup(&again, root.hierarchy, cgroup_host_memory(host, NULL)->root_fd,
			       &up) == (self->id == 1 ? 0 : HOST_E_OTHER_MOUNT));
	if (self->id == 1)
		cgroup_at_close(&up);
	cgroup_at_close(&root);
	cgroup_host_close(&again);
	EXPECT(umount(where) == 0);
	EXPECT(umount(at) == 0);
	EXPECT(rmdir(at) == 0);
}

/*
 * The own cgroup mounted right over the hierarchy's mount point: two lines with the same place, and only
 * the mount's id says which of them is seen.
 */
static void on_top_body(const struct cgroup_host *host, const struct cgroup_at *self)
{
	const struct cgroup_at inner = { .path = (char[]){ "/" }, .id = self->id };
	const char *where = cgroup_host_memory(host, NULL)->where;
	struct cgroup_host again;
	char from[4096];

	if (self->id == 1)
		child_skips("our own cgroup", "it is the root");
	EXPECT(mount(in_fs(host, self->path, from, sizeof(from)), where, NULL, MS_BIND, NULL) == 0);
	EXPECT(cgroup_host_open(&again, "/proc") == 0);
	if (!has_memory(where, self->hierarchy)) {
		EXPECT(!cgroup_host_memory(&again, NULL));
		_exit(0);
	}
	EXPECT(cgroup_host_memory(&again, NULL));
	EXPECT(strcmp(cgroup_host_memory(&again, NULL)->root, self->path) == 0);
	EXPECT(!cgroup_host_memory(&again, NULL)->real_root);
	EXPECT(same(&again, "/", &inner));
	EXPECT(same(&again, "self", &inner));
	cgroup_host_close(&again);
	EXPECT(umount(where) == 0);
}

/* Something lies over a cgroup in the middle of the hierarchy. */
static void covered_body(const struct cgroup_host *host, const struct cgroup_at *self)
{
	struct cgroup_host again; /* the mounts of before know nothing of those made here */
	struct cgroup_at at;
	char path[4096], root[4096];

	if (self->id == 1)
		child_skips("our own cgroup", "it is the root");
	in_fs(host, self->path, path, sizeof(path));
	EXPECT(cgroup_host_open(&again, "/proc") == 0);
	EXPECT(mount("none", path, "tmpfs", 0, NULL) == 0);
	EXPECT(cgroup_host_resolve(&again, self->path, &at) == HOST_E_NOT_A_CGROUP);
	EXPECT(cgroup_host_resolve(&again, "self", &at) == HOST_E_NOT_A_CGROUP);
	EXPECT(umount(path) == 0);
	/* Another cgroup: the path is right, and leads to the wrong one. */
	EXPECT(mount(in_fs(host, "", root, sizeof(root)), path, NULL, MS_BIND, NULL) == 0);
	EXPECT(dir_find_cgroup(&again, self->hierarchy, self->fd, &at) == HOST_E_NO_SUCH_CGROUP);
	EXPECT(umount(path) == 0);
	cgroup_host_close(&again);
}

/* There is a mount, behind a directory that may not be entered. */
static void denied_body(const struct cgroup_host *host, const struct cgroup_at *self)
{
	const char *where = cgroup_host_memory(host, NULL)->where;
	struct cgroup_host again;
	char from[4096], at[] = "/tmp/test-host-real.XXXXXX", below[128];

	EXPECT(mkdtemp(at)); /* 0700 */
	snprintf(below, sizeof(below), "%s/m", at);
	EXPECT(mkdir(below, 0755) == 0);
	EXPECT(mount(in_fs(host, self->path, from, sizeof(from)), below, NULL, MS_BIND, NULL) == 0);
	EXPECT(mount("none", where, "tmpfs", 0, NULL) == 0);
	EXPECT(seteuid(65534) == 0);
	EXPECT(cgroup_host_open(&again, "/proc") == -EACCES);
	EXPECT(seteuid(0) == 0);
	EXPECT(umount(where) == 0);
	EXPECT(umount(below) == 0);
	EXPECT(rmdir(below) == 0 && rmdir(at) == 0);
}

/* A namespace of one's own, while the mount is still the outer one. */
static void cgroup_namespace_body(const struct cgroup_host *host, const struct cgroup_at *self)
{
	struct cgroup_host again;
	char name[4096];

	EXPECT(cgroup_host_open(&again, "/proc") == 0);
	EXPECT(again.namespaced);
	EXPECT(same(&again, "self", self));
	EXPECT(same(&again, self->path, self));
	EXPECT(same(&again, in_fs(host, self->path, name, sizeof(name)), self));
	cgroup_host_close(&again);
}

/* The same, and the hierarchy mounted from inside: its root is the namespace's. */
static void inner_mount_body(const struct cgroup_host *host, const struct cgroup_at *self)
{
	const struct cgroup_at inner = { .path = (char[]){ "/" }, .id = self->id };
	const bool v2 = self->hierarchy == HIERARCHY_V2;
	struct cgroup_host again;
	struct cgroup_at root;
	char at[] = "/tmp/test-host-real.XXXXXX", name[4096];

	EXPECT(mkdtemp(at));
	EXPECT(mount("none", at, v2 ? "cgroup2" : "cgroup", 0, v2 ? NULL : "memory") == 0);
	EXPECT(cgroup_host_open(&again, "/proc") == 0);
	EXPECT(cgroup_host_memory(&again, NULL));
	/*
	 * The root of the hierarchy is seen through both mounts alike. On v2 the own cgroup may have no
	 * memory controller: then the outer mount is taken, which shows where it is.
	 */
	if (self->id != 1 && has_memory(at, self->hierarchy)) {
		EXPECT(strcmp(cgroup_host_memory(&again, NULL)->where, at) == 0);
		EXPECT(!cgroup_host_memory(&again, NULL)->real_root);
		EXPECT(same(&again, "/", &inner));
		EXPECT(same(&again, "self", &inner));
		EXPECT(same(&again, at, &inner));
		snprintf(name, sizeof(name), "pid:%d", getpid());
		EXPECT(same(&again, name, &inner));
		/* By the outer mount: the own cgroup is there, what is beside it is not. */
		EXPECT(same(&again, in_fs(host, self->path, name, sizeof(name)), &inner));
		EXPECT(cgroup_host_resolve(&again, in_fs(host, "", name, sizeof(name)), &root) ==
		       HOST_E_OTHER_MOUNT);
	} else {
		EXPECT(self->id == 1 || strcmp(cgroup_host_memory(&again, NULL)->where,
					       cgroup_host_memory(host, NULL)->where) == 0);
		EXPECT(same(&again, "self", self));
		EXPECT(same(&again, at, self));
	}
	cgroup_host_close(&again);
	EXPECT(umount(at) == 0);
	EXPECT(rmdir(at) == 0);
}

static void a_bind_mount_of_a_subtree(void **state)
{
	(void)state;
	in_namespaces(CLONE_NEWNS, bind_body);
}

static void a_mount_under_another(void **state)
{
	(void)state;
	in_namespaces(CLONE_NEWNS, overmount_body);
}

static void a_mount_on_top_of_the_other(void **state)
{
	(void)state;
	in_namespaces(CLONE_NEWNS, on_top_body);
}

static void a_covered_cgroup(void **state)
{
	(void)state;
	in_namespaces(CLONE_NEWNS, covered_body);
}

static void a_mount_behind_a_closed_door(void **state)
{
	(void)state;
	in_namespaces(CLONE_NEWNS, denied_body);
}

static void a_cgroup_namespace_below_the_mount(void **state)
{
	(void)state;
	in_namespaces(CLONE_NEWCGROUP, cgroup_namespace_body);
}

static void a_mount_made_in_the_namespace(void **state)
{
	(void)state;
	in_namespaces(CLONE_NEWCGROUP | CLONE_NEWNS, inner_mount_body);
}

/* Whether the host believes a mountinfo of this one line. */
static bool is_believed(const char *proc, const struct mountinfo *m)
{
	struct cgroup_host host;
	char path[128];
	bool yes;
	FILE *f;

	snprintf(path, sizeof(path), "%s/self/mountinfo", proc);
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "%lu 1 %u:%u / %s rw - %s none %s\n", (unsigned long)m->id, m->major, m->minor,
		m->where, m->type, m->super_options);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(cgroup_host_open(&host, proc), 0);
	yes = host.v1.root_fd >= 0 || host.v2.root_fd >= 0;
	assert_int_equal(yes, cgroup_host_memory(&host, NULL) != NULL);
	cgroup_host_close(&host);
	return yes;
}

static void lines_that_are_not_true(void **state)
{
	struct cgroup_host host;
	struct mount_table t;
	struct mountinfo m = { 0 }, lie;
	char proc[] = "/tmp/test-host-real.XXXXXX", path[128];
	bool v2;

	(void)state;
	own_host(&host);
	assert_int_equal(mount_table_read(&t, "/proc"), 0);
	for (size_t i = 0; i < t.n && !m.where; i++)
		if (strcmp(t.entries[i].where, cgroup_host_memory(&host, NULL)->where) == 0)
			m = t.entries[i];
	assert_non_null(m.where);
	v2 = mount_kind(&m) == MOUNT_V2;
	assert_non_null(mkdtemp(proc));
	snprintf(path, sizeof(path), "%s/self", proc);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_true(is_believed(proc, &m));
	lie = m;
	lie.id++;
	assert_false(is_believed(proc, &lie));
	lie = m;
	lie.minor++;
	assert_false(is_believed(proc, &lie));
	lie = m;
	lie.type = v2 ? (char[]){ "cgroup" } : (char[]){ "cgroup2" };
	lie.super_options = (char[]){ "rw,memory" };
	assert_false(is_believed(proc, &lie));
	lie = m;
	lie.where = (char[]){ "/tmp" };
	assert_false(is_believed(proc, &lie));
	snprintf(path, sizeof(path), "%s/self/mountinfo", proc);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/self", proc);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(proc), 0);
	mount_table_done(&t);
	cgroup_host_close(&host);
}

static int open_run(void *ctx)
{
	return cgroup_host_open(ctx, "/proc");
}

static void open_undo(void *ctx)
{
	cgroup_host_close(ctx);
}

static int local_run(void *ctx)
{
	bool local;

	return cgroup_host_local_events(ctx, &local);
}

static int find_run(void *ctx)
{
	const struct cgroup_host *host = ctx;
	struct cgroup_at root;
	int r = cgroup_host_resolve(host, cgroup_host_memory(host, NULL)->where, &root);

	if (r == 0)
		cgroup_at_close(&root);
	return r;
}

static void without_memory(void **state)
{
	struct cgroup_host host;
	struct fail_malloc_case c = { .run = open_run,
				      .undo = open_undo,
				      .ctx = &host,
				      .out = &host,
				      .out_size = sizeof(host) };

	(void)state;
	if (!have_memory) {
		print_message("no memory hierarchy is mounted here\n");
		skip();
	}
	assert_true(fail_malloc_each(&c) > 0);
	own_host(&host);
	c = (struct fail_malloc_case){ .run = local_run, .ctx = &host };
	assert_true(fail_malloc_each(&c) > 0);
	c.run = find_run;
	assert_true(fail_malloc_each(&c) > 0);
	cgroup_host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(self_is_where_proc_says),
		cmocka_unit_test(the_root),
		cmocka_unit_test(what_is_no_memory_cgroup),
		cmocka_unit_test(a_removed_cgroup_has_no_nearest),
		cmocka_unit_test(beyond_path_max),
		cmocka_unit_test(lines_that_are_not_true),
		cmocka_unit_test(a_bind_mount_of_a_subtree),
		cmocka_unit_test(a_mount_under_another),
		cmocka_unit_test(a_mount_on_top_of_the_other),
		cmocka_unit_test(a_covered_cgroup),
		cmocka_unit_test(a_mount_behind_a_closed_door),
		cmocka_unit_test(a_cgroup_namespace_below_the_mount),
		cmocka_unit_test(a_mount_made_in_the_namespace),
		cmocka_unit_test(without_memory),
	};
	struct cgroup_host host;

	if (cgroup_host_open(&host, "/proc") != 0 || !cgroup_host_memory(&host, NULL)) {
		puts("no memory hierarchy is mounted here");
		return SKIP;
	}
	have_memory = true;
	cgroup_host_close(&host);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
