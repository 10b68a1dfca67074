/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the doctor concludes from facts, and how he writes it down. */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/doctor.h"
#include "cli/fold.h"
#include "fail_malloc.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define ODD "/mnt/\033[31m\xff"

static const char *v1_why;

static int probe_v1(const struct cgroup_host *host, struct source_probe *ret)
{
	*ret = (struct source_probe){ .usable = host->v1.has_memory, .why = v1_why };
	if (!ret->usable)
		ret->why = "no cgroup v1 hierarchy is mounted";
	return 0;
}

static int probe_v2(const struct cgroup_host *host, struct source_probe *ret)
{
	*ret = (struct source_probe){ .usable = host->v2.has_memory };
	if (!ret->usable)
		ret->why = "the memory controller is not on cgroup v2";
	return 0;
}

static const struct source_ops v1_ops = { .name = "v1_eventfd", .probe = probe_v1 };
static const struct source_ops v2_ops = { .name = "memory_events", .probe = probe_v2 };
static const struct source_ops *const both[] = { &v2_ops, &v1_ops };

/* A machine where all is well. */
struct machine {
	struct cgroup_host host;
	struct facts facts;
	struct bpf_oom_report bpf;
	size_t built_n;
};

static void no_bpf(struct machine *m)
{
	m->bpf = (struct bpf_oom_report){ .level = BPF_OOM_NONE };
	for (unsigned i = 0; i < BPF_OOM_LEVELS; i++) {
		m->bpf.levels[i].tried = BPF_OOM_FAILED;
		strcpy(m->bpf.levels[i].why, "no CAP_BPF");
	}
}

/* From @level down all work. */
static void with_bpf(struct machine *m, enum bpf_oom_level level)
{
	no_bpf(m);
	m->bpf.level = level;
	for (unsigned i = level; i < BPF_OOM_LEVELS; i++)
		m->bpf.levels[i].tried = BPF_OOM_WORKS;
}

static struct machine machine(enum hierarchy h)
{
	struct machine m = {
		.facts = { .release = "6.1.0",
			   .machine = "x86_64",
			   .layout = h == HIERARCHY_V1 ? FACTS_LAYOUT_V1 : FACTS_LAYOUT_V2,
			   .memory = h,
			   .counters_exist = FACT_YES,
			   .counters_readable = FACT_YES,
			   .event_control_writable = FACT_UNKNOWN,
			   .use_hierarchy = FACT_UNKNOWN,
			   .oom_group = FACT_UNKNOWN,
			   .oom_group_kill = FACT_UNKNOWN,
			   .psi = FACT_YES,
			   .kmsg_readable = FACT_YES,
			   .vmstat_oom_kill = FACT_YES,
			   .inotify = FACT_YES,
			   .descriptors = FACT_YES,
			   .inotify_watches = 8200,
			   .inotify_instances = 128,
			   .inotify_queue = 16384,
			   .nofile_soft = 1024,
			   .nofile_hard = 524288,
			   .swap_total_bytes = FACT_NUMBER_UNKNOWN,
			   .have_capabilities = true,
			   .capabilities = UINT64_C(1) << CAP_SYSLOG },
		.built_n = 2,
	};
	no_bpf(&m);
	struct cgroup_mount *mount = h == HIERARCHY_V1 ? &m.host.v1 : &m.host.v2;

	if (h == HIERARCHY_V1) {
		m.facts.event_control_writable = FACT_YES;
		m.facts.use_hierarchy = FACT_YES;
	} else {
		m.facts.oom_group = FACT_YES;
		m.facts.oom_group_kill = FACT_YES;
	}
	*mount = (struct cgroup_mount){ .root_fd = -1,
					.where = strdup(ODD),
					.root = strdup("/"),
					.has_memory = true,
					.real_root = true };
	return m;
}

static void machine_done(struct machine *m)
{
	free(m->host.v1.where);
	free(m->host.v1.root);
	free(m->host.v2.where);
	free(m->host.v2.root);
}

static void report(const struct machine *m, struct doctor_report *ret)
{
	doctor_report_make(ret, &(struct doctor_findings){ .host = &m->host,
							   .facts = &m->facts,
							   .bpf = &m->bpf,
							   .built = both,
							   .built_n = m->built_n });
}

