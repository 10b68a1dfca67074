/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * v1: which eventfds are signalled, when and how often
 *
 * A signal is sent before the kill, in the context of the one whose allocation failed. So once the
 * victim has been reaped every count is final, and nothing has to be waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kf.h"

/* scratch/top/mid/leaf and scratch/top/beside, a listener on each */
struct ears {
	struct cg top, mid, leaf, beside;
	int top_fd, mid_fd, leaf_fd, beside_fd;
};

static void make_ears(const struct kf *kf, struct ears *e)
{
	cg_make(&kf->scratch, "top", &e->top);
	cg_make(&e->top, "mid", &e->mid);
	cg_make(&e->mid, "leaf", &e->leaf);
	cg_make(&e->top, "beside", &e->beside);
	e->top_fd = v1_listen(&e->top);
	e->mid_fd = v1_listen(&e->mid);
	e->leaf_fd = v1_listen(&e->leaf);
	e->beside_fd = v1_listen(&e->beside);
}

static void own(const struct kf *kf)
{
	struct cg c;
	int efd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	efd = v1_listen(&c);
	CHECK(efd_take(efd) == 0, "signalled by the registration");
	hog_oom(&c);
	CHECK(efd_take(efd) > 0, "not signalled");
	CHECK(cg_key(&c, "memory.oom_control", "under_oom") == 0, "still under oom");
}

/* Between the signal and the kill; what is read then depends on who runs first. */
static void when_woken(const struct kf *kf)
{
	const int rounds = 20;
	int efd, fd, under = 0, kills = 0;
	uint64_t n, u;
	struct hog h;
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	efd = v1_listen(&c);
	fd = cg_open(&c, "memory.oom_control", O_RDONLY);
	for (int i = 0; i < rounds; i++) {
		h = hog_start(&c, 0, HOG_OVERRUN);
		hog_go(&h);
		CHECK(fd_poll(efd, POLLIN, KF_SOON_MS) == POLLIN, "no signal");
		fd_keys(fd, "oom_kill", &n, "under_oom", &u);
		CHECK(n == (uint64_t)i || n == (uint64_t)i + 1, "round %d: oom_kill %" PRIu64, i,
		      n);
		CHECK(fd_key(fd, "oom_kill_disable") == 0, "round %d: disabled", i);
		kills += n == (uint64_t)i + 1;
		under += u != 0;
		CHECK(killed_by_oom(hog_wait(&h)), "round %d: not killed", i);
		CHECK(fd_key(fd, "under_oom") == 0, "round %d: under oom although reaped", i);
		efd_take(efd);
	}
	kf_figure("%d / %d of %d", kills, under, rounds);
}

static void disable_is_inherited(const struct kf *kf)
{
	struct cg top, old, new;

	cg_make(&kf->scratch, "top", &top);
	cg_make(&top, "old", &old);
	cg_write(&top, "memory.oom_control", "1");
	cg_make(&top, "new", &new);
	CHECK(cg_key(&old, "memory.oom_control", "oom_kill_disable") == 0, "passed on later");
	CHECK(cg_key(&new, "memory.oom_control", "oom_kill_disable") == 1, "not passed on");
	cg_write(&top, "memory.oom_control", "0");
	CHECK(cg_key(&new, "memory.oom_control", "oom_kill_disable") == 1, "taken back");
}

static void ancestors(const struct kf *kf)
{
	struct ears e;

	make_ears(kf, &e);
	cg_limit(kf, &e.top, KF_LIMIT);
	hog_oom(&e.leaf);
	CHECK(efd_take(e.top_fd) > 0, "the limit's own");
	CHECK(efd_take(e.mid_fd) > 0, "one below");
	CHECK(efd_take(e.leaf_fd) > 0, "two below");
	CHECK(efd_take(e.beside_fd) > 0, "beside the victim, below the limit");
}

