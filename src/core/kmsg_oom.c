/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *            invoked            oom-kill:            Killed process
 *   idle ──────────────> header ──────────> pending ───────────────> told ── Tasks in ──> group
 *     ^                                        │ already exiting       │                    │
 *     └────────────────────────────────────────┴──── next header ──────┴────────────────────┘
 *
 * A kill that comes without a header is an OOM of its own if no group is being killed. Within a group
 * it is a member, unless so many headers came within one period that the kernel may have left one out.
 */
#include "core/kmsg_oom.h"

#include <string.h>

#include "core/kmsg_text.h"

/* DEFAULT_RATELIMIT_INTERVAL is 5 s; a line may be printed a while after its header was left out. */
#define HEADER_PERIOD_US 6000000

static void line_add(struct kmsg_line *line, const struct kmsg_record *rec)
{
	if (rec->cut || line->len + rec->len >= sizeof(line->text)) {
		line->len = 0; /* no line of the OOM killer's: nothing is taken of it */
		line->open = false;
		return;
	}
	memcpy(line->text + line->len, rec->text, rec->len);
	line->len += rec->len;
	line->text[line->len] = '\0';
}

static void line_start(struct kmsg_decoder *d, struct kmsg_line *line,
		       const struct kmsg_record *rec)
{
	line->len = 0;
	line->open = true;
	memcpy(line->caller, rec->caller, sizeof(line->caller));
	line_add(line, rec);
	d->last = line;
}

/* A further piece, which may come after messages of other CPUs. */
static void line_continue(struct kmsg_decoder *d, const struct kmsg_record *rec)
{
	if (d->last && d->last->open && strcmp(d->last->caller, rec->caller) == 0)
		line_add(d->last, rec);
}

static void line_clear(struct kmsg_line *line)
{
	line->open = false;
	line->len = 0;
	line->text[0] = '\0';
}

static void clear_header(struct kmsg_decoder *d)
{
	memset(&d->oom, 0, sizeof(d->oom));
	d->oom.usage_bytes = d->oom.limit_bytes = BYTES_NONE;
	d->oom.memsw_usage_bytes = d->oom.memsw_limit_bytes = BYTES_NONE;
	d->pending = false;
	d->invoked_seq = UINT64_MAX;
	line_clear(&d->stats);
	line_clear(&d->line);
	d->last = NULL;
}

static void clear_group(struct kmsg_decoder *d)
{
	line_clear(&d->tasks);
	d->first_pid = 0;
}

void kmsg_decoder_lost(struct kmsg_decoder *d)
{
	clear_header(d);
	clear_group(d);
	d->history_known = false;
}

void kmsg_decoder_init(struct kmsg_decoder *d)
{
	d->number = 0;
	d->suppressed = 0;
	d->next_header = 0;
	kmsg_decoder_lost(d);
}

/* What is not known of the time before counts as headers right now; before the first there was none. */
static void begin_history(struct kmsg_decoder *d, const struct kmsg_record *rec)
{
	for (size_t i = 0; i < KMSG_HEADERS; i++)
		d->header_us[i] = rec->seq == 0 ? -HEADER_PERIOD_US : rec->time_us;
	d->history_known = true;
}

/* Whether the kernel may have left out a header that belongs to a line of @now_us. */
static bool header_may_lack(const struct kmsg_decoder *d, int64_t now_us)
{
	return now_us - d->header_us[d->next_header] < HEADER_PERIOD_US; /* the oldest of them */
}

static void begin_header(struct kmsg_decoder *d, const struct kmsg_record *rec)
{
	clear_header(d);
	clear_group(d);
	d->header_us[d->next_header] = rec->time_us;
	d->next_header = (d->next_header + 1) % KMSG_HEADERS;
}

/* "HEAD/path TAIL", all of a line. */
static bool between(const struct kmsg_line *line, const char *head, const char *tail,
		    struct kmsg_path *ret)
{
	struct bytes b = { line->text, line->len };
	size_t n = strlen(head), m = strlen(tail);

	if (b.len <= n + m || !bytes_begin(b, head) || !bytes_end(b, tail) || b.at[n] != '/')
		return false;
	kmsg_text_path((struct bytes){ b.at + n, b.len - n - m }, ret);
	return true;
}

static bool group_path(const struct kmsg_decoder *d, struct kmsg_path *ret)
{
	return d->first_pid != 0 &&
	       between(&d->tasks, "Tasks in ",
		       " are going to be killed due to memory.oom.group set", ret);
}

