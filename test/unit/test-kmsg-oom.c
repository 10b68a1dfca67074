/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the decoder tells of real messages (data/kmsg), and of some that no machine was brought to print
 *
 * Each kill is written as one line: OOM's number, name, cgroup, "<-" limit cgroup and limit, trigger;
 * what is not known is "?".
 */
#include "cmocka_all.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "core/kmsg_oom.h"

struct told {
	char text[65536];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct told *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	t->len += (size_t)vsnprintf(t->text + t->len, sizeof(t->text) - t->len, format, args);
	va_end(args);
	assert_true(t->len < sizeof(t->text));
}

static void put_bytes(struct told *t, const char *at, size_t len)
{
	char text[ESCAPE_ROOM(KMSG_PATH_MAX)];

	(void)escape_bytes(at, len, 0, text);
	put(t, "%s", len > 0 ? text : "?");
}

static void put_path(struct told *t, const struct kmsg_path *p)
{
	put_bytes(t, p->text, p->len);
	put(t, "%s", p->cut ? "…" : "");
}

static void put_oom(struct told *t, const struct kmsg_oom *oom)
{
	const char *constraint = oom_constraint_name(oom->constraint);

	if (constraint && oom->constraint != OOM_CONSTRAINT_MEMCG) {
		put(t, "%s", constraint);
	} else {
		put_path(t, &oom->limit_cgroup);
		if (oom->limit_bytes != BYTES_NONE)
			put(t, " %lluK", (unsigned long long)oom->limit_bytes / 1024);
	}
	if (oom->trigger_known) {
		put(t, " by ");
		put_bytes(t, oom->trigger.text, oom->trigger.len);
		put(t, "%s", oom->trigger_pid > 0 ? "" : " without pid");
	}
}

static void put_kill(struct told *t, const struct kmsg_kill *kill)
{
	static const char *const members[] = { "", " member", " member?" };

	put(t, "%llu ", (unsigned long long)kill->oom_number);
	put_bytes(t, kill->comm.text, kill->comm.len);
	put(t, " in ");
	put_path(t, &kill->cgroup);
	put(t, "%s <- ", kill->global ? " global" : "");
	put_oom(t, &kill->oom);
	put(t, "%s", members[kill->member]);
	if (kill->member != KMSG_MEMBER_NO) {
		put(t, " of ");
		put_path(t, &kill->group);
	}
	put(t, "%s\n", kill->again ? " again" : "");
}

static void feed_line(struct kmsg_decoder *d, const char *line, struct told *t)
{
	struct kmsg_kill kill;
	struct kmsg_record rec;

	assert_int_equal(kmsg_record_parse(line, &rec), 0);
	if (kmsg_decoder_feed(d, &rec, &kill)) {
		assert_int_equal(kill.seq, rec.seq);
		assert_int_equal(kill.time_us, rec.time_us);
		put_kill(t, &kill);
	} else if (rec.facility != 0 && strncmp(rec.text, "MARK ", 5) == 0) {
		put(t, "- %s\n", rec.text + 5);
	}
}

static struct kmsg_decoder decoder;

/* Names the first line that differs. */
static void check_told(const char *what, const char *got, const char *wanted)
{
	for (unsigned line = 1; *got || *wanted; line++) {
		size_t n = strcspn(got, "\n"), m = strcspn(wanted, "\n");

		if (n != m || memcmp(got, wanted, n) != 0)
			fail_msg("%s, line %u: tells\n  %.*s\nnot\n  %.*s", what, line, (int)n, got,
				 (int)m, wanted);
		got += n + (got[n] == '\n');
		wanted += m + (wanted[m] == '\n');
	}
}

/* ---- what machines said ---- */

static void feed_file(const char *name, struct told *t)
{
	char path[4096], *line = NULL;
	size_t size = 0;
	FILE *f;

	t->len = 0;
	(void)snprintf(path, sizeof(path), "%s/%s.txt", KMSG_DATA, name);
	f = fopen(path, "r");
	assert_non_null(f);
	kmsg_decoder_init(&decoder);
	while (getline(&line, &size, f) > 0)
		if (line[0] != ' ') /* a dictionary */
			feed_line(&decoder, line, t);
	free(line);
	fclose(f);
}

