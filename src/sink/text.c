/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "sink/line_sink.h"

#define KIND_WIDTH 10 /* "group_kill" */
#define NAME_WIDTH_MIN 24
#define NAME_WIDTH_MAX 40 /* a longer name pushes the rest of its own line aside only */

struct text_sink {
	struct line_sink line;
	struct text_style style;
	size_t name_width;
};

/* How a kind is shown: SGR parameters of its colour, and what one and several of it are called. */
static const struct {
	const char *sgr;
	const char *one;
	const char *many;
} kinds[EVENT_KIND_MAX] = {
	[EVENT_OOM] = { "33", "oom", "ooms" },
	[EVENT_KILL] = { "1;31", "kill", "kills" },
	[EVENT_GROUP_KILL] = { "1;35", "group kill", "group kills" },
	[EVENT_COLLATERAL] = { "31", "process died along", "processes died along" },
	[EVENT_DETAILS] = { "2", "set of details", "sets of details" },
	[EVENT_PAUSED] = { "36", "pause, tasks wait (oom_kill_disable)",
			   "pauses, tasks wait (oom_kill_disable)" },
	[EVENT_GONE] = { "2", "cgroup was removed", "cgroups were removed" },
	[EVENT_LOST] = { "7", "event dropped, not taken in time",
			 "events dropped, not taken in time" },
};

/* Columns that @text takes on the terminal, as its locale sees them. */
static size_t text_width(const char *text)
{
	mbstate_t state = { 0 };
	size_t width = 0, left = strlen(text);

	while (left > 0) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, left, &state);
		int columns;

		if (n == 0 || n > left) /* not of this locale: a byte is a column */
			return width + left;
		columns = wcwidth(c);
		width += columns > 0 ? (size_t)columns : 0;
		text += n;
		left -= n;
	}
	return width;
}

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
		fprintf(f, "\033[%sm%s\033[0m", kinds[kind].sgr, word);
	else
		fputs(word, f);
	if (style->aligned)
		fprintf(f, "%*s", KIND_WIDTH - (int)strlen(word) + 2, "");
	else
		fputc('\t', f);
}

static int put_name(FILE *f, const struct text_style *style, const char *raw, size_t *width)
{
	_cleanup_free_ char *text = escape_name(raw ? raw : "-", style->ascii ? ESCAPE_ASCII : 0);
	size_t columns;

	if (!text)
		return -ENOMEM;
	fputs(text, f);
	if (!style->aligned) {
		fputc('\t', f);
		return 0;
	}
	columns = text_width(text);
	if (*width < NAME_WIDTH_MIN)
		*width = NAME_WIDTH_MIN;
	if (columns > *width && columns <= NAME_WIDTH_MAX)
		*width = columns;
	fprintf(f, "%*s", columns < *width ? (int)(*width - columns) + 2 : 2, "");
	return 0;
}

static void put_count(FILE *f, const struct event *e)
{
	const char *word = e->count_max == 1 ? kinds[e->kind].one : kinds[e->kind].many;

	if (e->kind == EVENT_GONE && e->count_max == 1)
		fputs(word, f);
	else if (e->count_min == e->count_max)
		fprintf(f, "%" PRIu64 " %s", e->count_max, word);
	else
		fprintf(f, "%" PRIu64 " %s %" PRIu64 " %s", e->count_min,
			e->count_max - e->count_min == 1 ? "or" : "to", e->count_max, word);
}

static void put_size(FILE *f, uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned unit = 0;
	uint64_t tenths;

	while (unit < 6 && bytes >> (10 * (unit + 1)) != 0)
		unit++;
	if (unit == 0) {
		fprintf(f, "%" PRIu64 " %s", bytes, units[0]);
		return;
	}
	/* The part below the unit, in tenths rounded down: 1023.9 MiB never becomes 1024.0. */
	tenths = ((bytes >> (10 * (unit - 1))) & 1023) * 10 / 1024;
	fprintf(f, "%" PRIu64, bytes >> (10 * unit));
	if (tenths > 0)
		fprintf(f, ".%" PRIu64, tenths);
	fprintf(f, " %s", units[unit]);
}

static int put_limit(FILE *f, const struct text_style *style, const struct event *e)
{
	bool own = e->cgroup && e->limit_cgroup && strcmp(e->cgroup, e->limit_cgroup) == 0;
	_cleanup_free_ char *text = NULL;

	if (!e->limit_cgroup || (own && e->limit_bytes == BYTES_NONE && !e->limit_or_above))
		return 0;
	fputs(", limit", f);
	if (e->limit_bytes != BYTES_NONE) {
		fputc(' ', f);
		put_size(f, e->limit_bytes);
	}
	if (!own) {
		text = escape_name(e->limit_cgroup, style->ascii ? ESCAPE_ASCII : 0);
		if (!text)
			return -ENOMEM;
		fprintf(f, " of %s", text);
	}
	if (e->limit_or_above)
		fputs(own ? " here or above" : " or above", f);
	return 0;
}

static int put_event(FILE *f, const struct text_style *style, const struct event *e,
		     size_t *name_width)
{
	int r;

	put_time(f, style, e->realtime_ns);
	put_kind(f, style, e->kind);
	r = put_name(f, style, e->cgroup, name_width);
	if (r < 0)
		return r;
	put_count(f, e);
	if (e->removed)
		fputs(", here or in a removed cgroup below", f);
	else if (e->unplaced)
		fputs(", here or below, not known where", f);
	return put_limit(f, style, e);
}

int text_encode_event(const struct text_style *style, const struct event *e, size_t *name_width,
		      char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	int r;

	if (!f)
		return -ENOMEM;
	r = put_event(f, style, e, name_width);
	if (ferror(f) != 0)
		r = -ENOMEM;
	if (fclose(f) != 0 || r < 0)
		return -ENOMEM;
	*ret = ptr_steal(&text);
	return 0;
}

static int encode(struct line_sink *s, const struct event *e, char **ret)
{
	struct text_sink *t = (struct text_sink *)s; /* its head */

	return text_encode_event(&t->style, e, &t->name_width, ret);
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
