/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is read of a kernel's type information, from such information made here. */
#include "cmocka_all.h"

#include <bpf/btf.h>
#include <linux/capability.h>
#include <string.h>

#include "source/bpf_kernel.h"
#include "source/bpf_rights.h"

struct made {
	struct btf *btf;
	int i32, uid, task, siginfo, void_ptr;
};

static struct made make(void)
{
	struct made m = { .btf = btf__new_empty() };
	int type;

	assert_non_null(m.btf);
	m.i32 = btf__add_int(m.btf, "int", 4, BTF_INT_SIGNED);
	m.uid = btf__add_typedef(m.btf, "uid_t", btf__add_int(m.btf, "unsigned int", 4, 0));
	type = btf__add_struct(m.btf, "task_struct", 4);
	assert_int_equal(btf__add_field(m.btf, "pid", m.i32, 0, 0), 0);
	m.task = btf__add_ptr(m.btf, type);
	type = btf__add_struct(m.btf, "kernel_siginfo", 4);
	assert_int_equal(btf__add_field(m.btf, "si_signo", m.i32, 0, 0), 0);
	m.siginfo = btf__add_ptr(m.btf, type);
	m.void_ptr = btf__add_ptr(m.btf, 0);
	return m;
}

/* typedef void (*NAME)(void *, TYPES); */
static void trace(struct made *m, const char *name, const int *types, size_t n)
{
	int proto = btf__add_func_proto(m->btf, 0);

	assert_true(proto > 0);
	assert_int_equal(btf__add_func_param(m->btf, "", m->void_ptr), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(btf__add_func_param(m->btf, "", types[i]), 0);
	assert_true(btf__add_typedef(m->btf, name, btf__add_ptr(m->btf, proto)) > 0);
}

#define TRACE(m, name, ...)                                                                        \
	trace(m, name, (const int[]){ __VA_ARGS__ },                                               \
	      sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

static void test_mark_victim(void **state)
{
	struct bpf_kernel k;
	struct made m = make();

	(void)state;
	bpf_kernel_look(m.btf, &k);
	assert_false(k.has_mark_victim || k.victim_is_task || k.has_signal_generate);
	btf__free(m.btf);

	m = make();
	TRACE(&m, "btf_trace_mark_victim", m.i32); /* 5.10 */
	bpf_kernel_look(m.btf, &k);
	assert_true(k.has_mark_victim);
	assert_false(k.victim_is_task);
	btf__free(m.btf);

	m = make();
	TRACE(&m, "btf_trace_mark_victim", m.task, m.uid); /* 6.9, and those it was taken back to */
	bpf_kernel_look(m.btf, &k);
	assert_true(k.has_mark_victim && k.victim_is_task);
	btf__free(m.btf);

	/* A pointer to something else is no task. */
	m = make();
	TRACE(&m, "btf_trace_mark_victim", m.siginfo, m.uid);
	bpf_kernel_look(m.btf, &k);
	assert_false(k.victim_is_task);
	btf__free(m.btf);
}

static void test_signal_generate(void **state)
{
	struct bpf_kernel k;
	struct made m = make();

	(void)state;
	TRACE(&m, "btf_trace_signal_generate", m.i32, m.siginfo, m.task, m.i32, m.i32);
	bpf_kernel_look(m.btf, &k);
	assert_true(k.has_signal_generate);
	btf__free(m.btf);

	m = make();
	TRACE(&m, "btf_trace_signal_generate", m.i32, m.task, m.siginfo, m.i32, m.i32);
	bpf_kernel_look(m.btf, &k);
	assert_false(k.has_signal_generate);
	btf__free(m.btf);

	m = make();
	TRACE(&m, "btf_trace_signal_generate", m.i32, m.siginfo, m.task, m.i32);
	bpf_kernel_look(m.btf, &k);
	assert_false(k.has_signal_generate);
	btf__free(m.btf);
}

/* mm_struct's members lie in a struct without a name; older ones are flat. */
static void test_rss(void **state)
{
	static const struct {
		bool nested, array;
	} table[] = { { true, true }, { true, false }, { false, true }, { false, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct made m = make();
		struct bpf_kernel k;
		int type = btf__add_struct(m.btf, "percpu_counter", 4);

		assert_int_equal(btf__add_field(m.btf, "count", m.i32, 0, 0), 0);
		if (table[i].array)
			type = btf__add_array(m.btf, m.i32, type, 4);
		if (table[i].nested) {
			int inner = btf__add_struct(m.btf, NULL, 16);

			assert_int_equal(btf__add_field(m.btf, "rss_stat", type, 0, 0), 0);
			assert_true(btf__add_struct(m.btf, "mm_struct", 16) > 0);
			assert_int_equal(btf__add_field(m.btf, NULL, inner, 0, 0), 0);
		} else {
			assert_true(btf__add_struct(m.btf, "mm_struct", 16) > 0);
			assert_int_equal(btf__add_field(m.btf, "rss_stat", type, 0, 0), 0);
		}
		bpf_kernel_look(m.btf, &k);
		assert_int_equal(k.rss_per_processor, table[i].array);
		btf__free(m.btf);
	}
}

static void test_symbol(void **state)
{
	(void)state;
	assert_int_equal(bpf_kernel_symbol("ffffffff82a3b4c0 R name\n", "name"),
			 0xffffffff82a3b4c0);
	assert_int_equal(bpf_kernel_symbol("ffffffff82a3b4c0 R name", "name"), 0xffffffff82a3b4c0);
	assert_int_equal(bpf_kernel_symbol("0000000000000000 R name\n", "name"), 0);
	assert_int_equal(bpf_kernel_symbol("ffffffff82a3b4c0 R names\n", "name"), 0);
	assert_int_equal(bpf_kernel_symbol("ffffffff82a3b4c0 R nam\n", "name"), 0);
	assert_int_equal(bpf_kernel_symbol("ffffffff82a3b4c0 r name\t[module]\n", "name"), 0);
	assert_int_equal(bpf_kernel_symbol("ffffffff82a3b4c0", "name"), 0);
	assert_int_equal(bpf_kernel_symbol("ffffffff82a3b4c0 R", "name"), 0);
	assert_int_equal(bpf_kernel_symbol("name\n", "name"), 0);
	assert_int_equal(bpf_kernel_symbol("", "name"), 0);
}

static void test_rights(void **state)
{
	const uint64_t bpf = UINT64_C(1) << 39, perfmon = UINT64_C(1) << 38;
	char why[64];

	(void)state;
	assert_true(bpf_rights_suffice(bpf | perfmon, why, sizeof(why)));
	assert_true(bpf_rights_suffice(UINT64_C(1) << CAP_SYS_ADMIN, why, sizeof(why)));
	assert_false(bpf_rights_suffice(bpf, why, sizeof(why)));
	assert_string_equal(why, "CAP_PERFMON is missing");
	assert_false(bpf_rights_suffice(perfmon, why, sizeof(why)));
	assert_string_equal(why, "CAP_BPF is missing");
	assert_false(bpf_rights_suffice(0, why, sizeof(why)));
	assert_string_equal(why, "CAP_BPF and CAP_PERFMON are missing");
	assert_false(bpf_rights_suffice(0, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mark_victim), cmocka_unit_test(test_signal_generate),
		cmocka_unit_test(test_rss),         cmocka_unit_test(test_symbol),
		cmocka_unit_test(test_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
