/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What a process must be allowed to load and attach the BPF programs
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether @effective (bits as in linux/capability.h) suffices; if not, and @why is not NULL, what is
 * missing, in words.
 */
bool bpf_rights_suffice(uint64_t effective, char *why, size_t size);
/* The effective capabilities of this thread; 0 if the kernel does not say. */
uint64_t bpf_rights_effective(void);
/* What may lie behind a refusal in spite of the capabilities, in words; NULL: nothing that is known. */
const char *bpf_rights_obstacle(uint64_t ring_bytes);
