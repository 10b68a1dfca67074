/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the kernel adds: which counter of which cgroup moves
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "kf.h"

/* scratch/top/mid/leaf and scratch/top/beside; the limit is at the leaf */
struct line {
	struct cg top, mid, leaf, beside;
};

static void make_line(const struct kf *kf, struct line *l)
{
	cg_make_inner(kf, &kf->scratch, "top", &l->top);
	cg_make_inner(kf, &l->top, "mid", &l->mid);
	cg_make(&l->mid, "leaf", &l->leaf);
	cg_make(&l->top, "beside", &l->beside);
}

static void events_are_hierarchical(const struct kf *kf)
{
	const char *const keys[] = { "oom", "oom_kill", "max" };
	struct line l;

	make_line(kf, &l);
	cg_limit(kf, &l.leaf, KF_LIMIT);
	hog_oom(&l.leaf);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		uint64_t leaf = cg_key(&l.leaf, "memory.events", keys[i]);
		uint64_t mid = cg_key(&l.mid, "memory.events", keys[i]);
		uint64_t top = cg_key(&l.top, "memory.events", keys[i]);
		uint64_t beside = cg_key(&l.beside, "memory.events", keys[i]);

		CHECK(leaf > 0, "%s of the leaf is 0", keys[i]);
		CHECK(mid == leaf && top == leaf,
		      "%s: leaf %" PRIu64 ", mid %" PRIu64 ", top %" PRIu64, keys[i], leaf, mid,
		      top);
		CHECK(beside == 0, "%s beside: %" PRIu64, keys[i], beside);
	}
	CHECK(cg_key(&kf->scratch, "memory.events", "oom_kill") == 1, "not counted above the top");
}

static void local_is_not_hierarchical(const struct kf *kf)
{
	struct line l;

	make_line(kf, &l);
	cg_limit(kf, &l.leaf, KF_LIMIT);
	hog_oom(&l.leaf);
	CHECK(cg_key(&l.leaf, "memory.events.local", "oom") > 0, "oom of the leaf");
	CHECK(cg_key(&l.leaf, "memory.events.local", "oom_kill") == 1, "oom_kill of the leaf");
	CHECK(cg_key(&l.mid, "memory.events.local", "oom") == 0, "oom above");
	CHECK(cg_key(&l.mid, "memory.events.local", "oom_kill") == 0, "oom_kill above");
	CHECK(cg_key(&l.top, "memory.events.local", "oom_kill") == 0, "oom_kill at the top");
}

static void root_has_no_events(const struct kf *kf)
{
	if (!kf->real_root)
		kf_skip("the root of the hierarchy is not visible");
	CHECK(!cg_has(&kf->root, "memory.events"), "%s has memory.events", kf->root.path);
	CHECK(!cg_has(&kf->root, "memory.events.local"), "%s has it local", kf->root.path);
	CHECK(cg_has(&kf->scratch, "memory.events"), "and %s has none", kf->scratch.path);
}

/* The limit is above; the one that asks is small, another cgroup's process is chosen. */
static void oom_at_limit_kill_at_victim(const struct kf *kf)
{
	struct cg top, big, small;
	struct hog victim, asker;

	cg_make_inner(kf, &kf->scratch, "top", &top);
	cg_make(&top, "big", &big);
	cg_make(&top, "small", &small);
	cg_limit(kf, &top, 2 * KF_LIMIT);
	victim = hog_start(&big, KF_LIMIT + KF_LIMIT / 2, HOG_EXIT);
	asker = hog_start(&small, 0, HOG_OVERRUN);
	hog_go(&asker);
	CHECK(killed_by_oom(hog_wait(&victim)), "the big one was not chosen");
	CHECK(cg_local(kf, &big, "oom_kill") == 1, "oom_kill at the victim's");
	CHECK(cg_local(kf, &top, "oom_kill") == 0, "oom_kill at the limit");
	if (kf->v2) {
		CHECK(cg_local(kf, &top, "oom") > 0, "oom at the limit");
		CHECK(cg_local(kf, &big, "oom") == 0, "oom at the victim's");
		CHECK(cg_local(kf, &small, "oom") == 0, "oom at the asker's");
	}
	hog_wait(&asker); /* it goes on and is killed in turn */
}

