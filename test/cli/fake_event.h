/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "core/event.h"

/* Sets what fake_script.h calls @key, as "victim.comm"; ends the program if there is none. */
void fake_event_set(struct oomn_event *e, const char *key, const char *value);
struct oomn_event *fake_event_copy(const struct oomn_event *e);
enum event_kind fake_kind(const char *name);
enum hierarchy fake_hierarchy(const char *name);
