/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/details_reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digits.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/flat_keyed.h"
#include "base/saturate.h"
#include "base/text_file.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define NUMBER_MAX 64       /* a file with one number */
#define STAT_MAX 65536      /* memory.stat: under 2 KiB today */
#define PROCS_MAX (1 << 20) /* cgroup.procs: as many as there are processes */
/* PROC_PID_INIT_INO (include/linux/proc_ns.h): the inode number of the first pid namespace. */
#define INITIAL_PID_NAMESPACE "pid:[4026531836]"

void details_reader_open(struct details_reader *ret, int root_fd, enum hierarchy h,
			 const char *proc)
{
	char name[64];
	ssize_t n;

	*ret = (struct details_reader){ .root_fd = root_fd, .hierarchy = h, .namespaced = true };
	ret->proc_fd = proc ? open(proc, DIR_FLAGS) : -1;
	if (ret->proc_fd < 0)
		return;
	/* Nothing is found under "self" in a /proc that was mounted for another namespace than ours. */
	n = readlinkat(ret->proc_fd, "self/ns/pid", name, sizeof(name));
	ret->namespaced = n != (ssize_t)strlen(INITIAL_PID_NAMESPACE) ||
			  memcmp(name, INITIAL_PID_NAMESPACE, (size_t)n) != 0;
}

void details_reader_close(struct details_reader *rd)
{
	rd->proc_fd = fd_close(rd->proc_fd);
}

static int open_number(const struct details_reader *rd, uint64_t pid)
{
	char name[24];

	snprintf(name, sizeof(name), "%" PRIu64, pid);
	return openat(rd->proc_fd, name, DIR_FLAGS);
}

/* Field 22 of /proc/PID/stat; the second one, a name, may hold any byte. */
static int read_start_ticks(int process_fd, uint64_t *ret)
{
	_cleanup_free_ char *text = NULL;
	const char *p, *end;
	size_t n;
	int r = text_file_read(process_fd, "stat", STAT_MAX, &text, &n);

	if (r < 0)
		return r;
	p = memrchr(text, ')', n);
	for (unsigned field = 3; p && field <= 22; field++) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	if (!p || digits_parse(p, UINT64_MAX, ret, &end) != 0)
		return -EBADMSG;
	return 0;
}

int details_process_open(const struct details_reader *rd, uint32_t pid, uint64_t start_ns)
{
	_cleanup_close_ int fd = -1;
	long hz = sysconf(_SC_CLK_TCK);
	uint64_t ticks;

	if (rd->namespaced || pid == 0 || start_ns == 0 || hz <= 0)
		return -1;
	fd = open_number(rd, pid);
	if (fd < 0 || read_start_ticks(fd, &ticks) < 0)
		return -1;
	/* The kernel prints it so: nsec_to_clock_t() (kernel/time/time.c), rounded down. */
	if (ticks != start_ns / (NSEC_PER_SEC / (uint64_t)hz))
		return -1;
	return fd_steal(&fd);
}

void details_read_exe(int process_fd, struct oom_details *d)
{
	char name[PATH_MAX];
	ssize_t n = readlinkat(process_fd, "exe", name, sizeof(name));

	if (n > 0)
		d->exe = strndup(name, (size_t)n);
}

/* Reads up to @size bytes, where text_file_read() would refuse a longer file. */
static ssize_t read_begin(int dirfd, const char *name, char *to, size_t size)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return errno_neg();
	do {
		n = read(fd, to + used, size - used);
		if (n < 0 && errno != EINTR)
			return errno_neg();
		used += n > 0 ? (size_t)n : 0;
	} while (n != 0 && used < size);
	return (ssize_t)used;
}

void details_read_cmdline(int process_fd, struct oom_details *d)
{
	char text[DETAILS_TEXT_MAX];
	ssize_t n = read_begin(process_fd, "cmdline", text, sizeof(text));

	while (n > 0 && text[n - 1] == '\0')
		n--;
	if (n <= 0)
		return; /* its memory is gone already */
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	d->cmdline = strndup(text, (size_t)n);
}

