/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the text says of an incident: on one line for a pipe, as a block on a terminal
 *
 * For the words alone the pipe's form is looked at, of which only what follows the cgroup counts.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fail_malloc.h"
#include "sink/text.h"

#define ID1 "4cc818a75eb691c5efb9c943b0c3a26ec8e0a05acb60bef4717315e65d671774"
#define ID2 "c46bafd57b2ef55a23c1319893c8aa5bfca24872bd95258700a51059941fb69e"
#define POD_UID "73dc8baf-43a0-413e-aac2-5eb0868f6c1a"
#define MIB (UINT64_C(1) << 20)
#define TIME "Jan 01 00:00:01.000  "
#define BELOW "\n                                 "

static const struct text_style plain = { 0 };
static const struct text_style terminal = { .aligned = true };
static const struct text_style ascii = { .aligned = true, .ascii = true };

static struct oomn_event *make(enum event_kind kind, const char *cgroup)
{
	struct oomn_event *e = event_new(kind);

	assert_non_null(e);
	e->realtime_ns = 1000000000;
	e->hierarchy = HIERARCHY_V2;
	e->incident = 1;
	e->cgroup = strdup(cgroup);
	return e;
}

static struct oomn_process *process(uint32_t pid, const char *comm, const char *cgroup)
{
	struct oomn_process *p = oom_process_new();

	assert_non_null(p);
	p->id.pid = pid;
	strcpy(p->id.comm, comm);
	p->cgroup = cgroup ? strdup(cgroup) : NULL;
	return p;
}

static struct oomn_event *with_victim(struct oomn_event *e, struct oomn_process *p)
{
	e->victim = p;
	return e;
}

static struct oomn_event *with_trigger(struct oomn_event *e, struct oomn_process *p)
{
	e->trigger = p;
	return e;
}

static struct oomn_event *with_limit(struct oomn_event *e, const char *cgroup, uint64_t bytes)
{
	e->constraint = OOM_CONSTRAINT_MEMCG;
	e->limit_cgroup = cgroup ? strdup(cgroup) : NULL;
	e->limit_bytes = bytes;
	return e;
}

static struct oomn_event *kill_of(uint32_t pid, const char *comm)
{
	return with_victim(make(EVENT_KILL, "/a"), process(pid, comm, "/a"));
}

/* The fourth field for @e, whose end it is. */
static void expect_words(struct oomn_event *e, const char *want)
{
	struct text_state state = { 0 };
	const char *at;
	char *line = NULL;

	assert_int_equal(text_encode_event(&plain, e, &state, &line), 0);
	assert_null(strchr(line, '\n'));
	at = strrchr(line, '\t');
	assert_non_null(at);
	assert_string_equal(at + 1, want);
	free(line);
	event_free(e);
}

static void expect_lines(const struct text_style *style, struct text_state *state,
			 struct oomn_event *e, const char *want)
{
	char *line = NULL;

	assert_int_equal(text_encode_event(style, e, state, &line), 0);
	assert_string_equal(line, want);
	free(line);
	event_free(e);
}

static void who_was_killed(void **state)
{
	struct oomn_event *e = kill_of(4711, "java");

	(void)state;
	e->victim->id.uid = 0;
	e->victim->oom_score_adj = -5;
	e->victim->id.ns_pid = 17;
	expect_words(e, "1 kill: 4711 (java), uid 0, adj -5, pid 17 in its namespace");
	e = kill_of(4711, "java");
	e->victim->oom_score_adj = 0;
	e->victim->id.ns_pid = 4711;
	expect_words(e, "1 kill: 4711 (java)");
	expect_words(kill_of(4711, ""), "1 kill: 4711");
	expect_words(kill_of(0, "java"), "1 kill: (java)");
	expect_words(kill_of(0, ""), "1 kill: a process that is not known");
	e = kill_of(0, "");
	e->victim->id.tid = 4712;
	expect_words(e, "1 kill: thread 4712");
	e = kill_of(0, "java");
	e->victim->id.tid = 4712;
	expect_words(e, "1 kill: thread 4712 (java)");
	expect_words(kill_of(1, "\033[31m\t\n\r\377\\a"),
		     "1 kill: 1 (\\x1b[31m\\x09\\x0a\\x0d\\xff\\x5ca)");
	expect_words(kill_of(1, "\037\036\035"), "1 kill: 1 (\\x1f\\x1e\\x1d)");
	expect_words(make(EVENT_KILL, "/a"), "1 kill");
}

