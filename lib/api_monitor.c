/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>

#include "lib/api.h"
#include "lib/api_balance.h"
#include "lib/monitor.h"

/* What the first version had. */
#define OPTIONS_LEAST offsetof(struct oomn_monitor_options, reserved) + sizeof(uint32_t)

#define WATCH_FLAGS ((uint32_t)(OOMN_WATCH_LOCAL | OOMN_WATCH_GONE_ALL))

static const struct witness_options names[] = {
	[OOMN_NAMES_AUTO] = { .kind = WITNESS_AUTO },
	[OOMN_NAMES_BPF] = { .kind = WITNESS_BPF },
	[OOMN_NAMES_FENTRY] = { .kind = WITNESS_FENTRY },
	[OOMN_NAMES_KPROBE] = { .kind = WITNESS_KPROBE },
	[OOMN_NAMES_TRACEPOINT] = { .kind = WITNESS_TRACEPOINT },
	[OOMN_NAMES_KMSG] = { .kind = WITNESS_KMSG },
	[OOMN_NAMES_NONE] = { .kind = WITNESS_NONE },
	[OOMN_NAMES_NO_BPF] = { .kind = WITNESS_AUTO, .no_bpf = true },
};

static int take_options(const struct oomn_monitor_options *from, struct monitor_options *ret)
{
	struct oomn_monitor_options o = { 0 };
	int r = from ? api_take_struct(&o, sizeof(o), OPTIONS_LEAST, from, from->size) : 0;

	if (r < 0)
		return r;
	if (o.names >= sizeof(names) / sizeof(names[0]) || o.reserved != 0)
		return -EINVAL;
	*ret = (struct monitor_options){
		.witness = names[o.names],
		.watches_max = o.watches_max,
		.queue_max = o.queue_max,
		.queue_bytes = o.queue_bytes,
		.quota = { .listeners = o.listeners_max, .cgroups = o.cgroups_max },
		.history_max = o.history_max,
	};
	ret->witness.ring_bytes = o.ring_bytes;
	return 0;
}

API int oomn_monitor_new(struct oomn_monitor **ret, const struct oomn_monitor_options *options)
{
	struct monitor_options o;
	int r;

	if (!ret)
		return -EINVAL;
	r = take_options(options, &o);
	return r < 0 ? r : monitor_new(ret, NULL, &o);
}

API struct oomn_monitor *oomn_monitor_free(struct oomn_monitor *m)
{
	/* In a child the descriptors are shared with the parent, and what is set through them, too. */
	if (api_check(m) == 0)
		(void)monitor_free(m);
	return NULL;
}

API int oomn_monitor_get_fd(const struct oomn_monitor *m)
{
	int r = api_check(m);

	return r < 0 ? r : monitor_get_fd(m);
}

API int oomn_monitor_open_names(struct oomn_monitor *m)
{
	int r = api_check(m);

	if (r == 0)
		r = monitor_identify(m);
	return r == WITNESS_E_UNUSABLE ? -EOPNOTSUPP : r;
}

API const char *oomn_monitor_get_names(const struct oomn_monitor *m)
{
	return m ? monitor_identified_by(m) : NULL;
}

API const char *oomn_monitor_get_names_why(const struct oomn_monitor *m)
{
	return m ? monitor_identify_why(m) : NULL;
}

static int check_watch(const struct oomn_monitor *m, uint32_t kinds, uint32_t flags,
		       uint32_t known_flags)
{
	int r = api_check(m);

	if (r < 0)
		return r;
	return kinds == 0 || (kinds & ~(uint32_t)OOMN_ALL) || (flags & ~known_flags) ? -EINVAL : 0;
}

static unsigned flags_in(uint32_t flags)
{
	return (flags & OOMN_WATCH_LOCAL ? MONITOR_LOCAL : 0U) |
	       (flags & OOMN_WATCH_GONE_ALL ? MONITOR_GONE_ALL : 0U);
}

API int oomn_monitor_add(struct oomn_monitor *m, int cgroup_fd, uint32_t kinds, uint32_t flags,
			 uint64_t cookie)
{
	_cleanup_at_ struct cgroup_at at = CGROUP_AT_NULL;
	int r = check_watch(m, kinds, flags, WATCH_FLAGS);

	if (r == 0)
		r = api_find(m, cgroup_fd, &at);
	if (r == 0)
		r = oomn_monitor_open_names(m);
	return r < 0 ? r : monitor_add(m, &at, flags_in(flags), kinds, cookie);
}

API int oomn_monitor_add_host(struct oomn_monitor *m, uint32_t kinds, uint32_t flags,
			      uint64_t cookie)
{
	int r = check_watch(m, kinds, flags, OOMN_WATCH_GONE_ALL);

	if (r == 0)
		r = oomn_monitor_open_names(m);
	return r < 0 ? r : monitor_add_host(m, flags_in(flags), kinds, cookie);
}

API int oomn_monitor_remove(struct oomn_monitor *m, uint64_t cookie)
{
	int r = api_check(m);

	return r < 0 ? r : monitor_remove(m, cookie);
}

API int oomn_monitor_get_watches(const struct oomn_monitor *m)
{
	int r = api_check(m);
	size_t n;

	if (r < 0)
		return r;
	n = monitor_watches(m);
	return n < INT_MAX ? (int)n : INT_MAX;
}

API int oomn_monitor_dispatch(struct oomn_monitor *m)
{
	int r = api_check(m);

	return r < 0 ? r : monitor_dispatch(m);
}

API int oomn_monitor_next(struct oomn_monitor *m, struct oomn_event **ret)
{
	int r = api_check(m);

	if (r < 0)
		return r;
	return ret ? monitor_next(m, ret) : -EINVAL;
}

API int oomn_monitor_settle(struct oomn_monitor *m)
{
	int r = api_check(m);

	if (r == 0)
		r = monitor_settle(m);
	return r == MONITOR_E_AGAIN ? 1 : r;
}

API const char *oomn_monitor_get_notice(struct oomn_monitor *m)
{
	return api_check(m) == 0 ? monitor_notice(m) : NULL;
}

API int oomn_monitor_get_balance(const struct oomn_monitor *m, struct oomn_balance *ret,
				 size_t size)
{
	struct balance b;
	int r = api_check(m);

	if (r < 0)
		return r;
	monitor_balance(m, &b);
	return api_give_balance(ret, size, &b, monitor_signals_lost(m));
}
