/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/kmsg_record.h"

#include <errno.h>
#include <string.h>

#include "base/digits.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at @s, and how many bytes it takes there. */
static unsigned char read_byte(const char *s, size_t *ret_taken)
{
	if (s[0] == '\\' && s[1] == 'x') {
		int high = hex_digit(s[2]), low = high >= 0 ? hex_digit(s[3]) : -1;

		if (low >= 0) {
			*ret_taken = 4;
			return (unsigned char)(high * 16 + low);
		}
	}
	*ret_taken = 1;
	return (unsigned char)*s;
}

static void parse_text(const char *s, struct kmsg_record *rec)
{
	size_t taken;

	for (; *s && *s != '\n'; s += taken) {
		unsigned char c = read_byte(s, &taken);

		if (rec->len == KMSG_TEXT_MAX) {
			rec->cut = true;
			break;
		}
		rec->text[rec->len++] = (char)c;
	}
	rec->text[rec->len] = '\0';
}

static void parse_caller(const char *s, size_t n, struct kmsg_record *rec)
{
	static const char key[] = "caller=";
	size_t len = sizeof(key) - 1;

	if (n <= len || n - len > KMSG_CALLER_MAX || memcmp(s, key, len) != 0)
		return;
	memcpy(rec->caller, s + len, n - len);
	rec->caller[n - len] = '\0';
}

/* The flags and what follows them, up to the ";". Returns the text, or NULL. */
static const char *parse_flags(const char *s, struct kmsg_record *rec)
{
	size_t n = strcspn(s, ",;\n");

	rec->cont = n > 0 && (*s == 'c' || *s == '+');
	for (s += n; *s == ','; s += n) {
		s++;
		n = strcspn(s, ",;\n");
		parse_caller(s, n, rec);
	}
	return *s == ';' ? s + 1 : NULL;
}

int kmsg_record_parse(const char *line, struct kmsg_record *ret)
{
	uint64_t number[3];
	const char *s = line;

	for (size_t i = 0; i < 3; i++) {
		if (digits_parse(s, INT64_MAX, &number[i], &s) != 0 || *s != ',')
			return -EBADMSG;
		s++;
	}
	if (number[0] > UINT32_MAX)
		return -EBADMSG;
	ret->level = (unsigned)number[0] & 7U;
	ret->facility = (unsigned)number[0] >> 3;
	ret->seq = number[1];
	ret->time_us = (int64_t)number[2];
	ret->caller[0] = '\0';
	ret->cut = false;
	ret->len = 0;
	s = parse_flags(s, ret);
	if (!s)
		return -EBADMSG;
	parse_text(s, ret);
	return 0;
}
