/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input is two paths with a NUL between them. */
#include "fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

static void check_normal(const char *path)
{
	size_t n = strlen(path);

	FUZZ_CHECK(path[0] == '/');
	FUZZ_CHECK(n == 1 || path[n - 1] != '/');
	for (const char *p = path; *p; p++) {
		size_t len = strcspn(p + 1, "/");

		if (*p != '/')
			continue;
		FUZZ_CHECK(len > 0 || n == 1);
		FUZZ_CHECK(!(len == 1 && p[1] == '.'));
		FUZZ_CHECK(!(len == 2 && p[1] == '.' && p[2] == '.'));
	}
}

static char *join(const char *dir, const char *below)
{
	char *path = path_join(dir, below);

	FUZZ_CHECK(path);
	check_normal(path);
	return path;
}

static void check_parents(const char *path)
{
	char *up = join(NULL, path), *dots = NULL;
	size_t n;

	while ((n = path_parent_len(up)) > 0) {
		char *by_dots = join(up, "..");

		FUZZ_CHECK(n < strlen(up));
		up[n] = '\0';
		check_normal(up);
		FUZZ_CHECK(strcmp(up, by_dots) == 0);
		free(by_dots);
	}
	dots = join(up, "..");
	FUZZ_CHECK(strcmp(up, "/") == 0 && strcmp(dots, "/") == 0);
	free(dots);
	free(up);
}

/* Of paths without "..", what is below a root is that root and the rest joined. */
static void check_from_root(const char *path, const char *root)
{
	bool below = strcmp(root, "/") == 0 ||
		     (strncmp(path, root, strlen(root)) == 0 &&
		      (path[strlen(root)] == '/' || path[strlen(root)] == '\0'));
	const char *rest = NULL;
	unsigned unknown = 99;
	char *again;

	if (path_from_root(path, root, &unknown, &rest) != 0) {
		FUZZ_CHECK(!below && !rest && unknown == 99);
		return;
	}
	FUZZ_CHECK(below && unknown == 0);
	FUZZ_CHECK(rest[0] == '\0' || rest[0] == '/');
	again = join(root, rest);
	FUZZ_CHECK(strcmp(again, path) == 0);
	free(again);
}

/* @path with "/.." in front @ups times. */
static char *with_ups(const char *path, unsigned ups)
{
	size_t n = 3 * (size_t)ups;
	char *text = malloc(n + strlen(path) + 1);

	FUZZ_CHECK(text);
	for (size_t i = 0; i < n; i++)
		text[i] = "/.."[i % 3];
	memcpy(text + n, path, strlen(path) + 1);
	return text;
}

/* As a namespace prints them: any number of ".." in front. */
static void check_namespace(const char *path, const char *root, unsigned up, unsigned root_up)
{
	char *a = with_ups(path, up), *b = with_ups(root, root_up);
	const char *rest;
	unsigned unknown;

	if (path_from_root(a, b, &unknown, &rest) == 0) {
		FUZZ_CHECK(unknown == root_up - up);
		FUZZ_CHECK(rest[0] == '\0' ||
			   (rest[0] == '/' && rest >= a && rest <= a + strlen(a)));
		FUZZ_CHECK(unknown == 0 || strcmp(root, "/") == 0);
	} else {
		FUZZ_CHECK(up > root_up || strcmp(root, "/") != 0);
	}
	free(a);
	free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t first = n > 0 ? strnlen((const char *)data, n) : 0;
	struct fuzz_text a, b;
	char *path, *root, *both, *again;

	fuzz_text_init(&a, data, first);
	fuzz_text_init(&b, data + first + (first < n), n - first - (first < n));
	path = join(NULL, a.text);
	root = join(NULL, b.text);
	again = join(NULL, path);
	FUZZ_CHECK(strcmp(again, path) == 0);
	check_parents(path);
	check_from_root(path, root);
	both = join(path, root);
	check_from_root(both, path);
	check_namespace(path, root, (unsigned)n % 4, (unsigned)first % 4);
	free(both);
	free(again);
	free(root);
	free(path);
	fuzz_text_done(&a);
	fuzz_text_done(&b);
	return 0;
}
