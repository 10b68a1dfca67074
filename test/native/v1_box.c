/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include "v1_box.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/flat_keyed.h"

#define PAGE 4096
#define PATIENCE_NS (20 * NSEC_PER_SEC)
#define BUFFERS 4

static void skip_all(const char *why)
{
	printf("skipped: %s\n", why);
	exit(77);
}

void box_open(struct box *b)
{
	struct cgroup_at self = CGROUP_AT_NULL;

	*b = (struct box){ 0 };
	if (cgroup_host_open(&b->host, "/proc") != 0 || !b->host.v1.has_memory)
		skip_all("no cgroup v1 memory hierarchy here");
	if (cgroup_host_resolve(&b->host, "self", &self) != 0 || self.hierarchy != HIERARCHY_V1)
		skip_all("our own memory cgroup is not visible");
	snprintf(b->top, sizeof(b->top), "%s/oomn-test-%d",
		 strcmp(self.path, "/") == 0 ? "" : self.path, (int)getpid());
	snprintf(b->base, sizeof(b->base), "%s%s", b->host.v1.where, b->top);
	cgroup_at_close(&self);
	if (mkdir(b->base, 0755) < 0)
		skip_all("no cgroup can be made below our own");
	/* Before 5.11 a tree may be flat; each test then makes it what it needs. */
	(void)box_write(b, "", "memory.use_hierarchy", "1");
}

/* Ends the processes that a test left in the cgroup behind @path. */
static void kill_left(const char *path)
{
	char procs[4096];
	FILE *f;
	int pid;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	f = fopen(procs, "re");
	while (f && fscanf(f, "%d", &pid) == 1)
		(void)kill(pid, SIGKILL);
	if (f)
		fclose(f);
}

/* Removes what is below @path, and itself if it is not to be kept. */
static void remove_below(const char *path, bool keep)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	char child[4096];

	while (dir && (d = readdir(dir))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, d->d_name);
		remove_below(child, false);
	}
	if (dir)
		closedir(dir);
	/* A process that was reaped may still be on its way out. */
	while (!keep && rmdir(path) < 0 && errno == EBUSY)
		kill_left(path);
}

void box_close(struct box *b)
{
	remove_below(b->base, false);
	cgroup_host_close(&b->host);
}

const char *box_path(const struct box *b, const char *path, const char *file)
{
	static char buffers[BUFFERS][2048];
	static unsigned next;
	char *text = buffers[next++ % BUFFERS];

	snprintf(text, sizeof(buffers[0]), "%s%s%s%s%s", b->base, *path ? "/" : "", path,
		 *file ? "/" : "", file);
	return text;
}

const char *box_name(const struct box *b, const char *path)
{
	const char *full = box_path(b, path, "");

	return full + strlen(b->base) - strlen(b->top);
}

void box_mkdir(const struct box *b, const char *path)
{
	assert_int_equal(mkdir(box_path(b, path, ""), 0755), 0);
}

void box_make(const struct box *b, const char *path, size_t limit)
{
	char text[32];

	box_mkdir(b, path);
	snprintf(text, sizeof(text), "%zu", limit);
	assert_int_equal(box_write(b, path, "memory.limit_in_bytes", text), 0);
	(void)box_write(b, path, "memory.swappiness", "0");
}

void box_rmdir(const struct box *b, const char *path)
{
	while (rmdir(box_path(b, path, "")) < 0)
		if (errno != EBUSY)
			fail_msg("rmdir %s: %s", path, strerror(errno));
}

void box_clear(const struct box *b, const char *path)
{
	remove_below(box_path(b, path, ""), false);
}

void box_clear_all(const struct box *b)
{
	remove_below(b->base, true);
}

void box_rename(const struct box *b, const char *from, const char *to)
{
	assert_int_equal(rename(box_path(b, from, ""), box_path(b, to, "")), 0);
}

