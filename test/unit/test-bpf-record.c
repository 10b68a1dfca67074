/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "source/bpf/oom_record.h"
#include "source/bpf_record.h"

static struct {
	struct oom_record r;
	char names[OOM_RECORD_NAMES + OOM_RECORD_ARGS + 64];
} record;
static struct sighting s;

static void begin(enum oom_record_kind kind, unsigned flags)
{
	memset(&record, 0, sizeof(record));
	memset(&s, 0x5a, sizeof(s));
	record.r.kind = (uint16_t)kind;
	record.r.flags = (uint16_t)flags;
}

static void put_path(enum oom_record_slot slot, uint64_t id, const char *names, size_t bytes)
{
	memcpy(record.names + record.r.names, names, bytes);
	record.r.names += (uint32_t)bytes;
	record.r.paths[slot] = (struct oom_record_path){ .id = id,
							 .bytes = (uint16_t)bytes,
							 .flags = OOM_RECORD_PATH_THERE };
}

/* The string's own NUL ends its last name. */
#define PUT(slot, id, names) put_path(slot, id, names, sizeof(names))

static void put_same(enum oom_record_slot slot, uint64_t id, enum oom_record_slot as)
{
	record.r.paths[slot] = (struct oom_record_path){ .id = id,
							 .flags = OOM_RECORD_PATH_THERE,
							 .same = (uint8_t)(as + 1) };
}

/* Behind the last path. */
static void put_args(const char *args, size_t bytes)
{
	memcpy(record.names + record.r.names, args, bytes);
	record.r.args = (uint32_t)bytes;
}

static size_t size(void)
{
	return sizeof(record.r) + record.r.names + record.r.args;
}

static int decode(void)
{
	return bpf_record_decode(&record, size(), 4096, &s);
}

static void make_victim(void)
{
	begin(OOM_RECORD_VICTIM, OOM_RECORD_F_SCOPED | OOM_RECORD_F_TASK | OOM_RECORD_F_MM |
					 OOM_RECORD_F_COUNTED | OOM_RECORD_F_LIMIT |
					 OOM_RECORD_F_CAUSE | OOM_RECORD_F_EXACT);
	record.r.when_ns = 12;
	record.r.began_ns = 11;
	record.r.trigger = (struct oom_record_task){ 1, 2, 3, 4, 5, "asks" };
	record.r.task = (struct oom_record_task){ 6, 7, 8, 9, 10, "dies" };
	record.r.oom_kill = 21;
	record.r.total_vm_pages = 100;
	record.r.anon_pages = 50;
	record.r.file_pages = 30;
	record.r.shmem_pages = 20;
	record.r.table_bytes = 12345;
	record.r.limit_pages = 64;
	record.r.usage_pages = 63;
	record.r.swap_limit_pages = INT64_MAX / 4096;
	record.r.total_pages = 64;
	record.r.gfp = 0xcc0;
	record.r.order = 2;
	record.r.constraint = 3;
	record.r.oom_score_adj = -999;
	record.r.victims = 77;
	PUT(OOM_RECORD_SLOT_LIMIT, 40, "top");
	PUT(OOM_RECORD_SLOT_MEMORY, 41, "leaf\0mid\0top");
	put_same(OOM_RECORD_SLOT_OWN, 41, OOM_RECORD_SLOT_MEMORY);
	PUT(OOM_RECORD_SLOT_TRIGGER, 42, "other\0top");
}

static void test_victim(void **state)
{
	(void)state;
	make_victim();
	assert_int_equal(decode(), 0);
	assert_int_equal(s.kind, SIGHTING_VICTIM);
	assert_true(s.in_oom && s.counted && s.exact && s.task_known);
	assert_false(s.v1);
	assert_int_equal(s.when_ns, 12);
	assert_int_equal(s.began_ns, 11);
	assert_int_equal(s.trigger.start_ns, 1);
	assert_int_equal(s.trigger.pid, 2);
	assert_int_equal(s.trigger.tid, 3);
	assert_int_equal(s.trigger.ns_pid, 4);
	assert_int_equal(s.trigger.uid, 5);
	assert_string_equal(s.trigger.comm, "asks");
	assert_int_equal(s.task.pid, 7);
	assert_string_equal(s.task.comm, "dies");
	assert_string_equal(sighting_path(&s, &s.limit), "/top");
	assert_string_equal(sighting_path(&s, &s.memory), "/top/mid/leaf");
	assert_string_equal(sighting_path(&s, &s.own), "/top/mid/leaf");
	assert_string_equal(sighting_path(&s, &s.trigger_memory), "/top/other");
	assert_int_equal(s.limit.id, 40);
	assert_int_equal(s.trigger_memory.id, 42);
	assert_true(s.own.whole && s.memory.whole);
	assert_false(s.own.outside || s.memory.outside || s.killed);
	assert_null(sighting_cmdline(&s));
	assert_int_equal(s.oom_score_adj, -999);
	assert_int_equal(s.shared_with, 0);
	assert_int_equal(s.victims, 0);
}