static void v1_kill_not_hierarchical(const struct kf *kf)
{
	struct line l;

	make_line(kf, &l);
	cg_limit(kf, &l.mid, KF_LIMIT);
	hog_oom(&l.leaf);
	CHECK(cg_key(&l.leaf, "memory.oom_control", "oom_kill") == 1, "the victim's own");
	CHECK(cg_key(&l.mid, "memory.oom_control", "oom_kill") == 0, "the limit's");
	CHECK(cg_key(&l.top, "memory.oom_control", "oom_kill") == 0, "above the limit");
}

static void kill_readable_at_reap(const struct kf *kf)
{
	const unsigned rounds = 20;
	struct cg c;
	int fd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	fd = cg_open(&c, kf->events, O_RDONLY);
	for (unsigned i = 1; i <= rounds; i++) {
		hog_oom(&c);
		CHECK(fd_key(fd, "oom_kill") == i, "after victim %u was reaped: %" PRIu64, i,
		      fd_key(fd, "oom_kill"));
	}
	kf_figure("%u of %u", rounds, rounds);
}

#define ASKERS 5

static void contended(const struct kf *kf)
{
	struct hog h[ASKERS];
	uint64_t kills, ooms;
	struct cg c;
	int efd = -1;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	if (!kf->v2)
		efd = v1_listen(&c);
	for (int i = 0; i < ASKERS; i++)
		h[i] = hog_start(&c, 0, HOG_OVERRUN);
	for (int i = 0; i < ASKERS; i++)
		hog_go(&h[i]);
	for (int i = 0; i < ASKERS; i++)
		CHECK(killed_by_oom(hog_wait(&h[i])), "process %d was not killed", i);
	kills = cg_local(kf, &c, "oom_kill");
	ooms = kf->v2 ? cg_local(kf, &c, "oom") : efd_take(efd);
	CHECK(kills == ASKERS, "%d processes died, counted %" PRIu64, ASKERS, kills);
	CHECK(ooms > 0, "no oom");
	kf_figure("%" PRIu64 " / %" PRIu64, ooms, kills);
}

static void sigkill_is_no_kill(const struct kf *kf)
{
	struct hog h;
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	h = hog_start(&c, KF_LIMIT / 2, HOG_EXIT);
	hog_kill(&h);
	if (cg_has(&c, "cgroup.kill")) {
		h = hog_start(&c, KF_LIMIT / 2, HOG_EXIT);
		cg_write(&c, "cgroup.kill", "1");
		CHECK(killed_by_oom(hog_wait(&h)), "cgroup.kill did not kill");
	}
	CHECK(cg_local(kf, &c, "oom_kill") == 0, "counted");
}

/*
 * What shares the victim's memory dies too. The memory is charged to, and the kill counted at, the
 * cgroup of the one that it was made for (mm->owner), wherever the sharer lives.
 */
static void sharer_dies_silently(const struct kf *kf)
{
	uint64_t vmstat = vmstat_key("oom_kill");
	struct cg own, other;
	struct hog owner;
	pid_t sharer;
	int status;

	cg_make(&kf->scratch, "own", &own);
	cg_make(&kf->scratch, "other", &other);
	cg_limit(kf, &own, KF_LIMIT);
	owner = hog_start_shared(&own, &other, &sharer);
	hog_go(&owner);
	CHECK(killed_by_oom(hog_wait(&owner)), "the owner was not killed");
	CHECK(waitpid(sharer, &status, 0) == sharer, "waitpid: %m");
	CHECK(killed_by_oom(status), "the sharer ended with wait status %#x", (unsigned)status);
	CHECK(cg_local(kf, &own, "oom_kill") == 1, "own: %" PRIu64, cg_local(kf, &own, "oom_kill"));
	CHECK(cg_local(kf, &other, "oom_kill") == 0, "counted where the sharer lived");
	vmstat = vmstat_key("oom_kill") - vmstat;
	CHECK(!kf->machine || vmstat == 1, "vmstat: %" PRIu64, vmstat);
	kf_figure("2 / 1");
}

