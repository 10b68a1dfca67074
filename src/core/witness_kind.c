/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/witness_kind.h"

#include <string.h>

static const char *const kind_names[WITNESS_KINDS] = {
	[WITNESS_AUTO] = "auto",
	[WITNESS_BPF] = "bpf",
	[WITNESS_FENTRY] = "bpf-fentry",
	[WITNESS_KPROBE] = "bpf-kprobe",
	[WITNESS_TRACEPOINT] = "bpf-tracepoint",
	[WITNESS_KMSG] = "kmsg",
	[WITNESS_NONE] = "counters",
};

const char *witness_kind_name(enum witness_kind kind)
{
	return kind_names[kind];
}

bool witness_kind_from_name(const char *name, enum witness_kind *ret)
{
	for (unsigned k = 0; k < WITNESS_KINDS; k++)
		if (strcmp(kind_names[k], name) == 0) {
			*ret = (enum witness_kind)k;
			return true;
		}
	return false;
}
