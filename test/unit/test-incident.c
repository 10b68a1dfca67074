/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What BPF sees, fed record by record, as the kernel writes it. */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "core/incident.h"
#include "fail_malloc.h"

static bool all_gone;

/* Who died, in the order in which it was told: " 9k" for process 9, killed; "p9 " for a message; "?0?" for a loss. */
static char deaths[256];

static void note(char before, uint32_t pid, char after)
{
	size_t n = strlen(deaths);

	(void)snprintf(deaths + n, sizeof(deaths) - n, "%c%u%c", before, pid, after);
}

static void died(void *ctx, const struct sighting *s, enum death how, uint64_t number)
{
	(void)ctx;
	assert_true(number > 0);
	note(' ', s->task.pid, "esk"[how]);
}

static void printed(void *ctx, const struct kmsg_kill *kill, uint64_t number, uint64_t now_ns)
{
	(void)ctx;
	assert_true(number > 0 && now_ns > 0);
	note('p', (uint32_t)kill->pid, ' ');
}

static void missed(void *ctx)
{
	(void)ctx;
	note('?', 0, '?');
}

static bool gone(void *ctx, const struct spot *s)
{
	(void)ctx;
	(void)s;
	return all_gone;
}

struct rig {
	struct engine *en;
	struct incidents *in;
	uint64_t now;
};

static void begin(struct rig *r, enum incident_level level, const char *path)
{
	const struct watch w = { .cookie = 1, .path = path, .kinds = EVENT_MASK_ALL };

	*r = (struct rig){ .now = 1000 };
	r->en = engine_new(64);
	assert_non_null(r->en);
	r->in = incidents_new(r->en, &(struct incident_calls){ .gone = gone });
	assert_non_null(r->in);
	incidents_set_level(r->in, level);
	assert_int_equal(engine_watch_add(r->en, &w), 0);
	assert_int_equal(engine_watch_since(r->en, 1, 500), 0);
}

static void end(struct rig *r)
{
	struct oomn_event *e = NULL;

	assert_int_equal(engine_next(r->en, &e), 0);
	r->in = incidents_free(r->in);
	r->en = engine_free(r->en);
}

/* Puts @path behind what is in the text already. */
static void set_path(struct sighting *s, struct cgroup_id *c, uint64_t id, const char *path)
{
	static uint16_t used;

	if (c == &s->limit)
		used = 0;
	*c = (struct cgroup_id){ .known = true, .whole = true, .id = id, .text = used };
	strcpy(s->text + used, path);
	used = (uint16_t)(used + strlen(path) + 1);
}

/* Task 7 of /t asks at the limit of /l; task 9 of /l/v is the victim. */
static struct sighting sight(struct rig *r, enum sighting_kind kind)
{
	struct sighting s = {
		.kind = kind,
		.when_ns = r->now++,
		.began_ns = 900,
		.in_oom = true,
		.trigger = { .pid = 7,
			     .tid = 8,
			     .ns_pid = 1,
			     .uid = 2,
			     .start_ns = 3,
			     .comm = "asks" },
		.total_vm_bytes = BYTES_NONE,
		.anon_bytes = 4096,
		.file_bytes = BYTES_NONE,
		.shmem_bytes = BYTES_NONE,
		.table_bytes = BYTES_NONE,
		.limit_bytes = 65536,
		.usage_bytes = 65536,
		.swap_limit_bytes = BYTES_NONE,
		.swap_usage_bytes = BYTES_NONE,
		.constraint = OOM_CONSTRAINT_MEMCG,
		.total_bytes = 65536,
		.order = 1,
	};

	set_path(&s, &s.limit, 10, "/l");
	set_path(&s, &s.trigger_memory, 11, "/t");
	if (kind == SIGHTING_VICTIM || kind == SIGHTING_COLLATERAL) {
		s.task_known = s.killed = s.counted = true;
		s.oom_kill = r->now;
		s.task = (struct task_id){ .pid = 9, .tid = 9, .comm = "dies" };
		set_path(&s, &s.memory, 12, "/l/v");
		set_path(&s, &s.own, 13, "/l/v/own");
	}
	return s;
}

