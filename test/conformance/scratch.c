/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/flat_keyed.h"

#define PAGE 4096

/* What die() has to clear away, and for whom: a child of ours must leave it alone. */
static struct {
	const struct scratch *scratch;
	pid_t pid;
} opened;

static void kill_all(const struct scratch *s, const char *path)
{
	FILE *f = fopen(scratch_path(s, path, "cgroup.procs"), "re");
	int pid;

	while (f && fscanf(f, "%d", &pid) == 1)
		(void)kill(pid, SIGKILL);
	if (f)
		fclose(f);
}

noreturn void die(const char *format, ...)
{
	const struct scratch *s = opened.pid == getpid() ? opened.scratch : NULL;
	va_list args;

	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	puts("");
	(void)fflush(stdout);
	opened.pid = 0; /* once is enough, should this fail too */
	if (s)
		scratch_clear(s, "");
	_exit(1);
}

noreturn void skip_all(const char *why)
{
	puts(why);
	(void)fflush(stdout);
	_exit(77);
}

void skip_in_pid_namespace(void)
{
	static const char initial[] = "pid:[4026531836]"; /* PROC_PID_INIT_INO */
	char ns[64] = "";

	if (readlink("/proc/self/ns/pid", ns, sizeof(ns) - 1) < 0 || strcmp(ns, initial) != 0)
		skip_all("skipped: not in the initial pid namespace, whose pids the kernel tells");
}

const char *scratch_path(const struct scratch *s, const char *path, const char *file)
{
	static char text[1024];

	if ((size_t)snprintf(text, sizeof(text), "%s%s%s%s%s", s->base, *path ? "/" : "", path,
			     *file ? "/" : "", file) >= sizeof(text))
		die("path too long: %s", path);
	return text;
}

/* A line of /proc/self/cgroup: "4:memory:/path" or "0::/path". */
static bool own_cgroup(bool v2, char *ret, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[1024];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *controllers = strchr(line, ':') + 1;
		char *path = strchr(controllers, ':');

		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		found = v2 ? !*controllers : strstr(controllers, "memory") != NULL;
		if (found)
			(void)snprintf(ret, size, "%s", path);
	}
	if (f)
		fclose(f);
	return found;
}

/* Fills in where memory is; false if it is not in that hierarchy. */
static bool find_mount(struct scratch *s, bool v2, const char *where)
{
	struct cgroup_mount *m = v2 ? &s->host.v2 : &s->host.v1;
	const char *sign = v2 ? "cgroup.controllers" : "memory.oom_control";
	struct stat st;
	char text[256];
	ssize_t n;
	int fd;

	m->root_fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->root_fd < 0)
		return false;
	fd = openat(m->root_fd, sign, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	(void)fd_close(fd);
	if (n < 0 || fstat(m->root_fd, &st) < 0) {
		m->root_fd = fd_close(m->root_fd);
		return false;
	}
	text[n] = '\0';
	m->has_memory = !v2 || strstr(text, "memory");
	if (!m->has_memory)
		m->root_fd = fd_close(m->root_fd);
	m->where = strdup(where);
	m->root = strdup("/");
	m->real_root = st.st_ino == 1;
	s->v2 = v2;
	return m->has_memory;
}

void scratch_open(struct scratch *ret, const char *parent)
{
	struct scratch s = { .host = CGROUP_HOST_NULL };
	const char *where = "/sys/fs/cgroup";
	char own[256];

	if (!find_mount(&s, true, where)) {
		where = "/sys/fs/cgroup/memory";
		if (!find_mount(&s, false, where))
			skip_all("no memory cgroups here");
	}
	if (!own_cgroup(s.v2, own, sizeof(own)))
		skip_all("this process is in no memory cgroup");
	if (parent)
		(void)snprintf(s.base, sizeof(s.base), "%s/scratch-%d", parent, (int)getpid());
	else
		(void)snprintf(s.base, sizeof(s.base), "%s%s/scratch-%d", where,
			       strcmp(own, "/") == 0 ? "" : own, (int)getpid());
	if (mkdir(s.base, 0755) < 0)
		skip_all("no cgroup can be made here");
	if (s.v2 && scratch_write(&s, "", "cgroup.subtree_control", "+memory") < 0) {
		(void)rmdir(s.base);
		skip_all("no memory controller for cgroups of ours");
	}
	/* Before 5.11 a v1 tree may be flat. The file stays where it means nothing any more. */
	if (!s.v2)
		(void)scratch_write(&s, "", "memory.use_hierarchy", "1");
	*ret = s;
	opened.scratch = ret;
	opened.pid = getpid();
}

