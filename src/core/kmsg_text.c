/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/kmsg_text.h"

#include <string.h>

#include "base/digits.h"

/*
 * The kernel prints a path by itself, and cuts it where a record is full: at LOG_LINE_MAX, which is
 * 1,024 less what it keeps for prefixes (at most 48); measured: 989 bytes on 5.10, 1,021 on 7.2.
 */
#define PATH_FULL 970

bool bytes_begin(struct bytes b, const char *text)
{
	size_t n = strlen(text);

	return b.len >= n && memcmp(b.at, text, n) == 0;
}

bool bytes_end(struct bytes b, const char *text)
{
	size_t n = strlen(text);

	return b.len >= n && memcmp(b.at + b.len - n, text, n) == 0;
}

const char *bytes_first(struct bytes b, const char *text)
{
	return memmem(b.at, b.len, text, strlen(text));
}

const char *bytes_last(struct bytes b, const char *text)
{
	size_t n = strlen(text);

	for (size_t i = b.len >= n ? b.len - n + 1 : 0; i > 0; i--)
		if (memcmp(b.at + i - 1, text, n) == 0)
			return b.at + i - 1;
	return NULL;
}

static struct bytes rest(struct bytes b, const char *from)
{
	return (struct bytes){ from, b.len - (size_t)(from - b.at) };
}

static struct bytes before(struct bytes b, const char *end)
{
	return (struct bytes){ b.at, (size_t)(end - b.at) };
}

/* Takes @text from the front. */
static bool skip(struct bytes *b, const char *text)
{
	if (!bytes_begin(*b, text))
		return false;
	*b = rest(*b, b->at + strlen(text));
	return true;
}

/* Takes a number of at most @max from the front. */
static bool skip_number(struct bytes *b, uint64_t max, uint64_t *ret)
{
	const char *end;

	if (b->len == 0 || digits_parse(b->at, max, ret, &end) != 0 || end > b->at + b->len)
		return false;
	*b = rest(*b, end);
	return true;
}

/* The same with a sign. */
static bool skip_int(struct bytes *b, int *ret)
{
	bool minus = skip(b, "-");
	uint64_t v;

	if (!skip_number(b, INT32_MAX, &v))
		return false;
	*ret = minus ? -(int)v : (int)v;
	return true;
}

static bool take_comm(struct bytes b, struct kmsg_comm *ret)
{
	if (b.len > KMSG_COMM_MAX)
		return false; /* not the kernel's */
	memcpy(ret->text, b.at, b.len);
	ret->text[b.len] = '\0';
	ret->len = b.len;
	return true;
}

bool kmsg_text_invoked(struct bytes b, struct kmsg_oom *oom)
{
	static const char order_key[] = ", order=";
	const char *at = bytes_last(b, " invoked oom-killer: gfp_mask=");
	struct bytes tail;

	if (!at || !take_comm(before(b, at), &oom->trigger))
		return false;
	/* gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0 */
	tail = rest(b, at);
	at = bytes_first(tail, order_key);
	if (!at)
		return false;
	tail = rest(tail, at + sizeof(order_key) - 1);
	oom->trigger_known = skip_int(&tail, &oom->order);
	return oom->trigger_known;
}

int kmsg_text_cpu(struct bytes b, const struct kmsg_comm *comm)
{
	uint64_t v, pid;

	if (!skip(&b, "CPU: ") || !skip_number(&b, INT32_MAX, &v))
		return 0;
	if (skip(&b, " UID: ") && !skip_number(&b, UINT32_MAX, &v)) /* since 6.12 */
		return 0;
	if (!skip(&b, " PID: ") || !skip_number(&b, INT32_MAX, &pid) || !skip(&b, " Comm: "))
		return 0;
	if (b.len <= comm->len || memcmp(b.at, comm->text, comm->len) != 0 ||
	    b.at[comm->len] != ' ')
		return 0;
	return (int)pid;
}

/* "8192kB" */
static bool skip_kb(struct bytes *b, uint64_t *ret)
{
	uint64_t v;

	if (!skip_number(b, UINT64_MAX / 1024 - 1, &v) || !skip(b, "kB"))
		return false;
	*ret = v * 1024;
	return true;
}

bool kmsg_text_usage(struct bytes b, const char *head, uint64_t *ret_usage, uint64_t *ret_limit)
{
	uint64_t usage, limit;

	if (!skip(&b, head) || !skip(&b, ": usage ") || !skip_kb(&b, &usage) ||
	    !skip(&b, ", limit ") || !skip_kb(&b, &limit) || !skip(&b, ", failcnt "))
		return false;
	*ret_usage = usage;
	/* "No limit" is as many pages as a signed long can count bytes of, less one. */
	*ret_limit = limit >= (uint64_t)INT64_MAX / 65536 * 65536 ? BYTES_NONE : limit;
	return true;
}

