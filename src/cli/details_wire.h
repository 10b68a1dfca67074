/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What a helper process is asked, and what it answers: packets between two halves of one program
 *
 *   request   head, path of the limit cgroup (what is left of the packet, no NUL)
 *   reply     head, and by its kind:
 *               MEMORY    nine numbers
 *               LARGEST   how many were looked at, whether there are more, then each process
 *               EXE, CMDLINE   raw bytes, no NUL
 *               END       nothing: all that could be read was sent
 *
 * A request has any number of replies, the last of which is END: what was found before something hangs
 * has been sent by then.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/details.h"

#define WIRE_PATH_MAX 4096
#define WIRE_PACKET_MAX 8192

struct wire_request {
	uint64_t serial;
	uint64_t start_ns; /* of the victim */
	uint64_t cgroup_id;
	uint32_t pid;     /* 0: no victim */
	uint32_t cmdline; /* 1: its command line is wanted too */
	/* In the packet behind what is above; "": no cgroup. */
	char path[WIRE_PATH_MAX];
};

enum wire_kind {
	WIRE_MEMORY,
	WIRE_LARGEST,
	WIRE_EXE,
	WIRE_CMDLINE,
	WIRE_END,
	WIRE_KIND_MAX,
};

/* Packets are made in @to, which has WIRE_PACKET_MAX bytes. Return how many they have. */
size_t wire_request_make(const struct wire_request *q, void *to);
/* @kind's part of @d, with what WIRE_EXE and WIRE_CMDLINE need not NULL. */
size_t wire_reply_make(enum wire_kind kind, uint64_t serial, const struct oom_details *d, void *to);

/* Returns 0 or -EBADMSG, and then @ret is as it was. */
int wire_request_take(const void *data, size_t n, struct wire_request *ret);
/* To which request a reply belongs. Returns 0 or -EBADMSG. */
int wire_reply_head(const void *data, size_t n, uint64_t *ret_serial, enum wire_kind *ret_kind);
/* Puts a whole reply into @d, in place of what there was. Returns 0, -EBADMSG or -ENOMEM, then @d is
 * as it was. */
int wire_reply_take(const void *data, size_t n, struct oom_details *d);
