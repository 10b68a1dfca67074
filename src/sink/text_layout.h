/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * An event's words (text_words.h), put on lines
 *
 * For a pipe all stand on one, with commas between. On a terminal the first paragraph goes on behind
 * the cgroup, each other one begins a line of its own below it, and a part that would cross the edge
 * goes to the next line as a whole. One that is longer than a line is left to the terminal, but for
 * command lines, whose end is left out.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct text_layout {
	bool aligned;
	bool ascii;
	size_t at;      /* columns that are taken on the first line */
	size_t start;   /* where the words begin there */
	size_t indent;  /* where they begin on the others */
	size_t columns; /* of the terminal; 0: without an edge */
};

/* Columns that @text takes on the terminal, as its locale sees them. */
size_t text_width(const char *text);
/* Writes @words, which it takes apart. */
void text_lay_out(FILE *f, char *words, struct text_layout *l);