/* "kind cgroup incident victim evidence", and the event if that is asked for. */
static struct oomn_event *expect(struct rig *r, const char *text, bool keep)
{
	struct oomn_event *e = NULL;
	char got[256];

	assert_int_equal(engine_next(r->en, &e), 1);
	(void)snprintf(got, sizeof(got), "%s %s %d %s %x", event_kind_name(e->kind),
		       e->cgroup ? e->cgroup : "-", (int)e->incident,
		       e->victim ? e->victim->id.comm : "-", e->evidence);
	assert_string_equal(got, text);
	return keep ? e : event_free(e);
}

static void see(struct rig *r, enum sighting_kind kind)
{
	struct sighting s = sight(r, kind);

	incident_sight(r->in, &s);
}

static void count(struct rig *r, enum event_kind kind, const char *path, uint64_t id, uint64_t n)
{
	struct oomn_event *e = event_new(kind);

	assert_non_null(e);
	e->hierarchy = HIERARCHY_V2;
	e->cgroup = strdup(path);
	e->cgroup_id = id;
	e->boottime_ns = r->now;
	e->count_min = e->count_max = n;
	e->evidence = EVIDENCE_COUNTERS;
	engine_submit(r->en, e);
}

static void one_oom(void **state)
{
	struct balance b = { .kind = { [EVENT_OOM] = { .counted = 1, .reported = 1 },
				       [EVENT_KILL] = { .counted = 1, .reported = 1 } } };
	struct oomn_event *e;
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_OOMS, "/");
	see(&r, SIGHTING_LIMIT);
	e = expect(&r, "oom /l 1 - 4", true);
	assert_int_equal(e->boottime_ns, 900);
	assert_int_equal(e->limit_id, 10);
	assert_int_equal(e->limit_bytes, 65536);
	assert_int_equal(e->order, 1);
	assert_string_equal(e->trigger->id.comm, "asks");
	assert_string_equal(e->trigger->cgroup, "/t");
	event_free(e);
	see(&r, SIGHTING_VICTIM);
	e = expect(&r, "kill /l/v 1 dies 4", true);
	assert_string_equal(e->limit_cgroup, "/l");
	assert_string_equal(e->victim->own_cgroup, "/l/v/own");
	assert_int_equal(e->victim->anon_bytes, 4096);
	assert_int_equal(e->victim->id.pid, 9);
	assert_int_equal(e->victim->cgroup_id, 12);
	event_free(e);
	{
		struct sighting along = sight(&r, SIGHTING_COLLATERAL);

		along.task.pid = 20;
		along.shared_with = 9;
		incident_sight(r.in, &along);
	}
	see(&r, SIGHTING_END);
	e = expect(&r, "collateral /l/v 1 dies 4", true);
	assert_int_equal(e->shared_with, 9);
	event_free(e);
	count(&r, EVENT_OOM, "/l", 10, 1);
	count(&r, EVENT_KILL, "/l/v", 12, 1);
	incidents_balance(r.in, &b);
	assert_int_equal(b.identified, 1);
	assert_int_equal(b.kind[EVENT_KILL].reported, 1);
	see(&r, SIGHTING_LIMIT); /* the next one */
	event_free(expect(&r, "oom /l 2 - 4", true));
	end(&r);
}

/* What was exiting is no kill, nor what the counter does not have. */
static void no_kill(void **state)
{
	struct sighting s;
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_OOMS, "/");
	s = sight(&r, SIGHTING_VICTIM);
	s.killed = false;
	incident_sight(r.in, &s);
	/* Where the oom itself is not seen, the counter decides; a smaller one is a new account. */
	s = sight(&r, SIGHTING_VICTIM);
	s.in_oom = false;
	s.oom_kill = 1;
	incident_sight(r.in, &s);
	incident_sight(r.in, &s);
	s.oom_kill = 5;
	incident_sight(r.in, &s);
	s.oom_kill = 2;
	incident_sight(r.in, &s);
	incidents_flush(r.in);
	event_free(expect(&r, "kill /l/v 2 dies 4", true));
	event_free(expect(&r, "kill /l/v 4 dies 4", true));
	event_free(expect(&r, "kill /l/v 5 dies 4", true));
	/* One that is seen first, with a past: only its count can tell. */
	s.oom_kill = 3;
	s.memory.id = 30;
	incident_sight(r.in, &s);
	incidents_flush(r.in);
	count(&r, EVENT_KILL, "/l/v", 30, 1);
	event_free(expect(&r, "kill /l/v 6 dies 5", true));
	end(&r);
}

