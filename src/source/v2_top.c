/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A top: one watched memory.events, and the account behind it
 *
 *             wakeup, news                     memory.events gone
 *   LIVE ───── walk ───── LIVE        LIVE ──────────────────────── LOST
 *                                     LOST ── judged, directory gone ──── (closed, `gone` told)
 *                                     LOST ── judged, directory there ─── DORMANT
 *                                     DORMANT ── memory.events again ──── LIVE (a new account)
 *
 * A wakeup is a hint: the counter is read, and nothing new is normal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "source/v2_source.h"

#define EVENTS_TEXT_MAX 1024
/* After a removal, neighbours' removals may still be on their way through inotify. */
#define JUDGE_NS LEDGER_SLOT_NS

static const char *events_file(const struct v2_source *v2)
{
	return v2->tree.flat ? "memory.events.local" : "memory.events";
}

bool v2_top_covers(const struct top *t, const char *path)
{
	size_t n = strlen(t->path);

	if (strcmp(t->path, path) == 0)
		return true;
	if (v2_of_top(t)->tree.flat)
		return false;
	return n == 1 || (strncmp(t->path, path, n) == 0 && path[n] == '/');
}

struct top *v2_top_find(const struct v2_source *v2, const char *path)
{
	struct top *t;

	DL_FOREACH (v2->tops, t)
		if (strcmp(t->path, path) == 0)
			return t;
	return NULL;
}

static enum tree_object events_object(const struct v2_source *v2)
{
	return v2->tree.flat ? TREE_EVENTS_LOCAL : TREE_EVENTS;
}

static void drop_descriptor(struct top *t)
{
	struct v2_source *v2 = v2_of_top(t);

	if (t->inotified)
		tree_watch_remove(v2->changes, t->path, events_object(v2));
	t->inotified = false;
	if (t->events_fd < 0)
		return;
	(void)epoll_ctl(v2->s.epoll_fd, EPOLL_CTL_DEL, t->events_fd, NULL);
	t->events_fd = fd_close(t->events_fd);
	v2->descriptors--;
}

static int ready(struct source_io *io, uint32_t events, uint64_t now_ns);

/* Opens memory.events for wakeups. Without a descriptor to spare inotify has to do, or a timer. */
static int take_descriptor(struct top *t)
{
	struct v2_source *v2 = v2_of_top(t);
	struct epoll_event ev = { .events = EPOLLPRI, .data.ptr = &t->io };
	_cleanup_close_ int dir = -1;
	int r;

	t->poll_ns = 0;
	r = v2_tree_open(v2->s.host->v2.root_fd, t->path, t->id, &dir);
	if (r == 0 && v2->descriptors < v2->descriptors_max) {
		t->events_fd = openat(dir, events_file(v2), O_RDONLY | O_CLOEXEC);
		r = t->events_fd < 0 ? v2_tree_trouble(errno) : 0;
		v2->descriptors += t->events_fd >= 0;
	} else if (r == 0) {
		r = TREE_E_BUSY;
	}
	/* EPERM: a plain file, as in a tree made for tests, cannot be polled. */
	if (r == 0 && epoll_ctl(v2->s.epoll_fd, EPOLL_CTL_ADD, t->events_fd, &ev) < 0)
		r = errno == EPERM || errno == ENOMEM || errno == ENOSPC ? TREE_E_BUSY
									 : errno_neg();
	if (r == 0)
		return 0;
	drop_descriptor(t);
	if (r != TREE_E_BUSY)
		return r;
	t->inotified = tree_watch_add(v2->changes, t->path, events_object(v2)) == 0;
	if (!t->inotified)
		t->poll_ns = clock_boottime_ns() + V2_POLL_NS;
	return 0;
}

