/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/options.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/parse_size.h"
#include "base/parse_time.h"
#include "cli/kinds.h"
#include "cli/names.h"
#include "cli/say.h"

#define WORD_MAX 32 /* of a bad word, that much is shown */

/* The word in which getopt_long() found the option whose value @value is. */
static const char *option_word(char **argv, const char *value)
{
	return value && value == argv[optind - 1] ? argv[optind - 2] : argv[optind - 1];
}

static bool is_long(const char *word)
{
	return word[0] == '-' && word[1] == '-';
}

/*
 * The long option that getopt_long() complains of, or NULL if it is a letter. The word does not tell:
 * in a cluster of letters argv[optind - 1] is still the word before it. A bad letter is none of @longs.
 */
static const struct option *long_at_fault(const struct option *longs)
{
	for (; longs->name; longs++)
		if (longs->val == optopt)
			return longs;
	return NULL;
}

static bool is_whole(const char *word, const struct option *o)
{
	return strcspn(word + 2, "=") == strlen(o->name);
}

static int unknown(const char *command, const char *word)
{
	int n = is_long(word) ? (int)strcspn(word, "=") : (int)strlen(word);

	say("%s: unknown option '%.*s': see 'oomnotify %s --help'", command, n, word, command);
	return OPTIONS_BAD;
}

/* The letter before the first '=' in a cluster of letters; '\0': it is no such word. */
static char letter_with_value(const char *word)
{
	size_t n = strcspn(word, "=");

	return word[0] == '-' && word[1] != '-' && n > 1 && word[n] == '=' ? word[n - 1] : '\0';
}

/*
 * The letter that was given a value which it does not take, as in -q=1: getopt_long() takes the '=' for
 * a letter, too. Where that was the last one optind is behind its word, else at it.
 */
static char letter_at_fault(int argc, char **argv)
{
	const char *behind = argv[optind - 1];

	if (optopt != '=')
		return '\0';
	if (strchr(behind, '=') == behind + strlen(behind) - 1 && letter_with_value(behind))
		return letter_with_value(behind);
	return optind < argc ? letter_with_value(argv[optind]) : '\0';
}

/* The option is none, or has a value that it does not take. */
static int bad(const char *command, const char *word, const struct option *longs)
{
	const struct option *o = long_at_fault(longs);

	if (optopt == 0 || (o && !is_whole(word, o)))
		return unknown(command, word);
	if (o)
		say("%s: option '--%s' takes no value", command, o->name);
	else
		say("%s: unknown option '-%c': see 'oomnotify %s --help'", command, optopt,
		    command);
	return OPTIONS_BAD;
}

static int valueless(const char *command, const char *word, const struct option *longs)
{
	const struct option *o = long_at_fault(longs);

	if (o && !is_whole(word, o))
		return unknown(command, word);
	if (o)
		say("%s: option '--%s' needs a value", command, o->name);
	else
		say("%s: option '-%c' needs a value", command, optopt);
	return OPTIONS_BAD;
}

int options_next(int argc, char **argv, const char *shorts, const struct option *longs)
{
	const char *word;
	int index = -1;
	char letter;
	int c;

	opterr = 0;
	optopt = 0;
	c = getopt_long(argc, argv, shorts, longs, &index);
	if (c == OPTIONS_END)
		return OPTIONS_END;
	word = option_word(argv, c == '?' || c == ':' ? NULL : optarg);
	if (c == ':')
		return valueless(argv[0], word, longs);
	letter = c == '?' ? letter_at_fault(argc, argv) : '\0';
	if (letter != '\0') {
		say("%s: option '-%c' takes no value", argv[0], letter);
		return OPTIONS_BAD;
	}
	if (c == '?')
		return bad(argv[0], word, longs);
	if (index >= 0 && !is_whole(word, &longs[index]))
		return unknown(argv[0], word);
	return c;
}

int options_count(const char *option, const char *value, uint64_t *ret)
{
	uint64_t n;
	int r = decimal_u64(value, &n);

	if (r == 0 && n > 0) {
		*ret = n;
		return 0;
	}
	if (r == DECIMAL_E_RANGE)
		say("%s: '%s' is too large", option, value);
	else
		say("%s: '%s' is not a number from 1 on", option, value);
	return -1;
}

int options_time(const char *option, const char *value, uint64_t *ret_ns)
{
	int r = parse_time(value, ret_ns);

	if (r == 0)
		return 0;
	if (r == PARSE_TIME_E_RANGE)
		say("%s: '%s' is out of range: give 0 or more, at most 292 years", option, value);
	else
		say("%s: '%s' is not a time: give seconds in digits, as 10 or 0.5, or such a "
		    "number "
		    "with us, ms, s, min, h or d behind it",
		    option, value);
	return -1;
}

int options_kinds(const char *option, const char *value, uint32_t *ret)
{
	char names[256] = "";
	struct kinds_bad bad_kind;

	if (kinds_parse(value, ret, &bad_kind) == 0)
		return 0;
	for (uint32_t kind = 1; kind & KINDS_ALL; kind <<= 1)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			 kind > 1 ? ", " : "", kinds_name(kind));
	if (bad_kind.n == 0)
		say("%s: a kind is missing: give some of %s, with commas between", option, names);
	else
		say("%s: unknown kind '%.*s': the kinds are %s", option,
		    bad_kind.n > WORD_MAX ? WORD_MAX : (int)bad_kind.n, bad_kind.word, names);
	return -1;
}

int options_source(const char *option, const char *value, uint32_t *ret)
{
	char words[256] = "";

	for (uint32_t i = 0; names_word(i); i++) {
		if (strcmp(names_word(i), value) == 0) {
			*ret = i;
			return 0;
		}
		snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s",
			 i > 0 ? ", " : "", names_word(i));
	}
	say("%s: unknown source '%s': give one of %s", option, value, words);
	return -1;
}

int options_size(const char *option, const char *value, uint64_t min, uint64_t max, uint64_t *ret)
{
	int r = parse_size(value, ret);

	if (r == 0 && *ret >= min && *ret <= max)
		return 0;
	if (r == 0 || r == PARSE_SIZE_E_RANGE)
		say("%s: '%s' is out of range: give %" PRIu64 "K to %" PRIu64 "M", option, value,
		    min >> 10, max >> 20);
	else
		say("%s: '%s' is not a size: give bytes in digits, or such a number with K or M "
		    "behind it, as 64K",
		    option, value);
	return -1;
}
