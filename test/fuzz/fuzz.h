/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What every fuzz target is made of
 *
 * A target is one file, fuzz-<name>.c, that takes any bytes and checks what must hold for the parser
 * whatever they are: not only that nothing crashes. It is built twice: with run-corpus.c as a plain
 * test that runs the inputs in corpus/<name>/ and mutations of them, the same ones each time; and, with
 * clang and -Dfuzzer=true, with libFuzzer, which searches on its own (see meson.build).
 */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The input as a string. Nothing may be read behind its NUL: there the heap block or the page ends. */
struct fuzz_text {
	char *text;
	size_t len;
	void *map; /* NULL under ASan, which guards a heap block better: in front of it, too */
	size_t map_size;
};

/* Takes the bytes up to the first NUL. */
void fuzz_text_init(struct fuzz_text *t, const uint8_t *data, size_t n);
void fuzz_text_done(struct fuzz_text *t);

/* Says which expectation did not hold, and aborts. */
_Noreturn void fuzz_failed(const char *file, int line, const char *what);
#define FUZZ_CHECK(c)                                                                              \
	do {                                                                                       \
		if (!(c))                                                                          \
			fuzz_failed(__FILE__, __LINE__, #c);                                       \
	} while (0)
