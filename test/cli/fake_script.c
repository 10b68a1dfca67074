/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/cli/fake_script.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "test/cli/fake_event.h"

#define STATUS_BAD_SCRIPT 99

static unsigned long line_number;

void fake_die(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "fake script, line %lu: %s\n", line_number, text);
	exit(STATUS_BAD_SCRIPT);
}

static void *must(void *p)
{
	if (!p)
		fake_die("out of memory");
	return p;
}

#define NEW(type) ((type *)must(calloc(1, sizeof(type))))

/* Turns each `\xHH` into its byte; the result is on the heap. */
char *fake_bytes(const char *text)
{
	char *s = must(strdup(text)), *to = s;

	for (const char *from = text; *from != '\0'; to++) {
		char hex[3] = "";

		if (from[0] != '\\' || from[1] != 'x') {
			*to = *from++;
			continue;
		}
		memcpy(hex, from + 2, strnlen(from + 2, 2));
		*to = (char)strtoul(hex, NULL, 16);
		from += 2 + strlen(hex);
	}
	*to = '\0';
	return s;
}

uint64_t fake_number(const char *text)
{
	char *end;
	uint64_t n;

	if (strcmp(text, "unknown") == 0)
		return UINT64_MAX;
	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno != 0 || *end != '\0' || end == text)
		fake_die("not a number: %s", text);
	return n;
}

static int error(const char *name)
{
	static const struct {
		const char *name;
		int error;
	} errors[] = {
		{ "NO_CGROUPS", HOST_E_NO_CGROUPS },
		{ "NO_MEMORY", HOST_E_NO_MEMORY },
		{ "NO_SUCH_CGROUP", HOST_E_NO_SUCH_CGROUP },
		{ "NOT_A_CGROUP", HOST_E_NOT_A_CGROUP },
		{ "WRONG_HIERARCHY", HOST_E_WRONG_HIERARCHY },
		{ "OTHER_MOUNT", HOST_E_OTHER_MOUNT },
		{ "NO_SUCH_PROCESS", HOST_E_NO_SUCH_PROCESS },
		{ "NO_PERMISSION", HOST_E_NO_PERMISSION },
		{ "BAD_NAME", HOST_E_BAD_NAME },
		{ "EACCES", -EACCES },
		{ "EAGAIN", -EAGAIN },
		{ "EBADMSG", -EBADMSG },
		{ "EDQUOT", -EDQUOT },
		{ "EINVAL", -EINVAL },
		{ "EIO", -EIO },
		{ "EMFILE", -EMFILE },
		{ "ENAMETOOLONG", -ENAMETOOLONG },
		{ "ENFILE", -ENFILE },
		{ "ENODEV", -ENODEV },
		{ "ENOMEM", -ENOMEM },
		{ "ENOSPC", -ENOSPC },
		{ "EOPNOTSUPP", -EOPNOTSUPP },
		{ "EOVERFLOW", -EOVERFLOW },
		{ "EPERM", -EPERM },
		{ "ERANGE", -ERANGE },
	};

	for (size_t i = 0; name && i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].error;
	fake_die("unknown error: %s", name ? name : "(none)");
}

static const char *word(char **rest)
{
	return strtok_r(NULL, " \t\n", rest);
}

static const char *must_word(char **rest)
{
	const char *w = word(rest);

	if (!w)
		fake_die("a word is missing");
	return w;
}

/* The next `key=value`, or `key`, whose value is then empty. */
static bool pair(char **rest, char **ret_key, const char **ret_value)
{
	char *w = strtok_r(NULL, " \t\n", rest), *equals;

	if (!w || w[0] == '#')
		return false;
	equals = strchr(w, '=');
	if (equals)
		*equals = '\0';
	*ret_key = w;
	*ret_value = equals ? equals + 1 : "";
	return true;
}

static struct oomn_event *read_event(char **rest)
{
	struct oomn_event *e = must(event_new(EVENT_OOM));
	const char *value;
	char *key;

	e->hierarchy = HIERARCHY_V2;
	e->evidence = EVIDENCE_COUNTERS;
	while (pair(rest, &key, &value))
		fake_event_set(e, key, value);
	if (!e->cgroup)
		e->cgroup = must(strdup("/"));
	return e;
}

static void read_cgroup(struct fake_script *s, char **rest)
{
	struct fake_cgroup *c = NEW(struct fake_cgroup);
	const char *value;
	char *key;

	c->path = fake_bytes(must_word(rest));
	c->hierarchy = s->v2 ? HIERARCHY_V2 : HIERARCHY_V1;
	while (pair(rest, &key, &value)) {
		if (strcmp(key, "id") == 0)
			c->id = fake_number(value);
		else if (strcmp(key, "hierarchy") == 0)
			c->hierarchy = fake_hierarchy(value);
		else if (strcmp(key, "at") == 0)
			c->nearest = fake_bytes(value);
		else
			fake_die("unknown key: %s", key);
	}
	LL_APPEND(s->cgroups, c);
}

static void read_error(struct fake_script *s, char **rest, bool of_add)
{
	struct fake_error *e = NEW(struct fake_error);

	e->name = fake_bytes(must_word(rest));
	e->of_add = of_add;
	e->error = error(word(rest));
	LL_APPEND(s->errors, e);
}

