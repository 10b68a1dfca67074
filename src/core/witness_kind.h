/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* What is to name victims, as a user asks for it: see source/witness.h. */
#include <stdbool.h>
#include <stdint.h>

enum witness_kind {
	WITNESS_AUTO, /* the best one, with a note about what is missing */
	WITNESS_BPF,  /* BPF at its best level or not at all */
	WITNESS_FENTRY,
	WITNESS_KPROBE,
	WITNESS_TRACEPOINT,
	WITNESS_KMSG,
	WITNESS_NONE, /* the counters alone */
	WITNESS_KINDS,
};

struct witness_options {
	enum witness_kind kind;
	bool no_bpf;         /* AUTO: without BPF */
	uint32_t ring_bytes; /* 0: BPF_OOM_RING_BYTES */
};
