/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/bpf_kernel.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 1024 /* the kernel's names have at most 511 */

static const struct btf_type *resolve(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(btf, t->type);
	return t;
}

/*
 * The prototype behind the typedef that each tracepoint has, "typedef void (*btf_trace_NAME)(void *,
 * arguments)"; NULL: there is none.
 */
static const struct btf_type *tracepoint(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	const struct btf_type *t = id < 0 ? NULL : resolve(btf, (uint32_t)id);

	if (!t || !btf_is_ptr(t))
		return NULL;
	t = resolve(btf, t->type);
	return t && btf_is_func_proto(t) ? t : NULL;
}

/* Whether argument @i (0: the first behind the void *) points at a @name. */
static bool points_at(const struct btf *btf, const struct btf_type *proto, unsigned i,
		      const char *name)
{
	const struct btf_type *t;

	if (btf_vlen(proto) <= i + 1)
		return false;
	t = resolve(btf, btf_params(proto)[i + 1].type);
	if (!t || !btf_is_ptr(t))
		return false;
	t = resolve(btf, t->type);
	return t && btf_is_struct(t) && strcmp(btf__name_by_offset(btf, t->name_off), name) == 0;
}

static bool member_is_array(const struct btf *btf, const char *type, const char *member)
{
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);

	for (unsigned i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const struct btf_type *inner = resolve(btf, m->type);

		/* mm_struct's members lie in a struct without a name. */
		if (!*btf__name_by_offset(btf, m->name_off) && inner && btf_is_struct(inner)) {
			for (unsigned k = 0; k < btf_vlen(inner); k++) {
				const struct btf_member *n = &btf_members(inner)[k];

				if (strcmp(btf__name_by_offset(btf, n->name_off), member) == 0)
					return btf_is_array(resolve(btf, n->type));
			}
		} else if (strcmp(btf__name_by_offset(btf, m->name_off), member) == 0) {
			return inner && btf_is_array(inner);
		}
	}
	return false;
}

void bpf_kernel_look(const struct btf *btf, struct bpf_kernel *ret)
{
	const struct btf_type *mark = tracepoint(btf, "btf_trace_mark_victim");
	const struct btf_type *signal = tracepoint(btf, "btf_trace_signal_generate");

	*ret = (struct bpf_kernel){
		.has_mark_victim = mark && btf_vlen(mark) >= 2,
		.victim_is_task = mark && points_at(btf, mark, 0, "task_struct"),
		.has_signal_generate = signal && btf_vlen(signal) == 6 &&
				       points_at(btf, signal, 1, "kernel_siginfo") &&
				       points_at(btf, signal, 2, "task_struct"),
		.rss_per_processor = member_is_array(btf, "mm_struct", "rss_stat"),
	};
}

/* "ffffffff82a3b4c0 D name\n"; a module's has more behind the name, and is another one. */
uint64_t bpf_kernel_symbol(const char *line, const char *name)
{
	uint64_t address;
	char *end;

	address = strtoull(line, &end, 16);
	if (end == line || end[0] != ' ' || !end[1] || end[2] != ' ')
		return 0;
	end += 3;
	return strcspn(end, "\n") == strlen(name) && strncmp(end, name, strlen(name)) == 0 ? address
											   : 0;
}

void bpf_kernel_processors(uint64_t *ret_offsets, uint32_t *ret_count)
{
	int count = libbpf_num_possible_cpus();
	FILE *f = count > 0 ? fopen("/proc/kallsyms", "re") : NULL;
	char line[LINE_MAX_BYTES];

	*ret_offsets = 0;
	*ret_count = 0;
	while (f && *ret_offsets == 0 && fgets(line, sizeof(line), f))
		*ret_offsets = bpf_kernel_symbol(line, "__per_cpu_offset");
	if (*ret_offsets != 0)
		*ret_count = (uint32_t)count;
	if (f)
		(void)fclose(f);
}
