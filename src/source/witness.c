/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/witness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "source/kmsg.h"
#include "source/source.h"

/* In one call; the ring of the kernel holds fewer. What comes meanwhile is the next round's. */
#define ROUND_MAX 4096

/* Names are worth less than counts: so many descriptors are left to those who count. */
#define SPARE_DESCRIPTORS 32

struct witness {
	struct incidents *incidents;
	struct bpf_oom *bpf;
	enum bpf_oom_level level; /* if there is bpf */
	uint64_t lost;            /* victims or messages, as told to the incidents */
	uint64_t lost_along;      /* those who died along */
	struct kmsg kmsg;
	struct source_io io;
	bool blind; /* the messages can be read no more */
};

static const char too_few[] = "needs more open files than the limit allows (ulimit -n)";

static bool drain_bpf(struct witness *w)
{
	const struct sighting *s;
	uint64_t lost;
	int r = 1;

	for (int i = 0; i < ROUND_MAX && r != 0; i++) {
		r = bpf_oom_next(w->bpf, &s);
		if (r > 0)
			incident_sight(w->incidents, s);
		else if (r < 0)
			incidents_lost(w->incidents, 1);
	}
	if (bpf_oom_lost(w->bpf, SIGHTING_LIMIT) > 0)
		incidents_lost_ooms(w->incidents);
	lost = bpf_oom_lost(w->bpf, SIGHTING_VICTIM);
	if (lost != w->lost) {
		incidents_lost(w->incidents, lost - w->lost);
		w->lost = lost;
	}
	lost = bpf_oom_lost(w->bpf, SIGHTING_COLLATERAL);
	if (lost != w->lost_along) {
		incidents_lost_collaterals(w->incidents);
		w->lost_along = lost;
	}
	return r == 0;
}

static bool drain_kmsg(struct witness *w, uint64_t now_ns)
{
	struct kmsg_kill kill;
	int r = 0;

	/* After KMSG_E_AGAIN it is ready still: the next round. */
	for (int i = 0; i < ROUND_MAX && r == 0; i++) {
		r = kmsg_next(&w->kmsg, &kill);
		if (r == 0)
			incident_kmsg(w->incidents, &kill, now_ns);
	}
	incidents_lost(w->incidents, w->kmsg.lost - w->lost);
	w->lost = w->kmsg.lost;
	if (r < 0) {
		kmsg_close(&w->kmsg); /* else it would be ready for ever */
		w->blind = true;
		incidents_set_level(w->incidents, INCIDENT_NOTHING);
	}
	return r == KMSG_E_EMPTY;
}

bool witness_drain(struct witness *w, uint64_t now_ns)
{
	if (w->bpf)
		return drain_bpf(w);
	return w->kmsg.fd < 0 || drain_kmsg(w, now_ns);
}

static int ready(struct source_io *io, uint32_t events, uint64_t now_ns)
{
	struct witness *w = (struct witness *)((char *)io - offsetof(struct witness, io));

	(void)events;
	(void)witness_drain(w, now_ns);
	return 0;
}

/* Which BPF level to begin with; BPF_OOM_LEVELS: none. */
static enum bpf_oom_level highest(const struct witness_options *o)
{
	switch (o->kind) {
	case WITNESS_AUTO:
		return o->no_bpf ? BPF_OOM_LEVELS : BPF_OOM_FENTRY;
	case WITNESS_BPF:
	case WITNESS_FENTRY:
		return BPF_OOM_FENTRY;
	case WITNESS_KPROBE:
		return BPF_OOM_KPROBE;
	case WITNESS_TRACEPOINT:
		return BPF_OOM_TRACEPOINT;
	default:
		return BPF_OOM_LEVELS;
	}
}

/* Asked for by its name, a level is that one and no lower one. */
static bool is_asked_for(const struct witness_options *o, enum bpf_oom_level level)
{
	return o->kind == WITNESS_AUTO || o->kind == WITNESS_BPF || highest(o) == level;
}

static int open_bpf(struct witness *w, const struct witness_args *args,
		    const struct witness_options *o, char *why)
{
	const struct cgroup_host *host = args->host;
	const struct bpf_oom_options options = {
		.ring_bytes = o->ring_bytes,
		.highest = highest(o),
		.root_v1 = host->v1.root_fd >= 0 ? cgroup_mount_root_id(&host->v1) : 0,
		.root_v2 = host->v2.root_fd >= 0 ? cgroup_mount_root_id(&host->v2) : 0,
	};
	struct bpf_oom_report report = { 0 };
	enum bpf_oom_level level;
	int r;

	r = bpf_oom_open(&w->bpf, &options, &report);
	if (r < 0)
		return r;
	if (r == 0 && !fd_available(SPARE_DESCRIPTORS)) {
		w->bpf = bpf_oom_close(w->bpf);
		(void)snprintf(why, WITNESS_WHY, "BPF %s", too_few);
		return WITNESS_E_UNUSABLE;
	}
	if (r == 0 && is_asked_for(o, report.level)) {
		w->level = report.level;
		return 0;
	}
	w->bpf = bpf_oom_close(w->bpf);
	/* Where no level works it is mostly for one reason; the lowest one asks for least. */
	level = is_asked_for(o, BPF_OOM_TRACEPOINT) ? BPF_OOM_TRACEPOINT : highest(o);
	(void)snprintf(why, WITNESS_WHY, "%s", report.levels[level].why);
	return WITNESS_E_UNUSABLE;
}

