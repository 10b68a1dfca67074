/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "told.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "told_impl.h"

static const char *const line_keys[] = {
	"seq",       "time",        "boottime_ns", "kind",   "count",    "cgroup",   "cgroup_id",
	"hierarchy", "removed",     "unplaced",    "limit",  "evidence", "incident", "constraint",
	"order",     "total_bytes", "trigger",     "victim", "identity", NULL,
};
static const char *const limit_keys[] = {
	"cgroup", "cgroup_id", "bytes", "usage_bytes", "swap_bytes", "swap_usage_bytes", NULL,
};
static const char *const trigger_keys[] = {
	"pid", "tid", "ns_pid", "uid", "comm", "start_ns", "cgroup", "cgroup_id", NULL,
};
static const char *const victim_keys[] = {
	"pid",
	"tid",
	"ns_pid",
	"uid",
	"comm",
	"start_ns",
	"cgroup",
	"cgroup_id",
	"oom_score_adj",
	"total_vm_bytes",
	"anon_bytes",
	"file_bytes",
	"shmem_bytes",
	"page_table_bytes",
	"exact",
	"own_cgroup",
	"own_cgroup_id",
	"cmdline",
	NULL,
};
const char *const no_keys[] = { NULL };

void oom_begin(struct oom_truth *o, const char *limit, const struct actor *trigger,
	       const struct actor *victim)
{
	memset(o, 0, sizeof(*o));
	o->trigger = trigger;
	oom_add_victim(o, victim);
	o->begin_ns = clock_ns(CLOCK_BOOTTIME);
	o->limit_bytes = o->swap_bytes = BYTES_NONE;
	o->global = !limit;
	if (!limit)
		return;
	place_of(&o->limit, limit);
	o->limit_bytes =
		scratch_bytes(limit, stage.scratch.v2 ? "memory.max" : "memory.limit_in_bytes");
	o->swap_bytes = scratch_bytes(limit, stage.scratch.v2 ? "memory.swap.max"
							      : "memory.memsw.limit_in_bytes");
}

void oom_add_victim(struct oom_truth *o, const struct actor *victim)
{
	if (o->victims_n == OOM_VICTIMS)
		die("more victims than there is room for");
	o->victims[o->victims_n++] = victim;
}

void oom_end(struct oom_truth *o)
{
	o->end_ns = clock_ns(CLOCK_BOOTTIME);
}

size_t told_victims(const struct told_truth *truth)
{
	size_t n = 0;

	for (size_t i = 0; i < truth->n; i++)
		n += truth->ooms[i].victims_n;
	return n;
}

bool told_kill_of(const char *text, pid_t pid)
{
	json_t *line = json_loads(text, 0, NULL), *victim;
	bool is;

	victim = line ? json_object_get(line, "victim") : NULL;
	is = victim && strcmp(json_string_value(json_object_get(line, "kind")), "kill") == 0 &&
	     json_integer_value(json_object_get(victim, "pid")) == pid;
	json_decref(line);
	return is;
}

/* Which of @o's victims is process @pid; OOM_VICTIMS if none is. */
size_t victim_of(const struct oom_truth *o, int64_t pid)
{
	for (size_t i = 0; i < o->victims_n; i++)
		if (o->victims[i]->t.pid == pid)
			return i;
	return OOM_VICTIMS;
}

/* Identity of a process. From the kernel's messages only some of it is known, and of a trigger less. */
static void same_task(const json_t *o, const struct actor *a, bool victim)
{
	enum need bpf = level_bpf() ? MUST : ABSENT, must = level_bpf() || victim ? MUST : MAY;
	uint64_t tick_ns = NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
	int64_t start;

	field_is(o, "pid", must, a->t.pid);
	field_is(o, "tid", level_bpf() ? MUST : MAY, victim ? (int64_t)a->t.pid : a->tid);
	field_is(o, "ns_pid", bpf, a->t.ns_pid);
	field_is(o, "uid", victim ? MUST : bpf, a->t.uid);
	field_is_name(o, "comm", must, a->t.comm);
	if (field_int(o, "start_ns", bpf, &start))
		value_is("start_ns in ticks", (uint64_t)start / tick_ns, a->t.start_ticks);
}

void same_place(const json_t *o, const char *path_key, const char *id_key, const struct place *p,
		enum need need)
{
	/* Only a program in the kernel knows the number of a cgroup that is gone by now. */
	field_is_name(o, path_key, need, p->path);
	field_is(o, id_key, level_bpf() ? need : MAY, (int64_t)p->id);
}