static void what_it_held(void **state)
{
	struct oomn_event *e = kill_of(1, "a");

	(void)state;
	e->victim->anon_bytes = 3 * MIB;
	e->victim->file_bytes = 0;
	e->victim->shmem_bytes = MIB;
	e->victim->table_bytes = 4096;
	e->victim->total_vm_bytes = MIB << 10;
	expect_words(e, "1 kill: 1 (a), anon about 3 MiB, file about 0, shmem about 1 MiB, "
			"page tables 4 KiB, total vm 1 GiB");
	e = kill_of(1, "a");
	e->victim->exact = true;
	e->victim->anon_bytes = 3 * MIB;
	e->victim->file_bytes = 0;
	e->victim->shmem_bytes = MIB;
	expect_words(e, "1 kill: 1 (a), anon 3 MiB, file 0, shmem 1 MiB");
	e = kill_of(1, "a");
	e->victim->total_vm_bytes = MIB;
	expect_words(e, "1 kill: 1 (a), total vm 1 MiB");
}

static void who_asked_for_memory(void **state)
{
	struct oomn_event *e;

	(void)state;
	expect_words(with_trigger(kill_of(1, "a"), process(1, "a", "/a")),
		     "1 kill: 1 (a), asked for by itself");
	expect_words(with_trigger(kill_of(1, "a"), process(1, "a", NULL)),
		     "1 kill: 1 (a), asked for by itself");
	expect_words(with_trigger(kill_of(1, "a"), process(2, "a", "/a")),
		     "1 kill: 1 (a), asked for by 2 (a)");
	expect_words(with_trigger(kill_of(1, "a"), process(2, "\n", "/b\n")),
		     "1 kill: 1 (a), asked for by 2 (\\x0a) in /b\\x0a");
	expect_words(with_trigger(kill_of(1, "a"), process(2, "b", NULL)),
		     "1 kill: 1 (a), asked for by 2 (b) in a cgroup that is not known");
	expect_words(with_trigger(make(EVENT_OOM, "/a"), process(2, "b", "/a")),
		     "1 oom, asked for by 2 (b)");
	expect_words(with_trigger(make(EVENT_OOM, "/a"), process(2, "b", "/a/b")),
		     "1 oom, asked for by 2 (b) in /a/b");
	/* Where only threads are known, the same thread. */
	e = with_trigger(kill_of(0, ""), process(0, "", "/a"));
	e->victim->id.tid = e->trigger->id.tid = 5;
	expect_words(e, "1 kill: thread 5, asked for by itself");
	e = with_trigger(kill_of(0, ""), process(0, "", "/a"));
	e->victim->id.tid = 5;
	e->trigger->id.tid = 6;
	expect_words(e, "1 kill: thread 5, asked for by thread 6");
	e = with_trigger(kill_of(5, "a"), process(0, "x", NULL));
	e->trigger->id.tid = 5;
	expect_words(e, "1 kill: 5 (a), asked for by itself");
	/* A key was pressed: the worker that carries it out wants no memory, and none was short. */
	e = with_trigger(kill_of(1, "a"), process(9, "kworker", "/"));
	e->order = -1;
	e->constraint = OOM_CONSTRAINT_NONE;
	expect_words(e, "1 kill: 1 (a), asked for by SysRq");
}

