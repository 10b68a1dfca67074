/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Lists of words in the kernel's texts: "memory io pids\n", "rw,memory,nsdelegate"
 */
#include <stdbool.h>
#include <stddef.h>

/*
 * Whether @word is one of the words in the @len bytes at @text, which need not be terminated. Words
 * are what lies between any of the bytes in @separators; an empty one is none.
 */
bool words_have(const char *text, size_t len, const char *separators, const char *word);
