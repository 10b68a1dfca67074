/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What a command says beside its output
 */

/*
 * One line on standard error, with "oomnotify: " in front. The whole of it is escaped
 * (base/escape.h), so that names may be put in as they are; on a terminal without UTF-8 it is ASCII.
 * Keeps errno.
 */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Lines that need no escaping, as they are, without "oomnotify: "; the last one's end is added. */
void say_text(const char *text);
/*
 * The same while a loop runs, which must not stop because nobody reads standard error: a line that
 * is not taken at once is dropped, and the next one that is said tells how many were.
 */
void say_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Has standard output remember the first error of writing. Before anything is printed. */
void say_begin_of_output(void);
/*
 * Flushes standard output at a command's end. Returns @status, or STATUS_FAILURE after saying that
 * it could not be written. A reader that has left (EPIPE) is none of our failures.
 */
int say_end_of_output(int status);
/* Says that writing to standard output failed with errno value @error. */
void say_output_failed(int error);
