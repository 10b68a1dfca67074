/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "fail_malloc.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void joins_to_the_normal_form(void **state)
{
	static const struct {
		const char *dir, *below, *path;
	} rows[] = {
		{ NULL, "", "/" },
		{ NULL, "/", "/" },
		{ NULL, "a", "/a" },
		{ NULL, "/a/b", "/a/b" },
		{ NULL, "//a///b//", "/a/b" },
		{ NULL, "./a/././b/.", "/a/b" },
		{ NULL, "a/../b", "/b" },
		{ NULL, "a/b/../../c", "/c" },
		{ NULL, "..", "/" },
		{ NULL, "../../..", "/" },
		{ NULL, "/../a", "/a" },
		{ NULL, "a/../../../b", "/b" },
		{ NULL, "...", "/..." },
		{ NULL, "..a/.b/b..", "/..a/.b/b.." },
		{ "/", "", "/" },
		{ "/", "a", "/a" },
		{ "/a", "", "/a" },
		{ "/a", "/b", "/a/b" },
		{ "/a/b", "../c", "/a/c" },
		{ "/a/b", "../../../c", "/c" },
		{ "", "", "/" },
		{ NULL, "a b\tc\n\"'\\\033[31m\xff\xfe", "/a b\tc\n\"'\\\033[31m\xff\xfe" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		char *path = path_join(rows[i].dir, rows[i].below);

		assert_non_null(path);
		assert_string_equal(path, rows[i].path);
		path_normalize(path);
		assert_string_equal(path, rows[i].path);
		free(path);
	}
}

/* Far beyond PATH_MAX, and one step up for each step down. */
static void long_paths(void **state)
{
	enum { STEPS = 5000 };
	char *text = malloc(STEPS * 6 + 1), *path;

	(void)state;
	for (size_t i = 0; i < STEPS; i++)
		memcpy(text + i * 3, "/ab", 3);
	text[STEPS * 3] = '\0';
	path = path_join(NULL, text);
	assert_string_equal(path, text);
	free(path);
	for (size_t i = 0; i < STEPS; i++)
		memcpy(text + (STEPS + i) * 3, "/..", 3);
	text[STEPS * 6] = '\0';
	path = path_join(NULL, text);
	assert_string_equal(path, "/");
	free(path);
	free(text);
}

static void parents(void **state)
{
	(void)state;
	assert_int_equal(path_parent_len("/"), 0);
	assert_int_equal(path_parent_len("/a"), 1);
	assert_int_equal(path_parent_len("/a/b"), 2);
	assert_int_equal(path_parent_len("/ab/c"), 3);
}

static void from_a_root_as_a_namespace_shows_it(void **state)
{
	static const struct {
		const char *path, *root;
		int r;
		unsigned unknown;
		const char *rest;
	} rows[] = {
		/* the namespace's root is mounted, or there is no namespace */
		{ "/", "/", 0, 0, "" },
		{ "/a/b", "/", 0, 0, "/a/b" },
		/* a subtree, bind-mounted into a container that has no cgroup namespace */
		{ "/docker/1f", "/docker/1f", 0, 0, "" },
		{ "/docker/1f/a", "/docker/1f", 0, 0, "/a" },
		{ "/docker/1f2", "/docker/1f", PATH_E_OUTSIDE, 0, "" },
		{ "/docker", "/docker/1f", PATH_E_OUTSIDE, 0, "" },
		{ "/", "/docker/1f", PATH_E_OUTSIDE, 0, "" },
		/* the process is outside of the reader's namespace, the mount shows the namespace */
		{ "/..", "/", PATH_E_OUTSIDE, 0, "" },
		{ "/../x", "/", PATH_E_OUTSIDE, 0, "" },
		{ "/../x", "/x", PATH_E_OUTSIDE, 0, "" },
		/* the mount was made outside of the namespace: names between are not known */
		{ "/", "/..", 0, 1, "" },
		{ "/a", "/../..", 0, 2, "/a" },
		{ "/../x", "/../..", 0, 1, "/x" },
		{ "/../../x/y", "/../..", 0, 0, "/x/y" },
		{ "/../..", "/../..", 0, 0, "" },
		{ "/../../..", "/../..", PATH_E_OUTSIDE, 0, "" },
		/* the mount shows a neighbour */
		{ "/", "/../x", PATH_E_OUTSIDE, 0, "" },
		{ "/x", "/../x", PATH_E_OUTSIDE, 0, "" },
		{ "/../x", "/../x", 0, 0, "" },
		{ "/../x/y", "/../x", 0, 0, "/y" },
		{ "/../xy", "/../x", PATH_E_OUTSIDE, 0, "" },
		/* names that only look like it */
		{ "/...", "/", 0, 0, "/..." },
		{ "/..a/b", "/..a", 0, 0, "/b" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		unsigned unknown = 99;
		const char *rest = "untouched";
		int r = path_from_root(rows[i].path, rows[i].root, &unknown, &rest);

		if (r != rows[i].r)
			fail_msg("row %zu: %s from %s gave %d", i, rows[i].path, rows[i].root, r);
		assert_int_equal(unknown, r == 0 ? rows[i].unknown : 99);
		assert_string_equal(rest, r == 0 ? rows[i].rest : "untouched");
	}
}

static int join(void *ctx)
{
	char *path = path_join("/a", "b");

	*(char **)ctx = path;
	return path ? 0 : -12;
}

static void join_undo(void *ctx)
{
	free(*(char **)ctx);
}

static void without_memory(void **state)
{
	char *path;
	const struct fail_malloc_case c = { .run = join, .undo = join_undo, .ctx = &path };

	(void)state;
	assert_int_equal(fail_malloc_each(&c), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_to_the_normal_form),
		cmocka_unit_test(long_paths),
		cmocka_unit_test(parents),
		cmocka_unit_test(from_a_root_as_a_namespace_shows_it),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
