/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watch_fixture.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

/* Longer than any wait of the monitor's own but its 1 s timers, which no step here relies on. */
#define QUIET_MS 60

int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_open(&f->ft);
	assert_int_equal(monitor_new(&f->m, &f->ft.host, NULL), 0);
	*state = f;
	return 0;
}

int teardown(void **state)
{
	struct fixture *f = *state;

	monitor_free(f->m);
	fake_close(&f->ft);
	free(f);
	return 0;
}

int watch_flags(struct fixture *f, const char *path, unsigned flags)
{
	struct cgroup_at at;
	int r;

	if (*path == '\0')
		return monitor_add_host(f->m, flags, EVENT_MASK_ALL, ++f->cookie);
	fake_at(&f->ft, path, &at);
	r = monitor_add(f->m, &at, flags, EVENT_MASK_ALL, ++f->cookie);
	cgroup_at_close(&at);
	return r;
}

void watch(struct fixture *f, const char *path)
{
	assert_int_equal(watch_flags(f, path, 0), 0);
}

static void add_line(struct fixture *f, const struct oomn_event *e)
{
	size_t used = strlen(f->text);
	FILE *out = fmemopen(f->text + used, sizeof(f->text) - used, "w");

	assert_non_null(out);
	fprintf(out, "%s %s %" PRIu64, event_kind_name(e->kind), e->cgroup, e->count_min);
	if (e->count_max != e->count_min)
		fprintf(out, "-%" PRIu64, e->count_max);
	if (e->removed)
		fputs(" removed", out);
	if (e->unplaced)
		fputs(" unplaced", out);
	if (e->limit_cgroup && e->limit_bytes != BYTES_NONE)
		fprintf(out, " limit %s %" PRIu64, e->limit_cgroup, e->limit_bytes);
	fputc('\n', out);
	fclose(out);
}

void take_events(struct fixture *f)
{
	struct oomn_event *e;

	while (monitor_next(f->m, &e) > 0) {
		add_line(f, e);
		event_free(e);
	}
}

/* Lets the monitor work until it has been quiet for a while. */
void work(struct fixture *f)
{
	struct pollfd p = { .fd = monitor_get_fd(f->m), .events = POLLIN };

	while (poll(&p, 1, QUIET_MS) > 0) {
		assert_int_equal(monitor_dispatch(f->m), 0);
		take_events(f);
	}
}

void told(struct fixture *f, const char *wanted)
{
	work(f);
	assert_string_equal(f->text, wanted);
	f->text[0] = '\0';
}

struct balance settle(struct fixture *f)
{
	struct pollfd p = { .fd = monitor_get_fd(f->m), .events = POLLIN };
	struct balance b;
	int r;

	while ((r = monitor_settle(f->m)) == MONITOR_E_AGAIN) {
		assert_true(poll(&p, 1, 1000) > 0);
		assert_int_equal(monitor_dispatch(f->m), 0);
	}
	assert_int_equal(r, 0);
	take_events(f);
	monitor_balance(f->m, &b);
	return b;
}

void balanced(struct fixture *f)
{
	struct balance b = settle(f);

	assert_int_equal(balance_judge(&b, EVENT_MASK_ALL), BALANCE_BALANCED);
}
