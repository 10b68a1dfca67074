/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <systemd/sd-event.h>

/*
 * Has @handler called for the signals that ask a program to end: SIGINT, SIGTERM, SIGQUIT, SIGHUP.
 * SIGINT is caught even where it is ignored, as the shell does for what it starts with `&`; a
 * SIGHUP that nohup(1) ignores stays so. A handler that fails ends the loop. Returns 0 or a negated
 * errno.
 */
int end_signals_add(sd_event *event, sd_event_signal_handler_t handler, void *userdata);
