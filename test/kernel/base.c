/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where scratch cgroups can be made, and how they are cleared
 *
 * v1: below the runner's own cgroup. v2: no processes where children have controllers, so below the
 * nearest ancestor that gives memory to its children already; in a machine of one's own the root is
 * made to. Nothing above the scratch cgroup is changed otherwise.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "kf.h"

#define LINE_MAX_BYTES 4096
#define CGROUP_NS_INIT "cgroup:[4026531835]" /* PROC_CGROUP_INIT_INO */

struct mount {
	char root[KF_PATH];
	char where[KF_PATH];
	char type[32];
	char options[KF_PATH]; /* of the file system, not of the mount */
};

static bool has_word(const char *list, const char *word, const char *separators)
{
	size_t n = strlen(word), len;

	for (const char *p = list + strspn(list, separators); *p;
	     p += len, p += strspn(p, separators)) {
		len = strcspn(p, separators);
		if (len == n && strncmp(p, word, n) == 0)
			return true;
	}
	return false;
}

static bool file_has_word(int dirfd, const char *file, const char *word)
{
	_cleanup_close_ int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC);
	char text[LINE_MAX_BYTES];

	return fd >= 0 && fd_text(fd, text, sizeof(text)) > 0 && has_word(text, word, " \n");
}

/* mountinfo writes blank, tab, newline and backslash as \ooo */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && isdigit(s[1]) && isdigit(s[2]) && isdigit(s[3])) {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static bool parse_mount(const char *line, struct mount *ret)
{
	const char *dash = strstr(line, " - ");

	if (!dash || sscanf(line, "%*s %*s %*s %1023s %1023s", ret->root, ret->where) != 2 ||
	    sscanf(dash, " - %31s %*s %1023s", ret->type, ret->options) != 2)
		return false;
	unescape(ret->root);
	unescape(ret->where);
	return true;
}

static bool mount_has_memory(const struct mount *m)
{
	_cleanup_close_ int fd = -1;

	if (strcmp(m->type, "cgroup") == 0)
		return has_word(m->options, "memory", ",");
	if (strcmp(m->type, "cgroup2") != 0)
		return false;
	fd = open(m->where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && file_has_word(fd, "cgroup.controllers", "memory");
}

static bool find_mount(struct mount *ret)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[LINE_MAX_BYTES];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = parse_mount(line, ret) && mount_has_memory(ret);
	if (f)
		fclose(f);
	return found;
}

void kf_mount_options(bool v2, char ret[KF_PATH])
{
	struct mount m;

	CHECK(find_mount(&m) && (strcmp(m.type, "cgroup2") == 0) == v2, "the mount is gone");
	snprintf(ret, KF_PATH, "%s", m.options);
}

/* The runner's own cgroup, as a path from the root of the hierarchy. */
static bool own_cgroup(bool v2, char ret[KF_PATH])
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[LINE_MAX_BYTES], *controllers, *path;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		controllers = strchr(line, ':');
		path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path)
			continue;
		*controllers++ = '\0';
		*path++ = '\0';
		found = v2 ? strcmp(line, "0") == 0 : has_word(controllers, "memory", ",");
		if (found)
			snprintf(ret, KF_PATH, "%s", path);
	}
	if (f)
		fclose(f);
	return found;
}

static bool in_init_namespace(void)
{
	char link[64] = "";

	return readlink("/proc/self/ns/cgroup", link, sizeof(link) - 1) > 0 &&
	       strcmp(link, CGROUP_NS_INIT) == 0;
}

static int open_dir(const char *path, struct cg *ret)
{
	ret->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(ret->path, sizeof(ret->path), "%.*s", KF_PATH - 1, path);
	return ret->fd < 0 ? -errno : 0;
}

static bool fit_v2(const struct cg *c, bool machine, bool is_root)
{
	if (machine && is_root)
		cg_try_write(c, "cgroup.subtree_control", "+memory");
	return file_has_word(c->fd, "cgroup.subtree_control", "memory") &&
	       faccessat(c->fd, "cgroup.procs", W_OK, 0) == 0;
}

/* From @path, which is at or below @m's mount point, upwards. */
static bool climb(const struct mount *m, char *path, bool machine, struct cg *ret)
{
	size_t top = strlen(m->where);

	for (;;) {
		if (open_dir(path, ret) == 0) {
			if (fit_v2(ret, machine, strlen(path) == top))
				return true;
			close(ret->fd);
		}
		if (strlen(path) <= top)
			return false;
		*strrchr(path, '/') = '\0';
	}
}

