/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include "fail_malloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define PATTERN 0xa5
#define FDS 1024
#define LIVE_MAX 65536U /* a power of two */
#define RUNS_MAX 100000 /* a run that allocates more often is one that never ends */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
void __real_free(void *p);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
int __real_vasprintf(char **ret, const char *format, va_list args);
DIR *__real_opendir(const char *name);
DIR *__real_fdopendir(int fd);
FILE *__real_fopen(const char *name, const char *mode);
FILE *__real_fdopen(int fd, const char *mode);
ssize_t __real_getdelim(char **line, size_t *n, int delim, FILE *f);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void __wrap_free(void *p);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
int __wrap_vasprintf(char **ret, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
int __wrap_asprintf(char **ret, const char *format, ...) __attribute__((format(printf, 2, 3)));
DIR *__wrap_opendir(const char *name);
DIR *__wrap_fdopendir(int fd);
FILE *__wrap_fopen(const char *name, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode);
ssize_t __wrap_getdelim(char **line, size_t *n, int delim, FILE *f);
ssize_t __wrap_getline(char **line, size_t *n, FILE *f);
/* What the headers turn asprintf() and getline() into when they optimize or fortify. */
ssize_t __wrap___getdelim(char **line, size_t *n, int delim, FILE *f);
int __wrap___vasprintf_chk(char **ret, int flag, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));
int __wrap___asprintf_chk(char **ret, int flag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static struct {
	bool armed;
	bool all;
	size_t nth;
	size_t seen;
	bool failed;
} state;

/*
 * What was allocated since live_begin() and is not yet free: open addressing, so that the book
 * itself never allocates. A freed slot becomes GRAVE, which a search walks over.
 */
static struct {
	bool on;
	size_t used; /* slots, graves included */
	size_t n;
	void *slot[LIVE_MAX];
} live;
static char grave;
#define GRAVE ((void *)&grave)

static size_t live_hash(const void *p)
{
	return (size_t)(((uintptr_t)p >> 4) * 2654435761U) & (LIVE_MAX - 1U);
}

static void live_begin(void)
{
	memset(&live, 0, sizeof(live));
	live.on = true;
}

static void live_add(void *p)
{
	size_t i = live_hash(p);

	if (!live.on || !p)
		return;
	if (live.used > LIVE_MAX / 2) {
		fputs("fail_malloc: too many allocations in one run\n", stderr);
		abort();
	}
	while (live.slot[i])
		i = (i + 1) & (LIVE_MAX - 1U);
	live.slot[i] = p;
	live.used++;
	live.n++;
}

static void live_remove(const void *p)
{
	size_t i = live_hash(p);

	if (!live.on || !p)
		return;
	for (; live.slot[i]; i = (i + 1) & (LIVE_MAX - 1U))
		if (live.slot[i] == p) {
			live.slot[i] = GRAVE;
			live.n--;
			return;
		}
}

/* Whether this allocation has to fail; sets errno as the real one would. */
static bool fails(void)
{
	if (!state.armed)
		return false;
	state.seen++;
	if (state.seen != state.nth && !(state.all && state.seen > state.nth))
		return false;
	state.failed = true;
	errno = ENOMEM;
	return true;
}

void fail_malloc_arm(size_t nth, bool all)
{
	state.armed = true;
	state.all = all;
	state.nth = nth;
	state.seen = 0;
	state.failed = false;
}

bool fail_malloc_disarm(void)
{
	state.armed = false;
	return state.failed;
}

void *__wrap_malloc(size_t n)
{
	void *p = fails() ? NULL : __real_malloc(n);

	live_add(p);
	return p;
}

void *__wrap_calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __real_calloc(n, size);

	live_add(p);
	return p;
}

static void *moved(uintptr_t old, void *p)
{
	if (p) {
		live_remove((const void *)old);
		live_add(p);
	}
	return p;
}

void *__wrap_realloc(void *p, size_t n)
{
	uintptr_t old = (uintptr_t)p;

	return fails() ? NULL : moved(old, __real_realloc(p, n));
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	uintptr_t old = (uintptr_t)p;

	return fails() ? NULL : moved(old, __real_reallocarray(p, n, size));
}

void __wrap_free(void *p)
{
	live_remove(p);
	__real_free(p);
}

char *__wrap_strdup(const char *s)
{
	char *p = fails() ? NULL : __real_strdup(s);

	live_add(p);
	return p;
}

char *__wrap_strndup(const char *s, size_t n)
{
	char *p = fails() ? NULL : __real_strndup(s, n);

	live_add(p);
	return p;
}