/* ---- "Killed process" ---- */

/* What the kernel says in front, with ": " behind it. */
static bool skip_message(struct bytes *b, bool *ret_global)
{
	static const char *const messages[] = {
		"Memory cgroup out of memory: ",
		"Out of memory: ",
		"Out of memory (oom_kill_allocating_task): ",
	};

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (skip(b, messages[i])) {
			*ret_global = i > 0;
			return true;
		}
	return false;
}

/* One "key:value" of the numbers behind a victim's name. Those that are not known are passed over. */
static bool take_value(struct bytes b, struct kmsg_kill *kill)
{
	const struct {
		const char *key;
		uint64_t *value;
	} sizes[] = {
		{ "total-vm:", &kill->total_vm_bytes }, { "anon-rss:", &kill->anon_rss_bytes },
		{ "file-rss:", &kill->file_rss_bytes }, { "shmem-rss:", &kill->shmem_rss_bytes },
		{ "pgtables:", &kill->pgtables_bytes },
	};
	uint64_t v;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (skip(&b, sizes[i].key))
			return skip_kb(&b, sizes[i].value) && b.len == 0;
	if (skip(&b, "oom_score_adj:"))
		return skip_int(&b, &kill->oom_score_adj) && b.len == 0;
	if (skip(&b, "UID:")) {
		if (!skip_number(&b, UINT32_MAX, &v) || b.len != 0)
			return false;
		kill->uid = (uint32_t)v;
	}
	return true;
}

static bool take_values(struct bytes b, struct kmsg_kill *kill)
{
	while (b.len > 0) {
		const char *end = memchr(b.at, ' ', b.len);
		struct bytes word = end ? before(b, end) : b;

		b = rest(b, word.at + word.len + (end ? 1 : 0));
		if (word.len > 0 && word.at[word.len - 1] == ',')
			word.len--;
		if (!take_value(word, kill))
			return false;
	}
	return kill->total_vm_bytes != BYTES_NONE;
}

bool kmsg_text_killed(struct bytes b, struct kmsg_kill *kill)
{
	static const char end_of_comm[] = ") total-vm:";
	const char *at;
	uint64_t pid;

	kill->total_vm_bytes = kill->anon_rss_bytes = kill->file_rss_bytes = BYTES_NONE;
	kill->shmem_rss_bytes = kill->pgtables_bytes = BYTES_NONE;
	kill->uid = KMSG_UID_NONE;
	kill->oom_score_adj = 0;
	if (!skip_message(&b, &kill->global) || !skip(&b, "Killed process ") ||
	    !skip_number(&b, INT32_MAX, &pid) || !skip(&b, " ("))
		return false;
	/* Behind the name there are only numbers: its end is the last one that looks like it. */
	at = bytes_last(b, end_of_comm);
	if (!at || !take_comm(before(b, at), &kill->comm))
		return false;
	kill->pid = (int)pid;
	return take_values(rest(b, at + 2), kill);
}

bool kmsg_text_exiting(struct bytes b)
{
	bool global;

	return skip_message(&b, &global) && bytes_begin(b, "OOM victim ") &&
	       bytes_end(b, ") is already exiting. Skip killing the task");
}

uint64_t kmsg_text_suppressed(struct bytes b)
{
	uint64_t n;

	if (!skip(&b, "oom_kill_process: ") || !skip_number(&b, INT32_MAX, &n) ||
	    !bytes_begin(b, " callbacks suppressed"))
		return 0;
	return n;
}

/* ---- "oom-kill:" ---- */

void kmsg_text_path(struct bytes b, struct kmsg_path *ret)
{
	ret->len = b.len < KMSG_PATH_MAX ? b.len : KMSG_PATH_MAX;
	ret->cut = b.len >= PATH_FULL;
	memcpy(ret->text, b.at, ret->len);
	ret->text[ret->len] = '\0';
}

static enum oom_constraint take_constraint(struct bytes *b)
{
	static const struct {
		const char *name;
		enum oom_constraint constraint;
	} names[] = {
		{ "CONSTRAINT_NONE,", OOM_CONSTRAINT_NONE },
		{ "CONSTRAINT_CPUSET,", OOM_CONSTRAINT_CPUSET },
		{ "CONSTRAINT_MEMORY_POLICY,", OOM_CONSTRAINT_MEMORY_POLICY },
		{ "CONSTRAINT_MEMCG,", OOM_CONSTRAINT_MEMCG },
	};

