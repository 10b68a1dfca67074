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
 * While it is LOST another top may have been opened for a new cgroup of the same path.
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

/* After a removal, neighbours' removals may still be on their way through inotify. */
#define JUDGE_NS LEDGER_SLOT_NS
/* A walk has one open for each level it is in, and a file or two. */
#define WALK_DESCRIPTORS 6

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

struct top *v2_top_find(const struct v2_source *v2, const char *path, uint64_t id)
{
	struct top *t;

	DL_FOREACH (v2->tops, t)
		if (t->id == id && strcmp(t->path, path) == 0)
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

	t->counter = tree_watch_release(v2->changes, t->counter);
	if (t->events_fd < 0)
		return;
	(void)epoll_ctl(v2->s.epoll_fd, EPOLL_CTL_DEL, t->events_fd, NULL);
	t->events_fd = fd_close(t->events_fd);
	v2->descriptors--;
}

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
		return r == TREE_E_DENIED ? -EACCES : r;
	if (tree_watch_hold(v2->changes, v2->s.host->v2.root_fd, t->path, events_object(v2),
			    &t->counter) != 0)
		t->poll_ns = clock_boottime_ns() + V2_POLL_NS;
	return 0;
}

/*
 * Gives a top without an account one. @fresh: all that it counts is news. @told: so is what it counts
 * beyond that; NULL: nothing is.
 */
