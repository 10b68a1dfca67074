/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What JSON says of an incident: each key with a value, and without
 *
 * A key is named by its path, "victim.pid", and its value by its JSON. That there are no other keys is
 * checked by their number.
 */
#include "cmocka_all.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail_malloc.h"
#include "sink/json.h"

#define ID1 "4cc818a75eb691c5efb9c943b0c3a26ec8e0a05acb60bef4717315e65d671774"
#define ID2 "c46bafd57b2ef55a23c1319893c8aa5bfca24872bd95258700a51059941fb69e"
#define POD_UID "73dc8baf-43a0-413e-aac2-5eb0868f6c1a"
#define POD_UID_ "73dc8baf_43a0_413e_aac2_5eb0868f6c1a"

struct want {
	const char *path;
	const char *json;
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct oomn_event *make(enum event_kind kind, const char *cgroup)
{
	struct oomn_event *e = event_new(kind);

	assert_non_null(e);
	e->seq = 1;
	e->hierarchy = HIERARCHY_V2;
	e->evidence = EVIDENCE_BPF;
	e->cgroup = strdup(cgroup);
	return e;
}

static json_t *encode(const struct oomn_event *e)
{
	char *line = NULL;
	json_t *object;

	assert_int_equal(json_encode_event(e, &line), 0);
	object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(object);
	free(line);
	return object;
}

/* The value at @path below @object; NULL if there is no such key. */
static json_t *at(json_t *object, const char *path)
{
	char copy[64];
	char *rest;

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *key = strtok_r(copy, ".", &rest); key; key = strtok_r(NULL, ".", &rest))
		object = json_object_get(object, key);
	return object;
}

static void expect_all(json_t *object, const struct want *want, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_t *value = at(object, want[i].path);
		char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

		if (!text || strcmp(text, want[i].json) != 0)
			fail_msg("%s is %s and not %s", want[i].path, text ? text : "missing",
				 want[i].json);
		free(text);
	}
}

/* @e says @want, and each of the objects that are named in it has no other keys. */
static void expect(struct oomn_event *e, const char *of, const struct want *want, size_t n)
{
	json_t *object = encode(e);

	expect_all(object, want, n);
	if (of)
		assert_int_equal(json_object_size(at(object, of)), n);
	json_decref(object);
	event_free(e);
}

static struct oomn_process *full_process(void)
{
	struct oomn_process *p = oom_process_new();

	assert_non_null(p);
	p->id = (struct task_id){ .pid = 4711, .tid = 4712, .ns_pid = 3, .uid = 0, .start_ns = 99 };
	strcpy(p->id.comm, "\033[31m\n\"\\\303\250\377456");
	p->cgroup = strdup("/a\n");
	p->cgroup_id = 5;
	p->own_cgroup = strdup("/a/\377");
	p->own_cgroup_id = 6;
	p->total_vm_bytes = 10;
	p->anon_bytes = 0;
	p->file_bytes = 12;
	p->shmem_bytes = 13;
	p->table_bytes = 14;
	p->exact = true;
	p->oom_score_adj = -1000;
	p->cmdline = strdup("java -jar \033");
	return p;
}

#define COMM "\"\\\\x1b[31m\\\\x0a\\\"\\\\x5c\303\250\\\\xff456\""

static void a_victim_with_all(void **state)
{
	static const struct want want[] = {
		{ "victim.pid", "4711" },
		{ "victim.tid", "4712" },
		{ "victim.ns_pid", "3" },
		{ "victim.uid", "0" },
		{ "victim.comm", COMM },
		{ "victim.start_ns", "99" },
		{ "victim.oom_score_adj", "-1000" },
		{ "victim.total_vm_bytes", "10" },
		{ "victim.anon_bytes", "0" },
		{ "victim.file_bytes", "12" },
		{ "victim.shmem_bytes", "13" },
		{ "victim.page_table_bytes", "14" },
		{ "victim.exact", "true" },
		{ "victim.cgroup", "\"/a\\\\x0a\"" },
		{ "victim.cgroup_id", "5" },
		{ "victim.own_cgroup", "\"/a/\\\\xff\"" },
		{ "victim.own_cgroup_id", "6" },
		{ "victim.cmdline", "\"java -jar \\\\x1b\"" },
	};
	struct oomn_event *e = make(EVENT_KILL, "/a");

	(void)state;
	e->victim = full_process();
	expect(e, "victim", want, N(want));
}