static void vmstat_counts_kills(const struct kf *kf)
{
	const unsigned rounds = 3;
	uint64_t before = vmstat_key("oom_kill"), n;
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	for (unsigned i = 1; i <= rounds; i++) {
		hog_oom(&c);
		n = vmstat_key("oom_kill") - before;
		CHECK(n >= i, "%" PRIu64 " after %u kills", n, i);
		/* nobody else's kills in a machine of one's own */
		CHECK(!kf->machine || n == i, "%" PRIu64 " after %u kills", n, i);
	}
	kf_figure("%u", rounds);
}

/* A cgroup without the controller has no counters; its processes are the nearest ancestor's. */
static void counted_at_nearest_with_memory(const struct kf *kf)
{
	struct cg c, below;

	cg_make(&kf->scratch, "c", &c);
	cg_make(&c, "below", &below);
	CHECK(!cg_has(&below, "memory.events"), "%s has memory.events", below.path);
	cg_limit(kf, &c, KF_LIMIT);
	hog_oom(&below);
	CHECK(cg_local(kf, &c, "oom_kill") == 1, "oom_kill");
	CHECK(cg_local(kf, &c, "oom") > 0, "oom");
}

static void limit_lowered(const struct kf *kf)
{
	uint64_t ooms, kills;
	struct hog h;
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	h = hog_start(&c, 2 * KF_LIMIT, HOG_EXIT);
	cg_limit(kf, &c, KF_LIMIT / 4);
	CHECK(killed_by_oom(hog_wait(&h)), "nobody was killed");
	ooms = cg_local(kf, &c, "oom");
	kills = cg_local(kf, &c, "oom_kill");
	CHECK(kills == 1, "oom_kill %" PRIu64, kills);
	CHECK(ooms >= kills, "oom %" PRIu64, ooms);
	kf_figure("%" PRIu64 " / %" PRIu64, ooms, kills);
}

static void max_without_oom(const struct kf *kf)
{
	const uint64_t enough = 1000;
	uint64_t max = 0, end = now_us() + KF_SOON_MS * UINT64_C(1000);
	struct hog h;
	struct cg c;
	int fd;

	cg_make(&kf->scratch, "c", &c);
	cg_limit(kf, &c, KF_LIMIT);
	fd = cg_open(&c, "memory.events", O_RDONLY);
	h = hog_start(&c, 0, HOG_LAZYFREE);
	hog_go(&h);
	while (max < enough) {
		CHECK(now_us() < end, "only %" PRIu64 " max", max);
		max = fd_key(fd, "max");
		usleep(1000);
	}
	CHECK(fd_key(fd, "oom") == 0, "oom %" PRIu64, fd_key(fd, "oom"));
	CHECK(fd_key(fd, "oom_kill") == 0, "a kill");
	hog_kill(&h);
	kf_figure("%" PRIu64 " / 0", max);
}

/* Takes "KEY NUMBER" apart in place. */
static bool key_line(char *line)
{
	size_t key = strspn(line, "abcdefghijklmnopqrstuvwxyz_"), digits;

	if (key == 0 || line[key] != ' ')
		return false;
	line[key] = '\0';
	digits = strspn(line + key + 1, "0123456789");
	return digits > 0 && line[key + 1 + digits] == '\0';
}

/* Every line is a word, one blank, a number: what a parser that goes by key relies on. */
static void keys(const struct kf *kf)
{
	static const char *const known[] = { "low", "high",     "max",
					     "oom", "oom_kill", "oom_group_kill" };
	char text[4096], extra[KF_WORDS] = "";
	_cleanup_close_ int fd = cg_open(&kf->scratch, "memory.events", O_RDONLY);
	char *line, *rest = text;
	unsigned seen = 0, k;
	size_t used;

	CHECK(fd_text(fd, text, sizeof(text)) > 0, "empty");
	while ((line = strsep(&rest, "\n")) && *line) {
		CHECK(key_line(line), "'%s'", line);
		for (k = 0; k < 6 && strcmp(known[k], line) != 0; k++)
			;
		seen |= 1U << k;
		used = strlen(extra);
		if (k >= 5)
			snprintf(extra + used, sizeof(extra) - used, "%s%s", used ? ", " : "",
				 line);
	}
	CHECK((seen & 0x1f) == 0x1f, "one of low, high, max, oom, oom_kill is missing");
	kf_figure("%s", extra[0] ? extra : "none");
}