static void same_trigger(const json_t *line, const struct oom_truth *o)
{
	const json_t *t =
		field_object(line, "trigger", level_bpf() ? MUST : MAY, trigger_keys, no_keys);

	if (!t || !o->trigger)
		return;
	same_task(t, o->trigger, false);
	same_place(t, "cgroup", "cgroup_id", &o->trigger->memory, level_bpf() ? MUST : ABSENT);
}

/* Each counter lacks less than a batch for each processor: lib/percpu_counter.c. */
static int64_t off_by(bool exact, int64_t counters)
{
	int64_t cpus = sysconf(_SC_NPROCESSORS_CONF), batch = cpus > 16 ? 2 * cpus : 32;

	return exact ? 0 : counters * batch * cpus * 4096;
}

/* What it took between standing and dying is at most what fits the limit. */
static void same_sizes(const json_t *v, const struct actor *a, const struct oom_truth *o)
{
	bool exact = field_bool(v, "exact");
	int64_t total, anon, file, shmem, tables, rest = (int64_t)(a->t.rss - a->t.anon);
	int64_t more = a->still ? 0 : (int64_t)(o->global ? INT64_MAX / 2 : o->limit_bytes);

	if (level_bpf() && stage.machine && !a->shares && !exact)
		wrong("exact is false for a process that shares nothing");
	(void)field_int(v, "total_vm_bytes", MUST, &total);
	(void)field_int(v, "anon_bytes", MUST, &anon);
	(void)field_int(v, "file_bytes", MUST, &file);
	(void)field_int(v, "shmem_bytes", MUST, &shmem);
	(void)field_int(v, "page_table_bytes", MUST, &tables);
	value_is("total_vm_bytes", (uint64_t)total, a->t.total_vm);
	value_within("anon_bytes", anon, (int64_t)a->t.anon - off_by(exact, 1),
		     (int64_t)a->t.anon + more + off_by(exact, 1));
	/*
	 * Before 6.2 each thread keeps to itself what 64 faults brought, 16 pages of a file each. The
	 * kernel's message lacks them, and what is told of shared memory lacks those of the others.
	 */
	value_within("file_bytes + shmem_bytes", file + shmem,
		     !exact && (a->shares || !level_bpf()) ? 0 : rest - off_by(exact, 2),
		     rest + (a->still ? 0 : (int64_t)MIB) + off_by(exact, 2));
	value_within("page_table_bytes", tables, (int64_t)a->t.tables,
		     (int64_t)a->t.tables + (a->still ? 0 : more / 256 + 4 * 4096));
}

static void same_victim(const json_t *line, const struct oom_truth *o, const struct actor *a)
{
	const json_t *v = field_object(line, "victim", MUST, victim_keys, no_keys);
	char *cmdline;

	same_task(v, a, true);
	field_is(v, "oom_score_adj", MUST, a->t.oom_score_adj);
	/* The messages tell of further members of a group only which group it is. */
	same_place(v, "cgroup", "cgroup_id", &a->memory, o->group && !level_bpf() ? MAY : MUST);
	same_place(v, "own_cgroup", "own_cgroup_id", &a->own, level_bpf() ? MUST : ABSENT);
	same_sizes(v, a, o);
	cmdline = field_raw(v, "cmdline", level_bpf() ? MAY : ABSENT);
	if (cmdline && (!*cmdline || strncmp(a->cmdline, cmdline, strlen(cmdline)) != 0))
		wrong("cmdline should be %s", a->cmdline);
	free(cmdline);
}

/*
 * Of the limit: whose, how much, and what was in use then. It is known to who has seen the oom begin;
 * what a counter tells may be less, and is right.
 */