	if (!skip(b, "oom-kill:constraint="))
		return OOM_CONSTRAINT_UNKNOWN;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (skip(b, names[i].name))
			return names[i].constraint;
	return OOM_CONSTRAINT_UNKNOWN;
}

/* Takes "KEY" and the digits behind it from the end. */
static bool chop_number(struct bytes *b, const char *key, uint64_t *ret)
{
	const char *at = bytes_last(*b, key);
	struct bytes number;

	if (!at)
		return false;
	number = rest(*b, at + strlen(key));
	if (!skip_number(&number, UINT32_MAX, ret) || number.len != 0)
		return false;
	*b = before(*b, at);
	return true;
}

/*
 * Takes ",task=COMM" from the end. A name may hold ",task=" as well as a path: if it is not known from
 * the line of the kill, there has to be one way only.
 */
static bool chop_task(struct bytes *b, const struct kmsg_comm *comm)
{
	static const char key[] = ",task=";
	size_t n = sizeof(key) - 1, found = 0;
	struct bytes left = { 0 };

	for (size_t len = 0; len <= KMSG_COMM_MAX && len + n <= b->len; len++) {
		struct bytes task = { b->at + b->len - len, len };

		if (memcmp(task.at - n, key, n) != 0)
			continue;
		if (comm && (comm->len != len || memcmp(comm->text, task.at, len) != 0))
			continue;
		left = before(*b, task.at - n);
		found++;
	}
	if (found == 1)
		*b = left;
	return found == 1;
}

/* The last part of the line, from ",mems_allowed=" on, is read in every possible way. */
struct reading {
	size_t ways;
	struct bytes limit, victim;
};

static void read_paths(struct bytes b, const struct kmsg_path *limit, struct reading *r)
{
	static const char key[] = ",task_memcg=";
	const char *at = b.at;

	for (;;) {
		struct bytes path;

		at = memmem(at, b.len - (size_t)(at - b.at), key, sizeof(key) - 1);
		if (!at)
			return;
		path = before(b, at);
		at += sizeof(key) - 1;
		if (at == b.at + b.len || *at != '/')
			continue;
		if (limit->len > 0 &&
		    (limit->len != path.len || memcmp(limit->text, path.at, path.len) != 0))
			continue;
		r->ways++;
		r->limit = path;
		r->victim = rest(b, at);
	}
}

static struct reading read_context(struct bytes b, bool memcg, const struct kmsg_path *limit)
{
	static const char key[] = ",mems_allowed=";
	static const struct kmsg_path none;
	struct reading r = { 0 };

	for (;;) {
		const char *at = bytes_first(b, key);
		struct bytes after;

		if (!at)
			return r;
		b = rest(b, at + sizeof(key) - 1);
		after = b;
		while (after.len > 0 && memchr("0123456789-,", *after.at, 12) &&
		       !bytes_begin(after, ",oom_memcg=") && !bytes_begin(after, ",global_oom"))
			after = rest(after, after.at + 1);
		if (memcg && skip(&after, ",oom_memcg=") && bytes_begin(after, "/"))
			read_paths(after, limit, &r);
		else if (!memcg && skip(&after, ",global_oom") &&
			 bytes_begin(after, ",task_memcg=/"))
			read_paths(after, &none, &r);
	}
}

void kmsg_text_oom_kill(const struct kmsg_line *line, const struct kmsg_kill *victim,
			const struct kmsg_path *limit, struct kmsg_oom *oom,
			struct kmsg_path *ret_cgroup)
{
	struct bytes b = { line->text, line->len };
	struct reading r;
	uint64_t pid, uid;
	bool memcg;

	oom->constraint = take_constraint(&b);
	memcg = oom->constraint == OOM_CONSTRAINT_MEMCG;
	if (memcg)
		oom->limit_cgroup = *limit;
	if (oom->constraint == OOM_CONSTRAINT_UNKNOWN || !chop_number(&b, ",uid=", &uid) ||
	    !chop_number(&b, ",pid=", &pid))
		return;
	if (!chop_task(&b, pid == (uint64_t)victim->pid ? &victim->comm : NULL))
		return;
	r = read_context(b, memcg, limit);
	if (r.ways != 1)
		return;
	kmsg_text_path(r.victim, ret_cgroup);
	if (memcg && oom->limit_cgroup.len == 0)
		kmsg_text_path(r.limit, &oom->limit_cgroup);
}
