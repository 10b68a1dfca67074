/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/json_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/fd.h"

int json_put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0 ? 0 : -ENOMEM;
}

json_t *json_object_if(json_t *object, int r)
{
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *json_number(uint64_t n)
{
	return n <= INT64_MAX ? json_integer((json_int_t)n) : json_null();
}

json_t *json_number_unless(uint64_t n, uint64_t none)
{
	return n == none ? json_null() : json_number(n);
}

json_t *json_name_n(const char *raw, size_t n)
{
	_cleanup_free_ char *text = malloc(ESCAPE_ROOM(n));

	if (!text)
		return NULL;
	escape_bytes(raw, n, 0, text);
	return json_string(text);
}

json_t *json_bytes(uint64_t n)
{
	return json_number_unless(n, BYTES_NONE);
}

json_t *json_name(const char *raw)
{
	return raw ? json_name_n(raw, strlen(raw)) : json_null();
}
