/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail_malloc.h"
#include "sink/json.h"

/* 2026-07-04T12:34:56.000789Z */
#define SOME_TIME_NS UINT64_C(1783168496000789999)

static struct oomn_event *make(enum event_kind kind, const char *cgroup)
{
	struct oomn_event *e = event_new(kind);

	assert_non_null(e);
	e->seq = 7;
	e->realtime_ns = SOME_TIME_NS;
	e->boottime_ns = 12345678901;
	e->hierarchy = HIERARCHY_V2;
	e->evidence = EVIDENCE_COUNTERS;
	e->cgroup = cgroup ? strdup(cgroup) : NULL;
	e->cgroup_id = 4711;
	return e;
}

static void set_limit(struct oomn_event *e, const char *cgroup, uint64_t id, uint64_t bytes)
{
	e->limit_cgroup = strdup(cgroup);
	e->limit_id = id;
	e->limit_bytes = bytes;
}

static void expect(struct oomn_event *e, const char *text)
{
	char *line = NULL;

	assert_int_equal(json_encode_event(e, &line), 0);
	assert_string_equal(line, text);
	free(line);
	event_free(e);
}

/* What no source but one that looks into the kernel tells. */
#define UNKNOWN                                                                                    \
	"\"incident\":null,\"constraint\":null,\"order\":null,\"total_bytes\":null,\"trigger\":"   \
	"null,\"victim\":null,\"identity\":null,"
#define LIMIT_UNKNOWN ",\"usage_bytes\":null,\"swap_bytes\":null,\"swap_usage_bytes\":null"
#define HEAD "{\"seq\":7,\"time\":\"2026-07-04T12:34:56.000789Z\",\"boottime_ns\":12345678901,"

static void a_kill_at_its_own_limit(void **state)
{
	struct oomn_event *e = make(EVENT_KILL, "/a/b");

	(void)state;
	set_limit(e, "/a/b", 4711, 33554432);
	expect(e, HEAD "\"kind\":\"kill\",\"count\":1,\"cgroup\":\"/a/b\",\"cgroup_id\":4711,"
		       "\"hierarchy\":\"v2\",\"removed\":false,\"unplaced\":false,\"limit\":{"
		       "\"cgroup\":\"/a/b\","
		       "\"cgroup_id\":4711,\"bytes\":33554432" LIMIT_UNKNOWN "}," UNKNOWN
		       "\"evidence\":[\"counters\"]}");
}

static void kills_that_are_one_more_or_less(void **state)
{
	struct oomn_event *e = make(EVENT_KILL, "/a");

	(void)state;
	e->count_min = 5;
	e->count_max = 6;
	e->removed = true;
	e->evidence = EVIDENCE_COUNTERS | EVIDENCE_BPF | EVIDENCE_VMSTAT;
	expect(e, HEAD "\"kind\":\"kill\",\"count\":5,\"count_max\":6,\"cgroup\":\"/a\","
		       "\"cgroup_id\":4711,\"hierarchy\":\"v2\",\"removed\":true,\"unplaced\":"
		       "false,\"limit\":null,"
		       "" UNKNOWN "\"evidence\":[\"counters\",\"bpf\",\"vmstat\"]}");
}

static void what_could_not_be_placed(void **state)
{
	struct oomn_event *e = make(EVENT_KILL, "/a");

	(void)state;
	e->count_min = 0;
	e->unplaced = true;
	expect(e, HEAD "\"kind\":\"kill\",\"count\":0,\"count_max\":1,\"cgroup\":\"/a\","
		       "\"cgroup_id\":4711,\"hierarchy\":\"v2\",\"removed\":false,"
		       "\"unplaced\":true,\"limit\":null," UNKNOWN "\"evidence\":[\"counters\"]}");
}

static void a_limit_at_or_above(void **state)
{
	struct oomn_event *e = make(EVENT_OOM, "/a");

	(void)state;
	e->hierarchy = HIERARCHY_V1;
	e->evidence = EVIDENCE_EVENTFD;
	e->cgroup_id = 0;
	set_limit(e, "/a", 0, BYTES_NONE);
	e->limit_or_above = true;
	expect(e, HEAD "\"kind\":\"oom\",\"count\":1,\"cgroup\":\"/a\",\"cgroup_id\":null,"
		       "\"hierarchy\":\"v1\",\"removed\":false,\"unplaced\":false,\"limit\":{"
		       "\"cgroup\":\"/a\","
		       "\"cgroup_id\":null,\"bytes\":null" LIMIT_UNKNOWN ",\"or_above\":true},"
		       "" UNKNOWN "\"evidence\":[\"eventfd\"]}");
}

