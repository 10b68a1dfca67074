/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *            LIMIT                 VICTIM, COLLATERAL            END
 *   none ───────────> open ────────────────────────> open ──────────> none
 *
 * Which oom a record is of is told by when it began and who asked. So a record whose LIMIT had no room
 * in the ring opens the incident just as well. Where only victims are seen, each opens its own.
 */
#include "core/incident.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/saturate.h"
#include "core/incident_event.h"
#include "core/reconcile.h"

#define GROUPS 64 /* incidents that a group kill may still be told of */
#define OOMS 64   /* that a kill may still be told to come of */
#define V1_TOO_LATE ((unsigned)(UNPROVEN_V1_CHANGING | UNPROVEN_V1_UNSEEN))
#define LIVING                                                                                     \
	((unsigned)(UNPROVEN_UNREADABLE | UNPROVEN_RESTLESS | UNPROVEN_SWITCHED |                  \
		    UNPROVEN_V1_DESCRIPTORS | UNPROVEN_V1_POLLED))
#define RECENT_NS UINT64_C(1000000000)
#define HELD 64 /* processes that died along with one oom's victims */
#define HELD_NS UINT64_C(10000000)
#define FUTILE 16     /* limits at which ooms end without a victim */
#define FUTILE_TOLD 8 /* in a row that are told by themselves */
#define CGROUPS 256   /* whose last counter is remembered */

/*
 * A member of a group that shares another one's memory is sent SIGKILL twice: with it, and then as a
 * victim of its own. So who died along is told when the oom ends, or a moment later where its end is not
 * seen, if it has not become a victim by then.
 */
struct held {
	struct oomn_event *event;
	uint64_t due_ns;
};

struct open_incident {
	uint64_t number;
	uint64_t began_ns;
	uint32_t tid;
	uint32_t victim;    /* the pid of the last one; 0: none yet */
	uint64_t seen_ns;   /* and when it was seen */
	bool global_untold; /* no limit: told as soon as its constraint is known */
};

/* Where the first victim of an incident lived: a group kill there or above may be of that incident. */
struct killed_at {
	uint64_t number;
	uint64_t when_ns;
	char *path; /* NULL: a group kill has it */
};

/* The last oom_kill that a sighting carried, of one cgroup. */
struct counted_at {
	uint64_t id;
	uint64_t oom_kill;
	bool v1;
};

/* A limit at which ooms end without a victim, one after the other. */
struct futile {
	uint64_t id;
	uint64_t when_ns; /* of the last one */
	unsigned n;
};

/* An oom that was counted, and of which kills may come. */
struct counted_oom {
	enum hierarchy hierarchy;
	char *path;
	uint64_t id;
	uint64_t limit_bytes;
	uint64_t left;
	uint64_t when_ns;
};

struct incidents {
	struct engine *engine;
	struct reconcile *reconcile;
	enum incident_level level;
	bool missed;      /* a kill was not seen: none is proven by sightings */
	bool ooms_missed; /* the same of ooms */
	uint64_t lost;
	uint64_t number; /* the last one given */
	uint64_t kmsg_number;
	struct open_incident open;
	struct held held[HELD];
	size_t held_n;
	struct killed_at killed[GROUPS];
	size_t killed_next;
	struct counted_at counted[CGROUPS];
	size_t counted_next;
	struct counted_oom ooms[OOMS];
	size_t ooms_next;
	struct futile futile[FUTILE];
	size_t futile_next;
	struct incident_calls calls;
};

/*
 * Where the programs do not see the limit, the oom that was counted just before at or above the victim
 * tells it. If there were several, nothing does.
 */
static void add_counted_limit(struct incidents *in, struct oomn_event *e)
{
	struct counted_oom *found = NULL;

	for (size_t i = 0; i < OOMS; i++) {
		struct counted_oom *o = &in->ooms[i];

		if (!o->path || o->left == 0 || o->hierarchy != e->hierarchy ||
		    o->when_ns + RECENT_NS < e->boottime_ns ||
		    !path_is_at_or_below(e->cgroup, o->path))
			continue;
		if (found && strcmp(found->path, o->path) != 0)
			return;
		found = found ? found : o;
	}
	if (!found)
		return;
	found->left--;
	e->limit_cgroup = strdup(found->path); /* without memory it is not known */
	e->limit_id = e->limit_cgroup ? found->id : 0;
	e->limit_bytes = e->limit_cgroup ? found->limit_bytes : BYTES_NONE;
}

