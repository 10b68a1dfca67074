/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/api.h"

#include <errno.h>
#include <string.h>

/* No structure is that large: a size that is none is not to be believed. */
#define STRUCT_MAX 4096

int api_take_struct(void *ret, size_t known, size_t least, const void *from, size_t size)
{
	const unsigned char *bytes = from;

	if (!from || size < least)
		return -EINVAL;
	if (size > STRUCT_MAX)
		return -E2BIG;
	for (size_t i = known; i < size; i++)
		if (bytes[i] != 0)
			return -E2BIG;
	memset(ret, 0, known);
	memcpy(ret, from, size < known ? size : known);
	return 0;
}

int api_give_struct(void *ret, size_t size, size_t least, const void *from, size_t known)
{
	if (!ret || size < least)
		return -EINVAL;
	if (size > STRUCT_MAX)
		return -E2BIG;
	memset(ret, 0, size);
	memcpy(ret, from, size < known ? size : known);
	return 0;
}
