/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/flat_keyed.h"
#include "base/text_file.h"
#include "source/host_impl.h"

#define TEXT_MAX (1U << 20)

/* So many a watch of the whole host takes beside the mounts, or cannot begin. */
#define V1_DESCRIPTORS 12
#define V2_DESCRIPTORS 8

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

static const struct {
	unsigned bit;
	const char *name;
} capabilities[] = {
	{ CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE" },       /* write where the mode says no */
	{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH" }, /* read counters where it says no */
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	{ CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE" }, /* more descriptors than the limit */
	{ CAP_SYSLOG, "CAP_SYSLOG" },             /* /dev/kmsg under dmesg_restrict */
	{ CAP_PERFMON, "CAP_PERFMON" },
	{ CAP_BPF, "CAP_BPF" },
};

const char *facts_capability(unsigned index, unsigned *ret_bit)
{
	if (index >= sizeof(capabilities) / sizeof(capabilities[0]))
		return NULL;
	*ret_bit = capabilities[index].bit;
	return capabilities[index].name;
}

/* Where the looking stands: -ENOMEM ends it, any other error makes just the one fact unknown. */
struct look {
	const struct cgroup_host *host;
	int proc_fd;
	int error;
};

static char *read_text(struct look *l, int dirfd, const char *path)
{
	char *text = NULL;
	int r = text_file_read(dirfd, path, TEXT_MAX, &text, NULL);

	if (r == -ENOMEM)
		l->error = r;
	return r == 0 ? text : NULL;
}

static int64_t read_number(struct look *l, int dirfd, const char *path)
{
	_cleanup_free_ char *text = read_text(l, dirfd, path);
	long long v;
	char *end;

	if (!text)
		return FACT_NUMBER_UNKNOWN;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (end == text || errno != 0 || v < 0 || (*end != '\n' && *end != '\0'))
		return FACT_NUMBER_UNKNOWN;
	return v;
}

/* The number behind "KEY:" in a text like /proc/meminfo. */
static bool field(const char *text, const char *key, int base, uint64_t *ret)
{
	size_t n = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		char *end;

		line += *line == '\n';
		if (strncmp(line, key, n) != 0 || line[n] != ':')
			continue;
		errno = 0;
		*ret = strtoull(line + n + 1, &end, base);
		return errno == 0 && end > line + n + 1;
	}
	return false;
}

static enum fact fact_of(bool yes)
{
	return yes ? FACT_YES : FACT_NO;
}

static enum fact may_open(int dirfd, const char *path, int flags)
{
	_cleanup_close_ int fd = openat(dirfd, path, flags | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
		return FACT_UNKNOWN;
	return fact_of(fd >= 0);
}

static int64_t limit_of(rlim_t v)
{
	return v > INT64_MAX ? FACT_NUMBER_UNLIMITED : (int64_t)v;
}

static void look_at_limits(struct look *l, struct facts *f)
{
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct rlimit rl;

	f->inotify = fact_of(fd >= 0);
	f->inotify_watches = read_number(l, l->proc_fd, "sys/fs/inotify/max_user_watches");
	f->inotify_instances = read_number(l, l->proc_fd, "sys/fs/inotify/max_user_instances");
	f->inotify_queue = read_number(l, l->proc_fd, "sys/fs/inotify/max_queued_events");
	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return;
	f->nofile_soft = limit_of(rl.rlim_cur);
	f->nofile_hard = limit_of(rl.rlim_max);
}

static void look_at_kernel(struct look *l, struct facts *f)
{
	_cleanup_free_ char *vmstat = read_text(l, l->proc_fd, "vmstat");
	_cleanup_free_ char *pressure = read_text(l, l->proc_fd, "pressure/memory");
	_cleanup_free_ char *meminfo = read_text(l, l->proc_fd, "meminfo");
	struct utsname u;
	uint64_t v;

	if (uname(&u) == 0) {
		snprintf(f->release, sizeof(f->release), "%s", u.release);
		snprintf(f->machine, sizeof(f->machine), "%s", u.machine);
	}
	if (vmstat)
		f->vmstat_oom_kill = fact_of(flat_keyed_u64(vmstat, "oom_kill", &v) == 0);
	f->psi = fact_of(pressure); /* built in, but off: reading fails with EOPNOTSUPP */
	f->kmsg_readable = may_open(AT_FDCWD, "/dev/kmsg", O_RDONLY);
	f->panic_on_oom = read_number(l, l->proc_fd, "sys/vm/panic_on_oom");
	f->overcommit_memory = read_number(l, l->proc_fd, "sys/vm/overcommit_memory");
	if (meminfo && field(meminfo, "SwapTotal", 10, &v) && v < INT64_MAX / 1024)
		f->swap_total_bytes = (int64_t)v * 1024;
	if (meminfo && field(meminfo, "SwapFree", 10, &v) && v < INT64_MAX / 1024)
		f->swap_free_bytes = (int64_t)v * 1024;
}

static void look_at_rights(struct look *l, struct facts *f)
{
	_cleanup_free_ char *status = read_text(l, l->proc_fd, "self/status");

	f->euid = geteuid();
	f->have_capabilities = status && field(status, "CapEff", 16, &f->capabilities);
}

static enum fact is_read_only(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) < 0 ? FACT_UNKNOWN : fact_of(fs.f_flag & ST_RDONLY);
}

static void look_at_v1(struct look *l, struct facts *f)
{
	int fd = l->host->v1.root_fd;

	f->descriptors = fact_of(fd_available(V1_DESCRIPTORS));
	f->counters_exist = FACT_YES;
	f->counters_readable = may_open(fd, "memory.oom_control", O_RDONLY);
	f->event_control_writable = may_open(fd, "cgroup.event_control", O_WRONLY);
	/* Since 5.11 there is no other way, whether the file is still there or not. */
	f->use_hierarchy = fact_of(read_number(l, fd, "memory.use_hierarchy") != 0);
}

/* Looks at the v2 cgroup behind @fd. Returns whether it has memory files. */
static bool look_at_v2_cgroup(struct look *l, struct facts *f, int fd)
{
	_cleanup_free_ char *events = NULL;
	uint64_t v;

	if (faccessat(fd, "memory.events", F_OK, 0) < 0)
		return false;
	f->counters_exist = FACT_YES;
	events = read_text(l, fd, "memory.events");
	f->counters_readable = fact_of(events);
	f->oom_group = fact_of(faccessat(fd, "memory.oom.group", F_OK, 0) == 0);
	if (events)
		f->oom_group_kill = fact_of(flat_keyed_u64(events, "oom_group_kill", &v) == 0);
	return true;
}

/* The first child of the visible root that has memory files stands for all. */
static void look_at_v2_children(struct look *l, struct facts *f)
{
	_cleanup_(dir_closep) DIR *d = NULL;
	_cleanup_close_ int fd =
		openat(l->host->v2.root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *e;

	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d) {
		if (fd >= 0 && errno == ENOMEM)
			l->error = -ENOMEM;
		return;
	}
	fd = -1;
	f->counters_exist = FACT_NO;
	while ((e = readdir(d))) {
		_cleanup_close_ int child = -1;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		child = openat(dirfd(d), e->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (child >= 0 && look_at_v2_cgroup(l, f, child))
			return;
	}
}

static void look_at_v2(struct look *l, struct facts *f)
{
	_cleanup_at_ struct cgroup_at self = CGROUP_AT_NULL, at = CGROUP_AT_NULL;
	int r;

	f->descriptors = fact_of(fd_available(V2_DESCRIPTORS));
	r = cgroup_host_resolve(l->host, "self", &self);
	if (r == 0)
		r = cgroup_host_nearest_memory(l->host, &self, &at);
	if (r == -ENOMEM)
		l->error = r;
	else if (r != 0 || !look_at_v2_cgroup(l, f, at.fd))
		look_at_v2_children(l, f);
}

/* The numbers in the line of the memory controller in /proc/cgroups; false: there is no such line. */
static bool cgroups_line(const char *text, unsigned long *ret_hierarchy, bool *ret_enabled)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		char *end;

		line += *line == '\n';
		if (strncmp(line, "memory\t", 7) != 0)
			continue;
		*ret_hierarchy = strtoul(line + 7, &end, 10);
		(void)strtoul(end, &end, 10); /* how many cgroups */
		*ret_enabled = strtoul(end, NULL, 10) != 0;
		return true;
	}
	return false;
}

/*
 * /proc/cgroups is only read if nothing else helps: newer kernels complain about its readers, and leave
 * out of it what cannot be used on v1.
 */
static enum facts_absence find_absence(struct look *l, bool any_mount)
{
	_cleanup_free_ char *text = read_text(l, l->proc_fd, "cgroups");
	const struct cgroup_mount *v2 = &l->host->v2;
	unsigned long hierarchy;
	bool enabled;

	if (text && cgroups_line(text, &hierarchy, &enabled)) {
		if (!enabled)
			return FACTS_ABSENCE_DISABLED;
		if (!any_mount)
			return FACTS_ABSENCE_NO_CGROUPS;
		if (hierarchy != 0)
			return FACTS_ABSENCE_V1_UNMOUNTED;
		return v2->where ? FACTS_ABSENCE_NOT_DELEGATED : FACTS_ABSENCE_V2_UNMOUNTED;
	}
	if (!any_mount)
		return FACTS_ABSENCE_NO_CGROUPS;
	if (v2->where && !v2->real_root)
		return FACTS_ABSENCE_NOT_DELEGATED;
	return FACTS_ABSENCE_NOT_BUILT;
}

static void look_at_hierarchies(struct look *l, struct facts *f, const char *proc)
{
	_cleanup_table_ struct mount_table t = { 0 };
	bool v2 = l->host->v2.where, v1 = l->host->v1.where;
	const struct cgroup_mount *m;
	int r = mount_table_read(&t, proc);

	if (r == -ENOMEM)
		l->error = r;
	for (size_t i = 0; i < t.n; i++)
		v1 |= mount_kind(&t.entries[i]) != MOUNT_V2;
	if (v1 && v2)
		f->layout = FACTS_LAYOUT_HYBRID;
	else
		f->layout = v2 ? FACTS_LAYOUT_V2 : v1 ? FACTS_LAYOUT_V1 : FACTS_LAYOUT_NONE;
	m = cgroup_host_memory(l->host, &f->memory);
	if (m)
		f->read_only = is_read_only(m->root_fd);
	if (!m)
		f->absence = find_absence(l, v1 || v2);
	else if (f->memory == HIERARCHY_V1)
		look_at_v1(l, f);
	else
		look_at_v2(l, f);
}

int facts_gather(struct facts *ret, const struct cgroup_host *host, const char *proc)
{
	struct facts f = {
		.counters_exist = FACT_UNKNOWN,
		.counters_readable = FACT_UNKNOWN,
		.event_control_writable = FACT_UNKNOWN,
		.read_only = FACT_UNKNOWN,
		.use_hierarchy = FACT_UNKNOWN,
		.oom_group = FACT_UNKNOWN,
		.oom_group_kill = FACT_UNKNOWN,
		.psi = FACT_UNKNOWN,
		.kmsg_readable = FACT_UNKNOWN,
		.vmstat_oom_kill = FACT_UNKNOWN,
		.inotify = FACT_UNKNOWN,
		.descriptors = FACT_UNKNOWN,
		.nofile_soft = FACT_NUMBER_UNKNOWN,
		.nofile_hard = FACT_NUMBER_UNKNOWN,
		.swap_total_bytes = FACT_NUMBER_UNKNOWN,
		.swap_free_bytes = FACT_NUMBER_UNKNOWN,
	};
	_cleanup_close_ int proc_fd = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct look l = { .host = host, .proc_fd = proc_fd };

	look_at_kernel(&l, &f);
	look_at_limits(&l, &f);
	look_at_rights(&l, &f);
	look_at_hierarchies(&l, &f, proc);
	if (l.error < 0)
		return l.error;
	*ret = f;
	return 0;
}