static void tell(void *ctx, struct oomn_event *e)
{
	struct incidents *in = ctx;

	if (in->level == INCIDENT_VICTIMS && e->kind == EVENT_KILL && e->victim && e->cgroup &&
	    !e->limit_cgroup)
		add_counted_limit(in, e);
	engine_tell(in->engine, e);
}

static void drain(void *ctx)
{
	struct incidents *in = ctx;

	if (in->calls.drain)
		in->calls.drain(in->calls.ctx);
}

/* The incident that @e, a group kill, came of: the only one with a victim there just now; else 0. */
static uint64_t incident_of(struct incidents *in, const struct oomn_event *e)
{
	struct killed_at *found = NULL;

	for (size_t i = 0; i < GROUPS; i++) {
		struct killed_at *k = &in->killed[i];

		if (!k->path || k->when_ns + RECENT_NS < e->boottime_ns ||
		    !path_is_at_or_below(k->path, e->cgroup))
			continue;
		if (found)
			return 0;
		found = k;
	}
	if (!found)
		return 0;
	free(found->path);
	found->path = NULL;
	return found->number;
}

static void remember_oom(struct incidents *in, const struct oomn_event *e)
{
	struct counted_oom *o = &in->ooms[in->ooms_next];

	if (e->removed || e->unplaced || e->below || e->limit_or_above)
		return;
	free(o->path);
	*o = (struct counted_oom){ .hierarchy = e->hierarchy,
				   .path = strdup(e->cgroup),
				   .id = e->cgroup_id,
				   .limit_bytes = e->limit_bytes,
				   .left = e->count_max,
				   .when_ns = e->boottime_ns };
	in->ooms_next = (in->ooms_next + 1) % OOMS;
}

static void intake(void *ctx, struct oomn_event *e)
{
	struct incidents *in = ctx;

	if (e->kind == EVENT_OOM && in->level == INCIDENT_VICTIMS)
		remember_oom(in, e);

	if (e->kind == EVENT_GROUP_KILL && e->count_max == 1) {
		drain(in);
		e->incident = incident_of(in, e);
	}
	reconcile_counted(in->reconcile, e);
}

static bool gone(void *ctx, const struct spot *s)
{
	struct incidents *in = ctx;

	return in->calls.gone && in->calls.gone(in->calls.ctx, s);
}

struct incidents *incidents_new(struct engine *en, const struct incident_calls *calls)
{
	struct incidents *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	in->engine = en;
	in->calls = *calls;
	in->reconcile = reconcile_new(
		&(struct reconcile_calls){ .tell = tell, .drain = drain, .gone = gone, .ctx = in });
	if (!in->reconcile) {
		free(in);
		return NULL;
	}
	engine_set_intake(en, intake, in);
	return in;
}

struct incidents *incidents_free(struct incidents *in)
{
	if (!in)
		return NULL;
	engine_set_intake(in->engine, NULL, NULL);
	reconcile_free(in->reconcile);
	for (size_t i = 0; i < in->held_n; i++)
		event_free(in->held[i].event);
	for (size_t i = 0; i < GROUPS; i++)
		free(in->killed[i].path);
	for (size_t i = 0; i < OOMS; i++)
		free(in->ooms[i].path);
	free(in);
	return NULL;
}

void incidents_set_level(struct incidents *in, enum incident_level level)
{
	static const unsigned expected[] = {
		[INCIDENT_NOTHING] = 0,
		[INCIDENT_NAMES] = EVENT_MASK(EVENT_KILL),
		[INCIDENT_VICTIMS] = EVENT_MASK(EVENT_KILL),
		[INCIDENT_OOMS] = EVENT_MASK(EVENT_KILL) | EVENT_MASK(EVENT_OOM),
	};

	in->level = level;
	reconcile_expect(in->reconcile, expected[level]);
	if (level < INCIDENT_VICTIMS)
		reconcile_missed(in->reconcile);
}

enum incident_level incidents_level(const struct incidents *in)
{
	return in->level;
}

static void tell_missed(const struct incidents *in)
{
	if (in->calls.missed)
		in->calls.missed(in->calls.ctx);
}

static void missed(struct incidents *in)
{
	in->missed = true;
	reconcile_missed(in->reconcile);
}

void incidents_lost(struct incidents *in, uint64_t n)
{
	if (n == 0)
		return;
	in->lost = add_saturated(in->lost, n);
	missed(in);
	tell_missed(in);
}

void incidents_lost_collaterals(struct incidents *in)
{
	tell_missed(in);
}

