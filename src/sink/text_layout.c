/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/text_layout.h"

#include <string.h>
#include <wchar.h>

#include "sink/text_words.h"

static const char marks[] = { WORDS_PART, WORDS_PARAGRAPH, WORDS_LONG, '\0' };

/* Bytes of the first character of @text, which is not at its end, and its columns. */
static size_t next_character(const char *text, mbstate_t *state, size_t *ret_columns)
{
	wchar_t c;
	size_t n = mbrtowc(&c, text, strlen(text), state);
	int columns;

	if (n == 0 || n > strlen(text)) { /* not of this locale: a byte is a column */
		*state = (mbstate_t){ 0 };
		*ret_columns = 1;
		return 1;
	}
	columns = wcwidth(c);
	*ret_columns = columns > 0 ? (size_t)columns : 0;
	return n;
}

size_t text_width(const char *text)
{
	mbstate_t state = { 0 };
	size_t width = 0, columns;

	while (*text != '\0') {
		text += next_character(text, &state, &columns);
		width += columns;
	}
	return width;
}

/* Ends @text where it has taken @room columns, not within an escaped byte. */
static void cut(char *text, size_t room)
{
	mbstate_t state = { 0 };
	size_t width = 0, columns;

	while (*text != '\0') {
		size_t n = next_character(text, &state, &columns);

		if (*text == '\\')
			n = columns = strnlen(text, sizeof("\\xHH") - 1);
		if (width + columns > room)
			break;
		text += n;
		width += columns;
	}
	*text = '\0';
}

static void go_to(FILE *f, struct text_layout *l, size_t column)
{
	fprintf(f, "%*s", column > l->at ? (int)(column - l->at) : 0, "");
	l->at = column;
}

static void new_line(FILE *f, struct text_layout *l)
{
	fputc('\n', f);
	l->at = 0;
	go_to(f, l, l->indent);
}

static void put_long(FILE *f, struct text_layout *l, char *part)
{
	const char *end = l->ascii ? "..." : "\u2026";
	size_t room = l->columns > l->indent ? l->columns - l->indent : 0;

	if (l->columns > 0 && text_width(part) > room) {
		cut(part, room > text_width(end) ? room - text_width(end) : 0);
		fprintf(f, "%s%s", part, end);
	} else {
		fputs(part, f);
	}
}

/* A part whose paragraph goes on behind it (@more) has a comma there, which needs room too. */
static void put_part(FILE *f, struct text_layout *l, const char *part, bool first, bool more)
{
	size_t width = text_width(part) + (more ? 1 : 0);
	size_t from = first ? l->start : l->at + (l->at > l->indent ? 1 : 0);

	if (l->columns > 0 && from > l->indent && from + width > l->columns)
		new_line(f, l);
	else
		go_to(f, l, from);
	fprintf(f, "%s%s", part, more ? "," : "");
	l->at += width;
}

void text_lay_out(FILE *f, char *words, struct text_layout *l)
{
	bool first = true;

	for (char mark = WORDS_PART, *part = words; part; first = false) {
		char *end = strpbrk(part, marks), next = '\0';

		if (end) {
			next = *end;
			*end++ = '\0';
		}
		if (!l->aligned) {
			fprintf(f, "%s%s", first ? "" : ", ", part);
		} else {
			if (mark != WORDS_PART)
				new_line(f, l);
			if (mark == WORDS_LONG)
				put_long(f, l, part);
			else if (*part != '\0')
				put_part(f, l, part, first, next == WORDS_PART);
		}
		mark = next;
		part = end;
	}
}
