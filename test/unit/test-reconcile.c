/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "core/reconcile.h"
#include "fail_malloc.h"

#define MS UINT64_C(1000000)
#define BOTH (EVENT_MASK(EVENT_OOM) | EVENT_MASK(EVENT_KILL))

/* What was told, as text: "kill /a" with a name, "kill /a 2" and "kill /a 0-1" without. */
struct told {
	char text[4096];
	uint64_t named;
	uint64_t min, max;
	struct reconcile *r;
	const struct sighted *in_ring; /* that a drain brings */
};

static void tell(void *ctx, struct oomn_event *e)
{
	struct told *t = ctx;
	size_t n = strlen(t->text);

	if (e->victim)
		n += (size_t)snprintf(t->text + n, sizeof(t->text) - n, "%s%s %s!", n ? ", " : "",
				      event_kind_name(e->kind), e->cgroup);
	else if (e->count_min != e->count_max)
		n += (size_t)snprintf(t->text + n, sizeof(t->text) - n, "%s%s %s %d-%d",
				      n ? ", " : "", event_kind_name(e->kind), e->cgroup,
				      (int)e->count_min, (int)e->count_max);
	else
		n += (size_t)snprintf(t->text + n, sizeof(t->text) - n, "%s%s %s %d", n ? ", " : "",
				      event_kind_name(e->kind), e->cgroup, (int)e->count_max);
	t->named += e->victim ? 1 : 0;
	t->min += e->count_min;
	t->max += e->count_max;
	event_free(e);
}

static void sight(struct told *t, const struct sighted *s)
{
	struct oomn_event *e = event_new(s->spot.kind);

	assert_non_null(e);
	e->hierarchy = s->spot.hierarchy;
	e->boottime_ns = s->when_ns;
	e->victim = oom_process_new();
	assert_non_null(e->victim);
	e->cgroup = s->spot.path ? strdup(s->spot.path) : NULL;
	e->cgroup_id = s->spot.id;
	e->below = s->below;
	reconcile_sighted(t->r, s, e);
}

static void drain(void *ctx)
{
	struct told *t = ctx;
	const struct sighted *s = t->in_ring;

	t->in_ring = NULL;
	if (s)
		sight(t, s);
}

static void begin(struct told *t)
{
	const struct reconcile_calls calls = { .tell = tell, .drain = drain, .ctx = t };

	memset(t, 0, sizeof(*t));
	t->r = reconcile_new(&calls);
	assert_non_null(t->r);
	reconcile_expect(t->r, BOTH);
}

/* Kills that were told, and that nobody has counted. */
static uint64_t left(const struct told *t)
{
	return reconcile_left(t->r, EVENT_KILL, HIERARCHY_V2).all;
}

static void expect(struct told *t, const char *text)
{
	assert_string_equal(t->text, text);
	t->text[0] = '\0';
}

static void end(struct told *t)
{
	reconcile_flush(t->r);
	expect(t, "");
	t->r = reconcile_free(t->r);
}

static struct sighted kill_at(const char *path, uint64_t id, uint64_t when_ns)
{
	return (struct sighted){ .spot = { EVENT_KILL, HIERARCHY_V2, id, path },
				 .when_ns = when_ns,
				 .how = SIGHTED_SURE };
}

enum place { EXACT, REMOVED, UNPLACED };

struct counted {
	enum event_kind kind;
	const char *path;
	uint64_t id;
	enum place place;
	uint64_t min, max;
	uint64_t now_ns;
};

static void count_this(struct told *t, const struct counted *c)
{
	struct oomn_event *e = event_new(c->kind);

	assert_non_null(e);
	e->hierarchy = HIERARCHY_V2;
	e->boottime_ns = c->now_ns;
	e->cgroup = strdup(c->path);
	e->cgroup_id = c->id;
	e->count_min = c->min;
	e->count_max = c->max;
	e->removed = c->place == REMOVED;
	e->unplaced = c->place == UNPLACED;
	e->evidence = EVIDENCE_COUNTERS;
	reconcile_counted(t->r, e);
}

#define count(t, ...) count_this(t, &(struct counted){ __VA_ARGS__ })

static void count_kills(struct told *t, const char *path, uint64_t id, uint64_t n, uint64_t now_ns)
{
	count(t, EVENT_KILL, path, id, EXACT, n, n, now_ns);
}

