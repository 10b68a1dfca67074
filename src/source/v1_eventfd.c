/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Source: the eventfds of cgroup v1
 *
 * Every cgroup of a watched subtree, and every one above it, has an eventfd of ours registered with
 * the kernel, which signals it at an oom of that cgroup or of one above. core/signals tells whose
 * limit it was. Kills are counted in the oom_kill line of each cgroup alone and wake nobody; an oom
 * says when to read them. doc/v1-source.md has the whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "source/v1_source.h"

#define DESCRIPTORS_RESERVED 64 /* for short use, and for the program */
#define SETTLE_KILL_NS UINT64_C(100000000)
#define SETTLE_LOOK_NS UINT64_C(50000000)
#define SETTLE_MAX_NS UINT64_C(5000000000)

/* PREEMPT_RT kernels refuse every registration before they look at it; others, one without numbers. */
static const char *why_not(int root_fd)
{
	_cleanup_close_ int fd = openat(root_fd, "cgroup.event_control", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return v1_why_refused(errno);
	if (write(fd, "-", 1) < 0 && errno == EOPNOTSUPP)
		return v1_why_refused(errno);
	return NULL;
}

static int probe(const struct cgroup_host *host, struct source_probe *ret)
{
	*ret = (struct source_probe){ .usable = host->v1.root_fd >= 0 && host->v1.has_memory };
	if (host->v1.root_fd < 0)
		ret->why = "no cgroup v1 hierarchy is mounted";
	else if (!host->v1.has_memory)
		ret->why = "the memory controller is not on cgroup v1";
	else
		ret->why = why_not(host->v1.root_fd);
	return 0;
}

static unsigned descriptors_max(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur <= DESCRIPTORS_RESERVED)
		return 0;
	rl.rlim_cur -= DESCRIPTORS_RESERVED;
	return rl.rlim_cur > UINT32_MAX ? UINT32_MAX : (unsigned)rl.rlim_cur;
}

static void keep_spare(struct v1_source *v1)
{
	for (size_t i = 0; i < 2; i++)
		if (v1->spare_fd[i] < 0)
			v1->spare_fd[i] = fcntl(v1->s.epoll_fd, F_DUPFD_CLOEXEC, 0);
}

static struct source *v1_close(struct source *s);

static int open_root(struct v1_source *v1)
{
	int root_fd = v1->s.host->v1.root_fd;
	struct stat st;
	uint64_t v;
	int r;

	if (fstat(root_fd, &st) < 0)
		return errno_neg();
	v1->root = v1_node_new(v1, NULL, "", st.st_ino);
	if (!v1->root)
		return -ENOMEM;
	v1->root->dir_fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	if (v1->root->dir_fd < 0)
		return errno_neg();
	/* Children inherit a 1, and cannot get rid of it; without the file there is nothing else. */
	r = v1_read_u64(v1, root_fd, "memory.use_hierarchy", &v);
	v1->all_linked = r == -ENOENT || (r == 0 && v == 1);
	return 0;
}

static int v1_open(struct source **ret, const struct source_args *args)
{
	struct v1_source *v1 = calloc(1, sizeof(*v1));
	int r;

	if (!v1)
		return -ENOMEM;
	v1->s = (struct source){ .ops = &source_v1_eventfd,
				 .engine = args->engine,
				 .host = args->host,
				 .epoll_fd = args->epoll_fd };
	v1->now_ns = clock_boottime_ns();
	v1->tell_ns = v1->settle_next_ns = UINT64_MAX;
	v1->inotify_fd = v1->kmsg_fd = v1->vmstat_fd = v1->spare_fd[0] = v1->spare_fd[1] = -1;
	v1->descriptors_max = descriptors_max();
	signals_init(&v1->signals, &v1_signals_ops, v1);
	r = open_root(v1);
	if (r == 0)
		r = v1_scan_open(v1);
	if (r == 0)
		r = v1_vmstat_open(v1);
	if (r < 0) {
		v1_close(&v1->s);
		return r;
	}
	v1_kmsg_open(v1);
	keep_spare(v1);
	*ret = &v1->s;
	return 0;
}

static struct source *v1_close(struct source *s)
{
	struct v1_source *v1 = v1_from(s);
	struct v1_target *t, *tmp;

