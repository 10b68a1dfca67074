/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "stage.h"

/* What `doctor --json` of @program says that a watch without --source= would use here. */
enum level doctor_level(const char *program);