static int open_account(struct top *t, bool fresh, const struct counts *told)
{
	struct v2_source *v2 = v2_of_top(t);
	const struct ledger_top args = { .dir = v2_tree_top(t->number),
					 .path = t->path,
					 .id = t->id,
					 .fresh = fresh,
					 .told = told };
	int r;

	r = take_descriptor(t);
	if (r == 0)
		r = ledger_top_add(v2->ledger, &args, clock_boottime_ns(), &t->account);
	if (r != 0) {
		drop_descriptor(t);
		return r;
	}
	t->state = TOP_LIVE;
	t->measured = false;
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
void v2_top_hold(struct top *t)
{
	struct v2_source *v2 = v2_of_top(t);
	_cleanup_close_ int dir = -1;
	struct stat st;

	v2_hold(v2, t->parent, TREE_CHILDREN, &t->neighbours);
	v2_hold(v2, t->parent, TREE_SWITCHES, &t->switches);
	if (!v2->tree.flat)
		return;
	v2_hold(v2, t->path, TREE_CHILDREN, &t->children);
	/* kernfs: a directory has two links and one more per child. */
	if (v2_tree_open(v2->s.host->v2.root_fd, t->path, t->id, &dir) == 0 && fstat(dir, &st) == 0)
		t->guard.children |= st.st_nlink > 2;
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
	t->io = (struct source_io){ .source = &v2->s, .ready = v2_walk_ready };
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

static void top_close(struct top *t)
{
	struct v2_source *v2 = v2_of_top(t);

	drop_descriptor(t);
	t->neighbours = tree_watch_release(v2->changes, t->neighbours);
	t->switches = tree_watch_release(v2->changes, t->switches);
	t->children = tree_watch_release(v2->changes, t->children);
	HASH_DELETE(hh, v2->by_number, t);
	DL_DELETE(v2->tops, t);
	t->state = TOP_CLOSED;
	LL_PREPEND(v2->closed, t);
}

void v2_top_free_closed(struct v2_source *v2)
{
	struct top *t, *tmp;

	LL_FOREACH_SAFE (v2->closed, t, tmp)
		top_free(t);
	v2->closed = NULL;
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
		if (t->state == TOP_LOST ||
		    (t->account && ledger_top_news(v2->ledger, t->account, &news) == LEDGER_E_GONE))
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

/* Whether it was for want of descriptors that a walk could not do its work. */
static bool few_descriptors(const struct v2_source *v2)
{
	int fds[WALK_DESCRIPTORS];
	int n = 0;

	while (n < WALK_DESCRIPTORS &&
	       (fds[n] = fcntl(v2->s.host->v2.root_fd, F_DUPFD_CLOEXEC, 0)) >= 0)
		n++;
	for (int i = 0; i < n; i++)
		fd_close(fds[i]);
	return n < WALK_DESCRIPTORS;
}

int v2_top_open(struct v2_source *v2, const struct v2_top_args *args)
{
	struct top *t = top_new(v2, args);
	int r;

	if (!t)
		return -ENOMEM;
	v2_top_hold(t); /* before counting, so that no removal falls in between */
	r = open_account(t, args->fresh, NULL);
	if (r != 0) {
		top_close(t);
		if (r == LEDGER_E_AGAIN)
			return few_descriptors(v2) ? -EMFILE : -EAGAIN;
		return r;
	}
	drop_covered(t);
	return 0;
}

struct top *v2_top_close(struct top *t)
{
	if (!t)
		return NULL;
	if (t->account)
		(void)ledger_top_close(v2_of_top(t)->ledger, t->account, NULL, clock_boottime_ns());
	top_close(t);
	return NULL;
}

void v2_top_lose(struct top *t, uint64_t now_ns)
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

/*
 * Whether its memory was only hidden, since io stayed on (kernel/cgroup: css_visible()): it comes back
 * with what it had counted.
 */
static bool was_hidden(const struct top *t, const struct counts *now)
{
	if (!t->closed || !t->io_stayed || !v2_parent_gives(t, "io", false))
		return false;
	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		if (now->n[k] < t->told.n[k])
			return false;
	return true;
}

/* Memory may be on again. Where it was hidden, only what it counts beyond what was told is news. */
static int wake(struct top *t)
{
	struct v2_source *v2 = v2_of_top(t);
	struct balance span = { 0 };
	struct reading rd;
	bool hidden;
	int r = v2_tree_ops.read(&v2->tree, v2_tree_top(t->number), NULL, &rd);

	t->off = r == TREE_E_GONE && !v2_parent_gives(t, "memory", true);
	if (r != 0)
		return r == TREE_E_DENIED ? -EACCES : r;
	hidden = was_hidden(t, &rd.counts);
	if (!hidden)
		v2_guard_span(t, false, &span);
	if (v2->host.on)
		t->told.n[EVENT_KILL] = rd.counts.n[EVENT_KILL]; /* vmstat tells these */
	hidden &= !counts_zero(&t->told);
	r = open_account(t, !hidden, hidden ? &t->told : NULL);
	if (r != 0)
		return r;
	balance_add(&v2->unproven, &span);
	t->closed = t->io_stayed = false;
	return 0;
}

int v2_top_check(struct top *t, uint64_t now_ns)
{
	struct v2_source *v2 = v2_of_top(t);
	_cleanup_close_ int dir = -1;
	int r;

	if (t->state == TOP_LIVE)
		return v2_walk_look(t, now_ns);
	if (t->state != TOP_DORMANT)
		return 0;
	r = v2_tree_open(v2->s.host->v2.root_fd, t->path, t->id, &dir);
	if (r == TREE_E_GONE) {
		t->state = TOP_LOST;
		t->judge_ns = now_ns;
		return 0;
	}
	r = r == 0 ? wake(t) : LEDGER_E_AGAIN;
	if (r != LEDGER_E_AGAIN)
		return r < 0 ? r : 0; /* still without memory files */
	v2_rescan_in(v2, V2_RETRY_NS);
	return 0;
}

/* The last moment is known as well as it ever will be: closes the account, and the top with it. */
static int finish(struct top *t, uint64_t now_ns)
{
	struct v2_source *v2 = v2_of_top(t);
	_cleanup_close_ int dir = -1;
	struct balance span = { 0 };
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
		t->io_stayed = v2_parent_gives(t, "io", false);
		v2->host.doubt = true;
		return v2_top_check(t, now_ns); /* memory may be on again already */
	}
	if (t->off)
		v2_guard_span(t, t->io_stayed, &span);
	balance_add(&v2->unproven, &span);
	t->off = false;
	v2->host.doubt |= !t->named || t->guard.root;
	v2_host_look(v2, now_ns);
	r = v2_gone(v2, t->path, t->id, t->named || t->mourned);
	if (r == 0)
		v2_top_close(t);
	else
		t->judge_ns = now_ns + JUDGE_NS;
	return r == -ENOMEM ? 0 : r;
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

int v2_top_run(struct top *t, uint64_t now_ns)
{
	if (t->state == TOP_LIVE)
		return v2_walk_run(t, now_ns);
	if (t->state == TOP_LOST && t->judge_ns <= now_ns && !v2_of_top(t)->unheard)
		return settle_loss(t, now_ns);
	return 0;
}

uint64_t v2_top_due(const struct top *t)
{
	if (t->state == TOP_LIVE)
		return v2_walk_due(t);
	return t->state == TOP_LOST ? t->judge_ns : UINT64_MAX;
}
