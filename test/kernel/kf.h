/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * kernel-facts: one test for each kernel behaviour that oomnotify relies on
 *
 * Every fact runs in a process of its own, with a scratch cgroup of its own. A check that does not
 * hold ends that process; whatever it left behind (processes, cgroups) is cleared by the runner.
 * So nothing here is freed or removed unless that is part of the fact.
 *
 * A thing that a kernel has not is told by its own sign, an absent file or key, never by a version.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/inotify.h>
#include <sys/types.h>

#define KF_PATH 1024
#define KF_LIMIT ((size_t)8 << 20) /* of most cgroups here: enough to run in, soon passed */

enum kf_on {
	KF_V1 = 1 << 0,
	KF_V2 = 1 << 1,
	KF_ANY = KF_V1 | KF_V2,
	KF_MACHINE = 1 << 2, /* changes the whole machine: only where --machine says it is ours */
	KF_FLAT = 1 << 3,    /* v1: leave memory.use_hierarchy as it was found */
};

struct cg {
	int fd;
	char path[KF_PATH];
};

/* What a fact gets. */
struct kf {
	bool v2;
	bool machine;
	bool real_root;     /* what is mounted at `root` is the root of the whole hierarchy */
	const char *events; /* the file with the counters: memory.events, memory.oom_control */
	struct cg root;     /* the mount point */
	struct cg scratch;  /* empty; v2: memory is enabled for its children */
};

struct kf_fact {
	const char *name;
	unsigned on; /* KF_* */
	void (*run)(const struct kf *kf);
	const char *text;   /* what the kernel does */
	const char *breaks; /* what would make the test fail */
	const char *legend; /* what the figures mean; NULL: none are measured */
};

/* Each ends with an entry without a name. */
extern const struct kf_fact kf_counter_facts[];
extern const struct kf_fact kf_group_facts[];
extern const struct kf_fact kf_notify_facts[];
extern const struct kf_fact kf_order_facts[];
extern const struct kf_fact kf_life_facts[];
extern const struct kf_fact kf_removal_facts[];
extern const struct kf_fact kf_eventfd_facts[];
extern const struct kf_fact kf_v1_signal_facts[];
extern const struct kf_fact kf_v1_life_facts[];
extern const struct kf_fact kf_machine_facts[];

