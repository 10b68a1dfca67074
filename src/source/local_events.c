/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cgroup here is one that a listener wants, or an ancestor of one. Those with children keep their
 * directory open, so that a child's file can be opened again and its removal verified; a leaf costs
 * one descriptor, the file.
 *
 * The timer runs only while some file is within its slot (core/reread.h), or once a second as long
 * as something could not be opened or watched for lack of descriptors or inotify watches.
 */
#include "source/local_events.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/flat_keyed.h"
#include "core/reread.h"
#include "source/source.h"
#include "source/tree_watch.h"

#define FILE_NAME "memory.events.local"
#define TEXT_MAX 1024 /* today's kernels print under 200 bytes; new keys may come */
#define LOOK_NS NSEC_PER_SEC

enum state {
	STATE_NEW,
	STATE_OPEN,
	STATE_OFF,    /* no memory files: the root, or memory is switched off */
	STATE_DENIED, /* its file may not be read */
	STATE_LATER,  /* its file could not be opened or read for now */
	STATE_GONE,
};

struct tallies {
	uint64_t oom;
	uint64_t max;
};

struct local_cgroup {
	struct source_io io; /* for events_fd */
	struct local_events *le;
	uint64_t id;
	enum state state;
	int events_fd;
	int dir_fd; /* -1 in one that has a parent and no children */
	char *name;
	bool known;     /* `seen` was read at some time */
	bool continues; /* what the next file opened counts is what `seen` is of */
	struct tallies seen;
	unsigned refs; /* holders and children */
	struct reread reread;
	bool awaited; /* on le->awaited: reread.due_ns will come */
	struct local_cgroup *awaited_prev, *awaited_next;
	bool lagging; /* on le->lagging */
	struct local_cgroup *lagging_prev, *lagging_next;
	/* Held in one that has children: */
	struct watched *removals;
	struct watched *switches;
	bool unwatched; /* inotify refused one of them */
	struct local_cgroup *parent;
	struct local_cgroup *children;
	struct local_cgroup *prev, *next; /* among the parent's children */
	UT_hash_handle hh;
};

struct local_events {
	struct local_events_args args;
	const struct cgroup_mount *mount;
	uint64_t root_id;
	struct local_cgroup *cgroups;
	struct tree_watch *changes;
	struct source_io changes_io;
	int timer_fd;
	struct source_io timer_io;
	uint64_t armed_ns; /* what the timer is set to; UINT64_MAX: not at all */
	struct local_cgroup *awaited;
	struct local_cgroup *lagging; /* STATE_LATER or unwatched */
	uint64_t look_ns;             /* when to try those again */
};

static int read_tallies(int fd, struct tallies *ret)
{
	struct tallies t = { 0 };
	char text[TEXT_MAX];
	ssize_t n;
	int r;

	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return errno_neg();
	text[n] = '\0';
	r = flat_keyed_u64(text, "oom", &t.oom);
	if (r == 0)
		r = flat_keyed_u64(text, "max", &t.max);
	if (r != 0)
		return r < 0 ? r : -EBADMSG;
	*ret = t;
	return 0;
}

static void await(struct local_cgroup *c)
{
	bool due = c->reread.due_ns != UINT64_MAX;

	if (due && !c->awaited)
		DL_APPEND2(c->le->awaited, c, awaited_prev, awaited_next);
	if (!due && c->awaited)
		DL_DELETE2(c->le->awaited, c, awaited_prev, awaited_next);
	c->awaited = due;
}

static void set_state(struct local_cgroup *c, enum state state)
{
	struct local_events *le = c->le;
	bool lagging = state == STATE_LATER || c->unwatched;

	c->state = state;
	if (lagging && !c->lagging) {
		if (!le->lagging)
			le->look_ns = clock_boottime_ns() + LOOK_NS;
		DL_APPEND2(le->lagging, c, lagging_prev, lagging_next);
	}
	if (!lagging && c->lagging)
		DL_DELETE2(le->lagging, c, lagging_prev, lagging_next);
	c->lagging = lagging;
}

static void file_close(struct local_cgroup *c)
{
	if (c->events_fd < 0)
		return;
	/* Not left to close(): a child of the program may still hold a copy of the descriptor. */
	(void)epoll_ctl(c->le->args.epoll_fd, EPOLL_CTL_DEL, c->events_fd, NULL);
	c->events_fd = fd_close(c->events_fd);
	c->reread = REREAD_INIT;
	await(c);
}

static void tell(struct local_cgroup *c, uint64_t n)
{
	if (n > 0)
		registry_oom(c->le->args.registry, c->id,
			     n < LOCAL_EVENTS_PASS_MAX ? n : LOCAL_EVENTS_PASS_MAX);
}

