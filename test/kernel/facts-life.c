/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cgroups as directories: identity, rights, how they come, change and move
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "kf.h"

#define NOBODY 65534

static void id_is_inode(const struct kf *kf)
{
	union {
		struct file_handle h;
		char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .h.handle_bytes = MAX_HANDLE_SZ };
	uint64_t id;
	struct cg c;
	int mount;

	cg_make(&kf->scratch, "c", &c);
	if (name_to_handle_at(c.fd, "", &u.h, &mount, AT_EMPTY_PATH) != 0) {
		if (errno == EOPNOTSUPP)
			kf_skip("cgroups have no file handles (EOPNOTSUPP)");
		CHECK(false, "name_to_handle_at: %m");
	}
	CHECK(u.h.handle_bytes == sizeof(id), "handle of %u bytes", u.h.handle_bytes);
	memcpy(&id, u.bytes + sizeof(u.h), sizeof(id));
	CHECK(id == fd_inode(c.fd), "id %" PRIu64 ", inode %" PRIu64, id, fd_inode(c.fd));
}

static void root_is_1(const struct kf *kf)
{
	if (!kf->real_root)
		kf_skip("the root of the hierarchy is not visible");
	CHECK(fd_inode(kf->root.fd) == 1, "%" PRIu64, fd_inode(kf->root.fd));
}

static void inodes_not_reused(const struct kf *kf)
{
	enum { ROUNDS = 50 };
	uint64_t dir[ROUNDS], file[ROUNDS];
	struct cg c;

	for (int i = 0; i < ROUNDS; i++) {
		cg_make(&kf->scratch, "same", &c);
		dir[i] = fd_inode(c.fd);
		file[i] = cg_inode(&c, kf->events);
		CHECK(cg_key(&c, kf->events, "oom_kill") == 0, "not 0 at first");
		for (int j = 0; j < i; j++)
			CHECK(dir[j] != dir[i] && file[j] != file[i], "%d has what %d had", i, j);
		cg_remove(&kf->scratch, "same");
		close(c.fd);
	}
	kf_figure("%d of %d", ROUNDS, ROUNDS);
}

