/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What the programs have to be told about the running kernel before they are loaded
 */
#include <stdbool.h>
#include <stdint.h>

struct btf;

struct bpf_kernel {
	bool has_mark_victim;
	bool victim_is_task;      /* mark_victim(task, uid) instead of mark_victim(pid) */
	bool has_signal_generate; /* with the arguments that are known */
	bool rss_per_processor;   /* mm_struct.rss_stat is an array of percpu_counter, since 6.2 */
};

/* Reads it from the kernel's type information. */
void bpf_kernel_look(const struct btf *btf, struct bpf_kernel *ret);
/*
 * Where the kernel has the distances of its processors' own memory, and how many there are; both 0 if
 * it does not tell (kptr_restrict) or has but one processor.
 */
void bpf_kernel_processors(uint64_t *ret_offsets, uint32_t *ret_count);
/* The address in @line of /proc/kallsyms, if it is the symbol @name; else 0, as for a hidden one. */
uint64_t bpf_kernel_symbol(const char *line, const char *name);