/* "works: id id …", the sources that can be used in front: "v1_eventfd kmsg vmstat works: …" */
static void check(const struct machine *m, const char *want)
{
	struct doctor_report r;
	char got[1024];
	size_t n = 0;

	report(m, &r);
	for (size_t i = 0; i < DOCTOR_SOURCES; i++) {
		assert_true(r.sources[i].usable || r.sources[i].why);
		if (r.sources[i].usable)
			n += (size_t)snprintf(got + n, sizeof(got) - n, "%s ", r.sources[i].name);
	}
	n += (size_t)snprintf(got + n, sizeof(got) - n, "%s:", r.works ? "works" : "fails");
	for (size_t i = 0; i < r.notes_n; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, " %s", r.notes[i].id);
	assert_string_equal(got, want);
}

static void on_v2(void **state)
{
	struct machine m = machine(HIERARCHY_V2);

	(void)state;
	check(&m, "memory_events kmsg vmstat works: within_10ms removed_counted victims_by_kmsg");
	m.facts.kmsg_readable = FACT_NO;
	check(&m, "memory_events vmstat works: within_10ms removed_counted victims_unnamed");
	m.host.v2.local_events = true;
	check(&m, "memory_events vmstat works: within_10ms localevents victims_unnamed");
	m.host.v2.local_events = false;
	m.facts.oom_group_kill = FACT_NO;
	check(&m, "memory_events vmstat works: within_10ms removed_counted "
		  "group_kills_uncounted victims_unnamed");
	m.facts.oom_group = FACT_NO;
	m.facts.counters_exist = FACT_NO;
	m.facts.counters_readable = FACT_UNKNOWN;
	check(&m, "memory_events vmstat works: within_10ms removed_counted no_counters "
		  "victims_unnamed");
	m.facts.counters_exist = FACT_YES;
	m.host.namespaced = true;
	m.host.v2.real_root = false;
	check(&m, "memory_events works: within_10ms removed_counted victims_unnamed part");
	m.host.v2.real_root = true;
	m.facts.panic_on_oom = 1;
	m.facts.overcommit_memory = 2;
	m.facts.euid = 1000;
	m.facts.vmstat_oom_kill = FACT_UNKNOWN;
	check(&m, "memory_events works: within_10ms removed_counted victims_unnamed panic_on_oom "
		  "overcommit not_root");
	m.facts.counters_readable = FACT_NO;
	check(&m, "memory_events fails: unreadable");
	m.facts.counters_readable = FACT_YES;
	m.facts.inotify = FACT_NO;
	check(&m, "memory_events fails: no_inotify");
	m.built_n = 0;
	check(&m, "fails: no_source");
	machine_done(&m);
}

static void by_bpf(void **state)
{
	struct machine m = machine(HIERARCHY_V2);
	struct doctor_report r;

	(void)state;
	m.facts.kmsg_readable = FACT_NO;
	with_bpf(&m, BPF_OOM_FENTRY);
	check(&m, "memory_events bpf bpf-fentry bpf-kprobe bpf-tracepoint vmstat works: "
		  "before_the_kill removed_counted victims_named");
	with_bpf(&m, BPF_OOM_KPROBE);
	check(&m, "memory_events bpf bpf-kprobe bpf-tracepoint vmstat works: before_the_kill "
		  "removed_counted victims_named");
	report(&m, &r);
	assert_string_equal(r.sources[3].why, "no CAP_BPF");
	with_bpf(&m, BPF_OOM_TRACEPOINT);
	check(&m, "memory_events bpf bpf-tracepoint vmstat works: within_10ms removed_counted "
		  "victims_named");
	no_bpf(&m);
	report(&m, &r);
	assert_string_equal(r.sources[2].why, "no CAP_BPF");
	machine_done(&m);
	m = machine(HIERARCHY_V1);
	v1_why = NULL;
	with_bpf(&m, BPF_OOM_TRACEPOINT);
	check(&m, "v1_eventfd bpf bpf-tracepoint kmsg vmstat works: before_the_kill victims_named");
	machine_done(&m);
}