static void name_first(void **state)
{
	struct sighted s = kill_at("/a", 5, 10);
	struct told t;

	(void)state;
	begin(&t);
	sight(&t, &s);
	expect(&t, "kill /a!");
	count_kills(&t, "/a", 5, 1, 20);
	assert_true(reconcile_deadline(t.r) == UINT64_MAX);
	end(&t);
}

static void count_first(void **state)
{
	struct sighted s = kill_at("/a", 5, 10);
	struct reconcile_figures f;
	struct told t;

	(void)state;
	begin(&t);
	count_kills(&t, "/a", 5, 2, 10);
	assert_int_equal(reconcile_deadline(t.r), 10 + 100 * MS);
	expect(&t, "");
	sight(&t, &s);
	expect(&t, "kill /a!");
	reconcile_run(t.r, 9 + 100 * MS);
	expect(&t, "");
	reconcile_run(t.r, 10 + 100 * MS);
	expect(&t, "kill /a 1");
	sight(&t, &s); /* the second one's name, too late */
	expect(&t, "");
	reconcile_get_figures(t.r, &f);
	assert_int_equal(f.identified, 1);
	assert_int_equal(f.late, 1);
	assert_int_equal(f.unnamed, 0);
	s.when_ns = 2000 * MS; /* a new one */
	sight(&t, &s);
	expect(&t, "kill /a!");
	end(&t);
}

static bool all_but_what_is_in_a(void *ctx, const struct spot *s)
{
	(void)ctx;
	return strncmp(s->path, "/a", 2) != 0;
}

/* No count will come any more for what was told of a watch that was taken back. */
static void a_watch_taken_back_leaves_nothing_owed(void **state)
{
	const struct sighted seen[] = { kill_at("/a", 5, 10), kill_at("/a/x", 6, 10),
					kill_at("/b", 7, 10), kill_at("/a/x", 6, 11) };
	struct sighted unsure = kill_at("/a/y", 8, 10);
	struct reconcile_figures f;
	struct told t;

	(void)state;
	begin(&t);
	for (size_t i = 0; i < 4; i++)
		sight(&t, &seen[i]);
	expect(&t, "kill /a!, kill /a/x!, kill /b!, kill /a/x!");
	unsure.how = SIGHTED_UNSURE;
	sight(&t, &unsure);
	count(&t, EVENT_KILL, "/a", 5, REMOVED, 1, 1, 20); /* a loose claim */
	assert_int_equal(left(&t), 3);

	reconcile_forget(t.r, all_but_what_is_in_a, NULL);
	assert_int_equal(left(&t), 1);
	reconcile_run(t.r, 10000 * MS);
	reconcile_get_figures(t.r, &f);
	assert_int_equal(f.unknown, 0);
	count_kills(&t, "/b", 7, 1, 20);
	assert_int_equal(left(&t), 0);
	end(&t);
}

/* It lies in the ring already when its count comes: nothing waits. */
static void drained(void **state)
{
	struct sighted s = kill_at("/a", 5, 10);
	struct told t;

	(void)state;
	begin(&t);
	t.in_ring = &s;
	count_kills(&t, "/a", 5, 1, 20);
	expect(&t, "kill /a!");
	assert_true(reconcile_deadline(t.r) == UINT64_MAX);
	end(&t);
}

/* Another cgroup, also of the same name, is another one; another hierarchy and kind too. */
static void of_others(void **state)
{
	struct sighted s = kill_at("/a", 5, 10);
	struct told t;

	(void)state;
	begin(&t);
	sight(&t, &s);
	expect(&t, "kill /a!");
	count_kills(&t, "/a", 6, 1, 20);
	count_kills(&t, "/b", 7, 1, 20);
	count(&t, EVENT_OOM, "/a", 5, EXACT, 1, 1, 20);
	reconcile_flush(t.r);
	expect(&t, "kill /a 1, kill /b 1, oom /a 1");
	assert_int_equal(left(&t), 1);
	assert_int_equal(reconcile_left(t.r, EVENT_KILL, HIERARCHY_V1).all, 0);
	end(&t);
}