int __wrap_vasprintf(char **ret, const char *format, va_list args)
{
	int n = fails() ? -1 : __real_vasprintf(ret, format, args);

	if (n >= 0)
		live_add(*ret);
	return n;
}

int __wrap_asprintf(char **ret, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = __wrap_vasprintf(ret, format, args);
	va_end(args);
	return n;
}

int __wrap___vasprintf_chk(char **ret, int flag, const char *format, va_list args)
{
	(void)flag;
	return __wrap_vasprintf(ret, format, args);
}

int __wrap___asprintf_chk(char **ret, int flag, const char *format, ...)
{
	va_list args;
	int n;

	(void)flag;
	va_start(args, format);
	n = __wrap_vasprintf(ret, format, args);
	va_end(args);
	return n;
}

/* What these allocate is freed inside libc. A stream that is never closed shows as a descriptor. */
DIR *__wrap_opendir(const char *name)
{
	return fails() ? NULL : __real_opendir(name);
}

DIR *__wrap_fdopendir(int fd)
{
	return fails() ? NULL : __real_fdopendir(fd);
}

FILE *__wrap_fopen(const char *name, const char *mode)
{
	return fails() ? NULL : __real_fopen(name, mode);
}

FILE *__wrap_fdopen(int fd, const char *mode)
{
	return fails() ? NULL : __real_fdopen(fd, mode);
}

ssize_t __wrap_getdelim(char **line, size_t *n, int delim, FILE *f)
{
	uintptr_t old = (uintptr_t)*line;
	ssize_t r;

	if (fails())
		return -1;
	r = __real_getdelim(line, n, delim, f);
	if ((uintptr_t)*line != old)
		moved(old, *line);
	return r;
}

ssize_t __wrap_getline(char **line, size_t *n, FILE *f)
{
	return __wrap_getdelim(line, n, '\n', f);
}

ssize_t __wrap___getdelim(char **line, size_t *n, int delim, FILE *f)
{
	return __wrap_getdelim(line, n, delim, f);
}

static void fds_look(bool *open)
{
	for (int fd = 0; fd < FDS; fd++)
		open[fd] = fcntl(fd, F_GETFD) >= 0;
}

static bool out_is_untouched(const struct fail_malloc_case *c)
{
	const unsigned char *p = c->out;

	for (size_t i = 0; p && i < c->out_size; i++)
		if (p[i] != PATTERN)
			return false;
	return true;
}

/* One run. Returns 1 if the failure was met, 0 if not, -1 and @why if something is wrong. */
static int check_one(const struct fail_malloc_case *c, size_t nth, bool all, char *why,
		     size_t why_size)
{
	const char *mode = all ? "every allocation from number" : "allocation number";
	bool before[FDS], after[FDS];
	bool failed;
	int r;

	if (c->out)
		memset(c->out, PATTERN, c->out_size);
	fds_look(before);
	live_begin();
	fail_malloc_arm(nth, all);
	r = c->run(c->ctx);
	failed = fail_malloc_disarm();
	if (r != (failed ? -ENOMEM : 0) && !(r == 0 && c->may_succeed)) {
		snprintf(why, why_size, "%s %zu: %s, and it returned %d", mode, nth,
			 failed ? "failed" : "was never reached", r);
		return -1;
	}
	if (r != 0 && !out_is_untouched(c)) {
		snprintf(why, why_size, "%s %zu: failed, and the output was written", mode, nth);
		return -1;
	}
	if (r == 0 && c->undo)
		c->undo(c->ctx);
	live.on = false;
	fds_look(after);
	if (live.n > 0 || memcmp(before, after, sizeof(before)) != 0) {
		snprintf(why, why_size, "%s %zu: returned %d and left behind: %s", mode, nth, r,
			 live.n > 0 ? "memory" : "a descriptor (or closed a foreign one)");
		return -1;
	}
	return failed;
}

int fail_malloc_check(const struct fail_malloc_case *c, char *why, size_t why_size,
		      size_t *ret_allocations)
{
	size_t n[2] = { 0, 0 };

	for (int all = 0; all < 2; all++) {
		int r;

		do {
			if (++n[all] > RUNS_MAX) {
				snprintf(why, why_size, "no end after %d allocations", RUNS_MAX);
				return -1;
			}
			r = check_one(c, n[all], all > 0, why, why_size);
			if (r < 0) {
				live.on = false;
				return r;
			}
		} while (r > 0);
	}
	*ret_allocations = n[0] - 1;
	return 0;
}

size_t fail_malloc_each(const struct fail_malloc_case *c)
{
	char why[256];
	size_t n = 0;

	if (fail_malloc_check(c, why, sizeof(why), &n) < 0)
		fail_msg("%s", why);
	return n;
}