int box_write(const struct box *b, const char *path, const char *file, const char *text)
{
	_cleanup_close_ int fd = open(box_path(b, path, file), O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

uint64_t box_key(const struct box *b, const char *path, const char *file, const char *key)
{
	_cleanup_close_ int fd = open(box_path(b, path, file), O_RDONLY | O_CLOEXEC);
	char text[1024];
	ssize_t n = read(fd, text, sizeof(text) - 1);
	uint64_t v;

	assert_true(n > 0);
	text[n] = '\0';
	assert_int_equal(flat_keyed_u64(text, key, &v), 0);
	return v;
}

uint64_t box_id(const struct box *b, const char *path)
{
	struct stat st;

	assert_int_equal(stat(box_path(b, path, ""), &st), 0);
	return st.st_ino;
}

int box_listen(const struct box *b, const char *path)
{
	_cleanup_close_ int control = open(box_path(b, path, "memory.oom_control"), O_RDONLY);
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	char line[32];

	assert_true(fd >= 0 && control >= 0);
	snprintf(line, sizeof(line), "%d %d", fd, control);
	assert_int_equal(box_write(b, path, "cgroup.event_control", line), 0);
	return fd;
}

uint64_t box_heard(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n) ? n : 0;
}

void box_wait_heard(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, PATIENCE_NS / NSEC_PER_MSEC), 1);
	fd_close(fd);
}

