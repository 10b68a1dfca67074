/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/startup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static struct rlimit nofile_inherited;

static void fill_standard_fds(void)
{
	int fd;

	/* open() takes the lowest free number, so that only holes among the first three are filled. */
	do
		fd = open("/", O_PATH); /* O_CLOEXEC would give the hole to an executed program */
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

void startup_init(void)
{
	struct rlimit limit;

	fill_standard_fds();
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &nofile_inherited) < 0)
		return;
	limit = nofile_inherited;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* then it stays as it is */
}

void startup_undo(void)
{
	signal(SIGPIPE, SIG_DFL);
	(void)setrlimit(RLIMIT_NOFILE, &nofile_inherited);
}
