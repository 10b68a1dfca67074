/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor_facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/flat_keyed.h"
#include "source/v2_tree.h"

#define TEXT_MAX 8192

/* The start of @file below @dir_fd, NUL-terminated. Returns its length or a negated errno. */
static ssize_t read_at(int dir_fd, const char *file, char text[TEXT_MAX])
{
	_cleanup_close_ int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_MAX - 1);

	text[n < 0 ? 0 : n] = '\0';
	return n < 0 ? -errno : n;
}

static uint64_t read_number(int dir_fd, const char *file)
{
	char text[TEXT_MAX];
	uint64_t n;

	if (read_at(dir_fd, file, text) <= 0 || sscanf(text, "%" SCNu64, &n) != 1)
		return UINT64_MAX;
	return n;
}

static uint64_t swap_bytes(int proc)
{
	char text[TEXT_MAX];
	const char *line;
	uint64_t kib;

	if (read_at(proc, "meminfo", text) <= 0)
		return UINT64_MAX;
	line = strstr(text, "SwapTotal:");
	return line && sscanf(line, "SwapTotal: %" SCNu64, &kib) == 1 ? kib * 1024 : UINT64_MAX;
}

/* Finds the first child of the v2 root with memory files, and what it says of the kernel. */
static void look_at_children(struct doctor_facts *f)
{
	_cleanup_close_ int fd =
		openat(f->host->v2.root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[NAME_MAX + sizeof("/memory.events")];
	char text[TEXT_MAX];
	struct reading rd;
	const struct dirent *e;
	DIR *dir;

	f->memory_enabled = ANSWER_NO;
	if (read_at(f->host->v2.root_fd, "memory.events", text) > 0) {
		f->memory_enabled = ANSWER_YES; /* in a cgroup namespace the root has them itself */
		if (memory_events_parse(text, &rd) == 0)
			f->group_count = rd.no_group_count ? ANSWER_NO : ANSWER_YES;
		return;
	}
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return;
	fd_steal(&fd);
	while (f->memory_enabled != ANSWER_YES && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || e->d_type != DT_DIR)
			continue;
		(void)snprintf(path, sizeof(path), "%s/memory.events", e->d_name);
		if (read_at(dirfd(dir), path, text) <= 0 || memory_events_parse(text, &rd) != 0)
			continue;
		f->memory_enabled = ANSWER_YES;
		f->group_count = rd.no_group_count ? ANSWER_NO : ANSWER_YES;
	}
	closedir(dir);
}

static void look_at_v1(struct doctor_facts *f)
{
	int root = f->host->v1.root_fd;
	uint64_t hierarchical = read_number(root, "memory.use_hierarchy");

	f->event_control = faccessat(root, "cgroup.event_control", W_OK, AT_EACCESS) == 0
				   ? ANSWER_YES
				   : ANSWER_NO;
	if (hierarchical != UINT64_MAX)
		f->use_hierarchy = hierarchical ? ANSWER_YES : ANSWER_NO;
}

static struct doctor_source look_at_source(const struct source_ops *ops,
					   const struct cgroup_host *host)
{
	struct doctor_source s = { .name = ops->name, .why = "cannot be probed" };
	struct source_probe probe;

	if (ops->probe(host, &probe) == 0) {
		s.usable = probe.usable;
		s.why = probe.why;
	}
	return s;
}

static struct doctor_source look_at_vmstat(const struct doctor_facts *f, int proc)
{
	struct doctor_source s = { .name = "vmstat" };
	char text[TEXT_MAX * 2];
	_cleanup_close_ int fd = openat(proc, "vmstat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	uint64_t kills;

	text[n < 0 ? 0 : n] = '\0';
	if (n <= 0)
		s.why = "/proc/vmstat cannot be read";
	else if (flat_keyed_u64(text, "oom_kill", &kills) != 0)
		s.why = "/proc/vmstat has no oom_kill";
	else if (f->hierarchy != HIERARCHY_NONE && !cgroup_host_memory(f->host, NULL)->real_root)
		s.why = "it counts for the whole host, of which this is only a part";
	else
		s.usable = true;
	return s;
}

static void look_at_sources(struct doctor_facts *f, int proc)
{
	f->sources[0] = look_at_source(&source_memory_events, f->host);
	f->sources[1] = look_at_source(&source_v1_eventfd, f->host);
	f->sources[2] = look_at_vmstat(f, proc);
	f->sources[3] = (struct doctor_source){ .name = "kmsg" };
	f->sources[3].usable = access("/dev/kmsg", R_OK) == 0;
	f->sources[3].why = f->sources[3].usable ? "only wakes the reader of v1's counters"
						 : "/dev/kmsg may not be read";
	f->sources[4] =
		(struct doctor_source){ .name = "bpf", .why = "is not built into this version" };
}

void doctor_look(const struct cgroup_host *host, struct doctor_facts *ret)
{
	struct doctor_facts f = { .host = host,
				  .uid = geteuid(),
				  .event_control = ANSWER_UNKNOWN,
				  .use_hierarchy = ANSWER_UNKNOWN,
				  .group_count = ANSWER_UNKNOWN,
				  .memory_enabled = ANSWER_UNKNOWN,
				  .pressure = ANSWER_UNKNOWN };
	_cleanup_close_ int proc = open(host->proc ? host->proc : "/proc", O_PATH | O_CLOEXEC);
	struct utsname name;
	struct rlimit files;

	if (uname(&name) == 0)
		(void)snprintf(f.kernel, sizeof(f.kernel), "%s", name.release);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		f.files_soft = files.rlim_cur;
		f.files_hard = files.rlim_max;
	}
	(void)cgroup_host_memory(host, &f.hierarchy);
	if (f.hierarchy == HIERARCHY_V2)
		look_at_children(&f);
	else if (f.hierarchy == HIERARCHY_V1)
		look_at_v1(&f);
	look_at_sources(&f, proc);
	f.panic_on_oom = read_number(proc, "sys/vm/panic_on_oom");
	f.inotify_watches = read_number(proc, "sys/fs/inotify/max_user_watches");
	f.swap_bytes = swap_bytes(proc);
	f.pressure = faccessat(proc, "pressure/memory", R_OK, 0) == 0 ? ANSWER_YES : ANSWER_NO;
	f.works = f.sources[0].usable || f.sources[1].usable;
	*ret = f;
}