static void descendants(const struct kf *kf)
{
	uint64_t n;
	struct ears e;

	make_ears(kf, &e);
	cg_limit(kf, &e.leaf, KF_LIMIT);
	hog_oom(&e.leaf);
	n = efd_take(e.leaf_fd);
	CHECK(n > 0, "the limit's own");
	CHECK(efd_take(e.mid_fd) == 0, "one above");
	CHECK(efd_take(e.top_fd) == 0, "two above");
}

static void siblings(const struct kf *kf)
{
	struct ears e;

	make_ears(kf, &e);
	cg_limit(kf, &e.mid, KF_LIMIT);
	hog_oom(&e.leaf);
	CHECK(efd_take(e.mid_fd) > 0, "the limit's own");
	CHECK(efd_take(e.leaf_fd) > 0, "below");
	CHECK(efd_take(e.beside_fd) == 0, "beside");
}

static void before_reap(const struct kf *kf)
{
	const int rounds = 20;
	uint64_t signals = 0, n;
	struct cg c;
	int efd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	efd = v1_listen(&c);
	for (int i = 0; i < rounds; i++) {
		hog_oom(&c);
		CHECK(fd_poll(efd, POLLIN, 0) == POLLIN, "round %d: not readable", i);
		n = efd_take(efd);
		signals += n;
	}
	kf_figure("%d of %d / %" PRIu64, rounds, rounds, signals);
}

static void every_registration(const struct kf *kf)
{
	enum { TIMES = 7 };
	struct cg c;
	uint64_t one, many;
	int once, often;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	once = v1_listen(&c);
	often = v1_listen(&c);
	for (int i = 1; i < TIMES; i++)
		CHECK(v1_register(&c, often) == 0, "registration %d", i);
	hog_oom(&c);
	one = efd_take(once);
	many = efd_take(often);
	CHECK(one > 0 && many == TIMES * one, "registered once: %" PRIu64 ", %d times: %" PRIu64,
	      one, TIMES, many);
	kf_figure("%" PRIu64 " / %" PRIu64, one, many);
}

static void all_alike(const struct kf *kf)
{
	enum { LISTENERS = 300 };
	int efd[LISTENERS];
	uint64_t first, n;
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	for (int i = 0; i < LISTENERS; i++)
		efd[i] = v1_listen(&c);
	hog_oom(&c);
	first = efd_take(efd[0]);
	CHECK(first > 0, "not signalled");
	for (int i = 1; i < LISTENERS; i++) {
		n = efd_take(efd[i]);
		CHECK(n == first, "listener %d: %" PRIu64 ", the first: %" PRIu64, i, n, first);
	}
	kf_figure("%d / %" PRIu64, LISTENERS, first);
}

static uint64_t number(const struct cg *c, const char *file)
{
	int fd = cg_open(c, file, O_RDONLY);
	char text[64];

	CHECK(fd_text(fd, text, sizeof(text)) > 0, "%s", file);
	close(fd);
	return strtoull(text, NULL, 10);
}

static void failcnt_bounds_signals(const struct kf *kf)
{
	enum { ASKERS = 5 };
	struct hog h[ASKERS];
	uint64_t signals, failed;
	struct cg c;
	int efd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	efd = v1_listen(&c);
	CHECK(number(&c, "memory.failcnt") == 0, "not 0 at first");
	for (int i = 0; i < ASKERS; i++)
		h[i] = hog_start(&c, 0, HOG_OVERRUN);
	for (int i = 0; i < ASKERS; i++)
		hog_go(&h[i]);
	for (int i = 0; i < ASKERS; i++)
		hog_wait(&h[i]);
	signals = efd_take(efd);
	failed = number(&c, "memory.failcnt");
	CHECK(signals > 0 && failed >= signals, "signals %" PRIu64 ", failcnt %" PRIu64, signals,
	      failed);
	kf_figure("%" PRIu64 " / %" PRIu64, failed, signals);
}

