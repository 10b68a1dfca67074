/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One input, read as a record of the BPF programs. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

static void check_cmdline(const struct sighting *s)
{
	const char *text = sighting_cmdline(s);
	size_t left, n;

	FUZZ_CHECK(s->cmdline_known == (text != NULL));
	if (!text) {
		FUZZ_CHECK(!s->cmdline_cut);
		return;
	}
	FUZZ_CHECK(s->kind == SIGHTING_VICTIM);
	FUZZ_CHECK(text < s->text + sizeof(s->text));
	left = sizeof(s->text) - (size_t)(text - s->text);
	n = strnlen(text, left);
	FUZZ_CHECK(n < left && n <= OOM_RECORD_ARGS);
}

static void check_sizes(const struct sighting *s)
{
	const uint64_t bytes[] = { s->total_vm_bytes,   s->anon_bytes,       s->file_bytes,
				   s->shmem_bytes,      s->limit_bytes,      s->usage_bytes,
				   s->swap_limit_bytes, s->swap_usage_bytes, s->total_bytes };

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		FUZZ_CHECK(bytes[i] == BYTES_NONE || bytes[i] % 4096 == 0);
}

#define ROOM ((size_t)1 << 16)

/* The same bytes, with nothing behind them that could be read. */
static const uint8_t *at_the_end(const uint8_t *data, size_t n)
{
	static uint8_t *room;

	if (!room) {
		room = mmap(NULL, 2 * ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
		if (room == MAP_FAILED || mprotect(room + ROOM, ROOM, PROT_NONE) < 0)
			abort();
	}
	memcpy(room + ROOM - n, data, n);
	return room + ROOM - n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct sighting s, before;
	int r;

	if (n > ROOM)
		return 0;
	memset(&s, 0x5a, sizeof(s));
	memset(&before, 0x5a, sizeof(before));
	r = bpf_record_decode(at_the_end(data, n), n, 4096, &s);
	FUZZ_CHECK(r == 0 || r == -EBADMSG);
	if (r != 0) {
		FUZZ_CHECK(memcmp((const char *)&s, (const char *)&before, sizeof(s)) == 0);
		return 0;
	}
	FUZZ_CHECK(n >= sizeof(struct oom_record));
	FUZZ_CHECK((unsigned)s.kind < SIGHTING_KIND_MAX);
	FUZZ_CHECK(s.in_oom || s.began_ns == 0);
	FUZZ_CHECK(!s.killed || s.kind == SIGHTING_VICTIM);
	FUZZ_CHECK((unsigned)s.constraint <= OOM_CONSTRAINT_MEMCG);
	FUZZ_CHECK(!s.trigger.comm[TASK_COMM_MAX - 1] && !s.task.comm[TASK_COMM_MAX - 1]);
	check_path(&s, &s.limit);
	check_path(&s, &s.memory);
	check_path(&s, &s.own);
	check_path(&s, &s.trigger_memory);
	check_cmdline(&s);
	check_sizes(&s);
	return 0;
}
