/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The host: where the memory hierarchy is mounted, and how a user's word becomes a cgroup
 *
 * Learned once from /proc/self/mountinfo and cgroup.controllers. A path that names a cgroup is
 * resolved once, to a directory descriptor; everything later goes through that descriptor.
 *
 * What mountinfo says is only believed of a mount that was opened and is what it said: a mount point
 * can lie under another mount, and lines can be made up (base/mountinfo.h).
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"

struct cgroup_mount {
	int root_fd;     /* directory of the mount point; -1: not mounted */
	char *where;     /* mount point; NULL: not mounted */
	char *root;      /* mountinfo's root field: "/" unless a subtree is mounted */
	bool has_memory; /* the memory controller is bound to this hierarchy, and to be had here */
	bool local_events; /* v2: mounted with memory_localevents */
	bool real_root; /* the mount's root is that of the whole hierarchy (id 1), not a namespace's */
	uint64_t dev; /* st_dev of every cgroup in this hierarchy */
};

struct cgroup_host {
	struct cgroup_mount v1; /* the v1 hierarchy that holds memory, if there is one */
	struct cgroup_mount v2;
	char *proc;      /* "/proc"; another directory in tests */
	bool namespaced; /* this process is in a cgroup namespace of its own */
	bool fake;       /* plain directories stand for cgroups: cgroup_host_open_fake() */
};

#define CGROUP_MOUNT_NULL                                                                          \
	{                                                                                          \
		.root_fd = -1                                                                      \
	}

/* Nothing is mounted. What cgroup_host_close() leaves, and a good value before cgroup_host_open(). */
#define CGROUP_HOST_NULL                                                                           \
	{                                                                                          \
		.v1 = CGROUP_MOUNT_NULL, .v2 = CGROUP_MOUNT_NULL                                   \
	}

/* One cgroup, held open. */
struct cgroup_at {
	enum hierarchy hierarchy;
	int fd;      /* its directory, O_RDONLY|O_DIRECTORY|O_CLOEXEC: can be read with getdents */
	char *path;  /* from the visible root: "/", "/a/b"; NULL: there is none */
	uint64_t id; /* inode number of the directory */
};

#define CGROUP_AT_NULL                                                                             \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Hands @at over: what is left is CGROUP_AT_NULL. */
static inline struct cgroup_at cgroup_at_steal(struct cgroup_at *at)
{
	struct cgroup_at stolen = *at;

	*at = (struct cgroup_at)CGROUP_AT_NULL;
	return stolen;
}

/* HOST_E_*: what is wrong with a name, for the program to put into words. */
enum {
	HOST_E_NO_CGROUPS = 1, /* no cgroup file system is mounted at all */
	HOST_E_NO_MEMORY,      /* neither hierarchy has the memory controller */
	HOST_E_NO_SUCH_CGROUP,
	HOST_E_NOT_A_CGROUP,    /* exists, but is not a directory of a cgroup file system */
	HOST_E_WRONG_HIERARCHY, /* a cgroup of a hierarchy that does not hold memory */
	HOST_E_OTHER_MOUNT,     /* a cgroup outside of what the host's mount shows */
	HOST_E_NO_SUCH_PROCESS,
	HOST_E_NO_PERMISSION,
	HOST_E_BAD_NAME, /* empty, a component too long, malformed pid: */
	HOST_E_NO_PROC,  /* /proc is not mounted, and with it nothing can be found */
};

/*
 * Looks at the mounts of this process. @proc is "/proc". Returns 0 (also if there is no memory
 * hierarchy: see has_memory), HOST_E_NO_CGROUPS, HOST_E_NO_PROC, or a negated errno.
 */
int cgroup_host_open(struct cgroup_host *ret, const char *proc);
/*
 * For tests: the plain directory @dir stands for the root of the hierarchy @h, which holds memory.
 * Every directory below it is taken for a cgroup, nothing else is. It is the real root if it has no
 * memory.events. Its `proc` is "/proc" and may be replaced by another heap string.
 */
