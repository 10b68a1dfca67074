/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Fields of a JSON line, each compared as it is read
 *
 * What is not as it should be ends the program, with the whole line.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

enum need {
	ABSENT, /* has to be null */
	MAY,    /* null, or right */
	MUST,
};

/* The line that the next complaints are about. */
void complain_about(const char *line);
noreturn void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

void value_is(const char *what, uint64_t is, uint64_t should);
void value_within(const char *what, int64_t is, int64_t low, int64_t high);

/* @o has all of @keys, and besides them none but @rare. */
void keys_are(const char *what, const json_t *o, const char *const *keys, const char *const *rare);

/* Whether @key of @o is there at all (not null); complains if that is not as @need has it. */
bool field_there(const json_t *o, const char *key, enum need need);
bool field_int(const json_t *o, const char *key, enum need need, int64_t *ret);
bool field_bool(const json_t *o, const char *key);
/* The object behind @key, which has exactly these keys, or NULL for null. */
const json_t *field_object(const json_t *o, const char *key, enum need need,
			   const char *const *keys, const char *const *rare);
/* Whether the text @key is "". */
bool field_is_empty(const json_t *o, const char *key);
/* On the heap, as it is written; NULL for null. */
char *field_raw(const json_t *o, const char *key, enum need need);
/* RFC 3339, as nanoseconds since 1970. */
uint64_t field_time(const json_t *o, const char *key);
/* Whether the array @key has @word. */
bool has_word(const json_t *o, const char *key, const char *word);

void field_is(const json_t *o, const char *key, enum need need, int64_t should);
/* @raw holds any bytes, and is told in the way that names are. */
void field_is_name(const json_t *o, const char *key, enum need need, const char *raw);