static void removed_claims_below(void **state)
{
	struct sighted s = kill_at("/a/dead", 5, 10), beside = kill_at("/ab", 6, 10);
	struct told t;

	(void)state;
	begin(&t);
	sight(&t, &s);
	sight(&t, &beside);
	expect(&t, "kill /a/dead!, kill /ab!");
	count(&t, EVENT_KILL, "/a", 3, REMOVED, 1, 1, 20);
	count(&t, EVENT_KILL, "/", 1, UNPLACED, 1, 1, 20);
	end(&t);
}

/* The loose count comes first and takes the name that the exact one needs: it takes the other instead. */
static void exchange(void **state)
{
	struct sighted live = kill_at("/a/live", 5, 10), dead = kill_at("/a/dead", 6, 11);
	struct told t;

	(void)state;
	begin(&t);
	sight(&t, &live);
	sight(&t, &dead);
	expect(&t, "kill /a/live!, kill /a/dead!");
	count(&t, EVENT_KILL, "/a", 3, REMOVED, 1, 1, 20);
	count_kills(&t, "/a/live", 5, 1, 20);
	assert_int_equal(left(&t), 0);
	end(&t);
	/* The same, where the other is seen only after the exact count has come. */
	begin(&t);
	sight(&t, &live);
	count(&t, EVENT_KILL, "/a", 3, REMOVED, 1, 1, 20);
	count_kills(&t, "/a/live", 5, 1, 20);
	sight(&t, &dead);
	expect(&t, "kill /a/live!, kill /a/dead!");
	end(&t);
}

/* Five victims of a group, six counts: the sixth is one of them once more. */
static void recount(void **state)
{
	struct sighted s = kill_at("/g", 5, 10);
	struct reconcile_figures f;
	struct told t;

	(void)state;
	begin(&t);
	for (int i = 0; i < 5; i++)
		sight(&t, &s);
	t.text[0] = '\0';
	count(&t, EVENT_KILL, "/g", 5, EXACT, 5, 6, 20);
	reconcile_flush(t.r);
	expect(&t, "");
	reconcile_get_figures(t.r, &f);
	assert_int_equal(f.twice, 1);
	end(&t);
	/* Once something was missed, it may be a kill after all. */
	begin(&t);
	reconcile_missed(t.r);
	for (int i = 0; i < 5; i++)
		sight(&t, &s);
	t.text[0] = '\0';
	count(&t, EVENT_KILL, "/g", 5, EXACT, 5, 6, 20);
	reconcile_flush(t.r);
	expect(&t, "kill /g 0-1");
	end(&t);
}

/* The range was all named, and the second count came by itself. */
static void recount_by_itself(void **state)
{
	struct sighted s = kill_at("/g", 5, 10);
	struct told t;

	(void)state;
	for (int missed = 0; missed < 2; missed++) {
		begin(&t);
		if (missed)
			reconcile_missed(t.r);
		for (int i = 0; i < 5; i++)
			sight(&t, &s);
		t.text[0] = '\0';
		count(&t, EVENT_KILL, "/g", 5, EXACT, 0, 1, 20);
		count(&t, EVENT_GROUP_KILL, "/g", 5, EXACT, 1, 1, 20);
		expect(&t, "group_kill /g 1");
		count_kills(&t, "/g", 5, 5, 30);
		reconcile_flush(t.r);
		expect(&t, missed ? "kill /g 1" : "");
		count_kills(&t, "/g", 5, 1, 40); /* a group kill has one */
		reconcile_flush(t.r);
		expect(&t, "kill /g 1");
		end(&t);
	}
}

/* Fifty tasks hit a limit, and each waits for its turn: counted at once, seen one after the other. */
static void turns(void **state)
{
	struct sighted s = kill_at("/a", 5, 10);
	struct told t;

	(void)state;
	begin(&t);
	s.spot.kind = EVENT_OOM;
	count(&t, EVENT_OOM, "/a", 5, EXACT, 2, 2, 20);
	sight(&t, &s);
	expect(&t, "oom /a!");
	reconcile_run(t.r, 20 + 100 * MS);
	expect(&t, "oom /a 1");
	s.when_ns = 300 * MS;
	sight(&t, &s);
	expect(&t, "");
	sight(&t, &s);
	expect(&t, "oom /a!");
	end(&t);
}

