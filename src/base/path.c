/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/path.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Finds the next component at or after @p. Returns its length, 0 at the end. */
static size_t component(const char *p, const char **ret)
{
	p += strspn(p, "/");
	*ret = p;
	return strcspn(p, "/");
}

static bool is_dots(const char *p, size_t n, size_t dots)
{
	return n == dots && strncmp(p, "..", dots) == 0;
}

/* In place: with the leading slash a component never moves to the right of where it was. */
void path_normalize(char *path)
{
	size_t len = 0; /* of the result so far, which is "" for the root */
	const char *p;
	size_t n;

	assert(path[0] == '/');
	for (const char *from = path; (n = component(from, &p)) > 0; from = p + n) {
		if (is_dots(p, n, 1))
			continue;
		if (is_dots(p, n, 2)) {
			while (len > 0 && path[--len] != '/')
				;
			continue;
		}
		path[len] = '/';
		memmove(path + len + 1, p, n);
		len += 1 + n;
	}
	if (len == 0)
		path[len++] = '/';
	path[len] = '\0';
}

char *path_join(const char *dir, const char *below)
{
	size_t n = dir ? strlen(dir) : 0, m = strlen(below);
	char *path = malloc(1 + n + 1 + m + 1);

	if (!path)
		return NULL;
	path[0] = '/';
	if (dir)
		memcpy(path + 1, dir, n);
	path[1 + n] = '/';
	memcpy(path + 1 + n + 1, below, m + 1);
	path_normalize(path);
	return path;
}

size_t path_parent_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	assert(slash);
	if (slash == path)
		return path[1] == '\0' ? 0 : 1;
	return (size_t)(slash - path);
}

bool path_is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	if (n == 1 && top[0] == '/')
		return path[0] == '/' && path[1] != '\0';
	return strncmp(path, top, n) == 0 && path[n] == '/';
}

bool path_is_at_or_below(const char *path, const char *top)
{
	return strcmp(path, top) == 0 || path_is_below(path, top);
}

/* Steps over the leading "/.." components of *@path. Returns how many there were. */
static unsigned skip_ups(const char **path)
{
	unsigned ups = 0;
	const char *p;

	for (;;) {
		size_t n = component(*path, &p);

		if (!is_dots(p, n, 2))
			return ups;
		*path = p + n;
		ups++;
	}
}

int path_from_root(const char *path, const char *root, unsigned *ret_unknown, const char **ret_rest)
{
	unsigned path_ups = skip_ups(&path), root_ups = skip_ups(&root);
	const char *p, *q;
	size_t m;

	/*
	 * The kernel goes up no further than it must. So a root "/../.." is an ancestor of the
	 * namespace's root, but one at "/../../x" is not, and has below it only what begins alike.
	 */
	if (path_ups > root_ups)
		return PATH_E_OUTSIDE;
	if (path_ups < root_ups && component(root, &p) > 0)
		return PATH_E_OUTSIDE;
	while ((m = component(root, &q)) > 0) {
		size_t n = component(path, &p);

		if (n != m || strncmp(p, q, n) != 0)
			return PATH_E_OUTSIDE;
		path = p + n;
		root = q + m;
	}
	*ret_unknown = root_ups - path_ups;
	*ret_rest = component(path, &p) > 0 ? path : "";
	return 0;
}