void scratch_close(struct scratch *s)
{
	scratch_clear(s, "");
	opened.pid = 0;
	for (int i = 0; i < 2; i++) {
		struct cgroup_mount *m = i ? &s->host.v2 : &s->host.v1;

		m->root_fd = fd_close(m->root_fd);
		free(m->where);
		free(m->root);
	}
}

int scratch_write(const struct scratch *s, const char *path, const char *file, const char *text)
{
	int fd = open(scratch_path(s, path, file), O_WRONLY | O_CLOEXEC);
	int r = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	(void)fd_close(fd);
	return r;
}

void scratch_make(const struct scratch *s, const char *path, bool inner)
{
	if (mkdir(scratch_path(s, path, ""), 0755) < 0)
		die("mkdir %s: %s", path, strerror(errno));
	if (inner && s->v2 && scratch_write(s, path, "cgroup.subtree_control", "+memory") < 0)
		die("%s: cannot enable memory", path);
}

void scratch_remove(const struct scratch *s, const char *path)
{
	/* A process that was killed or reaped may still be on its way out of the cgroup. */
	while (rmdir(scratch_path(s, path, "")) < 0) {
		if (errno != EBUSY)
			die("rmdir %s: %s", path, strerror(errno));
		(void)waitpid(-1, NULL,
			      WNOHANG); /* killed by scratch_clear() and nobody's any more */
	}
}

void scratch_clear(const struct scratch *s, const char *path)
{
	DIR *dir = opendir(scratch_path(s, path, ""));
	struct dirent *e;
	char child[512];

	while (dir && (e = readdir(dir))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		(void)snprintf(child, sizeof(child), "%s%s%s", path, *path ? "/" : "", e->d_name);
		scratch_clear(s, child);
	}
	if (dir) {
		closedir(dir);
		kill_all(s, path);
		scratch_remove(s, path);
	}
}

void scratch_limit(const struct scratch *s, const char *path, size_t bytes)
{
	char text[32];
	int r;

	(void)snprintf(text, sizeof(text), "%zu", bytes);
	r = scratch_write(s, path, s->v2 ? "memory.max" : "memory.limit_in_bytes", text);
	if (r < 0)
		die("%s: cannot set the limit: %s", path, strerror(-r));
	if (s->v2)
		(void)scratch_write(s, path, "memory.swap.max", "0");
	else
		(void)scratch_write(s, path, "memory.swappiness", "0");
}

uint64_t scratch_key(const struct scratch *s, const char *path, const char *file, const char *key)
{
	int fd = open(scratch_path(s, path, file), O_RDONLY | O_CLOEXEC);
	uint64_t v;
	char text[1024];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		die("%s/%s: %s", path, file, strerror(errno));
	(void)close(fd);
	text[n] = '\0';
	if (flat_keyed_u64(text, key, &v) != 0)
		die("%s/%s: no %s", path, file, key);
	return v;
}

void scratch_at(const struct scratch *s, const char *path, struct cgroup_at *ret)
{
	const struct cgroup_mount *m = s->v2 ? &s->host.v2 : &s->host.v1;
	const char *full = scratch_path(s, path, "");
	struct stat st;

	ret->hierarchy = s->v2 ? HIERARCHY_V2 : HIERARCHY_V1;
	ret->fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->fd < 0 || fstat(ret->fd, &st) < 0)
		die("%s: %s", full, strerror(errno));
	ret->id = st.st_ino;
	ret->path = strdup(full + strlen(m->where));
	if (!ret->path)
		die("out of memory");
}

void scratch_at_close(struct cgroup_at *at)
{
	(void)fd_close(at->fd);
	free(at->path);
}

