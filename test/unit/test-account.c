/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/account.h"
#include "fail_malloc.h"

static void path_is(const struct account *a, const char *want)
{
	char *path = account_path(a);

	assert_non_null(path);
	assert_string_equal(path, want);
	free(path);
}

static void has_a_path(void **state)
{
	struct account_table t = { 0 };
	struct account *root = account_new(&t, NULL, "/", 1, 1);
	struct account *top = account_new(&t, NULL, "/a/b", 2, 2);

	(void)state;
	path_is(root, "/");
	path_is(account_new(&t, root, "x", 3, 3), "/x");
	path_is(account_new(&t, account_find(&t, 3), "y", 4, 4), "/x/y");
	path_is(top, "/a/b");
	path_is(account_new(&t, top, "c", 5, 5), "/a/b/c");
	path_is(account_new(&t, account_find(&t, 5), "\n\"", 6, 6), "/a/b/c/\n\"");
	account_drop(&t, root);
	account_drop(&t, top);
	assert_null(t.by_key);
}

static void is_found_by_its_key(void **state)
{
	struct account_table t = { 0 };
	struct account *top = account_new(&t, NULL, "/a", UINT64_MAX, 7);
	struct account *child = account_new(&t, top, "same", 1, 7);

	(void)state;
	assert_ptr_equal(account_find(&t, UINT64_MAX), top);
	assert_ptr_equal(account_find(&t, 1), child);
	assert_null(account_find(&t, 7)); /* an id is no key */
	assert_ptr_equal(account_root(child), top);
	assert_ptr_equal(account_root(top), top);
	assert_ptr_equal(account_parent(child), top);
	assert_null(account_parent(top));
	assert_int_equal(account_id(child), 7);
	account_drop(&t, child);
	assert_null(account_find(&t, 1));
	assert_null(top->children);
	account_drop(&t, top);
}

/* Cgroups may be nested thousands deep: nothing here recurses. */
static void drops_a_deep_tree(void **state)
{
	struct account_table t = { 0 };
	struct account *top = account_new(&t, NULL, "/", 1, 1);
	struct account *at = top;

	(void)state;
	for (uint64_t i = 2; i < 100000; i++) {
		at = account_new(&t, at, "d", i, i);
		account_rest_set(&t, at, i % 3 == 0);
	}
	account_drop(&t, top);
	assert_null(t.by_key);
	assert_null(t.rests);
}

static void drops_only_what_lies_below(void **state)
{
	struct account_table t = { 0 };
	struct account *top = account_new(&t, NULL, "/t", 1, 1);
	struct account *a = account_new(&t, top, "a", 2, 2);
	struct account *b = account_new(&t, top, "b", 3, 3);

	(void)state;
	account_new(&t, a, "x", 4, 4);
	account_new(&t, b, "y", 5, 5);
	account_rest_set(&t, account_find(&t, 4), true);
	account_rest_set(&t, account_find(&t, 4), true);
	account_rest_set(&t, account_find(&t, 5), true);
	account_drop(&t, a);
	assert_null(account_find(&t, 2));
	assert_null(account_find(&t, 4));
	assert_ptr_equal(account_find(&t, 3), b);
	assert_ptr_equal(t.rests, account_find(&t, 5));
	account_rest_set(&t, account_find(&t, 5), false);
	account_rest_set(&t, account_find(&t, 5), false);
	assert_null(t.rests);
	account_drop(&t, top);
}

static void a_top_becomes_part_of_another(void **state)
{
	struct account_table t = { 0 };
	struct account *top = account_new(&t, NULL, "/t", 1, 1);
	struct account *sub = account_new(&t, NULL, "/t/a/b", 2, 2);
	struct account *a = account_new(&t, top, "a", 3, 3);
	struct account *leaf = account_new(&t, sub, "c", 4, 4);

	(void)state;
	account_graft(sub, a, strdup("b"));
	assert_ptr_equal(account_root(leaf), top);
	assert_ptr_equal(account_parent(sub), a);
	assert_null(sub->top);
	path_is(leaf, "/t/a/b/c");
	account_drop(&t, top);
	assert_null(t.by_key);
}

static void moves_to_where_it_was_met(void **state)
{
	struct account_table t = { 0 };
	struct account *top = account_new(&t, NULL, "/t", 1, 1);
	struct account *a = account_new(&t, top, "a", 2, 2);
	struct account *b = account_new(&t, top, "b", 3, 3);
	struct account *x = account_new(&t, a, "x", 4, 4);

	(void)state;
	assert_null(account_find_below(&t, b, 5));
	assert_ptr_equal(account_find_below(&t, a, 4), x);
	assert_ptr_equal(x->parent, a);
	assert_ptr_equal(account_find_below(&t, b, 4), x);
	assert_ptr_equal(x->parent, b);
	assert_null(a->children);
	account_drop(&t, a);
	assert_ptr_equal(account_find(&t, 4), x);
	/* a top stays one */
	assert_ptr_equal(account_find_below(&t, b, 1), top);
	assert_null(top->parent);
	account_drop(&t, top);
}

static void was_looked_at_with_what_lies_above(void **state)
{
	struct account_table t = { 0 };
	struct account *top = account_new(&t, NULL, "/t", 1, 1);
	struct account *a = account_new(&t, top, "a", 2, 2);

	(void)state;
	assert_int_equal(account_looked(a), 0);
	a->looked_ns = 5;
	assert_int_equal(account_looked(a), 5);
	assert_int_equal(account_looked(top), 0);
	top->looked_ns = 9;
	assert_int_equal(account_looked(a), 9);
	top->looked_ns = 3;
	assert_int_equal(account_looked(a), 5);
	account_drop(&t, top);
}

/* So many that the hash table has to grow more than once: each failure leaves it as it was. */
static void no_memory_leaves_the_table_whole(void **state)
{
	enum { MANY = 3000 };
	struct account_table t = { 0 };
	struct account *top = NULL;

	(void)state;
	for (uint64_t key = 1; key <= MANY; key++) {
		struct account *a = NULL;

		for (size_t n = 1; !a; n++) {
			fail_malloc_arm(n, false);
			a = account_new(&t, top, key == 1 ? "/" : "n", key, key);
			assert_true(fail_malloc_disarm() == !a);
			if (!a)
				assert_null(account_find(&t, key));
			if (!a && top)
				assert_ptr_equal(account_find(&t, key - 1)->top,
						 key == 2 ? top->top : NULL);
		}
		top = top ? top : a;
	}
	for (uint64_t key = 1; key <= MANY; key++)
		assert_int_equal(account_find(&t, key)->id, key);
	fail_malloc_arm(1, false);
	assert_null(account_path(top));
	assert_true(fail_malloc_disarm());
	account_drop(&t, top);
	assert_null(t.by_key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_a_path),
		cmocka_unit_test(is_found_by_its_key),
		cmocka_unit_test(drops_a_deep_tree),
		cmocka_unit_test(drops_only_what_lies_below),
		cmocka_unit_test(a_top_becomes_part_of_another),
		cmocka_unit_test(moves_to_where_it_was_met),
		cmocka_unit_test(was_looked_at_with_what_lies_above),
		cmocka_unit_test(no_memory_leaves_the_table_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
