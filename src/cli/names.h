/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stdint.h>

/* What `--source=` calls @names, one of OOMN_NAMES_*; NULL: there is no word for it. */
const char *names_word(uint32_t names);
