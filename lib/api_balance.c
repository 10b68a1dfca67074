/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/balance.h"
#include "lib/api.h"
#include "lib/api_balance.h"

/* What the first version had. */
#define LEAST offsetof(struct oomn_balance, signals_lost) + sizeof(uint64_t)

static struct oomn_balance_line line_out(const struct balance_line *l)
{
	return (struct oomn_balance_line){ .counted = l->counted,
					   .reported = l->reported,
					   .recounts = l->recounts,
					   .unproven = l->unproven,
					   .reasons = l->reasons };
}

static struct balance_line line_in(const struct oomn_balance_line *l)
{
	return (struct balance_line){ .counted = l->counted,
				      .reported = l->reported,
				      .recounts = l->recounts,
				      .unproven = l->unproven,
				      .reasons = (unsigned)l->reasons };
}

int api_give_balance(struct oomn_balance *ret, size_t size, const struct balance *b,
		     uint64_t signals_lost)
{
	const struct oomn_balance out = {
		.oom = line_out(&b->kind[EVENT_OOM]),
		.kill = line_out(&b->kind[EVENT_KILL]),
		.group_kill = line_out(&b->kind[EVENT_GROUP_KILL]),
		.reasons = b->reasons,
		.late = b->late,
		.lost = b->lost,
		.identified = b->identified,
		.names_late = b->names_late,
		.names_lost = b->names_lost,
		.signals_lost = signals_lost,
	};

	return api_give_struct(ret, size, LEAST, &out, sizeof(out));
}

API int oomn_balance_judge(const struct oomn_balance *b, size_t size, uint32_t kinds)
{
	const uint32_t counted = OOMN_OOM | OOMN_KILL | OOMN_GROUP_KILL;
	struct oomn_balance in;
	int r = api_take_struct(&in, sizeof(in), LEAST, b, size);

	if (r < 0)
		return r;
	if (kinds == 0 || (kinds & ~counted))
		return -EINVAL;
	switch (balance_judge(&(struct balance){ .kind = { line_in(&in.oom), line_in(&in.kill),
							   line_in(&in.group_kill) } },
			      kinds)) {
	case BALANCE_BALANCED:
		return OOMN_BALANCED;
	case BALANCE_DIFFERS:
		return OOMN_DIFFERS;
	case BALANCE_UNPROVEN:
	default:
		return OOMN_UNPROVEN;
	}
}

API const char *oomn_reason_text(uint64_t reasons)
{
	uint64_t lowest = reasons & (~reasons + 1);

	return lowest == 0 || lowest >= UINT64_C(1) << UNPROVEN_REASONS
		       ? NULL
		       : unproven_reason_text((unsigned)lowest);
}
