/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/host_error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/errno_text.h"
#include "cli/say.h"
#include "cli/status.h"

struct shown host_error_show(const char *name)
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

	*ret_version = hierarchy_name(h != HIERARCHY_NONE ? h : HIERARCHY_V2);
	return mount && mount->where ? mount->where : "/sys/fs/cgroup";
}

static void say_host(int r)
{
	if (r == HOST_E_NO_PROC)
		say("/proc is not mounted here, which tells where the cgroups are: mount it, as "
		    "with "
		    "'mount -t proc proc /proc'");
	else if (r == HOST_E_NO_CGROUPS)
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
	struct shown shown = host_error_show(name);

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

/* What is wrong with a cgroup and what to do about it, by errno value: those that the calls document. */
static const struct {
	int error;
	const char *text;
} errors[] = {
	{ EAGAIN, "its memory counters could not be read for now: raise the limit of open files "
		  "(ulimit -n), or try again" },
	{ EACCES, "no permission to read its memory counters: run as root, or as the user who owns "
		  "it" },
	{ EPERM, "no permission to read its memory counters: run as root, or as the user who owns "
		 "it" },
	{ ENODEV, "the cgroup was removed while its watch began: look which ones are there now" },
	{ EINVAL, "a root cgroup has no limit and no counters of its own: name one below it" },
	{ EBADMSG, "its memory counters are not as this version knows them: please report this, "
		   "with what 'oomnotify doctor' prints" },
	{ ERANGE, "its memory counters are not as this version knows them: please report this, "
		  "with what 'oomnotify doctor' prints" },
	{ EDQUOT, "too many listeners or cgroups for one process: start a second oomnotify" },
	{ EOVERFLOW,
	  "the kernel told a number that is too large for this version: please report this" },
	{ ENAMETOOLONG, "its path is too long: name it by a directory nearer to it, as ./a" },
	{ EOPNOTSUPP, "this kernel does not offer what is needed: 'oomnotify doctor' tells more" },
};

static void say_errno(const char *name, int error)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].error == error) {
			say("%s: %s", name, errors[i].text);
			return;
		}
	}
	say("%s: %s", name, errno_text(error));
}

int host_error_say(const struct cgroup_host *host, const char *name, int r)
{
	struct shown shown = host_error_show(name ? name : "");

	if (r == HOST_E_NO_CGROUPS || r == HOST_E_NO_MEMORY || r == HOST_E_NO_PROC)
		say_host(r);
	else if (r > 0)
		say_name(host, name ? name : "", r);
	else
		say_errno(name ? shown.text : "cgroups of this host", -r);
	return r == HOST_E_BAD_NAME ? STATUS_USAGE : STATUS_FAILURE;
}

int host_error_say_add(const char *path, int r)
{
	struct shown shown = host_error_show(path);

	say_errno(shown.text, -r);
	return STATUS_FAILURE;
}