#define ONE "oomhog in /one <- /one 8192K by oomhog\n"
#define HOSTILE "h,task_memcg=_x,task=y \\x5cz,pid=3,uid=0"
#define SCENES                                                                                     \
	"- start\n"                                                                                \
	"1 oomhog in /one <- /one 8192K by oomhog\n"                                               \
	"- one\n"                                                                                  \
	"2 oomhog in /par/kid <- /par 8192K by oomhog\n"                                           \
	"- parent\n"                                                                               \
	"3 a,pid=1\\x0a\\x1b\"\\x5c\\xff)  in /one <- /one 8192K by "                              \
	"a,pid=1\\x0a\\x1b\"\\x5c\\xff) \n"                                                        \
	"- comm\n"                                                                                 \
	"4 x,task=y in /one <- /one 8192K by x,task=y\n"                                           \
	"5 ) total-vm:1kB, in /one <- /one 8192K by ) total-vm:1kB,\n"                             \
	"- comm2\n"                                                                                \
	"6 oomhog in /" HOSTILE " <- /" HOSTILE " 8192K by oomhog\n"                               \
	"- cgname\n"                                                                               \
	"7 oomhog in /one2 <- /one2 8192K by oomhog\n"                                             \
	"8 oomhog in /one2 <- /one2 8192K by oomhog\n"                                             \
	"- threads\n"

#define GROUP                                                                                      \
	"10 oomhog in /grp <- /grp 8192K by oomhog\n"                                              \
	"10 sh in ? <- /grp 8192K by oomhog member of /grp\n"                                      \
	"10 sleep in ? <- /grp 8192K by oomhog member of /grp\n"                                   \
	"10 sleep in ? <- /grp 8192K by oomhog member of /grp\n"                                   \
	"10 oomhog in ? <- /grp 8192K by oomhog member of /grp again\n"                            \
	"- group\n"

static char *put_deep(struct told *t, size_t len)
{
	char path[1300] = "/deep";
	size_t n = 5;

	for (int i = 1; i <= 6; i++)
		n += (size_t)sprintf(path + n, "/%0200d", i);
	path[len] = '\0';
	put(t, "9 oomhog in %s… <- %s… 8192K by oomhog\n- deep\n", path, path);
	return t->text;
}

/* Ten with a header and four without, as the kernel does it; then, after a while, one with. */
static void put_rate(struct told *t, unsigned first)
{
	unsigned i;

	for (i = first; i < first + 10; i++)
		put(t, "%u " ONE, i);
	for (; i < first + 14; i++)
		put(t, "%u oomhog in ? <- ?\n", i);
	put(t, "- rate\n%u " ONE "- afterrate\n", i++);
	put(t, "%u oomhog in / global <- none by oomhog\n- global\n", i);
}

static void machines(void **state)
{
	static const struct {
		const char *name;
		bool group;
		size_t path; /* bytes of a path that fit into a record there */
	} rows[] = {
		{ "5.10-v1", false, 989 }, { "5.10-v2", true, 989 },  { "6.1-v1", false, 989 },
		{ "6.1-v2", true, 989 },   { "6.12-v2", true, 1021 }, { "7.2-v2", true, 1021 },
	};
	static struct told got, wanted;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		feed_file(rows[i].name, &got);
		wanted.len = 0;
		put(&wanted, "%s", SCENES);
		put_deep(&wanted, rows[i].path);
		put(&wanted, "%s", rows[i].group ? GROUP : "");
		put_rate(&wanted, rows[i].group ? 11 : 10);
		check_told(rows[i].name, got.text, wanted.text);
		assert_int_equal(decoder.suppressed, 4);
	}
}

/* ---- numbers of one line ---- */

static bool feed(const char *text, struct kmsg_kill *ret)
{
	struct kmsg_record rec = { .seq = 7, .time_us = 8 };

	rec.len = strlen(text);
	memcpy(rec.text, text, rec.len + 1);
	return kmsg_decoder_feed(&decoder, &rec, ret);
}

