/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Values of oomnotify-events(5), as jansson has them
 *
 * Each returns a value that is the caller's, or NULL without memory. What makes an object adds all
 * keys, also after one of them has failed, and looks at the sum of the results once.
 */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/details.h"
#include "core/task.h"

/* Takes @value over, also when it fails, as it does for NULL. Returns 0 or -ENOMEM. */
int json_put(json_t *object, const char *key, json_t *value);
/* @object, or NULL if @r, the sum of what json_put() returned, is not 0. */
json_t *json_object_if(json_t *object, int r);
/* A JSON integer is signed here: a number of 2^63 and more is null, rather than a wrong one. */
json_t *json_number(uint64_t n);
json_t *json_number_unless(uint64_t n, uint64_t none);
/* A size: null for BYTES_NONE. */
json_t *json_bytes(uint64_t n);
/* Any bytes, escaped (base/escape.h); null for NULL. */
json_t *json_name(const char *raw);
json_t *json_name_n(const char *raw, size_t n);

/* Who asked for memory: null for NULL. */
json_t *json_trigger(const struct oomn_process *p);
/* Who died: null for NULL. */
json_t *json_victim(const struct oomn_process *p);
/* Whom the cgroup at @path belongs to; null if nothing is known of that, and for NULL. */
json_t *json_identity(const char *path);
json_t *json_details(const struct oom_details *d);
