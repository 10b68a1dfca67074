/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/details_wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/details_reader.h"

#define REQUEST_HEAD offsetof(struct wire_request, path)

struct reply_head {
	uint64_t serial;
	uint32_t kind;
	uint32_t zero;
};

struct memory_part {
	uint64_t limit_bytes;
	uint64_t usage_bytes;
	uint64_t peak_bytes;
	struct details_stat stat;
};

struct process_part {
	uint64_t rss_bytes;
	uint32_t pid;
	char comm[TASK_COMM_MAX];
	uint32_t zero;
};

struct largest_part {
	uint32_t looked;
	uint32_t more;
	struct process_part list[DETAILS_LARGEST]; /* as many as the packet has room for */
};

#define LARGEST_HEAD offsetof(struct largest_part, list)

static_assert(REQUEST_HEAD == 32 && sizeof(struct reply_head) == 16, "no padding");
static_assert(sizeof(struct memory_part) == 9 * sizeof(uint64_t), "no padding");
static_assert(sizeof(struct process_part) == 32 && LARGEST_HEAD == 8, "no padding");
static_assert(sizeof(struct wire_request) <= WIRE_PACKET_MAX &&
		      sizeof(struct reply_head) + DETAILS_TEXT_MAX <= WIRE_PACKET_MAX,
	      "each packet fits");

size_t wire_request_make(const struct wire_request *q, void *to)
{
	size_t n = REQUEST_HEAD + strlen(q->path);

	memcpy(to, q, n);
	return n;
}

int wire_request_take(const void *data, size_t n, struct wire_request *ret)
{
	size_t len = n - REQUEST_HEAD;

	if (n < REQUEST_HEAD || len >= WIRE_PATH_MAX ||
	    memchr((const char *)data + REQUEST_HEAD, '\0', len))
		return -EBADMSG;
	memcpy(ret, data, n);
	ret->path[len] = '\0';
	return 0;
}

static size_t make_memory(const struct oom_details *d, void *to)
{
	struct memory_part m = { d->limit_bytes, d->usage_bytes, d->peak_bytes, d->stat };

	memcpy(to, &m, sizeof(m));
	return sizeof(m);
}

static size_t make_largest(const struct oom_details *d, void *to)
{
	struct largest_part part = { .looked = (uint32_t)d->looked, .more = d->more };
	size_t n = LARGEST_HEAD + d->largest_n * sizeof(part.list[0]);

	for (size_t i = 0; i < d->largest_n; i++) {
		part.list[i].rss_bytes = d->largest[i].rss_bytes;
		part.list[i].pid = d->largest[i].pid;
		memcpy(part.list[i].comm, d->largest[i].comm, TASK_COMM_MAX);
	}
	memcpy(to, &part, n);
	return n;
}

static size_t make_text(const char *text, void *to)
{
	size_t n = strnlen(text, DETAILS_TEXT_MAX);

	memcpy(to, text, n);
	return n;
}

size_t wire_reply_make(enum wire_kind kind, uint64_t serial, const struct oom_details *d, void *to)
{
	struct reply_head head = { .serial = serial, .kind = kind };
	char *behind = (char *)to + sizeof(head);

	memcpy(to, &head, sizeof(head));
	switch (kind) {
	case WIRE_MEMORY:
		return sizeof(head) + make_memory(d, behind);
	case WIRE_LARGEST:
		return sizeof(head) + make_largest(d, behind);
	case WIRE_EXE:
		return sizeof(head) + make_text(d->exe, behind);
	case WIRE_CMDLINE:
		return sizeof(head) + make_text(d->cmdline, behind);
	case WIRE_END:
	case WIRE_KIND_MAX:
	default:
		return sizeof(head);
	}
}

int wire_reply_head(const void *data, size_t n, uint64_t *ret_serial, enum wire_kind *ret_kind)
{
	struct reply_head head;

	if (n < sizeof(head))
		return -EBADMSG;
	memcpy(&head, data, sizeof(head));
	if (head.kind >= WIRE_KIND_MAX)
		return -EBADMSG;
	*ret_serial = head.serial;
	*ret_kind = (enum wire_kind)head.kind;
	return 0;
}

static int take_memory(const char *data, size_t n, struct oom_details *d)
{
	struct memory_part m;

	if (n != sizeof(m))
		return -EBADMSG;
	memcpy(&m, data, sizeof(m));
	d->limit_bytes = m.limit_bytes;
	d->usage_bytes = m.usage_bytes;
	d->peak_bytes = m.peak_bytes;
	d->stat = m.stat;
	return 0;
}

static int take_largest(const char *data, size_t n, struct oom_details *d)
{
	struct largest_part part;
	size_t count;

	if (n < LARGEST_HEAD || n > sizeof(part) || (n - LARGEST_HEAD) % sizeof(part.list[0]) != 0)
		return -EBADMSG;
	count = (n - LARGEST_HEAD) / sizeof(part.list[0]);
	memcpy(&part, data, n);
	if (part.looked > DETAILS_LOOKED || count > part.looked)
		return -EBADMSG;
	d->looked = part.looked;
	d->more = part.more != 0;
	d->largest_n = count;
	for (size_t i = 0; i < count; i++) {
		d->largest[i].rss_bytes = part.list[i].rss_bytes;
		d->largest[i].pid = part.list[i].pid;
		memcpy(d->largest[i].comm, part.list[i].comm, TASK_COMM_MAX);
		d->largest[i].comm[TASK_COMM_MAX - 1] = '\0';
	}
	return 0;
}

static int take_text(const char *data, size_t n, char **to)
{
	char *text;

	if (n == 0 || n > DETAILS_TEXT_MAX || memchr(data, '\0', n))
		return -EBADMSG;
	text = strndup(data, n);
	if (!text)
		return -ENOMEM;
	free(*to);
	*to = text;
	return 0;
}

int wire_reply_take(const void *data, size_t n, struct oom_details *d)
{
	const char *behind = (const char *)data + sizeof(struct reply_head);
	enum wire_kind kind;
	uint64_t serial;

	if (wire_reply_head(data, n, &serial, &kind) < 0)
		return -EBADMSG;
	n -= sizeof(struct reply_head);
	switch (kind) {
	case WIRE_MEMORY:
		return take_memory(behind, n, d);
	case WIRE_LARGEST:
		return take_largest(behind, n, d);
	case WIRE_EXE:
		return take_text(behind, n, &d->exe);
	case WIRE_CMDLINE:
		return take_text(behind, n, &d->cmdline);
	case WIRE_END:
	case WIRE_KIND_MAX:
	default:
		return n == 0 ? 0 : -EBADMSG;
	}
}
