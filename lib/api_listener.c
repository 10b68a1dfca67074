/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>
#include <errno.h>

#include "lib/api.h"
#include "lib/listen.h"
#include "lib/monitor.h"

static_assert(OOMN_LISTENER_ALIVE == (int)LISTEN_ALIVE, "alive");
static_assert(OOMN_LISTENER_ENDING == (int)LISTEN_ENDING, "ending");
static_assert(OOMN_LISTENER_ENDED == (int)LISTEN_ENDED, "ended");
static_assert(OOMN_UNSEEN_UNREADABLE == (int)LISTEN_UNREADABLE, "unreadable");
static_assert(OOMN_UNSEEN_OUTSIDE == (int)LISTEN_OUTSIDE, "outside");
static_assert(OOMN_PRESSURE_LOW == (int)PRESSURE_LOW, "low");
static_assert(OOMN_PRESSURE_CRITICAL == (int)PRESSURE_CRITICAL, "critical");

/* To be called when the monitor's own calls are safe again: a listener that is not wanted is the monitor's. */
static int add(struct oomn_monitor *m, int cgroup_fd, int eventfd, const struct listen_what *what,
	       struct oomn_listener **ret)
{
	_cleanup_at_ struct cgroup_at found = CGROUP_AT_NULL;
	struct cgroup_at at = CGROUP_AT_NULL;
	struct listen *listen = NULL;
	int r;

	r = api_host_error(cgroup_host_look(monitor_host(m), cgroup_fd, &at));
	if (r == 0 && what->kind == LISTEN_OOM && at.hierarchy == HIERARCHY_V2)
		r = oomn_monitor_open_names(m);
	if (r == 0)
		r = monitor_listen(m, &listen);
	/* Thousands of listeners on one cgroup do not need its path thousands of times. */
	if (r == 0 && (what->kind == LISTEN_PRESSURE || !listen_knows(listen, at.id))) {
		r = api_find(m, cgroup_fd, &found);
		at = found;
	}
	if (r != 0)
		return r;
	return listen_add(listen, &at, eventfd, what, ret);
}

API int oomn_listener_add_oom(struct oomn_monitor *m, int cgroup_fd, int eventfd, uint32_t flags,
			      struct oomn_listener **ret)
{
	int r = api_check(m);

	if (r < 0)
		return r;
	if (flags != 0)
		return -EINVAL;
	return add(m, cgroup_fd, eventfd, &(struct listen_what){ .kind = LISTEN_OOM }, ret);
}

API int oomn_listener_add_threshold(struct oomn_monitor *m, int cgroup_fd, int eventfd,
				    uint64_t bytes, uint32_t flags, struct oomn_listener **ret)
{
	int r = api_check(m);

	if (r < 0)
		return r;
	if (flags & ~(uint32_t)OOMN_THRESHOLD_SWAP)
		return -EINVAL;
	return add(m, cgroup_fd, eventfd,
		   &(struct listen_what){ .kind = LISTEN_THRESHOLD,
					  .bytes = bytes,
					  .swap = flags & OOMN_THRESHOLD_SWAP },
		   ret);
}

API int oomn_listener_add_pressure(struct oomn_monitor *m, int cgroup_fd, int eventfd,
				   uint32_t level, uint32_t flags, struct oomn_listener **ret)
{
	static const enum pressure_mode modes[] = {
		[0] = PRESSURE_DEFAULT,
		[OOMN_PRESSURE_HIERARCHY] = PRESSURE_HIERARCHY,
		[OOMN_PRESSURE_LOCAL] = PRESSURE_LOCAL,
	};
	int r = api_check(m);

	if (r < 0)
		return r;
	if (level < OOMN_PRESSURE_LOW || level > OOMN_PRESSURE_CRITICAL ||
	    flags >= sizeof(modes) / sizeof(modes[0]))
		return -EINVAL;
	return add(m, cgroup_fd, eventfd,
		   &(struct listen_what){ .kind = LISTEN_PRESSURE,
					  .level = (enum pressure_level)level,
					  .mode = modes[flags] },
		   ret);
}

API int oomn_listener_remove(struct oomn_listener *l)
{
	if (!l)
		return 0;
	if (listen_is_foreign(l))
		return -ECHILD;
	return listen_remove(l) == LISTEN_E_STAYS ? 1 : 0;
}

API int oomn_listener_get_state(const struct oomn_listener *l)
{
	if (!l)
		return -EINVAL;
	return listen_is_foreign(l) ? -ECHILD : (int)listen_state(l);
}

API int oomn_listener_get_unseen(const struct oomn_listener *l)
{
	if (!l)
		return -EINVAL;
	return listen_is_foreign(l) ? -ECHILD : (int)listen_unseen(l);
}