/* Gives a top without an account one. @fresh: all that it counts is news. */
static int open_account(struct top *t, bool fresh)
{
	struct v2_source *v2 = v2_of_top(t);
	const struct ledger_top args = {
		.dir = v2_tree_top(t->number), .path = t->path, .id = t->id, .fresh = fresh
	};
	int r;

	r = take_descriptor(t);
	if (r == 0)
		r = ledger_top_add(v2->ledger, &args, clock_boottime_ns(), &t->account);
	if (r != 0) {
		drop_descriptor(t);
		return r;
	}
	t->state = TOP_LIVE;
	t->measured = t->removed = false;
	t->tries = 0;
	t->judge_ns = 0;
	/* What was counted before the descriptor was first read raises no wakeup: look once. */
	t->again_ns = clock_boottime_ns();
	t->guard.known = false;
	t->guard.below = (struct deltas){ 0 };
	if (t->named)
		v2_guard_take(t);
	return 0;
}

char *v2_parent_path(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return strdup("/");
	return strndup(path, (size_t)(slash - path));
}

/* Sees children appear, for a flat top: their events are then not told from its own at its end. */
static void watch_around(struct top *t)
{
	struct v2_source *v2 = v2_of_top(t);
	_cleanup_close_ int dir = -1;
	struct stat st;

	(void)tree_watch_add(v2->changes, t->parent, TREE_CHILDREN);
	(void)tree_watch_add(v2->changes, t->parent, TREE_SWITCHES);
	if (!v2->tree.flat)
		return;
	(void)tree_watch_add(v2->changes, t->path, TREE_CHILDREN);
	/* kernfs: a directory has two links and one more per child. */
	if (v2_tree_open(v2->s.host->v2.root_fd, t->path, t->id, &dir) == 0 && fstat(dir, &st) == 0)
		t->guard.children = st.st_nlink > 2;
}

static void unwatch_around(struct top *t)
{
	struct v2_source *v2 = v2_of_top(t);

	tree_watch_remove(v2->changes, t->parent, TREE_CHILDREN);
	tree_watch_remove(v2->changes, t->parent, TREE_SWITCHES);
	if (v2->tree.flat)
		tree_watch_remove(v2->changes, t->path, TREE_CHILDREN);
}

static struct top *top_free(struct top *t)
{
	if (t) {
		free(t->path);
		free(t->parent);
		free(t);
	}
	return NULL;
}

static struct top *top_new(struct v2_source *v2, const struct v2_top_args *args)
{
	struct top *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->io = (struct source_io){ .source = &v2->s, .ready = ready };
	t->events_fd = -1;
	t->reread = REREAD_INIT;
	t->number = v2->next_number++;
	t->id = args->id;
	t->named = args->named;
	t->path = strdup(args->path);
	t->parent = v2_parent_path(args->path);
	if (!t->path || !t->parent)
		return top_free(t);
	t->guard.root = strcmp(t->parent, "/") == 0 && v2->s.host->v2.real_root;
	HASH_ADD(hh, v2->by_number, number, sizeof(t->number), t);
	if (!t->hh.tbl)
		return top_free(t);
	DL_APPEND(v2->tops, t);
	return t;
}

static void top_unlink(struct top *t)
{
	struct v2_source *v2 = v2_of_top(t);

	HASH_DELETE(hh, v2->by_number, t);
	DL_DELETE(v2->tops, t);
	top_free(t);
}

/*
 * The tops below a new one are part of its tree now, or have counted nothing yet, and need no
 * descriptor of their own any more. Only one that is gone is still judged by its own parent.
 */
static void drop_covered(struct top *over)
{
	struct v2_source *v2 = v2_of_top(over);
	struct top *t, *tmp;
	bool news;

	DL_FOREACH_SAFE (v2->tops, t, tmp) {
		if (t == over || !v2_top_covers(over, t->path))
			continue;
		if (t->account && account_parent(t->account))
			t->account = NULL;
		else if (t->account &&
			 ledger_top_news(v2->ledger, t->account, &news) == LEDGER_E_GONE)
			continue;
		v2_top_close(t);
	}
}

