/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a fact ends: by returning (it holds), kf_fail() or kf_skip(). What it has to say to the runner
 * goes through a page that both share.
 */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "kf.h"

struct kf_words *kf_words;

void kf_fail(const char *file, int line, const char *cond, const char *fmt, ...)
{
	va_list ap;

	printf("# %s:%d: not so: %s: ", file, line, cond);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

void kf_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(kf_words->skip, sizeof(kf_words->skip), fmt, ap);
	va_end(ap);
	_exit(77);
}

void kf_figure(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(kf_words->figure, sizeof(kf_words->figure), fmt, ap);
	va_end(ap);
}