static void v1_keys(const struct kf *kf)
{
	_cleanup_close_ int fd = cg_open(&kf->scratch, "memory.oom_control", O_RDONLY);
	char text[4096];

	CHECK(fd_text(fd, text, sizeof(text)) > 0, "empty");
	CHECK(strcmp(text, "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n") == 0, "'%s'", text);
}

const struct kf_fact kf_counter_facts[] = {
	{ "events-hierarchical", KF_V2, events_are_hierarchical,
	  "memory.events counts an event in its cgroup and in every ancestor below the root; not "
	  "in "
	  "siblings",
	  "an ancestor's oom, oom_kill or max that differs from the leaf's; any at a sibling",
	  NULL },
	{ "local-not-hierarchical", KF_V2, local_is_not_hierarchical,
	  "memory.events.local counts at exactly one cgroup",
	  "any oom or oom_kill at an ancestor's", NULL },
	{ "root-without-events", KF_V2, root_has_no_events,
	  "the root cgroup has neither memory.events nor memory.events.local", "either file there",
	  NULL },
	{ "oom-at-limit-kill-at-victim", KF_ANY, oom_at_limit_kill_at_victim,
	  "oom counts at the cgroup whose limit was hit, oom_kill at the victim's; v1 as well, "
	  "where "
	  "only oom_kill can be read",
	  "oom at the victim's or the asker's, oom_kill at the limit", NULL },
	{ "v1-kill-not-hierarchical", KF_V1, v1_kill_not_hierarchical,
	  "v1's oom_kill line counts the victims of that very cgroup, not of those below",
	  "oom_kill above the victim's cgroup", NULL },
	{ "kill-readable-at-reap", KF_ANY, kill_readable_at_reap,
	  "oom_kill is raised before SIGKILL is sent: who reaps the victim can read it",
	  "a counter that is not i after the i-th victim was reaped",
	  "readable at once, of victims reaped" },
	{ "one-kill-per-death", KF_ANY, contended,
	  "processes that run over one limit at the same time: every one killed counts one kill; "
	  "ooms "
	  "are unrelated to kills",
	  "a kill count that differs from the 5 deaths; no oom at all",
	  "ooms (v1: signals) / kills, 5 processes" },
	{ "sigkill-not-counted", KF_ANY, sigkill_is_no_kill,
	  "SIGKILL and cgroup.kill count no oom_kill", "an oom_kill after either", NULL },
	{ "sharer-dies-silently", KF_ANY, sharer_dies_silently,
	  "a process that shares the victim's memory is killed too and counts nowhere; the kill "
	  "counts "
	  "where the owner of the memory lives",
	  "a sharer that survives, a second oom_kill, one in the sharer's cgroup",
	  "processes dead / kills counted" },
	{ "vmstat-counts-kills", KF_ANY, vmstat_counts_kills,
	  "oom_kill of /proc/vmstat counts kills in memory cgroups as well",
	  "an increase smaller than the kills made (in a machine of its own: any other)",
	  "increase after 3 kills" },
	{ "nearest-with-memory", KF_V2, counted_at_nearest_with_memory,
	  "a cgroup without the memory controller has no memory.events; what happens to its "
	  "processes "
	  "counts at the nearest ancestor that has it",
	  "memory.events in the child, or no oom and oom_kill in the parent's local counters",
	  NULL },
	{ "limit-lowered", KF_V2, limit_lowered,
	  "memory.max written below the usage counts oom over and over for one kill",
	  "no kill, more than one, or fewer ooms than kills", "ooms / kills" },
	{ "max-without-oom", KF_V2, max_without_oom,
	  "a process that hits the limit with MADV_FREE pages raises max and never oom",
	  "max that does not reach 1,000; any oom or kill", "max / oom" },
	{ "events-keys", KF_V2, keys,
	  "memory.events is lines of \"key number\"; low, high, max, oom and oom_kill are always "
	  "there, "
	  "others may be",
	  "a line of another form, or one of the five missing", "keys beyond the five" },
	{ "v1-oom-control-keys", KF_V1, v1_keys,
	  "memory.oom_control is three lines: oom_kill_disable, under_oom, oom_kill",
	  "anything but these three lines, 0 each, in a new cgroup", NULL },
	{ 0 },
};