static void read_host(struct fake_script *s, char **rest)
{
	const char *what = must_word(rest), *visible = word(rest);

	s->part = visible != NULL;
	s->namespaced = visible && strcmp(visible, "namespace") == 0;
	s->v1 = strcmp(what, "v1") == 0;
	s->v2 = strcmp(what, "v2") == 0;
	s->no_cgroups = strcmp(what, "none") == 0;
}

static void read_balance(struct fake_script *s, char **rest)
{
	struct balance_line *line = &s->balance.kind[fake_kind(must_word(rest))];
	const char *value;
	char *key;

	while (pair(rest, &key, &value)) {
		if (strcmp(key, "counted") == 0)
			line->counted = fake_number(value);
		else if (strcmp(key, "reported") == 0)
			line->reported = fake_number(value);
		else if (strcmp(key, "recounts") == 0)
			line->recounts = fake_number(value);
		else if (strcmp(key, "unproven") == 0)
			line->unproven = fake_number(value);
		else if (strcmp(key, "reasons") == 0)
			line->reasons = (unsigned)fake_number(value);
		else
			fake_die("unknown key: %s", key);
	}
}

static bool read_host_line(struct fake_script *s, const char *first, char **rest)
{
	if (strcmp(first, "host") == 0)
		read_host(s, rest);
	else if (strcmp(first, "cgroup") == 0)
		read_cgroup(s, rest);
	else if (strcmp(first, "name") == 0)
		read_error(s, rest, false);
	else if (strcmp(first, "add") == 0)
		read_error(s, rest, true);
	else if (strcmp(first, "new") == 0)
		s->new_error = error(word(rest));
	else if (strcmp(first, "queue") == 0)
		s->queue = fake_number(must_word(rest));
	else if (strcmp(first, "notice") == 0)
		s->notice = must(strndup(*rest, strcspn(*rest, "\n")));
	else if (strcmp(first, "balance") == 0)
		read_balance(s, rest);
	else if (strcmp(first, "reasons") == 0)
		s->balance.reasons = (unsigned)fake_number(must_word(rest));
	else if (strcmp(first, "late") == 0)
		s->balance.late = fake_number(must_word(rest));
	else
		return false;
	return true;
}

/* The event before the last step that is no copy of it. */
static struct oomn_event *last_event(const struct fake_script *s)
{
	struct oomn_event *last = NULL;
	struct step *step;

	LL_FOREACH (s->steps, step)
		if (step->type == STEP_EVENT)
			last = step->event;
	if (!last)
		fake_die("there is no event to repeat");
	return last;
}

static void read_step(struct fake_script *s, const char *first, char **rest)
{
	struct step *step = NEW(struct step);

	if (strcmp(first, "event") == 0) {
		step->type = STEP_EVENT;
		step->event = read_event(rest);
		step->n = 1;
	} else if (strcmp(first, "repeat") == 0) {
		step->type = STEP_EVENT;
		step->event = last_event(s);
		step->n = fake_number(must_word(rest));
	} else if (strcmp(first, "gone") == 0) {
		step->type = STEP_GONE;
		step->text = fake_bytes(must_word(rest));
	} else if (strcmp(first, "note") == 0) {
		step->type = STEP_NOTE;
		step->text = must(strndup(*rest, strcspn(*rest, "\n")));
	} else if (strcmp(first, "next") == 0) {
		step->type = STEP_NEXT;
	} else if (strcmp(first, "wait") == 0) {
		step->type = STEP_WAIT;
		step->text = fake_bytes(must_word(rest));
	} else if (strcmp(first, "signal") == 0) {
		step->type = STEP_SIGNAL;
		step->text = fake_bytes(must_word(rest));
	} else if (strcmp(first, "fail") == 0) {
		step->type = STEP_FAIL;
		step->error = error(word(rest));
	} else if (strcmp(first, "settle") == 0) {
		step->type = STEP_SETTLE;
	} else if (strcmp(first, "again") == 0) {
		step->type = STEP_AGAIN;
		step->n = fake_number(must_word(rest));
	} else if (strcmp(first, "stuck") == 0) {
		step->type = STEP_STUCK;
	} else {
		fake_die("unknown word: %s", first);
	}
	LL_APPEND(s->steps, step);
}

struct fake_script *fake_script(void)
{
	static struct fake_script script = { .v2 = true, .queue = 1024 };
	static bool loaded;
	const char *path = getenv("OOMNOTIFY_FAKE");
	char *line = NULL;
	size_t size = 0;
	FILE *f;

	if (loaded)
		return &script;
	loaded = true;
	f = path ? fopen(path, "re") : NULL;
	if (!f)
		fake_die("OOMNOTIFY_FAKE names no script that can be read");
	while (getline(&line, &size, f) >= 0) {
		char *rest;
		const char *first = strtok_r(line, " \t\n", &rest);

		line_number++;
		if (first && first[0] != '#' && !read_host_line(&script, first, &rest))
			read_step(&script, first, &rest);
	}
	free(line);
	fclose(f);
	return &script;
}