/* Another top tells what happens here. */
static bool covered(const struct top *t)
{
	const struct top *over;

	DL_FOREACH (v2_of_top(t)->tops, over)
		if (over != t && over->state == TOP_LIVE && v2_top_covers(over, t->path))
			return true;
	return false;
}

int v2_top_open(struct v2_source *v2, const struct v2_top_args *args, struct top **ret)
{
	struct top *t = top_new(v2, args);
	int r;

	if (!t)
		return -ENOMEM;
	watch_around(t); /* before counting, so that no removal falls in between */
	r = open_account(t, args->fresh);
	if (r != 0) {
		unwatch_around(t);
		top_unlink(t);
		return r == LEDGER_E_AGAIN ? -EAGAIN : r;
	}
	drop_covered(t);
	if (ret)
		*ret = t;
	return 0;
}

struct top *v2_top_close(struct top *t)
{
	struct v2_source *v2;

	if (!t)
		return NULL;
	v2 = v2_of_top(t);
	if (t->account)
		(void)ledger_top_close(v2->ledger, t->account, NULL, clock_boottime_ns());
	drop_descriptor(t);
	unwatch_around(t);
	top_unlink(t);
	return NULL;
}

/* memory.events is gone. With it may go the cgroup, or only its memory controller. */
static void lose(struct top *t, uint64_t now_ns)
{
	if (t->state != TOP_LIVE)
		return;
	drop_descriptor(t);
	t->state = TOP_LOST;
	t->again_ns = t->poll_ns = 0;
	t->pace = (struct pace){ 0 };
	t->reread = REREAD_INIT;
	t->measured = false;
	t->tries = 0;
	t->judge_ns = now_ns;
}

static int take_result(struct top *t, int r, uint64_t now_ns)
{
	struct balance b = { .reasons = UNPROVEN_UNREADABLE };

	t->again_ns = r == LEDGER_E_AGAIN ? now_ns + LEDGER_SLOT_NS : 0;
	switch (r) {
	case 0:
	case LEDGER_E_AGAIN:
		return 0;
	case LEDGER_E_GONE:
		lose(t, now_ns);
		return 0;
	case -EACCES:
	case -EBADMSG:
		for (unsigned k = 0; k < COUNTED_KINDS; k++)
			b.kind[k].unproven = UINT64_MAX;
		balance_add(&v2_of_top(t)->unproven, &b);
		return 0;
	default:
		return r;
	}
}

static int walk(struct top *t, uint64_t now_ns)
{
	struct v2_source *v2 = v2_of_top(t);
	bool waiting = t->pace.wanted;
	uint64_t cpu;
	int r;

	if (!v2->settling && !pace_may_walk(&t->pace, now_ns)) {
		v2->unproven.late += !waiting;
		return 0;
	}
	cpu = clock_thread_ns();
	r = ledger_pass(v2->ledger, t->account, now_ns);
	pace_walked(&t->pace, clock_boottime_ns(), clock_thread_ns() - cpu);
	v2_host_look(v2, now_ns);
	return take_result(t, r, now_ns);
}

/* The second look at what is due, then a walk: what came since was left alone. */
static int resolve(struct top *t, uint64_t now_ns)
{
	struct v2_source *v2 = v2_of_top(t);
	uint64_t cpu;
	int r;

	if (!v2->settling && !pace_may_walk(&t->pace, now_ns))
		return 0;
	cpu = clock_thread_ns();
	r = ledger_resolve(v2->ledger, t->account, now_ns);
	if (r == 0)
		r = ledger_pass(v2->ledger, t->account, now_ns);
	pace_walked(&t->pace, clock_boottime_ns(), clock_thread_ns() - cpu);
	return take_result(t, r, now_ns);
}