#define VALUES "total-vm:5kB, anon-rss:4kB, file-rss:3kB, shmem-rss:2kB"

static void values(void **state)
{
	struct kmsg_kill k;

	(void)state;
	kmsg_decoder_init(&decoder);
	assert_true(feed("Memory cgroup out of memory: Killed process 12 (a b) total-vm:66700kB, "
			 "anon-rss:8120kB, file-rss:4kB, shmem-rss:712kB, UID:1000 pgtables:56kB "
			 "oom_score_adj:-998",
			 &k));
	assert_int_equal(k.pid, 12);
	assert_string_equal(k.comm.text, "a b");
	assert_int_equal(k.total_vm_bytes, 66700 * 1024);
	assert_int_equal(k.anon_rss_bytes, 8120 * 1024);
	assert_int_equal(k.file_rss_bytes, 4 * 1024);
	assert_int_equal(k.shmem_rss_bytes, 712 * 1024);
	assert_int_equal(k.pgtables_bytes, 56 * 1024);
	assert_int_equal(k.uid, 1000);
	assert_int_equal(k.oom_score_adj, -998);
	assert_false(k.global);
	/* Before 5.4 there were fewer; there may be more some day. */
	assert_true(feed("Out of memory: Killed process 12 (a) " VALUES, &k));
	assert_true(k.uid == KMSG_UID_NONE && k.pgtables_bytes == BYTES_NONE && k.global);
	assert_true(feed("Out of memory (oom_kill_allocating_task): Killed process 12 () " VALUES
			 ", swap:9kB, new",
			 &k));
	assert_int_equal(k.comm.len, 0);
}

static void no_kills(void **state)
{
	static const char *const texts[] = {
		"",
		"Memory cgroup out of memory: Killed process",
		"Memory cgroup out of memory: Killed process 12",
		"Memory cgroup out of memory: Killed process 12 (a",
		"Memory cgroup out of memory: Killed process 12 (a)",
		"Memory cgroup out of memory: Killed process 12 (a) total-vm:",
		"Memory cgroup out of memory: Killed process 12 (a) total-vm:5",
		"Memory cgroup out of memory: Killed process 12 (a) total-vm:5kB, anon-rss:4k",
		"Memory cgroup out of memory: Killed process 12 (a) total-vm:5kB, UID:x",
		"Memory cgroup out of memory: Killed process 12 (a) "
		"total-vm:99999999999999999999kB",
		"Memory cgroup out of memory: Killed process x (a) " VALUES,
		"Memory cgroup out of memory: Killed process -1 (a) " VALUES,
		"Memory cgroup out of memory: Killed process 12 (sixteen letters.) " VALUES,
		" Memory cgroup out of memory: Killed process 12 (a) " VALUES,
		"x: Out of memory: Killed process 12 (a) " VALUES,
		"Out of memory: Kill process 12 (a) score 1 or sacrifice child",
		"Out of memory: OOM victim 12 (a) is already exiting. Skip killing the task",
		"oom_reaper: reaped process 12 (a), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
	};
	struct kmsg_kill k;

	(void)state;
	kmsg_decoder_init(&decoder);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(feed(texts[i], &k));
}

/* ---- sequences ---- */

#define INVOKED                                                                                    \
	"4,10,100,-;hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=2, oom_score_adj=0"
#define CPU "4,11,101,-;CPU: 1 PID: 77 Comm: hog Not tainted 6.1.0"
#define MEMORY "6,12,102,-;memory: usage 8000kB, limit 8192kB, failcnt 1"
#define STATS "6,13,103,-;Memory cgroup stats for /a:"
#define CONTEXT "nodemask=(null),cpuset=/,mems_allowed=0-1,3"
#define OOM_KILL                                                                                   \
	"6,14,104,-;oom-kill:constraint=CONSTRAINT_MEMCG," CONTEXT                                 \
	",oom_memcg=/a,task_memcg=/a/b,task=hog,pid=5,uid=0"
#define KILLED(pid, comm)                                                                          \
	"3,15,105,-;Memory cgroup out of memory: Killed process " #pid " (" comm ") " VALUES
