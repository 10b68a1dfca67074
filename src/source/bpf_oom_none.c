/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Instead of bpf_oom.c, where this was built without BPF: no level works, and the report says why
 *
 * OOMN_BPF_MISSING comes from the build: what it did not find.
 */
#include "source/bpf_oom.h"

#include <stdio.h>

int bpf_oom_probe(struct bpf_oom_report *report)
{
	report->level = BPF_OOM_NONE;
	for (enum bpf_oom_level level = BPF_OOM_FENTRY; level < BPF_OOM_LEVELS; level++) {
		report->levels[level].tried = BPF_OOM_FAILED;
		(void)snprintf(report->levels[level].why, BPF_OOM_WHY,
			       "this program was built without BPF (%s)", OOMN_BPF_MISSING);
	}
	return 0;
}

int bpf_oom_open(struct bpf_oom **ret, const struct bpf_oom_options *options,
		 struct bpf_oom_report *report)
{
	(void)ret;
	(void)options;
	(void)bpf_oom_probe(report);
	return BPF_OOM_E_NONE;
}

struct bpf_oom *bpf_oom_close(struct bpf_oom *b)
{
	return b;
}

int bpf_oom_fd(const struct bpf_oom *b)
{
	(void)b;
	return -1;
}

int bpf_oom_next(struct bpf_oom *b, const struct sighting **ret)
{
	(void)b;
	(void)ret;
	return 0;
}

uint64_t bpf_oom_lost(const struct bpf_oom *b, enum sighting_kind kind)
{
	(void)b;
	(void)kind;
	return 0;
}
