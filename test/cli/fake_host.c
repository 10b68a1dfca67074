/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* source/host.h as the script has it (fake_script.h). The descriptor of a cgroup is a file that holds its path. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utlist.h>

#include "base/err.h"
#include "base/fd.h"
#include "test/cli/fake_script.h"

int cgroup_host_open(struct cgroup_host *ret, const char *proc)
{
	const struct fake_script *s = fake_script();

	(void)proc;
	if (s->no_cgroups)
		return HOST_E_NO_CGROUPS;
	memset(ret, 0, sizeof(*ret));
	ret->v1.root_fd = ret->v2.root_fd = -1;
	ret->v1.has_memory = s->v1;
	ret->v2.has_memory = s->v2;
	ret->v1.real_root = ret->v2.real_root = !s->part;
	ret->namespaced = s->namespaced;
	ret->v1.root = strdup(s->part && !s->namespaced ? "/a/part" : "/");
	ret->v2.root = strdup(ret->v1.root);
	ret->v1.where = strdup("/sys/fs/cgroup/memory");
	ret->v2.where = strdup(s->v1 ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup");
	return 0;
}

void cgroup_host_close(struct cgroup_host *host)
{
	free(host->v1.where);
	free(host->v2.where);
	free(host->v1.root);
	free(host->v2.root);
	memset(host, 0, sizeof(*host));
}

const struct cgroup_mount *cgroup_host_memory(const struct cgroup_host *host,
					      enum hierarchy *ret_hierarchy)
{
	*ret_hierarchy = host->v2.has_memory   ? HIERARCHY_V2
			 : host->v1.has_memory ? HIERARCHY_V1
					       : HIERARCHY_NONE;
	return host->v2.has_memory ? &host->v2 : host->v1.has_memory ? &host->v1 : NULL;
}

static const struct fake_cgroup *find(const char *path)
{
	const struct fake_cgroup *c;

	LL_FOREACH (fake_script()->cgroups, c)
		if (strcmp(c->path, path) == 0)
			return c;
	return NULL;
}

static int open_at(const struct fake_cgroup *c, struct cgroup_at *ret)
{
	_cleanup_close_ int fd = memfd_create("cgroup", MFD_CLOEXEC);
	char *path = strdup(c->path);

	if (fd < 0 || !path || write(fd, path, strlen(path)) < 0) {
		free(path);
		return errno_neg();
	}
	*ret = (struct cgroup_at){
		.fd = fd_steal(&fd), .path = path, .id = c->id, .hierarchy = c->hierarchy
	};
	return 0;
}

int cgroup_host_resolve(const struct cgroup_host *host, const char *name, struct cgroup_at *ret)
{
	const struct fake_cgroup root = {
		.path = (char[]){ "/" },
		.hierarchy = fake_script()->v2 ? HIERARCHY_V2 : HIERARCHY_V1,
	};
	const struct fake_cgroup *c = strcmp(name, "/") == 0 ? &root : find(name);
	const struct fake_error *e;

	(void)host;
	LL_FOREACH (fake_script()->errors, e)
		if (!e->of_add && strcmp(e->name, name) == 0)
			return e->error;
	return c ? open_at(c, ret) : HOST_E_NO_SUCH_CGROUP;
}

int cgroup_host_nearest_memory(const struct cgroup_host *host, const struct cgroup_at *at,
			       struct cgroup_at *ret)
{
	const struct fake_cgroup *c = find(at->path);

	if (!c) /* the visible root */
		return cgroup_host_resolve(host, "/", ret);
	if (c->nearest && strcmp(c->nearest, "-") == 0)
		return HOST_E_NO_MEMORY;
	if (c->nearest && strcmp(c->nearest, "/") == 0)
		return cgroup_host_resolve(host, "/", ret);
	return open_at(c->nearest ? find(c->nearest) : c, ret);
}

void cgroup_at_close(struct cgroup_at *at)
{
	at->fd = fd_close(at->fd);
	free(at->path);
	at->path = NULL;
}
