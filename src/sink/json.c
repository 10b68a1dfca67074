/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "sink/line_sink.h"

/* json_object_set_new() takes the value over, also when it fails, and fails for a NULL value. */
static int put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0 ? 0 : -ENOMEM;
}

/* A JSON integer is signed here: a number of 2^63 and more is none, rather than a wrong one. */
static json_t *number(uint64_t n)
{
	return n <= INT64_MAX ? json_integer((json_int_t)n) : json_null();
}

/* How often: at its end it stays a number, and says "at least". */
static json_t *count(uint64_t n)
{
	return json_integer(n <= INT64_MAX ? (json_int_t)n : (json_int_t)INT64_MAX);
}

static json_t *number_unless(uint64_t n, uint64_t none)
{
	return n == none ? json_null() : number(n);
}

static json_t *name(const char *raw)
{
	_cleanup_free_ char *text = NULL;

	if (!raw)
		return json_null();
	text = escape_name(raw, 0);
	return text ? json_string(text) : NULL;
}

static json_t *rfc3339(uint64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / NSEC_PER_SEC);
	struct tm tm = { 0 };
	char date[64];

	/* gmtime_r() fails only for years that do not fit an int; 64 bits of ns end in 2554. */
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	return json_sprintf("%s.%06" PRIu64 "Z", date, realtime_ns % NSEC_PER_SEC / NSEC_PER_USEC);
}

static json_t *hierarchy(enum hierarchy h)
{
	const char *text = hierarchy_name(h);

	return text ? json_string(text) : json_null();
}

static json_t *limit(const struct event *e)
{
	json_t *object;
	int r = 0;

	if (!e->limit_cgroup)
		return json_null();
	object = json_object();
	r |= put(object, "cgroup", name(e->limit_cgroup));
	r |= put(object, "cgroup_id", number_unless(e->limit_id, 0));
	r |= put(object, "bytes", number_unless(e->limit_bytes, BYTES_NONE));
	if (e->limit_or_above)
		r |= put(object, "or_above", json_true());
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *evidence(unsigned bits)
{
	json_t *array = json_array();

	for (unsigned left = bits; array && left != 0; left &= left - 1) {
		if (json_array_append_new(array, json_string(evidence_name(left & -left))) == 0)
			continue;
		json_decref(array);
		array = NULL;
	}
	return array;
}

int json_line(const struct json_t *object, char **ret)
{
	/*
	 * json_dumps() in jansson 2.14 leaves out a key for which its buffer cannot grow, and calls that
	 * a success. json_dumpb() writes to a buffer of ours, whose size it tells beforehand.
	 */
	size_t n = json_dumpb(object, NULL, 0, JSON_COMPACT);
	_cleanup_free_ char *text = n > 0 ? malloc(n + 1) : NULL;

	if (!text || json_dumpb(object, text, n, JSON_COMPACT) != n)
		return -ENOMEM;
	text[n] = '\0';
	*ret = ptr_steal(&text);
	return 0;
}

int json_encode_event(const struct event *e, char **ret)
{
	json_t *object = json_object();
	int r = 0;

	r |= put(object, "seq", count(e->seq));
	r |= put(object, "time", rfc3339(e->realtime_ns));
	r |= put(object, "boottime_ns", number(e->boottime_ns));
	r |= put(object, "kind", json_string(event_kind_name(e->kind)));
	r |= put(object, "count", count(e->count_min));
	if (e->count_max != e->count_min)
		r |= put(object, "count_max", count(e->count_max));
	r |= put(object, "cgroup", name(e->cgroup));
	r |= put(object, "cgroup_id", number_unless(e->cgroup_id, 0));
	r |= put(object, "hierarchy", hierarchy(e->hierarchy));
	r |= put(object, "removed", json_boolean(e->removed));
	r |= put(object, "unplaced", json_boolean(e->unplaced));
	r |= put(object, "limit", limit(e));
	r |= put(object, "evidence", evidence(e->evidence));
	if (r == 0)
		r = json_line(object, ret);
	json_decref(object);
	return r;
}

static int encode(struct line_sink *s, const struct event *e, char **ret)
{
	(void)s;
	return json_encode_event(e, ret);
}

static const struct sink_ops json_ops = {
	.name = "json",
	.full = line_sink_full,
	.submit = line_sink_submit,
	.flush = line_sink_flush,
	.fd = line_sink_fd,
	.close = line_sink_close,
};

int json_sink_open(struct sink **ret, int fd)
{
	struct line_sink *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->sink.ops = &json_ops;
	s->encode = encode;
	r = line_sink_open(s, fd);
	if (r < 0) {
		free(s);
		return r;
	}
	*ret = &s->sink;
	return 0;
}