	if (!s)
		return NULL;
	v1_node_free_all(v1);
	LL_FOREACH_SAFE (v1->targets, t, tmp)
		free(t);
	v1_scan_close(v1);
	v1_kmsg_close(v1);
	fd_close(v1->vmstat_fd);
	fd_close(v1->spare_fd[0]);
	fd_close(v1->spare_fd[1]);
	free(v1);
	return NULL;
}

/* Finds or makes the nodes from the root down to @at. */
static int walk_down(struct v1_source *v1, const struct cgroup_at *at, struct v1_node **ret)
{
	_cleanup_free_ char *path = strdup(at->path);
	_cleanup_close_ int held = -1;
	struct v1_node *n = v1->root;
	char *name, *rest = path;
	int fd = n->dir_fd, r = 0;

	if (!path)
		return -ENOMEM;
	if (n->event_fd < 0 && n->control_fd < 0)
		r = v1_register(v1, n, fd);
	while (r == 0 && (name = strsep(&rest, "/"))) {
		if (*name == '\0')
			continue;
		fd = v1_openat(v1, fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (fd < 0)
			return fd == -ENOENT ? -ENODEV : fd;
		fd_close(held);
		held = fd;
		r = v1_child(v1, n, name, fd, &n);
	}
	if (r < 0)
		return r;
	if (n->id != at->id || n->dead)
		return -ENODEV; /* another has its name by now */
	*ret = n;
	return 0;
}

static struct v1_target *find_target(struct v1_source *v1, uint64_t cookie)
{
	struct v1_target *t;

	LL_FOREACH (v1->targets, t)
		if (t->cookie == cookie)
			return t;
	return NULL;
}

static void drop_target(struct v1_source *v1, struct v1_target *t)
{
	LL_DELETE(v1->targets, t);
	if (--t->node->targets == 0 && t->node->parent)
		t->node->dir_fd = fd_close(t->node->dir_fd);
	free(t);
}

void v1_watches_changed(struct v1_source *v1)
{
	const struct v1_target *t;

	v1->whole_host = false;
	LL_FOREACH (v1->targets, t)
		v1->whole_host |= !t->local && v1_is_real_root(v1, t->node);
	v1_cover(v1);
}

static int add_target(struct v1_source *v1, const struct source_target *target, struct v1_node *n)
{
	struct v1_target *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	if (n->dir_fd < 0)
		n->dir_fd = v1_openat(v1, target->at->fd, ".", O_RDONLY | O_DIRECTORY);
	if (n->dir_fd < 0) {
		int r = n->dir_fd;

		n->dir_fd = -1;
		free(t);
		return r == -ENOENT ? -ENODEV : r;
	}
	*t = (struct v1_target){ .cookie = target->cookie,
				 .node = n,
				 .local = target->local,
				 .gone_all = target->gone_all };
	n->targets++;
	v1_watch_removal(v1, n);
	LL_PREPEND(v1->targets, t);
	v1_watches_changed(v1);
	return 0;
}

/* The lines of all that this attach() brought, again: what they show now does not count. */
static void base_again(struct v1_source *v1)
{
	struct v1_control c;
	int r;

	for (struct v1_node *n = v1->root; n; n = v1_node_next(v1->root, n)) {
		if (!n->covered || n->dead || (n->based && n->based_at != v1->attached))
			continue;
		n->based = false;
		r = v1_read_control(v1, n, &c);
		if (r == 0)
			v1_line_seen(v1, n, &c);
		else if (r != -ENODEV)
			v1_line_unread(v1, n, r);
	}
}

/* Lines and the host's own count must begin at one moment: when no kill came in between. */
static void begin_counting(struct v1_source *v1, bool anew)
{
	for (int i = 0; i < 5; i++) {
		uint64_t before;

		if (anew)
			v1_vmstat_start(v1);
		before = v1->vmstat_base;
		base_again(v1);
		if (!anew)
			return;
		v1_vmstat_start(v1);
		if (v1->vmstat_base == before)
			return;
	}
}

static int begin(struct v1_source *v1, const struct source_target *target)
{
	bool first = !v1->targets;
	struct v1_control c;
	struct v1_node *n;
	int r;

	r = walk_down(v1, target->at, &n);
	if (r == 0)
		r = v1_read_control(v1, n, &c);
	if (r < 0)
		return r;
	r = add_target(v1, target, n);
	if (r < 0)
		return r;
	if (!target->local)
		for (struct v1_node *b = n; b; b = v1_node_next(n, b))
			v1_scan_later(v1, b);
	r = v1_scan_run(v1, SIZE_MAX);
	if (r < 0)
		return r;
	if (n->polled)
		v1->blind = true;
	begin_counting(v1, first || (v1->whole_host && !n->parent));
	return 0;
}

static void look_everywhere(struct v1_source *v1);

static int v1_prepare(struct source *s, const struct source_target *target)
{
	struct v1_source *v1 = v1_from(s);

	(void)target;
	v1->now_ns = clock_boottime_ns();
	if (v1->targets)
		look_everywhere(v1);
	return 0;
}

static int v1_attach(struct source *s, const struct source_target *target)
{
	struct v1_source *v1 = v1_from(s);
	struct v1_target *t;
	int r;

	v1->now_ns = clock_boottime_ns();
	if (target->at->hierarchy != HIERARCHY_V1)
		return -EINVAL;
	if (find_target(v1, target->cookie))
		return -EEXIST;
	v1->attached++;
	v1->attaching = true;
	r = begin(v1, target);
	v1->attaching = false;
	t = find_target(v1, target->cookie);
	if (r < 0 && t) {
		drop_target(v1, t);
		v1_watches_changed(v1);
	}
	if (r < 0)
		v1_prune(v1);
	keep_spare(v1);
	v1_make_notice(v1);
	return r;
}

static int v1_detach(struct source *s, uint64_t cookie)
{
	struct v1_source *v1 = v1_from(s);
	struct v1_target *t = find_target(v1, cookie);

	if (!t)
		return -ENOENT;
	drop_target(v1, t);
	v1_watches_changed(v1);
	v1_prune(v1);
	return 0;
}

bool v1_end_targets(struct v1_source *v1, struct v1_node *n)
{
	struct v1_target *t, *tmp;

	if (n->targets == 0)
		return false;

	LL_FOREACH_SAFE (v1->targets, t, tmp) {
		if (t->node != n)
			continue;
		(void)engine_watch_remove(v1->s.engine, t->cookie);
		drop_target(v1, t);
	}
	return n->ended = true;
}

static int v1_run(struct source *s, uint64_t now_ns)
{
	struct v1_source *v1 = v1_from(s);

	v1->now_ns = now_ns;
	if (v1->settle_next_ns <= now_ns)
		v1->settle_next_ns = UINT64_MAX; /* who settles looks again */
	(void)v1_scan_run(v1, V1_SCANS_MAX);
	signals_pass(&v1->signals, now_ns);
	v1_kills_run(v1, V1_LINES_MAX);
	v1_vmstat_run(v1, false);
	v1_tell(v1);
	v1_kills_end(v1);
	v1_reap(v1);
	keep_spare(v1);
	v1_make_notice(v1);
	return 0;
}

static uint64_t v1_deadline(const struct source *s)
{
	const struct v1_source *v1 = v1_from_const(s);
	const uint64_t times[] = {
		signals_deadline(&v1->signals), v1_scan_deadline(v1), v1_kills_deadline(v1),
		v1_vmstat_deadline(v1),         v1->tell_ns,          v1->settle_next_ns,
	};
	uint64_t at = UINT64_MAX;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i] < at)
			at = times[i];
	return at;
}