static void on_v1(void **state)
{
	struct machine m = machine(HIERARCHY_V1);
	struct doctor_report r;

	(void)state;
	v1_why = NULL;
	check(&m, "v1_eventfd kmsg vmstat works: before_the_kill v1_removed victims_by_kmsg");
	m.facts.event_control_writable = FACT_NO;
	m.facts.use_hierarchy = FACT_NO;
	m.facts.kmsg_readable = FACT_NO;
	v1_why = "polled";
	check(&m, "v1_eventfd vmstat works: polled use_hierarchy v1_removed victims_unnamed");
	m.facts.inotify = FACT_NO; /* v1 does without */
	check(&m, "v1_eventfd vmstat works: polled no_inotify use_hierarchy v1_removed "
		  "victims_unnamed");
	m.facts.read_only = FACT_YES;
	report(&m, &r);
	assert_non_null(strstr(r.sources[1].why, "mounted read-only here"));
	assert_ptr_equal(r.notes[0].text, r.sources[1].why);
	m.facts.descriptors = FACT_NO;
	m.facts.counters_readable = FACT_UNKNOWN;
	check(&m, "v1_eventfd vmstat fails: few_descriptors");
	report(&m, &r);
	assert_string_equal(r.sources[1].why, "too few descriptors are left to try it");
	m.built_n = 1; /* without its source */
	check(&m, "vmstat fails: no_source");
	machine_done(&m);
}

/* v1 signals an oom at a limit above to all below it, whatever they can see; v2 does not count it here. */
static void below_limits_that_are_not_seen(void **state)
{
	struct machine v1 = machine(HIERARCHY_V1), v2 = machine(HIERARCHY_V2);
	struct doctor_report r;

	(void)state;
	v1_why = NULL;
	v1.host.v1.real_root = v2.host.v2.real_root = false;
	report(&v1, &r);
	assert_string_equal(r.notes[r.notes_n - 1].id, "part");
	assert_non_null(strstr(r.notes[r.notes_n - 1].text, "'limit here or above'"));
	report(&v2, &r);
	assert_string_equal(r.notes[r.notes_n - 1].id, "part");
	assert_non_null(strstr(r.notes[r.notes_n - 1].text, "not told, only the kills"));
	machine_done(&v1);
	machine_done(&v2);
}

static void without_the_controller(void **state)
{
	static const struct {
		enum facts_absence absence;
		const char *want;
	} rows[] = {
		{ FACTS_ABSENCE_NO_CGROUPS, "vmstat fails: no_cgroups" },
		{ FACTS_ABSENCE_DISABLED, "vmstat fails: memory_disabled" },
		{ FACTS_ABSENCE_V1_UNMOUNTED, "vmstat fails: memory_v1_unmounted" },
		{ FACTS_ABSENCE_V2_UNMOUNTED, "vmstat fails: memory_v2_unmounted" },
		{ FACTS_ABSENCE_NOT_DELEGATED, "vmstat fails: memory_not_delegated" },
		{ FACTS_ABSENCE_NOT_BUILT, "vmstat fails: memory_not_built" },
	};
	struct machine m = machine(HIERARCHY_V2);

	(void)state;
	m.host.v2.has_memory = false;
	m.facts.memory = HIERARCHY_NONE;
	for (size_t i = 0; i < N(rows); i++) {
		m.facts.absence = rows[i].absence;
		check(&m, rows[i].want);
	}
	machine_done(&m);
}

/* What @print writes to standard output. */
static char *printed(const struct doctor_report *r, const struct text_style *style)
{
	char *text = calloc(1, 65536);
	int saved, fd = memfd_create("out", MFD_CLOEXEC);

	assert_non_null(text);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_true(fd >= 0 && saved >= 0);
	assert_true(dup2(fd, STDOUT_FILENO) >= 0);
	assert_int_equal(style ? doctor_print_text(r, style) : doctor_print_json(r), 0);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	assert_true(pread(fd, text, 65535, 0) > 0);
	close(saved);
	close(fd);
	return text;
}

static void check_keys(const json_t *object, const char *want)
{
	char got[1024] = "";
	size_t n = 0;
	const char *key;
	json_t *value;

	assert_true(json_is_object(object));
	json_object_foreach((json_t *)(uintptr_t)object, key, value) n +=
		(size_t)snprintf(got + n, sizeof(got) - n, "%s%s", n > 0 ? " " : "", key);
	assert_string_equal(got, want);
}