static void lost_limit(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_OOMS, "/");
	see(&r, SIGHTING_VICTIM);
	event_free(expect(&r, "kill /l/v 1 dies 4", true));
	see(&r, SIGHTING_VICTIM); /* of the same group */
	event_free(expect(&r, "kill /l/v 1 dies 4", true));
	count(&r, EVENT_GROUP_KILL, "/l", 10, 1);
	event_free(expect(&r, "group_kill /l 1 - 1", true));
	count(&r, EVENT_GROUP_KILL, "/x", 14, 1);
	event_free(expect(&r, "group_kill /x 0 - 1", true));
	/* Each incident has one, a short time only, and only if it is the only one. */
	count(&r, EVENT_GROUP_KILL, "/l", 10, 1);
	event_free(expect(&r, "group_kill /l 0 - 1", true));
	see(&r, SIGHTING_END);
	see(&r, SIGHTING_VICTIM);
	event_free(expect(&r, "kill /l/v 2 dies 4", true));
	r.now += 2000000000;
	count(&r, EVENT_GROUP_KILL, "/l", 10, 1);
	event_free(expect(&r, "group_kill /l 0 - 1", true));
	for (int i = 3; i <= 4; i++) {
		char text[32];

		see(&r, SIGHTING_END);
		see(&r, SIGHTING_VICTIM);
		(void)snprintf(text, sizeof(text), "kill /l/v %d dies 4", i);
		event_free(expect(&r, text, true));
	}
	count(&r, EVENT_GROUP_KILL, "/l", 10, 1);
	event_free(expect(&r, "group_kill /l 0 - 1", true));
	end(&r);
}

/* A member of a group that shares the memory of another one: a victim, not somebody who died along. */
static void along_and_victim(void **state)
{
	struct sighting s;
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_OOMS, "/");
	s = sight(&r, SIGHTING_VICTIM);
	incident_sight(r.in, &s);
	event_free(expect(&r, "kill /l/v 1 dies 4", true));
	s = sight(&r, SIGHTING_COLLATERAL);
	s.task.pid = 20;
	incident_sight(r.in, &s);
	s = sight(&r, SIGHTING_VICTIM);
	s.task.pid = 20;
	incident_sight(r.in, &s);
	event_free(expect(&r, "kill /l/v 1 dies 4", true));
	see(&r, SIGHTING_END);
	end(&r);
}

static void global(void **state)
{
	struct sighting s;
	struct oomn_event *e;
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_OOMS, "/");
	s = sight(&r, SIGHTING_LIMIT);
	s.limit.known = false;
	s.constraint = OOM_CONSTRAINT_UNKNOWN;
	incident_sight(r.in, &s);
	s = sight(&r, SIGHTING_VICTIM);
	s.limit.known = false;
	s.constraint = OOM_CONSTRAINT_NONE;
	incident_sight(r.in, &s);
	e = expect(&r, "oom / 1 - 4", true);
	assert_int_equal(e->constraint, OOM_CONSTRAINT_NONE);
	assert_null(e->limit_cgroup);
	event_free(e);
	event_free(expect(&r, "kill /l/v 1 dies 4", true));
	/* While that one exits, others call the OOM killer to no effect. */
	for (int i = 0; i < 10; i++) {
		s = sight(&r, SIGHTING_LIMIT);
		s.began_ns = r.now;
		s.limit.known = false;
		incident_sight(r.in, &s);
		s.kind = SIGHTING_END;
		incident_sight(r.in, &s);
	}
	end(&r);
}

