/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/flat_keyed.h"

/* The value of the first line that begins with @key and a blank, up to its end; NULL: none. */
static const char *find_value(const char *text, const char *key, size_t *ret_len)
{
	size_t n = strlen(key);

	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		if (len > n && memcmp(line, key, n) == 0 && line[n] == ' ') {
			*ret_len = len - n - 1;
			return line + n + 1;
		}
		line += len + (line[len] == '\n');
	}
	return NULL;
}

static void check_key(const char *text, const char *key)
{
	uint64_t v = 0x5a5a;
	int r = flat_keyed_u64(text, key, &v);
	size_t len = 0, digits;
	const char *value = find_value(text, key, &len);
	char again[128];
	uint64_t w;

	if (!value) {
		FUZZ_CHECK(r == FLAT_KEYED_E_NO_KEY);
		FUZZ_CHECK(v == 0x5a5a);
		return;
	}
	digits = strspn(value, "0123456789");
	if (digits == 0 || digits != len) {
		/* Too many digits may be noticed before what comes after them. */
		FUZZ_CHECK(r == -EBADMSG || (r == -ERANGE && digits > 19));
		FUZZ_CHECK(v == 0x5a5a);
		return;
	}
	errno = 0;
	w = strtoull(value, NULL, 10);
	if (errno == ERANGE) {
		FUZZ_CHECK(r == -ERANGE && v == 0x5a5a);
		return;
	}
	FUZZ_CHECK(r == 0 && v == w);
	snprintf(again, sizeof(again), "k %" PRIu64 "\n", v);
	FUZZ_CHECK(flat_keyed_u64(again, "k", &w) == 0 && w == v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const keys[] = { "oom", "oom_kill", "oom_group_kill", "max", "k" };
	char first[32];
	struct fuzz_text t;

	fuzz_text_init(&t, data, n);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		check_key(t.text, keys[i]);
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(t.text, " \n"), t.text);
	if (first[0] != '\0')
		check_key(t.text, first);
	fuzz_text_done(&t);
	return 0;
}