/*
 * While memory is off for a cgroup but io is on, whose writeback needs it, the kernel only hides
 * the memory controller: it comes back with its old counts. Else it begins anew.
 */
static bool io_is_on(const struct local_cgroup *c)
{
	_cleanup_close_ int fd = -1;
	char text[TEXT_MAX], *save, *word;
	ssize_t n;

	if (!c->parent)
		return false;
	fd = openat(c->parent->dir_fd, "cgroup.subtree_control", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	for (word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
		if (strcmp(word, "io") == 0)
			return true;
	return false;
}

/* The first look at a newly opened file. What a new controller counted is all news. */
static void first_tallies(struct local_cgroup *c, const struct tallies *t)
{
	bool anew = !c->continues || t->oom < c->seen.oom || t->max < c->seen.max;

	if (c->known)
		tell(c, anew ? t->oom : t->oom - c->seen.oom);
	c->seen = *t;
	c->known = true;
}

/* O_PATH asks for no right on the directory, and everything below works with it. */
static int child_dir_open(const struct local_cgroup *c, int *ret)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	fd = c->parent ? openat(c->parent->dir_fd, c->name, O_PATH | O_DIRECTORY | O_CLOEXEC)
		       : openat(c->dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno_neg();
	if (st.st_ino != c->id)
		return -ENOENT; /* another one of that name */
	*ret = fd_steal(&fd);
	return 0;
}

static int file_try_open(struct local_cgroup *c)
{
	struct epoll_event ev = { .events = EPOLLPRI, .data.ptr = &c->io };
	_cleanup_close_ int dir = -1;
	_cleanup_close_ int fd = -1;
	struct tallies t;
	int r;

	r = child_dir_open(c, &dir);
	if (r < 0)
		return r;
	fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno_neg();
	r = read_tallies(fd, &t);
	if (r < 0)
		return r;
	/* What changed since the read makes the descriptor ready as soon as it is added. */
	if (epoll_ctl(c->le->args.epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return errno_neg();
	c->events_fd = fd_steal(&fd);
	first_tallies(c, &t);
	return 0;
}

/* Returns why it is not STATE_OPEN now, or 0. */
static int file_open(struct local_cgroup *c)
{
	int r = file_try_open(c);

	switch (r) {
	case 0:
		set_state(c, STATE_OPEN);
		break;
	case -ENOENT:
	case -ENODEV:
		set_state(c, STATE_OFF);
		break;
	case -EACCES:
	case -EPERM:
		set_state(c, STATE_DENIED);
		break;
	default:
		set_state(c, STATE_LATER);
	}
	return r;
}

static bool still_there(const struct local_cgroup *c)
{
	struct stat st;

	if (!c->parent)
		return fstatat(c->dir_fd, "cgroup.procs", &st, 0) == 0;
	if (fstatat(c->parent->dir_fd, c->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno != ENOENT && errno != ENODEV;
	return st.st_ino == c->id;
}

enum why {
	WHY_WOKEN, /* the kernel said that the file changed */
	WHY_DUE,   /* it is read again within the slot */
	WHY_ASKED,
};

static void gone(struct local_cgroup *c, uint64_t now_ns);

static void look(struct local_cgroup *c, enum why why, uint64_t now_ns)
{
	struct tallies t;
	int r = read_tallies(c->events_fd, &t);
	bool news;

	if (r < 0) {
		file_close(c);
		c->continues = r != -ENODEV || io_is_on(c);
		if (r != -ENODEV) {
			set_state(c, STATE_LATER);
		} else if (still_there(c)) {
			(void)file_open(c);
		} else {
			gone(c, now_ns);
		}
		return;
	}
	news = t.oom > c->seen.oom;
	if (news)
		tell(c, t.oom - c->seen.oom);
	c->seen = t;
	if (why == WHY_WOKEN)
		reread_woken(&c->reread, now_ns, news);
	else if (why == WHY_DUE)
		reread_done(&c->reread, now_ns, news);
	await(c);
}

/* What its ancestors counted before it went is still its listeners' to know. */
static void gone(struct local_cgroup *c, uint64_t now_ns)
{
	file_close(c);
	set_state(c, STATE_GONE);
	for (struct local_cgroup *p = c->parent; p; p = p->parent)
		if (p->state == STATE_OPEN)
			look(p, WHY_ASKED, now_ns);
	registry_gone(c->le->args.registry, c->id);
}

static int reopen(struct local_cgroup *c)
{
	if (c->state == STATE_OFF)
		c->continues = c->continues && io_is_on(c);
	return file_open(c);
}

/* Brings the state of @c up to date, whatever was missed. */
static void verify(struct local_cgroup *c, uint64_t now_ns)
{
	if (c->state == STATE_GONE)
		return;
	if (!still_there(c))
		gone(c, now_ns);
	else if (c->state == STATE_OPEN)
		look(c, WHY_ASKED, now_ns);
	else
		(void)reopen(c);
}

static void verify_children(struct local_cgroup *parent, const char *name, uint64_t now_ns)
{
	struct local_cgroup *c;

	DL_FOREACH (parent->children, c)
		if (!name || strcmp(c->name, name) == 0)
			verify(c, now_ns);
}

static int hold(struct local_cgroup *c, enum tree_object what, struct watched **w)
{
	return *w ? 0 : tree_watch_hold(c->le->changes, c->dir_fd, "", what, w);
}

/*
 * Watches for what happens to the children of @c. Only a lack of memory is an error. One that is gone
 * has no children.
 */
static int life_watch(struct local_cgroup *c)
{
	int r = hold(c, TREE_CHILDREN, &c->removals);

	if (r == 0)
		r = hold(c, TREE_SWITCHES, &c->switches);
	if (r == -ENOMEM)
		return r;
	c->unwatched = r != 0 && r != TREE_WATCH_E_GONE;
	set_state(c, c->state);
	return 0;
}

static void life_unwatch(struct local_cgroup *c)
{
	c->removals = tree_watch_release(c->le->changes, c->removals);
	c->switches = tree_watch_release(c->le->changes, c->switches);
	c->unwatched = false;
	set_state(c, c->state);
}

static void look_at_laggards(struct local_events *le, uint64_t now_ns)
{
	le->look_ns = now_ns + LOOK_NS;
	for (struct local_cgroup *c = le->cgroups; c; c = c->hh.next) {
		if (c->state == STATE_LATER)
			verify(c, now_ns);
		if (!c->unwatched)
			continue;
		(void)life_watch(c);
		verify_children(c, NULL, now_ns);
	}
}

static int file_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct local_cgroup *c = (struct local_cgroup *)io; /* its first member */

	(void)events;
	if (c->state == STATE_OPEN)
		look(c, WHY_WOKEN, now_ns);
	return 0;
}

static struct local_cgroup *cgroup_find(const struct local_events *le, uint64_t id)
{
	struct local_cgroup *c;

	HASH_FIND(hh, le->cgroups, &id, sizeof(id), c);
	return c;
}

static void changed(void *ctx, const struct tree_change *change)
{
	struct local_events *le = ctx;
	uint64_t now_ns = clock_boottime_ns();
	struct local_cgroup *c;

	if (change->kind == TREE_OVERFLOW) {
		local_events_read_all(le, now_ns);
		return;
	}
	c = cgroup_find(le, change->id);
	if (c && change->kind != TREE_CREATED)
		verify_children(c, change->name, now_ns);
}

static int changes_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct local_events *le =
		(struct local_events *)((char *)io - offsetof(struct local_events, changes_io));
	int r = tree_watch_read(le->changes, changed, le);

	(void)events;
	(void)now_ns;
	return r == TREE_WATCH_E_MORE ? 0 : r;
}

static struct local_cgroup *first_due(const struct local_events *le, uint64_t now_ns)
{
	struct local_cgroup *c;

	DL_FOREACH2 (le->awaited, c, awaited_next)
		if (c->reread.due_ns <= now_ns)
			return c;
	return NULL;
}

static int timer_ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct local_events *le =
		(struct local_events *)((char *)io - offsetof(struct local_events, timer_io));
	struct local_cgroup *c;
	uint64_t expirations;

	(void)events;
	if (read(le->timer_fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return errno_neg();
	le->armed_ns = UINT64_MAX;
	/* A look may take others off the list; each ends with its own due time later or none. */
	while ((c = first_due(le, now_ns)))
		look(c, WHY_DUE, now_ns);
	if (le->lagging && le->look_ns <= now_ns)
		look_at_laggards(le, now_ns);
	return 0;
}

void local_events_rearm(struct local_events *le)
{
	uint64_t due = le->lagging ? le->look_ns : UINT64_MAX;
	struct itimerspec at = { 0 };
	const struct local_cgroup *c;

	DL_FOREACH2 (le->awaited, c, awaited_next)
		if (c->reread.due_ns < due)
			due = c->reread.due_ns;
	if (due == le->armed_ns)
		return;
	if (due != UINT64_MAX) {
		at.it_value.tv_sec = (time_t)(due / NSEC_PER_SEC);
		at.it_value.tv_nsec = (long)(due % NSEC_PER_SEC);
	}
	/* Fails for malformed times only. */
	(void)timerfd_settime(le->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
	le->armed_ns = due;
}

void local_events_read_all(struct local_events *le, uint64_t now_ns)
{
	for (struct local_cgroup *c = le->cgroups; c; c = c->hh.next)
		verify(c, now_ns);
}

static int cgroup_new(struct local_events *le, uint64_t id, const char *name, size_t name_len,
		      struct local_cgroup **ret)
{
	struct local_cgroup *c;

	if (HASH_COUNT(le->cgroups) >= le->args.cgroups_max)
		return LOCAL_EVENTS_E_QUOTA;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct local_cgroup){
		.io.ready = file_ready,
		.le = le,
		.id = id,
		.state = STATE_NEW,
		.events_fd = -1,
		.dir_fd = -1,
		.name = strndup(name, name_len),
		.reread = REREAD_INIT,
	};
	if (c->name)
		HASH_ADD(hh, le->cgroups, id, sizeof(c->id), c);
	if (!c->name || !c->hh.tbl) {
		free(c->name);
		free(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

static void cgroup_unlink(struct local_cgroup *c)
{
	struct local_cgroup *parent = c->parent;

	if (!parent)
		return;
	c->parent = NULL;
	DL_DELETE(parent->children, c);
	if (parent->children)
		return;
	life_unwatch(parent);
	if (parent->parent)
		parent->dir_fd = fd_close(parent->dir_fd);
}

static void cgroup_free(struct local_cgroup *c)
{
	file_close(c);
	cgroup_unlink(c);
	life_unwatch(c);
	set_state(c, STATE_GONE);
	HASH_DELETE(hh, c->le->cgroups, c);
	(void)fd_close(c->dir_fd);
	free(c->name);
	free(c);
}

void local_events_release(struct local_events *le, struct local_cgroup *c)
{
	(void)le;
	while (c && --c->refs == 0) {
		struct local_cgroup *parent = c->parent;

		cgroup_free(c);
		c = parent;
	}
}

/* A path from the visible root, taken apart from its end. */
struct path_tail {
	const char *path;
	size_t len; /* what is not yet taken */
};

static bool path_take(struct path_tail *t, const char **ret_name, size_t *ret_len)
{
	size_t end = t->len;

	while (t->len > 0 && t->path[t->len - 1] != '/')
		t->len--;
	*ret_name = t->path + t->len;
	*ret_len = end - t->len;
	if (t->len > 0)
		t->len--; /* the slash */
	return *ret_len > 0;
}

/* Links @c to the cgroup behind @dir_fd, which becomes the parent's if it has none yet. */
static int link_parent(struct local_cgroup *c, int *dir_fd, struct path_tail *tail, bool *ret_known)
{
	struct local_events *le = c->le;
	struct local_cgroup *parent;
	const char *name;
	struct stat st;
	size_t len;
	int r = 0;

	if (fstat(*dir_fd, &st) < 0)
		return errno_neg();
	if (!path_take(tail, &name, &len) && st.st_ino != le->root_id)
		return -ENODEV; /* moved out of sight since its path was told */
	parent = cgroup_find(le, st.st_ino);
	*ret_known = parent != NULL;
	if (!parent)
		r = cgroup_new(le, st.st_ino, name, len, &parent);
	if (r != 0)
		return r;
	c->parent = parent;
	parent->refs++;
	DL_APPEND(parent->children, c);
	if (parent->dir_fd < 0)
		parent->dir_fd = fd_steal(dir_fd);
	return life_watch(parent);
}

/* On failure what was made hangs on @c and goes with its release. */
static int link_ancestors(struct local_cgroup *c, int dir_fd, struct path_tail *tail)
{
	bool known = false;

	for (; !known && c->id != c->le->root_id; c = c->parent) {
		_cleanup_close_ int up = -1;
		int r;

		up = openat(dir_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			return errno_neg();
		r = link_parent(c, &up, tail, &known);
		if (r != 0)
			return r;
		dir_fd = c->parent->dir_fd;
	}
	if (c->dir_fd < 0 && !c->parent) {
		c->dir_fd = openat(dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (c->dir_fd < 0)
			return errno_neg();
	}
	return 0;
}

/* All files that can be open, are; and what older listeners have to know, the registry knows. */
static int chain_start(struct local_cgroup *top_of_call, uint64_t now_ns)
{
	for (struct local_cgroup *c = top_of_call; c; c = c->parent) {
		bool was_new = c->state == STATE_NEW;
		int r = 0;

		if (c->state == STATE_OPEN)
			look(c, WHY_ASKED, now_ns);
		else if (c->state != STATE_GONE)
			r = reopen(c);
		if (was_new && c->state == STATE_LATER)
			return r;
		if (c == top_of_call && c->state != STATE_OPEN)
			return r < 0 ? r : -ENODEV;
	}
	return 0;
}

static int explain(int r, const struct cgroup_at *at)
{
	struct stat st;

	if (r != -ENOENT && r != -ENODEV)
		return r;
	return fstatat(at->fd, "memory.events", &st, 0) == 0 ? -EOPNOTSUPP : -ENODEV;
}

int local_events_hold(struct local_events *le, const struct cgroup_at *at,
		      struct local_cgroup **ret)
{
	struct path_tail tail = { .path = at->path, .len = strlen(at->path) };
	struct local_cgroup *c = cgroup_find(le, at->id);
	const char *name;
	size_t len;
	int r = 0;

	(void)path_take(&tail, &name, &len);
	if (at->id == le->root_id && le->mount->real_root)
		return -EINVAL;
	if (!c) {
		r = cgroup_new(le, at->id, name, len, &c);
		if (r != 0)
			return r;
		c->refs = 1;
		r = link_ancestors(c, at->fd, &tail);
	} else {
		c->refs++;
	}
	if (r == 0)
		r = explain(chain_start(c, clock_boottime_ns()), at);
	if (r != 0) {
		local_events_release(le, c);
		return r;
	}
	*ret = c;
	return 0;
}

size_t local_events_chain(const struct local_cgroup *c, uint64_t *ret_ids, size_t max)
{
	size_t n = 0;

	for (; c; c = c->parent, n++)
		if (n < max)
			ret_ids[n] = c->id;
	return n;
}

unsigned local_events_unseen(const struct local_events *le, const struct local_cgroup *c)
{
	unsigned unseen = le->mount->real_root ? 0 : LOCAL_EVENTS_OUTSIDE;

	for (c = c->parent; c; c = c->parent)
		if (c->state == STATE_DENIED)
			unseen |= LOCAL_EVENTS_UNREADABLE;
	return unseen;
}

const char *local_events_notice(const struct local_events *le)
{
	const struct local_cgroup *c;

	DL_FOREACH2 (le->lagging, c, lagging_next)
		if (c->unwatched)
			return "no inotify watch could be set (fs.inotify.max_user_watches, or "
			       "/proc is closed to this process): removed cgroups are found "
			       "within a second instead of at once";
	return le->lagging ? "a counter file could not be opened again: trying once a second"
			   : NULL;
}

static int epoll_add(const struct local_events *le, int fd, struct source_io *io)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = io };

	return epoll_ctl(le->args.epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? errno_neg() : 0;
}

static int open_fds(struct local_events *le)
{
	struct stat st;
	int r;

	if (fstat(le->mount->root_fd, &st) < 0)
		return errno_neg();
	le->root_id = st.st_ino;
	r = tree_watch_open(&le->changes);
	if (r < 0)
		return r;
	le->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (le->timer_fd < 0)
		return errno_neg();
	r = epoll_add(le, tree_watch_fd(le->changes), &le->changes_io);
	return r < 0 ? r : epoll_add(le, le->timer_fd, &le->timer_io);
}

int local_events_open(struct local_events **ret, const struct local_events_args *args)
{
	struct local_events *le = calloc(1, sizeof(*le));
	int r;

	if (!le)
		return -ENOMEM;
	le->args = *args;
	le->mount = &args->host->v2;
	le->timer_fd = -1;
	le->changes_io.ready = changes_ready;
	le->timer_io.ready = timer_ready;
	le->armed_ns = UINT64_MAX;
	r = open_fds(le);
	if (r < 0) {
		local_events_close(le);
		return r;
	}
	*ret = le;
	return 0;
}

static void epoll_remove(const struct local_events *le, int fd)
{
	if (fd >= 0)
		(void)epoll_ctl(le->args.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

struct local_events *local_events_close(struct local_events *le)
{
	struct local_cgroup *c, *tmp;

	if (!le)
		return NULL;
	/* In no order, so nobody may look at a parent any more. */
	for (c = le->cgroups; c; c = c->hh.next)
		c->parent = c->children = NULL;
	HASH_ITER (hh, le->cgroups, c, tmp)
		cgroup_free(c);
	if (le->changes)
		epoll_remove(le, tree_watch_fd(le->changes));
	epoll_remove(le, le->timer_fd);
	tree_watch_close(le->changes);
	(void)fd_close(le->timer_fd);
	free(le);
	return NULL;
}
