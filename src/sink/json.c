/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "sink/json_value.h"
#include "sink/line_sink.h"

/* How often: at its end it stays a number, and says "at least". */
static json_t *count(uint64_t n)
{
	return json_integer(n <= INT64_MAX ? (json_int_t)n : (json_int_t)INT64_MAX);
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

/* A word, or null. */
static json_t *word(const char *text)
{
	return text ? json_string(text) : json_null();
}

/* Also without a name: one that was too long, or could be read in two ways. */
static bool has_limit(const struct oomn_event *e)
{
	return e->limit_cgroup || e->limit_outside || e->limit_id != 0 ||
	       e->limit_bytes != BYTES_NONE;
}

static json_t *limit(const struct oomn_event *e)
{
	json_t *object;
	int r = 0;

	if (!has_limit(e))
		return json_null();
	object = json_object();
	r |= json_put(object, "cgroup", json_name(e->limit_cgroup));
	r |= json_put(object, "cgroup_id", json_number_unless(e->limit_id, 0));
	r |= json_put(object, "bytes", json_bytes(e->limit_bytes));
	r |= json_put(object, "usage_bytes", json_bytes(e->usage_bytes));
	r |= json_put(object, "swap_bytes", json_bytes(e->swap_limit_bytes));
	r |= json_put(object, "swap_usage_bytes", json_bytes(e->swap_usage_bytes));
	if (e->limit_or_above)
		r |= json_put(object, "or_above", json_true());
	if (e->limit_outside)
		r |= json_put(object, "outside", json_true());
	return json_object_if(object, r);
}

static json_t *order(int n)
{
	return n == OOM_ORDER_NONE ? json_null() : json_integer(n);
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

/* Of whom it was: what an oom seen in the kernel has. */
static int put_incident(json_t *object, const struct oomn_event *e)
{
	int r = 0;

	r |= json_put(object, "incident", json_number_unless(e->incident, 0));
	r |= json_put(object, "constraint", word(oom_constraint_name(e->constraint)));
	r |= json_put(object, "order", order(e->order));
	r |= json_put(object, "total_bytes", json_bytes(e->total_bytes));
	r |= json_put(object, "trigger", json_trigger(e->trigger));
	r |= json_put(object, "victim", json_victim(e->victim));
	if (e->kind == EVENT_COLLATERAL)
		r |= json_put(object, "shared_with", json_number_unless(e->shared_with, 0));
	if (e->kind == EVENT_DETAILS)
		r |= json_put(object, "details", json_details(e->details));
	return r;
}

int json_encode_event(const struct oomn_event *e, char **ret)
{
	json_t *object = json_object();
	int r = 0;

	r |= json_put(object, "seq", e->seq == 0 ? json_null() : count(e->seq));
	r |= json_put(object, "time", rfc3339(e->realtime_ns));
	r |= json_put(object, "boottime_ns", json_number(e->boottime_ns));
	r |= json_put(object, "kind", json_string(event_kind_name(e->kind)));
	r |= json_put(object, "count", count(e->count_min));
	if (e->count_max != e->count_min)
		r |= json_put(object, "count_max", count(e->count_max));
	r |= json_put(object, "cgroup", json_name(e->cgroup));
	r |= json_put(object, "cgroup_id", json_number_unless(e->cgroup_id, 0));
	r |= json_put(object, "hierarchy", word(hierarchy_name(e->hierarchy)));
	r |= json_put(object, "removed", json_boolean(e->removed));
	r |= json_put(object, "unplaced", json_boolean(e->unplaced));
	r |= json_put(object, "limit", limit(e));
	r |= put_incident(object, e);
	r |= json_put(object, "identity", json_identity(e->cgroup));
	r |= json_put(object, "evidence", evidence(e->evidence));
	if (r == 0)
		r = json_line(object, ret);
	json_decref(object);
	return r;
}

static int encode(struct line_sink *s, const struct oomn_event *e, char **ret)
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