static void listing(const struct kf *kf)
{
	enum { CHILDREN = 5 };
	const struct dirent *e;
	char name[16];
	int found = 0;
	struct cg c;
	DIR *d;

	for (int i = 0; i < CHILDREN; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		cg_make(&kf->scratch, name, &c);
	}
	d = fdopendir(openat(kf->scratch.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	CHECK(d, "opendir: %m");
	while ((e = readdir(d))) {
		CHECK(e->d_type == DT_DIR || e->d_type == DT_REG, "%s: type %d", e->d_name,
		      e->d_type);
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		CHECK(e->d_ino == cg_inode(&kf->scratch, e->d_name), "%s: d_ino %ju", e->d_name,
		      (uintmax_t)e->d_ino);
		found++;
	}
	CHECK(found == CHILDREN, "%d directories", found);
}

/* A process that makes and removes cgroups in @parent until it is killed; @done is shared. */
static pid_t start_churn(const struct cg *parent, atomic_uint *done)
{
	pid_t pid = hog_fork();
	char name[16];

	if (pid > 0)
		return pid;
	for (unsigned i = 0;; *done = ++i) {
		snprintf(name, sizeof(name), "churn%u", i % 8);
		if (mkdirat(parent->fd, name, 0755) != 0 && errno != EEXIST)
			_exit(1);
		snprintf(name, sizeof(name), "churn%u", (i + 4) % 8);
		if (unlinkat(parent->fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
			_exit(1);
	}
}

/*
 * A small buffer, so that one listing takes many calls, between which others come and go. When the
 * entry that the next call is to begin with has been removed, the one before it may come again.
 */
static unsigned list_kept(int dirfd, bool *seen, unsigned kept, unsigned *twice)
{
	_Alignas(struct dirent64) char buf[512];
	const struct dirent64 *e;
	unsigned found = 0;
	unsigned long i;
	char *end;
	long n;

	memset(seen, 0, kept * sizeof(*seen));
	CHECK(lseek(dirfd, 0, SEEK_SET) == 0, "lseek: %m");
	while ((n = syscall(SYS_getdents64, dirfd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n; at += e->d_reclen) {
			e = (const void *)(buf + at);
			if (strncmp(e->d_name, "kept", 4) != 0)
				continue;
			i = strtoul(e->d_name + 4, &end, 10);
			CHECK(*end == '\0' && i < kept, "a child called %s", e->d_name);
			found += !seen[i];
			*twice += seen[i];
			seen[i] = true;
		}
	}
	CHECK(n == 0, "getdents64: %m");
	return found;
}

static void listing_is_complete(const struct kf *kf)
{
	enum { KEPT = 100, LISTINGS = 200, CHANGES = 200 };
	atomic_uint *done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned found, listings, twice = 0;
	bool seen[KEPT];
	char name[16];
	struct cg c;
	pid_t churn;
	int fd;

	for (int i = 0; i < KEPT; i++) {
		snprintf(name, sizeof(name), "kept%d", i);
		cg_make(&kf->scratch, name, &c);
		close(c.fd);
	}
	fd = cg_open(&kf->scratch, ".", O_RDONLY | O_DIRECTORY);
	CHECK(done != MAP_FAILED, "mmap: %m");
	churn = start_churn(&kf->scratch, done);
	for (listings = 0; listings < LISTINGS || *done < CHANGES; listings++) {
		found = list_kept(fd, seen, KEPT, &twice);
		CHECK(found == KEPT, "listing %u: %u of %d", listings, found, KEPT);
	}
	CHECK(waitpid(churn, NULL, WNOHANG) == 0, "nobody made and removed others meanwhile");
	CHECK(kill(churn, SIGKILL) == 0 && waitpid(churn, NULL, 0) == churn, "kill: %m");
	kf_figure("%u of %u / %u / %u", listings, listings, twice, *done);
}

static void links(const struct kf *kf)
{
	nlink_t n[3];
	struct stat st;
	struct cg a, b;

	CHECK(fstat(kf->scratch.fd, &st) == 0, "fstat: %m");
	n[0] = st.st_nlink;
	cg_make(&kf->scratch, "a", &a);
	cg_make(&kf->scratch, "b", &b);
	CHECK(fstat(kf->scratch.fd, &st) == 0, "fstat: %m");
	n[1] = st.st_nlink;
	cg_remove(&kf->scratch, "a");
	CHECK(fstat(kf->scratch.fd, &st) == 0, "fstat: %m");
	n[2] = st.st_nlink;
	kf_figure("%ju %ju %ju", (uintmax_t)n[0], (uintmax_t)n[1], (uintmax_t)n[2]);
	CHECK(n[0] == 2 && n[1] == 4 && n[2] == 3, "%ju, %ju, %ju", (uintmax_t)n[0],
	      (uintmax_t)n[1], (uintmax_t)n[2]);
}

/* The answer of a function that ran as nobody: what it returned, 0 to 255. */
static int as_nobody(int (*f)(const struct kf *kf), const struct kf *kf)
{
	pid_t pid = hog_fork();
	int status;

	if (pid == 0) {
		if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
		    setresuid(NOBODY, NOBODY, NOBODY) != 0)
			_exit(255);
		_exit(f(kf));
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "waitpid");
	CHECK(WEXITSTATUS(status) != 255, "cannot become nobody");
	return WEXITSTATUS(status);
}

/* By its whole path, as any program would. */
static int read_events(const struct kf *kf)
{
	char path[KF_PATH + 32], text[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", kf->scratch.path, kf->events);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? errno : fd_text(fd, text, sizeof(text)) > 0 ? 0 : EIO;
}

static int write_events(const struct kf *kf)
{
	return faccessat(kf->scratch.fd, kf->events, W_OK, 0) == 0 ? 0 : errno;
}

static void readable_by_all(const struct kf *kf)
{
	struct stat st;
	int r;

	if (geteuid() != 0)
		kf_skip("not root: cannot become somebody else");
	CHECK(fstatat(kf->scratch.fd, kf->events, &st, 0) == 0, "stat: %m");
	CHECK((st.st_mode & 0444) == 0444, "mode %o", st.st_mode & 07777);
	r = as_nobody(read_events, kf);
	CHECK(r == 0, "as uid %d: %s", NOBODY, strerror(r));
	r = as_nobody(write_events, kf);
	CHECK(r == EACCES, "uid %d may write: %s", NOBODY, strerror(r));
	kf_figure("%04o", st.st_mode & 07777);
}

static bool is_dir_event(const struct inotify_event *e, uint32_t mask, const char *name)
{
	return e && e->mask == (mask | IN_ISDIR) && e->len > 0 && strcmp(e->name, name) == 0;
}

static void mkdir_and_rmdir_are_told(const struct kf *kf)
{
	struct ino ino;
	struct cg c;

	ino_open(&ino);
	ino_add(&ino, &kf->scratch, NULL, IN_CREATE | IN_DELETE | IN_MOVE);
	cg_make(&kf->scratch, "c", &c);
	CHECK(is_dir_event(ino_next(&ino, KF_SOON_MS), IN_CREATE, "c"), "no IN_CREATE|IN_ISDIR");
	cg_remove(&kf->scratch, "c");
	CHECK(is_dir_event(ino_next(&ino, KF_SOON_MS), IN_DELETE, "c"), "no IN_DELETE|IN_ISDIR");
}

/* By the time a watcher hears of a cgroup it is complete; when it hears of the end, it is over. */
static void told_when_done(const struct kf *kf)
{
	enum { TIMES = 100 };
	const struct inotify_event *e;
	char path[300], name[16];
	struct ino ino;
	pid_t maker;
	int status;

	ino_open(&ino);
	ino_add(&ino, &kf->scratch, NULL, IN_CREATE);
	maker = hog_fork();
	for (int i = 0; maker == 0 && i < TIMES; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		if (mkdirat(kf->scratch.fd, name, 0755) != 0)
			_exit(1);
	}
	if (maker == 0)
		_exit(0);
	for (int i = 0; i < TIMES; i++) {
		e = ino_next(&ino, KF_SOON_MS);
		CHECK(e, "no IN_CREATE %d", i);
		snprintf(path, sizeof(path), "%s/%s", e->name, kf->events);
		CHECK(cg_has(&kf->scratch, path), "told of %s before %s", e->name, kf->events);
	}
	CHECK(waitpid(maker, &status, 0) == maker && status == 0, "maker: %#x", (unsigned)status);

	ino_open(&ino);
	ino_add(&ino, &kf->scratch, NULL, IN_DELETE);
	maker = hog_fork();
	for (int i = 0; maker == 0 && i < TIMES; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		if (unlinkat(kf->scratch.fd, name, AT_REMOVEDIR) != 0)
			_exit(1);
	}
	if (maker == 0)
		_exit(0);
	for (int i = 0; i < TIMES; i++) {
		e = ino_next(&ino, KF_SOON_MS);
		CHECK(e, "no IN_DELETE %d", i);
		CHECK(!cg_has(&kf->scratch, e->name), "told of the end of %s, which is there",
		      e->name);
	}
	CHECK(waitpid(maker, &status, 0) == maker && status == 0, "maker: %#x", (unsigned)status);
	kf_figure("%d, %d", TIMES, TIMES);
}

static void v1_rename_is_told(const struct kf *kf)
{
	const struct inotify_event *e;
	uint32_t cookie;
	uint64_t inode;
	struct ino ino;
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	inode = fd_inode(c.fd);
	ino_open(&ino);
	ino_add(&ino, &kf->scratch, NULL, IN_CREATE | IN_DELETE | IN_MOVE);
	CHECK(renameat(kf->scratch.fd, "c", kf->scratch.fd, "d") == 0, "rename: %m");
	e = ino_next(&ino, KF_SOON_MS);
	CHECK(is_dir_event(e, IN_MOVED_FROM, "c"), "no IN_MOVED_FROM");
	cookie = e->cookie;
	e = ino_next(&ino, KF_SOON_MS);
	CHECK(is_dir_event(e, IN_MOVED_TO, "d"), "no IN_MOVED_TO");
	CHECK(e->cookie == cookie, "cookies differ");
	CHECK(cg_inode(&kf->scratch, "d") == inode, "another inode");
}

static void no_rename(const struct kf *kf)
{
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	CHECK(renameat(kf->scratch.fd, "c", kf->scratch.fd, "d") != 0, "renamed");
	CHECK(errno == EPERM, "%m");
}

/* memory of scratch/p/c switched off and on by p */
static void controller_off_on(const struct kf *kf)
{
	uint64_t dir, file;
	struct ino ino;
	struct cg p, c, later;
	char text[512];
	int fd;

	cg_make_inner(kf, &kf->scratch, "p", &p);
	cg_make(&p, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	hog_oom(&c);
	dir = fd_inode(c.fd);
	file = cg_inode(&c, "memory.events");
	fd = cg_open(&c, "memory.events", O_RDONLY);
	CHECK(fd_key(fd, "oom_kill") == 1, "oom_kill before");
	ino_open(&ino);
	ino_add(&ino, &c, NULL, IN_CREATE | IN_DELETE | IN_DELETE_SELF);

	cg_write(&p, "cgroup.subtree_control", "-memory");
	CHECK(!cg_has(&c, "memory.events"), "still there");
	CHECK(fd_text(fd, text, sizeof(text)) == -ENODEV, "the open file can still be read");
	cg_write(&p, "cgroup.subtree_control", "+memory");
	CHECK(cg_key(&c, "memory.events", "oom_kill") == 0, "oom_kill of the new file");
	CHECK(cg_key(&p, "memory.events", "oom_kill") == 1, "the parent forgot");
	CHECK(fd_text(fd, text, sizeof(text)) == -ENODEV, "the open file has come back");
	CHECK(cg_inode(&p, "c") == dir, "another directory inode");
	CHECK(cg_inode(&c, "memory.events") != file, "the same file inode");

	/* what would have been told of the files is told before this */
	cg_make(&c, "later", &later);
	CHECK(is_dir_event(ino_next(&ino, KF_SOON_MS), IN_CREATE, "later"),
	      "inotify told something of the files");
}

/*
 * io needs memory (for writeback): while io is on, memory switched off is only hidden, and comes
 * back with what it had counted.
 */
static void controller_hidden(const struct kf *kf)
{
	uint64_t file, kills;
	struct cg p, c;
	int r;

	if (kf->machine && kf->real_root)
		cg_try_write(&kf->root, "cgroup.subtree_control", "+io");
	r = cg_try_write(&kf->scratch, "cgroup.subtree_control", "+io");
	if (r != 0)
		kf_skip("io cannot be switched on here: %s", strerror(-r));
	cg_make_inner(kf, &kf->scratch, "p", &p);
	cg_write(&p, "cgroup.subtree_control", "+io");
	cg_make(&p, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	hog_oom(&c);
	file = cg_inode(&c, "memory.events");
	cg_write(&p, "cgroup.subtree_control", "-memory");
	CHECK(!cg_has(&c, "memory.events"), "still there");
	cg_write(&p, "cgroup.subtree_control", "+memory");
	CHECK(cg_inode(&c, "memory.events") != file, "the same file inode");
	kills = cg_key(&c, "memory.events", "oom_kill");
	kf_figure("%" PRIu64, kills);
	CHECK(kills == 1, "oom_kill of the new file: %" PRIu64, kills);
	CHECK(cg_key(&p, "memory.events", "oom_kill") == 1, "the parent's");
}

/* In a namespace whose root is @arg. Returns 0, or what is wrong. */
static int look_from_inside(const struct kf *kf)
{
	char path[] = "/tmp/kernel-facts-XXXXXX";
	struct stat st;
	int fd, r = 0;

	if (cg_try_write(&kf->scratch, "c/cgroup.procs", "0") != 0 ||
	    unshare(CLONE_NEWCGROUP | CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || !mkdtemp(path))
		return 1;
	if (mount("none", path, "cgroup2", 0, NULL) != 0) {
		rmdir(path);
		return 2;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || faccessat(fd, kf->events, R_OK, 0) != 0)
		r = 3;
	else if (fstat(fd, &st) != 0 || st.st_ino != cg_inode(&kf->scratch, "c"))
		r = 4;
	close(fd);
	umount2(path, MNT_DETACH);
	rmdir(path);
	return r;
}

static void namespace_root(const struct kf *kf)
{
	pid_t pid;
	struct cg c;
	int status;

	if (geteuid() != 0)
		kf_skip("not root: cannot make a cgroup namespace");
	cg_make(&kf->scratch, "c", &c);
	pid = hog_fork();
	if (pid == 0)
		_exit(look_from_inside(kf));
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "waitpid: %#x",
	      (unsigned)status);
	CHECK(WEXITSTATUS(status) != 1 && WEXITSTATUS(status) != 2,
	      "no namespace, or no mount in it");
	CHECK(WEXITSTATUS(status) != 3, "no memory.events in the visible root");
	CHECK(WEXITSTATUS(status) != 4, "another inode than from outside");
}

static void subtree_control_is_told(const struct kf *kf)
{
	const struct inotify_event *e;
	bool by_dir = false, by_file = false;
	int dir, file;
	struct ino ino;
	struct cg p;

	cg_make(&kf->scratch, "p", &p);
	ino_open(&ino);
	file = ino_add(&ino, &p, "cgroup.subtree_control", IN_MODIFY);
	dir = ino_add(&ino, &p, NULL, IN_MODIFY);
	cg_write(&p, "cgroup.subtree_control", "+memory");
	while (!(by_file && by_dir) && (e = ino_next(&ino, KF_SOON_MS))) {
		by_file |= e->wd == file;
		by_dir |= e->wd == dir && strcmp(e->name, "cgroup.subtree_control") == 0;
	}
	CHECK(by_file, "no IN_MODIFY on the file");
	CHECK(by_dir, "no IN_MODIFY on the directory");
}

static void no_internal_processes(const struct kf *kf)
{
	struct cg full, inner;
	struct hog h, in;
	int r;

	cg_make(&kf->scratch, "full", &full);
	h = hog_start(&full, 0, HOG_EXIT);
	r = cg_try_write(&full, "cgroup.subtree_control", "+memory");
	CHECK(r == -EBUSY, "+memory above a process: %s", strerror(-r));
	cg_make_inner(kf, &kf->scratch, "inner", &inner);
	in = hog_start(&full, 0, HOG_EXIT);
	r = cg_try_write(&inner, "cgroup.procs", "0");
	CHECK(r == -EBUSY, "a process above controllers: %s", strerror(-r));
	hog_kill(&h);
	hog_kill(&in);
}

static void v1_internal_processes(const struct kf *kf)
{
	struct cg full, child;
	struct hog a, b;

	cg_make(&kf->scratch, "full", &full);
	a = hog_start(&full, 0, HOG_EXIT);
	cg_make(&full, "child", &child);
	b = hog_start(&child, 0, HOG_EXIT);
	hog_kill(&a);
	hog_kill(&b);
}

const struct kf_fact kf_life_facts[] = {
	{ "id-is-inode", KF_ANY, id_is_inode,
	  "a cgroup's id (its file handle) is the inode number of its directory, 64 bit",
	  "a handle of another size or value", NULL },
	{ "root-is-1", KF_ANY, root_is_1, "the root of the real hierarchy has the id 1",
	  "another inode number", NULL },
	{ "inodes-not-reused", KF_ANY, inodes_not_reused,
	  "a cgroup removed and made again under its name has another inode, and so has its file "
	  "with the "
	  "counters, which starts at 0",
	  "a number seen before", "all different, of cgroups made" },
	{ "getdents-type-and-id", KF_ANY, listing,
	  "listing a cgroup's directory gives its children as DT_DIR, d_ino is the child's id",
	  "DT_UNKNOWN, a d_ino that is not the child's inode, a child that is missing", NULL },
	{ "listing-complete", KF_ANY, listing_is_complete,
	  "a listing that takes several calls has every child that was there all the time, "
	  "whatever "
	  "is made and removed beside it meanwhile; now and then it has one twice",
	  "a listing without one of the 100 children that stay",
	  "complete listings of 100 children / children that came twice / others made and removed "
	  "meanwhile" },
	{ "nlink-counts-children", KF_ANY, links,
	  "st_nlink of a cgroup's directory is 2 and one more for each child",
	  "anything but 2, 4 and 3", "st_nlink with no child, two, one" },
	{ "events-readable-by-all", KF_ANY, readable_by_all,
	  "the file with the counters can be read by any user who can reach it, without write "
	  "rights",
	  "a mode without 0444; an open as uid 65534 that fails", "mode" },
	{ "mkdir-rmdir-told", KF_ANY, mkdir_and_rmdir_are_told,
	  "inotify on the parent's directory gives IN_CREATE|IN_ISDIR for a mkdir and "
	  "IN_DELETE|IN_ISDIR for "
	  "a rmdir",
	  "another event, or none", NULL },
	{ "told-when-done", KF_ANY, told_when_done,
	  "at IN_CREATE the new cgroup has its file with the counters, at IN_DELETE the removed "
	  "one is gone",
	  "one of 100 told before the file is there; one of 100 that is still there",
	  "in order, of cgroups made, removed" },
	{ "v1-rename-told", KF_V1, v1_rename_is_told,
	  "renaming a v1 cgroup gives IN_MOVED_FROM and IN_MOVED_TO with one cookie; the inode "
	  "stays",
	  "another event, cookie or inode", NULL },
	{ "no-rename", KF_V2, no_rename, "a v2 cgroup cannot be renamed (EPERM)",
	  "a rename that works, or fails with another error", NULL },
	{ "controller-off-on", KF_V2, controller_off_on,
	  "the memory controller switched off and on: counters start at 0, memory.events is a new "
	  "inode in the "
	  "same directory, the old open file stays ENODEV, the parent remembers, inotify tells "
	  "nothing of the "
	  "files",
	  "any of these being otherwise", NULL },
	{ "controller-hidden", KF_V2, controller_hidden,
	  "memory switched off while io is on comes back with its old counters, in a file with a "
	  "new inode",
	  "counters that start at 0, or a file with the same inode",
	  "oom_kill of the new file, 1 before" },
	{ "namespace-root", KF_V2, namespace_root,
	  "the visible root of a cgroup namespace has memory.events as any cgroup, and its inode "
	  "is not 1",
	  "no such file there, or another inode than seen from outside", NULL },
	{ "subtree-control-told", KF_V2, subtree_control_is_told,
	  "writing cgroup.subtree_control gives IN_MODIFY on the file, and on its directory with "
	  "the name",
	  "no such event", NULL },
	{ "no-internal-processes", KF_V2, no_internal_processes,
	  "+memory in a cgroup with processes, and a process into a cgroup whose children have "
	  "memory, give "
	  "EBUSY",
	  "either one succeeding, or failing with another error", NULL },
	{ "v1-internal-processes", KF_V1, v1_internal_processes,
	  "a v1 cgroup may hold processes and children", "a refused mkdir or move", NULL },
	{ 0 },
};