/* A kernel message: where it was is known by path only, or only whereabouts; the count places it. */
static void unsure(void **state)
{
	struct sighted s = kill_at("/a", 0, 10);
	struct told t;

	(void)state;
	begin(&t);
	s.how = SIGHTED_UNSURE;
	sight(&t, &s);
	expect(&t, "");
	count_kills(&t, "/a", 5, 1, 20);
	expect(&t, "kill /a!");
	s.below = true;
	sight(&t, &s);
	count_kills(&t, "/a/b", 6, 1, 30);
	expect(&t, "kill /a/b!");
	sight(&t, &s); /* nobody counts it */
	assert_true(reconcile_deadline(t.r) == UINT64_MAX);
	reconcile_run(t.r, 10 + RECONCILE_KEEP_NS);
	count_kills(&t, "/a/b", 6, 1, 40);
	reconcile_flush(t.r);
	expect(&t, "kill /a/b 1");
	end(&t);
}

static void patient(void **state)
{
	struct sighted s = kill_at("/a", 5, 10);
	struct told t;

	(void)state;
	begin(&t);
	s.how = SIGHTED_PATIENT;
	sight(&t, &s);
	expect(&t, "");
	count_kills(&t, "/a", 5, 1, 20);
	expect(&t, "kill /a!");
	sight(&t, &s);
	assert_int_equal(reconcile_deadline(t.r), 10 + 100 * MS);
	reconcile_run(t.r, 10 + 100 * MS);
	expect(&t, "kill /a!");
	count_kills(&t, "/a", 5, 1, 30 + 100 * MS); /* its count after all */
	end(&t);
}

/* The end of a cgroup is told behind its kills. */
static void gone(void **state)
{
	struct told t;

	(void)state;
	begin(&t);
	count_kills(&t, "/a/b", 5, 1, 10);
	count_kills(&t, "/c", 6, 1, 10);
	count(&t, EVENT_GONE, "/a", 3, EXACT, 1, 1, 11);
	expect(&t, "kill /a/b 1, gone /a 1");
	reconcile_flush(t.r);
	expect(&t, "kill /c 1");
	end(&t);
}

static void nothing_expected(void **state)
{
	struct told t;

	(void)state;
	begin(&t);
	reconcile_expect(t.r, EVENT_MASK(EVENT_KILL));
	count(&t, EVENT_OOM, "/a", 5, EXACT, 2, 2, 10);
	expect(&t, "oom /a 2");
	reconcile_expect(t.r, 0);
	count(&t, EVENT_KILL, "/a", 5, EXACT, 0, 1, 10);
	expect(&t, "kill /a 0-1");
	end(&t);
}

/* v1: an oom that the source took for that of the cgroup above. */
static void related(void **state)
{
	struct sighted s = kill_at("/a/b", 5, 10);
	struct oomn_event *e = event_new(EVENT_OOM);
	struct told t;

	(void)state;
	begin(&t);
	s.spot.kind = EVENT_OOM;
	s.spot.hierarchy = HIERARCHY_V1;
	sight(&t, &s);
	expect(&t, "oom /a/b!");
	e->hierarchy = HIERARCHY_V1;
	e->cgroup = strdup("/a");
	e->cgroup_id = 4;
	reconcile_counted(t.r, e);
	end(&t);
}

/* Without room or memory the counters tell it. */
static void bounded(void **state)
{
	struct sighted s = kill_at("/a", 5, 10);
	struct reconcile_figures f;
	struct told t;

	(void)state;
	begin(&t);
	for (uint64_t i = 1; i <= ADVANCES_MAX + 10; i++) {
		s.spot.id = i;
		sight(&t, &s);
		t.text[0] = '\0';
	}
	reconcile_get_figures(t.r, &f);
	assert_int_equal(f.identified, ADVANCES_MAX);
	assert_int_equal(f.dropped, 10);
	/* What is claimed makes room. */
	count(&t, EVENT_KILL, "/", 1, REMOVED, ADVANCES_MAX + 10, ADVANCES_MAX + 10, 20);
	reconcile_flush(t.r);
	expect(&t, "kill / 10");
	s.spot.id = ADVANCES_MAX + 11;
	s.when_ns = 2000 * MS;
	sight(&t, &s);
	expect(&t, "kill /a!");
	/* Nor do more than so many wait for a name. */
	for (uint64_t i = 1; i <= RECONCILE_PENDING_MAX + 1; i++)
		count_kills(&t, "/p", 100000 + i, 1, 30);
	expect(&t, "kill /p 1");
	t.r = reconcile_free(t.r);
}