/* One read through the descriptor that epoll watches: it also takes the wakeup back. */
static int look(struct top *t, uint64_t now_ns, bool *ret_news)
{
	char text[EVENTS_TEXT_MAX];
	struct reading rd;
	struct deltas news;
	ssize_t n;
	int r;

	*ret_news = false;
	if (t->events_fd < 0)
		return take_result(t, ledger_top_news(v2_of_top(t)->ledger, t->account, ret_news),
				   now_ns);
	n = pread(t->events_fd, text, sizeof(text) - 1, 0);
	if (n < 0 && errno == EINTR)
		return 0; /* still ready */
	if (n < 0) {
		if (v2_tree_trouble(errno) != TREE_E_GONE)
			return errno_neg();
		lose(t, now_ns);
		return 0;
	}
	text[n] = '\0';
	r = memory_events_parse(text, &rd);
	if (r < 0)
		return take_result(t, r, now_ns);
	news = counts_minus(&rd.counts, account_reported(t->account));
	*ret_news = deltas_any_positive(&news);
	return 0;
}

static int ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct top *t = (struct top *)io;
	bool news;
	int r;

	(void)events;
	if (t->state != TOP_LIVE)
		return 0;
	v2_of_top(t)->now_ns = now_ns;
	r = look(t, now_ns, &news);
	if (r != 0 || t->state != TOP_LIVE)
		return r;
	reread_woken(&t->reread, now_ns, news);
	return news ? walk(t, now_ns) : 0;
}

int v2_top_check(struct top *t, uint64_t now_ns)
{
	struct v2_source *v2 = v2_of_top(t);
	_cleanup_close_ int dir = -1;
	bool news = false;
	int r;

	if (t->state == TOP_LOST)
		return 0;
	if (t->state == TOP_LIVE) {
		r = look(t, now_ns, &news);
		return r == 0 && news && t->state == TOP_LIVE ? walk(t, now_ns) : r;
	}
	r = v2_tree_open(v2->s.host->v2.root_fd, t->path, t->id, &dir);
	if (r == TREE_E_GONE) {
		t->state = TOP_LOST;
		t->judge_ns = now_ns;
		return 0;
	}
	r = open_account(t, true);
	return r < 0 && r != -EAGAIN ? r : 0;
}

/* The last moment is known as well as it ever will be: closes the account, and the top with it. */
static int finish(struct top *t, uint64_t now_ns)
{
	struct v2_source *v2 = v2_of_top(t);
	_cleanup_close_ int dir = -1;
	int r = 0;

	if (t->account)
		r = v2_guard_judge(t, now_ns);
	if (r != 0) {
		t->judge_ns = now_ns + JUDGE_NS;
		return r == -ENOMEM ? 0 : r;
	}
	if (v2_tree_open(v2->s.host->v2.root_fd, t->path, t->id, &dir) == 0) {
		if (covered(t)) {
			v2_top_close(t);
			return 0;
		}
		t->state = TOP_DORMANT;
		t->judge_ns = 0;
		return v2_top_check(t, now_ns); /* memory may be on again already */
	}
	v2->host.deaths |= !t->named || t->guard.root;
	v2_host_look(v2, now_ns);
	r = v2_gone(v2, t->path, t->id, t->named);
	v2_top_close(t);
	return r;
}

/* LOST: measure at once, judge a slot later, when all removals of neighbours have been heard of. */
static int settle_loss(struct top *t, uint64_t now_ns)
{
	int r;

	if (!t->account || !t->guard.known || t->measured)
		return finish(t, now_ns);
	r = v2_guard_measure(t);
	t->measured = r == 0;
	if (r == TREE_E_DENIED)
		t->guard.known = false;
	t->judge_ns = now_ns + JUDGE_NS;
	return 0;
}