static void join_header(struct kmsg_decoder *d, struct kmsg_kill *kill)
{
	struct kmsg_path limit = { 0 };

	/* A path of which the end is missing does not help to find where it ends. */
	if (!between(&d->stats, "Memory cgroup stats for ", ":", &limit) || limit.cut)
		limit = (struct kmsg_path){ 0 };
	kmsg_text_oom_kill(&d->line, kill, &limit, &d->oom, &kill->cgroup);
}

static void join_group(struct kmsg_decoder *d, struct kmsg_kill *kill)
{
	bool maybe = kill->global != d->first_global;

	kill->again = !maybe && kill->pid == d->first_pid;
	if (!kill->again && header_may_lack(d, kill->time_us))
		maybe = true;
	kill->member = maybe ? KMSG_MEMBER_MAYBE : KMSG_MEMBER_YES;
	kill->oom_number = d->number;
	kill->oom = d->oom;
}

static void join_first(struct kmsg_decoder *d, struct kmsg_kill *kill)
{
	if (d->pending)
		join_header(d, kill);
	else
		clear_header(d);
	clear_group(d);
	d->first_pid = kill->pid;
	d->first_global = kill->global;
	kill->oom_number = ++d->number;
	kill->oom = d->oom;
	/* What the header told stays, for the further members of a group. */
	d->pending = false;
	d->invoked_seq = UINT64_MAX;
	line_clear(&d->line);
	line_clear(&d->stats);
	d->last = NULL;
}

static void join_kill(struct kmsg_decoder *d, struct kmsg_kill *kill)
{
	d->last_pid = kill->pid;
	d->last_global = kill->global;
	if (!d->pending && group_path(d, &kill->group))
		join_group(d, kill);
	else
		join_first(d, kill);
}

/* A second group in a row: the kill before it was its first one, and its header was left out. */
static void begin_group(struct kmsg_decoder *d, const struct kmsg_record *rec)
{
	if (d->tasks.len > 0) {
		clear_header(d);
		d->number++;
		d->first_pid = d->last_pid;
		d->first_global = d->last_global;
	}
	line_start(d, &d->tasks, rec);
}

/* Lines between "invoked oom-killer" and "oom-kill:". */
static void feed_header(struct kmsg_decoder *d, const struct kmsg_record *rec)
{
	struct bytes b = { rec->text, rec->len };
	struct kmsg_oom *oom = &d->oom;

	if (d->invoked_seq == UINT64_MAX || d->pending)
		return;
	/* Others may print such a line too: only the very next record is sure to be this one. */
	if (rec->seq == d->invoked_seq + 1)
		oom->trigger_pid = kmsg_text_cpu(b, &oom->trigger);
	else if (bytes_begin(b, "Memory cgroup stats for "))
		line_start(d, &d->stats, rec);
	else if (!kmsg_text_usage(b, "memory", &oom->usage_bytes, &oom->limit_bytes))
		(void)kmsg_text_usage(b, "memory+swap", &oom->memsw_usage_bytes,
				      &oom->memsw_limit_bytes);
}

static void feed_other(struct kmsg_decoder *d, const struct kmsg_record *rec)
{
	struct bytes b = { rec->text, rec->len };
	struct kmsg_oom oom = { 0 };

	if (kmsg_text_invoked(b, &oom)) {
		begin_header(d, rec);
		d->oom.trigger_known = true;
		d->oom.trigger = oom.trigger;
		d->oom.order = oom.order;
		d->invoked_seq = rec->seq;
	} else if (bytes_begin(b, "oom-kill:constraint=")) {
		if (d->invoked_seq == UINT64_MAX || d->pending)
			begin_header(d, rec);
		d->pending = true;
		line_start(d, &d->line, rec);
	} else if (kmsg_text_exiting(b) ||
		   bytes_begin(b, "Out of memory and no killable processes")) {
		clear_header(d);
		clear_group(d);
	} else if (bytes_begin(b, "Tasks in ") && d->first_pid != 0) {
		begin_group(d, rec);
	} else {
		d->suppressed += kmsg_text_suppressed(b);
		feed_header(d, rec);
	}
}

bool kmsg_decoder_feed(struct kmsg_decoder *d, const struct kmsg_record *rec, struct kmsg_kill *ret)
{
	struct bytes b = { rec->text, rec->len };
	struct kmsg_kill kill = { 0 };

	if (!d->history_known)
		begin_history(d, rec);
	if (rec->facility != 0)
		return false; /* a process wrote it */
	if (rec->cont) {
		line_continue(d, rec);
		return false;
	}
	if (!kmsg_text_killed(b, &kill)) {
		feed_other(d, rec);
		return false;
	}
	kill.seq = rec->seq;
	kill.time_us = rec->time_us;
	join_kill(d, &kill);
	*ret = kill;
	return true;
}