static void whose_limit(void **state)
{
	struct oomn_event *e;

	(void)state;
	expect_words(with_limit(kill_of(1, "a"), "/", 64 * MIB),
		     "1 kill: 1 (a), limit 64 MiB of /");
	expect_words(with_limit(kill_of(1, "a"), "/", BYTES_NONE), "1 kill: 1 (a), limit of /");
	expect_words(with_limit(kill_of(1, "a"), "/a", 64 * MIB), "1 kill: 1 (a), limit 64 MiB");
	expect_words(with_limit(kill_of(1, "a"), "/a", BYTES_NONE), "1 kill: 1 (a), limit here");
	expect_words(with_limit(kill_of(1, "a"), NULL, BYTES_NONE),
		     "1 kill: 1 (a), limit of a cgroup that is not known");
	expect_words(with_limit(kill_of(1, "a"), NULL, MIB),
		     "1 kill: 1 (a), limit 1 MiB of a cgroup that is not known");
	e = with_limit(kill_of(1, "a"), NULL, MIB);
	e->limit_outside = true;
	expect_words(e, "1 kill: 1 (a), limit 1 MiB of a cgroup that is not visible here");
	e = with_limit(kill_of(1, "a"), "/", MIB);
	e->usage_bytes = 4096;
	e->swap_usage_bytes = 5; /* of a limit that is not there */
	expect_words(e, "1 kill: 1 (a), limit 1 MiB of /, used 4 KiB");
	e = with_limit(kill_of(1, "a"), "/", MIB);
	e->swap_limit_bytes = 0;
	e->swap_usage_bytes = 5;
	expect_words(e, "1 kill: 1 (a), limit 1 MiB of /, swap limit 0, swap used 5 bytes");
	e = with_limit(kill_of(1, "a"), "/", MIB);
	e->hierarchy = HIERARCHY_V1;
	e->swap_limit_bytes = MIB;
	expect_words(e, "1 kill: 1 (a), limit 1 MiB of /, memory and swap limit 1 MiB");
}

static void what_was_short(void **state)
{
	static const struct {
		enum oom_constraint constraint;
		const char *words;
	} cases[] = {
		{ OOM_CONSTRAINT_UNKNOWN, "1 oom" },
		{ OOM_CONSTRAINT_NONE, "1 oom, global: the whole machine ran out of memory" },
		{ OOM_CONSTRAINT_CPUSET, "1 oom, cpuset: its memory nodes ran out of memory" },
		{ OOM_CONSTRAINT_MEMORY_POLICY,
		  "1 oom, mempolicy: its memory nodes ran out of memory" },
	};
	struct oomn_event *e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		e = make(EVENT_OOM, "/");
		e->constraint = cases[i].constraint;
		expect_words(e, cases[i].words);
	}
	e = make(EVENT_OOM, "/");
	e->order = 0;
	expect_words(e, "1 oom");
	e = make(EVENT_OOM, "/");
	e->order = 9;
	expect_words(e, "1 oom, allocation of order 9");
}

static void where_it_was_itself(void **state)
{
	struct oomn_event *e = kill_of(1, "a");

	(void)state;
	e->victim->own_cgroup = strdup("/a/\n");
	expect_words(e, "1 kill: 1 (a), itself in /a/\\x0a");
	e = kill_of(1, "a");
	e->victim->own_cgroup = strdup("/a");
	expect_words(e, "1 kill: 1 (a)");
	e = kill_of(1, "a");
	e->hierarchy = HIERARCHY_V1;
	e->victim->own_cgroup = strdup("/b");
	expect_words(e, "1 kill: 1 (a), itself in cgroup v2 /b");
	e = kill_of(1, "a");
	e->hierarchy = HIERARCHY_V1;
	e->victim->own_cgroup = strdup("/");
	expect_words(e, "1 kill: 1 (a)");
}

