/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * `oomnotify watch --json` as a process of ours: started, read through pipes, ended, judged
 *
 * Threads take its lines off the pipes as they come and note when, so that no scene makes the watch
 * wait for its reader. Nothing here looks into a line but for its kind.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "scratch.h"

struct watch_line {
	char *text;
	uint64_t arrived_ns; /* CLOCK_MONOTONIC */
};

struct watching {
	pid_t pid;
	int out, err;
	pthread_t output_reader, error_reader;
	pthread_mutex_t lock; /* for all that is below */
	pthread_cond_t news;
	bool held;  /* its output is left unread */
	bool ended; /* its output is */
	struct watch_line *lines;
	size_t n, room;
	char part[65536]; /* of a line */
	size_t part_n;
	char errors[16384]; /* what it said on standard error */
	size_t errors_n;
};

/* What a ledger says. */
struct watch_end {
	int status; /* as waitpid() has it */
	bool balanced;
	bool kills_proven; /* the ledger's line of kills lacks nothing */
	bool has_identified;
	uint64_t identified;
	uint64_t lost;       /* events, that had no reader */
	uint64_t names_lost; /* that there was no room for in the kernel's ring */
	uint64_t names_late; /* that came when their kill had been told without */
};

struct watch_how {
	const char *program; /* path of oomnotify */
	const char *source;  /* the word behind --source=; NULL: none is given */
	const char *cgroup;  /* NULL: the whole host */
	const char *kinds;   /* for --kinds=, or NULL */
	const char *ring;    /* for --bpf-ring=, or NULL */
	bool held;           /* its output is not read until watching_release() */
};

uint64_t clock_ns(clockid_t clock);

/* Returns when it counts. */
void watching_start(struct watching *w, const struct watch_how *how);
/* From here on its output is read. */
void watching_release(struct watching *w);
/* Until @count lines of @kind have come (NULL: of any). */
void watching_until(struct watching *w, const char *kind, size_t count);
/* Ends it with SIGINT. All its lines have been read then. */
void watching_end(struct watching *w, struct watch_end *ret);
/* Frees the lines. */
void watching_free(struct watching *w);