/* Not ours: elsewhere, outside of what is visible, or before the watch began. */
static void not_ours(void **state)
{
	struct balance b = { 0 };
	struct sighting s;
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_OOMS, "/l");
	s = sight(&r, SIGHTING_VICTIM);
	set_path(&s, &s.memory, 20, "/lv");
	incident_sight(r.in, &s);
	s.memory.outside = true;
	set_path(&s, &s.memory, 12, "/l/v");
	s.memory.outside = true;
	incident_sight(r.in, &s);
	s = sight(&r, SIGHTING_VICTIM);
	s.when_ns = 400; /* while the watch began: counted since then, or before */
	incident_sight(r.in, &s);
	incidents_flush(r.in);
	count(&r, EVENT_KILL, "/l/v", 12, 1);
	event_free(expect(&r, "kill /l/v 1 dies 5", true));
	s = sight(&r, SIGHTING_VICTIM);
	s.limit.outside = true;
	s.oom_kill = 2000;
	incident_sight(r.in, &s);
	{
		struct oomn_event *e = expect(&r, "kill /l/v 1 dies 4", true);

		assert_true(e->limit_outside && !e->limit_cgroup);
		event_free(e);
	}
	/* Told, and not in any counter: that is a difference. */
	incidents_balance(r.in, &b);
	assert_int_equal(b.kind[EVENT_KILL].reported, 1);
	assert_int_equal(b.kind[EVENT_KILL].counted, 0);
	/* But where counters went with their cgroups, it is what they had. */
	b = (struct balance){ .kind = { [EVENT_KILL] = { .unproven = 5 } } };
	incidents_balance(r.in, &b);
	assert_int_equal(b.kind[EVENT_KILL].counted, 0);
	all_gone = true;
	b = (struct balance){ .kind = { [EVENT_KILL] = { .unproven = 5 } } };
	incidents_balance(r.in, &b);
	assert_int_equal(b.kind[EVENT_KILL].counted, 1);
	assert_int_equal(b.kind[EVENT_KILL].unproven, 0);
	all_gone = false;
	incidents_lost(r.in, 3);
	b = (struct balance){ .kind = { [EVENT_KILL] = { .unproven = 5 } } };
	incidents_balance(r.in, &b);
	assert_int_equal(b.kind[EVENT_KILL].unproven, 5);
	assert_int_equal(b.names_lost, 3);
	end(&r);
}

/* Only victims are seen: each is an incident, and the counters tell whose limit it was. */
static void victims_only(void **state)
{
	struct sighting s;
	struct oomn_event *e;
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_VICTIMS, "/");
	s = sight(&r, SIGHTING_VICTIM);
	s.in_oom = false;
	s.began_ns = 0;
	s.limit.known = false;
	s.constraint = OOM_CONSTRAINT_UNKNOWN;
	incident_sight(r.in, &s);
	s.kind = SIGHTING_COLLATERAL;
	s.shared_with = 9;
	incident_sight(r.in, &s);
	assert_int_equal(incidents_deadline(r.in), s.when_ns + 10000000);
	incidents_run(r.in, s.when_ns + 10000000);
	event_free(expect(&r, "collateral /l/v 1 dies 4", true));
	count(&r, EVENT_OOM, "/l", 10, 1);
	event_free(expect(&r, "oom /l 0 - 1", true));
	count(&r, EVENT_KILL, "/l/v", 12, 1);
	e = expect(&r, "kill /l/v 1 dies 5", true);
	assert_string_equal(e->limit_cgroup, "/l");
	assert_int_equal(e->limit_id, 10);
	assert_int_equal(e->order, OOM_ORDER_NONE);
	event_free(e);
	s.kind = SIGHTING_VICTIM;
	s.oom_kill++;
	incident_sight(r.in, &s);
	assert_int_equal(incidents_deadline(r.in), s.when_ns + 100000000);
	incidents_run(r.in, s.when_ns + 100000000);
	e = expect(&r, "kill /l/v 2 dies 4", true);
	assert_null(e->limit_cgroup); /* that oom has had its kill */
	event_free(e);
	end(&r);
}

