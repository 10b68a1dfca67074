/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/host_error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/say.h"
#include "cli/status.h"

struct shown {
	char text[HOST_ERROR_NAME_MAX + sizeof("''...")];
};

static struct shown show(const char *name)
{
	struct shown s;
	bool fits = strlen(name) <= HOST_ERROR_NAME_MAX;

	snprintf(s.text, sizeof(s.text), "'%.*s'%s", HOST_ERROR_NAME_MAX, name, fits ? "" : "...");
	return s;
}

/* The hierarchy that holds memory, as a place to look for cgroups in. */
static const char *memory_mount(const struct cgroup_host *host, const char **ret_version)
{
	enum hierarchy h = HIERARCHY_NONE;
	const struct cgroup_mount *mount = host ? cgroup_host_memory(host, &h) : NULL;

	*ret_version = h == HIERARCHY_V1 ? "v1" : "v2";
	return mount && mount->where ? mount->where : "/sys/fs/cgroup";
}

static void say_host(int r)
{
	if (r == HOST_E_NO_CGROUPS)
		say("no cgroup file system is mounted here: mount one, as with 'mount -t cgroup2 "
		    "none /sys/fs/cgroup'");
	else
		say("the memory controller is in no cgroup hierarchy that is mounted here: "
		    "'oomnotify doctor' tells more");
}

static void say_name(const struct cgroup_host *host, const char *name, int r)
{
	const char *version;
	const char *mount = memory_mount(host, &version);
	struct shown shown = show(name);

	switch (r) {
	case HOST_E_NO_SUCH_CGROUP:
		say("no such cgroup: %s: give a directory below %s, or the path from there",
		    shown.text, mount);
		break;
	case HOST_E_NOT_A_CGROUP:
		say("not a cgroup: %s: give a directory below %s, or the path from there",
		    shown.text, mount);
		break;
	case HOST_E_WRONG_HIERARCHY:
		say("%s is in a hierarchy without the memory controller, which is in cgroup %s "
		    "here: give a cgroup below %s",
		    shown.text, version, mount);
		break;
	case HOST_E_OTHER_MOUNT:
		say("%s is outside of what can be seen from here: give a cgroup below %s",
		    shown.text, mount);
		break;
	case HOST_E_NO_SUCH_PROCESS:
		say("no such process: %s: give the pid of a running one", shown.text);
		break;
	case HOST_E_NO_PERMISSION:
		say("no permission to look at %s: run as root, or as the user who owns it",
		    shown.text);
		break;
	case HOST_E_BAD_NAME:
		say("bad name %s: give a directory, the path of a cgroup, 'self', or 'pid:N'",
		    shown.text);
		break;
	default:
		say("%s: unknown error %d", shown.text, r);
	}
}

static void say_errno(const char *text, int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
		say("%s: %s: raise the limit of open files (ulimit -n) or "
		    "fs.inotify.max_user_instances",
		    text, strerror(error));
		break;
	case ENOSPC:
		say("%s: no inotify watch is left: raise fs.inotify.max_user_watches", text);
		break;
	case EACCES:
	case EPERM:
		say("%s: no permission to read its memory counters: run as root, or as the user "
		    "who owns it",
		    text);
		break;
	case ENODEV:
		say("%s: the cgroup was removed while its watch began: look which ones are there "
		    "now",
		    text);
		break;
	default:
		say("%s: %s", text, strerror(error));
	}
}

int host_error_say(const struct cgroup_host *host, const char *name, int r)
{
	struct shown shown = show(name ? name : "");

	if (r == HOST_E_NO_CGROUPS || r == HOST_E_NO_MEMORY)
		say_host(r);
	else if (r > 0)
		say_name(host, name ? name : "", r);
	else
		say_errno(name ? shown.text : "cgroups of this host", -r);
	return STATUS_FAILURE;
}

int host_error_say_add(const char *path, int r)
{
	struct shown shown = show(path);

	say_errno(shown.text, -r);
	return STATUS_FAILURE;
}