/* Everything that can be looked at, without a budget. */
static void look_everywhere(struct v1_source *v1)
{
	v1->settling = true;
	v1_scan_drain(v1);
	v1_rescan(v1, false);
	(void)v1_scan_run(v1, SIZE_MAX);
	v1_signals_all(v1);
	signals_pass(&v1->signals, v1->now_ns);
	v1_lines_all(v1);
	v1_kills_run(v1, SIZE_MAX);
	for (int i = 0; v1->signals.woken && i < 5; i++)
		signals_pass(&v1->signals, v1->now_ns);
	v1_vmstat_run(v1, true);
	v1_kills_run(v1, SIZE_MAX);
	v1_tell(v1);
	v1_kills_end(v1);
	v1_reap(v1);
	v1->settling = false;
}

/* A kill that belongs to an oom just told. */
static bool kill_is_near(const struct v1_source *v1)
{
	const struct v1_node *n;

	DL_FOREACH2 (v1->episodes, n, ep_next)
		if (!n->dead && n->paused_ns == 0 && n->ep.kills < n->ep.ooms &&
		    v1->now_ns < n->ep.last_ns + SETTLE_KILL_NS)
			return true;
	return false;
}

static int v1_settle(struct source *s, uint64_t now_ns)
{
	struct v1_source *v1 = v1_from(s);

	v1->now_ns = now_ns;
	if (v1->settle_ns == 0)
		v1->settle_ns = now_ns;
	look_everywhere(v1);
	keep_spare(v1);
	if (now_ns < v1->settle_ns + SETTLE_MAX_NS &&
	    (signals_open(&v1->signals) || kill_is_near(v1) || v1->reconcile != V1_RECONCILED ||
	     v1->news || v1->scans)) {
		v1->settle_next_ns = now_ns + SETTLE_LOOK_NS;
		return SOURCE_E_AGAIN;
	}
	v1->settle_ns = 0;
	v1->settle_next_ns = UINT64_MAX;
	return 0;
}

