/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/details_reader.h"
#include "cli/details_wire.h"
#include "fail_malloc.h"

static struct oom_details *filled(size_t largest_n)
{
	struct oom_details *d = oom_details_new();

	assert_non_null(d);
	d->cmdline = strdup("a -b");
	d->exe = strdup("/bin/a");
	d->limit_bytes = 1;
	d->usage_bytes = 2;
	d->peak_bytes = UINT64_MAX;
	d->stat = (struct details_stat){ 4, 5, 6, 7, 8, 9 };
	d->looked = DETAILS_LOOKED;
	d->more = true;
	d->largest_n = largest_n;
	for (size_t i = 0; i < largest_n; i++)
		d->largest[i] = (struct details_process){ .pid = (uint32_t)(10 + i),
							  .comm = "fifteen bytes..",
							  .rss_bytes = 100 + i };
	return d;
}

static void replies_arrive_as_they_were(void **state)
{
	(void)state;
	for (size_t n = 0; n <= DETAILS_LARGEST; n++) {
		struct oom_details *from = filled(n), *to = oom_details_new();
		char packet[WIRE_PACKET_MAX];
		enum wire_kind kind;
		uint64_t serial;
		size_t size;

		for (int k = 0; k < WIRE_KIND_MAX; k++) {
			size = wire_reply_make((enum wire_kind)k, 77, from, packet);
			assert_int_equal(wire_reply_head(packet, size, &serial, &kind), 0);
			assert_int_equal(serial, 77);
			assert_int_equal(kind, k);
			assert_int_equal(wire_reply_take(packet, size, to), 0);
			/* Cut anywhere, a figure is never taken for another one. */
			if (k == WIRE_MEMORY || k == WIRE_END)
				for (size_t cut = 0; cut < size; cut++)
					assert_int_equal(wire_reply_take(packet, cut, to),
							 -EBADMSG);
		}
		assert_string_equal(to->cmdline, from->cmdline);
		assert_string_equal(to->exe, from->exe);
		assert_true(to->limit_bytes == 1 && to->usage_bytes == 2 &&
			    to->peak_bytes == UINT64_MAX);
		assert_memory_equal(&to->stat, &from->stat, sizeof(to->stat));
		assert_memory_equal(to->largest, from->largest, sizeof(to->largest));
		assert_int_equal(to->largest_n, n);
		assert_int_equal(to->looked, DETAILS_LOOKED);
		assert_true(to->more);
		oom_details_free(from);
		oom_details_free(to);
	}
}

static void requests_arrive_as_they_were(void **state)
{
	struct wire_request q = {
		.serial = 1, .start_ns = 2, .cgroup_id = 3, .pid = 4, .cmdline = 1
	};
	struct wire_request seen;
	char packet[WIRE_PACKET_MAX];
	size_t n;

	(void)state;
	for (size_t len = 0; len < WIRE_PATH_MAX; len += len < 8 ? 1 : 511) {
		memset(q.path, 'a', len);
		q.path[len] = '\0';
		n = wire_request_make(&q, packet);
		memset(&seen, 0x5a, sizeof(seen));
		assert_int_equal(wire_request_take(packet, n, &seen), 0);
		assert_true(seen.serial == 1 && seen.start_ns == 2 && seen.cgroup_id == 3);
		assert_true(seen.pid == 4 && seen.cmdline == 1);
		assert_string_equal(seen.path, q.path);
	}
	assert_int_equal(wire_request_take(packet, offsetof(struct wire_request, path) - 1, &seen),
			 -EBADMSG);
}

static void the_longest_text(void **state)
{
	struct oom_details *from = filled(0), *to = oom_details_new();
	char packet[WIRE_PACKET_MAX];
	size_t n;

	(void)state;
	from->cmdline = realloc(from->cmdline, 2 * DETAILS_TEXT_MAX);
	assert_non_null(from->cmdline);
	memset(from->cmdline, 'x', 2 * DETAILS_TEXT_MAX - 1);
	from->cmdline[2 * DETAILS_TEXT_MAX - 1] = '\0';
	n = wire_reply_make(WIRE_CMDLINE, 1, from, packet);
	assert_int_equal(wire_reply_take(packet, n, to), 0);
	assert_int_equal(strlen(to->cmdline), DETAILS_TEXT_MAX);
	oom_details_free(from);
	oom_details_free(to);
}

static int take_exe(void *ctx)
{
	struct oom_details *from = ctx, to = { 0 };
	char packet[WIRE_PACKET_MAX];
	int r = wire_reply_take(packet, wire_reply_make(WIRE_EXE, 1, from, packet), &to);

	free(to.exe);
	return r;
}

static void without_memory(void **state)
{
	struct oom_details *from = filled(0);

	(void)state;
	assert_int_equal(
		fail_malloc_each(&(struct fail_malloc_case){ .run = take_exe, .ctx = from }), 1);
	oom_details_free(from);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_arrive_as_they_were),
		cmocka_unit_test(requests_arrive_as_they_were),
		cmocka_unit_test(the_longest_text),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
