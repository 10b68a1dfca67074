/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The monitor of include/oomnotify.h as the script has it (fake_script.h): the real engine and its queue, fed by a list
 * of steps instead of a kernel. Its epoll descriptor is readable as long as there are steps to take,
 * or when the FIFO it waits for can be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "cli/cmd.h"
#include "core/engine.h"
#include "include/oomnotify.h"
#include "lib/api_balance.h"
#include "test/cli/fake_event.h"
#include "test/cli/fake_script.h"

struct fake_watch {
	char *path;
	uint64_t cookie;
	struct fake_watch *next;
};

struct oomn_monitor {
	struct engine *engine;
	struct fake_watch *watches;
	const struct fake_script *script;
	struct step *step; /* the next one */
	uint64_t copies;   /* of the step's event, taken already */
	uint64_t details;  /* handed out */
	uint64_t again;    /* calls of oomn_monitor_settle() to come */
	int epoll_fd;
	int steps_fd; /* readable while steps are to be taken */
	int fifo_fd;
	const char *notice;
	bool stuck;
	bool settle_waits; /* oomn_monitor_settle() is not to be called before the next dispatch */
};

static int watch_fd(struct oomn_monitor *m, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? errno_neg() : 0;
}

int oomn_monitor_new(struct oomn_monitor **ret, const struct oomn_monitor_options *options)
{
	const struct fake_script *s = fake_script();
	struct oomn_monitor *m;

	(void)options;
	if (s->new_error < 0)
		return s->new_error;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->script = s;
	m->step = s->steps;
	m->notice = s->notice;
	m->fifo_fd = -1;
	m->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	m->steps_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	m->engine = engine_new(s->queue);
	if (!m->engine || m->epoll_fd < 0 || watch_fd(m, m->steps_fd) < 0)
		fake_die("the monitor cannot be made");
	*ret = m;
	return 0;
}

struct oomn_monitor *oomn_monitor_free(struct oomn_monitor *m)
{
	struct fake_watch *w, *tmp;

	if (!m)
		return NULL;
	LL_FOREACH_SAFE (m->watches, w, tmp) {
		free(w->path);
		free(w);
	}
	engine_free(m->engine);
	fd_close(m->epoll_fd);
	fd_close(m->steps_fd);
	fd_close(m->fifo_fd);
	free(m);
	return NULL;
}

int oomn_monitor_get_fd(const struct oomn_monitor *m)
{
	return m->epoll_fd;
}

static int add(struct oomn_monitor *m, const char *path, bool local, uint32_t kinds,
	       uint64_t cookie)
{
	const struct watch spec = {
		.cookie = cookie,
		.path = path,
		.local = local,
		.kinds = kinds | EVENT_MASK(EVENT_DETAILS),
	};
	const struct fake_error *e;
	struct fake_watch *w;

	LL_FOREACH (m->script->errors, e)
		if (e->of_add && strcmp(e->name, path) == 0)
			return e->error;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->path = strdup(path);
	w->cookie = cookie;
	LL_PREPEND(m->watches, w);
	return engine_watch_add(m->engine, &spec);
}

int oomn_monitor_add(struct oomn_monitor *m, int cgroup_fd, uint32_t kinds, uint32_t flags,
		     uint64_t cookie)
{
	char path[PATH_MAX];
	ssize_t n = pread(cgroup_fd, path, sizeof(path) - 1, 0);

	if (n < 0)
		fake_die("a cgroup that the fake host did not open");
	path[n] = '\0';
	return add(m, path, flags & OOMN_WATCH_LOCAL, kinds, cookie);
}

int oomn_monitor_add_host(struct oomn_monitor *m, uint32_t kinds, uint32_t flags, uint64_t cookie)
{
	(void)flags;
	return add(m, "/", false, kinds, cookie);
}

int oomn_monitor_get_watches(const struct oomn_monitor *m)
{
	const struct fake_watch *w;
	int n;

	LL_COUNT(m->watches, w, n);
	return n;
}

static void submit_copy(struct oomn_monitor *m, const struct oomn_event *from)
{
	struct oomn_event *e = fake_event_copy(from);

	if (e->realtime_ns == 0)
		e->realtime_ns = clock_realtime_ns();
	if (e->boottime_ns == 0)
		e->boottime_ns = clock_boottime_ns();
	engine_submit(m->engine, e);
}

/* What is told of its cgroup later, when settling, still has a listener in the engine. */
static void end_watch(struct oomn_monitor *m, const char *path)
{
	struct fake_watch *w, *tmp;

	LL_FOREACH_SAFE (m->watches, w, tmp) {
		if (strcmp(w->path, path) != 0)
			continue;
		LL_DELETE(m->watches, w);
		free(w->path);
		free(w);
	}
}

