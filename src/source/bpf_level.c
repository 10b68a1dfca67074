/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is the same with and without the programs. */
#include "source/bpf_oom.h"

const char *bpf_oom_level_name(enum bpf_oom_level level)
{
	static const char *const names[] = {
		[BPF_OOM_FENTRY] = "fentry",
		[BPF_OOM_KPROBE] = "kprobe",
		[BPF_OOM_TRACEPOINT] = "tracepoint",
		[BPF_OOM_NONE] = "none",
	};

	return names[level];
}