pid_t hog_start(const struct box *b, const char *path, size_t bytes)
{
	const char *procs = box_path(b, path, "cgroup.procs");
	pid_t pid;
	char *p;
	int fd;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(procs, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		_exit(1);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		_exit(2);
	for (size_t i = 0; i < bytes; i += PAGE)
		((volatile char *)p)[i] = 1;
	_exit(0);
}

bool hog_killed(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

void box_oom(const struct box *b, const char *path)
{
	assert_true(hog_killed(hog_start(b, path, 16 * BOX_LIMIT)));
}

void rig_open(struct rig *r, const struct box *b)
{
	struct source_args args = { .host = &b->host };
	struct epoll_event ev = { .events = EPOLLIN };

	*r = (struct rig){ .box = b };
	r->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	r->epoll_fd = args.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->engine = args.engine = engine_new(65536);
	assert_true(r->epoll_fd >= 0 && r->engine);
	assert_int_equal(epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->timer_fd, &ev), 0);
	assert_int_equal(source_v1_eventfd.open(&r->source, &args), 0);
}

void rig_close(struct rig *r)
{
	rig_forget(r);
	source_v1_eventfd.close(r->source);
	engine_free(r->engine);
	fd_close(r->timer_fd);
	fd_close(r->epoll_fd);
}

uint64_t rig_watch(struct rig *r, const char *path, bool local, bool gone_all)
{
	struct cgroup_at at = CGROUP_AT_NULL;
	struct source_target t = {
		.cookie = ++r->cookie, .at = &at, .local = local, .gone_all = gone_all
	};
	struct watch w = { .cookie = t.cookie,
			   .hierarchy = HIERARCHY_V1,
			   .local = local,
			   .kinds = EVENT_MASK_ALL };

	if (path)
		assert_int_equal(
			cgroup_host_resolve(&r->box->host, box_path(r->box, path, ""), &at), 0);
	else
		assert_int_equal(cgroup_host_root(&r->box->host, &at), 0);
	t.whole_host = !path;
	t.kinds = w.kinds;
	w.path = at.path;
	assert_int_equal(r->source->ops->attach(r->source, &t), 0);
	assert_int_equal(engine_watch_add(r->engine, &w), 0);
	cgroup_at_close(&at);
	return t.cookie;
}

static void take_events(struct rig *r)
{
	struct oomn_event *e;

	while (engine_next(r->engine, &e)) {
		struct seen *s = calloc(1, sizeof(*s));

		assert_non_null(s);
		s->e = e;
		if (r->last)
			r->last->next = s;
		else
			r->first = s;
		r->last = s;
	}
}

uint64_t box_oom_heard(const struct box *b, const char *path, const char *limit)
{
	int fd = box_listen(b, limit);
	uint64_t n;

	box_oom(b, path);
	n = box_heard(fd);
	fd_close(fd);
	return n;
}

static void arm(struct rig *r)
{
	uint64_t due = r->source->ops->deadline(r->source);
	struct itimerspec at = { 0 };

	if (due != UINT64_MAX) {
		at.it_value.tv_sec = (time_t)(due / NSEC_PER_SEC);
		at.it_value.tv_nsec = due > 0 ? (long)(due % NSEC_PER_SEC) : 1;
	}
	assert_int_equal(timerfd_settime(r->timer_fd, TFD_TIMER_ABSTIME, &at, NULL), 0);
}

bool rig_round(struct rig *r, int timeout_ms)
{
	struct epoll_event ready[64];
	bool due;
	uint64_t now;
	int n;

	arm(r);
	n = epoll_wait(r->epoll_fd, ready, 64, timeout_ms);
	now = clock_boottime_ns();
	for (int i = 0; i < n; i++) {
		struct source_io *io = ready[i].data.ptr;

		if (io)
			assert_int_equal(io->ready(io, ready[i].events, now), 0);
	}
	due = r->source->ops->deadline(r->source) <= now;
	if (due)
		assert_int_equal(r->source->ops->run(r->source, now), 0);
	take_events(r);
	r->rounds++;
	return n > 0 || due;
}

void rig_catch_up(struct rig *r)
{
	while (rig_round(r, 0))
		;
}

void rig_until(struct rig *r, enum event_kind kind, const char *path, uint64_t count)
{
	uint64_t end = clock_boottime_ns() + PATIENCE_NS;

	while (rig_count(r, kind, path) < count) {
		if (clock_boottime_ns() > end) {
			rig_show(r);
			fail_msg("%s at %s: not %" PRIu64, event_kind_name(kind), path, count);
		}
		rig_round(r, 100);
	}
}

void rig_settle(struct rig *r)
{
	int again;

	while ((again = r->source->ops->settle(r->source, clock_boottime_ns())) != 0) {
		assert_int_equal(again, SOURCE_E_AGAIN);
		assert_true(r->source->ops->deadline(r->source) != UINT64_MAX);
		rig_round(r, 1000);
	}
	take_events(r);
}

static bool is_at(const struct rig *r, const char *shown, const char *path)
{
	return !path || (shown && strcmp(shown, box_name(r->box, path)) == 0);
}

uint64_t rig_count(const struct rig *r, enum event_kind kind, const char *path)
{
	uint64_t n = 0;

	for (const struct seen *s = r->first; s; s = s->next)
		if (s->e->kind == kind && is_at(r, s->e->cgroup, path))
			n += s->e->count_max;
	return n;
}

uint64_t rig_count_limit(const struct rig *r, enum event_kind kind, const char *path,
			 const char *limit)
{
	uint64_t n = 0;

	for (const struct seen *s = r->first; s; s = s->next)
		if (s->e->kind == kind && is_at(r, s->e->cgroup, path) &&
		    (limit ? is_at(r, s->e->limit_cgroup, limit) : !s->e->limit_cgroup))
			n += s->e->count_max;
	return n;
}

void rig_balanced(const struct rig *r, enum event_kind kind)
{
	struct balance b = { 0 };

	r->source->ops->balance(r->source, &b);
	if (balance_judge(&b, EVENT_MASK(kind)) == BALANCE_BALANCED)
		return;
	rig_show(r);
	fail_msg("%s: counted %" PRIu64 ", reported %" PRIu64 ", unproven %" PRIu64 ", reasons %x",
		 event_kind_name(kind), b.kind[kind].counted, b.kind[kind].reported,
		 b.kind[kind].unproven, b.reasons);
}

void rig_forget(struct rig *r)
{
	struct seen *next;

	for (struct seen *s = r->first; s; s = next) {
		next = s->next;
		event_free(s->e);
		free(s);
	}
	r->first = r->last = NULL;
}

void rig_show(const struct rig *r)
{
	uint64_t start = r->first ? r->first->e->boottime_ns : 0;

	for (const struct seen *s = r->first; s; s = s->next)
		print_message("%8" PRIu64 " us  %-6s %" PRIu64 " at %s, limit %s%s\n",
			      (s->e->boottime_ns - start) / 1000, event_kind_name(s->e->kind),
			      s->e->count_max, s->e->cgroup ? s->e->cgroup : "-",
			      s->e->limit_cgroup ? s->e->limit_cgroup : "-",
			      s->e->limit_or_above ? " or above" : "");
}