static int wait_for(struct oomn_monitor *m, const char *fifo)
{
	/* O_RDWR: opening does not wait for a writer, and a writer that leaves is no end of file. */
	m->fifo_fd = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (m->fifo_fd < 0)
		fake_die("cannot open %s: %s", fifo, strerror(errno));
	return watch_fd(m, m->fifo_fd);
}

static void signal_to(const char *fifo)
{
	_cleanup_close_ int fd = open(fifo, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "\n", 1) != 1)
		fake_die("cannot write to %s: %s", fifo, strerror(errno));
}

static void set_readable(struct oomn_monitor *m, bool readable)
{
	uint64_t n = 1;
	ssize_t r;

	r = readable ? write(m->steps_fd, &n, sizeof(n)) : read(m->steps_fd, &n, sizeof(n));
	if (r < 0 && errno != EAGAIN)
		fake_die("eventfd: %s", strerror(errno));
}

/* Takes one step. Returns 1 if the next one may follow at once, 0 if not, or a negated errno. */
static int take_step(struct oomn_monitor *m, struct step *step)
{
	switch (step->type) {
	case STEP_EVENT:
		for (uint64_t i = 0; i < step->n; i++)
			submit_copy(m, step->event);
		return 1;
	case STEP_GONE:
		end_watch(m, step->text);
		return 1;
	case STEP_NOTE:
		m->notice = step->text;
		return 1;
	case STEP_AGAIN:
		m->again = step->n;
		return 1;
	case STEP_STUCK:
		m->stuck = true;
		return 1;
	case STEP_WAIT:
		return wait_for(m, step->text);
	case STEP_SIGNAL:
		signal_to(step->text);
		return 1;
	case STEP_FAIL:
		return step->error;
	case STEP_NEXT:
	case STEP_SETTLE:
		return 0;
	}
	return 0;
}

/* Takes steps until one says that the rest comes later, or, if not @settling, one is `settle`. */
static int run(struct oomn_monitor *m, bool settling)
{
	int r = 1;

	while (r > 0 && m->step && (settling || m->step->type != STEP_SETTLE)) {
		struct step *step = m->step;

		m->step = step->next;
		r = take_step(m, step);
		if (settling && r == 0 && step->type == STEP_SETTLE)
			r = 1;
	}
	set_readable(m, m->step && m->step->type != STEP_SETTLE && m->fifo_fd < 0);
	return r < 0 ? r : 0;
}

int oomn_monitor_dispatch(struct oomn_monitor *m)
{
	char byte;

	m->settle_waits = false;
	if (m->fifo_fd >= 0) {
		if (read(m->fifo_fd, &byte, 1) < 1)
			return 0;
		m->fifo_fd = fd_close(m->fifo_fd);
	}
	return run(m, false);
}

int oomn_monitor_next(struct oomn_monitor *m, struct oomn_event **ret)
{
	int r = engine_next(m->engine, ret);

	/* Details are made beside the engine, which numbers none of them. */
	if (r == 1 && (*ret)->kind == EVENT_DETAILS)
		m->details++;
	if (r == 1)
		(*ret)->seq = (*ret)->kind == EVENT_DETAILS ? 0 : (*ret)->seq - m->details;
	return r;
}

int oomn_monitor_settle(struct oomn_monitor *m)
{
	int r;

	/* Each call is one of the rounds that a source has: none is for other wakeups. */
	if (m->settle_waits)
		return -EBUSY;
	r = run(m, true);
	if (r < 0)
		return r;
	if (!m->stuck && !m->step) {
		if (m->again == 0)
			return 0;
		m->again--;
		set_readable(m, true);
	}
	m->settle_waits = true;
	return 1;
}

int oomn_monitor_get_balance(const struct oomn_monitor *m, struct oomn_balance *ret, size_t size)
{
	struct balance b = { .lost = engine_lost(m->engine) };

	balance_add(&b, &m->script->balance);
	return api_give_balance(ret, size, &b, 0);
}

const char *oomn_monitor_get_notice(struct oomn_monitor *m)
{
	return m->notice;
}

/* The commands that do not stand on a monitor are no part of this program. */
int cmd_listen(int argc, char **argv)
{
	(void)argc;
	fake_die("no such command here: %s", argv[0]);
}

int cmd_doctor(int argc, char **argv)
{
	(void)argc;
	fake_die("no such command here: %s", argv[0]);
}

int oomn_monitor_open_names(struct oomn_monitor *m)
{
	(void)m;
	return 0;
}

const char *oomn_monitor_get_names_why(const struct oomn_monitor *m)
{
	(void)m;
	return "";
}

const char *oomn_monitor_get_names(const struct oomn_monitor *m)
{
	(void)m;
	return "none";
}