void incidents_lost_ooms(struct incidents *in)
{
	in->ooms_missed = true;
}

static void open_incident(struct incidents *in, const struct sighting *s)
{
	in->open = (struct open_incident){ .number = ++in->number,
					   .began_ns = s->began_ns,
					   .tid = s->trigger.tid,
					   .global_untold = s->in_oom && !s->limit.known };
}

static bool is_open(const struct incidents *in, const struct sighting *s)
{
	const struct open_incident *o = &in->open;

	if (o->number == 0 || o->tid != s->trigger.tid || o->began_ns != s->began_ns)
		return false;
	return s->in_oom || (s->kind == SIGHTING_COLLATERAL && s->shared_with == o->victim &&
			     s->when_ns <= o->seen_ns + HELD_NS);
}

/* Gives @e, which names one oom or kill at @c, to be told once; or drops it: it is nobody's. */
static void sighted(struct incidents *in, const struct sighting *s, const struct cgroup_id *c,
		    struct oomn_event *e, bool sure)
{
	struct sighted what = {
		.spot = { e->kind, e->hierarchy, c->known ? c->id : 0, e->cgroup },
		.when_ns = s->when_ns,
	};
	enum engine_cover cover;

	if (c->outside) {
		event_free(e);
		return;
	}
	/* A path that is not whole may be anybody's: its id tells when it is counted. */
	cover = e->cgroup ? engine_covers(in->engine, e->hierarchy, e->cgroup, s->when_ns)
			  : ENGINE_COVER_STARTING;
	if (cover == ENGINE_COVER_NONE) {
		event_free(e);
		return;
	}
	if (cover == ENGINE_COVER_SURE && sure)
		what.how = s->in_oom ? SIGHTED_SURE : SIGHTED_PATIENT;
	reconcile_sighted(in->reconcile, &what, e);
}

static struct futile *futile_at(struct incidents *in, uint64_t id)
{
	for (size_t i = 0; i < FUTILE; i++)
		if (in->futile[i].id == id)
			return &in->futile[i];
	return NULL;
}

/*
 * Who lowers a limit below what can be reclaimed asks again and again, thousands of times, until the
 * one victim has gone. The first of them are told by themselves, the rest by their count.
 */
static bool is_repeated(struct incidents *in, const struct sighting *s)
{
	const struct futile *f = futile_at(in, s->limit.id);

	return f && f->n >= FUTILE_TOLD && s->when_ns <= f->when_ns + RECENT_NS;
}

/* The oom of @s has ended. */
static void see_end(struct incidents *in, const struct sighting *s)
{
	struct futile *f = s->limit.known ? futile_at(in, s->limit.id) : NULL;
	bool futile = in->open.victim == 0;

	if (f && (!futile || s->when_ns > f->when_ns + RECENT_NS))
		f->n = 0;
	if (!s->limit.known || !futile)
		return;
	if (!f) {
		f = &in->futile[in->futile_next];
		in->futile_next = (in->futile_next + 1) % FUTILE;
		*f = (struct futile){ .id = s->limit.id };
	}
	f->n++;
	f->when_ns = s->when_ns;
}

static void see_limit(struct incidents *in, const struct sighting *s)
{
	struct oomn_event *e;

	if (!s->limit.known || is_repeated(in, s))
		return;
	e = incident_oom_event(s, in->open.number);
	if (e)
		sighted(in, s, &s->limit, e, true);
	else
		incidents_lost_ooms(in);
}

/*
 * No counter has it, so there is nothing to wait for. Only one with a victim is told: while that one
 * exits, whoever asks for memory calls the OOM killer again, to no effect.
 */
static void see_global(struct incidents *in, const struct sighting *s)
{
	struct oomn_event *e;

	if (!in->open.global_untold || s->kind != SIGHTING_VICTIM || !s->killed)
		return;
	in->open.global_untold = false;
	if (engine_covers(in->engine, HIERARCHY_NONE, "/", s->began_ns) == ENGINE_COVER_NONE)
		return;
	e = incident_oom_event(s, in->open.number);
	if (e)
		engine_tell(in->engine, e);
}

static void remember(struct incidents *in, const char *path, uint64_t when_ns)
{
	struct killed_at *k = &in->killed[in->killed_next];
	const struct killed_at *last = &in->killed[(in->killed_next + GROUPS - 1) % GROUPS];

	if (!path || last->number == in->open.number)
		return;
	free(k->path);
	k->path = strdup(path); /* without memory a group kill has no number */
	k->number = in->open.number;
	k->when_ns = when_ns;
	in->killed_next = (in->killed_next + 1) % GROUPS;
}

