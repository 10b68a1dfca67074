/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/listen_what.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse_size.h"
#include "cli/say.h"

#define WORD_MAX 32 /* longer words are none, and are shown up to there */

struct word {
	const char *name;
	uint32_t value;
};

/* Of the @len bytes at @text; NULL: it is none of @words. */
static const struct word *find(const struct word *words, const char *text, size_t len)
{
	for (; words->name; words++)
		if (strlen(words->name) == len && memcmp(words->name, text, len) == 0)
			return words;
	return NULL;
}

static int shown(size_t len)
{
	return len < WORD_MAX ? (int)len : WORD_MAX;
}

/* The number of bytes that @size names can be reached. Returns 0, or -1 after saying what is wrong. */
static int take_size(const char *option, const char *size, uint64_t *ret)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t bytes;
	int r = parse_size(size, &bytes);

	if (r == 0 && bytes >= page && bytes != PARSE_SIZE_MAX) {
		*ret = bytes;
		return 0;
	}
	if (r == PARSE_SIZE_E_MALFORMED)
		say("%s: '%s' is not a size: give bytes in digits, or such a number with K, M or G "
		    "behind it, as 64M",
		    option, size);
	else if (r == 0 && bytes < page)
		say("%s: '%s' is less than a page of memory, %ju bytes", option, size,
		    (uintmax_t)page);
	else
		say("%s: '%s' is out of range: no usage ever gets there", option, size);
	return -1;
}

int listen_what_threshold(const char *option, const char *value, struct listen_what *ret)
{
	const char *comma = strchrnul(value, ',');
	size_t len = (size_t)(comma - value);
	char size[WORD_MAX + 1];
	uint64_t bytes;

	if (*comma == ',' && strcmp(comma + 1, "swap") != 0) {
		say("%s: '%.*s' after the size: only 'swap' may follow it", option,
		    shown(strlen(comma + 1)), comma + 1);
		return -1;
	}
	if (len > WORD_MAX) {
		say("%s: '%.*s' is too long for a size", option, shown(len), value);
		return -1;
	}
	snprintf(size, sizeof(size), "%.*s", (int)len, value);
	if (take_size(option, size, &bytes) < 0)
		return -1;
	*ret = (struct listen_what){ .kind = LISTEN_WHAT_THRESHOLD,
				     .bytes = bytes,
				     .flags = *comma == ',' ? OOMN_THRESHOLD_SWAP : 0 };
	return 0;
}

int listen_what_pressure(const char *option, const char *value, struct listen_what *ret)
{
	static const struct word levels[] = { { "low", OOMN_PRESSURE_LOW },
					      { "medium", OOMN_PRESSURE_MEDIUM },
					      { "critical", OOMN_PRESSURE_CRITICAL },
					      { NULL, 0 } };
	static const struct word modes[] = { { "default", 0 },
					     { "hierarchy", OOMN_PRESSURE_HIERARCHY },
					     { "local", OOMN_PRESSURE_LOCAL },
					     { NULL, 0 } };
	const char *comma = strchrnul(value, ',');
	const char *mode_text = *comma == ',' ? comma + 1 : "default";
	const struct word *level = find(levels, value, (size_t)(comma - value));
	const struct word *mode = find(modes, mode_text, strlen(mode_text));

	if (!level) {
		say("%s: unknown level '%.*s': give low, medium or critical", option,
		    shown((size_t)(comma - value)), value);
		return -1;
	}
	if (!mode) {
		say("%s: unknown mode '%.*s': give default, hierarchy or local", option,
		    shown(strlen(mode_text)), mode_text);
		return -1;
	}
	*ret = (struct listen_what){ .kind = LISTEN_WHAT_PRESSURE,
				     .level = level->value,
				     .flags = mode->value };
	return 0;
}

int listen_what_add(const struct listen_what *w, struct oomn_monitor *m, int cgroup_fd, int eventfd,
		    struct oomn_listener **ret)
{
	switch (w->kind) {
	case LISTEN_WHAT_THRESHOLD:
		return oomn_listener_add_threshold(m, cgroup_fd, eventfd, w->bytes, w->flags, ret);
	case LISTEN_WHAT_PRESSURE:
		return oomn_listener_add_pressure(m, cgroup_fd, eventfd, w->level, w->flags, ret);
	case LISTEN_WHAT_OOM:
	default:
		return oomn_listener_add_oom(m, cgroup_fd, eventfd, 0, ret);
	}
}

const char *listen_what_noun(const struct listen_what *w)
{
	switch (w->kind) {
	case LISTEN_WHAT_THRESHOLD:
		return "crossings";
	case LISTEN_WHAT_PRESSURE:
		return "signals of pressure";
	case LISTEN_WHAT_OOM:
	default:
		return "ooms";
	}
}
