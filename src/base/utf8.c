/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/utf8.h"

/* The shapes of a character: its first byte, its length, and the least value that may have it. */
static const struct shape {
	uint8_t mask;
	uint8_t lead;
	uint8_t size;
	uint32_t least;
} shapes[] = {
	{ 0x80, 0x00, 1, 0x0 },
	{ 0xe0, 0xc0, 2, 0x80 },
	{ 0xf0, 0xe0, 3, 0x800 },
	{ 0xf8, 0xf0, 4, 0x10000 },
};

static const struct shape *shape_of(uint8_t lead)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if ((lead & shapes[i].mask) == shapes[i].lead)
			return &shapes[i];
	return NULL;
}

size_t utf8_char(const char *s, size_t n, uint32_t *ret)
{
	const uint8_t *u = (const uint8_t *)s;
	const struct shape *shape = n > 0 ? shape_of(u[0]) : NULL;
	uint32_t c;

	if (!shape || shape->size > n)
		return 0;
	c = u[0] & (uint8_t)~shape->mask;
	for (size_t i = 1; i < shape->size; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (c < shape->least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return shape->size;
}
