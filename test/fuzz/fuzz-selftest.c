/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Targets that are wrong, each in one way (-DSLIP=…): the runner must see it. Nothing of the kind is in
 * the corpus itself; only mutations lead there.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

enum { SLIP_READS_PAST_THE_END, SLIP_PROPERTY, SLIP_NEVER_ENDS, SLIP_NONE };

static const volatile int slip = SLIP;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fuzz_text t;
	bool odd;

	fuzz_text_init(&t, data, n);
	odd = strstr(t.text, "..") && strchr(t.text, '\033');
	if (odd && slip == SLIP_READS_PAST_THE_END)
		FUZZ_CHECK(((volatile char *)t.text)[t.len + 1] != 'x');
	if (slip == SLIP_PROPERTY)
		FUZZ_CHECK(!odd);
	while (odd && slip == SLIP_NEVER_ENDS && *(volatile char *)t.text)
		;
	fuzz_text_done(&t);
	return 0;
}
