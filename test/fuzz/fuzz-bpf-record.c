/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One input, read as a record of the BPF programs. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source/bpf/oom_record.h"
#include "source/bpf_record.h"

static void check_path(const struct sighting *s, const struct cgroup_id *c)
{
	const char *path = sighting_path(s, c);
	size_t left, n;

	FUZZ_CHECK(c->known == (path != NULL));
	if (!path) {
		FUZZ_CHECK(c->id == 0);
		return;
	}
	FUZZ_CHECK(path < s->text + sizeof(s->text));
	left = sizeof(s->text) - (size_t)(path - s->text);
	n = strnlen(path, left);
	FUZZ_CHECK(n < left);
	FUZZ_CHECK(c->whole == (path[0] == '/'));
	FUZZ_CHECK(!strstr(path, "//"));
	FUZZ_CHECK(n <= 1 || path[n - 1] != '/');
}

static void check_sizes(const struct sighting *s)
{
	const uint64_t bytes[] = { s->total_vm_bytes,   s->anon_bytes,       s->file_bytes,
				   s->shmem_bytes,      s->limit_bytes,      s->usage_bytes,
				   s->swap_limit_bytes, s->swap_usage_bytes, s->total_bytes };

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		FUZZ_CHECK(bytes[i] == BYTES_NONE || bytes[i] % 4096 == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct sighting s, before;
	/* A record lies aligned in the ring; here the byte behind it is not ours. */
	uint8_t *exact = malloc(n > 0 ? n : 1);
	int r;

	if (!exact)
		abort();
	memcpy(exact, data, n);
	memset(&s, 0x5a, sizeof(s));
	memset(&before, 0x5a, sizeof(before));
	r = bpf_record_decode(exact, n, 4096, &s);
	free(exact);
	FUZZ_CHECK(r == 0 || r == -EBADMSG);
	if (r != 0) {
		FUZZ_CHECK(memcmp(&s, &before, sizeof(s)) == 0);
		return 0;
	}
	FUZZ_CHECK(n >= sizeof(struct oom_record));
	FUZZ_CHECK((unsigned)s.kind < SIGHTING_KIND_MAX);
	FUZZ_CHECK(s.in_oom || s.began_ns == 0);
	FUZZ_CHECK((unsigned)s.constraint <= OOM_CONSTRAINT_MEMCG);
	FUZZ_CHECK(!s.trigger.comm[TASK_COMM_MAX - 1] && !s.task.comm[TASK_COMM_MAX - 1]);
	check_path(&s, &s.limit);
	check_path(&s, &s.memory);
	check_path(&s, &s.own);
	check_path(&s, &s.trigger_memory);
	check_sizes(&s);
	return 0;
}
