/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>

/*
 * Makes lines of at most @width bytes of @text, in place: a blank becomes a newline. A word that is
 * longer stays whole.
 */
void fold(char *text, size_t width);