static void touch(volatile char *p, size_t n)
{
	for (size_t i = 0; i < n; i += PAGE)
		p[i] = 1;
}

static char *map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	return p;
}

void hog_overrun(void)
{
	touch(map(8 * SCRATCH_LIMIT), 8 * SCRATCH_LIMIT);
}

void hog_syscall(void)
{
	char *p = map(8 * SCRATCH_LIMIT);
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; i < 8 * SCRATCH_LIMIT; i += 16 * PAGE)
		if (read(fd, p + i, 16 * PAGE) < 0)
			_exit(1);
}

static void lazyfree(char *p)
{
	for (size_t i = 0; i < 2 * SCRATCH_LIMIT; i += 64 * PAGE) {
		touch(p + i, 64 * PAGE);
		if (madvise(p + i, 64 * PAGE, MADV_FREE) < 0)
			_exit(1);
	}
}

void hog_lazyfree(void)
{
	lazyfree(map(2 * SCRATCH_LIMIT));
}

void hog_lazyfree_for_ever(void)
{
	char *p = map(2 * SCRATCH_LIMIT);

	for (;;)
		lazyfree(p);
}

void hog_nothing(void)
{
}

void hog_hold(void)
{
	touch(map(SCRATCH_LIMIT / 4 * 3), SCRATCH_LIMIT / 4 * 3);
}

static void hog_main(const char *procs, hog_act act, int go)
{
	int fd = open(procs, O_WRONLY | O_CLOEXEC);
	char c = fd < 0 || write(fd, "0", 1) != 1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)fd_close(fd);
	if (write(go, &c, 1) != 1 || c || read(go, &c, 1) != 1)
		_exit(1);
	act();
	if (write(go, &c, 1) != 1 || read(go, &c, 1) < 0)
		_exit(1);
	_exit(0);
}

struct hog hog_start(const struct scratch *s, const char *path, hog_act act)
{
	const char *procs = scratch_path(s, path, "cgroup.procs");
	struct hog h;
	int pair[2];
	char failed;

	fflush(NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair: %s", strerror(errno));
	h.pid = fork();
	if (h.pid == 0) {
		(void)close(pair[0]);
		hog_main(procs, act, pair[1]);
	}
	(void)close(pair[1]);
	h.go = pair[0];
	if (h.pid < 0 || read(h.go, &failed, 1) != 1 || failed)
		die("%s: no process could be started in it", path);
	return h;
}

void hog_go(struct hog *h)
{
	char c = 0;

	if (write(h->go, &c, 1) != 1)
		die("a process has ended too early");
	(void)!read(h->go, &c, 1); /* nothing if it was killed */
}

int hog_wait(struct hog *h)
{
	int status;

	h->go = fd_close(h->go);
	if (waitpid(h->pid, &status, 0) != h->pid)
		die("waitpid: %s", strerror(errno));
	return status;
}

void hog_kill(struct hog *h)
{
	(void)kill(h->pid, SIGKILL);
	(void)hog_wait(h);
}

/*
 * A process that changes its CPU leaves up to 63 charged pages behind, in the stock of the old one.
 * The kernel drains that by work on that CPU; if it is busy, only after the oom has been signalled:
 * then nobody is killed, and the same process soon has a second oom (mm/memcontrol.c:
 * drain_all_stock, mem_cgroup_out_of_memory's look at the margin). So it stays where it began.
 */
static struct hog start_on_one_cpu(const struct scratch *s, const char *path)
{
	cpu_set_t all, one;
	struct hog h;
	int cpu = sched_getcpu();

	if (cpu < 0 || sched_getaffinity(0, sizeof(all), &all) < 0)
		die("which CPU: %s", strerror(errno));
	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		die("staying on CPU %d: %s", cpu, strerror(errno));
	h = hog_start(s, path, hog_overrun);
	if (sched_setaffinity(0, sizeof(all), &all) < 0)
		die("sched_setaffinity: %s", strerror(errno));
	return h;
}

void scratch_oom(const struct scratch *s, const char *path)
{
	struct hog h = start_on_one_cpu(s, path);
	int status;

	hog_go(&h);
	status = hog_wait(&h);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		die("%s: no OOM came of it (status %d)", path, status);
}
