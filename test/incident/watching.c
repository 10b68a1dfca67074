/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watching.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define SOON_S 100 /* a machine may be slow */

uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

/* With the lock held. Ends the program, saying @what, if nothing more will come. */
static void wait_news(struct watching *w, const char *what)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += SOON_S;
	if (w->ended || pthread_cond_timedwait(&w->news, &w->lock, &t) == ETIMEDOUT)
		die("%s; on standard error:\n%s", what, w->errors);
}

/* With the lock held. */
static void add_line(struct watching *w, const char *text, size_t n, uint64_t now_ns)
{
	if (w->n == w->room) {
		w->room = w->room ? 2 * w->room : 256;
		w->lines = reallocarray(w->lines, w->room, sizeof(*w->lines));
		if (!w->lines)
			abort();
	}
	w->lines[w->n++] = (struct watch_line){ strndup(text, n), now_ns };
}

/* Returns whether there may be more. */
static bool take_output(struct watching *w)
{
	ssize_t n = read(w->out, w->part + w->part_n, sizeof(w->part) - w->part_n);
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	char *line = w->part, *end;

	if (n <= 0)
		return false;
	w->part_n += (size_t)n;
	(void)pthread_mutex_lock(&w->lock);
	while ((end = memchr(line, '\n', w->part_n - (size_t)(line - w->part)))) {
		add_line(w, line, (size_t)(end - line), now_ns);
		line = end + 1;
	}
	(void)pthread_cond_broadcast(&w->news);
	(void)pthread_mutex_unlock(&w->lock);
	w->part_n -= (size_t)(line - w->part);
	memmove(w->part, line, w->part_n);
	return true;
}

static bool take_errors(struct watching *w)
{
	char text[4096];
	ssize_t n = read(w->err, text, sizeof(text));

	if (n <= 0)
		return false;
	(void)pthread_mutex_lock(&w->lock);
	if ((size_t)n > sizeof(w->errors) - 1 - w->errors_n)
		n = (ssize_t)(sizeof(w->errors) - 1 - w->errors_n);
	memcpy(w->errors + w->errors_n, text, (size_t)n);
	w->errors_n += (size_t)n;
	w->errors[w->errors_n] = '\0';
	(void)pthread_cond_broadcast(&w->news);
	(void)pthread_mutex_unlock(&w->lock);
	return true;
}

static void *read_output(void *arg)
{
	struct watching *w = arg;

	(void)pthread_mutex_lock(&w->lock);
	while (w->held)
		(void)pthread_cond_wait(&w->news, &w->lock);
	(void)pthread_mutex_unlock(&w->lock);
	while (take_output(w))
		;
	(void)pthread_mutex_lock(&w->lock);
	w->ended = true;
	(void)pthread_cond_broadcast(&w->news);
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void *read_errors(void *arg)
{
	while (take_errors(arg))
		;
	return NULL;
}

static noreturn void become(const struct watch_how *how, int out, int err)
{
	char source[64], ring[64], kinds[64];
	const char *args[8] = { how->program, "watch", "--json" };
	size_t n = 3;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		_exit(126);
	if (how->source) {
		(void)snprintf(source, sizeof(source), "--source=%s", how->source);
		args[n++] = source;
	}
	if (how->kinds) {
		(void)snprintf(kinds, sizeof(kinds), "--kinds=%s", how->kinds);
		args[n++] = kinds;
	}
	if (how->ring) {
		(void)snprintf(ring, sizeof(ring), "--bpf-ring=%s", how->ring);
		args[n++] = ring;
	}
	if (how->cgroup)
		args[n++] = how->cgroup;
	(void)execv(how->program, (char *const *)args);
	_exit(127);
}

static void start_reader(pthread_t *thread, void *(*reads)(void *), struct watching *w)
{
	if (pthread_create(thread, NULL, reads, w) != 0)
		die("no thread could be started");
}

void watching_start(struct watching *w, const struct watch_how *how)
{
	int out[2], err[2];

	memset(w, 0, sizeof(*w));
	w->held = how->held;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->news, NULL);
	(void)fflush(NULL);
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	w->pid = fork();
	if (w->pid == 0)
		become(how, out[1], err[1]);
	(void)close(out[1]);
	(void)close(err[1]);
	if (w->pid < 0)
		die("fork: %s", strerror(errno));
	w->out = out[0];
	w->err = err[0];
	start_reader(&w->output_reader, read_output, w);
	start_reader(&w->error_reader, read_errors, w);
	(void)pthread_mutex_lock(&w->lock);
	while (!strstr(w->errors, "ready\n"))
		wait_news(w, "it is not ready");
	(void)pthread_mutex_unlock(&w->lock);
}