/* The names that programs rely on: this test may be added to, not changed. */
static void json(void **state)
{
	struct machine m = machine(HIERARCHY_V2);
	struct doctor_report r;
	json_error_t error;
	json_t *all;
	char *text;

	(void)state;
	report(&m, &r);
	text = printed(&r, NULL);
	all = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!all)
		fail_msg("%s: %s", error.text, text);
	check_keys(all, "version works kernel memory sources rights limits vm notes");
	check_keys(json_object_get(all, "kernel"), "release machine");
	check_keys(json_object_get(all, "memory"),
		   "hierarchy layout mount root real_root namespaced localevents use_hierarchy "
		   "counters_readable event_control_writable oom_group oom_group_kill "
		   "read_only");
	check_keys(json_object_get(all, "rights"), "euid capabilities");
	check_keys(json_object_get(all, "limits"),
		   "open_files open_files_max inotify_watches inotify_instances "
		   "inotify_queued_events");
	check_keys(json_object_get(all, "vm"),
		   "psi oom_kill_counted panic_on_oom overcommit_memory swap_total_bytes "
		   "swap_free_bytes");
	check_keys(json_array_get(json_object_get(all, "sources"), 0), "name usable why");
	check_keys(json_array_get(json_object_get(all, "notes"), 0), "id level text");
	assert_int_equal(json_array_size(json_object_get(all, "sources")), DOCTOR_SOURCES);
	assert_int_equal(json_array_size(json_object_get(all, "notes")), r.notes_n);
	assert_true(json_is_true(json_object_get(all, "works")));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(all, "memory"), "mount")),
		"/mnt/\\x1b[31m\\xff");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(all, "memory"), "hierarchy")),
		"v2");
	assert_true(json_is_null(
		json_object_get(json_object_get(all, "memory"), "event_control_writable")));
	assert_true(json_is_null(json_object_get(json_object_get(all, "vm"), "swap_total_bytes")));
	assert_string_equal(
		json_string_value(json_array_get(
			json_object_get(json_object_get(all, "rights"), "capabilities"), 0)),
		"CAP_SYSLOG");
	json_decref(all);
	free(text);
	machine_done(&m);
}

static void json_without_cgroups(void **state)
{
	struct machine m = machine(HIERARCHY_V2);
	struct doctor_report r;
	json_t *all, *memory;
	char *text;

	(void)state;
	machine_done(&m);
	m.host = (struct cgroup_host)CGROUP_HOST_NULL;
	m.facts.memory = HIERARCHY_NONE;
	m.facts.layout = FACTS_LAYOUT_NONE;
	m.facts.absence = FACTS_ABSENCE_NO_CGROUPS;
	m.facts.have_capabilities = false;
	report(&m, &r);
	text = printed(&r, NULL);
	all = json_loads(text, 0, NULL);
	memory = json_object_get(all, "memory");
	assert_true(json_is_false(json_object_get(all, "works")));
	assert_true(json_is_null(json_object_get(memory, "hierarchy")));
	assert_true(json_is_null(json_object_get(memory, "mount")));
	assert_string_equal(json_string_value(json_object_get(memory, "layout")), "none");
	assert_true(json_is_null(json_object_get(json_object_get(all, "rights"), "capabilities")));
	json_decref(all);
	free(text);
}

static int print_json(void *ctx)
{
	return doctor_print_json(ctx);
}

/* What json_dumps() leaves out for want of memory nobody would miss. */
static void json_is_whole_or_refused(void **state)
{
	struct machine m = machine(HIERARCHY_V2);
	struct doctor_report r;
	const struct fail_malloc_case each = { .run = print_json, .ctx = &r };
	_cleanup_close_ int keep = dup(STDOUT_FILENO);
	_cleanup_close_ int sink = memfd_create("sink", MFD_CLOEXEC);
	char why[256];
	size_t n = 0;
	int result;

	(void)state;
	report(&m, &r);
	json_set_alloc_funcs(malloc, free); /* ours, which fail */
	fflush(stdout);
	assert_int_equal(dup2(sink, STDOUT_FILENO), STDOUT_FILENO);
	result = fail_malloc_check(&each, why, sizeof(why), &n);
	fflush(stdout);
	assert_int_equal(dup2(keep, STDOUT_FILENO), STDOUT_FILENO);
	if (result < 0)
		fail_msg("%s", why);
	assert_true(n > 100); /* each key and value at least */
	machine_done(&m);
}