static void lost_has_no_cgroup(void **state)
{
	struct oomn_event *e = make(EVENT_LOST, NULL);

	(void)state;
	e->cgroup_id = 0;
	e->hierarchy = HIERARCHY_NONE;
	e->evidence = 0;
	e->count_min = e->count_max = 12;
	expect(e, HEAD "\"kind\":\"lost\",\"count\":12,\"cgroup\":null,\"cgroup_id\":null,"
		       "\"hierarchy\":null,\"removed\":false,\"unplaced\":false,\"limit\":null,"
		       "" UNKNOWN "\"evidence\":[]}");
}

static void numbers_up_to_what_json_integers_hold(void **state)
{
	struct oomn_event *e = make(EVENT_OOM, "/a");

	(void)state;
	e->cgroup_id = INT64_MAX;
	e->count_min = e->count_max = UINT64_MAX;
	set_limit(e, "/", (uint64_t)INT64_MAX + 1, UINT64_MAX - 1);
	expect(e, HEAD "\"kind\":\"oom\",\"count\":9223372036854775807,\"cgroup\":\"/a\","
		       "\"cgroup_id\":9223372036854775807,\"hierarchy\":\"v2\",\"removed\":false,"
		       "\"unplaced\":false,"
		       "\"limit\":{\"cgroup\":\"/\",\"cgroup_id\":null,\"bytes\":null" LIMIT_UNKNOWN
		       "},"
		       "" UNKNOWN "\"evidence\":[\"counters\"]}");
}

static void odd_names_are_escaped_twice(void **state)
{
	struct oomn_event *e = make(EVENT_GONE, "/a\n\"\\\033\377/tr\303\250s");

	(void)state;
	expect(e, HEAD "\"kind\":\"gone\",\"count\":1,"
		       "\"cgroup\":\"/a\\\\x0a\\\"\\\\x5c\\\\x1b\\\\xff/tr\303\250s\","
		       "\"cgroup_id\":4711,\"hierarchy\":\"v2\",\"removed\":false,\"unplaced\":"
		       "false,\"limit\":null,"
		       "" UNKNOWN "\"evidence\":[\"counters\"]}");
}

static void any_name_is_valid_json(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		char name[24];
		size_t n = 1 + (size_t)rand_r(&seed) % (sizeof(name) - 1);
		struct oomn_event *e;
		json_t *object;
		char *line = NULL;

		for (size_t i = 0; i < n - 1; i++)
			name[i] = (char)(1 + rand_r(&seed) % 255);
		name[n - 1] = '\0';
		e = make(EVENT_KILL, name);
		assert_int_equal(json_encode_event(e, &line), 0);
		assert_null(strchr(line, '\n'));
		object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(object);
		json_decref(object);
		free(line);
		event_free(e);
	}
}

struct encoding {
	const struct oomn_event *event;
	char *line;
};

static int encode(void *ctx)
{
	struct encoding *c = ctx;

	return json_encode_event(c->event, &c->line);
}

static void free_line(void *ctx)
{
	free(((struct encoding *)ctx)->line);
}

static void memory_fails_at_every_place(void **state)
{
	struct oomn_event *e = make(EVENT_KILL, "/a");
	struct encoding c = { .event = e };
	const struct fail_malloc_case each = { .run = encode,
					       .undo = free_line,
					       .ctx = &c,
					       .out = &c.line,
					       .out_size = sizeof(c.line) };

	(void)state;
	set_limit(e, "/b", 1, 4096);
	e->limit_or_above = true;
	e->count_max = 2;
	json_set_alloc_funcs(malloc, free);        /* ours, which fail */
	assert_true(fail_malloc_each(&each) > 30); /* each key and value at least */
	event_free(e);
}

static void sink_writes_lines(void **state)
{
	struct oomn_event *e = make(EVENT_KILL, "/a");
	_cleanup_sink_ struct sink *s = NULL;
	char text[1024];
	ssize_t n;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(json_sink_open(&s, p[1]), 0);
	assert_false(s->ops->full(s));
	assert_int_equal(s->ops->submit(s, e), 0);
	assert_int_equal(s->ops->submit(s, e), 0);
	assert_int_equal(s->ops->flush(s), 0);
	n = read(p[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_int_equal(text[n - 1], '\n');
	assert_int_equal(strchr(text, '\n') - text + 1, n / 2);
	close(p[0]);
	close(p[1]);
	event_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kill_at_its_own_limit),
		cmocka_unit_test(kills_that_are_one_more_or_less),
		cmocka_unit_test(what_could_not_be_placed),
		cmocka_unit_test(a_limit_at_or_above),
		cmocka_unit_test(lost_has_no_cgroup),
		cmocka_unit_test(numbers_up_to_what_json_integers_hold),
		cmocka_unit_test(odd_names_are_escaped_twice),
		cmocka_unit_test(any_name_is_valid_json),
		cmocka_unit_test(sink_writes_lines),
		cmocka_unit_test(memory_fails_at_every_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
