/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Group kills: memory.oom.group
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "kf.h"

#define MEMBERS 5
#define RUNS 6

static void need_oom_group(const struct kf *kf)
{
	struct cg probe;

	cg_make(&kf->scratch, "probe", &probe);
	if (!cg_has(&probe, "memory.oom.group"))
		kf_skip("memory.oom.group is absent");
	if (!cg_has_key(&probe, "memory.events", "oom_group_kill"))
		kf_skip("memory.events has no key oom_group_kill");
}

/* MEMBERS processes in @c, one of which runs over; all of them die. */
static void group_oom(const struct cg *c)
{
	struct hog h[MEMBERS];
	int status;

	for (int i = 0; i < MEMBERS; i++)
		h[i] = hog_start(c, 64 << 10, HOG_OVERRUN);
	hog_go(&h[0]);
	for (int i = 0; i < MEMBERS; i++) {
		status = hog_wait(&h[i]);
		CHECK(killed_by_oom(status), "member %d: wait status %#x", i, (unsigned)status);
	}
}

static void counts_n_or_one_more(const struct kf *kf)
{
	uint64_t before, vmstat, n, more = 0;
	char name[16], figure[KF_WORDS] = "";
	struct cg c;

	for (int run = 0; run < RUNS; run++) {
		snprintf(name, sizeof(name), "c%d", run);
		cg_make(&kf->scratch, name, &c);
		if (!cg_has(&c, "memory.oom.group"))
			kf_skip("memory.oom.group is absent");
		cg_write(&c, "memory.oom.group", "1");
		cg_limit(kf, &c, KF_LIMIT);
		before = vmstat_key("oom_kill");
		group_oom(&c);
		vmstat = vmstat_key("oom_kill") - before;
		n = cg_local(kf, &c, "oom_kill");
		CHECK(n >= MEMBERS && n <= MEMBERS + 1, "%d members, oom_kill %" PRIu64, MEMBERS,
		      n);
		CHECK(vmstat >= n, "vmstat %" PRIu64 ", oom_kill %" PRIu64, vmstat, n);
		CHECK(!kf->machine || vmstat == n, "vmstat %" PRIu64 ", oom_kill %" PRIu64, vmstat,
		      n);
		more += n > MEMBERS;
		snprintf(figure + strlen(figure), sizeof(figure) - strlen(figure), "%s%" PRIu64,
			 run ? " " : "", n);
	}
	kf_figure("%s (%" PRIu64 " of %d one more)", figure, more, RUNS);
}

/* The limit is above the group, the group above the victim's cgroup: three places. */
static void group_kill_at_group(const struct kf *kf)
{
	struct cg top, group, leaf;

	need_oom_group(kf);
	cg_make_inner(kf, &kf->scratch, "top", &top);
	cg_make_inner(kf, &top, "group", &group);
	cg_make(&group, "leaf", &leaf);
	cg_write(&group, "memory.oom.group", "1");
	cg_limit(kf, &top, KF_LIMIT);
	group_oom(&leaf);
	CHECK(cg_local(kf, &top, "oom") > 0, "oom at the limit");
	CHECK(cg_local(kf, &top, "oom_group_kill") == 0, "oom_group_kill at the limit");
	CHECK(cg_local(kf, &group, "oom_group_kill") == 1, "oom_group_kill at the group");
	CHECK(cg_local(kf, &group, "oom_kill") == 0, "oom_kill at the group");
	CHECK(cg_local(kf, &group, "oom") == 0, "oom at the group");
	CHECK(cg_local(kf, &leaf, "oom_kill") >= MEMBERS, "oom_kill at the victims'");
	CHECK(cg_local(kf, &leaf, "oom_group_kill") == 0, "oom_group_kill at the victims'");
	CHECK(cg_key(&top, "memory.events", "oom_group_kill") == 1, "not hierarchical");
}

/*
 * The text is made from its first line to its last. So a reading without the group kill was made, in
 * its oom_kill line, before that was counted.
 */
static void group_counted_second(const struct kf *kf)
{
	uint64_t kills = 0, groups = 0;
	unsigned readings = 0, between = 0;
	struct hog h[MEMBERS];
	char name[16];
	struct cg c;
	int fd;

	need_oom_group(kf);
	for (int run = 0; run < RUNS; run++) {
		snprintf(name, sizeof(name), "c%d", run);
		cg_make(&kf->scratch, name, &c);
		cg_write(&c, "memory.oom.group", "1");
		cg_limit(kf, &c, KF_LIMIT);
		fd = cg_open(&c, "memory.events.local", O_RDONLY);
		for (int i = 0; i < MEMBERS; i++)
			h[i] = hog_start(&c, 64 << 10, HOG_OVERRUN);
		hog_go(&h[0]);
		do {
			fd_keys(fd, "oom_kill", &kills, "oom_group_kill", &groups);
			CHECK(groups > 0 || kills <= 1, "%" PRIu64 " kills and no group kill",
			      kills);
			between += groups > 0 && kills < MEMBERS;
			readings++;
		} while (kills < MEMBERS);
		for (int i = 0; i < MEMBERS; i++)
			hog_wait(&h[i]);
	}
	kf_figure("%u / %u", readings, between);
}

/* More kills than ooms, as limit-lowered has more ooms than kills: none bounds the other. */
static void more_kills_than_ooms(const struct kf *kf)
{
	uint64_t ooms, kills;
	struct cg c;

	cg_make(&kf->scratch, "c", &c);
	if (!cg_has(&c, "memory.oom.group"))
		kf_skip("memory.oom.group is absent");
	cg_write(&c, "memory.oom.group", "1");
	cg_limit(kf, &c, KF_LIMIT);
	group_oom(&c);
	ooms = cg_local(kf, &c, "oom");
	kills = cg_local(kf, &c, "oom_kill");
	CHECK(ooms > 0, "no oom");
	CHECK(kills > ooms, "oom %" PRIu64 ", oom_kill %" PRIu64, ooms, kills);
	kf_figure("%" PRIu64 " / %" PRIu64, ooms, kills);
}

const struct kf_fact kf_group_facts[] = {
	{ "group-kill-count", KF_V2, counts_n_or_one_more,
	  "a group kill of 5 counts 5 or 6 kills: the chosen victim may pass twice; /proc/vmstat "
	  "counts "
	  "the same",
	  "a count below 5 or above 6, a member that survives, a vmstat that differs",
	  "oom_kill of each of 6 group kills of 5" },
	{ "group-kill-at-group", KF_V2, group_kill_at_group,
	  "oom_group_kill counts once, at the cgroup with memory.oom.group, and in its ancestors",
	  "oom_group_kill at the limit or the victims', or more than one", NULL },
	{ "group-kill-counted-second", KF_V2, group_counted_second,
	  "a group kill counts the chosen victim first, then oom_group_kill, then the other "
	  "members",
	  "a reading with two kills and no group kill",
	  "readings / with the group kill and fewer kills than members, in 6 group kills of 5" },
	{ "kills-exceed-ooms", KF_V2, more_kills_than_ooms,
	  "oom does not bound oom_kill: one oom of a group kills many",
	  "a group kill of 5 with 5 ooms or more", "ooms / kills" },
	{ 0 },
};
