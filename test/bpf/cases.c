/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct seen seen;
struct scratch scratch;
struct shared *shared;

void touch(size_t bytes, int flags)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	for (size_t i = 0; i < bytes; i += 4096)
		*(volatile char *)(p + i) = 1;
}

bool set_adj(const char *adj)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, adj, strlen(adj)) >= 0;

	if (fd >= 0)
		(void)close(fd);
	return done;
}

void overrun(void)
{
	(void)prctl(PR_SET_NAME, "overruns");
	if (!set_adj("300"))
		_exit(1);
	touch(2 * LIMIT, MAP_PRIVATE);
}

void hold(void)
{
	(void)prctl(PR_SET_NAME, "a\n\"\033[1m\xff\xc3(b) c");
	if (!set_adj("700"))
		_exit(1);
	touch(8 * MIB, MAP_PRIVATE);
	touch(1 * MIB, MAP_SHARED);
	if (setresuid(65534, 65533, 65532) < 0)
		_exit(1);
}

void ask(void)
{
	(void)prctl(PR_SET_NAME, ASKS);
	(void)set_adj("-1000");
	touch(12 * MIB, MAP_PRIVATE);
}

bool has_scope(void)
{
	return seen.level != BPF_OOM_TRACEPOINT;
}

uint64_t oom_kill(const char *path)
{
	return scratch_key(&scratch, path,
			   scratch.v2 ? "memory.events.local" : "memory.oom_control", "oom_kill");
}

void same_oom(const struct sighting *v, const char *path)
{
	const struct sighting *begin, *end;

	if (!has_scope()) {
		HOLDS(!v->in_oom && !v->limit.known && v->began_ns == 0);
		SAME(v->constraint, OOM_CONSTRAINT_UNKNOWN);
		SAME(v->total_bytes, BYTES_NONE);
		SAME(v->limit_bytes, BYTES_NONE);
		SAME(seen_count(&seen, SIGHTING_LIMIT) + seen_count(&seen, SIGHTING_END), 0);
		return;
	}
	begin = v;
	while (begin > seen.all && begin->kind != SIGHTING_LIMIT)
		begin--;
	end = v;
	while (end < seen.all + seen.n - 1 && end->kind != SIGHTING_END)
		end++;
	SAME(begin->kind, SIGHTING_LIMIT);
	SAME(end->kind, SIGHTING_END);
	for (const struct sighting *i = begin; i <= end; i++) {
		SAME(i->began_ns, begin->began_ns);
		SAME(i->trigger.tid, begin->trigger.tid);
		HOLDS(i->in_oom && i->when_ns >= i->began_ns);
		SAME(i->constraint, OOM_CONSTRAINT_MEMCG);
		SAME(i->order, 0);
		HOLDS(i->gfp != 0);
		SAME(i->limit_bytes, LIMIT);
		HOLDS(i->usage_bytes <= LIMIT);
		truth_same_cgroup(&seen, i, &i->limit, path);
		SAME(i->total_bytes, i->kind == SIGHTING_LIMIT ? BYTES_NONE : LIMIT);
	}
	HOLDS(begin->usage_bytes > LIMIT - MIB);
	HOLDS(end->chosen);
}

void held(const char *limit, const char *victim, const char *asker)
{
	struct hog v = hog_start(&scratch, victim, hold), a = hog_start(&scratch, asker, ask);
	struct truth vt, at;
	const struct sighting *s;

	hog_go(&v);
	truth_read(&vt, v.pid);
	truth_read(&at, a.pid);
	(void)strcpy(at.comm, ASKS);
	hog_go(&a);
	SAME(WTERMSIG(hog_wait(&v)), SIGKILL);
	hog_kill(&a);
	seen_until(&seen, a.pid, has_scope() ? SIGHTING_END : SIGHTING_VICTIM, 1);
	SAME(seen_count(&seen, SIGHTING_VICTIM), 1);
	SAME(seen_count(&seen, SIGHTING_COLLATERAL), 0);
	s = seen_of(&seen, SIGHTING_VICTIM, v.pid);
	SAME(s->task.tid, v.pid);
	HOLDS(!sighting_cmdline(s)); /* its memory is not the trigger's */
	truth_same_victim(&vt, &seen, s);
	truth_same_sizes(&seen, &vt, s);
	HOLDS(s->shmem_bytes >= (s->exact ? MIB : MIB / 2));
	truth_same_task(&at, &s->trigger);
	SAME(s->trigger.tid, a.pid);
	truth_same_cgroup(&seen, s, &s->memory, victim);
	truth_same_cgroup(&seen, s, &s->trigger_memory, asker);
	SAME(s->oom_kill, oom_kill(victim));
	same_oom(s, limit);
	if (has_scope())
		SAME(seen_of(&seen, SIGHTING_END, a.pid)->victims, 1);
}