static void test_figures(void **state)
{
	(void)state;
	make_victim();
	assert_int_equal(decode(), 0);
	assert_int_equal(s.oom_kill, 21);
	assert_int_equal(s.total_vm_bytes, 100 * 4096);
	assert_int_equal(s.anon_bytes, 50 * 4096);
	assert_int_equal(s.file_bytes, 30 * 4096);
	assert_int_equal(s.shmem_bytes, 20 * 4096);
	assert_int_equal(s.table_bytes, 12345);
	assert_int_equal(s.limit_bytes, 64 * 4096);
	assert_int_equal(s.usage_bytes, 63 * 4096);
	assert_int_equal(s.swap_limit_bytes, BYTES_NONE);
	assert_int_equal(s.swap_usage_bytes, 0);
	assert_int_equal(s.total_bytes, 64 * 4096);
	assert_int_equal(s.gfp, 0xcc0);
	assert_int_equal(s.order, 2);
	assert_int_equal(s.constraint, OOM_CONSTRAINT_MEMCG);
}

/* What a flag does not name is not known, whatever the field holds. */
static void test_absent(void **state)
{
	(void)state;
	begin(OOM_RECORD_VICTIM, 0);
	record.r.began_ns = 5;
	record.r.oom_kill = 5;
	record.r.anon_pages = 5;
	record.r.limit_pages = 5;
	record.r.total_pages = 5;
	record.r.constraint = 3;
	assert_int_equal(decode(), 0);
	assert_false(s.in_oom || s.task_known || s.counted || s.exact || s.chosen);
	assert_false(s.limit.known || s.memory.known || s.own.known || s.trigger_memory.known);
	assert_null(sighting_path(&s, &s.memory));
	assert_int_equal(s.began_ns, 0);
	assert_int_equal(s.oom_kill, 0);
	assert_int_equal(s.anon_bytes, BYTES_NONE);
	assert_int_equal(s.table_bytes, BYTES_NONE);
	assert_int_equal(s.limit_bytes, BYTES_NONE);
	assert_int_equal(s.total_bytes, BYTES_NONE);
	assert_int_equal(s.constraint, OOM_CONSTRAINT_UNKNOWN);
}