/* Messages have paths from the real root, and are about the whole machine. */
static int open_kmsg(struct witness *w, const struct witness_args *args, char *why)
{
	const struct cgroup_mount *m = cgroup_host_memory(args->host, NULL);
	int r;

	if (!m || !m->real_root) {
		(void)snprintf(why, WITNESS_WHY,
			       "kernel messages name cgroups as the host sees them, and this is a "
			       "cgroup namespace");
		return WITNESS_E_UNUSABLE;
	}
	if (!fd_available(SPARE_DESCRIPTORS + 1)) {
		(void)snprintf(why, WITNESS_WHY, "/dev/kmsg %s", too_few);
		return WITNESS_E_UNUSABLE;
	}
	r = kmsg_open(&w->kmsg);
	if (r == -ENOMEM)
		return r;
	if (r == 0)
		return 0;
	(void)snprintf(why, WITNESS_WHY, "/dev/kmsg: %s%s", strerror(-r),
		       r == -EPERM || r == -EACCES ? "; CAP_SYSLOG is missing" : "");
	return WITNESS_E_UNUSABLE;
}

static int open_auto(struct witness *w, const struct witness_args *args,
		     const struct witness_options *o, char *why)
{
	char kmsg_why[WITNESS_WHY] = "";
	int r = WITNESS_E_UNUSABLE;

	if (!o->no_bpf)
		r = open_bpf(w, args, o, why);
	if (r <= 0)
		return r;
	r = open_kmsg(w, args, kmsg_why);
	if (r > 0) {
		size_t n = strlen(why);

		(void)snprintf(why + n, WITNESS_WHY - n, "%s%s", n > 0 ? "; " : "", kmsg_why);
		return 0;
	}
	return r;
}

static int open_kind(struct witness *w, const struct witness_args *args,
		     const struct witness_options *o, char *why)
{
	switch (o->kind) {
	case WITNESS_NONE:
		return 0;
	case WITNESS_KMSG:
		return open_kmsg(w, args, why);
	case WITNESS_AUTO:
		return open_auto(w, args, o, why);
	default:
		return open_bpf(w, args, o, why);
	}
}

static enum incident_level incident_level(const struct witness *w)
{
	if (w->bpf)
		return w->level == BPF_OOM_TRACEPOINT ? INCIDENT_VICTIMS : INCIDENT_OOMS;
	return w->kmsg.fd >= 0 ? INCIDENT_NAMES : INCIDENT_NOTHING;
}

static int add_to_epoll(struct witness *w, int epoll_fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &w->io };
	int fd = w->bpf ? bpf_oom_fd(w->bpf) : w->kmsg.fd;

	w->io.ready = ready;
	return fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? errno_neg() : 0;
}

int witness_open(struct witness **ret, const struct witness_args *args,
		 const struct witness_options *options, char *why)
{
	struct witness *w = calloc(1, sizeof(*w));
	int r = 0;

	if (!w)
		return -ENOMEM;
	why[0] = '\0';
	w->incidents = args->incidents;
	w->kmsg.fd = -1;
	if (!args->host->fake) /* plain directories have no kernel that tells of them */
		r = open_kind(w, args, options, why);
	if (r == 0)
		r = add_to_epoll(w, args->epoll_fd);
	if (r != 0) {
		witness_close(w);
		return r;
	}
	incidents_set_level(w->incidents, incident_level(w));
	*ret = w;
	return 0;
}

struct witness *witness_close(struct witness *w)
{
	if (w) {
		bpf_oom_close(w->bpf);
		kmsg_close(&w->kmsg);
		free(w);
	}
	return NULL;
}

const char *witness_level(const struct witness *w)
{
	if (w->bpf)
		return bpf_oom_level_name(w->level);
	return w->kmsg.fd >= 0 ? "kmsg" : "none";
}

const char *witness_notice(const struct witness *w)
{
	if (w->bpf && w->lost > 0)
		return "the kernel's ring for names was full: kills are told without a name "
		       "(a larger --bpf-ring=SIZE holds more)";
	return w->blind ? "the kernel's messages can be read no more: kills are told without a name"
			: NULL;
}