#define GKILLED(pid, comm) "3,15,105,-;Out of memory: Killed process " #pid " (" comm ") " VALUES
#define TASKS "6,16,106,-;Tasks in /a are going to be killed due to memory.oom.group set"
#define BOOT "6,0,0,-;Linux version"
#define WANT_HEAD "1 hog in /a/b <- /a 8192K by hog"
#define NAMELESS "hog in ? <- ?\n"

static const struct {
	const char *what;
	const char *told;
	const char *lines[12];
} sequences[] = {
	{ "all of it",
	  WANT_HEAD "\n",
	  { INVOKED, CPU, MEMORY, STATS, OOM_KILL, KILLED(5, "hog") } },
	{ "others between",
	  WANT_HEAD "\n",
	  { INVOKED, CPU, "6,0,0,-;eth0: up", MEMORY, STATS, OOM_KILL, "4,0,0,-;oops",
	    "12,0,0,-;user", KILLED(5, "hog") } },
	{ "a trigger of whom it is not certain",
	  "1 hog in /a/b <- /a by hog without pid\n",
	  { INVOKED, "6,11,0,-;eth0: up", "4,12,101,-;CPU: 1 PID: 77 Comm: hog Not tainted", STATS,
	    OOM_KILL, KILLED(5, "hog") } },
	{ "another one's stack",
	  "1 hog in /a/b <- /a by hog without pid\n",
	  { INVOKED, "4,11,0,-;CPU: 1 PID: 77 Comm: hogs Not tainted", STATS, OOM_KILL,
	    KILLED(5, "hog") } },
	{ "no header", "1 " NAMELESS, { KILLED(5, "hog") } },
	{ "the header of an exiting victim is not the next one's",
	  "1 " NAMELESS,
	  { INVOKED, CPU, MEMORY, STATS, OOM_KILL,
	    "3,0,0,-;Memory cgroup out of memory: OOM victim 5 (hog) is already exiting. Skip "
	    "killing the task",
	    KILLED(6, "hog") } },
	{ "nobody to be killed",
	  "1 " NAMELESS,
	  { INVOKED, MEMORY, "4,0,0,-;Out of memory and no killable processes...",
	    KILLED(6, "hog") } },
	{ "a header is used once",
	  WANT_HEAD "\n2 " NAMELESS,
	  { INVOKED, CPU, MEMORY, STATS, OOM_KILL, KILLED(5, "hog"), KILLED(6, "hog") } },
	{ "records lost in between",
	  "1 " NAMELESS,
	  { INVOKED, CPU, MEMORY, STATS, OOM_KILL, "lost", KILLED(5, "hog") } },
	{ "the first half lost", "1 hog in /a/b <- /a\n", { "lost", OOM_KILL, KILLED(5, "hog") } },
	{ "a thread is killed in place of its process",
	  "1 worker in /a/b <- /a 8192K by hog\n",
	  { INVOKED, CPU, MEMORY, STATS, OOM_KILL, KILLED(6, "worker") } },
	{ "what a process wrote",
	  "",
	  { "11,15,1,-;Memory cgroup out of memory: Killed process 5 (hog) " VALUES } },
	{ "a header that a process wrote",
	  "1 " NAMELESS,
	  { "12,10,100,-;hog invoked oom-killer: gfp_mask=0, order=2, oom_score_adj=0",
	    "14,14,104,-;oom-kill:constraint=CONSTRAINT_MEMCG," CONTEXT
	    ",oom_memcg=/a,task_memcg=/a,task=hog,pid=5,uid=0",
	    KILLED(5, "hog") } },
	{ "a name that ends as the line does, and a path that holds a name's key",
	  "1 x,pid=5,uid=0 in /a,task=q <- /a\n",
	  { STATS,
	    "6,14,104,-;oom-kill:constraint=CONSTRAINT_MEMCG," CONTEXT
	    ",oom_memcg=/a,task_memcg=/a,task=q,task=x,pid=5,uid=0,pid=5,uid=0",
	    KILLED(5, "x,pid=5,uid=0") } },
	{ "a name that may be a part of the path, and no line that tells",
	  "1 worker in ? <- ?\n",
	  { "6,14,104,-;oom-kill:constraint=CONSTRAINT_MEMCG," CONTEXT
	    ",oom_memcg=/a,task_memcg=/a,task=q,task=x,pid=5,uid=0",
	    KILLED(6, "worker") } },
	{ "a path that may end in two places, and no line that tells",
	  "1 hog in ? <- ?\n",
	  { "6,14,104,-;oom-kill:constraint=CONSTRAINT_MEMCG," CONTEXT
	    ",oom_memcg=/a,task_memcg=/b,task_memcg=/c,task=hog,pid=5,uid=0",
	    KILLED(5, "hog") } },
	{ "the same with one",
	  "1 hog in /b,task_memcg=/c <- /a by hog\n",
	  { INVOKED, CPU, STATS,
	    "6,14,104,-;oom-kill:constraint=CONSTRAINT_MEMCG," CONTEXT
	    ",oom_memcg=/a,task_memcg=/b,task_memcg=/c,task=hog,pid=5,uid=0",
	    KILLED(5, "hog") } },
	{ "a cpuset that looks like the rest: the limit is known from the stats, the cgroup is not",
	  "1 hog in ? <- /a by hog\n",
	  { INVOKED, CPU, STATS,
	    "6,14,104,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed="
	    "0,"
	    "oom_memcg=/a,task_memcg=/z,mems_allowed=0,oom_memcg=/a,task_memcg=/b,task=hog,pid=5,"
	    "uid=0",
	    KILLED(5, "hog") } },
	{ "a cpuset that does so badly",
	  "1 hog in /b <- /a by hog\n",
	  { INVOKED, CPU, STATS,
	    "6,14,104,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=0-1,cpuset=x,mems_allowed=0,"
	    "oom_memcg=/y,task_memcg=/z,mems_allowed=0,oom_memcg=/a,task_memcg=/b,task=hog,pid=5,"
	    "uid=0",
	    KILLED(5, "hog") } },
	{ "a global one, and its trigger",
	  "1 hog in /a/b global <- none by hog\n",
	  { INVOKED, CPU,
	    "6,14,104,-;oom-kill:constraint=CONSTRAINT_NONE," CONTEXT
	    ",global_oom,task_memcg=/a/b,task=hog,pid=5,uid=0",
	    GKILLED(5, "hog") } },
	{ "cpuset",
	  "1 hog in /a/b global <- cpuset\n",
	  { "6,14,104,-;oom-kill:constraint=CONSTRAINT_CPUSET," CONTEXT
	    ",global_oom,task_memcg=/a/b,task=hog,pid=5,uid=0",
	    GKILLED(5, "hog") } },
	{ "mempolicy",
	  "1 hog in /a/b global <- mempolicy\n",
	  { "6,14,104,-;oom-kill:constraint=CONSTRAINT_MEMORY_POLICY," CONTEXT
	    ",global_oom,task_memcg=/a/b,task=hog,pid=5,uid=0",
	    GKILLED(5, "hog") } },
	{ "a constraint of some day",
	  "1 hog in ? <- ? by hog\n",
	  { INVOKED, CPU,
	    "6,14,104,-;oom-kill:constraint=CONSTRAINT_NEW," CONTEXT
	    ",oom_memcg=/a,task_memcg=/a/b,task=hog,pid=5,uid=0",
	    KILLED(5, "hog") } },
	{ "a line in pieces, others' messages between",
	  "1 hog in /a/b <- /a\n",
	  { "6,14,104,-;oom-kill:constraint=CONSTRAINT_MEMCG," CONTEXT ",oom_memcg=/a",
	    "6,15,104,-;eth0: up", "4,16,104,c;,task_memcg=/a/b", "4,17,104,c;,task=hog,pid=5",
	    "12,18,104,-;user", "4,19,104,c;,uid=0", KILLED(5, "hog") } },
	{ "pieces of another caller",
	  "1 hog in /a/b <- /a\n",
	  { "6,14,104,-,caller=T7;oom-kill:constraint=CONSTRAINT_MEMCG," CONTEXT ",oom_memcg=/a",
	    "4,15,104,c,caller=C1;,task_memcg=/x", "4,16,104,c,caller=T7;,task_memcg=/a/b",
	    "4,17,104,c,caller=T7;,task=hog,pid=5,uid=0", KILLED(5, "hog") } },
	{ "a piece that lacks",
	  "1 hog in ? <- ?\n",
	  { "6,14,104,-;oom-kill:constraint=CONSTRAINT_MEMCG," CONTEXT ",oom_memcg=/a",
	    "4,16,104,c;,task_memcg=/a/b", KILLED(5, "hog") } },
	{ "a group, from boot on",
	  WANT_HEAD "\n1 sh in ? <- /a 8192K by hog member of /a\n"
		    "1 hog in ? <- /a 8192K by hog member of /a again\n",
	  { BOOT, INVOKED, CPU, MEMORY, STATS, OOM_KILL, KILLED(5, "hog"), TASKS, KILLED(6, "sh"),
	    KILLED(5, "hog") } },
	{ "a group, nothing known of before: there may have been 10 headers",
	  WANT_HEAD "\n1 sh in ? <- /a 8192K by hog member? of /a\n"
		    "1 hog in ? <- /a 8192K by hog member of /a again\n",
	  { INVOKED, CPU, MEMORY, STATS, OOM_KILL, KILLED(5, "hog"), TASKS, KILLED(6, "sh"),
	    KILLED(5, "hog") } },
	{ "a group in pieces",
	  "1 " NAMELESS "1 sh in ? <- ? member of /a\n",
	  { BOOT, KILLED(5, "hog"), "6,16,106,-;Tasks in ", "4,17,106,c;/a",
	    "4,18,106,c; are going to be killed due to memory.oom.group set", KILLED(6, "sh") } },
	{ "two groups without headers",
	  "1 " NAMELESS "1 sh in ? <- ? member? of /a\n1 hog in ? <- ? member? of /a\n"
	  "2 sh in ? <- ? member? of /b\n2 hog in ? <- ? member of /b again\n",
	  { KILLED(5, "hog"), TASKS, KILLED(6, "sh"), KILLED(7, "hog"),
	    "6,16,106,-;Tasks in /b are going to be killed due to memory.oom.group set",
	    KILLED(8, "sh"), KILLED(7, "hog") } },
	{ "a header ends a group",
	  "1 " NAMELESS "2 hog in /a/b <- /a 8192K by hog\n",
	  { KILLED(4, "hog"), TASKS, INVOKED, CPU, MEMORY, STATS, OOM_KILL, KILLED(5, "hog") } },
	{ "lost records end a group",
	  "1 " NAMELESS "2 " NAMELESS,
	  { KILLED(4, "hog"), TASKS, "lost", KILLED(5, "hog") } },
	{ "another kind of OOM is no member for sure",
	  "1 " NAMELESS "1 hog in ? global <- ? member? of /a\n",
	  { BOOT, KILLED(4, "hog"), TASKS, GKILLED(4, "hog") } },
};

