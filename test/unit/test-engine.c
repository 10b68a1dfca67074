/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "core/engine.h"
#include "fail_malloc.h"

static void submit(struct engine *en, enum event_kind kind, const char *path, uint64_t count)
{
	struct oomn_event *e = event_new(kind);

	assert_non_null(e);
	e->cgroup = strdup(path);
	assert_non_null(e->cgroup);
	e->hierarchy = HIERARCHY_V2;
	e->count_min = e->count_max = count;
	engine_submit(en, e);
}

static void take(struct engine *en, enum event_kind kind, uint64_t seq, uint64_t count)
{
	_cleanup_event_ struct oomn_event *e = NULL;

	assert_int_equal(engine_next(en, &e), 1);
	assert_int_equal(e->kind, kind);
	assert_int_equal(e->seq, seq);
	assert_int_equal(e->count_max, count);
}

static void watch(struct engine *en, uint64_t cookie, const char *path, bool local, unsigned kinds)
{
	const struct watch w = { .cookie = cookie, .path = path, .local = local, .kinds = kinds };

	assert_int_equal(engine_watch_add(en, &w), 0);
}

static void matches_by_subtree(void **state)
{
	struct engine *en = engine_new(8);

	(void)state;
	watch(en, 1, "/a/b", false, EVENT_MASK_ALL);
	assert_true(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/a/b", false));
	assert_true(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/a/b/c", false));
	assert_false(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/a/bc", false));
	assert_false(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/a", false));
	assert_int_equal(engine_watch_remove(en, 1), 0);
	assert_int_equal(engine_watch_remove(en, 1), -ENOENT);
	watch(en, 2, "/", false, EVENT_MASK(EVENT_KILL));
	assert_true(engine_wants(en, HIERARCHY_V2, EVENT_KILL, "/", false));
	assert_true(engine_wants(en, HIERARCHY_V2, EVENT_KILL, "/x", false));
	assert_false(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/x", false));
	engine_free(en);
}

static void local_is_that_cgroup_alone(void **state)
{
	struct engine *en = engine_new(8);

	(void)state;
	watch(en, 1, "/a", true, EVENT_MASK_ALL);
	assert_true(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/a", false));
	assert_false(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/a/b", false));
	assert_false(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/a", true));
	assert_int_equal(engine_watch_rename(en, 1, "/z"), 0);
	assert_false(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/a", false));
	assert_true(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/z", false));
	engine_free(en);
}

static void one_hierarchy_is_not_the_other(void **state)
{
	struct engine *en = engine_new(8);
	const struct watch w = {
		.cookie = 1, .path = "/a", .hierarchy = HIERARCHY_V1, .kinds = EVENT_MASK_ALL
	};

	(void)state;
	assert_int_equal(engine_watch_add(en, &w), 0);
	assert_int_equal(engine_watch_add(en, &w), -EEXIST);
	assert_false(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/a", false));
	assert_true(engine_wants(en, HIERARCHY_V1, EVENT_OOM, "/a", false));
	engine_free(en);
}

/* Two watches on the same cgroup do not make two events of one. */
static void overlapping_watches_give_one_event(void **state)
{
	struct engine *en = engine_new(8);
	_cleanup_event_ struct oomn_event *e = NULL;

	(void)state;
	watch(en, 1, "/a", false, EVENT_MASK_ALL);
	watch(en, 2, "/a/b", false, EVENT_MASK_ALL);
	submit(en, EVENT_KILL, "/a/b", 1);
	submit(en, EVENT_KILL, "/c", 1);
	take(en, EVENT_KILL, 1, 1);
	assert_int_equal(engine_next(en, &e), 0);
	engine_free(en);
}

static void a_full_queue_drops_the_oldest_and_says_so(void **state)
{
	struct engine *en = engine_new(2);
	_cleanup_event_ struct oomn_event *e = NULL;

	(void)state;
	watch(en, 1, "/", false, EVENT_MASK_ALL);
	for (uint64_t i = 1; i <= 5; i++)
		submit(en, EVENT_KILL, "/a", i);
	assert_int_equal(engine_lost(en), 3);
	take(en, EVENT_LOST, 1, 3);
	take(en, EVENT_KILL, 2, 4);
	take(en, EVENT_KILL, 3, 5);
	assert_int_equal(engine_next(en, &e), 0);
	submit(en, EVENT_OOM, "/a", 6);
	take(en, EVENT_OOM, 4, 6);
	assert_int_equal(engine_lost(en), 3);
	engine_free(en);
}

static void take_for(struct engine *en, const uint64_t *cookies, size_t n)
{
	_cleanup_event_ struct oomn_event *e = NULL;

	assert_int_equal(engine_next(en, &e), 1);
	assert_int_equal(e->cookies_n, n);
	assert_int_equal(e->cookie, cookies[0]);
	for (size_t i = 0; n > 1 && i < n; i++)
		assert_int_equal(e->cookies[i], cookies[i]);
}

#define TAKE_FOR(en, ...)                                                                          \
	take_for((en), (const uint64_t[]){ __VA_ARGS__ },                                          \
		 sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static void an_event_names_its_watches_from_the_lowest_up(void **state)
{
	struct engine *en = engine_new(8);

	(void)state;
	watch(en, 7, "/", false, EVENT_MASK_ALL);
	watch(en, 5, "/a/b", false, EVENT_MASK(EVENT_OOM));
	watch(en, 9, "/a", true, EVENT_MASK_ALL);
	watch(en, 3, "/a/b", false, EVENT_MASK(EVENT_KILL));
	submit(en, EVENT_KILL, "/a/b/c", 1);
	submit(en, EVENT_OOM, "/a/b", 1);
	submit(en, EVENT_OOM, "/a", 1);
	submit(en, EVENT_OOM, "/", 1);
	submit(en, EVENT_OOM, "/ab", 1);
	TAKE_FOR(en, 3, 7);
	TAKE_FOR(en, 5, 7);
	TAKE_FOR(en, 9, 7);
	TAKE_FOR(en, 7);
	TAKE_FOR(en, 7);
	engine_free(en);
}

/* Whoever drops a watch may free what its cookie stands for. */
static void a_dropped_cookie_does_not_come_any_more(void **state)
{
	_cleanup_event_ struct oomn_event *e = NULL;
	struct engine *en = engine_new(8);

	(void)state;
	watch(en, 1, "/a", false, EVENT_MASK_ALL);
	watch(en, 2, "/a/b", false, EVENT_MASK_ALL);
	watch(en, 3, "/c", false, EVENT_MASK_ALL);
	submit(en, EVENT_KILL, "/c", 1);
	submit(en, EVENT_KILL, "/a/b", 2);
	submit(en, EVENT_KILL, "/a", 3);
	submit(en, EVENT_KILL, "/c", 4);
	assert_int_equal(engine_watch_drop(en, 2), 0);
	assert_int_equal(engine_watch_drop(en, 2), -ENOENT);
	assert_int_equal(engine_watch_drop(en, 3), 0);
	take(en, EVENT_KILL, 1, 2);
	take(en, EVENT_KILL, 2, 3);
	assert_int_equal(engine_next(en, &e), 0);
	submit(en, EVENT_KILL, "/a/b", 5);
	TAKE_FOR(en, 1);
	assert_int_equal(engine_lost(en), 0);
	engine_free(en);
}

static void what_waits_is_bounded_in_bytes(void **state)
{
	struct engine *en = engine_new(64);
	struct oomn_event *e = event_new(EVENT_KILL);

	(void)state;
	assert_non_null(e);
	e->cgroup = strdup("/a");
	engine_set_bytes_max(en, 3 * event_bytes(e));
	event_free(e);
	watch(en, 1, "/", false, EVENT_MASK_ALL);
	for (uint64_t i = 1; i <= 5; i++)
		submit(en, EVENT_KILL, "/a", i);
	take(en, EVENT_LOST, 1, 2);
	take(en, EVENT_KILL, 2, 3);
	submit(en, EVENT_KILL, "/b", 6);
	take(en, EVENT_KILL, 3, 4);
	/* A single one that is larger has its place all the same. */
	engine_set_bytes_max(en, 1);
	submit(en, EVENT_KILL, "/c", 7);
	take(en, EVENT_LOST, 4, 2);
	take(en, EVENT_KILL, 5, 7);
	engine_free(en);
}

/* That it is for two could not be noted: it is lost, and that is told. */
static void without_memory_for_its_cookies_an_event_is_lost(void **state)
{
	struct engine *en = engine_new(8);
	struct oomn_event *e;

	(void)state;
	watch(en, 1, "/", false, EVENT_MASK_ALL);
	watch(en, 2, "/a", false, EVENT_MASK_ALL);
	e = event_new(EVENT_KILL);
	assert_non_null(e);
	e->cgroup = strdup("/a");
	fail_malloc_arm(1, false);
	engine_tell(en, e);
	assert_true(fail_malloc_disarm());
	take(en, EVENT_LOST, 1, 1);
	engine_free(en);
}

struct made {
	struct engine *en;
};

static int run_new(void *ctx)
{
	struct made *made = ctx;
	struct engine *en = engine_new(4);

	if (!en)
		return -ENOMEM;
	made->en = en;
	return 0;
}

static void undo_new(void *ctx)
{
	struct made *made = ctx;

	made->en = engine_free(made->en);
}

static int run_watch(void *ctx)
{
	const struct watch w = { .cookie = 2, .path = "/b", .kinds = EVENT_MASK_ALL };
	struct engine *en = ctx;
	int r = engine_watch_add(en, &w);

	assert_true(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/b", false) == (r == 0));
	return r;
}

static void undo_watch(void *ctx)
{
	assert_int_equal(engine_watch_remove(ctx, 2), 0);
}

static int run_rename(void *ctx)
{
	struct engine *en = ctx;
	int r = engine_watch_rename(en, 1, "/z");

	/* Under one name or the other it is watched at any time. */
	assert_true(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/z", false) == (r == 0));
	assert_true(engine_wants(en, HIERARCHY_V2, EVENT_OOM, "/a", false) == (r != 0));
	return r;
}

static void undo_rename(void *ctx)
{
	struct engine *en = ctx;

	fail_malloc_disarm();
	assert_int_equal(engine_watch_remove(en, 1), 0);
	watch(en, 1, "/a", false, EVENT_MASK_ALL);
}

static void each_allocation(void **state)
{
	struct made out;
	struct fail_malloc_case c = {
		.run = run_new, .undo = undo_new, .ctx = &out, .out = &out, .out_size = sizeof(out)
	};
	struct engine *en = engine_new(4);

	(void)state;
	assert_int_equal(fail_malloc_each(&c), 4);
	watch(en, 1, "/a", false, EVENT_MASK_ALL);
	c = (struct fail_malloc_case){ .run = run_watch, .undo = undo_watch, .ctx = en };
	assert_int_equal(fail_malloc_each(&c), 3);
	assert_int_equal(engine_watches(en), 1);
	assert_int_equal(run_rename(en), 0);
	undo_rename(en);
	fail_malloc_arm(1, false);
	assert_int_equal(run_rename(en), -ENOMEM);
	assert_true(fail_malloc_disarm());
	engine_free(en);
}

/* That something was lost is told even if there is no memory to tell it with: a little later. */
static void a_loss_is_told_whatever_fails(void **state)
{
	struct engine *en = engine_new(2);
	_cleanup_event_ struct oomn_event *e = NULL;

	(void)state;
	watch(en, 1, "/", false, EVENT_MASK_ALL);
	for (uint64_t i = 1; i <= 5; i++)
		submit(en, EVENT_KILL, "/a", i);
	fail_malloc_arm(1, true);
	take(en, EVENT_KILL, 1, 4);
	take(en, EVENT_KILL, 2, 5);
	assert_int_equal(engine_next(en, &e), -ENOMEM);
	assert_true(fail_malloc_disarm());
	assert_int_equal(engine_lost(en), 3);
	take(en, EVENT_LOST, 3, 3);
	assert_int_equal(engine_next(en, &e), 0);
	engine_free(en);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_by_subtree),
		cmocka_unit_test(local_is_that_cgroup_alone),
		cmocka_unit_test(one_hierarchy_is_not_the_other),
		cmocka_unit_test(overlapping_watches_give_one_event),
		cmocka_unit_test(a_full_queue_drops_the_oldest_and_says_so),
		cmocka_unit_test(an_event_names_its_watches_from_the_lowest_up),
		cmocka_unit_test(a_dropped_cookie_does_not_come_any_more),
		cmocka_unit_test(what_waits_is_bounded_in_bytes),
		cmocka_unit_test(without_memory_for_its_cookies_an_event_is_lost),
		cmocka_unit_test(each_allocation),
		cmocka_unit_test(a_loss_is_told_whatever_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