static void same_limit(const json_t *line, const struct oom_truth *o, bool seen, bool begins)
{
	static const char *const rare[] = { "or_above", "outside", NULL };
	enum need need = o->global ? ABSENT : seen ? MUST : MAY;
	const json_t *l = field_object(line, "limit", need, limit_keys, rare);
	int64_t usage, swap;

	if (!l)
		return;
	if (json_object_get(l, "outside"))
		wrong("the limit is not outside of anything");
	if (json_object_get(l, "or_above")) {
		if (seen)
			wrong("the limit is known");
		return;
	}
	same_place(l, "cgroup", "cgroup_id", &o->limit, MUST);
	field_is(l, "bytes", need, (int64_t)o->limit_bytes);
	/* Only who sees the oom begin, or reads its message, knows what was in use at that moment. */
	if (field_int(l, "usage_bytes",
		      seen                        ? MUST
		      : stage.level == LEVEL_KMSG ? MAY
						  : ABSENT,
		      &usage))
		value_within("usage_bytes", usage,
			     begins ? (int64_t)(o->limit_bytes - MIB / 2)
				    : (int64_t)o->limit_bytes / 2,
			     (int64_t)o->limit_bytes);
	if (o->swap_bytes == BYTES_NONE)
		field_is(l, "swap_bytes", ABSENT, 0);
	else
		field_is(l, "swap_bytes", need, (int64_t)o->swap_bytes);
	if (field_int(l, "swap_usage_bytes", seen || stage.level == LEVEL_KMSG ? MAY : ABSENT,
		      &swap))
		value_within("swap_usage_bytes", swap, 0,
			     o->swap_bytes == BYTES_NONE ? INT64_MAX : (int64_t)o->swap_bytes);
}

/*
 * Why, how many pages at once, and of how many in all. The kernel finds out the last, and of a global
 * oom why, only behind its entry: @killed, or what can be missing.
 */
static void same_cause(const json_t *line, const struct oom_truth *o, bool killed)
{
	enum need need = level_scope() ? MUST : level_bpf() || !level_names() ? ABSENT : MAY;

	field_is_name(line, "constraint", need, o->global ? "none" : "memcg");
	if (!o->global)
		field_is(line, "order", need, 0);
	if (!level_scope())
		field_is(line, "total_bytes", ABSENT, 0);
	else if (!o->global)
		field_is(line, "total_bytes", killed ? MUST : MAY, (int64_t)o->limit_bytes);
	else if (killed)
		field_is(line, "total_bytes", MUST, (int64_t)memory_total());
}

/* The moment of it, on both clocks; @kernel: as the kernel saw it, and not when it was learned. */
void same_time(const json_t *line, const struct oom_truth *o, bool kernel)
{
	uint64_t boot_ns = clock_ns(CLOCK_BOOTTIME), real_ns = clock_ns(CLOCK_REALTIME);
	int64_t at;
	uint64_t told_ns = field_time(line, "time");

	(void)field_int(line, "boottime_ns", MUST, &at);
	value_within("boottime_ns", at, (int64_t)o->begin_ns,
		     (int64_t)(kernel ? o->end_ns : boot_ns));
	/* One clock's time from the other's: whoever reads both can be held up between. */
	value_within("time", (int64_t)told_ns,
		     at + (int64_t)(real_ns - boot_ns) - (int64_t)NSEC_PER_SEC,
		     at + (int64_t)(real_ns - boot_ns) + (int64_t)NSEC_PER_SEC);
}

static void same_evidence(const json_t *line, bool named)
{
	bool bpf = has_word(line, "evidence", "bpf"), kmsg = has_word(line, "evidence", "kmsg");

	if (named && !(level_bpf() ? bpf : kmsg))
		wrong("the evidence lacks who named it");
	if ((bpf && !level_bpf()) || (kmsg && stage.level != LEVEL_KMSG))
		wrong("evidence of what was not asked");
	if (!named && !has_word(line, "evidence", "counters") &&
	    !has_word(line, "evidence", "eventfd") && !has_word(line, "evidence", "vmstat"))
		wrong("there is no evidence");
}

/* All that lines of every kind have in common, but their moment and what they rest on. */
static void same_line(const json_t *line, const struct oom_truth *o)
{
	json_t *identity = o->identity ? json_loads(o->identity, 0, NULL) : json_null();

	field_is(line, "count", MUST, 1);
	field_is_name(line, "hierarchy", MUST, stage.scratch.v2 ? "v2" : "v1");
	if (field_bool(line, "removed") || field_bool(line, "unplaced"))
		wrong("its place is known");
	if (!json_equal(json_object_get(line, "identity"), identity))
		wrong("identity should be %s", o->identity ? o->identity : "null");
	json_decref(identity);
}

static void same_kill(const json_t *line, const struct oom_truth *o, const struct actor *a)
{
	same_line(line, o);
	same_place(line, "cgroup", "cgroup_id", &a->memory, MUST);
	same_time(line, o, level_bpf());
	same_evidence(line, true);
	same_limit(line, o, level_scope(), false);
	same_cause(line, o, true);
	same_trigger(line, o);
	same_victim(line, o, a);
}