static void a_victim_of_which_nothing_is_known(void **state)
{
	static const struct want want[] = {
		{ "victim.pid", "null" },           { "victim.tid", "null" },
		{ "victim.ns_pid", "null" },        { "victim.uid", "null" },
		{ "victim.comm", "null" },          { "victim.start_ns", "null" },
		{ "victim.oom_score_adj", "null" }, { "victim.total_vm_bytes", "null" },
		{ "victim.anon_bytes", "null" },    { "victim.file_bytes", "null" },
		{ "victim.shmem_bytes", "null" },   { "victim.page_table_bytes", "null" },
		{ "victim.exact", "null" },         { "victim.cgroup", "null" },
		{ "victim.cgroup_id", "null" },     { "victim.own_cgroup", "null" },
		{ "victim.own_cgroup_id", "null" }, { "victim.cmdline", "null" },
	};
	struct oomn_event *e = make(EVENT_KILL, "/a");

	(void)state;
	e->victim = oom_process_new();
	expect(e, "victim", want, N(want));
}

static void a_trigger_with_all_and_with_nothing(void **state)
{
	static const struct want all[] = {
		{ "trigger.pid", "4711" },    { "trigger.tid", "4712" },
		{ "trigger.ns_pid", "3" },    { "trigger.uid", "0" },
		{ "trigger.comm", COMM },     { "trigger.start_ns", "99" },
		{ "trigger.cgroup_id", "5" }, { "trigger.cgroup", "\"/a\\\\x0a\"" },
	};
	static const struct want nothing[] = {
		{ "trigger.pid", "null" },       { "trigger.tid", "null" },
		{ "trigger.ns_pid", "null" },    { "trigger.uid", "null" },
		{ "trigger.comm", "null" },      { "trigger.start_ns", "null" },
		{ "trigger.cgroup_id", "null" }, { "trigger.cgroup", "null" },
	};
	struct oomn_event *e = make(EVENT_OOM, "/a");

	(void)state;
	e->trigger = full_process();
	expect(e, "trigger", all, N(all));
	e = make(EVENT_OOM, "/a");
	e->trigger = oom_process_new();
	expect(e, "trigger", nothing, N(nothing));
}

/* Sizes that may be off say so, and an empty name of a process that was seen is one. */
static void exact_and_empty(void **state)
{
	static const struct want want[] = {
		{ "victim.exact", "false" },
		{ "victim.comm", "\"\"" },
	};
	static const uint64_t sizes[][3] = {
		{ 1, BYTES_NONE, BYTES_NONE },
		{ BYTES_NONE, 1, BYTES_NONE },
		{ BYTES_NONE, BYTES_NONE, 1 },
	};

	(void)state;
	for (size_t i = 0; i < N(sizes); i++) {
		struct oomn_event *e = make(EVENT_KILL, "/a");

		e->victim = oom_process_new();
		e->victim->id.pid = 1;
		e->victim->anon_bytes = sizes[i][0];
		e->victim->file_bytes = sizes[i][1];
		e->victim->shmem_bytes = sizes[i][2];
		expect(e, NULL, want, N(want));
	}
}

static void the_incident(void **state)
{
	static const struct want want[] = {
		{ "seq", "1" },
		{ "incident", "12" },
		{ "constraint", "\"memcg\"" },
		{ "order", "0" },
		{ "total_bytes", "67108864" },
		{ "limit.cgroup", "\"/\"" },
		{ "limit.cgroup_id", "8" },
		{ "limit.bytes", "1" },
		{ "limit.usage_bytes", "0" },
		{ "limit.swap_bytes", "3" },
		{ "limit.swap_usage_bytes", "4" },
	};
	struct oomn_event *e = make(EVENT_OOM, "/a");

	(void)state;
	e->incident = 12;
	e->constraint = OOM_CONSTRAINT_MEMCG;
	e->order = 0;
	e->total_bytes = 67108864;
	e->limit_cgroup = strdup("/");
	e->limit_id = 8;
	e->limit_bytes = 1;
	e->usage_bytes = 0;
	e->swap_limit_bytes = 3;
	e->swap_usage_bytes = 4;
	expect(e, NULL, want, N(want));
}