void watching_release(struct watching *w)
{
	(void)pthread_mutex_lock(&w->lock);
	w->held = false;
	(void)pthread_cond_broadcast(&w->news);
	(void)pthread_mutex_unlock(&w->lock);
}

/* The order of keys means nothing, but "kind" is no key of anything else in a line. */
static size_t count_kind(const struct watching *w, const char *kind)
{
	size_t n = 0;
	char key[64];

	if (!kind)
		return w->n;
	(void)snprintf(key, sizeof(key), "\"kind\":\"%s\"", kind);
	for (size_t i = 0; i < w->n; i++)
		n += strstr(w->lines[i].text, key) != NULL;
	return n;
}

void watching_until(struct watching *w, const char *kind, size_t count)
{
	char what[128];

	(void)pthread_mutex_lock(&w->lock);
	while (count_kind(w, kind) < count) {
		(void)snprintf(what, sizeof(what), "%zu lines of kind %s instead of %zu",
			       count_kind(w, kind), kind ? kind : "any", count);
		wait_news(w, what);
	}
	(void)pthread_mutex_unlock(&w->lock);
}

/* The number in front of @words in what was said. */
static bool number_before(const char *text, const char *words, uint64_t *ret)
{
	const char *at = strstr(text, words);

	if (!at)
		return false;
	while (at > text && at[-1] >= '0' && at[-1] <= '9')
		at--;
	*ret = strtoull(at, NULL, 10);
	return true;
}

static uint64_t number_after(const char *text, const char *words)
{
	const char *at = strstr(text, words);

	return at ? strtoull(at + strlen(words), NULL, 10) : 0;
}

/* COUNTED, REPORTED, RECOUNTS, UNPROVEN */
static bool kills_proven(const char *text)
{
	unsigned long long counted, reported, recounts, unproven;
	const char *at = strstr(text, "\nkill ");

	return at && /* NOLINTNEXTLINE(cert-err34-c): what is no number ends the match */
	       sscanf(at, " kill %llu %llu %llu %llu", &counted, &reported, &recounts, &unproven) ==
		       4 &&
	       unproven == 0 && counted == reported + recounts;
}

void watching_end(struct watching *w, struct watch_end *ret)
{
	struct watch_end end = { 0 };

	(void)kill(w->pid, SIGINT);
	(void)pthread_join(w->output_reader, NULL);
	(void)pthread_join(w->error_reader, NULL);
	if (waitpid(w->pid, &end.status, 0) != w->pid)
		die("waitpid: %s", strerror(errno));
	(void)close(w->out);
	(void)close(w->err);
	if (w->part_n > 0)
		die("the last line has no end: %.*s", (int)w->part_n, w->part);
	end.balanced = strstr(w->errors, "balanced: all that the kernel counted");
	end.kills_proven = kills_proven(w->errors);
	end.has_identified = number_before(w->errors, " identified", &end.identified);
	end.lost = number_after(w->errors, "events dropped since the reader was too slow: ");
	end.names_lost = number_after(w->errors,
				      "names of victims that there was no room or no place for: ");
	end.names_late = number_after(w->errors, "names that came when their kill had been told "
						 "without: ");
	*ret = end;
}

void watching_free(struct watching *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->lines[i].text);
	free(w->lines);
	w->lines = NULL;
	w->n = 0;
	(void)pthread_mutex_destroy(&w->lock);
	(void)pthread_cond_destroy(&w->news);
}