/* Who lowers a limit hits it again and again: told once, then counted. */
static void again_and_again(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_OOMS, "/");
	for (int i = 0; i < 100; i++) {
		see(&r, SIGHTING_LIMIT);
		see(&r, SIGHTING_END);
	}
	for (int i = 1; i <= 8; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "oom /l %d - 4", i);
		event_free(expect(&r, text, true));
	}
	count(&r, EVENT_OOM, "/l", 10, 100);
	incidents_flush(r.in);
	{
		struct oomn_event *e = expect(&r, "oom /l 0 - 1", true);

		assert_int_equal(e->count_max, 92);
		event_free(e);
	}
	see(&r, SIGHTING_VICTIM);
	event_free(expect(&r, "kill /l/v 101 dies 4", true));
	end(&r);
}

static void by_message(void **state)
{
	struct kmsg_kill k = { .pid = 9,
			       .comm = { 4, "dies" },
			       .uid = 5,
			       .anon_rss_bytes = 4096,
			       .cgroup = { .len = 4, .text = "/l/v" },
			       .oom_number = 3,
			       .oom = { .constraint = OOM_CONSTRAINT_MEMCG,
					.limit_cgroup = { .len = 2, .text = "/l" },
					.limit_bytes = 65536,
					.trigger_known = true,
					.trigger = { 4, "asks" },
					.trigger_pid = 8 } };
	struct oomn_event *e;
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_NAMES, "/");
	incident_kmsg(r.in, &k, 1000);
	count(&r, EVENT_KILL, "/l/v", 12, 1);
	e = expect(&r, "kill /l/v 1 dies 9", true);
	assert_int_equal(e->hierarchy, HIERARCHY_V2);
	assert_int_equal(e->constraint, OOM_CONSTRAINT_MEMCG);
	assert_string_equal(e->limit_cgroup, "/l");
	assert_int_equal(e->trigger->id.tid, 8);
	assert_int_equal(e->trigger->id.pid, 0);
	assert_int_equal(e->victim->id.uid, 5);
	event_free(e);
	k.again = true;
	incident_kmsg(r.in, &k, 1001);
	count(&r, EVENT_KILL, "/l/v", 12, 1);
	incidents_flush(r.in);
	event_free(expect(&r, "kill /l/v 0 - 1", true));
	/* A member of a group: somewhere in it. */
	k = (struct kmsg_kill){ .pid = 10,
				.comm = { 4, "next" },
				.group = { .len = 2, .text = "/l" },
				.member = KMSG_MEMBER_YES,
				.oom_number = 3 };
	incident_kmsg(r.in, &k, r.now + 3000000000);
	r.now += 3000000000;
	count(&r, EVENT_KILL, "/l/w", 15, 1);
	event_free(expect(&r, "kill /l/w 1 next 9", true));
	end(&r);
}

/* While the counters are read a last time, what is seen is told only if it is counted. */
static void settling(void **state)
{
	struct balance b = { 0 };
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_OOMS, "/");
	incidents_settling(r.in, r.now);
	see(&r, SIGHTING_VICTIM);
	incidents_flush(r.in);
	incidents_balance(r.in, &b);
	assert_int_equal(b.kind[EVENT_KILL].reported, 0);
	see(&r, SIGHTING_VICTIM);
	count(&r, EVENT_KILL, "/l/v", 12, 1);
	event_free(expect(&r, "kill /l/v 1 dies 5", true));
	end(&r);
}

/* Where counters of living cgroups cannot be read, what was seen there contradicts nothing. */
static void unreadable(void **state)
{
	struct balance b = { .kind = { [EVENT_KILL] = { .unproven = UINT64_MAX,
							.reasons = UNPROVEN_UNREADABLE } } };
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_OOMS, "/");
	see(&r, SIGHTING_VICTIM);
	event_free(expect(&r, "kill /l/v 1 dies 4", true));
	incidents_balance(r.in, &b);
	assert_int_equal(b.kind[EVENT_KILL].reported, 1);
	assert_int_equal(b.kind[EVENT_KILL].counted, 1);
	end(&r);
}

