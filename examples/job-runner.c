/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * job-runner CGROUP BYTES COMMAND [ARGUMENT]...: runs a command in a cgroup of its own, limited to BYTES
 *
 * The cgroup is made below CGROUP and removed afterwards. In between, when waitpid() has returned and the
 * process is gone, it asks: was it killed for want of memory? SIGKILL alone does not tell.
 *
 *   cc -std=c99 job-runner.c $(pkg-config --cflags --libs oomnotify)
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <oomnotify.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what, int r)
{
	fprintf(stderr, "job-runner: %s: %s\n", what, strerror(-r));
	return 1;
}

static int write_text(int dir_fd, const char *file, const char *text)
{
	int fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);
	int r = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

/* Of cgroup v2 or v1. */
static int set_limit(int job_fd, const char *bytes)
{
	int r = write_text(job_fd, "memory.max", bytes);

	return r == -ENOENT ? write_text(job_fd, "memory.limit_in_bytes", bytes) : r;
}

/* In the child. It does nothing with the monitor: that is its parent's. */
static void become(int job_fd, char **command)
{
	int r = write_text(job_fd, "cgroup.procs", "0");

	if (r < 0) {
		fail("cgroup.procs", r);
		_exit(126);
	}
	execvp(command[0], command);
	fail(command[0], -errno);
	_exit(127);
}

static int print_answer(const struct oomn_answer *a)
{
	static const char *const verdicts[] = {
		[OOMN_NO] = "no",
		[OOMN_YES] = "yes",
		[OOMN_UNKNOWN] = "unknown",
	};
	const struct oomn_event *e = oomn_answer_get_event(a);
	const char *limit = e ? oomn_event_get_limit_cgroup(e) : NULL;
	const char *why = oomn_why_text(oomn_answer_get_why(a));

	printf("killed for want of memory: %s: %s\n", verdicts[oomn_answer_get_verdict(a)],
	       why ? why : "for a reason that is newer than this program");
	if (limit)
		printf("the limit was that of %s: %" PRIu64 " bytes\n", limit,
		       oomn_event_get_bytes(e, OOMN_BYTES_LIMIT));
	return oomn_answer_get_verdict(a) == OOMN_YES ? 9 : 0;
}

static int run(struct oomn_monitor *m, int job_fd, char **command)
{
	struct oomn_process_id id;
	struct oomn_answer *a = NULL;
	int r, status;
	pid_t pid;

	pid = fork();
	if (pid == 0)
		become(job_fd, command);
	if (pid < 0)
		return fail("fork", -errno);
	/* While it cannot be gone yet, even if it has ended: nobody has waited for it. */
	r = oomn_process_id_get(pid, &id, sizeof(id));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r == 0)
		r = oomn_query_process(m, &id, sizeof(id), status, &a);
	if (r < 0)
		return fail("query", r);
	r = print_answer(a);
	oomn_answer_free(a);
	if (r == 0 && WIFEXITED(status))
		r = WEXITSTATUS(status);
	return r;
}

static int make_and_run(struct oomn_monitor *m, int parent_fd, const char *bytes, char **command)
{
	int job_fd, r;
	char name[32];

	snprintf(name, sizeof(name), "job-%ld", (long)getpid());
	if (mkdirat(parent_fd, name, 0755) < 0)
		return fail(name, -errno);
	job_fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = job_fd < 0 ? -errno : set_limit(job_fd, bytes);
	r = r < 0 ? fail(name, r) : run(m, job_fd, command);
	if (job_fd >= 0)
		close(job_fd);
	/* What the command left behind and still runs keeps it: then it stays. */
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
		fail(name, -errno);
	return r;
}

int main(int argc, char **argv)
{
	struct oomn_monitor *m;
	int parent_fd, r;

	if (argc < 4) {
		fprintf(stderr, "usage: job-runner CGROUP BYTES COMMAND [ARGUMENT]...\n");
		return 2;
	}
	parent_fd = oomn_cgroup_open(argv[1], 0);
	if (parent_fd < 0)
		return fail(argv[1], parent_fd);
	r = oomn_monitor_new(&m, NULL);
	if (r < 0)
		return fail("monitor", r);
	/* Before the command starts: what was killed earlier than this is not known. */
	r = oomn_monitor_open_names(m);
	r = r < 0 ? fail("names", r) : make_and_run(m, parent_fd, argv[2], argv + 3);
	oomn_monitor_free(m);
	close(parent_fd);
	return r;
}