int cgroup_host_open_fake(struct cgroup_host *ret, const char *dir, enum hierarchy h);
/* Takes NULL, a host that was never opened, or one that is closed already. */
void cgroup_host_close(struct cgroup_host *host);
#define _cleanup_host_ __attribute__((cleanup(cgroup_host_close)))

/*
 * The mount that holds memory: v2 if it has it, else v1, else NULL. @ret_hierarchy may be NULL; it is
 * HIERARCHY_NONE with NULL.
 */
const struct cgroup_mount *cgroup_host_memory(const struct cgroup_host *host,
					      enum hierarchy *ret_hierarchy);

/* The inode number of the directory that is visible as the root of @m, which is mounted; 0 on failure. */
uint64_t cgroup_mount_root_id(const struct cgroup_mount *m);

/* Whether the cgroup @id is no longer at @path below @m's root; false if that cannot be looked at. */
bool cgroup_mount_lacks(const struct cgroup_mount *m, const char *path, uint64_t id);

/*
 * Finds the cgroup called @name:
 *   self, pid:N        that of a process; self/a/b: a cgroup below (or ../a beside) it
 *   ., .., ./a, ../a   a directory, and nothing else
 *   /a/b, a/b          a directory of a cgroup file system, else a path from the hierarchy's root
 *   a                  a path from the hierarchy's root
 * "..", "." and "//" in a path from the root do not lead out of it. Returns 0 and a cgroup to be
 * released with cgroup_at_close(), HOST_E_*, or a negated errno.
 */
int cgroup_host_resolve(const struct cgroup_host *host, const char *name, struct cgroup_at *ret);
/*
 * Looks whether @fd is the directory of a cgroup of the hierarchy that holds memory. Returns 0 with what it
 * is without its path (path is NULL, and fd is @fd: nothing to close), HOST_E_NO_MEMORY,
 * HOST_E_NOT_A_CGROUP, HOST_E_WRONG_HIERARCHY, -EBADF, or another negated errno.
 */
int cgroup_host_look(const struct cgroup_host *host, int fd, struct cgroup_at *ret);
/* The same with its path. Returns as cgroup_host_look() and cgroup_host_resolve() do. */
int cgroup_host_find(const struct cgroup_host *host, int fd, struct cgroup_at *ret);
/*
 * The root of the hierarchy that holds memory, as visible here. Returns 0, HOST_E_NO_MEMORY,
 * HOST_E_NO_PERMISSION, or a negated errno.
 */
int cgroup_host_root(const struct cgroup_host *host, struct cgroup_at *ret);
/*
 * The nearest cgroup at or above @at that has memory files (v2: memory.events). Returns 0 and a
 * cgroup that may be @at's own (its path then equals @at's), HOST_E_NO_MEMORY if only the root is
 * left, HOST_E_NO_SUCH_CGROUP if @at was removed, also while this looked, HOST_E_NO_PERMISSION if a
 * directory on the way may not be entered, -ENOMEM, -EMFILE, or another negated errno.
 */
int cgroup_host_nearest_memory(const struct cgroup_host *host, const struct cgroup_at *at,
			       struct cgroup_at *ret);
/*
 * Whether cgroup2 is mounted with memory_localevents at this moment: it can come and go with a
 * remount, and is one for all mounts of cgroup2. Returns 0, -ENOMEM, -EFBIG, or an errno of reading
 * mountinfo. The option is the file system's, so that any mount of it shows it, also one in a mount
 * namespace of its own; a mount namespace without one shows nothing, and the answer is false.
 */
int cgroup_host_local_events(const struct cgroup_host *host, bool *ret);
/* Takes NULL, a cgroup that was never opened ({ 0 } or CGROUP_AT_NULL), or a closed one. */
void cgroup_at_close(struct cgroup_at *at);
#define _cleanup_at_ __attribute__((cleanup(cgroup_at_close)))
