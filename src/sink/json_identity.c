/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/cgroup_identity.h"

#include <string.h>

#include "sink/json_value.h"

static int put_span(json_t *object, const char *key, struct path_span s)
{
	return s.len > 0 ? json_put(object, key, json_name_n(s.at, s.len)) : 0;
}

static int put_text(json_t *object, const char *key, const char *text)
{
	return text && text[0] != '\0' ? json_put(object, key, json_name(text)) : 0;
}

json_t *json_identity(const char *path)
{
	struct cgroup_identity id;
	json_t *object;
	int r = 0;

	if (!path)
		return json_null();
	cgroup_identity_parse(path, &id);
	object = json_object();
	r |= put_span(object, "slice", id.slice);
	r |= put_span(object, "unit", id.unit);
	r |= put_span(object, "session", id.session);
	r |= put_span(object, "user_slice", id.user_slice);
	r |= put_span(object, "user_unit", id.user_unit);
	if (id.uid != CGROUP_UID_NONE)
		r |= json_put(object, "uid", json_number(id.uid));
	r |= put_text(object, "runtime", cgroup_runtime_name(id.container.runtime));
	r |= put_span(object, "container", id.container.id);
	r |= put_text(object, "outer_runtime", cgroup_runtime_name(id.outer.runtime));
	r |= put_span(object, "outer_container", id.outer.id);
	r |= put_span(object, "inner_unit", id.inner_unit);
	r |= put_text(object, "machine", id.machine);
	r |= put_text(object, "pod", id.pod_uid);
	r |= put_text(object, "qos", pod_qos_name(id.qos));
	if (!object || r != 0 || json_object_size(object) > 0)
		return json_object_if(object, r);
	json_decref(object);
	return json_null();
}
