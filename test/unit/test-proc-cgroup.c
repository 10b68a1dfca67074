/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "base/proc_cgroup.h"

static const char v2_only[] = "0::/user.slice/user-1000.slice/session-3.scope\n";

static const char hybrid[] = "13:misc:/\n"
			     "12:pids:/user.slice/user-0.slice/session-1.scope\n"
			     "9:memory:/user.slice/user-0.slice/session-1.scope\n"
			     "8:cpu,cpuacct:/user.slice\n"
			     "4:net_cls,net_prio:/\n"
			     "1:name=systemd:/user.slice/user-0.slice/session-1.scope\n"
			     "0::/user.slice/user-0.slice/session-1.scope\n";

static const char co_mounted[] = "2:cpu,memory,blkio:/all\n1:name=memory:/named\n";

static const char hostile[] = "5:name=a:/x:y:z\n"
			      "4:memory:/a b\t\"'\\\033[31m\xff:4:memory:/no\n"
			      "0::/x (deleted)\n";

static void finds_the_hierarchy(void **state)
{
	static const struct {
		const char *text, *controller;
		int r;
		const char *path;
	} rows[] = {
		{ v2_only, NULL, 0, "/user.slice/user-1000.slice/session-3.scope" },
		{ v2_only, "memory", PROC_CGROUP_E_NO_LINE, "" },
		{ hybrid, "memory", 0, "/user.slice/user-0.slice/session-1.scope" },
		{ hybrid, "cpuacct", 0, "/user.slice" },
		{ hybrid, "cpu", 0, "/user.slice" },
		{ hybrid, "net", PROC_CGROUP_E_NO_LINE, "" },
		{ hybrid, "mem", PROC_CGROUP_E_NO_LINE, "" },
		{ hybrid, "systemd", PROC_CGROUP_E_NO_LINE, "" },
		{ hybrid, NULL, 0, "/user.slice/user-0.slice/session-1.scope" },
		{ co_mounted, "memory", 0, "/all" },
		{ co_mounted, NULL, PROC_CGROUP_E_NO_LINE, "" },
		{ hostile, "memory", 0, "/a b\t\"'\\\033[31m\xff:4:memory:/no" },
		{ hostile, NULL, 0, "/x (deleted)" },
		{ "0::/", NULL, 0, "/" }, /* no newline at the end */
		{ "0::/../x\n", NULL, 0, "/../x" },
		{ "10::/\n", NULL, PROC_CGROUP_E_NO_LINE, "" },
		{ "", NULL, PROC_CGROUP_E_NO_LINE, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proc_cgroup pc = { 0 };
		int r = proc_cgroup_find(rows[i].text, rows[i].controller, &pc);

		if (r != rows[i].r)
			fail_msg("row %zu gave %d", i, r);
		assert_int_equal(pc.len, strlen(rows[i].path));
		assert_int_equal(strncmp(pc.path ? pc.path : "", rows[i].path, pc.len), 0);
	}
}

static void what_is_no_such_text(void **state)
{
	static const char *const rows[] = {
		"\n",
		"0:/\n",
		"0::\n",
		"0::a\n",
		":memory:/\n",
		"x:memory:/\n",
		"4:memory\n/\n",
		"4:memory:\n/a\n",
		"Name:\tbash\n",
		"3:cpu:/\n\n0::/\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proc_cgroup pc = { .len = 99 };

		assert_int_equal(proc_cgroup_find(rows[i], NULL, &pc), -EBADMSG);
		assert_int_equal(pc.len, 99);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_hierarchy),
		cmocka_unit_test(what_is_no_such_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
