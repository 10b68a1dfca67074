/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Failing malloc: every allocation of the code under test fails once, one after the other
 *
 * The linker leads the allocating calls of everything that is linked statically into the test to
 * fail_malloc.c (dep_fail_malloc in meson.build); shared libraries keep their own. The code under
 * test runs again and again: the first time its first allocation fails, then its second, until a run
 * gets through without having met the failure. Then the same once more, with every allocation failing
 * from the Nth on, as it is when memory has really run out.
 *
 * After each failed run it is checked that -ENOMEM came back, that the output was not written, and
 * that neither memory nor a descriptor was left behind.
 *
 * Known limits: memory that a shared library frees or reallocates for its caller looks like a leak;
 * only the descriptors below 1,024 are compared.
 */
#include <stdbool.h>
#include <stddef.h>

struct fail_malloc_case {
	/* The code under test. Returns 0, or -ENOMEM. */
	int (*run)(void *ctx);
	/* Releases what a run that returned 0 has made. May be NULL. */
	void (*undo)(void *ctx);
	void *ctx;
	/* Filled with a pattern before each run: a run that fails must not touch it. May be NULL. */
	void *out;
	size_t out_size;
	/* The code has a way around some failures: 0 is right then, too. */
	bool may_succeed;
};

/* Fails the running cmocka test at the first thing that is wrong. Returns the allocations of one run. */
size_t fail_malloc_each(const struct fail_malloc_case *c);

/*
 * The same without cmocka: returns 0 and the number of allocations, or -1 and in @why what was wrong.
 */
int fail_malloc_check(const struct fail_malloc_case *c, char *why, size_t why_size,
		      size_t *ret_allocations);

/*
 * By hand: the @nth allocation from now on fails (1: the next one), with @all also those after it.
 * fail_malloc_disarm() ends that and tells whether one has failed.
 */
void fail_malloc_arm(size_t nth, bool all);
bool fail_malloc_disarm(void);
