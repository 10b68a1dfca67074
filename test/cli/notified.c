/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notified COMMAND [ARG]...: runs a command with a NOTIFY_SOCKET and prints, after its end, what came
 * in there, one message a line
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(99);
}

int main(int argc, char **argv)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "notify.socket" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[4096], here[2048];
	int status;
	ssize_t n;
	pid_t pid;

	if (argc < 2 || fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		die("notify.socket");
	if (!getcwd(here, sizeof(here)))
		die("getcwd");
	snprintf(text, sizeof(text), "%s/%s", here, address.sun_path);
	setenv("NOTIFY_SOCKET", text, 1);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		die(argv[1]);
	}
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	while ((n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT)) > 0) {
		text[n] = '\0';
		puts(text);
	}
	unlink(address.sun_path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
