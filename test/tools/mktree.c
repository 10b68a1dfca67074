/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mktree: many cgroups at once, DIR/d0/l0 … DIR/d99/l99, or DIR/l0 … with no folders between
 *
 * Everything happens relative to a descriptor of the folder above: with 10,000 cgroups resolving
 * each path from the root is what takes the time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tool.h"

#define MANY 1000000

static const char usage_text[] =
	"usage: mktree [--v1|--v2] DIR --dirs A --leaves B  A folders of B cgroups (0: B in DIR)\n"
	"       mktree --remove DIR                         DIR and all cgroups below it\n";

struct tree {
	bool v1;
	unsigned dirs;
	unsigned leaves;
	unsigned made;
};

/* Makes the cgroup @name (there already: fine) and returns a descriptor of it. */
static int make(struct tree *t, int at_fd, const char *name, bool inner)
{
	int fd, r;

	if (mkdirat(at_fd, name, 0755) == 0)
		t->made++;
	else if (errno != EEXIST)
		tool_die("mkdir %s: %s", name, strerror(errno));
	if (!inner)
		return -1;
	fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		tool_die("%s: %s", name, strerror(errno));
	r = t->v1 ? 0 : tool_enable_memory(fd);
	if (r < 0)
		tool_die("%s: cannot enable memory: %s", name, strerror(-r));
	return fd;
}

static void make_leaves(struct tree *t, int at_fd)
{
	char name[32];

	for (unsigned i = 0; i < t->leaves; i++) {
		(void)snprintf(name, sizeof(name), "l%u", i);
		(void)make(t, at_fd, name, false);
	}
}

static void make_tree(struct tree *t, const char *top)
{
	_cleanup_close_ int top_fd = make(t, AT_FDCWD, top, true);
	char name[32];

	if (t->dirs == 0)
		make_leaves(t, top_fd);
	for (unsigned i = 0; i < t->dirs; i++) {
		_cleanup_close_ int fd = -1;

		(void)snprintf(name, sizeof(name), "d%u", i);
		fd = make(t, top_fd, name, true);
		make_leaves(t, fd);
	}
}

/* Removes the cgroup @name and what is below it; returns how many that were. */
static unsigned remove_tree(int at_fd, const char *name)
{
	int fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	unsigned n = 1;

	if (!dir)
		tool_die("%s: %s", name, strerror(errno));
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			n += remove_tree(fd, entry->d_name);
	closedir(dir);
	if (unlinkat(at_fd, name, AT_REMOVEDIR) < 0)
		tool_die("rmdir %s: %s", name, strerror(errno));
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dirs", required_argument, NULL, 'd' },
		{ "leaves", required_argument, NULL, 'l' },
		{ "v1", no_argument, NULL, '1' },
		{ "v2", no_argument, NULL, '2' },
		{ "remove", required_argument, NULL, 'r' },
		{ 0 },
	};
	uint64_t start = clock_boottime_ns();
	const char *remove = NULL;
	struct tree t = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd') {
			t.dirs = (unsigned)tool_number("--dirs", optarg, 0, MANY);
		} else if (c == 'l') {
			t.leaves = (unsigned)tool_number("--leaves", optarg, 1, MANY);
		} else if (c == '1' || c == '2') {
			t.v1 = c == '1';
		} else if (c == 'r') {
			remove = optarg;
		} else {
			fputs(usage_text, stderr);
			return 2;
		}
	}
	if (remove ? optind != argc || t.leaves > 0 : optind != argc - 1 || t.leaves == 0) {
		fputs(usage_text, stderr);
		return 2;
	}
	if (remove)
		t.made = remove_tree(AT_FDCWD, remove);
	else
		make_tree(&t, argv[optind]);
	printf("mktree: %s=%u seconds=%.3f\n", remove ? "removed" : "made", t.made,
	       (double)(clock_boottime_ns() - start) / (double)NSEC_PER_SEC);
	return 0;
}
