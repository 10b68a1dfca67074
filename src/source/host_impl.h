/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Inside of the host: mounts (host_mount.c), directories (host_dir.c, host_search.c), names (host.c)
 */
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mountinfo.h"
#include "source/host.h"

enum mount_kind {
	MOUNT_V2,
	MOUNT_V1_MEMORY,
	MOUNT_V1_OTHER, /* a v1 hierarchy without memory */
};

/* The mounts of cgroup file systems, best first within each kind. */
struct mount_table {
	char *text; /* what the entries point into */
	struct mountinfo *entries;
	size_t n;
};

enum mount_kind mount_kind(const struct mountinfo *m);
/* Takes @text over on success. */
int mount_table_parse(struct mount_table *ret, char *text);
int mount_table_read(struct mount_table *ret, const char *proc);
void mount_table_done(struct mount_table *t);
#define _cleanup_table_ __attribute__((cleanup(mount_table_done)))

/*
 * Opens the best mount of @kind that can be reached, one with the memory controller if there is one.
 * Returns 0 with a mount, or with nothing written if there is none, or a negated errno: -EACCES if
 * there is one that may not be opened.
 */
int mount_open(struct cgroup_mount *ret, const struct mount_table *t, enum mount_kind kind);
void mount_close(struct cgroup_mount *m);
/* The id of the mount that @fd is on, as mountinfo has it. False: this kernel does not tell. */
bool mount_id(int fd, uint64_t *ret);

const struct cgroup_mount *mount_of(const struct cgroup_host *host, enum hierarchy h);
void dir_closep(DIR **d);

/* openat() for paths of any length: in steps, where one call would not take it. */
int dir_open_long(int dirfd, const char *path, int flags);
/*
 * Opens the cgroup at the normal path @path below the mount @m. Takes @path over on success. Returns
 * 0, HOST_E_NO_SUCH_CGROUP, _NOT_A_CGROUP, _NO_PERMISSION, _BAD_NAME, or a negated errno.
 */
int dir_open_cgroup(const struct cgroup_host *host, enum hierarchy h, char **path,
		    struct cgroup_at *ret);
/*
 * Opens the cgroup that the directory @fd of the memory hierarchy is, by its path below the host's
 * own mount. Returns 0, HOST_E_OTHER_MOUNT, HOST_E_NO_SUCH_CGROUP, …
 */
int dir_find_cgroup(const struct cgroup_host *host, enum hierarchy h, int fd,
		    struct cgroup_at *ret);
/*
 * Find the path of the cgroup that the task @tid is in, or that has the inode number @ino: @levels
 * below the mount's root, whose names are not known, and then @rest. Return 0 and a heap string,
 * HOST_E_NO_SUCH_CGROUP, or < 0.
 */
int search_task(const struct cgroup_host *host, enum hierarchy h, unsigned levels, const char *rest,
		const char *tid, char **ret);
int search_inode(const struct cgroup_host *host, enum hierarchy h, unsigned levels,
		 const char *rest, uint64_t ino, char **ret);
/* Whether @fd is on a cgroup file system; with a fake host: in its tree. */
bool dir_is_on_cgroupfs(const struct cgroup_host *host, int fd);
