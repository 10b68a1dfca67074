/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In what order parent and child change, as one who reads both can see it
 *
 * v2 adds at the leaf first, then upward; v1 signals from the limit downward. So v2 is read parent
 * first, and v1 child first.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/flat_keyed.h"
#include "kf.h"

#define CHILDREN 3
#define KILLS 25

static const char *const order_keys[] = { "max", "oom", "oom_kill" };
#define KEYS (sizeof(order_keys) / sizeof(order_keys[0]))

struct counts {
	uint64_t of[KEYS];
};

/* One pread: no more time than needed between two files. */
static void take(int fd, struct counts *sum)
{
	char text[1024];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	uint64_t v;

	CHECK(n > 0, "pread: %m");
	text[n] = '\0';
	for (size_t k = 0; k < KEYS; k++) {
		CHECK(flat_keyed_u64(text, order_keys[k], &v) == 0, "no %s", order_keys[k]);
		sum->of[k] += v;
	}
}

/* A process that has others killed in @c, KILLS times. */
static pid_t start_killer(const struct cg *c)
{
	pid_t pid = hog_fork();

	if (pid > 0)
		return pid;
	for (int i = 0; i < KILLS; i++)
		hog_oom(c);
	_exit(0);
}

static bool running(pid_t pid)
{
	int status;
	pid_t r = waitpid(pid, &status, WNOHANG);

	CHECK(r == 0 || (r == pid && status == 0), "the killer ended with %#x", (unsigned)status);
	return r == 0;
}

struct tree {
	int top, local, child[CHILDREN];
};

static void read_children(const struct tree *t, struct counts *ret)
{
	*ret = (struct counts){ 0 };
	take(t->local, ret);
	for (int i = 0; i < CHILDREN; i++)
		take(t->child[i], ret);
}

static void storm_open(const struct kf *kf, struct cg *top, struct cg child[CHILDREN],
		       struct tree *ret)
{
	char name[16];

	cg_make_inner(kf, &kf->scratch, "top", top);
	ret->top = cg_open(top, "memory.events", O_RDONLY);
	ret->local = cg_open(top, "memory.events.local", O_RDONLY);
	for (int i = 0; i < CHILDREN; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		cg_make(top, name, &child[i]);
		cg_limit(kf, &child[i], KF_LIMIT);
		ret->child[i] = cg_open(&child[i], "memory.events", O_RDONLY);
	}
}

static void parent_first(const struct kf *kf)
{
	struct counts top, sum, later;
	unsigned passes = 0, false_gone = 0;
	struct cg top_cg, child[CHILDREN];
	struct hog storm;
	struct tree t;
	pid_t killer;

	storm_open(kf, &top_cg, child, &t);
	storm = hog_start(&child[0], 0, HOG_LAZYFREE);
	hog_go(&storm);
	killer = start_killer(&child[1]);
	do {
		top = (struct counts){ 0 };
		take(t.top, &top);
		read_children(&t, &sum);
		later = (struct counts){ 0 };
		take(t.top, &later); /* the wrong order, for the figure: parent last */
		for (size_t k = 0; k < KEYS; k++) {
			CHECK(sum.of[k] >= top.of[k],
			      "pass %u, %s: parent %" PRIu64 " read before children %" PRIu64,
			      passes, order_keys[k], top.of[k], sum.of[k]);
			false_gone += later.of[k] > sum.of[k];
		}
		passes++;
	} while (running(killer));
	hog_kill(&storm);
	top = (struct counts){ 0 };
	take(t.top, &top);
	read_children(&t, &sum);
	CHECK(memcmp(&top, &sum, sizeof(top)) == 0, "at rest they differ");
	CHECK(top.of[2] == KILLS, "kills: %" PRIu64, top.of[2]);
	kf_figure("%u / 0 / %u", passes, false_gone);
}

/*
 * The kernel raises vmstat first, but the time between the two is too short to be seen from here.
 * Other kills on the machine only add to vmstat's lead.
 */
static void vmstat_not_behind(const struct kf *kf)
{
	uint64_t base = vmstat_key("oom_kill"), in_cgroup, in_vmstat;
	unsigned passes = 0, ahead = 0;
	struct cg c;
	pid_t killer;
	int fd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	fd = cg_open(&c, kf->events, O_RDONLY);
	killer = start_killer(&c);
	do {
		in_cgroup = fd_key(fd, "oom_kill");
		in_vmstat = vmstat_key("oom_kill") - base;
		CHECK(in_cgroup <= in_vmstat, "pass %u: cgroup %" PRIu64 ", vmstat %" PRIu64,
		      passes, in_cgroup, in_vmstat);
		ahead += fd_key(fd, "oom_kill") < in_vmstat;
		passes++;
	} while (running(killer));
	CHECK(fd_key(fd, "oom_kill") == KILLS, "%" PRIu64 " kills", fd_key(fd, "oom_kill"));
	if (kf->machine)
		kf_figure("%u / 0 / %u", passes, ahead);
	else
		kf_figure("%u / 0 / unknown", passes);
}

