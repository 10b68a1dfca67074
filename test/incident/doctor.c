/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* The best of the sources that are usable, by their names: from the best down. */
static enum level level_of(const json_t *report)
{
	const json_t *list = json_object_get(report, "sources");

	for (enum level level = 0; level < LEVEL_NONE; level++)
		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *s = json_array_get(list, i);
			const char *name = json_string_value(json_object_get(s, "name"));

			if (name && strcmp(name, level_source(level)) == 0 &&
			    json_is_true(json_object_get(s, "usable")))
				return level;
		}
	return LEVEL_NONE;
}

enum level doctor_level(const char *program)
{
	char command[1024];
	enum level level;
	json_t *report;
	FILE *f;

	(void)snprintf(command, sizeof(command), "'%s' doctor --json", program);
	f = popen(command, "re"); /* NOLINT(cert-env33-c) */
	report = f ? json_loadf(f, 0, NULL) : NULL;
	if (!f || pclose(f) != 0 || !report)
		die("%s: no report", command);
	level = level_of(report);
	json_decref(report);
	return level;
}
