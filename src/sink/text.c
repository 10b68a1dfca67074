/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "sink/line_sink.h"
#include "sink/text_layout.h"
#include "sink/text_words.h"

#define TIME_WIDTH 21 /* "Jul 04 12:34:56.000" and two blanks */
#define KIND_WIDTH 12 /* "group_kill" and two blanks */
#define NAME_COLUMN (TIME_WIDTH + KIND_WIDTH)
#define NAME_WIDTH_MIN 24
#define NAME_WIDTH_MAX 40 /* a longer name pushes the rest of its own line aside only */
#define COLUMNS_USUAL 80

struct text_sink {
	struct line_sink line;
	struct text_style style;
	struct text_state state;
};

static void put_time(FILE *f, const struct text_style *style, uint64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / NSEC_PER_SEC);
	uint64_t ns = realtime_ns % NSEC_PER_SEC;
	struct tm tm = { 0 };
	char date[64], zone[16];

	localtime_r(&seconds, &tm);
	if (style->aligned) {
		strftime(date, sizeof(date), "%b %d %H:%M:%S", &tm);
		fprintf(f, "%s.%03" PRIu64 "  ", date, ns / NSEC_PER_MSEC);
		return;
	}
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	fprintf(f, "%s.%06" PRIu64 "%s\t", date, ns / NSEC_PER_USEC, zone);
}

static void put_kind(FILE *f, const struct text_style *style, enum event_kind kind)
{
	const char *word = event_kind_name(kind);

	if (style->colour)
		fprintf(f, "\033[%sm%s\033[0m", words_colour(kind), word);
	else
		fputs(word, f);
	if (style->aligned)
		fprintf(f, "%*s", KIND_WIDTH - (int)strlen(word), "");
	else
		fputc('\t', f);
}

/* How wide the column of cgroups may get: a third of a terminal leaves room for the words. */
static size_t name_width_max(size_t columns)
{
	return columns == 0 || columns / 3 > NAME_WIDTH_MAX ? NAME_WIDTH_MAX : columns / 3;
}

/* Writes the cgroup and tells in @l where the words stand behind it. */
static int put_name(FILE *f, const struct text_style *style, const struct oomn_event *e,
		    struct text_state *state, struct text_layout *l)
{
	_cleanup_free_ char *text =
		escape_name(e->cgroup ? e->cgroup : "-", style->ascii ? ESCAPE_ASCII : 0);
	size_t width;

	if (!text)
		return -ENOMEM;
	fputs(text, f);
	if (!style->aligned) {
		fputc('\t', f);
		return 0;
	}
	width = text_width(text);
	if (state->name_width < NAME_WIDTH_MIN)
		state->name_width = NAME_WIDTH_MIN;
	if (width > state->name_width && width <= name_width_max(state->columns))
		state->name_width = width;
	l->at = NAME_COLUMN + width;
	l->start = NAME_COLUMN + (width > state->name_width ? width : state->name_width) + 2;
	l->indent = NAME_COLUMN;
	l->columns = state->columns;
	return 0;
}

/* What is said of @e, where what the lines above it say of the same incident is @state. */
static int make_words(const struct text_style *style, const struct oomn_event *e,
		      const struct text_state *state, char **ret)
{
	_cleanup_free_ char *text = NULL;
	struct words w = { .escape = style->ascii ? ESCAPE_ASCII : 0, .terse = style->aligned };
	size_t n;

	w.goes_on = style->aligned && e->incident != 0 && e->incident == state->incident;
	if (w.goes_on) {
		w.told = state->told;
		w.command_of = state->command_of;
	}
	w.f = open_memstream(&text, &n);
	if (!w.f)
		return -ENOMEM;
	words_of_event(&w, e);
	if (ferror(w.f) != 0)
		w.failed = true;
	if (fclose(w.f) != 0 || w.failed)
		return -ENOMEM;
	*ret = ptr_steal(&text);
	return 0;
}

static int put_event(FILE *f, const struct text_style *style, const struct oomn_event *e,
		     struct text_state *state)
{
	struct text_layout l = { .aligned = style->aligned, .ascii = style->ascii };
	_cleanup_free_ char *words = NULL;
	int r;

	r = make_words(style, e, state, &words);
	if (r < 0)
		return r;
	if (style->aligned && state->begun && e->incident != state->incident)
		fputc('\n', f);
	put_time(f, style, e->realtime_ns);
	put_kind(f, style, e->kind);
	r = put_name(f, style, e, state, &l);
	if (r < 0)
		return r;
	text_lay_out(f, words, &l);
	return 0;
}

/* Keeps in mind what the line of @e has told. */
static void note_told(struct text_state *state, const struct oomn_event *e)
{
	if (!state->begun || e->incident != state->incident) {
		state->told = 0;
		state->command_of = 0;
	}
	state->begun = true;
	state->incident = e->incident;
	if (e->limit_cgroup || e->limit_outside || e->limit_bytes != BYTES_NONE ||
	    (e->constraint != OOM_CONSTRAINT_UNKNOWN && e->constraint != OOM_CONSTRAINT_MEMCG))
		state->told |= TOLD_LIMIT;
	if (e->trigger)
		state->told |= TOLD_TRIGGER;
	if (e->victim && e->victim->cmdline)
		state->command_of = e->victim->id.pid;
}

int text_encode_event(const struct text_style *style, const struct oomn_event *e,
		      struct text_state *state, char **ret)
{
	struct text_state next = *state;
	_cleanup_free_ char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	int r;

	if (!f)
		return -ENOMEM;
	r = put_event(f, style, e, &next);
	if (ferror(f) != 0)
		r = -ENOMEM;
	if (fclose(f) != 0 || r < 0)
		return -ENOMEM;
	note_told(&next, e);
	*state = next;
	*ret = ptr_steal(&text);
	return 0;
}

/* As wide as the terminal is now: its window may change. */
static size_t terminal_columns(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_USUAL;
}

static int encode(struct line_sink *s, const struct oomn_event *e, char **ret)
{
	struct text_sink *t = (struct text_sink *)s; /* its head */

	if (t->style.aligned)
		t->state.columns = terminal_columns(s->output.fd);
	return text_encode_event(&t->style, e, &t->state, ret);
}

static const struct sink_ops text_ops = {
	.name = "text",
	.full = line_sink_full,
	.submit = line_sink_submit,
	.flush = line_sink_flush,
	.fd = line_sink_fd,
	.close = line_sink_close,
};

int text_sink_open(struct sink **ret, int fd, const struct text_style *style)
{
	struct text_sink *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->line.sink.ops = &text_ops;
	t->line.encode = encode;
	t->style = *style;
	r = line_sink_open(&t->line, fd);
	if (r < 0) {
		free(t);
		return r;
	}
	*ret = &t->line.sink;
	return 0;
}
