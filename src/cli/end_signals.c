/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/end_signals.h"

#include <signal.h>
#include <stdbool.h>

#include "base/err.h"

int end_signals_add(sd_event *event, sd_event_signal_handler_t handler, void *userdata)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP };
	sd_event_source *source;
	struct sigaction old;
	sigset_t set;
	int r;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (signals[i] == SIGHUP && sigaction(SIGHUP, NULL, &old) == 0 &&
		    old.sa_handler == SIG_IGN)
			continue;
		sigemptyset(&set);
		sigaddset(&set, signals[i]);
		if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
			return errno_neg();
		r = sd_event_add_signal(event, &source, signals[i], handler, userdata);
		if (r < 0)
			return r;
		r = sd_event_source_set_exit_on_failure(source, true);
		if (r >= 0)
			r = sd_event_source_set_floating(source, true);
		sd_event_source_unref(source);
		if (r < 0)
			return r;
	}
	return 0;
}
