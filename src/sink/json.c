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
#include "include/oomnotify.h"
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
	return oomn_event_get_limit_cgroup(e) || oomn_event_get_limit_cgroup_id(e) != 0 ||
	       (oomn_event_get_flags(e) & OOMN_EVENT_LIMIT_OUTSIDE) ||
	       oomn_event_get_bytes(e, OOMN_BYTES_LIMIT) != OOMN_BYTES_NONE;
}

static json_t *bytes(const struct oomn_event *e, uint32_t which)
{
	return json_bytes(oomn_event_get_bytes(e, which));
}

static json_t *limit(const struct oomn_event *e)
{
	uint32_t flags = oomn_event_get_flags(e);
	json_t *object;
	int r = 0;

	if (!has_limit(e))
		return json_null();
	object = json_object();
	r |= json_put(object, "cgroup", json_name(oomn_event_get_limit_cgroup(e)));
	r |= json_put(object, "cgroup_id",
		      json_number_unless(oomn_event_get_limit_cgroup_id(e), 0));
	r |= json_put(object, "bytes", bytes(e, OOMN_BYTES_LIMIT));
	r |= json_put(object, "usage_bytes", bytes(e, OOMN_BYTES_USAGE));
	r |= json_put(object, "swap_bytes", bytes(e, OOMN_BYTES_SWAP_LIMIT));
	r |= json_put(object, "swap_usage_bytes", bytes(e, OOMN_BYTES_SWAP_USAGE));
	if (flags & OOMN_EVENT_LIMIT_OR_ABOVE)
		r |= json_put(object, "or_above", json_true());
	if (flags & OOMN_EVENT_LIMIT_OUTSIDE)
		r |= json_put(object, "outside", json_true());
	return json_object_if(object, r);
}

static json_t *hierarchy(uint32_t version)
{
	return version == 0 ? json_null() : json_sprintf("v%" PRIu32, version);
}

static json_t *order(int32_t n)
{
	return n == OOMN_ORDER_NONE ? json_null() : json_integer(n);
}

static json_t *evidence(uint32_t bits)
{
	json_t *array = json_array();

	for (uint32_t left = bits; array && left != 0; left &= left - 1) {
		if (json_array_append_new(array, json_string(oomn_evidence_name(left & -left))) ==
		    0)
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

	r |= json_put(object, "incident", json_number_unless(oomn_event_get_incident(e), 0));
	r |= json_put(object, "constraint",
		      word(oomn_constraint_name(oomn_event_get_constraint(e))));
	r |= json_put(object, "order", order(oomn_event_get_order(e)));
	r |= json_put(object, "total_bytes", bytes(e, OOMN_BYTES_TOTAL));
	r |= json_put(object, "trigger", json_trigger(oomn_event_get_trigger(e)));
	r |= json_put(object, "victim", json_victim(oomn_event_get_victim(e)));
	if (oomn_event_get_kind(e) == OOMN_COLLATERAL)
		r |= json_put(object, "shared_with",
			      json_number_unless(oomn_event_get_shared_with(e), 0));
	if (e->kind == EVENT_DETAILS)
		r |= json_put(object, "details", json_details(e->details));
	return r;
}

int json_encode_event(const struct oomn_event *e, char **ret)
{
	uint64_t seq = oomn_event_get_seq(e), times = oomn_event_get_count_min(e);
	uint32_t flags = oomn_event_get_flags(e);
	json_t *object = json_object();
	int r = 0;

	r |= json_put(object, "seq", seq == 0 ? json_null() : count(seq));
	r |= json_put(object, "time", rfc3339(oomn_event_get_realtime(e)));
	r |= json_put(object, "boottime_ns", json_number(oomn_event_get_time(e)));
	r |= json_put(object, "kind", json_string(oomn_kind_name(oomn_event_get_kind(e))));
	r |= json_put(object, "count", count(times));
	if (oomn_event_get_count_max(e) != times)
		r |= json_put(object, "count_max", count(oomn_event_get_count_max(e)));
	r |= json_put(object, "cgroup", json_name(oomn_event_get_cgroup(e)));
	r |= json_put(object, "cgroup_id", json_number_unless(oomn_event_get_cgroup_id(e), 0));
	r |= json_put(object, "hierarchy", hierarchy(oomn_event_get_hierarchy(e)));
	r |= json_put(object, "removed", json_boolean(flags & OOMN_EVENT_REMOVED));
	r |= json_put(object, "unplaced", json_boolean(flags & OOMN_EVENT_UNPLACED));
	r |= json_put(object, "limit", limit(e));
	r |= put_incident(object, e);
	r |= json_put(object, "identity", json_identity(oomn_event_get_cgroup(e)));
	r |= json_put(object, "evidence", evidence(oomn_event_get_evidence(e)));
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
