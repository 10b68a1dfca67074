/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input is a run of records, one a line; an empty line stands for records that were lost. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/kmsg_oom.h"

static void check_path(const struct kmsg_path *p)
{
	FUZZ_CHECK(p->len <= KMSG_PATH_MAX);
	FUZZ_CHECK(p->text[p->len] == '\0');
	FUZZ_CHECK(p->len == 0 || p->text[0] == '/');
	FUZZ_CHECK(p->len < KMSG_PATH_MAX || p->cut);
}

static void check_kill(const struct kmsg_kill *kill, const struct kmsg_record *rec,
		       uint64_t last_number)
{
	FUZZ_CHECK(rec->facility == 0 && !rec->cont);
	FUZZ_CHECK(kill->pid >= 0);
	FUZZ_CHECK(kill->comm.len <= KMSG_COMM_MAX && kill->comm.text[kill->comm.len] == '\0');
	FUZZ_CHECK(memmem(rec->text, rec->len, kill->comm.text, kill->comm.len));
	FUZZ_CHECK(kill->oom_number >= last_number);
	FUZZ_CHECK(kill->oom_number > 0);
	FUZZ_CHECK((kill->member == KMSG_MEMBER_NO) == (kill->group.len == 0));
	FUZZ_CHECK(!kill->again || kill->member == KMSG_MEMBER_YES);
	FUZZ_CHECK(kill->oom.limit_cgroup.len == 0 || kill->oom.constraint == OOM_CONSTRAINT_MEMCG);
	FUZZ_CHECK(kill->oom.trigger.len <= KMSG_COMM_MAX);
	check_path(&kill->cgroup);
	check_path(&kill->group);
	check_path(&kill->oom.limit_cgroup);
}

static void feed(struct kmsg_decoder *d, const char *line, uint64_t *number)
{
	static struct kmsg_record rec;
	static struct kmsg_kill kill;

	if (*line == '\0') {
		kmsg_decoder_lost(d);
		return;
	}
	if (kmsg_record_parse(line, &rec) != 0)
		return;
	FUZZ_CHECK(rec.len <= KMSG_TEXT_MAX && rec.text[rec.len] == '\0');
	FUZZ_CHECK(strlen(rec.caller) <= KMSG_CALLER_MAX);
	FUZZ_CHECK(rec.level < 8 && rec.time_us >= 0);
	if (!kmsg_decoder_feed(d, &rec, &kill))
		return;
	check_kill(&kill, &rec, *number);
	*number = kill.oom_number;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct kmsg_decoder d;
	uint64_t number = 0;
	struct fuzz_text t;

	kmsg_decoder_init(&d);
	while (n > 0) {
		const uint8_t *end = memchr(data, '\n', n);
		size_t len = end ? (size_t)(end - data) : n;

		fuzz_text_init(&t, data, len);
		feed(&d, t.text, &number);
		fuzz_text_done(&t);
		len += end ? 1 : 0;
		data += len;
		n -= len;
	}
	return 0;
}
