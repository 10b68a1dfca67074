/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>

#include "source/v1_parse.h"

static void control(void **state)
{
	struct v1_control c = { .oom_kill = 99 };

	(void)state;
	assert_int_equal(v1_parse_control("oom_kill_disable 0\nunder_oom 1\noom_kill 7\n", &c), 0);
	assert_false(c.oom_kill_disable);
	assert_true(c.under_oom);
	assert_int_equal(c.oom_kill, 7);
	assert_int_equal(v1_parse_control("oom_kill 18446744073709551615\nnew 1\nunder_oom 0\n"
					  "oom_kill_disable 1\n",
					  &c),
			 0);
	assert_true(c.oom_kill_disable && !c.under_oom && c.oom_kill == UINT64_MAX);
}

static void no_control(void **state)
{
	static const char *const texts[] = {
		"",
		"oom_kill_disable 0\nunder_oom 0\n", /* before 4.13 */
		"oom_kill_disable 2\nunder_oom 0\noom_kill 1\n",
		"oom_kill_disable 0\nunder_oom -1\noom_kill 1\n",
		"oom_kill_disable 0\nunder_oom 0\noom_kill x\n",
		"oom_kill_disable 0\nunder_oom 0\noom_kill 18446744073709551616\n",
		"low 0\nhigh 0\nmax 0\noom 1\noom_kill 1\n",
	};
	struct v1_control c = { .oom_kill = 99 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(v1_parse_control(texts[i], &c), -EBADMSG);
	assert_int_equal(c.oom_kill, 99);
}

static void kmsg(void **state)
{
	static const struct {
		const char *record;
		enum v1_kmsg what;
	} cases[] = {
		{ "3,1,1,-;Memory cgroup out of memory: Killed process 7 (a) total-vm:1kB, …\n",
		  V1_KMSG_MEMCG_KILL },
		{ "3,1,1,-;Memory cgroup out of memory: Kill process 7 (a) score 1 or sacrifice "
		  "child",
		  V1_KMSG_MEMCG_KILL },
		{ "3,1,1,-;Out of memory: Killed process 7 (a)", V1_KMSG_GLOBAL_KILL },
		{ "3,1,1,-;Out of memory (oom_kill_allocating_task): Killed process 7 (a)",
		  V1_KMSG_GLOBAL_KILL },
		{ "4,1,1,-;a invoked oom-killer: gfp_mask=0xcc0", V1_KMSG_OTHER },
		{ "6,1,1,-;oom_reaper: reaped process 7 (a)", V1_KMSG_OTHER },
		{ "6,1,1,-;Out of memory and no killable processes...", V1_KMSG_OTHER },
		{ "12,1,1,-;I said: Out of memory: Killed process 7", V1_KMSG_OTHER },
		{ "3,1,1,-;", V1_KMSG_OTHER },
		{ "Out of memory: Killed process 7 (a)", V1_KMSG_OTHER },
		{ "", V1_KMSG_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(v1_parse_kmsg(cases[i].record), cases[i].what);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control),
		cmocka_unit_test(no_control),
		cmocka_unit_test(kmsg),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
