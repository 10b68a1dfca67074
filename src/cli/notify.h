/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Messages to a service manager: READY=1 and STOPPING=1 to the socket in NOTIFY_SOCKET
 *
 * sd_notify(3) waits for as long as the queue of that socket is full, deaf to signals and timeouts.
 * Here a message that is not taken at once waits until the socket is writable, while the loop goes
 * on; one that is still not taken at the end is dropped.
 */
#include <systemd/sd-event.h>

#define NOTIFY_MAX 64 /* both messages that there are, and a newline between them */

struct notify {
	int fd;
	sd_event_source *source; /* while something waits */
	char waiting[NOTIFY_MAX];
};

#define NOTIFY_NULL                                                                                \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Sends @message, or has @event send it later. What goes wrong with it is nobody's business here. */
void notify_send(struct notify *n, sd_event *event, const char *message);
void notify_close(struct notify *n);