static bool open_v1(const char *path, struct cg *ret)
{
	if (open_dir(path, ret) != 0)
		return false;
	if (faccessat(ret->fd, ".", W_OK, AT_EACCESS) == 0)
		return true;
	close(ret->fd);
	return false;
}

static int find_base(const struct mount *m, bool v2, bool machine, struct cg *ret,
		     char why[KF_WORDS])
{
	char own[KF_PATH], path[2 * KF_PATH];
	const char *below;
	size_t n = strcmp(m->root, "/") == 0 ? 0 : strlen(m->root);

	if (!own_cgroup(v2, own)) {
		snprintf(why, KF_WORDS, "/proc/self/cgroup names no memory cgroup");
		return 1;
	}
	if (strncmp(own, m->root, n) != 0 || (n > 0 && own[n] != '\0' && own[n] != '/')) {
		snprintf(why, KF_WORDS, "the own cgroup is outside of what %.200s shows", m->where);
		return 1;
	}
	below = strcmp(own + n, "/") == 0 ? "" : own + n;
	snprintf(path, sizeof(path), "%s%s", m->where, below);
	if (v2 ? climb(m, path, machine, ret) : open_v1(path, ret))
		return 0;
	snprintf(why, KF_WORDS, "no cgroup at%s %.300s where cgroups with memory can be made: %m",
		 v2 ? " or above" : "", path);
	return 1;
}

int kf_place_find(struct kf_place *ret, const char *base, bool machine, char why[KF_WORDS])
{
	struct kf *kf = &ret->kf;
	struct mount m;

	if (!find_mount(&m)) {
		snprintf(why, KF_WORDS, "no cgroup hierarchy with memory is mounted");
		return 1;
	}
	*kf = (struct kf){ .v2 = strcmp(m.type, "cgroup2") == 0, .machine = machine };
	kf->events = kf->v2 ? "memory.events" : "memory.oom_control";
	kf->real_root = strcmp(m.root, "/") == 0 && in_init_namespace();
	if (open_dir(m.where, &kf->root) != 0) {
		snprintf(why, KF_WORDS, "%.300s: %m", m.where);
		return 1;
	}
	if (!base)
		return find_base(&m, kf->v2, machine, &ret->base, why);
	if (open_dir(base, &ret->base) != 0) {
		snprintf(why, KF_WORDS, "%.300s: %m", base);
		return 1;
	}
	return 0;
}

void kf_scratch_make(const struct kf_place *place, const char *name, unsigned on, struct cg *ret)
{
	cg_make(&place->base, name, ret);
	if (place->kf.v2) {
		cg_write(ret, "cgroup.subtree_control", "+memory");
		if (cg_has(ret, "memory.swap.max"))
			cg_write(ret, "memory.swap.max", "0");
		return;
	}
	cg_write(ret, "memory.swappiness", "0");
	/* 5.10: flat unless somebody asked for more, as every service manager does */
	if (!(on & KF_FLAT))
		cg_write(ret, "memory.use_hierarchy", "1");
}

static void kill_members(int dirfd)
{
	int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	char line[32];
	long pid;

	while (f && fgets(line, sizeof(line), f)) {
		pid = strtol(line, NULL, 10);
		if (pid > 1 && pid != getpid())
			kill((pid_t)pid, SIGKILL);
	}
	if (f)
		fclose(f);
}

static int clear_tree(int parent, const char *name, uint64_t end)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	const struct dirent *e;
	DIR *d;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	d = fdopendir(fd);
	if (!d)
		return -errno;
	/* a task paused by v1's oom_kill_disable dies on SIGKILL, it need not be woken first */
	while ((e = readdir(d))) {
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			r = clear_tree(dirfd(d), e->d_name, end) ?: r;
	}
	while (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) != 0) {
		r = errno == EBUSY && now_us() < end ? 0 : -errno;
		kill_members(dirfd(d));
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		nanosleep(&pause, NULL);
	}
	closedir(d);
	return r;
}

int kf_scratch_clear(const struct kf_place *place, const char *name)
{
	return clear_tree(place->base.fd, name, now_us() + KF_SOON_MS * UINT64_C(1000));
}