static void told_of(void **state)
{
	static struct told t;

	(void)state;
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		t.len = 0;
		t.text[0] = '\0';
		kmsg_decoder_init(&decoder);
		for (size_t j = 0; j < 12 && sequences[i].lines[j]; j++) {
			if (strcmp(sequences[i].lines[j], "lost") == 0)
				kmsg_decoder_lost(&decoder);
			else
				feed_line(&decoder, sequences[i].lines[j], &t);
		}
		check_told(sequences[i].what, t.text, sequences[i].told);
	}
	print_message("%zu sequences\n", sizeof(sequences) / sizeof(sequences[0]));
}

/* A flood of pieces takes no more room than there is, and what follows is read again. */
static void endless_line(void **state)
{
	static struct told t;

	(void)state;
	kmsg_decoder_init(&decoder);
	feed_line(&decoder, OOM_KILL, &t);
	for (int i = 0; i < 10000; i++)
		feed_line(&decoder, "4,16,104,c;,task_memcg=/a/b and some more of it", &t);
	feed_line(&decoder, KILLED(5, "hog"), &t);
	assert_string_equal(t.text, "1 hog in ? <- ?\n");
	t.len = 0;
	feed_line(&decoder, OOM_KILL, &t);
	feed_line(&decoder, KILLED(5, "hog"), &t);
	assert_string_equal(t.text, "2 hog in /a/b <- /a\n");
}