/* Reclaimable pages, SIGKILL, and a limit that is refused: no oom, so no signal. */
static void pressure_is_silent(const struct kf *kf)
{
	uint64_t failcnt = 0, end = now_us() + KF_SOON_MS * UINT64_C(1000);
	struct hog h;
	struct cg c;
	int efd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	efd = v1_listen(&c);
	h = hog_start(&c, 0, HOG_LAZYFREE);
	hog_go(&h);
	while (failcnt < 1000) {
		CHECK(now_us() < end, "failcnt only %" PRIu64, failcnt);
		failcnt = number(&c, "memory.failcnt");
		usleep(1000);
	}
	hog_kill(&h);
	CHECK(efd_take(efd) == 0, "signalled");
	kf_figure("%" PRIu64 " / 0", failcnt);
}

static void lowering_is_refused(const struct kf *kf)
{
	struct hog h;
	struct cg c;
	int efd, r;

	cg_make(&kf->scratch, "c", &c);
	efd = v1_listen(&c);
	h = hog_start(&c, KF_LIMIT, HOG_EXIT);
	r = cg_try_write(&c, "memory.limit_in_bytes", "1048576");
	CHECK(r == -EBUSY, "%d", r);
	hog_go(&h);
	CHECK(hog_wait(&h) == 0, "the process was killed");
	CHECK(efd_take(efd) == 0, "signalled");
	CHECK(cg_local(kf, &c, "oom_kill") == 0, "a kill");
}

/* Neither a poll nor inotify on memory.oom_control: that is what the eventfd is for. */
static void file_is_silent(const struct kf *kf)
{
	struct ino ino;
	struct cg c;
	int fd, efd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	efd = v1_listen(&c);
	fd = cg_open(&c, "memory.oom_control", O_RDONLY);
	fd_key(fd, "oom_kill");
	ino_open(&ino);
	ino_add(&ino, &c, "memory.oom_control", IN_MODIFY | IN_ATTRIB);
	hog_oom(&c);
	CHECK(efd_take(efd) > 0, "no signal");
	CHECK(fd_poll(fd, POLLPRI, KF_NEVER_MS) == 0, "poll tells");
	CHECK(!ino_next(&ino, KF_NEVER_MS), "inotify tells");
}

static void pause_shows(const struct kf *kf)
{
	struct ears e;
	struct hog h;
	int late;

	make_ears(kf, &e);
	cg_limit(kf, &e.mid, KF_LIMIT);
	cg_write(&e.mid, "memory.oom_control", "1");
	h = hog_start(&e.leaf, 0, HOG_OVERRUN);
	hog_go(&h);
	CHECK(fd_poll(e.mid_fd, POLLIN, KF_SOON_MS) == POLLIN, "no signal");
	CHECK(cg_key(&e.mid, "memory.oom_control", "under_oom") == 1, "at the limit");
	CHECK(cg_key(&e.leaf, "memory.oom_control", "under_oom") == 1, "below");
	CHECK(cg_key(&e.top, "memory.oom_control", "under_oom") == 0, "above");
	CHECK(cg_key(&e.beside, "memory.oom_control", "under_oom") == 0, "beside");
	late = v1_listen(&e.leaf);
	CHECK(efd_take(late) == 1, "who registers now is not signalled at once");
	late = v1_listen(&e.beside);
	CHECK(efd_take(late) == 0, "who registers beside is signalled");
	CHECK(efd_take(e.mid_fd) == 1, "one pause, more than one signal");
	CHECK(cg_local(kf, &e.leaf, "oom_kill") == 0, "a kill");

	cg_write(&e.mid, "memory.oom_control", "0");
	CHECK(killed_by_oom(hog_wait(&h)), "not killed although it may be");
	CHECK(efd_take(e.mid_fd) > 0, "no signal of that kill");
	CHECK(cg_key(&e.mid, "memory.oom_control", "under_oom") == 0, "still under oom");
	CHECK(cg_local(kf, &e.leaf, "oom_kill") == 1, "no kill counted");
}

