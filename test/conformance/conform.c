/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conform.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

void check(struct run *r, bool ok, const char *what)
{
	printf("\t%s %s\n", ok ? "ok" : "NOT OK", what);
	r->bad |= !ok;
}

void check_count(struct run *r, const char *who, uint64_t got, uint64_t wanted)
{
	printf("\t%s %s %" PRIu64, got == wanted ? "ok" : "NOT OK", who, got);
	if (got != wanted)
		printf(" instead of %" PRIu64, wanted);
	printf("\n");
	r->bad |= got != wanted;
}

void differs(struct run *r, enum result result, const char *reason)
{
	if (r->kernel || !r->s.v2) {
		check(r, false, "a v1 kernel differs from itself");
		return;
	}
	if (result > r->result) {
		r->result = result;
		r->reason = reason;
	}
}

int efd_new(int flags)
{
	int fd = eventfd(0, flags | EFD_CLOEXEC);

	if (fd < 0)
		die("eventfd: %s", strerror(errno));
	return fd;
}

short efd_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, 0) < 0)
		die("poll: %s", strerror(errno));
	return p.revents;
}

uint64_t efd_take(int fd)
{
	uint64_t v = 0;

	if ((efd_ready(fd) & POLLIN) && read(fd, &v, sizeof(v)) != sizeof(v))
		die("read of an eventfd: %s", strerror(errno));
	return v;
}

struct oomn_monitor *monitor_make(uint32_t names)
{
	const struct oomn_monitor_options o = { .size = sizeof(o), .names = names };
	struct oomn_monitor *m;
	int err = oomn_monitor_new(&m, &o);

	if (err != 0)
		die("oomn_monitor_new: %s", strerror(-err));
	return m;
}

int write_event_control(const struct run *r, const char *path, int efd, const char *file,
			const char *args)
{
	char text[64];
	int fd = open(scratch_path(&r->s, path, file), O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	(void)snprintf(text, sizeof(text), "%d %d %s", efd, fd, args);
	err = scratch_write(&r->s, path, "cgroup.event_control", text);
	(void)close(fd);
	return err;
}

static int open_cgroup(const struct run *r, const char *path)
{
	int fd = oomn_cgroup_open(scratch_path(&r->s, path, ""), 0);

	if (fd < 0)
		die("%s: %s", path, strerror(-fd));
	return fd;
}

int try_listen(struct run *r, const char *path, int efd)
{
	int fd, err;

	if (r->kernel)
		return write_event_control(r, path, efd, "memory.oom_control", "");
	fd = open_cgroup(r, path);
	err = oomn_listener_add_oom(r->monitor, fd, efd, 0, NULL);
	(void)close(fd);
	return err;
}

void listen_on(struct run *r, const char *path, int efd)
{
	int err = try_listen(r, path, efd);

	if (err == -EACCES)
		skip_all("no right to register: cgroup.event_control is root's");
	if (err != 0)
		die("cannot listen on %s: %s", path, strerror(-err));
}

int try_threshold(struct run *r, const char *path, int efd, uint64_t bytes, bool swap)
{
	char text[32];
	int fd, err;

	if (r->kernel) {
		(void)snprintf(text, sizeof(text), "%" PRIu64, bytes);
		return write_event_control(r, path, efd,
					   swap ? "memory.memsw.usage_in_bytes"
						: "memory.usage_in_bytes",
					   bytes == UINT64_MAX ? "-1" : text);
	}
	fd = open_cgroup(r, path);
	err = oomn_listener_add_threshold(r->monitor, fd, efd, bytes,
					  swap ? OOMN_THRESHOLD_SWAP : 0, NULL);
	(void)close(fd);
	return err;
}

int try_pressure(struct run *r, const char *path, int efd, uint32_t level, uint32_t flags)
{
	static const char *const levels[] = { "", "low", "medium", "critical", "higher" };
	static const char *const modes[] = { "default", "hierarchy", "local", "both" };
	char text[32];
	int fd, err;

	if (r->kernel) {
		(void)snprintf(text, sizeof(text), "%s,%s", levels[level], modes[flags]);
		return write_event_control(r, path, efd, "memory.pressure_level", text);
	}
	fd = open_cgroup(r, path);
	err = oomn_listener_add_pressure(r->monitor, fd, efd, level, flags, NULL);
	(void)close(fd);
	return err;
}

void settle(struct run *r)
{
	struct pollfd p = { .events = POLLIN };
	int err;

	if (r->kernel)
		return;
	p.fd = oomn_monitor_get_fd(r->monitor);
	while ((err = oomn_monitor_settle(r->monitor)) == 1)
		if (poll(&p, 1, -1) < 0)
			die("poll: %s", strerror(errno));
	if (err < 0)
		die("oomn_monitor_settle: %s", strerror(-err));
}

uint64_t wait_signal(struct run *r, int fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .events = POLLIN } };
	uint64_t n;

	p[1].fd = r->kernel ? -1 : oomn_monitor_get_fd(r->monitor);
	while ((n = efd_take(fd)) == 0)
		if (poll(p, 2, -1) < 0 || (!r->kernel && oomn_monitor_dispatch(r->monitor) < 0))
			die("dispatch failed");
	return n;
}

void remove_and_settle(struct run *r, const char *path, int barrier)
{
	struct pollfd p = { .fd = barrier, .events = POLLIN };

	scratch_remove(&r->s, path);
	if (!r->s.v2 && poll(&p, 1, -1) != 1)
		die("poll: %s", strerror(errno));
	settle(r);
}

int barrier_new(struct run *r, const char *path)
{
	int fd = efd_new(0);

	if (!r->s.v2 && write_event_control(r, path, fd, "memory.usage_in_bytes", "-1") != 0)
		die("%s: no threshold can be set", path);
	return fd;
}
