/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/mountinfo.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/digits.h"
#include "base/words.h"

/* Takes the next field off the line, NULL if there is none. Fields are separated by one blank. */
static char *field(char **line)
{
	char *f = strsep(line, " ");

	return f && *f ? f : NULL;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Turns "\040" into a blank, in place. What is no such escape stays as it is. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && is_octal(s[2]) &&
		    is_octal(s[3])) {
			unsigned c = (unsigned)(s[1] - '0') << 6 | (unsigned)(s[2] - '0') << 3 |
				     (unsigned)(s[3] - '0');

			if (c > 0) { /* a NUL would cut the name short: no name holds one */
				*to++ = (char)c;
				s += 4;
				continue;
			}
		}
		*to++ = *s++;
	}
	*to = '\0';
}

/* Reads decimal digits up to @end and steps over that. */
static bool number(const char **s, char end, uint64_t max, uint64_t *ret)
{
	const char *p;
	uint64_t v;

	if (digits_parse(*s, max, &v, &p) != 0 || *p != end)
		return false;
	*s = p + 1;
	*ret = v;
	return true;
}

static bool whole_number(const char *s, uint64_t *ret)
{
	return s && number(&s, '\0', UINT64_MAX, ret);
}

static bool device(const char *s, struct mountinfo *m)
{
	uint64_t major, minor;

	if (!s || !number(&s, ':', UINT32_MAX, &major) || !number(&s, '\0', UINT32_MAX, &minor))
		return false;
	m->major = (uint32_t)major;
	m->minor = (uint32_t)minor;
	return true;
}

static bool parse_line(char *line, struct mountinfo *m)
{
	char *f;

	if (!whole_number(field(&line), &m->id) || !whole_number(field(&line), &m->parent) ||
	    !device(field(&line), m))
		return false;
	m->root = field(&line);
	m->where = field(&line);
	/* A root need not be a path: that of a bind-mounted namespace is "net:[4026531840]". */
	if (!m->root || !m->where || m->where[0] != '/' || !field(&line))
		return false;
	do /* tags, up to a lone hyphen */
		f = field(&line);
	while (f && strcmp(f, "-") != 0);
	if (!f)
		return false;
	m->type = field(&line);
	if (!m->type || !strsep(&line, " ")) /* a source may be empty */
		return false;
	m->super_options = line;
	if (!m->super_options)
		return false;
	unescape(m->root);
	unescape(m->where);
	unescape(m->type);
	return true;
}

int mountinfo_next(char **cursor, struct mountinfo *ret)
{
	struct mountinfo m = { 0 };
	char *line;

	do
		line = strsep(cursor, "\n");
	while (line && *line == '\0');
	if (!line)
		return 0;
	if (!parse_line(line, &m))
		return -EBADMSG;
	*ret = m;
	return 1;
}

bool mountinfo_has_option(const char *options, const char *name)
{
	return words_have(options, strlen(options), ",", name);
}
