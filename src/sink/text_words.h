/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What a line says of its event, behind the cgroup
 *
 * The words are parts ("limit 64 MiB of /a"), of which several make a paragraph. They are written one
 * after the other to a stream, each but the first behind a mark that says how it follows. Names are
 * escaped, so no byte of one can be such a mark. text_layout.h makes a line or several of it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/event.h"

#define WORDS_PART '\x1f'      /* a part of the same paragraph */
#define WORDS_PARAGRAPH '\x1e' /* the first of the next one */
#define WORDS_LONG '\x1d'      /* the only one of the next; on a terminal its end may be left out */

#define ORDER_SYSRQ (-1) /* nobody asked for memory, and it was not short: somebody pressed a key */

/* What the lines of one incident have told already. */
enum {
	TOLD_LIMIT = 1U << 0,
	TOLD_TRIGGER = 1U << 1,
};

struct words {
	FILE *f;
	unsigned escape; /* ESCAPE_* */
	bool terse;      /* on a terminal: nothing that the lines above have told */
	bool goes_on;    /* the line above is one of the same incident */
	unsigned told;   /* by such lines, TOLD_* */
	uint32_t command_of;
	bool any;  /* a part is there that more can follow */
	char mark; /* what stands before the next, if there is one */
	bool failed;
};

/* Begins a part. */
void words_part(struct words *w);
/* The next part begins a paragraph. */
void words_paragraph(struct words *w);
/* A name in any bytes, as it can be shown. */
void words_name(struct words *w, const char *raw);
void words_name_n(struct words *w, const char *raw, size_t n);
/* "64 MiB", "1.5 GiB", "12 bytes". */
void words_size(struct words *w, uint64_t bytes);
/* A part: "limit 64 MiB"; nothing for BYTES_NONE. */
void words_size_part(struct words *w, const char *what, uint64_t bytes);
/* "4711 (java)", as far as it is known. */
void words_process(struct words *w, uint32_t pid, const char *comm);
/* A paragraph: "command: java -jar x"; nothing for NULL. */
void words_command(struct words *w, const char *cmdline);
/* Parts: the limit that was hit, and what was charged there. */
void words_limit(struct words *w, const struct oomn_event *e);

/* All that is to be said of @e. */
void words_of_event(struct words *w, const struct oomn_event *e);
/* … of one that has a victim; who asked for memory (text_incident.c) */
void words_of_victim(struct words *w, const struct oomn_event *e);
void words_trigger(struct words *w, const struct oomn_event *e);
/* … of one that has details (text_details.c) */
void words_of_details(struct words *w, const struct oom_details *d);

/* SGR parameters of the colour of @kind. */
const char *words_colour(enum event_kind kind);