/* Those that are due by @now_ns. No counter has them, so there is nothing to wait for. */
static void tell_held(struct incidents *in, uint64_t now_ns)
{
	size_t left = 0;

	for (size_t i = 0; i < in->held_n; i++) {
		if (in->held[i].due_ns <= now_ns)
			engine_tell(in->engine, in->held[i].event);
		else
			in->held[left++] = in->held[i];
	}
	in->held_n = left;
}

/* It is a victim itself. */
static void drop_held(struct incidents *in, const struct task_id *id)
{
	size_t left = 0;

	for (size_t i = 0; i < in->held_n; i++) {
		const struct task_id *other = &in->held[i].event->victim->id;

		if (other->pid == id->pid && other->start_ns == id->start_ns)
			event_free(in->held[i].event);
		else
			in->held[left++] = in->held[i];
	}
	in->held_n = left;
}

/*
 * Where nothing was seen of the oom, the counter in the sighting decides: the one that an earlier sighting
 * had counts no kill. A smaller one is a new account: memory was switched off and on.
 */
static bool is_counted(struct incidents *in, const struct sighting *s, bool *ret_sure)
{
	struct counted_at *c = NULL;
	bool grown;

	*ret_sure = true;

	if (s->in_oom || !s->counted || !s->memory.known)
		return true;
	for (size_t i = 0; i < CGROUPS && !c; i++)
		if (in->counted[i].id == s->memory.id && in->counted[i].v1 == s->v1)
			c = &in->counted[i];
	if (!c) {
		c = &in->counted[in->counted_next];
		in->counted_next = (in->counted_next + 1) % CGROUPS;
		*c = (struct counted_at){ .id = s->memory.id, .v1 = s->v1 };
		*ret_sure = s->oom_kill <= 1; /* what was there before is not known */
	}
	grown = s->oom_kill != c->oom_kill;
	c->oom_kill = s->oom_kill;
	return grown;
}

static void tell_death(const struct incidents *in, const struct sighting *s, enum death how)
{
	if (in->calls.died && s->task_known)
		in->calls.died(in->calls.ctx, s, how, in->open.number);
}

/* One that was exiting already is marked too, but not killed. */
static void see_victim(struct incidents *in, const struct sighting *s)
{
	struct oomn_event *e;
	bool sure;

	in->open.victim = s->task.pid;
	in->open.seen_ns = s->when_ns;
	if (!s->killed || !is_counted(in, s, &sure)) {
		tell_death(in, s, DEATH_EXITING);
		return;
	}
	tell_death(in, s, DEATH_KILLED);
	drop_held(in, &s->task);
	e = incident_kill_event(s, in->open.number);
	if (!e) {
		missed(in);
		return;
	}
	remember(in, e->cgroup, s->when_ns);
	sighted(in, s, &s->memory, e, sure);
}

static void see_collateral(struct incidents *in, const struct sighting *s)
{
	_cleanup_event_ struct oomn_event *e = incident_collateral_event(s, in->open.number);

	tell_death(in, s, DEATH_SHARED);
	if (!e || !e->cgroup ||
	    engine_covers(in->engine, e->hierarchy, e->cgroup, s->when_ns) == ENGINE_COVER_NONE)
		return;
	if (in->held_n == HELD)
		tell_held(in, UINT64_MAX);
	in->held[in->held_n++] =
		(struct held){ .event = ptr_steal(&e), .due_ns = s->when_ns + HELD_NS };
}

void incident_sight(struct incidents *in, const struct sighting *s)
{
	if (in->calls.seen)
		in->calls.seen(in->calls.ctx, s);
	if (!is_open(in, s))
		open_incident(in, s);
	if (s->kind == SIGHTING_LIMIT)
		tell_held(in, UINT64_MAX);
	see_global(in, s);
	switch (s->kind) {
	case SIGHTING_LIMIT:
		see_limit(in, s);
		break;
	case SIGHTING_VICTIM:
		see_victim(in, s);
		break;
	case SIGHTING_COLLATERAL:
		see_collateral(in, s);
		break;
	default: /* SIGHTING_END */
		tell_held(in, UINT64_MAX);
		see_end(in, s);
		in->open.number = 0;
		break;
	}
}

