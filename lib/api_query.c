/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "core/kill_log.h"
#include "lib/api.h"
#include "lib/monitor.h"
#include "lib/query.h"
#include "source/process_id.h"

/* What the first version had. */
#define ID_LEAST sizeof(struct oomn_process_id)
#define KILLS_LEAST sizeof(struct oomn_kills)

_Static_assert((int)OOMN_NO == (int)KILL_NO && (int)OOMN_YES == (int)KILL_YES &&
		       (int)OOMN_UNKNOWN == (int)KILL_UNKNOWN,
	       "verdicts");
_Static_assert((int)OOMN_WHY_SEEN == (int)KILL_WHY_SEEN &&
		       (int)OOMN_WHY_SHARED == (int)KILL_WHY_SHARED &&
		       (int)OOMN_WHY_STATUS == (int)KILL_WHY_STATUS &&
		       (int)OOMN_WHY_NO_KILLS == (int)KILL_WHY_NO_KILLS &&
		       (int)OOMN_WHY_NOT_AMONG == (int)KILL_WHY_NOT_AMONG &&
		       (int)OOMN_WHY_NOT_SEEN == (int)KILL_WHY_NOT_SEEN &&
		       (int)OOMN_WHY_BEFORE == (int)KILL_WHY_BEFORE &&
		       (int)OOMN_WHY_LOST == (int)KILL_WHY_LOST &&
		       (int)OOMN_WHY_FORGOTTEN == (int)KILL_WHY_FORGOTTEN &&
		       (int)OOMN_WHY_NAMESPACE == (int)KILL_WHY_NAMESPACE &&
		       (int)OOMN_WHY_EXITING == (int)KILL_WHY_EXITING &&
		       (int)OOMN_WHY_COUNTERS == (int)KILL_WHY_COUNTERS &&
		       (int)OOMN_WHY_REMOVED == (int)KILL_WHY_REMOVED,
	       "reasons");

struct oomn_answer {
	struct query_answer answer;
};

static int give_id(struct oomn_process_id *ret, size_t size, const struct process_id *id)
{
	const struct oomn_process_id given = { .pid = id->pid,
					       .start_ticks = id->start_ticks,
					       .taken = id->taken_ns,
					       .host_kills = id->host_kills };

	return api_give_struct(ret, size, ID_LEAST, &given, sizeof(given));
}

/* A parser's word for a /proc that is none. */
static int proc_error(int r)
{
	return r == -EBADMSG ? -ENOENT : r;
}

API int oomn_process_id_get(pid_t pid, struct oomn_process_id *ret, size_t size)
{
	struct process_id id;
	int r;

	if (!ret || size < ID_LEAST)
		return -EINVAL;
	r = process_id_read("/proc", pid, &id);
	return r < 0 ? proc_error(r) : give_id(ret, size, &id);
}

API int oomn_process_id_get_pidfd(int pidfd, struct oomn_process_id *ret, size_t size)
{
	struct process_id id;
	int r;

	if (!ret || size < ID_LEAST)
		return -EINVAL;
	r = process_id_read_pidfd("/proc", pidfd, &id);
	return r < 0 ? proc_error(r) : give_id(ret, size, &id);
}

API int oomn_query_process(struct oomn_monitor *m, const struct oomn_process_id *id, size_t size,
			   int wait_status, struct oomn_answer **ret)
{
	struct oomn_process_id given = { 0 };
	struct oomn_answer *a;
	int r = api_check(m);

	if (r == 0 && (!id || !ret))
		r = -EINVAL;
	if (r == 0)
		r = api_take_struct(&given, sizeof(given), ID_LEAST, id, size);
	if (r == 0 && given.reserved != 0)
		r = -EINVAL;
	if (r < 0)
		return r;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	r = monitor_query_process(m,
				  &(struct process_id){ .pid = given.pid,
							.start_ticks = given.start_ticks,
							.taken_ns = given.taken,
							.host_kills = given.host_kills },
				  wait_status, &a->answer);
	if (r != 0) {
		free(a);
		return r < 0 ? r : -EOPNOTSUPP;
	}
	*ret = a;
	return 0;
}

API int oomn_answer_get_verdict(const struct oomn_answer *a)
{
	return a ? (int)a->answer.verdict : -EINVAL;
}

API int oomn_answer_get_why(const struct oomn_answer *a)
{
	return a ? (int)a->answer.why : -EINVAL;
}

API const struct oomn_event *oomn_answer_get_event(const struct oomn_answer *a)
{
	return a && a->answer.event ? a->answer.event->event : NULL;
}

API struct oomn_answer *oomn_answer_free(struct oomn_answer *a)
{
	if (a) {
		kill_event_unref(a->answer.event);
		free(a);
	}
	return NULL;
}

API const char *oomn_why_text(int why)
{
	static const char *const texts[KILL_WHY_MAX] = {
		[KILL_WHY_SEEN] = "the kernel was seen to kill it for want of memory",
		[KILL_WHY_SHARED] = "it shared the memory of a process that the kernel killed",
		[KILL_WHY_STATUS] = "it did not end by SIGKILL",
		[KILL_WHY_NO_KILLS] = "the kernel killed nobody on this host since then",
		[KILL_WHY_NOT_AMONG] = "all kills since then were seen, and it is not among them",
		[KILL_WHY_NOT_SEEN] = "nothing here sees all kills",
		[KILL_WHY_BEFORE] = "it began before all kills were seen",
		[KILL_WHY_LOST] = "records of kills were lost since then, for want of room",
		[KILL_WHY_FORGOTTEN] = "more kills came since then than are remembered",
		[KILL_WHY_NAMESPACE] =
			"pids of this pid namespace are not those of the kernel's records",
		[KILL_WHY_EXITING] = "it was on its way out already when the kernel chose it",
		[KILL_WHY_COUNTERS] = "the kernel's counters say so",
		[KILL_WHY_REMOVED] = "the cgroup is gone, and its counters with it",
	};

	return why > 0 && why < KILL_WHY_MAX ? texts[why] : NULL;
}

API int oomn_query_kills(struct oomn_monitor *m, uint64_t cookie, uint64_t since,
			 struct oomn_kills *ret, size_t size)
{
	struct oomn_kills kills = { 0 };
	struct kill_sum sum;
	int r = api_check(m);

	if (r == 0 && (!ret || size < KILLS_LEAST))
		r = -EINVAL;
	if (r == 0)
		r = monitor_query_kills(m, cookie, since, &sum);
	if (r < 0)
		return r;
	kills.min = sum.min;
	kills.max = sum.max;
	kills.why = (int32_t)sum.why;
	return api_give_struct(ret, size, KILLS_LEAST, &kills, sizeof(kills));
}