/* A victim too deep for its path: nobody can say whether its kill was counted. */
static void unknown_place(void **state)
{
	struct balance b = { .kind = { [EVENT_KILL] = { .unproven = 1 } } };
	struct sighting s;
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_OOMS, "/");
	s = sight(&r, SIGHTING_VICTIM);
	s.memory.whole = false;
	incident_sight(r.in, &s);
	incidents_balance(r.in, &b);
	assert_int_equal(b.kind[EVENT_KILL].unproven, 1);
	count(&r, EVENT_KILL, "/l/v", 12, 1);
	event_free(expect(&r, "kill /l/v 1 dies 5", true));
	b = (struct balance){ .kind = { [EVENT_KILL] = { .unproven = 1 } } };
	incidents_balance(r.in, &b);
	assert_int_equal(b.kind[EVENT_KILL].unproven, 0);
	incident_sight(r.in, &s);
	incidents_run(r.in, s.when_ns + 61000000000);
	incidents_balance(r.in, &b);
	b = (struct balance){ .kind = { [EVENT_KILL] = { .unproven = 1 } } };
	incidents_balance(r.in, &b);
	assert_int_equal(b.kind[EVENT_KILL].unproven, 1);
	end(&r);
}

/* Without memory a name is missing, and no kill. */
static void no_memory(void **state)
{
	(void)state;
	for (unsigned n = 1;; n++) {
		struct balance b = { 0 };
		struct oomn_event *e = NULL;
		struct sighting s;
		uint64_t told = 0;
		bool failed;
		struct rig r;

		begin(&r, INCIDENT_OOMS, "/");
		s = sight(&r, SIGHTING_VICTIM);
		fail_malloc_arm(n, false);
		incident_sight(r.in, &s);
		failed = fail_malloc_disarm();
		count(&r, EVENT_KILL, "/l/v", 12, 1);
		incidents_flush(r.in);
		while (engine_next(r.en, &e) == 1) {
			told += e->count_max;
			event_free(e);
		}
		assert_int_equal(told, 1);
		incidents_balance(r.in, &b);
		assert_int_equal(b.kind[EVENT_KILL].reported, 0);
		end(&r);
		if (!failed)
			return;
	}
}

/* Each death is told, whatever is watched, as what it is. */
static void all_deaths(void **state)
{
	const struct incident_calls calls = { .died = died, .printed = printed, .missed = missed };
	struct kmsg_kill kill = { .pid = 5, .oom_number = 1 };
	struct sighting s;
	struct rig r;

	(void)state;
	begin(&r, INCIDENT_OOMS, "/elsewhere");
	r.in = incidents_free(r.in);
	r.in = incidents_new(r.en, &calls);
	assert_non_null(r.in);
	deaths[0] = '\0';
	see(&r, SIGHTING_LIMIT);
	see(&r, SIGHTING_VICTIM);
	see(&r, SIGHTING_COLLATERAL);
	see(&r, SIGHTING_END);
	s = sight(&r, SIGHTING_VICTIM);
	s.killed = false;
	incident_sight(r.in, &s);
	s.task_known = false; /* nobody */
	incident_sight(r.in, &s);
	/* Where only victims are seen, one that its cgroup has not counted is none. */
	s = sight(&r, SIGHTING_VICTIM);
	s.in_oom = false;
	s.began_ns = 0;
	s.oom_kill = 1;
	s.task.pid = 20;
	incident_sight(r.in, &s);
	s.task.pid = 21;
	incident_sight(r.in, &s);
	s.oom_kill = 2;
	s.task.pid = 22;
	incident_sight(r.in, &s);
	incidents_lost(r.in, 0);
	incidents_lost(r.in, 2);
	incidents_lost_collaterals(r.in);
	incident_kmsg(r.in, &kill, 1000);
	kill.again = true;
	incident_kmsg(r.in, &kill, 1001);
	assert_string_equal(deaths, " 9k 9s 9e 20k 21e 22k?0??0?p5 ?0?");
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_deaths),      cmocka_unit_test(one_oom),
		cmocka_unit_test(no_kill),         cmocka_unit_test(along_and_victim),
		cmocka_unit_test(lost_limit),      cmocka_unit_test(global),
		cmocka_unit_test(not_ours),        cmocka_unit_test(victims_only),
		cmocka_unit_test(again_and_again), cmocka_unit_test(by_message),
		cmocka_unit_test(no_memory),       cmocka_unit_test(unknown_place),
		cmocka_unit_test(settling),        cmocka_unit_test(unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