/*
 * A kernel with a tree of cgroups kills at random. Names come late, or never; counts come in any order,
 * for the cgroup or, if it is gone, for one above. All in all as many are told as were killed.
 */
#define CGROUPS 7
#define STEPS 400

static const char *const paths[CGROUPS] = {
	"/a", "/a/b", "/a/b/c", "/a/b/d", "/a/e", "/f", "/f/g"
};
static const unsigned above[CGROUPS] = { 0, 0, 1, 1, 0, 5, 5 };

struct history {
	struct told t;
	struct sighted held[STEPS];
	size_t n;
	uint64_t kills, now;
	uint64_t uncounted[CGROUPS];
	bool lossy;
	int patience; /* of three sightings, so many wait for their count */
};

static void kill_one(struct history *h, unsigned c)
{
	h->kills++;
	h->uncounted[c]++;
	if (h->lossy && rand() % 4 == 0)
		return;
	h->held[h->n] = kill_at(paths[c], c + 10, h->now);
	h->held[h->n++].how = rand() % 3 < h->patience ? SIGHTED_PATIENT : SIGHTED_SURE;
}

static void count_one(struct history *h, unsigned c, bool loosely)
{
	uint64_t n = h->uncounted[c];

	h->uncounted[c] = 0;
	if (n > 0 && loosely)
		count(&h->t, EVENT_KILL, paths[above[c]], above[c] + 10,
		      rand() % 2 ? REMOVED : UNPLACED, n, n, h->now);
	else if (n > 0)
		count_kills(&h->t, paths[c], c + 10, n, h->now);
}

static void step(struct history *h)
{
	unsigned c = (unsigned)rand() % CGROUPS;

	h->now += (uint64_t)(rand() % 5) * MS;
	switch (rand() % 4) {
	case 0:
		kill_one(h, c);
		break;
	case 1:
		for (; h->n > 0 && rand() % 3; h->n--)
			sight(&h->t, &h->held[h->n - 1]);
		break;
	case 2:
		count_one(h, c, false);
		break;
	default:
		if (rand() % 2)
			count_one(h, c, true);
		reconcile_run(h->t.r, h->now);
		break;
	}
	h->t.text[0] = '\0';
}

static void any_order(void **state)
{
	uint64_t named = 0, unnamed = 0;

	(void)state;
	for (unsigned seed = 1; seed <= 1000; seed++) {
		struct history h = { .now = 1, .lossy = seed % 2, .patience = (int)(seed / 2 % 4) };
		struct reconcile_figures f;

		srand(seed);
		begin(&h.t);
		for (int i = 0; i < STEPS; i++)
			step(&h);
		for (; h.n > 0; h.n--)
			sight(&h.t, &h.held[h.n - 1]);
		for (unsigned c = 0; c < CGROUPS; c++)
			count_one(&h, c, false);
		reconcile_flush(h.t.r);
		reconcile_get_figures(h.t.r, &f);
		if (h.t.min != h.kills || h.t.max != h.kills || left(&h.t) != 0)
			fail_msg("seed %u: %d kills, told %d to %d, ahead %d", seed, (int)h.kills,
				 (int)h.t.min, (int)h.t.max, (int)left(&h.t));
		assert_int_equal(h.t.named, f.identified);
		named += h.t.named;
		unnamed += h.kills - h.t.named;
		h.t.text[0] = '\0';
		end(&h.t);
	}
	assert_true(named > unnamed && unnamed > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_first),
		cmocka_unit_test(count_first),
		cmocka_unit_test(a_watch_taken_back_leaves_nothing_owed),
		cmocka_unit_test(drained),
		cmocka_unit_test(of_others),
		cmocka_unit_test(removed_claims_below),
		cmocka_unit_test(exchange),
		cmocka_unit_test(recount),
		cmocka_unit_test(recount_by_itself),
		cmocka_unit_test(turns),
		cmocka_unit_test(unsure),
		cmocka_unit_test(patient),
		cmocka_unit_test(gone),
		cmocka_unit_test(nothing_expected),
		cmocka_unit_test(related),
		cmocka_unit_test(bounded),
		cmocka_unit_test(any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
