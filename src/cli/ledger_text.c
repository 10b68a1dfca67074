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

/* The kinds that the kernel counts. */
static const uint32_t counted_kinds[] = { OOMN_OOM, OOMN_KILL, OOMN_GROUP_KILL };
#define COUNTED_N (sizeof(counted_kinds) / sizeof(counted_kinds[0]))
#define COUNTED ((uint32_t)(OOMN_OOM | OOMN_KILL | OOMN_GROUP_KILL))

static const struct oomn_balance_line *line_of(const struct oomn_balance *b, uint32_t kind)
{
	return kind == OOMN_OOM ? &b->oom : kind == OOMN_KILL ? &b->kill : &b->group_kill;
}

/* What is not counted is balanced. */
static int judge(const struct oomn_balance *b, uint32_t kinds)
{
	return kinds & COUNTED ? oomn_balance_judge(b, sizeof(*b), kinds & COUNTED) : OOMN_BALANCED;
}

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

static int add_line(struct libscols_table *t, uint32_t kind, const struct oomn_balance_line *b)
{
	struct libscols_line *line = scols_table_new_line(t, NULL);
	int r;

	if (!line)
		return -ENOMEM;
	r = scols_line_set_data(line, 0, oomn_kind_name(kind));
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

static int print_table(const struct oomn_balance *b, uint32_t kinds)
{
	_cleanup_(table_unref) struct libscols_table *t = scols_new_table();
	_cleanup_free_ char *text = NULL;
	int r;

	if (!t)
		return -ENOMEM;
	for (size_t c = 0; c < COLUMNS; c++)
		if (!scols_table_new_column(t, columns[c], 0, c > 0 ? SCOLS_FL_RIGHT : 0))
			return -ENOMEM;
	for (size_t k = 0; k < COUNTED_N; k++) {
		if (!(kinds & counted_kinds[k]))
			continue;
		r = add_line(t, counted_kinds[k], line_of(b, counted_kinds[k]));
		if (r < 0)
			return r;
	}
	scols_table_set_termforce(t, SCOLS_TERMFORCE_NEVER); /* numbers are never cut to fit */
	r = scols_print_table_to_string(t, &text);
	if (r == 0)
		say_text(text);
	return r;
}

static void say_differences(const struct oomn_balance *b, uint32_t kinds)
{
	for (size_t k = 0; k < COUNTED_N; k++) {
		const struct oomn_balance_line *line = line_of(b, counted_kinds[k]);

		if (judge(b, kinds & counted_kinds[k]) == OOMN_DIFFERS)
			say("differs: %s: the kernel counted %" PRIu64 ", reported were %" PRIu64
			    " and %" PRIu64 " recounts: please report this bug",
			    oomn_kind_name(counted_kinds[k]), line->counted, line->reported,
			    line->recounts);
	}
}

static void say_circumstances(const struct oomn_balance *b, uint32_t kinds)
{
	uint64_t recounts = 0;

	for (size_t k = 0; k < COUNTED_N; k++)
		recounts += kinds & counted_kinds[k] ? line_of(b, counted_kinds[k])->recounts : 0;
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

static void say_reasons(const struct oomn_balance *b, uint32_t kinds, const char *unsettled)
{
	uint64_t reasons = 0;

	for (size_t k = 0; k < COUNTED_N; k++)
		reasons |= kinds & counted_kinds[k] ? line_of(b, counted_kinds[k])->reasons : 0;
	if (unsettled)
		say("unproven: %s", unsettled);
	for (; reasons != 0; reasons &= reasons - 1)
		if (oomn_reason_text(reasons)) /* of the lowest */
			say("unproven: %s", oomn_reason_text(reasons));
}

static void say_balanced(const struct oomn_balance *b, uint32_t kinds)
{
	if (kinds & OOMN_KILL && b->kill.counted > 0)
		say("balanced: all that the kernel counted is accounted for, %" PRIu64
		    " identified",
		    b->identified);
	else
		say("balanced: all that the kernel counted is accounted for");
}

int ledger_print(const struct oomn_balance *b, uint32_t kinds, const char *unsettled,
		 bool only_unbalanced)
{
	int verdict = judge(b, kinds);
	bool counted = kinds & COUNTED;
	int r;

	if (unsettled)
		verdict = OOMN_UNPROVEN;
	if (verdict == OOMN_BALANCED && (only_unbalanced || !counted))
		return STATUS_OK;
	r = counted ? print_table(b, kinds) : 0;
	if (r < 0)
		say("the ledger cannot be shown: %s", strerror(-r));
	say_circumstances(b, kinds);
	if (verdict == OOMN_BALANCED) {
		say_balanced(b, kinds);
		return STATUS_OK;
	}
	if (b->identified > 0)
		say("identified: kills told with their victim: %" PRIu64, b->identified);
	if (verdict == OOMN_DIFFERS)
		say_differences(b, kinds);
	say_reasons(b, kinds, unsettled);
	return verdict == OOMN_DIFFERS ? STATUS_DIFFERS : STATUS_UNPROVEN;
}