int details_cgroup_open(const struct details_reader *rd, const char *path, uint64_t id)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (rd->root_fd < 0 || id == 0)
		return -1;
	while (*path == '/')
		path++;
	fd = openat(rd->root_fd, *path ? path : ".", DIR_FLAGS | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino != id)
		return -1;
	return fd_steal(&fd);
}

/* A file with one number; BYTES_NONE for "max", and for what cannot be read. */
static uint64_t read_number(int dirfd, const char *name)
{
	_cleanup_free_ char *text = NULL;
	const char *end;
	uint64_t v;

	if (text_file_read(dirfd, name, NUMBER_MAX, &text, NULL) < 0 ||
	    digits_parse(text, UINT64_MAX, &v, &end) != 0 || (*end != '\n' && *end != '\0'))
		return BYTES_NONE;
	return v;
}

/* No limit is printed as LONG_MAX, rounded down to pages. */
static uint64_t read_v1_limit(int dirfd)
{
	uint64_t v = read_number(dirfd, "memory.limit_in_bytes");
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return v >= (uint64_t)LONG_MAX / page * page ? BYTES_NONE : v;
}

static uint64_t stat_of(const char *text, const char *key)
{
	uint64_t v;

	return flat_keyed_u64(text, key, &v) == 0 ? v : BYTES_NONE;
}

/*
 * `kernel` is there from 5.18 on. Before, its named parts are added up, those that the kernel has: less
 * than the whole, which also holds what no line names.
 */
static uint64_t kernel_of(const char *text)
{
	static const char *const parts[] = { "kernel_stack", "pagetables", "percpu", "vmalloc",
					     "slab" };
	uint64_t sum = BYTES_NONE, v = stat_of(text, "kernel");

	if (v != BYTES_NONE)
		return v;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		v = stat_of(text, parts[i]);
		if (v != BYTES_NONE)
			sum = sum == BYTES_NONE ? v : add_saturated(sum, v);
	}
	return sum;
}

static void read_v2(int fd, struct oom_details *d)
{
	_cleanup_free_ char *text = NULL;

	d->limit_bytes = read_number(fd, "memory.max");
	d->usage_bytes = read_number(fd, "memory.current");
	d->peak_bytes = read_number(fd, "memory.peak"); /* from 5.19 on */
	if (text_file_read(fd, "memory.stat", STAT_MAX, &text, NULL) < 0)
		return;
	d->stat = (struct details_stat){
		.anon = stat_of(text, "anon"),
		.file = stat_of(text, "file"),
		.kernel = kernel_of(text),
		.slab = stat_of(text, "slab"),
		.sock = stat_of(text, "sock"),
		.shmem = stat_of(text, "shmem"),
	};
}

/* v1 has no figure of slab alone, and of sockets only TCP's. Its cache holds shmem, as v2's file does. */
static void read_v1(int fd, struct oom_details *d)
{
	_cleanup_free_ char *text = NULL;

	d->limit_bytes = read_v1_limit(fd);
	d->usage_bytes = read_number(fd, "memory.usage_in_bytes");
	d->peak_bytes = read_number(fd, "memory.max_usage_in_bytes");
	d->stat.kernel = read_number(fd, "memory.kmem.usage_in_bytes");
	d->stat.sock = read_number(fd, "memory.kmem.tcp.usage_in_bytes");
	if (text_file_read(fd, "memory.stat", STAT_MAX, &text, NULL) < 0)
		return;
	d->stat.anon = stat_of(text, "total_rss");
	d->stat.file = stat_of(text, "total_cache");
	d->stat.shmem = stat_of(text, "total_shmem");
}

void details_read_memory(const struct details_reader *rd, int cgroup_fd, struct oom_details *d)
{
	if (rd->hierarchy == HIERARCHY_V1)
		read_v1(cgroup_fd, d);
	else
		read_v2(cgroup_fd, d);
}

/* A look for processes, from one cgroup down. */
struct walk {
	const struct details_reader *rd;
	struct oom_details *d;
	size_t dirs;
	uint64_t page;
};

