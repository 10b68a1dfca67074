/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* Exit statuses: oomnotify(1) lists them, and they do not change. */
enum status {
	STATUS_OK = 0,
	STATUS_FAILURE = 1,
	STATUS_USAGE = 2,
	STATUS_DIFFERS = 3,  /* the kernel counted what was not reported */
	STATUS_UNPROVEN = 4, /* that nothing was missed cannot be proven */
	STATUS_GONE = 5,     /* the cgroup was removed */
};