static uint64_t ooms_unproven(const struct v1_source *v1)
{
	uint64_t doubt = v1->ooms_doubtful;

	for (struct v1_node *n = v1->root; n; n = v1_node_next(v1->root, n))
		if (n->covered && __builtin_add_overflow(doubt, signals_doubt(&n->sig), &doubt))
			return UINT64_MAX;
	return doubt;
}

static void unproven(struct balance *b, enum event_kind kind, uint64_t n, unsigned reasons)
{
	b->kind[kind].unproven = n;
	b->kind[kind].reasons |= reasons;
	b->reasons |= reasons;
}

static void v1_balance(const struct source *s, struct balance *sum)
{
	const struct v1_source *v1 = v1_from_const(s);
	uint64_t excess = v1_vmstat_excess(v1);
	struct balance b = { 0 };

	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		b.kind[k] = (struct balance_line){ .counted = v1->counted[k],
						   .reported = v1->reported[k] };
	b.kind[EVENT_OOM].unproven = ooms_unproven(v1);
	if (b.kind[EVENT_OOM].unproven > 0)
		unproven(&b, EVENT_OOM, b.kind[EVENT_OOM].unproven, UNPROVEN_V1_CHANGING);
	b.kind[EVENT_KILL].unproven = excess < v1->kills_doubtful ? excess : v1->kills_doubtful;
	if (b.kind[EVENT_KILL].unproven > 0)
		unproven(&b, EVENT_KILL, b.kind[EVENT_KILL].unproven, UNPROVEN_V1_GONE);
	if (v1->ooms_unseen)
		unproven(&b, EVENT_OOM, UINT64_MAX, UNPROVEN_V1_UNSEEN);
	if (excess > 0 && v1_may_be_unseen(v1)) {
		unproven(&b, EVENT_KILL, excess, UNPROVEN_V1_UNSEEN);
		unproven(&b, EVENT_OOM, UINT64_MAX, UNPROVEN_V1_UNSEEN);
	}
	if (v1->blind)
		unproven(&b, EVENT_OOM, UINT64_MAX,
			 (v1_is_refused(v1) ? UNPROVEN_V1_POLLED : 0U) |
				 (v1->no_events ? UNPROVEN_V1_DESCRIPTORS : 0U));
	if (v1->unreadable || v1->unread > 0) {
		unsigned reason =
			v1->short_of_descriptors ? UNPROVEN_V1_DESCRIPTORS : UNPROVEN_UNREADABLE;

		unproven(&b, EVENT_OOM, UINT64_MAX, reason);
		unproven(&b, EVENT_KILL, UINT64_MAX, reason);
	}
	balance_add(sum, &b);
}

static const char *v1_notice(const struct source *s)
{
	const struct v1_source *v1 = v1_from_const(s);

	return v1->notices ? v1->notice : NULL;
}

const struct source_ops source_v1_eventfd = {
	.name = "v1_eventfd",
	.probe = probe,
	.open = v1_open,
	.attach = v1_attach,
	.prepare = v1_prepare,
	.detach = v1_detach,
	.run = v1_run,
	.deadline = v1_deadline,
	.settle = v1_settle,
	.balance = v1_balance,
	.notice = v1_notice,
	.close = v1_close,
};
