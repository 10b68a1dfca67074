/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "told_fields.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/escape.h"
#include "scratch.h"

static const char *about;

void complain_about(const char *line)
{
	about = line;
}

noreturn void wrong(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	die("%s\n  in %s", text, about ? about : "no line");
}

void value_is(const char *what, uint64_t is, uint64_t should)
{
	if (is != should)
		wrong("%s is %" PRIu64 ", should be %" PRIu64, what, is, should);
}

void value_within(const char *what, int64_t is, int64_t low, int64_t high)
{
	if (is < low || is > high)
		wrong("%s is %" PRId64 ", should be from %" PRId64 " to %" PRId64, what, is, low,
		      high);
}

static bool is_in(const char *key, const char *const *keys)
{
	for (; *keys; keys++)
		if (strcmp(*keys, key) == 0)
			return true;
	return false;
}

void keys_are(const char *what, const json_t *o, const char *const *keys, const char *const *rare)
{
	json_t *all = (json_t *)o; /* jansson's iterators know no const */

	for (size_t i = 0; keys[i]; i++)
		if (!json_object_get(o, keys[i]))
			wrong("%s has no %s", what, keys[i]);
	for (void *i = json_object_iter(all); i; i = json_object_iter_next(all, i)) {
		const char *key = json_object_iter_key(i);

		if (!is_in(key, keys) && !is_in(key, rare))
			wrong("%s has %s, of which nothing is known", what, key);
	}
}

bool field_there(const json_t *o, const char *key, enum need need)
{
	const json_t *v = json_object_get(o, key);

	if (!v)
		wrong("there is no %s", key);
	if (need == MUST && json_is_null(v))
		wrong("%s is null", key);
	if (need == ABSENT && !json_is_null(v))
		wrong("%s should be null", key);
	return !json_is_null(v);
}

bool field_int(const json_t *o, const char *key, enum need need, int64_t *ret)
{
	if (!field_there(o, key, need))
		return false;
	if (!json_is_integer(json_object_get(o, key)))
		wrong("%s is no integer", key);
	*ret = json_integer_value(json_object_get(o, key));
	return true;
}

bool field_bool(const json_t *o, const char *key)
{
	(void)field_there(o, key, MUST);
	if (!json_is_boolean(json_object_get(o, key)))
		wrong("%s is neither true nor false", key);
	return json_is_true(json_object_get(o, key));
}

const json_t *field_object(const json_t *o, const char *key, enum need need,
			   const char *const *keys, const char *const *rare)
{
	const json_t *v;

	if (!field_there(o, key, need))
		return NULL;
	v = json_object_get(o, key);
	if (!json_is_object(v))
		wrong("%s is no object", key);
	keys_are(key, v, keys, rare);
	return v;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	if (!text)
		wrong("%s is no text", key);
	return text;
}

bool field_is_empty(const json_t *o, const char *key)
{
	return !*text_of(o, key);
}

char *field_raw(const json_t *o, const char *key, enum need need)
{
	return field_there(o, key, need) ? strdup(text_of(o, key)) : NULL;
}

uint64_t field_time(const json_t *o, const char *key)
{
	const char *text = text_of(o, key), *rest;
	struct tm tm = { 0 };
	char *end;
	unsigned long us;

	rest = strptime(text, "%Y-%m-%dT%H:%M:%S.", &tm);
	us = rest ? strtoul(rest, &end, 10) : 0;
	if (!rest || end - rest != 6 || strcmp(end, "Z") != 0)
		wrong("%s is no time: %s", key, text);
	return (uint64_t)timegm(&tm) * NSEC_PER_SEC + us * NSEC_PER_USEC;
}

bool has_word(const json_t *o, const char *key, const char *word)
{
	const json_t *array = json_object_get(o, key);

	if (!json_is_array(array))
		wrong("%s is no array", key);
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));

		if (text && strcmp(text, word) == 0)
			return true;
	}
	return false;
}

void field_is(const json_t *o, const char *key, enum need need, int64_t should)
{
	int64_t is;

	if (field_int(o, key, need, &is) && is != should)
		wrong("%s is %" PRId64 ", should be %" PRId64, key, is, should);
}

void field_is_name(const json_t *o, const char *key, enum need need, const char *raw)
{
	char *should;

	if (!field_there(o, key, need))
		return;
	should = escape_name(raw, 0);
	if (!should)
		die("out of memory");
	if (strcmp(text_of(o, key), should) != 0)
		wrong("%s should be \"%s\"", key, should);
	free(should);
}
