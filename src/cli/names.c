/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/names.h"

#include <stddef.h>

#include "include/oomnotify.h"

const char *names_word(uint32_t names)
{
	static const char *const words[] = {
		[OOMN_NAMES_AUTO] = "auto",
		[OOMN_NAMES_BPF] = "bpf",
		[OOMN_NAMES_FENTRY] = "bpf-fentry",
		[OOMN_NAMES_KPROBE] = "bpf-kprobe",
		[OOMN_NAMES_TRACEPOINT] = "bpf-tracepoint",
		[OOMN_NAMES_KMSG] = "kmsg",
		[OOMN_NAMES_NONE] = "counters",
	};

	return names < sizeof(words) / sizeof(words[0]) ? words[names] : NULL;
}