static void as_text(void **state)
{
	static const struct text_style plain = { 0 };
	static const struct text_style terminal = { .aligned = true, .colour = true };
	struct machine m = machine(HIERARCHY_V2);
	struct doctor_report r;
	char *text;

	(void)state;
	report(&m, &r);
	text = printed(&r, &plain);
	assert_null(strchr(text, '\033'));
	assert_null(strstr(text, " \n"));
	assert_non_null(strstr(text, "cgroup v2, mounted at /mnt/\\x1b[31m\\xff\n"));
	assert_non_null(strstr(text, "\n'oomnotify watch' works here.\n"));
	for (size_t i = 0; i < r.notes_n; i++)
		assert_non_null(strstr(text, r.notes[i].text));
	for (size_t i = 0; i < DOCTOR_SOURCES; i++)
		if (r.sources[i].why)
			assert_non_null(strstr(text, r.sources[i].why));
	free(text);
	text = printed(&r, &terminal);
	assert_non_null(strstr(text, "\033[32myes"));
	assert_null(strstr(text, "\033[31m\xff"));
	free(text);
	m.facts.inotify = FACT_NO;
	report(&m, &r);
	text = printed(&r, &plain);
	assert_non_null(strstr(text, "\n'oomnotify watch' does not work here.\nx "));
	free(text);
	machine_done(&m);
}

static void lines_end_at_blanks(void **state)
{
	static const struct {
		const char *text;
		size_t width;
		const char *want;
	} rows[] = {
		{ "", 4, "" },
		{ "a b c", 5, "a b c" },
		{ "a b c", 4, "a b\nc" },
		{ "a b c", 3, "a b\nc" },
		{ "a b c", 1, "a\nb\nc" },
		{ "too-long a", 3, "too-long\na" },
		{ "a too-long b", 3, "a\ntoo-long\nb" },
		{ "ab cd ef gh", 5, "ab cd\nef gh" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		_cleanup_free_ char *text = strdup(rows[i].text);

		assert_non_null(text);
		fold(text, rows[i].width);
		assert_string_equal(text, rows[i].want);
	}
}

static int print_text(void *ctx)
{
	static const struct text_style terminal = { .aligned = true, .ascii = true };

	return doctor_print_text(ctx, &terminal);
}

static void text_needs_memory_at_every_place(void **state)
{
	struct machine m = machine(HIERARCHY_V2);
	struct doctor_report r;
	const struct fail_malloc_case each = { .run = print_text, .ctx = &r };
	_cleanup_close_ int keep = dup(STDOUT_FILENO);
	_cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char why[256];
	size_t n = 0;
	int result;

	(void)state;
	free(m.host.v2.root);
	m.host.v2.root = strdup("/sub"); /* one more place that is named */
	m.host.v2.real_root = false;
	report(&m, &r);
	fflush(stdout);
	assert_int_equal(dup2(null, STDOUT_FILENO), STDOUT_FILENO);
	result = fail_malloc_check(&each, why, sizeof(why), &n);
	fflush(stdout);
	assert_int_equal(dup2(keep, STDOUT_FILENO), STDOUT_FILENO);
	if (result < 0)
		fail_msg("%s", why);
	assert_true(n >= 4); /* two names, each escaped and put into words */
	machine_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_v2),
		cmocka_unit_test(on_v1),
		cmocka_unit_test(by_bpf),
		cmocka_unit_test(below_limits_that_are_not_seen),
		cmocka_unit_test(without_the_controller),
		cmocka_unit_test(json),
		cmocka_unit_test(json_without_cgroups),
		cmocka_unit_test(json_is_whole_or_refused),
		cmocka_unit_test(as_text),
		cmocka_unit_test(lines_end_at_blanks),
		cmocka_unit_test(text_needs_memory_at_every_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
