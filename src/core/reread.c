/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/reread.h"

#define STEP_NS (REREAD_SLOT_NS / REREAD_TIMES)

static void rest(struct reread *r)
{
	r->left = 0;
	r->due_ns = UINT64_MAX;
}

void reread_woken(struct reread *r, uint64_t now_ns, bool news)
{
	if (now_ns - r->woken_ns >= REREAD_QUIET_NS)
		r->fruitless = 0;
	r->woken_ns = now_ns;
	if (news) {
		r->fruitless = 0;
		rest(r);
	} else if (r->fruitless < REREAD_FRUITLESS_MAX) {
		r->fruitless++;
		r->left = REREAD_TIMES;
		r->due_ns = now_ns + STEP_NS;
	} else {
		rest(r);
	}
}

void reread_done(struct reread *r, uint64_t now_ns, bool news)
{
	if (news)
		r->fruitless = 0;
	if (r->left > 0)
		r->left--;
	/* Who comes late does not catch up: when the slot is over the kernel speaks for itself. */
	if (news || r->left == 0 || now_ns + STEP_NS > r->woken_ns + REREAD_SLOT_NS)
		rest(r);
	else
		r->due_ns = now_ns + STEP_NS;
}