static void feed_long(const char *head, size_t len, const char *tail, struct told *t)
{
	static char line[KMSG_READ_MAX];
	size_t n = (size_t)sprintf(line, "%s/", head);

	memset(line + n, 'x', len - 1);
	strcpy(line + n + len - 1, tail);
	feed_line(&decoder, line, t);
}

/* Of a path that has been cut nothing follows for where it ends elsewhere. */
static void long_paths(void **state)
{
	static struct told t;

	(void)state;
	kmsg_decoder_init(&decoder);
	feed_line(&decoder, INVOKED, &t);
	feed_line(&decoder, "6,13,103,-;Memory cgroup stats for ", &t);
	feed_long("4,14,104,c;", 1000, ":", &t);
	feed_line(&decoder,
		  "6,15,104,-;oom-kill:constraint=CONSTRAINT_MEMCG," CONTEXT ",oom_memcg=", &t);
	feed_long("4,16,104,c;", 990, "", &t);
	feed_line(&decoder, "4,17,104,c;,task_memcg=/b,task=hog,pid=5,uid=0", &t);
	feed_line(&decoder, KILLED(5, "hog"), &t);
	assert_non_null(strstr(t.text, "1 hog in /b <- /xxx"));
	assert_non_null(strstr(t.text, "x… by hog"));

	/* Longer than any record of the kernel: what the reader has cut may have been anything. */
	t.len = 0;
	feed_line(&decoder,
		  "6,15,104,-;oom-kill:constraint=CONSTRAINT_MEMCG," CONTEXT ",oom_memcg=", &t);
	feed_long("4,16,104,c;", KMSG_TEXT_MAX + 1, "", &t);
	feed_line(&decoder, "4,17,104,c;,task_memcg=/b,task=hog,pid=5,uid=0", &t);
	feed_line(&decoder, KILLED(5, "hog"), &t);
	assert_string_equal(t.text, "2 hog in ? <- ?\n");
}