/* Counters know of a cgroup that is gone only that it was below one that is there. */
static bool is_of_dead(const json_t *line, const struct oom_truth *o)
{
	const char *path = json_string_value(json_object_get(line, "cgroup"));
	size_t n = path ? strlen(path) : 0;

	return o->removed && json_is_true(json_object_get(line, "removed")) && n > 0 &&
	       strncmp(o->limit.path, path, n) == 0 && o->limit.path[n] == '/';
}

/* Whether @line, an oom, may be one of @o: it is at its limit, and of somebody of it or of nobody known. */
static bool is_of_limit(const json_t *line, const struct oom_truth *o)
{
	const json_t *id = json_object_get(line, "cgroup_id");
	const char *path = json_string_value(json_object_get(line, "cgroup"));
	char *limit = escape_name(o->global ? "/" : o->limit.path, 0);
	bool is = path && strcmp(path, limit) == 0;

	free(limit);
	return is &&
	       (o->global || json_is_null(id) || json_integer_value(id) == (json_int_t)o->limit.id);
}

/* v1: the notifier of a cgroup is signalled for each limit above it, too. */
static bool is_below_limit(const json_t *line, const struct oom_truth *o)
{
	const char *path = json_string_value(json_object_get(line, "cgroup"));
	size_t n = strlen(o->limit.path);

	return path && !stage.scratch.v2 && strncmp(path, o->limit.path, n) == 0 && path[n] == '/';
}

/* An oom as the kernel's counter or v1's notifier tells it: of whom and why is not known. */
static void same_counted_oom(struct comparing *c, const json_t *line, const struct oom_truth *o)
{
	int64_t count;

	(void)field_int(line, "count", MUST, &count);
	value_within("count", count, 1, INT32_MAX);
	c->ooms += (uint64_t)count;
	field_is_name(line, "hierarchy", MUST, stage.scratch.v2 ? "v2" : "v1");
	same_time(line, o, false);
	same_evidence(line, false);
	same_limit(line, o, false, false);
	field_is(line, "incident", ABSENT, 0);
	field_is_name(line, "constraint", MAY, "memcg");
	field_is(line, "order", ABSENT, 0);
	field_is(line, "total_bytes", ABSENT, 0);
	(void)field_there(line, "trigger", ABSENT);
	(void)field_there(line, "victim", ABSENT);
}

/* An oom as it was seen. Not each kills: memory may have been freed meanwhile. */
static void same_seen_oom(struct comparing *c, const json_t *line, const struct oom_truth *o)
{
	c->ooms += !o->global;
	field_is(line, "count", MUST, 1);
	if (o->global)
		(void)field_there(line, "hierarchy", ABSENT);
	else
		same_line(line, o);
	same_time(line, o, true);
	if (!has_word(line, "evidence", "bpf"))
		wrong("the evidence lacks who saw it");
	same_limit(line, o, true, true);
	same_cause(line, o, false);
	same_trigger(line, o);
	(void)field_there(line, "victim", ABSENT);
}

static void same_oom(struct comparing *c, const json_t *line)
{
	bool seen = !json_is_null(json_object_get(line, "incident"));

	if (seen && !level_scope())
		wrong("ooms are not seen at this level");
	for (size_t i = 0; i < c->truth->n; i++) {
		const struct oom_truth *o = &c->truth->ooms[i];
		int64_t incident = c->found[i].incident;

		if (!is_of_limit(line, o) && !is_below_limit(line, o))
			continue;
		if (seen && json_integer_value(json_object_get(line, "incident")) == incident) {
			c->found[i].ooms++;
			same_seen_oom(c, line, o);
			return;
		}
	}
	for (size_t i = 0; i < c->truth->n; i++) {
		const struct oom_truth *o = &c->truth->ooms[i];

		if (!is_of_limit(line, o) && !is_below_limit(line, o) &&
		    (seen || !is_of_dead(line, o)))
			continue;
		if (!seen) {
			same_counted_oom(c, line, o);
			return;
		}
		same_seen_oom(c, line, o);
		if (c->found[i].killless_n == KILLLESS)
			wrong("one more oom that killed nobody");
		c->found[i].killless[c->found[i].killless_n++] =
			json_integer_value(json_object_get(line, "incident"));
		return;
	}
	wrong("an oom of nobody");
}

bool is_killless(const struct found *f, int64_t incident)
{
	for (size_t i = 0; i < f->killless_n; i++)
		if (f->killless[i] == incident)
			return true;
	return false;
}

