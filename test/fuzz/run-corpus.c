/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a fuzz target as a plain test
 *
 *   fuzz-NAME DIRECTORY ROUNDS [SECONDS]   each file, and ROUNDS mutations of each
 *   fuzz-NAME FILE                         this one and no mutations: to look at a failure again
 *
 * An input that takes longer than SECONDS (20) is one that never ends.
 *
 * Mutations come from a generator seeded with the file's bytes: every run does the same, and does not
 * depend on the names or the number of the other files. An input that fails is left in
 * fuzz-failed.input, to be looked at and then added to the corpus.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX 65536U
#define FILES_MAX 1024U
#define FAILED "fuzz-failed.input"

struct input {
	uint8_t bytes[INPUT_MAX];
	size_t n;
};

static struct input seed, current;
static const char *current_name;
static unsigned long current_round;
static unsigned seconds = 20;

/* In a signal handler: nothing that could be in the middle of something. */
static void put(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(3);
}

static void put_number(unsigned long n)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	put(digits + at);
}

static void keep_failed(void)
{
	int fd = open(FAILED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, current.bytes, current.n) < 0)
		_exit(3);
	(void)close(fd);
	put(current_name);
	put(", mutation ");
	put_number(current_round);
	put(": the input is in " FAILED "\n");
}

static void on_signal(int signo)
{
	(void)signo;
	keep_failed();
	_exit(1);
}

/* ASan reports and ends the process by itself, without a signal. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void catch_failures(void)
{
	static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM };

	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(keep_failed);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!__sanitizer_set_death_callback || signals[i] == SIGABRT ||
		    signals[i] == SIGALRM)
			(void)signal(signals[i], on_signal);
}

/* splitmix64 */
static uint64_t random_state;

static uint64_t random_next(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static size_t random_below(size_t n)
{
	return n > 0 ? (size_t)(random_next() % n) : 0;
}

static uint64_t hash(const struct input *in)
{
	uint64_t h = 0xcbf29ce484222325U;

	for (size_t i = 0; i < in->n; i++)
		h = (h ^ in->bytes[i]) * 0x100000001b3U;
	return h;
}

/* Replaces @cut bytes at @at by the @n at @from, as far as there is room. */
static void replace(struct input *in, size_t at, size_t cut, const void *from, size_t n)
{
	size_t tail = in->n - at - cut;

	if (at + n + tail > INPUT_MAX)
		return;
	memmove(in->bytes + at + n, in->bytes + at + cut, tail);
	memcpy(in->bytes + at, from, n);
	in->n = at + n + tail;
}

/* What the parsers' texts are made of. */
static const char *const words[] = {
	"\n",
	" ",
	":",
	"/",
	"//",
	".",
	"..",
	"/..",
	",",
	"-",
	" - ",
	"\\",
	"\t",
	"\r",
	"0",
	"1",
	"-1",
	"\\040",
	"\\134",
	"\\000",
	"\\777",
	"\\x5c",
	"::",
	"0::/",
	"memory",
	"cgroup2",
	"oom",
	"oom_kill",
	"max",
	"4294967296",
	"18446744073709551615",
	"18446744073709551616",
	"9999999999999999999999",
	"\033[31m",
	"\xff",
	"\xc3",
	"\xe2\x80\xae",
	"\xed\xa0\x80",
	"\xf4\x90\x80\x80",
	"K",
	"min",
};

static void mutate_once(struct input *in)
{
	static uint8_t piece[INPUT_MAX];
	size_t at = random_below(in->n + 1), n = random_below(in->n - at + 1);
	const char *word = words[random_below(sizeof(words) / sizeof(words[0]))];
	uint8_t byte = (uint8_t)random_next();

	switch (random_next() % 8) {
	case 0: /* one bit */
		if (at < in->n)
			in->bytes[at] ^= (uint8_t)(1U << byte % 8);
		break;
	case 1: /* one byte */
		if (at < in->n)
			in->bytes[at] = byte;
		break;
	case 2:
		replace(in, at, 0, &byte, 1);
		break;
	case 3:
		replace(in, at, 0, word, strlen(word));
		break;
	case 4:
		replace(in, at, at < in->n ? 1 : 0, word, strlen(word));
		break;
	case 5: /* cut a piece out */
		replace(in, at, n, "", 0);
		break;
	case 6: /* cut off */
		in->n = at;
		break;
	case 7: /* a piece once more somewhere else */
		memcpy(piece, in->bytes + at, n);
		replace(in, random_below(in->n + 1), 0, piece, n);
		break;
	}
}

static bool read_input(const char *name, struct input *ret)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		return false;
	}
	ret->n = 0;
	while (ret->n < INPUT_MAX && (n = read(fd, ret->bytes + ret->n, INPUT_MAX - ret->n)) > 0)
		ret->n += (size_t)n;
	(void)close(fd);
	return true;
}

static void run_current(void)
{
	uint8_t *exact = malloc(current.n > 0 ? current.n : 1);

	if (!exact)
		abort();
	memcpy(exact, current.bytes, current.n);
	(void)LLVMFuzzerTestOneInput(exact, current.n);
	free(exact);
}

static bool run_file(const char *name, unsigned long rounds)
{
	if (!read_input(name, &seed))
		return false;
	current_name = name;
	random_state = hash(&seed);
	for (current_round = 0; current_round <= rounds; current_round++) {
		current.n = seed.n;
		memcpy(current.bytes, seed.bytes, seed.n);
		for (size_t k = current_round > 0 ? 1 + random_below(6) : 0; k > 0; k--)
			mutate_once(&current);
		(void)alarm(seconds);
		run_current();
	}
	return true;
}

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int run_directory(const char *name, unsigned long rounds)
{
	struct dirent **entries;
	int n = scandir(name, &entries, no_dots, alphasort);

	if (n <= 0 || n > (int)FILES_MAX) {
		fprintf(stderr, "%s: no corpus: %s\n", name, n < 0 ? strerror(errno) : "no files");
		return 1;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", name, entries[i]->d_name);
		if (!run_file(path, rounds))
			return 1;
		free(entries[i]);
	}
	free(entries);
	printf("%d inputs, %lu mutations of each\n", n, rounds);
	return 0;
}

int main(int argc, char **argv)
{
	struct stat st;

	catch_failures();
	if (argc < 2 || argc > 4 || stat(argv[1], &st) < 0)
		return 2;
	if (argc > 3)
		seconds = (unsigned)strtoul(argv[3], NULL, 10);
	if (argc == 2)
		return run_file(argv[1], 0) ? 0 : 1;
	return run_directory(argv[1], strtoul(argv[2], NULL, 10));
}
