/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * UTF-8, as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF
 */
#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the character that @s begins with; @n bytes may be read. Returns its length in bytes and
 * stores its code point, or returns 0 if there is no valid character (or @n is 0).
 */
size_t utf8_char(const char *s, size_t n, uint32_t *ret);