/* 5.10 and older: a cgroup whose parent is flat is on its own. */
static void flat(const struct kf *kf)
{
	struct cg top, below;
	int top_fd, below_fd, fd;
	char text[64];

	cg_make(&kf->scratch, "top", &top);
	fd = cg_open(&top, "memory.use_hierarchy", O_RDWR);
	if (fd_text(fd, text, sizeof(text)) <= 0 || strcmp(text, "0\n") != 0)
		kf_skip("memory.use_hierarchy is 1 in a new cgroup, and no longer can be 0");
	cg_make(&top, "below", &below);
	top_fd = v1_listen(&top);
	below_fd = v1_listen(&below);
	cg_limit(kf, &top, KF_LIMIT);
	hog_oom(&top);
	CHECK(efd_take(top_fd) > 0, "the limit's own");
	CHECK(efd_take(below_fd) == 0, "signalled below");
}

const struct kf_fact kf_v1_signal_facts[] = {
	{ "v1-own-oom", KF_V1, own,
	  "a listener is signalled for an oom of its own cgroup, and not by being registered",
	  "no signal; one before the oom", NULL },
	{ "v1-ancestors-oom", KF_V1, ancestors,
	  "an oom signals every listener in the whole subtree of the limit cgroup, wherever the "
	  "victim lived",
	  "one listener at or below the limit without a signal", NULL },
	{ "v1-descendants-oom", KF_V1, descendants,
	  "an oom of a descendant signals no listener above the limit cgroup", "a signal above",
	  NULL },
	{ "v1-siblings-oom", KF_V1, siblings, "an oom of a sibling signals nobody beside",
	  "a signal beside", NULL },
	{ "v1-signal-before-reap", KF_V1, before_reap,
	  "the eventfd is readable when the victim can be reaped",
	  "one of 20 victims reaped before the signal", "readable, of victims reaped / signals" },
	{ "v1-registered-n-times", KF_V1, every_registration,
	  "an eventfd registered n times gets n signals where one registered once gets one",
	  "a count other than 7 times", "once / 7 times" },
	{ "v1-listeners-alike", KF_V1, all_alike,
	  "300 listeners on one cgroup all get the same number of signals", "one that differs",
	  "listeners / signals each" },
	{ "v1-failcnt-bounds-signals", KF_V1, failcnt_bounds_signals,
	  "each oom takes at least one failed charge: memory.failcnt is never below the number of "
	  "signals",
	  "5 processes over one limit that give more signals than failcnt", "failcnt / signals" },
	{ "v1-max-without-oom", KF_V1, pressure_is_silent,
	  "hitting the limit with pages that can be reclaimed, and SIGKILL, give no signal",
	  "failcnt that does not reach 1,000; any signal", "failcnt / signals" },
	{ "v1-limit-lowered", KF_V1, lowering_is_refused,
	  "a limit below the usage is refused with EBUSY: no signal, no kill",
	  "any of these being otherwise", NULL },
	{ "v1-file-is-silent", KF_V1, file_is_silent,
	  "an oom makes memory.oom_control neither POLLPRI nor inotify-ready",
	  "POLLPRI, or an inotify event", NULL },
	{ "v1-pause", KF_V1, pause_shows,
	  "under oom_kill_disable an oom gives one signal; while it lasts under_oom is 1 in the "
	  "limit cgroup "
	  "and below, 0 elsewhere, and who registers there is signalled at once; writing 0 ends it "
	  "with a kill",
	  "any of these being otherwise", NULL },
	{ "v1-when-woken", KF_V1, when_woken,
	  "when the signal is seen, oom_kill may be old or new already; under_oom is 0 by the time "
	  "the victim "
	  "is reaped, unless oom_kill_disable is 1",
	  "an oom_kill that is neither; under_oom 1 after the victim was reaped",
	  "oom_kill new / under_oom 1, at that moment" },
	{ "v1-disable-inherited", KF_V1, disable_is_inherited,
	  "oom_kill_disable is copied from the parent when a cgroup is made, never later",
	  "a copy made later, or none", NULL },
	{ "v1-flat", KF_V1 | KF_FLAT, flat,
	  "where memory.use_hierarchy can be 0, an oom of a flat cgroup signals nobody below it",
	  "a signal below", NULL },
	{ 0 },
};
