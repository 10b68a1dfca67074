/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mountinfo.h"

static bool lies_in(const struct fuzz_text *t, const char *s)
{
	return s >= t->text && s <= t->text + t->len && s + strlen(s) <= t->text + t->len;
}

/* As the kernel's mangle() writes a name. */
static void put_escaped(FILE *f, const char *s)
{
	for (; *s; s++)
		if (strchr(" \t\n\\", *s))
			fprintf(f, "\\%03o", (unsigned char)*s);
		else
			fputc(*s, f);
}

/* Written as a line again, the mount reads the same. */
static void check_round_trip(const struct mountinfo *m)
{
	struct mountinfo again;
	char *line = NULL, *cursor;
	size_t size = 0;
	FILE *f = open_memstream(&line, &size);

	FUZZ_CHECK(f);
	fprintf(f, "%" PRIu64 " %" PRIu64 " %u:%u ", m->id, m->parent, m->major, m->minor);
	put_escaped(f, m->root);
	fputc(' ', f);
	put_escaped(f, m->where);
	fprintf(f, " rw,relatime shared:1 master:2 - ");
	put_escaped(f, m->type);
	fprintf(f, " source %s\n", m->super_options);
	fclose(f);
	cursor = line;
	FUZZ_CHECK(mountinfo_next(&cursor, &again) == 1);
	FUZZ_CHECK(again.id == m->id && again.parent == m->parent);
	FUZZ_CHECK(again.major == m->major && again.minor == m->minor);
	FUZZ_CHECK(strcmp(again.root, m->root) == 0);
	FUZZ_CHECK(strcmp(again.where, m->where) == 0);
	FUZZ_CHECK(strcmp(again.type, m->type) == 0);
	FUZZ_CHECK(strcmp(again.super_options, m->super_options) == 0);
	FUZZ_CHECK(mountinfo_next(&cursor, &again) == 0);
	free(line);
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		n += len > 0;
		text += len + (text[len] == '\n');
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct mountinfo m = { 0 };
	struct fuzz_text t;
	size_t lines, seen = 0;
	char *cursor;
	int r;

	fuzz_text_init(&t, data, n);
	lines = count_lines(t.text);
	cursor = t.text;
	while ((r = mountinfo_next(&cursor, &m)) != 0) {
		seen++;
		FUZZ_CHECK(r == 1 || r == -EBADMSG);
		if (r < 0)
			continue;
		FUZZ_CHECK(lies_in(&t, m.root) && m.root[0] != '\0');
		FUZZ_CHECK(lies_in(&t, m.where) && m.where[0] == '/');
		FUZZ_CHECK(lies_in(&t, m.type) && m.type[0] != '\0');
		FUZZ_CHECK(lies_in(&t, m.super_options));
		FUZZ_CHECK(!mountinfo_has_option(m.super_options, "no,option"));
		check_round_trip(&m);
	}
	FUZZ_CHECK(seen == lines);
	FUZZ_CHECK(mountinfo_next(&cursor, &m) == 0);
	fuzz_text_done(&t);
	return 0;
}