static void whom_its_cgroup_belongs_to(void **state)
{
	static const struct {
		const char *cgroup;
		const char *words;
	} cases[] = {
		{ "/jobs", "1 kill: 1 (a)" },
		{ "/system.slice/x.service", "1 kill: 1 (a), unit x.service" },
		{ "/user.slice/user-5.slice/session-c2.scope", "1 kill: 1 (a), session c2" },
		{ "/user.slice/user-5.slice/user@5.service/app.slice/x.scope",
		  "1 kill: 1 (a), unit user@5.service, user unit x.scope" },
		{ "/system.slice/docker-" ID1 ".scope",
		  "1 kill: 1 (a), container 4cc818a75eb6 (docker)" },
		{ "/user.slice/user-5.slice/user@5.service/user.slice/libpod-" ID1 ".scope",
		  "1 kill: 1 (a), container 4cc818a75eb6 (podman), unit user@5.service" },
		{ "/system.slice/x.service/libpod-payload-" ID1,
		  "1 kill: 1 (a), container 4cc818a75eb6 (podman), unit x.service" },
		{ "/ecs/x/" ID1, "1 kill: 1 (a), container 4cc818a75eb6" },
		{ "/docker/" ID1 "/docker/" ID2,
		  "1 kill: 1 (a), container c46bafd57b2e (docker), in container 4cc818a75eb6 "
		  "(docker)" },
		{ "/system.slice/docker-" ID1 ".scope/docker/" ID2,
		  "1 kill: 1 (a), container c46bafd57b2e (docker), in container 4cc818a75eb6 "
		  "(docker)" },
		{ "/user.slice/user-5.slice/user@5.service/user.slice/docker-" ID1
		  ".scope/docker/" ID2,
		  "1 kill: 1 (a), container c46bafd57b2e (docker), in container 4cc818a75eb6 "
		  "(docker), unit user@5.service" },
		{ "/lxc.payload.a-name-of-many-letters/init.scope",
		  "1 kill: 1 (a), container a-name-of-many-letters (lxc), its unit init.scope" },
		{ "/lxc.payload.\033/init.scope",
		  "1 kill: 1 (a), container \\x1b (lxc), its unit init.scope" },
		{ "/kubepods/burstable/pod" POD_UID "/" ID1,
		  "1 kill: 1 (a), pod " POD_UID " (Burstable), container 4cc818a75eb6" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_words(with_victim(make(EVENT_KILL, cases[i].cgroup), process(1, "a", NULL)),
			     cases[i].words);
}

static void who_died_along(void **state)
{
	struct oomn_event *e = make(EVENT_COLLATERAL, "/a");

	(void)state;
	e->victim = process(2, "sh", "/a");
	e->victim->id.uid = 7;
	e->victim->anon_bytes = MIB; /* the victim's, told there */
	e->shared_with = 1;
	expect_words(e, "1 process died along: 2 (sh), shared the memory of 1, uid 7");
	expect_words(make(EVENT_COLLATERAL, "/a"), "1 process died along");
}

static struct oomn_event *details(void)
{
	struct oomn_event *e = make(EVENT_DETAILS, "/a");

	e->details = oom_details_new();
	assert_non_null(e->details);
	return e;
}

static void details_in_words(void **state)
{
	struct oomn_event *e = details();
	struct oom_details *d = e->details;

	(void)state;
	d->limit_bytes = 4 * MIB;
	d->usage_bytes = 0;
	d->peak_bytes = 5 * MIB;
	d->stat = (struct details_stat){ MIB, 2 * MIB, 3 * MIB, 4 * MIB, 5 * MIB, 6 * MIB };
	d->largest[0] = (struct details_process){ 8, "\033", 2 * MIB };
	d->largest[1] = (struct details_process){ 9, "b", BYTES_NONE };
	d->largest_n = 2;
	d->looked = 37;
	d->victim_pid = 4711;
	d->exe = strdup("/bin/\n");
	d->cmdline = strdup("a \033");
	expect_words(e, "1 set of details: of the kill of 4711, limit 4 MiB, used 0, peak 5 MiB, "
			"anon 1 MiB, file 2 MiB, kernel 3 MiB, slab 4 MiB, sock 5 MiB, "
			"shmem 6 MiB, largest of 37: 8 (\\x1b) 2 MiB, 9 (b), "
			"4711 ran /bin/\\x0a, command: a \\x1b");
	e = details();
	e->details->largest_n = 1;
	e->details->largest[0] = (struct details_process){ 8, "a", 1 };
	e->details->looked = 256;
	e->details->more = true;
	e->details->timed_out = true;
	expect_words(e, "1 set of details: largest of the first 256: 8 (a) 1 bytes, "
			"not all could be read in time");
	expect_words(details(), "1 set of details: nothing more could be read");
}

/* What the block has told is not said again; behind an event of another incident it is. */
static void a_block_on_a_terminal(void **state)
{
	struct text_state lines = { 0 };
	struct oomn_event *e;

	(void)state;
	e = with_limit(make(EVENT_OOM, "/a"), "/a", MIB);
	expect_lines(&terminal, &lines, with_trigger(e, process(2, "b", "/a/b")),
		     TIME "oom         /a                        limit 1 MiB, "
			  "asked for by 2 (b) in /a/b");
	e = with_trigger(with_limit(kill_of(1, "a"), "/a", MIB), process(2, "b", "/a/b"));
	e->victim->id.uid = 3;
	e->victim->anon_bytes = MIB;
	e->victim->cmdline = strdup("a -x");
	expect_lines(&terminal, &lines, e,
		     TIME "kill        /a                        1 (a), uid 3" BELOW
			  "anon about 1 MiB" BELOW "command: a -x");
	e = details();
	e->details->victim_pid = 1;
	e->details->cmdline = strdup("a -x");
	e->details->peak_bytes = MIB;
	expect_lines(&terminal, &lines, e, TIME "details     /a                        peak 1 MiB");
	e = kill_of(5, "other");
	e->incident = 2;
	expect_lines(&terminal, &lines, e,
		     "\n" TIME "kill        /a                        5 (other)");
	e = with_trigger(with_limit(kill_of(1, "a"), "/a", MIB), process(2, "b", "/a/b"));
	expect_lines(&terminal, &lines, e,
		     "\n" TIME "kill        /a                        1 (a)" BELOW
		     "asked for by 2 (b) in /a/b, limit 1 MiB");
	e = details();
	e->details->victim_pid = 1;
	e->details->cmdline = strdup("a -x");
	expect_lines(&terminal, &lines, e, TIME "details     /a" BELOW "command: a -x");
}

static void what_has_no_incident_makes_no_block(void **state)
{
	struct text_state lines = { 0 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct oomn_event *e = with_limit(make(EVENT_OOM, "/a"), "/a", MIB);

		e->incident = 0;
		e->constraint = OOM_CONSTRAINT_UNKNOWN;
		expect_lines(&terminal, &lines, e,
			     TIME "oom         /a                        1 oom, limit 1 MiB");
	}
	expect_lines(&terminal, &lines, with_limit(kill_of(1, "a"), "/a", MIB),
		     "\n" TIME "kill        /a                        1 (a)" BELOW "limit 1 MiB");
	expect_lines(&terminal, &lines, make(EVENT_GROUP_KILL, "/a"),
		     TIME "group_kill  /a                        1 group kill");
	/* Of one incident: there is nothing left to say of the second but that it was. */
	lines = (struct text_state){ 0 };
	for (unsigned i = 0; i < 2; i++)
		expect_lines(&terminal, &lines,
			     with_trigger(make(EVENT_OOM, "/a"), process(1, "a", "/a")),
			     i == 0 ? TIME
				     "oom         /a                        asked for by 1 (a)"
				    : TIME "oom         /a                        1 oom");
}

static void a_narrow_and_a_wide_terminal(void **state)
{
	struct text_state lines = { .columns = 60 };

	(void)state;
	expect_lines(&terminal, &lines, kill_of(123456, "a"),
		     TIME "kill        /a" BELOW "123456 (a)");
	/* Names may not take what the words need: the column grows with the terminal. */
	expect_lines(&terminal, &lines, make(EVENT_KILL, "/123456789/123456789/1234"),
		     TIME "kill        /123456789/123456789/1234" BELOW "1 kill");
	assert_int_equal(lines.name_width, 24);
	lines.columns = 120;
	expect_lines(&terminal, &lines, make(EVENT_KILL, "/123456789/123456789/1234"),
		     TIME "kill        /123456789/123456789/1234  1 kill");
	assert_int_equal(lines.name_width, 25);
	lines.columns = 300;
	expect_lines(&terminal, &lines,
		     make(EVENT_KILL, "/123456789/123456789/123456789/123456789/"),
		     TIME "kill        /123456789/123456789/123456789/123456789/  1 kill");
	assert_int_equal(lines.name_width, 25);
}

static void hostile_bytes_on_a_terminal(void **state)
{
	struct text_state lines = { .columns = 20 };
	struct oomn_event *e =
		with_trigger(kill_of(1, "\303\250\233\037"), process(2, "\033]0;", "/\033"));
	char *line = NULL;

	(void)state;
	e->victim->cmdline = strdup("\303\250\303\250\303\250\033\007\302\233");
	e->victim->own_cgroup = strdup("/\342\200\256");
	assert_int_equal(text_encode_event(&ascii, e, &lines, &line), 0);
	for (const char *c = line; *c != '\0'; c++)
		assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	free(line);
	event_free(e);
}

struct encoding {
	const struct oomn_event *event;
	const struct text_style *style;
	char *line;
};

static int encode(void *ctx)
{
	struct encoding *c = ctx;
	struct text_state lines = { .columns = 80 };

	return text_encode_event(c->style, c->event, &lines, &c->line);
}

static void free_line(void *ctx)
{
	free(((struct encoding *)ctx)->line);
}

static void fail_each(const struct oomn_event *e, size_t names)
{
	struct encoding c = { .event = e };
	const struct fail_malloc_case each = { .run = encode,
					       .undo = free_line,
					       .ctx = &c,
					       .out = &c.line,
					       .out_size = sizeof(c.line) };

	c.style = &terminal;
	assert_true(fail_malloc_each(&each) >= names);
	c.style = &plain;
	assert_true(fail_malloc_each(&each) >= names);
}

static void memory_fails_at_every_place(void **state)
{
	struct oomn_event *e = with_limit(kill_of(1, "a"), "/b", MIB);

	(void)state;
	e->victim->own_cgroup = strdup("/c");
	e->victim->cmdline = strdup("a b");
	fail_each(with_trigger(e, process(2, "c", "/d")), 7);
	event_free(e);
	e = details();
	e->details->victim_pid = 1;
	e->details->exe = strdup("/bin/a");
	e->details->cmdline = strdup("a b");
	e->details->largest[0].comm[0] = 'a';
	e->details->largest_n = 1;
	fail_each(e, 4);
	event_free(e);
}

/* A line that could not be made leaves the ones after it as if it had not been asked for. */
static void a_failure_changes_nothing(void **state)
{
	struct oomn_event *e =
		with_limit(make(EVENT_OOM, "/123456789/123456789/12345678"), "/a", MIB);
	struct text_state lines = { 0 };
	char *line = NULL;

	(void)state;
	fail_malloc_arm(1, false);
	assert_int_equal(text_encode_event(&terminal, e, &lines, &line), -ENOMEM);
	assert_true(fail_malloc_disarm());
	assert_int_equal(lines.name_width, 0);
	assert_int_equal(lines.told, 0);
	assert_false(lines.begun);
	event_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_was_killed),
		cmocka_unit_test(what_it_held),
		cmocka_unit_test(who_asked_for_memory),
		cmocka_unit_test(whose_limit),
		cmocka_unit_test(what_was_short),
		cmocka_unit_test(where_it_was_itself),
		cmocka_unit_test(whom_its_cgroup_belongs_to),
		cmocka_unit_test(who_died_along),
		cmocka_unit_test(details_in_words),
		cmocka_unit_test(a_block_on_a_terminal),
		cmocka_unit_test(what_has_no_incident_makes_no_block),
		cmocka_unit_test(a_narrow_and_a_wide_terminal),
		cmocka_unit_test(hostile_bytes_on_a_terminal),
		cmocka_unit_test(memory_fails_at_every_place),
		cmocka_unit_test(a_failure_changes_nothing),
	};

	setenv("TZ", "UTC0", 1);
	tzset();
	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		puts("skip: columns of a terminal cannot be counted without locale C.UTF-8");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