void incident_kmsg(struct incidents *in, const struct kmsg_kill *kill, uint64_t now_ns)
{
	struct sighted what = { .spot.kind = EVENT_KILL, .when_ns = now_ns };
	struct oomn_event *e;

	if (kill->again) /* one victim counted twice */
		return;
	if (kill->oom_number != in->kmsg_number || in->open.number == 0) {
		in->kmsg_number = kill->oom_number;
		in->open.number = ++in->number;
	}
	if (in->calls.printed)
		in->calls.printed(in->calls.ctx, kill, in->open.number, now_ns);
	e = incident_kmsg_event(kill, in->open.number, now_ns);
	if (!e)
		return;
	if (!e->cgroup) { /* nothing says where: it could be any kill's name */
		event_free(e);
		incidents_lost(in, 1);
		return;
	}
	what.spot.path = e->cgroup;
	what.below = e->below;
	remember(in, e->cgroup, now_ns);
	reconcile_sighted(in->reconcile, &what, e);
}

void incidents_run(struct incidents *in, uint64_t now_ns)
{
	tell_held(in, now_ns);
	reconcile_run(in->reconcile, now_ns);
}

static bool is_covered(void *ctx, const struct spot *s)
{
	const struct incidents *in = ctx;

	return engine_covers(in->engine, s->hierarchy, s->path, UINT64_MAX) != ENGINE_COVER_NONE;
}

void incidents_forget(struct incidents *in)
{
	reconcile_forget(in->reconcile, is_covered, in);
}

void incidents_settling(struct incidents *in, uint64_t now_ns)
{
	reconcile_settling(in->reconcile, now_ns);
}

void incidents_flush(struct incidents *in)
{
	tell_held(in, UINT64_MAX);
	reconcile_flush(in->reconcile);
}

uint64_t incidents_deadline(const struct incidents *in)
{
	uint64_t due = reconcile_deadline(in->reconcile);

	for (size_t i = 0; i < in->held_n; i++)
		due = in->held[i].due_ns < due ? in->held[i].due_ns : due;
	return due;
}

/*
 * What was seen and no counter has confirmed. Of a cgroup that is gone its counters are too: there the
 * sighting is the count; on v2 no more of them than the source cannot prove by itself. Of a cgroup that
 * lives it contradicts the counters, but for ooms on v1: while one oom is being handled, who else hits
 * the limit is not signalled.
 */
static void add_left(const struct incidents *in, enum event_kind kind, struct balance_line *line)
{
	struct advances_left v1 = reconcile_left(in->reconcile, kind, HIERARCHY_V1);
	struct advances_left v2 = reconcile_left(in->reconcile, kind, HIERARCHY_V2);

	/* Where counters of living cgroups are not known either, they contradict nothing. */
	uint64_t lives = line->reasons & LIVING ? v1.all : v1.gone;
	uint64_t v2_may = line->reasons & LIVING ? v2.all : v2.gone;
	uint64_t proven = add_saturated(kind == EVENT_OOM ? v1.all : lives,
					v2_may < line->unproven ? v2_may : line->unproven);

	line->reported = add_saturated(line->reported, add_saturated(v1.all, v2.all));
	line->counted = add_saturated(line->counted, proven);
	if (line->unproven != UINT64_MAX)
		line->unproven -= proven < line->unproven ? proven : line->unproven;
}

static void prove(struct balance_line *line)
{
	line->unproven = 0;
	line->reasons = 0;
}

void incidents_balance(const struct incidents *in, struct balance *sum)
{
	struct balance_line *kills = &sum->kind[EVENT_KILL], *ooms = &sum->kind[EVENT_OOM];
	struct reconcile_figures f;

	reconcile_get_figures(in->reconcile, &f);
	add_left(in, EVENT_OOM, &sum->kind[EVENT_OOM]);
	add_left(in, EVENT_KILL, kills);
	sum->identified = f.identified;
	sum->names_late = f.late;
	sum->names_lost = add_saturated(in->lost, f.dropped);
	if (in->level < INCIDENT_VICTIMS || in->missed || f.dropped > 0 || f.unknown > 0)
		return;
	/* Every kill is seen where it happens: none was missed, whatever became of the counters. */
	prove(kills);
	/*
	 * So is every oom for which a victim was looked for. v1 counts none of them, it only signals: of
	 * cgroups that were not registered in time, what was seen is all there is to be known.
	 */
	if (in->level == INCIDENT_OOMS && !in->ooms_missed && (ooms->reasons & ~V1_TOO_LATE) == 0)
		prove(ooms);
}