static int run_live(struct top *t, uint64_t now_ns)
{
	bool news = false;
	int r = 0;

	if (ledger_due(v2_of_top(t)->ledger, t->account) <= now_ns)
		return resolve(t, now_ns);
	if ((t->again_ns != 0 && t->again_ns <= now_ns) || pace_due(&t->pace) <= now_ns)
		return walk(t, now_ns);
	if (t->reread.due_ns <= now_ns || (t->poll_ns != 0 && t->poll_ns <= now_ns)) {
		r = look(t, now_ns, &news);
		if (t->reread.due_ns <= now_ns)
			reread_done(&t->reread, now_ns, news);
		if (t->poll_ns != 0)
			t->poll_ns = now_ns + V2_POLL_NS;
	}
	return r == 0 && news && t->state == TOP_LIVE ? walk(t, now_ns) : r;
}

static void run_guard(struct top *t, uint64_t now_ns)
{
	uint64_t cpu;

	if (t->guard.refresh_ns == 0 || t->guard.refresh_ns > now_ns)
		return;
	if (!pace_may_walk(&t->guard.pace, now_ns)) {
		t->guard.refresh_ns = pace_free(&t->guard.pace);
		return;
	}
	cpu = clock_thread_ns();
	v2_guard_take(t);
	pace_walked(&t->guard.pace, clock_boottime_ns(), clock_thread_ns() - cpu);
}

int v2_top_run(struct top *t, uint64_t now_ns)
{
	int r = 0;

	switch (t->state) {
	case TOP_LIVE:
		r = run_live(t, now_ns);
		if (r == 0 && t->state == TOP_LIVE)
			run_guard(t, now_ns);
		return r;
	case TOP_LOST:
		return t->judge_ns <= now_ns ? settle_loss(t, now_ns) : 0;
	case TOP_DORMANT:
		return 0;
	}
	return r;
}

uint64_t v2_top_due(const struct top *t)
{
	uint64_t due = UINT64_MAX, at;

	if (t->state == TOP_LOST)
		return t->judge_ns;
	if (t->state == TOP_DORMANT)
		return due;
	due = pace_due(&t->pace);
	if (t->reread.due_ns < due)
		due = t->reread.due_ns;
	at = ledger_due(v2_of_top(t)->ledger, t->account);
	if (at < pace_free(&t->pace))
		at = pace_free(&t->pace); /* a second look is a walk: it waits for its share, too */
	if (at < due && ledger_due(v2_of_top(t)->ledger, t->account) != UINT64_MAX)
		due = at;
	if (t->again_ns != 0 && t->again_ns < due)
		due = t->again_ns < pace_free(&t->pace) ? pace_free(&t->pace) : t->again_ns;
	if (t->poll_ns != 0 && t->poll_ns < due)
		due = t->poll_ns;
	if (t->guard.refresh_ns != 0 && t->guard.refresh_ns < due)
		due = t->guard.refresh_ns;
	return due;
}

int v2_top_settle(struct top *t, uint64_t now_ns)
{
	struct v2_source *v2 = v2_of_top(t);
	uint64_t due;
	int r;

	if (t->settled || t->state == TOP_DORMANT)
		return 0;
	if (t->state == TOP_LOST)
		return SOURCE_E_AGAIN;
	due = ledger_due(v2->ledger, t->account);
	if (due == UINT64_MAX) {
		r = take_result(t, ledger_pass(v2->ledger, t->account, now_ns), now_ns);
	} else if (due <= now_ns) {
		/* Only what the last pass left open: a pass anew might never come to an end. */
		r = take_result(t, ledger_resolve(v2->ledger, t->account, now_ns), now_ns);
	} else {
		return SOURCE_E_AGAIN;
	}
	if (r != 0)
		return r;
	if (t->state != TOP_LIVE || t->again_ns != 0 ||
	    ledger_due(v2->ledger, t->account) != UINT64_MAX)
		return SOURCE_E_AGAIN;
	r = take_result(t, ledger_seal(v2->ledger, t->account), now_ns);
	t->settled = r == 0 && t->state == TOP_LIVE;
	return r == 0 && !t->settled ? SOURCE_E_AGAIN : r;
}
