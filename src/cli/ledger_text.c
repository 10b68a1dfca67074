/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/ledger_text.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "cli/say.h"
#include "cli/status.h"

static const char *const columns[] = { "LEDGER", "COUNTED", "REPORTED", "RECOUNTS", "UNPROVEN" };
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void table_unref(struct libscols_table **t)
{
	scols_unref_table(*t);
}

static int put(struct libscols_line *line, size_t column, uint64_t n)
{
	char text[24];

	if (n == UINT64_MAX)
		return scols_line_set_data(line, column, "unknown");
	snprintf(text, sizeof(text), "%" PRIu64, n);
	return scols_line_set_data(line, column, text);
}

static int add_line(struct libscols_table *t, enum event_kind kind, const struct balance_line *b)
{
	struct libscols_line *line = scols_table_new_line(t, NULL);
	int r;

	if (!line)
		return -ENOMEM;
	r = scols_line_set_data(line, 0, event_kind_name(kind));
	if (r == 0)
		r = put(line, 1, b->counted);
	if (r == 0)
		r = put(line, 2, b->reported);
	if (r == 0)
		r = put(line, 3, b->recounts);
	if (r == 0)
		r = put(line, 4, b->unproven);
	return r;
}

static int print_table(const struct balance *b, unsigned kinds)
{
	_cleanup_(table_unref) struct libscols_table *t = scols_new_table();
	_cleanup_free_ char *text = NULL;
	int r;

	if (!t)
		return -ENOMEM;
	for (size_t c = 0; c < COLUMNS; c++)
		if (!scols_table_new_column(t, columns[c], 0, c > 0 ? SCOLS_FL_RIGHT : 0))
			return -ENOMEM;
	for (unsigned k = 0; k < COUNTED_KINDS; k++) {
		if (!(kinds & EVENT_MASK(k)))
			continue;
		r = add_line(t, (enum event_kind)k, &b->kind[k]);
		if (r < 0)
			return r;
	}
	scols_table_set_termforce(t, SCOLS_TERMFORCE_NEVER); /* numbers are never cut to fit */
	r = scols_print_table_to_string(t, &text);
	if (r == 0)
		say_text(text);
	return r;
}

static void say_differences(const struct balance *b, unsigned kinds)
{
	for (unsigned k = 0; k < COUNTED_KINDS; k++) {
		const struct balance_line *line = &b->kind[k];

		if (balance_judge(b, kinds & EVENT_MASK(k)) == BALANCE_DIFFERS)
			say("differs: %s: the kernel counted %" PRIu64 ", reported were %" PRIu64
			    " and %" PRIu64 " recounts: please report this bug",
			    event_kind_name((enum event_kind)k), line->counted, line->reported,
			    line->recounts);
	}
}

static void say_circumstances(const struct balance *b, unsigned kinds)
{
	uint64_t recounts = 0;

	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		recounts += kinds & EVENT_MASK(k) ? b->kind[k].recounts : 0;
	if (recounts > 0)
		say("recounts: up to %" PRIu64 " of what the kernel counted is a victim counted "
		    "twice, as group kills do",
		    recounts);
	if (b->late > 0)
		say("late: cgroups read late, to spare the CPU: %" PRIu64, b->late);
	if (b->lost > 0)
		say("lost: events dropped since the reader was too slow: %" PRIu64, b->lost);
	if (b->names_lost > 0)
		say("lost: names of victims that there was no room or no place for: %" PRIu64,
		    b->names_lost);
	if (b->names_late > 0)
		say("late: names that came when their kill had been told without: %" PRIu64,
		    b->names_late);
}

static void say_reasons(const struct balance *b, unsigned kinds, const char *unsettled)
{
	unsigned reasons = 0;

	for (unsigned k = 0; k < COUNTED_KINDS; k++)
		reasons |= kinds & EVENT_MASK(k) ? b->kind[k].reasons : 0;
	if (unsettled)
		say("unproven: %s", unsettled);
	for (unsigned i = 0; i < UNPROVEN_REASONS; i++)
		if (reasons & (1U << i))
			say("unproven: %s", unproven_reason_text(1U << i));
}

static void say_balanced(const struct balance *b, unsigned kinds)
{
	if (kinds & EVENT_MASK(EVENT_KILL) && b->kind[EVENT_KILL].counted > 0)
		say("balanced: all that the kernel counted is accounted for, %" PRIu64
		    " identified",
		    b->identified);
	else
		say("balanced: all that the kernel counted is accounted for");
}

int ledger_print(const struct balance *b, unsigned kinds, const char *unsettled,
		 bool only_unbalanced)
{
	enum balance_verdict verdict = balance_judge(b, kinds);
	bool counted = kinds & (EVENT_MASK(COUNTED_KINDS) - 1U);
	int r;

	if (unsettled)
		verdict = BALANCE_UNPROVEN;
	if (verdict == BALANCE_BALANCED && (only_unbalanced || !counted))
		return STATUS_OK;
	r = counted ? print_table(b, kinds) : 0;
	if (r < 0)
		say("the ledger cannot be shown: %s", strerror(-r));
	say_circumstances(b, kinds);
	if (verdict == BALANCE_BALANCED) {
		say_balanced(b, kinds);
		return STATUS_OK;
	}
	if (b->identified > 0)
		say("identified: kills told with their victim: %" PRIu64, b->identified);
	if (verdict == BALANCE_DIFFERS)
		say_differences(b, kinds);
	say_reasons(b, kinds, unsettled);
	return verdict == BALANCE_DIFFERS ? STATUS_DIFFERS : STATUS_UNPROVEN;
}
