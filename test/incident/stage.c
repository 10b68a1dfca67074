/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "watching.h"

struct stage stage;

static const struct {
	const char *name, *source;
} levels[LEVELS] = {
	[LEVEL_FENTRY] = { "fentry", "bpf-fentry" },
	[LEVEL_KPROBE] = { "kprobe", "bpf-kprobe" },
	[LEVEL_TRACEPOINT] = { "tracepoint", "bpf-tracepoint" },
	[LEVEL_KMSG] = { "kmsg", "kmsg" },
	[LEVEL_NONE] = { "none", "counters" },
};

/* The end of the actor that is being started that it itself holds. */
static int stand_fd = -1;

const char *level_name(enum level level)
{
	return levels[level].name;
}

const char *level_source(enum level level)
{
	return levels[level].source;
}

bool level_from_name(const char *name, enum level *ret)
{
	for (enum level i = 0; i < LEVELS; i++)
		if (strcmp(levels[i].name, name) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

void place_of(struct place *ret, const char *path)
{
	struct cgroup_at at;

	scratch_at(&stage.scratch, path, &at);
	ret->id = at.id;
	(void)snprintf(ret->path, sizeof(ret->path), "%s", at.path);
	scratch_at_close(&at);
}

void stand(void)
{
	uint32_t tid = (uint32_t)syscall(SYS_gettid);
	char c;

	if (write(stand_fd, &tid, sizeof(tid)) != sizeof(tid) || read(stand_fd, &c, 1) != 1)
		_exit(1);
}

/* Who stands, as seen from here: the kernel tells it along with the message. */
static pid_t who_stands(int fd, uint32_t *ret_tid)
{
	char room[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec v = { ret_tid, sizeof(*ret_tid) };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)
	};
	struct ucred who;
	const struct cmsghdr *c;

	if (recvmsg(fd, &m, MSG_CMSG_CLOEXEC) != sizeof(*ret_tid))
		die("an actor did not get as far as to stand");
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_type != SCM_CREDENTIALS)
		die("nobody told who stands");
	memcpy(&who, CMSG_DATA(c), sizeof(who));
	return who.pid;
}

static void read_command(struct actor *a)
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)a->t.pid);
	n = readlink(path, a->exe, sizeof(a->exe) - 1);
	a->exe[n < 0 ? 0 : n] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)a->t.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, a->cmdline, sizeof(a->cmdline) - 1);
	(void)fd_close(fd);
	if (n <= 0)
		die("%s: %s", path, strerror(errno));
	for (ssize_t i = 0; i < n - 1; i++)
		if (!a->cmdline[i])
			a->cmdline[i] = ' ';
}

void actor_start(struct actor *a, const char *cgroup, const char *memory, hog_act act)
{
	int pair[2], on = 1;
	char c = 0;

	memset(a, 0, sizeof(*a));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		die("socketpair: %s", strerror(errno));
	stand_fd = pair[1];
	a->hog = hog_start(&stage.scratch, cgroup, act);
	(void)close(pair[1]);
	a->gate = pair[0];
	if (write(a->hog.go, &c, 1) != 1)
		die("%s: an actor has ended too early", cgroup);
	truth_read(&a->t, who_stands(a->gate, &a->stood_tid));
	a->tid = (uint32_t)a->t.pid;
	read_command(a);
	place_of(&a->memory, memory ? memory : cgroup);
	if (stage.scratch.v2)
		place_of(&a->own, cgroup);
	else
		a->own = (struct place){ "/", 1 }; /* v2 is not used there */
}

void actor_go(struct actor *a)
{
	char c = 0;

	if (write(a->gate, &c, 1) != 1)
		die("an actor has ended too early");
}

void actor_killed(struct actor *a)
{
	int status = hog_wait(&a->hog);

	a->gate = fd_close(a->gate);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		die("process %d was not killed: status %d", (int)a->t.pid, status);
}

void actor_end(struct actor *a)
{
	hog_kill(&a->hog);
	a->gate = fd_close(a->gate);
}

char *take_pages(size_t bytes, int flags)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	return p;
}

void touch_pages(char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 4096)
		*(volatile char *)(at + i) = 1;
}

bool set_adj(const char *adj)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, adj, strlen(adj)) >= 0;

	(void)fd_close(fd);
	return done;
}

void act_overrun(void)
{
	char *p = take_pages(2 * LIMIT, MAP_PRIVATE);

	(void)prctl(PR_SET_NAME, "overruns");
	if (!set_adj("300"))
		_exit(1);
	stand();
	touch_pages(p, 2 * LIMIT);
}

void act_hold(void)
{
	(void)prctl(PR_SET_NAME, "a\n\"\033[1m\xff\xc3(b) c");
	if (!set_adj("700"))
		_exit(1);
	touch_pages(take_pages(8 * MIB, MAP_PRIVATE), 8 * MIB);
	touch_pages(take_pages(MIB, MAP_SHARED), MIB);
	if (setresuid(65534, 65533, 65532) < 0)
		_exit(1);
	stand();
}

/* Without the right to be spared (CAP_SYS_RESOURCE) it is still the better one to keep. */
void act_ask(void)
{
	char *p = take_pages(12 * MIB, MAP_PRIVATE);

	(void)prctl(PR_SET_NAME, "asks");
	(void)set_adj("-1000");
	stand();
	touch_pages(p, 12 * MIB);
}

void act_rest(void)
{
	(void)prctl(PR_SET_NAME, "rests");
	stand();
}

static const char *quick_comm;

static void act_quick(void)
{
	char *p = take_pages(2 * LIMIT, MAP_PRIVATE);

	(void)prctl(PR_SET_NAME, quick_comm);
	touch_pages(p, 2 * LIMIT);
}

pid_t quick_kill(const char *cgroup, const char *comm, uint64_t *ret_reaped_ns)
{
	char c = 0;
	struct hog h;
	int status;

	quick_comm = comm;
	h = hog_start(&stage.scratch, cgroup, act_quick);
	if (write(h.go, &c, 1) != 1)
		die("%s: a process has ended too early", cgroup);
	status = hog_wait(&h);
	*ret_reaped_ns = clock_ns(CLOCK_MONOTONIC);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		die("%s: process %d was not killed: status %d", cgroup, (int)h.pid, status);
	return h.pid;
}

size_t memory_total(void)
{
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	if (!f || !fgets(line, sizeof(line), f))
		die("/proc/meminfo cannot be read");
	(void)fclose(f);
	return strtoull(line + strlen("MemTotal:"), NULL, 10) * 1024;
}

uint64_t scratch_bytes(const char *path, const char *file)
{
	int fd = open(scratch_path(&stage.scratch, path, file), O_RDONLY | O_CLOEXEC);
	char text[64];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	unsigned long long v;

	(void)fd_close(fd);
	if (n <= 0 || text[0] == 'm')
		return BYTES_NONE;
	text[n] = '\0';
	v = strtoull(text, NULL, 10);
	return v > INT64_MAX - 4096 ? BYTES_NONE : v;
}

bool scratch_has_key(const char *key)
{
	int fd = open(scratch_path(&stage.scratch, "", "memory.events"), O_RDONLY | O_CLOEXEC);
	char text[512];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	(void)fd_close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return strstr(text, key) != NULL;
}

uint64_t counted(const char *key)
{
	return scratch_key(&stage.scratch, "", "memory.events", key);
}