static void a_limit_outside(void **state)
{
	static const struct want want[] = {
		{ "limit.cgroup", "null" },     { "limit.cgroup_id", "8" },
		{ "limit.bytes", "4096" },      { "limit.usage_bytes", "null" },
		{ "limit.swap_bytes", "null" }, { "limit.swap_usage_bytes", "null" },
		{ "limit.outside", "true" },
	};
	struct oomn_event *e = make(EVENT_KILL, "/a");

	(void)state;
	e->limit_outside = true;
	e->limit_id = 8;
	e->limit_bytes = 4096;
	expect(e, "limit", want, N(want));
}

static void a_limit_without_a_name(void **state)
{
	static const struct want bytes[] = { { "limit.cgroup", "null" }, { "limit.bytes", "0" } };
	static const struct want id[] = { { "limit.cgroup", "null" }, { "limit.cgroup_id", "9" } };
	static const struct want none = { "limit", "null" };
	struct oomn_event *e = make(EVENT_KILL, "/a");

	(void)state;
	e->limit_bytes = 0;
	expect(e, NULL, bytes, N(bytes));
	e = make(EVENT_KILL, "/a");
	e->limit_id = 9;
	expect(e, NULL, id, N(id));
	expect(make(EVENT_KILL, "/a"), NULL, &none, 1);
}

static void each_constraint_and_order(void **state)
{
	static const char *const names[OOM_CONSTRAINT_MAX] = {
		[OOM_CONSTRAINT_UNKNOWN] = "null",
		[OOM_CONSTRAINT_NONE] = "\"none\"",
		[OOM_CONSTRAINT_CPUSET] = "\"cpuset\"",
		[OOM_CONSTRAINT_MEMORY_POLICY] = "\"mempolicy\"",
		[OOM_CONSTRAINT_MEMCG] = "\"memcg\"",
	};
	const struct {
		int order;
		const char *json;
	} orders[] = { { OOM_ORDER_NONE, "null" }, { -1, "-1" }, { 0, "0" }, { 10, "10" } };

	(void)state;
	for (size_t i = 0; i < N(names); i++) {
		struct oomn_event *e = make(EVENT_OOM, "/");
		const struct want want = { "constraint", names[i] };

		e->constraint = (enum oom_constraint)i;
		expect(e, NULL, &want, 1);
	}
	for (size_t i = 0; i < N(orders); i++) {
		struct oomn_event *e = make(EVENT_OOM, "/");
		const struct want want = { "order", orders[i].json };

		e->order = orders[i].order;
		expect(e, NULL, &want, 1);
	}
}

static void keys_of_one_kind_only(void **state)
{
	(void)state;
	for (enum event_kind kind = 0; kind < EVENT_KIND_MAX; kind++) {
		struct oomn_event *e = make(kind, "/a");
		json_t *object;

		e->shared_with = 4711;
		object = encode(e);
		assert_int_equal(json_object_get(object, "shared_with") != NULL,
				 kind == EVENT_COLLATERAL);
		assert_int_equal(json_object_get(object, "details") != NULL, kind == EVENT_DETAILS);
		if (kind == EVENT_COLLATERAL)
			assert_int_equal(json_integer_value(json_object_get(object, "shared_with")),
					 4711);
		json_decref(object);
		event_free(e);
	}
}