/* The text of one kernel message for @pid; false if none comes. */
static bool message_of_kill(int kmsg, pid_t pid)
{
	char record[8192], want[64];
	ssize_t n;

	snprintf(want, sizeof(want), "Killed process %d (", (int)pid);
	while (fd_poll(kmsg, POLLIN, KF_SOON_MS) & POLLIN) {
		n = read(kmsg, record, sizeof(record) - 1);
		CHECK(n >= 0 || errno == EPIPE || errno == EAGAIN, "read /dev/kmsg: %m");
		record[n > 0 ? n : 0] = '\0';
		if (strstr(record, want))
			return true;
	}
	return false;
}

static void counted_before_message(const struct kf *kf)
{
	const int rounds = 10;
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), fd;
	char link[64] = "";
	struct hog h;
	struct cg c;

	if (kmsg < 0)
		kf_skip("/dev/kmsg cannot be opened: %s", strerror(errno));
	if (readlink("/proc/self/ns/pid", link, sizeof(link) - 1) < 0 ||
	    strcmp(link, "pid:[4026531836]") != 0)
		kf_skip("messages name processes as the host does, not as this namespace");
	lseek(kmsg, 0, SEEK_END);
	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	fd = cg_open(&c, kf->events, O_RDONLY);
	for (int i = 1; i <= rounds; i++) {
		h = hog_start(&c, 0, HOG_OVERRUN);
		hog_go(&h);
		CHECK(message_of_kill(kmsg, h.pid), "no message of the kill of %d", (int)h.pid);
		CHECK(fd_key(fd, "oom_kill") == (uint64_t)i, "kill %d is told and not counted", i);
		hog_wait(&h);
	}
	kf_figure("%d of %d", rounds, rounds);
}

static void v1_parent_before_child(const struct kf *kf)
{
	uint64_t parent = 0, child = 0, behind = 0;
	unsigned passes = 0;
	struct cg top, below;
	int pfd, cfd;
	pid_t killer;

	cg_make(&kf->scratch, "top", &top);
	cg_make(&top, "below", &below);
	cg_limit(kf, &top, KF_LIMIT);
	pfd = v1_listen(&top);
	cfd = v1_listen(&below);
	killer = start_killer(&below);
	do {
		child += efd_take(cfd);
		parent += efd_take(pfd);
		CHECK(child <= parent, "pass %u: child %" PRIu64 ", parent %" PRIu64, passes, child,
		      parent);
		behind += child < parent;
		passes++;
	} while (running(killer));
	child += efd_take(cfd);
	parent += efd_take(pfd);
	CHECK(child == parent, "at rest: child %" PRIu64 ", parent %" PRIu64, child, parent);
	CHECK(parent >= KILLS, "%d kills, %" PRIu64 " signals", KILLS, parent);
	kf_figure("%u / 0 / %" PRIu64, passes, behind);
}

const struct kf_fact kf_order_facts[] = {
	{ "leaf-first", KF_V2, parent_first,
	  "the kernel adds at the leaf first, then upward: a parent read before its children never "
	  "shows "
	  "more than they and its local counters together",
	  "one pass in which the parent, read first, exceeds the sum; a difference at rest",
	  "passes / parent ahead when read first / when read last" },
	{ "vmstat-not-behind", KF_ANY, vmstat_not_behind,
	  "a kill that its cgroup shows is in /proc/vmstat too, when that is read next",
	  "one pass in which the cgroup, read first, is ahead of vmstat",
	  "passes / cgroup ahead of vmstat read after it / vmstat ahead of the cgroup read after "
	  "it" },
	{ "counted-before-message", KF_ANY, counted_before_message,
	  "once the kernel's message \"Killed process PID (...\" can be read, oom_kill has counted "
	  "it",
	  "a message with the old count, or none", "counted, of messages" },
	{ "v1-parent-signalled-first", KF_V1, v1_parent_before_child,
	  "v1 signals the limit cgroup first, then those below: a child read first never has more "
	  "signals "
	  "than its parent read after it",
	  "one pass in which the child is ahead; a difference at rest",
	  "passes / child ahead / parent ahead" },
	{ 0 },
};