/* verdict.c: how a fact ends */
#define CHECK(cond, ...)                                                                           \
	do {                                                                                       \
		if (!(cond))                                                                       \
			kf_fail(__FILE__, __LINE__, #cond, __VA_ARGS__);                           \
	} while (0)
noreturn void kf_fail(const char *file, int line, const char *cond, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
noreturn void kf_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The measured figures, in the order of the fact's legend. */
void kf_figure(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define KF_WORDS 400
struct kf_words {
	char skip[KF_WORDS];
	char figure[KF_WORDS];
};
extern struct kf_words *kf_words; /* shared between the runner and the fact's process */

/* base.c: where scratch cgroups can be made */
struct kf_place {
	struct kf kf;          /* scratch is filled in for each fact */
	struct cg base;        /* scratch cgroups are made here */
	char options[KF_PATH]; /* the mount's own, from mountinfo */
};
/* Returns 0; or 1 and in @why what is missing. */
int kf_place_find(struct kf_place *ret, const char *base, bool machine, char why[KF_WORDS]);
/* The options of the memory hierarchy's mount as they are now. */
void kf_mount_options(bool v2, char ret[KF_PATH]);
/* Called in the fact's own process. */
void kf_scratch_make(const struct kf_place *place, const char *name, unsigned on, struct cg *ret);
/* Kills what is in the cgroup and below, and removes it all. Returns 0 or a negated errno. */
int kf_scratch_clear(const struct kf_place *place, const char *name);

/* cg.c: cgroups and their files; a failure fails the fact */
void cg_make(const struct cg *parent, const char *name, struct cg *ret);
/* As cg_make(), and v2: memory is enabled for its children. */
void cg_make_inner(const struct kf *kf, const struct cg *parent, const char *name, struct cg *ret);
/* Waits until no process is in it. */
void cg_remove(const struct cg *parent, const char *name);
bool cg_has(const struct cg *c, const char *file);
int cg_open(const struct cg *c, const char *file, int flags);
/* Returns 0 or a negated errno. */
int cg_try_write(const struct cg *c, const char *file, const char *text);
void cg_write(const struct cg *c, const char *file, const char *text);
void cg_limit(const struct kf *kf, const struct cg *c, size_t bytes);
/* Whole text of an open file, read from its start. Returns its length or a negated errno. */
ssize_t fd_text(int fd, char *buf, size_t size);
uint64_t fd_key(int fd, const char *key);
/* Two keys of one reading. */
void fd_keys(int fd, const char *key1, uint64_t *ret1, const char *key2, uint64_t *ret2);
uint64_t cg_key(const struct cg *c, const char *file, const char *key);
bool cg_has_key(const struct cg *c, const char *file, const char *key);
/* Counted at exactly this cgroup; on v1 only oom_kill can be read. */
uint64_t cg_local(const struct kf *kf, const struct cg *c, const char *key);
uint64_t fd_inode(int fd);
uint64_t cg_inode(const struct cg *c, const char *file);
uint64_t vmstat_key(const char *key);

/* hog.c: processes in cgroups */
enum hog_act {
	HOG_EXIT,       /* ends with status 0 */
	HOG_OVERRUN,    /* takes memory until it is killed */
	HOG_EVERYTHING, /* the same, with all memory of the machine */
	HOG_LAZYFREE,   /* takes memory and gives it back with MADV_FREE, for ever */
};
struct hog {
	pid_t pid;
	int go; /* written to let it act */
};
/* Starts a process, moves it into @c, lets it take @bytes; returns when it has them. */
struct hog hog_start(const struct cg *c, size_t bytes, enum hog_act act);
/* The same, with HOG_OVERRUN; a second process in @home shares its memory (CLONE_VM). */
struct hog hog_start_shared(const struct cg *c, const struct cg *home, pid_t *ret_sharer);
void hog_go(const struct hog *h);
/* Waits for its end; returns wait status. */
int hog_wait(const struct hog *h);
void hog_kill(const struct hog *h);
/* One process runs over @c's limit (or an ancestor's) and is killed and reaped. */
void hog_oom(const struct cg *c);
bool killed_by_oom(int status);
/* Forks; the child dies with its parent, has no signal blocked and must end with _exit(). */
pid_t hog_fork(void);

/* wait.c: being told */
#define KF_SOON_MS 60000 /* bound for what must come; the machines may be slow */
#define KF_NEVER_MS 300  /* how long is waited for what must not come */
uint64_t now_us(void);
/* poll(2) of one descriptor; returns revents, 0 on timeout. */
short fd_poll(int fd, short events, int timeout_ms);
struct ino {
	int fd;
	size_t pos, len; /* what of buf is not yet taken */
	_Alignas(struct inotify_event) char buf[4096];
};
void ino_open(struct ino *ret);
/* Watches @c itself (@file NULL) or a file in it. */
int ino_add(struct ino *ino, const struct cg *c, const char *file, uint32_t mask);
/* The next event, which lives until the next call; NULL if none comes within @timeout_ms. */
const struct inotify_event *ino_next(struct ino *ino, int timeout_ms);
/* An epoll instance with @fd for EPOLLPRI in it. */
int pri_open(int fd);
bool pri_wait(int epfd, int timeout_ms);
/* v1: an eventfd registered on @c's memory.oom_control. */
int v1_listen(const struct cg *c);
/* Returns 0 or a negated errno. */
int v1_register(const struct cg *c, int efd);
/* What the eventfd has counted since the last call; 0: nothing. */
uint64_t efd_take(int efd);
