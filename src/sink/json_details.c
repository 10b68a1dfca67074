/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/json_value.h"

static json_t *memory_stat(const struct details_stat *s)
{
	json_t *object = json_object();
	int r = 0;

	r |= json_put(object, "anon", json_bytes(s->anon));
	r |= json_put(object, "file", json_bytes(s->file));
	r |= json_put(object, "kernel", json_bytes(s->kernel));
	r |= json_put(object, "slab", json_bytes(s->slab));
	r |= json_put(object, "sock", json_bytes(s->sock));
	r |= json_put(object, "shmem", json_bytes(s->shmem));
	return json_object_if(object, r);
}

static json_t *process(const struct details_process *p)
{
	json_t *object = json_object();
	int r = 0;

	r |= json_put(object, "pid", json_number(p->pid));
	r |= json_put(object, "comm", json_name(p->comm));
	r |= json_put(object, "rss_bytes", json_bytes(p->rss_bytes));
	return json_object_if(object, r);
}

static json_t *processes(const struct oom_details *d)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < d->largest_n; i++) {
		if (json_array_append_new(array, process(&d->largest[i])) == 0)
			continue;
		json_decref(array);
		array = NULL;
	}
	return array;
}

json_t *json_details(const struct oom_details *d)
{
	json_t *object;
	int r = 0;

	if (!d)
		return json_null();
	object = json_object();
	r |= json_put(object, "victim_pid", json_number_unless(d->victim_pid, 0));
	r |= json_put(object, "cmdline", json_name(d->cmdline));
	r |= json_put(object, "exe", json_name(d->exe));
	r |= json_put(object, "limit_bytes", json_bytes(d->limit_bytes));
	r |= json_put(object, "usage_bytes", json_bytes(d->usage_bytes));
	r |= json_put(object, "peak_bytes", json_bytes(d->peak_bytes));
	r |= json_put(object, "stat", memory_stat(&d->stat));
	r |= json_put(object, "processes", processes(d));
	r |= json_put(object, "looked", json_number(d->looked));
	r |= json_put(object, "more", json_boolean(d->more));
	r |= json_put(object, "timed_out", json_boolean(d->timed_out));
	return json_object_if(object, r);
}