/* A cgroup's limit has one constraint, before the kernel writes it down as well. */
static void test_constraint(void **state)
{
	static const struct {
		unsigned flags;
		uint32_t constraint;
		enum oom_constraint is;
	} table[] = {
		{ 0, 3, OOM_CONSTRAINT_UNKNOWN },
		{ OOM_RECORD_F_LIMIT, 0, OOM_CONSTRAINT_MEMCG },
		{ OOM_RECORD_F_CAUSE, 0, OOM_CONSTRAINT_NONE },
		{ OOM_RECORD_F_CAUSE, 1, OOM_CONSTRAINT_CPUSET },
		{ OOM_RECORD_F_CAUSE, 2, OOM_CONSTRAINT_MEMORY_POLICY },
		{ OOM_RECORD_F_CAUSE, 3, OOM_CONSTRAINT_MEMCG },
		{ OOM_RECORD_F_CAUSE, 4, OOM_CONSTRAINT_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		begin(OOM_RECORD_END, table[i].flags);
		record.r.constraint = table[i].constraint;
		assert_int_equal(decode(), 0);
		assert_int_equal(s.constraint, table[i].is);
	}
}

static void test_kinds(void **state)
{
	(void)state;
	begin(OOM_RECORD_COLLATERAL, 0);
	record.r.victims = 9;
	assert_int_equal(decode(), 0);
	assert_int_equal(s.kind, SIGHTING_COLLATERAL);
	assert_int_equal(s.shared_with, 9);
	begin(OOM_RECORD_END, OOM_RECORD_F_CHOSEN);
	record.r.victims = 9;
	assert_int_equal(decode(), 0);
	assert_int_equal(s.kind, SIGHTING_END);
	assert_int_equal(s.victims, 9);
	assert_true(s.chosen);
	begin(OOM_RECORD_LIMIT, 0);
	assert_int_equal(decode(), 0);
	assert_int_equal(s.kind, SIGHTING_LIMIT);
	begin(0, 0);
	assert_int_equal(decode(), -EBADMSG);
	begin(OOM_RECORD_END + 1, 0);
	assert_int_equal(decode(), -EBADMSG);
}

static void test_paths(void **state)
{
	(void)state;
	/* Two hierarchies have a root each, under one id. */
	begin(OOM_RECORD_VICTIM, OOM_RECORD_F_V1);
	put_path(OOM_RECORD_SLOT_MEMORY, 1, "", 0);
	put_path(OOM_RECORD_SLOT_OWN, 1, "", 0);
	assert_int_equal(decode(), 0);
	assert_true(s.v1);
	assert_string_equal(sighting_path(&s, &s.memory), "/");
	assert_string_equal(sighting_path(&s, &s.own), "/");
	assert_ptr_not_equal(sighting_path(&s, &s.memory), sighting_path(&s, &s.own));

	begin(OOM_RECORD_VICTIM, 0);
	PUT(OOM_RECORD_SLOT_MEMORY, 1, "c\0b");
	record.r.paths[OOM_RECORD_SLOT_MEMORY].flags |= OOM_RECORD_PATH_CUT;
	put_path(OOM_RECORD_SLOT_OWN, 2, "", 0);
	record.r.paths[OOM_RECORD_SLOT_OWN].flags |= OOM_RECORD_PATH_CUT;
	assert_int_equal(decode(), 0);
	assert_string_equal(sighting_path(&s, &s.memory), "b/c");
	assert_string_equal(sighting_path(&s, &s.own), "");
	assert_false(s.memory.whole || s.own.whole);
}

/* With whom a slot shares its path, it shares what is true of it. */
static void test_outside(void **state)
{
	(void)state;
	make_victim();
	record.r.paths[OOM_RECORD_SLOT_MEMORY].flags |= OOM_RECORD_PATH_OUTSIDE;
	assert_int_equal(decode(), 0);
	assert_true(s.memory.outside && s.own.outside && s.memory.whole && s.own.whole);
	assert_false(s.limit.outside || s.trigger_memory.outside);
	assert_string_equal(sighting_path(&s, &s.own), "/top/mid/leaf");
}

static void test_killed(void **state)
{
	(void)state;
	begin(OOM_RECORD_VICTIM, OOM_RECORD_F_KILLED);
	assert_int_equal(decode(), 0);
	assert_true(s.killed);
	begin(OOM_RECORD_VICTIM, 0);
	assert_int_equal(decode(), 0);
	assert_false(s.killed);
	begin(OOM_RECORD_END, OOM_RECORD_F_KILLED);
	assert_int_equal(decode(), 0);
	assert_false(s.killed);
}

static void test_cmdline(void **state)
{
	static const struct {
		const char *args;
		size_t bytes;
		const char *is;
	} table[] = {
		{ "a", 1, "a" },
		{ "a\0", 2, "a" },
		{ "a\0b c\0\0d\0", 9, "a b c  d" },
		{ "\0\0", 2, "" },
		{ "\0a\0\0\0", 5, " a" },
		{ "\xff\033[1m\n\0\"", 8, "\xff\033[1m\n \"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		make_victim();
		put_args(table[i].args, table[i].bytes);
		assert_int_equal(decode(), 0);
		assert_string_equal(sighting_cmdline(&s), table[i].is);
		assert_false(s.cmdline_cut);
		assert_string_equal(sighting_path(&s, &s.trigger_memory), "/top/other");
	}
}

static void test_cmdline_bounds(void **state)
{
	char args[OOM_RECORD_ARGS + 1];

	(void)state;
	memset(args, 'x', sizeof(args));
	make_victim();
	record.r.flags |= OOM_RECORD_F_ARGS_CUT;
	put_args(args, OOM_RECORD_ARGS);
	assert_int_equal(decode(), 0);
	assert_int_equal(strlen(sighting_cmdline(&s)), OOM_RECORD_ARGS);
	assert_true(s.cmdline_cut);

	make_victim();
	put_args(args, OOM_RECORD_ARGS + 1);
	assert_int_equal(decode(), -EBADMSG);
	make_victim();
	record.r.flags |= OOM_RECORD_F_ARGS_CUT;
	put_args(args, OOM_RECORD_ARGS - 1);
	assert_int_equal(decode(), -EBADMSG);
	begin(OOM_RECORD_COLLATERAL, 0);
	put_args(args, 1);
	assert_int_equal(decode(), -EBADMSG);
}

static void test_longest(void **state)
{
	char names[OOM_RECORD_NAMES], args[OOM_RECORD_ARGS];

	(void)state;
	memset(names, 'x', sizeof(names));
	for (size_t at = OOM_RECORD_NAME - 1; at < sizeof(names); at += OOM_RECORD_NAME)
		names[at] = '\0';
	begin(OOM_RECORD_VICTIM, 0);
	put_path(OOM_RECORD_SLOT_LIMIT, 1, "", 0);
	put_path(OOM_RECORD_SLOT_MEMORY, 1, names, sizeof(names));
	put_path(OOM_RECORD_SLOT_OWN, 1, "", 0);
	put_path(OOM_RECORD_SLOT_TRIGGER, 1, "", 0);
	memset(args, 'y', sizeof(args));
	put_args(args, sizeof(args));
	assert_int_equal(decode(), 0);
	assert_int_equal(strlen(sighting_path(&s, &s.memory)), OOM_RECORD_NAMES);
	assert_int_equal(strlen(sighting_cmdline(&s)), OOM_RECORD_ARGS);
	assert_true(sighting_cmdline(&s) + OOM_RECORD_ARGS < s.text + sizeof(s.text));
	assert_string_equal(sighting_path(&s, &s.trigger_memory), "/");
	assert_true(sighting_path(&s, &s.trigger_memory) + 2 <= s.text + sizeof(s.text));
}

static void bad_path(const char *names, size_t bytes)
{
	begin(OOM_RECORD_VICTIM, 0);
	put_path(OOM_RECORD_SLOT_MEMORY, 1, names, bytes);
	assert_int_equal(decode(), -EBADMSG);
	assert_int_equal(s.when_ns, 0x5a5a5a5a5a5a5a5a);
}

static void test_malformed(void **state)
{
	char deep[2 * (OOM_RECORD_LEVELS + 1)];

	(void)state;
	bad_path("leaf", 4);
	bad_path("", 1);
	bad_path("a\0\0b", 5);
	bad_path("a/b", 4);
	for (size_t i = 0; i < sizeof(deep); i += 2)
		memcpy(deep + i, "a", 2);
	bad_path(deep, sizeof(deep));

	begin(OOM_RECORD_VICTIM, OOM_RECORD_F_ALL + 1);
	assert_int_equal(decode(), -EBADMSG);
	begin(OOM_RECORD_VICTIM, 0);
	PUT(OOM_RECORD_SLOT_MEMORY, 1, "leaf");
	record.r.paths[OOM_RECORD_SLOT_MEMORY].flags = 0; /* bytes of nobody */
	assert_int_equal(decode(), -EBADMSG);
	begin(OOM_RECORD_VICTIM, 0);
	record.r.paths[OOM_RECORD_SLOT_MEMORY].flags = OOM_RECORD_PATH_ALL + 1;
	assert_int_equal(decode(), -EBADMSG);
	begin(OOM_RECORD_VICTIM, 0);
	put_same(OOM_RECORD_SLOT_MEMORY, 1, OOM_RECORD_SLOT_LIMIT); /* which is not there */
	assert_int_equal(decode(), -EBADMSG);
	begin(OOM_RECORD_VICTIM, 0);
	PUT(OOM_RECORD_SLOT_OWN, 1, "leaf");
	put_same(OOM_RECORD_SLOT_MEMORY, 1, OOM_RECORD_SLOT_OWN); /* which comes later */
	assert_int_equal(decode(), -EBADMSG);
	begin(OOM_RECORD_VICTIM, 0);
	put_same(OOM_RECORD_SLOT_MEMORY, 1, OOM_RECORD_SLOT_MEMORY);
	assert_int_equal(decode(), -EBADMSG);
}

/* A record cut off anywhere, or with bytes behind it, is none. */
static void test_sizes(void **state)
{
	size_t whole;

	(void)state;
	begin(OOM_RECORD_VICTIM, 0);
	PUT(OOM_RECORD_SLOT_MEMORY, 1, "leaf\0top");
	put_args("a\0b", 4);
	whole = size();
	for (size_t n = 0; n <= whole + 8; n++)
		assert_int_equal(bpf_record_decode(&record, n, 4096, &s),
				 n == whole ? 0 : -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_victim),         cmocka_unit_test(test_figures),
		cmocka_unit_test(test_absent),         cmocka_unit_test(test_constraint),
		cmocka_unit_test(test_kinds),          cmocka_unit_test(test_paths),
		cmocka_unit_test(test_longest),        cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_sizes),          cmocka_unit_test(test_outside),
		cmocka_unit_test(test_killed),         cmocka_unit_test(test_cmdline),
		cmocka_unit_test(test_cmdline_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
