/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * One record of /dev/kmsg (Documentation/ABI/testing/dev-kmsg)
 *
 *   PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,KEY=VALUE]…;TEXT\n[ KEY=VALUE\n]…
 *
 * TEXT is what was printed, with `\xHH` for each byte that is no printable ASCII, and for `\`. A text
 * that a process wrote to /dev/kmsg has a facility above 0: the kernel's own have 0, and nobody else
 * can make one (kernel/printk/printk.c, devkmsg_write).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KMSG_READ_MAX 8192 /* no record is longer (PRINTK_MESSAGE_MAX, CONSOLE_EXT_LOG_MAX) */
#define KMSG_TEXT_MAX 2047 /* printk makes texts of less than 1,024 bytes */
#define KMSG_CALLER_MAX 15

struct kmsg_record {
	uint64_t seq;
	int64_t time_us; /* the kernel's own clock: near to CLOCK_MONOTONIC, not the same */
	unsigned level;
	unsigned facility;
	bool cont;                        /* goes on where an earlier record ended */
	char caller[KMSG_CALLER_MAX + 1]; /* "T123", "C0": with CONFIG_PRINTK_CALLER; else "" */
	bool cut;                         /* @text was longer than there is room */
	size_t len;
	char text[KMSG_TEXT_MAX + 1]; /* raw bytes, unescaped */
};

/* @line is what one read gave, NUL-terminated. Returns 0, or -EBADMSG for something else. */
int kmsg_record_parse(const char *line, struct kmsg_record *ret);