static void identities(void **state)
{
	static const struct want nothing = { "identity", "null" };
	static const struct {
		const char *cgroup;
		struct want want[8];
	} cases[] = {
		{ "/user.slice/user-1000.slice/session-3.scope",
		  { { "identity.slice", "\"user-1000.slice\"" },
		    { "identity.unit", "\"session-3.scope\"" },
		    { "identity.session", "\"3\"" },
		    { "identity.uid", "1000" } } },
		{ "/user.slice/user-0.slice/user@0.service/app.slice/a\\x2db.service",
		  { { "identity.slice", "\"user-0.slice\"" },
		    { "identity.unit", "\"user@0.service\"" },
		    { "identity.user_slice", "\"app.slice\"" },
		    { "identity.user_unit", "\"a\\\\x5cx2db.service\"" },
		    { "identity.uid", "0" } } },
		{ "/machine.slice/machine-my\\x2dbox\\xff.scope/payload/init.scope",
		  { { "identity.slice", "\"machine.slice\"" },
		    { "identity.unit", "\"machine-my\\\\x5cx2dbox\\\\x5cxff.scope\"" },
		    { "identity.runtime", "\"machine\"" },
		    { "identity.container", "\"my\\\\x5cx2dbox\\\\x5cxff\"" },
		    { "identity.machine", "\"my-box\\\\xff\"" },
		    { "identity.inner_unit", "\"init.scope\"" } } },
		{ "/kubepods/burstable/pod" POD_UID "/" ID1,
		  { { "identity.container", "\"" ID1 "\"" },
		    { "identity.pod", "\"" POD_UID "\"" },
		    { "identity.qos", "\"Burstable\"" } } },
		{ "/docker/" ID1 "/kubepods.slice/kubepods-pod" POD_UID_
		  ".slice/cri-containerd-" ID2 ".scope",
		  { { "identity.runtime", "\"containerd\"" },
		    { "identity.container", "\"" ID2 "\"" },
		    { "identity.outer_runtime", "\"docker\"" },
		    { "identity.outer_container", "\"" ID1 "\"" },
		    { "identity.pod", "\"" POD_UID "\"" },
		    { "identity.qos", "\"Guaranteed\"" } } },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		size_t n = 0;

		while (n < 8 && cases[i].want[n].path)
			n++;
		expect(make(EVENT_KILL, cases[i].cgroup), "identity", cases[i].want, n);
	}
	expect(make(EVENT_KILL, "/"), NULL, &nothing, 1);
	expect(make(EVENT_KILL, "/jobs/42"), NULL, &nothing, 1);
}

static struct oomn_event *full_details(void)
{
	struct oomn_event *e = make(EVENT_DETAILS, "/a");
	struct oom_details *d = oom_details_new();

	assert_non_null(d);
	e->seq = 0;
	e->details = d;
	d->victim_pid = 4711;
	d->cmdline = strdup("a\tb");
	d->exe = strdup("/bin/\377 (deleted)");
	d->limit_bytes = 1;
	d->usage_bytes = 2;
	d->peak_bytes = 0;
	d->stat = (struct details_stat){ 4, 5, 6, 7, 8, 9 };
	for (unsigned i = 0; i < DETAILS_LARGEST; i++)
		d->largest[i] =
			(struct details_process){ i + 1, "\n", i == 1 ? BYTES_NONE : 100 - i };
	d->largest_n = DETAILS_LARGEST;
	d->looked = DETAILS_LOOKED;
	d->more = true;
	d->timed_out = true;
	return e;
}

static void details_with_all(void **state)
{
	static const struct want want[] = {
		{ "details.victim_pid", "4711" },
		{ "details.cmdline", "\"a\\\\x09b\"" },
		{ "details.exe", "\"/bin/\\\\xff (deleted)\"" },
		{ "details.limit_bytes", "1" },
		{ "details.usage_bytes", "2" },
		{ "details.peak_bytes", "0" },
		{ "details.stat",
		  "{\"anon\":4,\"file\":5,\"kernel\":6,\"slab\":7,\"sock\":8,\"shmem\":9}" },
		{ "details.processes", "[{\"pid\":1,\"comm\":\"\\\\x0a\",\"rss_bytes\":100},"
				       "{\"pid\":2,\"comm\":\"\\\\x0a\",\"rss_bytes\":null},"
				       "{\"pid\":3,\"comm\":\"\\\\x0a\",\"rss_bytes\":98},"
				       "{\"pid\":4,\"comm\":\"\\\\x0a\",\"rss_bytes\":97},"
				       "{\"pid\":5,\"comm\":\"\\\\x0a\",\"rss_bytes\":96}]" },
		{ "details.looked", "256" },
		{ "details.more", "true" },
		{ "details.timed_out", "true" },
	};
	static const struct want no_number = { "seq", "null" };

	(void)state;
	expect(full_details(), "details", want, N(want));
	expect(full_details(), NULL, &no_number, 1);
}