static void usage(void **state)
{
	static struct told t;
	struct kmsg_kill k;

	(void)state;
	kmsg_decoder_init(&decoder);
	feed_line(&decoder, INVOKED, &t);
	feed_line(&decoder, CPU, &t);
	feed_line(&decoder, MEMORY, &t);
	feed_line(&decoder,
		  "6,12,102,-;memory+swap: usage 5kB, limit 9007199254740988kB, failcnt 1", &t);
	assert_true(feed("Memory cgroup out of memory: Killed process 5 (hog) " VALUES, &k));
	assert_int_equal(k.oom.usage_bytes, BYTES_NONE); /* without oom-kill: it is no header */
	kmsg_decoder_init(&decoder);
	feed_line(&decoder, INVOKED, &t);
	feed_line(&decoder, CPU, &t);
	feed_line(&decoder, MEMORY, &t);
	feed_line(&decoder,
		  "6,12,102,-;memory+swap: usage 5kB, limit 9007199254740988kB, failcnt 1", &t);
	feed_line(&decoder, OOM_KILL, &t);
	assert_true(feed("Memory cgroup out of memory: Killed process 5 (hog) " VALUES, &k));
	assert_int_equal(k.oom.usage_bytes, 8000 * 1024);
	assert_int_equal(k.oom.limit_bytes, 8192 * 1024);
	assert_int_equal(k.oom.memsw_usage_bytes, 5 * 1024);
	assert_true(k.oom.memsw_limit_bytes == BYTES_NONE);
	assert_int_equal(k.oom.order, 2);
	assert_int_equal(k.oom.trigger_pid, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines),     cmocka_unit_test(values),
		cmocka_unit_test(no_kills),     cmocka_unit_test(told_of),
		cmocka_unit_test(endless_line), cmocka_unit_test(long_paths),
		cmocka_unit_test(usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