bool has_incident(const struct found *f, int64_t incident)
{
	if (is_killless(f, incident))
		return true;
	for (size_t i = 0; i < OOM_VICTIMS; i++)
		if (f->incidents[i] == incident)
			return true;
	return false;
}

/* The same number for all of an oom, and another one for each other oom. */
static void same_incident(struct comparing *c, const json_t *line, size_t which, size_t victim)
{
	struct found *f = &c->found[which];
	int64_t incident;

	(void)field_int(line, "incident", MUST, &incident);
	if (incident <= 0)
		wrong("incident is no number");
	/* A victim alone is all that is seen of an oom there. */
	if (f->incident && f->incident != incident && stage.level != LEVEL_TRACEPOINT)
		wrong("the oom has incident %" PRId64 " already", f->incident);
	f->incident = f->incidents[victim] = incident;
	for (size_t i = 0; i < c->truth->n; i++)
		if (i != which && has_incident(&c->found[i], incident))
			wrong("another oom has the same incident");
}

/* A kill that nobody has named: how many there are is all that can be compared. */
static void same_counted_kill(struct comparing *c, const json_t *line)
{
	static const char *const nulls[] = { "victim", "trigger", "incident", "order",
					     "total_bytes" };
	int64_t least, most;

	(void)field_int(line, "count", MUST, &least);
	most = least;
	if (json_object_get(line, "count_max"))
		(void)field_int(line, "count_max", MUST, &most);
	c->kills_min += (uint64_t)least;
	c->kills_max += (uint64_t)most;
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		(void)field_there(line, nulls[i], ABSENT);
	same_evidence(line, false);
	field_is_name(line, "hierarchy", MUST, stage.scratch.v2 ? "v2" : "v1");
}

/* Messages may lack a kill: so none can say that what may be a group's recount is one. */
static bool may_lack_name(const struct comparing *c, const json_t *line)
{
	int64_t count;

	(void)field_int(line, "count", MUST, &count);
	return c->truth->maybe_named || (stage.level == LEVEL_KMSG && count == 0);
}

static void same_kill_line(struct comparing *c, const json_t *line)
{
	const json_t *victim = json_object_get(line, "victim");
	int64_t pid;

	if (!level_names() || (json_is_null(victim) && may_lack_name(c, line))) {
		same_counted_kill(c, line);
		return;
	}
	if (!json_is_object(victim))
		wrong("a kill without a name");
	c->named++;
	(void)field_int(victim, "pid", MUST, &pid);
	for (size_t i = 0; i < c->truth->n; i++) {
		const struct oom_truth *o = &c->truth->ooms[i];
		size_t which = victim_of(o, pid);

		if (which == OOM_VICTIMS)
			continue;
		if (c->found[i].victims[which]++ > 0)
			wrong("it has been told already");
		same_incident(c, line, i, which);
		same_kill(line, o, o->victims[which]);
		return;
	}
	wrong("a kill of nobody");
}

static void same_collateral(struct comparing *c, const json_t *line)
{
	const json_t *victim = json_object_get(line, "victim");

	for (size_t i = 0; i < c->truth->n; i++) {
		const struct oom_truth *o = &c->truth->ooms[i];

		if (!o->collateral || !json_is_object(victim) ||
		    json_integer_value(json_object_get(victim, "pid")) != o->collateral->t.pid)
			continue;
		if (c->found[i].collaterals++ > 0)
			wrong("it has been told already");
		field_is(line, "incident", MUST, c->found[i].incident);
		field_is(line, "shared_with", MUST, o->victims[0]->t.pid);
		same_kill(line, o, o->collateral);
		return;
	}
	wrong("a collateral of nobody");
}

static void same_group_kill(struct comparing *c, const json_t *line)
{
	for (size_t i = 0; i < c->truth->n; i++) {
		const struct oom_truth *o = &c->truth->ooms[i];

		if (!o->group || !is_of_limit(line, o))
			continue;
		if (c->found[i].groups++ > 0)
			wrong("it has been told already");
		same_line(line, o);
		same_time(line, o, false);
		same_evidence(line, false);
		same_limit(line, o, false, false);
		(void)field_there(line, "victim", ABSENT);
		if (stage.level == LEVEL_TRACEPOINT)
			return; /* each victim has an incident of its own */
		field_is(line, "incident", level_names() ? MUST : ABSENT, c->found[i].incident);
		return;
	}
	wrong("a group kill of nobody");
}

