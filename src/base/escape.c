/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/escape.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* First and last code point of what a line of text cannot show as it is. */
static const struct {
	uint32_t first;
	uint32_t last;
} unsafe[] = {
	{ 0x00, 0x1f },       /* C0: newline, tab, ESC */
	{ '\\', '\\' },       /* begins an escaped byte */
	{ 0x7f, 0x9f },       /* DEL and C1: U+009B is a terminal's CSI in one character */
	{ 0xad, 0xad },       /* soft hyphen: seen at a line's end only */
	{ 0x061c, 0x061c },   /* Arabic letter mark */
	{ 0x200b, 0x200f },   /* zero width: space, joiners, left-to-right and right-to-left mark */
	{ 0x2028, 0x202e },   /* line and paragraph separator, embeddings and overrides */
	{ 0x2060, 0x206f },   /* zero width: word joiner, operators, isolates, shaping */
	{ 0xfeff, 0xfeff },   /* zero width no-break space, the byte order mark */
	{ 0xe0000, 0xe007f }, /* tags, which nothing shows */
};

static bool is_safe(uint32_t c, unsigned flags)
{
	if ((flags & ESCAPE_ASCII) && c > 0x7f)
		return false;
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		if (c >= unsafe[i].first && c <= unsafe[i].last)
			return false;
	return true;
}

static size_t put_hex(unsigned char byte, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	ret[0] = '\\';
	ret[1] = 'x';
	ret[2] = digits[byte >> 4];
	ret[3] = digits[byte & 0xf];
	return 4;
}

size_t escape_bytes(const char *s, size_t n, unsigned flags, char *ret)
{
	size_t used = 0;

	for (size_t i = 0; i < n;) {
		uint32_t c = 0;
		size_t size = utf8_char(s + i, n - i, &c);

		if (size > 0 && is_safe(c, flags)) {
			memcpy(ret + used, s + i, size);
			used += size;
			i += size;
			continue;
		}
		for (size_t end = i + (size > 0 ? size : 1); i < end; i++)
			used += put_hex((unsigned char)s[i], ret + used);
	}
	ret[used] = '\0';
	return used;
}

char *escape_name(const char *name, unsigned flags)
{
	size_t n = strlen(name);
	char *text = malloc(ESCAPE_ROOM(n));

	if (text)
		escape_bytes(name, n, flags, text);
	return text;
}