static void details_with_nothing(void **state)
{
	static const struct want want[] = {
		{ "details.victim_pid", "null" },
		{ "details.cmdline", "null" },
		{ "details.exe", "null" },
		{ "details.limit_bytes", "null" },
		{ "details.usage_bytes", "null" },
		{ "details.peak_bytes", "null" },
		{ "details.stat", "{\"anon\":null,\"file\":null,\"kernel\":null,\"slab\":null,"
				  "\"sock\":null,\"shmem\":null}" },
		{ "details.processes", "[]" },
		{ "details.looked", "0" },
		{ "details.more", "false" },
		{ "details.timed_out", "false" },
	};
	struct oomn_event *e = make(EVENT_DETAILS, "/a");

	(void)state;
	e->details = oom_details_new();
	expect(e, "details", want, N(want));
}

/* A string of @n bytes, each of which takes four when it is escaped. */
static char *longest(size_t n)
{
	char *text = malloc(n + 1);

	assert_non_null(text);
	memset(text, 0xff, n);
	text[n] = '\0';
	return text;
}

static void names_of_any_length(void **state)
{
	static const char *const paths[] = { "cgroup", "limit.cgroup", "victim.cgroup",
					     "victim.own_cgroup", "victim.cmdline" };
	const size_t n = 65536;
	struct oomn_event *e = make(EVENT_KILL, "/a");
	json_t *object;

	(void)state;
	free(e->cgroup);
	e->cgroup = longest(n);
	e->limit_cgroup = longest(n);
	e->victim = oom_process_new();
	memset(e->victim->id.comm, 0xff, TASK_COMM_MAX - 1);
	e->victim->cgroup = longest(n);
	e->victim->own_cgroup = longest(n);
	e->victim->cmdline = longest(n);
	object = encode(e);
	for (size_t i = 0; i < N(paths); i++)
		assert_int_equal(json_string_length(at(object, paths[i])), 4 * n);
	assert_int_equal(json_string_length(at(object, "victim.comm")), 4 * (TASK_COMM_MAX - 1));
	json_decref(object);
	event_free(e);
}

struct encoding {
	const struct oomn_event *event;
	char *line;
};

static int encode_line(void *ctx)
{
	struct encoding *c = ctx;

	return json_encode_event(c->event, &c->line);
}

static void free_line(void *ctx)
{
	free(((struct encoding *)ctx)->line);
}

static size_t fail_each(const struct oomn_event *e)
{
	struct encoding c = { .event = e };
	const struct fail_malloc_case each = { .run = encode_line,
					       .undo = free_line,
					       .ctx = &c,
					       .out = &c.line,
					       .out_size = sizeof(c.line) };

	return fail_malloc_each(&each);
}

static void memory_fails_at_every_place(void **state)
{
	struct oomn_event *e =
		make(EVENT_COLLATERAL, "/docker/" ID1 "/kubepods.slice/kubepods-pod" POD_UID_
				       ".slice/cri-containerd-" ID2 ".scope");

	(void)state;
	json_set_alloc_funcs(malloc, free); /* ours, which fail */
	e->victim = full_process();
	e->trigger = full_process();
	e->limit_outside = true;
	e->limit_cgroup = strdup("/");
	assert_true(fail_each(e) > 80); /* each key and value at least */
	event_free(e);
	e = full_details();
	assert_true(fail_each(e) > 60);
	event_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_victim_with_all),
		cmocka_unit_test(a_victim_of_which_nothing_is_known),
		cmocka_unit_test(a_trigger_with_all_and_with_nothing),
		cmocka_unit_test(exact_and_empty),
		cmocka_unit_test(the_incident),
		cmocka_unit_test(a_limit_outside),
		cmocka_unit_test(a_limit_without_a_name),
		cmocka_unit_test(each_constraint_and_order),
		cmocka_unit_test(keys_of_one_kind_only),
		cmocka_unit_test(identities),
		cmocka_unit_test(details_with_all),
		cmocka_unit_test(details_with_nothing),
		cmocka_unit_test(names_of_any_length),
		cmocka_unit_test(memory_fails_at_every_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