static void read_comm(int process_fd, char ret[TASK_COMM_MAX])
{
	char text[64]; /* a kernel thread's can be longer than a process's */
	ssize_t n = read_begin(process_fd, "comm", text, sizeof(text));

	memset(ret, 0, TASK_COMM_MAX);
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > TASK_COMM_MAX - 1)
		n = TASK_COMM_MAX - 1;
	if (n > 0)
		memcpy(ret, text, (size_t)n);
}

/* Field 2 of statm. No mmap_lock is taken for it. */
static uint64_t read_rss(const struct walk *w, int process_fd)
{
	_cleanup_free_ char *text = NULL;
	const char *p;
	uint64_t pages, bytes;

	if (text_file_read(process_fd, "statm", STAT_MAX, &text, NULL) < 0)
		return 0;
	p = strchr(text, ' ');
	if (!p || digits_parse(p + 1, UINT64_MAX, &pages, &p) != 0 ||
	    __builtin_mul_overflow(pages, w->page, &bytes))
		return 0;
	return bytes;
}

static bool is_told(const struct oom_details *d, uint32_t pid)
{
	for (size_t i = 0; i < d->largest_n; i++)
		if (d->largest[i].pid == pid)
			return true;
	return false;
}

static void look_at(struct walk *w, uint32_t pid)
{
	_cleanup_close_ int fd = open_number(w->rd, pid);
	struct oom_details *d = w->d;
	struct details_process p = { .pid = pid };
	size_t at;

	d->looked++;
	/* On v1 the threads of one process can be in several cgroups. */
	if (fd < 0 || is_told(d, pid))
		return;
	p.rss_bytes = read_rss(w, fd);
	for (at = d->largest_n; at > 0 && d->largest[at - 1].rss_bytes < p.rss_bytes; at--)
		;
	if (p.rss_bytes == 0 || at == DETAILS_LARGEST)
		return;
	read_comm(fd, p.comm);
	if (d->largest_n < DETAILS_LARGEST)
		d->largest_n++;
	memmove(&d->largest[at + 1], &d->largest[at],
		(d->largest_n - 1 - at) * sizeof(d->largest[0]));
	d->largest[at] = p;
}

/* In a threaded cgroup it cannot be read: the processes are listed where its domain is. */
static void look_in(struct walk *w, int dir_fd)
{
	_cleanup_free_ char *text = NULL;
	const char *p;
	uint64_t pid;
	int r = text_file_read(dir_fd, "cgroup.procs", PROCS_MAX, &text, NULL);

	w->d->more |= r == -EFBIG;
	if (r < 0)
		return;
	for (p = text; digits_parse(p, UINT32_MAX, &pid, &p) == 0; p += *p == '\n') {
		if (pid == 0) /* of a process outside of our pid namespace */
			continue;
		if (w->d->looked == DETAILS_LOOKED) {
			w->d->more = true;
			return;
		}
		look_at(w, (uint32_t)pid);
	}
}

static void walk_down(struct walk *w, int dir_fd, unsigned depth) /* NOLINT(misc-no-recursion) */
{
	DIR *dir;
	struct dirent *e;
	int fd;

	if (w->dirs == DETAILS_DIRS || depth > DETAILS_DEPTH) {
		w->d->more = true;
		return;
	}
	w->dirs++;
	look_in(w, dir_fd);
	fd = openat(dir_fd, ".", DIR_FLAGS); /* a place in the directory of its own */
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		(void)fd_close(fd);
		w->d->more = true;
		return;
	}
	while (!w->d->more && (e = readdir(dir))) {
		_cleanup_close_ int below = -1;

		if (e->d_type != DT_DIR || strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		below = openat(dir_fd, e->d_name, DIR_FLAGS | O_NOFOLLOW);
		if (below >= 0)
			walk_down(w, below, depth + 1);
	}
	closedir(dir);
}

void details_read_largest(const struct details_reader *rd, int cgroup_fd, struct oom_details *d)
{
	struct walk w = { .rd = rd, .d = d, .page = (uint64_t)sysconf(_SC_PAGESIZE) };

	if (rd->proc_fd >= 0)
		walk_down(&w, cgroup_fd, 0);
}