/* A cgroup that had an event and was removed. */
static void same_gone(struct comparing *c, const json_t *line)
{
	const char *path = json_string_value(json_object_get(line, "cgroup"));

	for (size_t i = 0; path && i < c->truth->n; i++)
		if (strcmp(path, c->truth->ooms[i].victims[0]->memory.path) == 0) {
			if (c->found[i].gone++ > 0)
				wrong("it has been told already");
			return;
		}
	wrong("the end of a cgroup that is there");
}

/* Kills come first: they tell which incident is which oom. Then ooms, since some kill nobody. */
static const struct {
	const char *kind;
	const char *rare[3];
	int rank;
	void (*same)(struct comparing *c, const json_t *line);
} kinds[] = {
	{ "kill", { "count_max" }, 0, same_kill_line },
	{ "oom", { NULL }, 1, same_oom },
	{ "group_kill", { NULL }, 2, same_group_kill },
	{ "collateral", { "shared_with" }, 2, same_collateral },
	{ "details", { "details" }, 2, same_details },
	{ "gone", { NULL }, 2, same_gone },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static size_t kind_of(const json_t *line)
{
	const char *kind = json_string_value(json_object_get(line, "kind"));

	for (size_t k = 0; kind && k < KINDS; k++)
		if (strcmp(kinds[k].kind, kind) == 0)
			return k;
	wrong("no line of this kind should come");
}

/* The @rank-th pass: see the table. */
static void compare(struct comparing *c, int rank)
{
	for (size_t i = 0; i < c->watching->n; i++) {
		json_t *line = json_loads(c->watching->lines[i].text, 0, NULL);
		size_t k;

		complain_about(c->watching->lines[i].text);
		if (!json_is_object(line))
			wrong("this is no JSON");
		k = kind_of(line);
		if (rank == 0)
			keys_are(kinds[k].kind, line, line_keys, kinds[k].rare);
		if (rank == kinds[k].rank)
			kinds[k].same(c, line);
		json_decref(line);
	}
	complain_about(NULL);
}

/* 1, 2, 3 and so on, but for details. */
static void same_numbers(const struct watching *w)
{
	int64_t last = 0, seq;

	for (size_t i = 0; i < w->n; i++) {
		json_t *line = json_loads(w->lines[i].text, 0, NULL);

		complain_about(w->lines[i].text);
		if (field_int(line, "seq", MAY, &seq) && seq != ++last)
			wrong("seq should be %" PRId64, last);
		json_decref(line);
	}
	complain_about(NULL);
}

static void same_numbers_of(const struct comparing *c, size_t which)
{
	const struct oom_truth *o = &c->truth->ooms[which];
	const struct found *f = &c->found[which];
	bool counts_groups = o->group && scratch_has_key("oom_group_kill");

	complain_about(o->global ? "/" : o->limit.path);
	for (size_t v = 0; level_names() && !c->truth->maybe_named && v < o->victims_n; v++)
		if (f->victims[v] != 1)
			wrong("the kill of process %d was not told", (int)o->victims[v]->t.pid);
	if (level_scope() && stage.scratch.v2 && !o->global)
		value_within("ooms with the number of its kills", (int64_t)f->ooms, !o->queued, 1);
	if (level_scope() && o->global)
		value_is("ooms with the number of its kills", f->ooms, o->whole);
	/* One of its limit and its first victim, and one for each further victim: if there is anything. */
	if (level_names())
		value_within("details", (int64_t)f->details,
			     level_scope() && stage.scratch.v2 && !o->global && !o->removed &&
				     !o->queued,
			     (int64_t)o->victims_n);
	value_is("group kills", f->groups, counts_groups);
	value_is("collaterals", f->collaterals, o->collateral && level_bpf());
	complain_about(NULL);
}

size_t told_same(const struct watching *w, const struct told_truth *truth)
{
	struct comparing c = { .truth = truth, .watching = w };
	uint64_t victims = told_victims(truth);

	c.found = calloc(truth->n, sizeof(*c.found));
	if (!c.found)
		die("out of memory");
	for (int rank = 0; rank < 3; rank++)
		compare(&c, rank);
	same_numbers(w);
	for (size_t i = 0; i < truth->n; i++)
		same_numbers_of(&c, i);
	if (c.kills_min + c.named > victims || c.kills_max + c.named < victims)
		wrong("from %" PRIu64 " to %" PRIu64 " kills were told of %" PRIu64,
		      c.kills_min + c.named, c.kills_max + c.named, victims);
	if (stage.scratch.v2)
		value_is("ooms told", c.ooms, truth->kernel_ooms);
	free(c.found);
	return c.named;
}
