/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"

static uint8_t hex(char c)
{
	FUZZ_CHECK((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void check(const uint8_t *data, size_t n, unsigned flags)
{
	char *text = malloc(ESCAPE_ROOM(n));
	size_t len, back = 0;

	FUZZ_CHECK(text);
	len = escape_bytes((const char *)data, n, flags, text);
	FUZZ_CHECK(len < ESCAPE_ROOM(n) && strlen(text) == len);
	/* The bytes can be got back, and each of the text's characters may be shown. */
	for (size_t i = 0; i < len;) {
		uint32_t c;
		size_t size = utf8_char(text + i, len - i, &c);

		FUZZ_CHECK(size > 0);
		FUZZ_CHECK(c >= 0x20 && (c < 0x7f || c > 0x9f));
		FUZZ_CHECK(!(flags & ESCAPE_ASCII) || c < 0x80);
		FUZZ_CHECK(c != 0x2028 && c != 0x2029 && c != 0x202e && c != 0x2066 &&
			   c != 0x200b && c != 0xfeff && c >> 7 != 0xe0000 >> 7);
		if (c == '\\') {
			FUZZ_CHECK(text[i + 1] == 'x');
			FUZZ_CHECK(back < n &&
				   data[back] == (hex(text[i + 2]) << 4 | hex(text[i + 3])));
			back++;
			i += 4;
			continue;
		}
		FUZZ_CHECK(back + size <= n && memcmp(data + back, text + i, size) == 0);
		back += size;
		i += size;
	}
	FUZZ_CHECK(back == n);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fuzz_text t;
	char *name;

	check(data, n, 0);
	check(data, n, ESCAPE_ASCII);
	fuzz_text_init(&t, data, n);
	name = escape_name(t.text, 0);
	FUZZ_CHECK(name && strlen(name) >= t.len);
	free(name);
	fuzz_text_done(&t);
	return 0;
}
