/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One input, read as a packet from a helper process, and as one to it. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/details_reader.h"
#include "cli/details_wire.h"

/* The part of @d that @kind is about, made again, is what it was made of. */
static void check_reply(const void *data, size_t n, const struct oom_details *d)
{
	char again[WIRE_PACKET_MAX];
	enum wire_kind kind;
	uint64_t serial;
	struct oom_details *back = oom_details_new();

	FUZZ_CHECK(wire_reply_head(data, n, &serial, &kind) == 0);
	if (!back)
		abort();
	n = wire_reply_make(kind, serial, d, again);
	FUZZ_CHECK(n <= sizeof(again));
	FUZZ_CHECK(wire_reply_take(again, n, back) == 0);
	FUZZ_CHECK(back->limit_bytes == d->limit_bytes && back->stat.shmem == d->stat.shmem);
	FUZZ_CHECK(back->looked == d->looked && back->more == d->more);
	FUZZ_CHECK(!back->exe == !d->exe && !back->cmdline == !d->cmdline);
	oom_details_free(back);
}

static void check_request(const void *data, size_t n)
{
	struct wire_request q;
	char again[WIRE_PACKET_MAX];
	int r;

	memset(&q, 0x5a, sizeof(q));
	r = wire_request_take(data, n, &q);
	FUZZ_CHECK(r == 0 || r == -EBADMSG);
	if (r != 0)
		return;
	FUZZ_CHECK(strnlen(q.path, sizeof(q.path)) < sizeof(q.path));
	FUZZ_CHECK(wire_request_make(&q, again) == n && memcmp(again, data, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct oom_details *d = oom_details_new();
	void *block = malloc(n > 0 ? n : 1); /* nothing may be read behind it */
	int r;

	if (!d || !block)
		abort();
	memcpy(block, data, n);
	r = wire_reply_take(block, n, d);
	FUZZ_CHECK(r == 0 || r == -EBADMSG);
	FUZZ_CHECK(d->largest_n <= DETAILS_LARGEST && d->largest_n <= d->looked);
	FUZZ_CHECK(d->looked <= DETAILS_LOOKED);
	FUZZ_CHECK(!d->exe || (*d->exe && strlen(d->exe) <= DETAILS_TEXT_MAX));
	for (size_t i = 0; i < d->largest_n; i++)
		FUZZ_CHECK(!d->largest[i].comm[TASK_COMM_MAX - 1]);
	if (r == 0)
		check_reply(block, n, d);
	check_request(block, n);
	free(block);
	oom_details_free(d);
	return 0;
}
