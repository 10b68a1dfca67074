/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/proc_cgroup.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/digits.h"
#include "base/words.h"

struct line {
	bool v2;
	const char *controllers;
	size_t controllers_len;
	const char *path;
	size_t path_len;
};

/* @len: without the newline. */
static bool parse_line(const char *p, size_t len, struct line *ret)
{
	const char *end = p + len, *first, *second;
	size_t digits = strspn(p, DIGITS);

	first = p + digits;
	if (digits == 0 || first >= end || *first != ':')
		return false;
	second = memchr(first + 1, ':', (size_t)(end - first - 1));
	if (!second || second + 1 >= end || second[1] != '/')
		return false;
	*ret = (struct line){
		.v2 = digits == 1 && *p == '0' && second == first + 1,
		.controllers = first + 1,
		.controllers_len = (size_t)(second - first - 1),
		.path = second + 1,
		.path_len = (size_t)(end - second - 1),
	};
	return true;
}

int proc_cgroup_find(const char *text, const char *controller, struct proc_cgroup *ret)
{
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n");
		struct line l;

		if (!parse_line(p, len, &l))
			return -EBADMSG;
		if (controller ? words_have(l.controllers, l.controllers_len, ",", controller)
			       : l.v2) {
			*ret = (struct proc_cgroup){ .path = l.path, .len = l.path_len };
			return 0;
		}
		p += len;
		p += *p == '\n';
	}
	return PROC_CGROUP_E_NO_LINE;
}
