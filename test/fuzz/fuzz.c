/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifndef HAVE_ASAN
#define HAVE_ASAN 0
#endif

void fuzz_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

void fuzz_text_init(struct fuzz_text *t, const uint8_t *data, size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size;

	*t = (struct fuzz_text){ .len = n > 0 ? strnlen((const char *)data, n) : 0 };
	if (HAVE_ASAN) {
		t->text = malloc(t->len + 1);
	} else {
		size = (t->len + page) / page * page;
		t->map_size = size + page;
		t->map = mmap(NULL, t->map_size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (t->map != MAP_FAILED && mprotect((char *)t->map + size, page, PROT_NONE) == 0)
			t->text = (char *)t->map + size - t->len - 1;
	}
	if (!t->text)
		fuzz_failed(__FILE__, __LINE__, "memory for the input");
	memcpy(t->text, data, t->len);
	t->text[t->len] = '\0';
}

void fuzz_text_done(struct fuzz_text *t)
{
	if (t->map)
		(void)munmap(t->map, t->map_size);
	else
		free(t->text);
}
