/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is killed, who asked for the memory, and whose limit it was: told at the moment of it
 *
 *   out_of_memory(oc) entered   LIMIT        fentry or kprobe; opens the scope
 *     signal_generate           (kept)       the task that is sent SIGKILL
 *     mark_victim               VICTIM       tracepoint, once per victim
 *     signal_generate           COLLATERAL   a task with the same memory, SIGKILLed without a count
 *   out_of_memory(oc) returns   END          fexit or kretprobe; closes the scope
 *
 * All of it runs in the task that asked for memory, with the kernel's oom_lock held: there is never
 * more than one out_of_memory() at a time. So one scope and one place to put a record together in are
 * enough. A program looks whether the scope is its own task's before it uses it.
 *
 * Paths are built here, since the cgroup may be gone when user space looks. While a record is made
 * nothing it names can go away: the victim is not dead yet, and its cgroup can only be removed after
 * it. Everything is read with helpers that fail on a bad address instead of following it.
 *
 * signal_generate is the one hook that other things than an OOM run into: each signal on the machine
 * costs one comparison there.
 */
#include "kernel_types.bpf.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "oom_record.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set before loading, from the running kernel's BTF: mark_victim gives a task, or a thread's id. */
const volatile bool victim_is_task = true;
/* The kernel's __per_cpu_offset[] and its length; 0: not known. Since 6.2 rss is kept per processor. */
const volatile uint64_t per_cpu_offsets = 0;
const volatile uint32_t processors = 0;
/* Inode numbers of where paths begin, in memory's hierarchy on v1 and in v2; 0: at the top. */
const volatile uint64_t root_v1 = 0;
const volatile uint64_t root_v2 = 0;

/* The kernel sends them the signal right behind the mark, under one lock. */
#define COLLATERAL_NS 10000000

#define PROCESSORS_MAX 1024 /* what is beyond it is left out of the sum, which is then not exact */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024); /* the loader sets it */
} ring SEC(".maps");

/* Records that the ring had no room for, by kind. Read by user space where it lies. */
uint64_t lost[OOM_RECORD_END + 1];

/* The scope. Single variables: of a structure the skeleton would not know the type. */
uint64_t scope_owner; /* pid_tgid of the task inside of out_of_memory(); 0: none */
uint64_t scope_began_ns;
uint64_t scope_oc; /* struct oom_control; 0: the entry is not hooked */
uint64_t scope_mm; /* of the last victim */
uint32_t scope_victim;
uint32_t scope_victims;
uint64_t scope_marked_ns; /* when it was marked */

struct workshop {
	struct oom_record r;
	char names[OOM_RECORD_NAMES + OOM_RECORD_ARGS];
	uint64_t cgroups[OOM_RECORD_SLOTS];
	uint32_t used;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct workshop);
} workshops SEC(".maps");

/*
 * The task that this processor sent SIGKILL last. The kernel marks it right after that, and holds a
 * spin lock from before the one until after the other: neither migration nor another task can come
 * between. That is how a victim is found where mark_victim gives no task, and how one that is killed
 * is told from one that was exiting already, which is marked without a signal. A shot that no mark
 * followed (a collateral, a member of a group that has been marked before) must not be taken for
 * another's: so it counts once, and within the oom it was fired in.
 */
struct shot {
	uint64_t when_ns;
	uint64_t by;
	uint64_t task;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct shot);
} shots SEC(".maps");

static struct workshop *workshop(void)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(&workshops, &zero);
}

static void copy_task(struct oom_record_task *to, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);
	uint32_t level = BPF_CORE_READ(pid, level);
	const char *numbers = (const char *)pid + bpf_core_field_offset(struct pid, numbers);
	struct upid *own = (struct upid *)(numbers + level * bpf_core_type_size(struct upid));

	to->start_ns = BPF_CORE_READ(leader, start_boottime);
	to->pid = (uint32_t)BPF_CORE_READ(task, tgid);
	to->tid = (uint32_t)BPF_CORE_READ(task, pid);
	to->ns_pid = (uint32_t)BPF_CORE_READ(own, nr);
	to->uid = BPF_CORE_READ(task, real_cred, uid.val);
	bpf_core_read(to->comm, sizeof(to->comm), &leader->comm);
}

static struct cgroup_subsys_state *memory_css(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup_subsys_state *css = NULL;
	const char *all = (const char *)set + bpf_core_field_offset(struct css_set, subsys);

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return NULL;
	bpf_probe_read_kernel(&css, sizeof(css),
			      all + bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) *
					      sizeof(css));
	return css;
}

static struct mem_cgroup *memcg_of(struct cgroup_subsys_state *css)
{
	return (struct mem_cgroup *)((char *)css - bpf_core_field_offset(struct mem_cgroup, css));
}

/* The group of the record's paths that follow is verified by itself: so it is a global function. */
__attribute__((noinline)) int put_path(uint32_t slot, uint64_t address)
{
	struct cgroup *cgroup = (struct cgroup *)address;
	struct workshop *w = workshop();
	struct oom_record_path *path;
	uint64_t root;
	uint32_t begin;

	if (!w || slot >= OOM_RECORD_SLOTS)
		return 0;
	root = slot != OOM_RECORD_SLOT_OWN && (w->r.flags & OOM_RECORD_F_V1) ? root_v1 : root_v2;
	path = &w->r.paths[slot];
	path->id = BPF_CORE_READ(cgroup, kn, id);
	path->flags = OOM_RECORD_PATH_THERE;
	w->cgroups[slot] = address;
	for (uint32_t i = 0; i < OOM_RECORD_SLOTS; i++)
		if (i < slot && w->cgroups[i] == address) {
			path->same = (uint8_t)(i + 1);
			return 0;
		}
	begin = w->used;
	for (uint32_t level = 0; level <= OOM_RECORD_LEVELS; level++) {
		struct cgroup *parent = BPF_CORE_READ(cgroup, self.parent, cgroup);
		const char *name = BPF_CORE_READ(cgroup, kn, name);
		uint32_t at = w->used;
		long n;

		/*
		 * 5.10 and 6.1 refuse a loop that comes back by running on from a call: here is an
		 * instruction between the two.
		 */
		asm volatile("%[parent] = %[parent]" : [parent] "+r"(parent));
		if (root && BPF_CORE_READ(cgroup, kn, id) == root)
			break;
		if (!parent) {
			if (root)
				path->flags |= OOM_RECORD_PATH_OUTSIDE;
			break;
		}
		cgroup = parent;
		if (level == OOM_RECORD_LEVELS || at >= OOM_RECORD_NAMES) {
			path->flags |= OOM_RECORD_PATH_CUT;
			continue;
		}
		if (path->flags & OOM_RECORD_PATH_CUT)
			continue;
		n = bpf_probe_read_kernel_str(&w->names[at], OOM_RECORD_NAME, name);
		if (n <= 0 || at + n > OOM_RECORD_NAMES)
			path->flags |= OOM_RECORD_PATH_CUT;
		else
			w->used = at + (uint32_t)n;
	}
	path->bytes = (uint16_t)(w->used - begin);
	return 0;
}

/* What the processors hold of a counter, beside what they have in common. */
__attribute__((noinline)) int64_t processors_share(uint64_t counters)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < PROCESSORS_MAX; i++) {
		uint64_t offset = 0;
		int32_t share = 0;

		if (i >= processors)
			break;
		bpf_probe_read_kernel(&offset, sizeof(offset),
				      (const void *)(per_cpu_offsets + i * sizeof(offset)));
		bpf_probe_read_kernel(&share, sizeof(share), (const void *)(counters + offset));
		sum += share;
	}
	return sum;
}

static int64_t rss_now(struct mm_struct *mm, uint32_t what)
{
	struct percpu_counter *c =
		(struct percpu_counter *)((char *)mm +
					  bpf_core_field_offset(struct mm_struct, rss_stat) +
					  what * bpf_core_type_size(struct percpu_counter));
	int64_t pages = BPF_CORE_READ(c, count);

	if (per_cpu_offsets)
		pages += processors_share((uint64_t)BPF_CORE_READ(c, counters));
	return pages;
}

/*
 * struct task_rss_stat { int events; int count[…]; }, and struct mm_rss_stat, which begins with its counts,
 * are gone since 6.2. To ask a kernel for the layout of a type that it does not have makes libbpf look
 * through the types of all modules, which takes CAP_SYS_ADMIN.
 */
#define TASK_RSS_COUNT 4

/* Before 6.2 each thread keeps some pages to itself; those of other threads are not looked for. */
static int64_t rss_before_6_2(struct task_struct *task, struct mm_struct *mm, uint32_t what)
{
	int64_t pages = 0;
	int32_t kept = 0;

	bpf_probe_read_kernel(
		&pages, sizeof(pages),
		(char *)mm + bpf_core_field_offset(struct mm_struct___before_6_2, rss_stat) +
			what * sizeof(pages));
	if (bpf_core_field_exists(task->rss_stat))
		bpf_probe_read_kernel(&kept, sizeof(kept),
				      (char *)task +
					      bpf_core_field_offset(struct task_struct, rss_stat) +
					      TASK_RSS_COUNT + what * sizeof(kept));
	return pages + kept;
}

static uint64_t rss_of(struct task_struct *task, struct mm_struct *mm, uint32_t what)
{
	int64_t pages = bpf_core_field_exists(mm->rss_stat) ? rss_now(mm, what)
							    : rss_before_6_2(task, mm, what);

	return pages > 0 ? (uint64_t)pages : 0;
}

static bool rss_exact(struct task_struct *task, struct mm_struct *mm)
{
	if (bpf_core_field_exists(mm->rss_stat))
		return per_cpu_offsets && processors <= PROCESSORS_MAX;
	/* Other processes with the same memory keep some pages to themselves, too. */
	return !bpf_core_field_exists(task->rss_stat) ||
	       (BPF_CORE_READ(task, signal, nr_threads) == 1 &&
		BPF_CORE_READ(mm, mm_users.counter) == 1);
}

static void copy_mm(struct oom_record *r, struct task_struct *task, struct mm_struct *mm)
{
	r->flags |= OOM_RECORD_F_MM;
	if (rss_exact(task, mm))
		r->flags |= OOM_RECORD_F_EXACT;
	r->total_vm_pages = BPF_CORE_READ(mm, total_vm);
	r->anon_pages = rss_of(task, mm, MM_ANONPAGES);
	r->file_pages = rss_of(task, mm, MM_FILEPAGES);
	r->shmem_pages = rss_of(task, mm, MM_SHMEMPAGES);
	r->table_bytes = (uint64_t)BPF_CORE_READ(mm, pgtables_bytes.counter);
}

/* On v1 `oom_kill` is told by memory.oom_control, from memory_events; on v2 by memory.events.local. */
static void copy_oom_kill(struct oom_record *r, struct mem_cgroup *memcg)
{
	uint32_t at =
		bpf_core_enum_value(enum memcg_memory_event, MEMCG_OOM_KILL) * sizeof(uint64_t);

	if (r->flags & OOM_RECORD_F_V1)
		at += bpf_core_field_offset(struct mem_cgroup, memory_events);
	else
		at += bpf_core_field_offset(struct mem_cgroup, memory_events_local);
	bpf_probe_read_kernel(&r->oom_kill, sizeof(r->oom_kill), (char *)memcg + at);
	r->flags |= OOM_RECORD_F_COUNTED;
}

static void copy_limit(struct oom_record *r, struct mem_cgroup *memcg)
{
	r->flags |= OOM_RECORD_F_LIMIT;
	r->limit_pages = BPF_CORE_READ(memcg, memory.max);
	r->usage_pages = (uint64_t)BPF_CORE_READ(memcg, memory.usage.counter);
	if (r->flags & OOM_RECORD_F_V1) {
		r->swap_limit_pages = BPF_CORE_READ(memcg, memsw.max);
		r->swap_usage_pages = (uint64_t)BPF_CORE_READ(memcg, memsw.usage.counter);
	} else {
		r->swap_limit_pages = BPF_CORE_READ(memcg, swap.max);
		r->swap_usage_pages = (uint64_t)BPF_CORE_READ(memcg, swap.usage.counter);
	}
	put_path(OOM_RECORD_SLOT_LIMIT, (uint64_t)BPF_CORE_READ(memcg, css.cgroup));
}

/* What is the same in each record of one oom. Slots are filled in ascending order: see put_path(). */
static struct workshop *begin_record(uint16_t kind)
{
	struct task_struct *current = (struct task_struct *)bpf_get_current_task();
	struct oom_control *oc = (struct oom_control *)scope_oc;
	struct cgroup_subsys_state *css = memory_css(current);
	struct cgroup *v2 = BPF_CORE_READ(current, cgroups, dfl_cgrp);
	struct workshop *w = workshop();

	if (!w)
		return NULL;
	__builtin_memset(&w->r, 0, sizeof(w->r));
	__builtin_memset(w->cgroups, 0, sizeof(w->cgroups));
	w->used = 0;
	w->r.kind = kind;
	w->r.when_ns = bpf_ktime_get_boot_ns();
	if (BPF_CORE_READ(css, cgroup, root) != BPF_CORE_READ(v2, root))
		w->r.flags |= OOM_RECORD_F_V1;
	copy_task(&w->r.trigger, current);
	if (oc) {
		struct mem_cgroup *memcg = BPF_CORE_READ(oc, memcg);

		w->r.flags |= OOM_RECORD_F_SCOPED;
		w->r.began_ns = scope_began_ns;
		w->r.order = BPF_CORE_READ(oc, order);
		w->r.gfp = BPF_CORE_READ(oc, gfp_mask);
		/* The kernel finds them out after its entry; total_pages is never 0 then. */
		w->r.total_pages = BPF_CORE_READ(oc, totalpages);
		w->r.constraint = BPF_CORE_READ(oc, constraint);
		if (w->r.total_pages)
			w->r.flags |= OOM_RECORD_F_CAUSE;
		else
			w->r.constraint = 0;
		if (memcg)
			copy_limit(&w->r, memcg);
	}
	return w;
}

static void put_task(struct workshop *w, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct task_struct *owner = BPF_CORE_READ(mm, owner);
	struct cgroup_subsys_state *css = memory_css(owner ? owner : task);

	w->r.flags |= OOM_RECORD_F_TASK;
	copy_task(&w->r.task, task);
	w->r.oom_score_adj = BPF_CORE_READ(task, signal, oom_score_adj);
	if (mm)
		copy_mm(&w->r, task, mm);
	if (css) {
		copy_oom_kill(&w->r, memcg_of(css));
		put_path(OOM_RECORD_SLOT_MEMORY, (uint64_t)BPF_CORE_READ(css, cgroup));
	}
	put_path(OOM_RECORD_SLOT_OWN, (uint64_t)BPF_CORE_READ(task, cgroups, dfl_cgrp));
}

/*
 * The command line of @victim, if its memory is the trigger's: only that can be read from here.
 * Nothing is brought in for it: what is not in memory is not read.
 */
static uint32_t put_args(struct workshop *w, uint32_t at, struct task_struct *victim)
{
	struct task_struct *current = (struct task_struct *)bpf_get_current_task();
	struct mm_struct *mm = BPF_CORE_READ(current, mm);
	uint64_t begin, whole;
	uint32_t bytes;

	if (!mm || BPF_CORE_READ(victim, mm) != mm)
		return 0;
	begin = BPF_CORE_READ(mm, arg_start);
	whole = BPF_CORE_READ(mm, arg_end) - begin;
	if ((int64_t)whole <= 0)
		return 0;
	bytes = whole > OOM_RECORD_ARGS ? OOM_RECORD_ARGS : (uint32_t)whole;
	/* The verifier wants to see the very register compared that the helper gets. */
	asm volatile("%[bytes] = %[bytes]" : [bytes] "+r"(bytes));
	if (bytes > OOM_RECORD_ARGS ||
	    bpf_probe_read_user(&w->names[at], bytes, (const void *)begin) < 0)
		return 0;
	if (whole > OOM_RECORD_ARGS)
		w->r.flags |= OOM_RECORD_F_ARGS_CUT;
	return bytes;
}

/* @victim: whose command line goes along, or NULL. */
static void end_record(struct workshop *w, struct task_struct *victim)
{
	struct task_struct *current = (struct task_struct *)bpf_get_current_task();
	struct cgroup_subsys_state *css = memory_css(current);
	uint32_t names, args = 0, kind = w->r.kind;

	if (css)
		put_path(OOM_RECORD_SLOT_TRIGGER, (uint64_t)BPF_CORE_READ(css, cgroup));
	names = w->used;
	if (names > OOM_RECORD_NAMES)
		names = OOM_RECORD_NAMES;
	w->r.names = names;
	if (victim)
		args = put_args(w, names, victim);
	w->r.args = args;
	if (bpf_ringbuf_output(&ring, &w->r, sizeof(w->r) + names + args, 0) < 0 &&
	    kind <= OOM_RECORD_END)
		__sync_fetch_and_add(&lost[kind], 1);
}

static int enter(struct oom_control *oc)
{
	struct workshop *w;

	scope_owner = bpf_get_current_pid_tgid();
	scope_began_ns = bpf_ktime_get_boot_ns();
	scope_oc = (uint64_t)oc;
	scope_mm = 0;
	scope_victim = 0;
	scope_victims = 0;
	w = begin_record(OOM_RECORD_LIMIT);
	if (w)
		end_record(w, NULL);
	return 0;
}

static int leave(bool result)
{
	struct workshop *w;

	if (scope_owner != bpf_get_current_pid_tgid() || !scope_oc)
		return 0;
	w = begin_record(OOM_RECORD_END);
	if (w) {
		w->r.victims = scope_victims;
		if (result)
			w->r.flags |= OOM_RECORD_F_CHOSEN;
		end_record(w, NULL);
	}
	scope_owner = 0;
	scope_oc = 0;
	return 0;
}

SEC("fentry/out_of_memory")
int BPF_PROG(fentry_enter, struct oom_control *oc)
{
	return enter(oc);
}

SEC("fexit/out_of_memory")
int BPF_PROG(fexit_leave, struct oom_control *oc, bool result)
{
	return leave(result);
}

SEC("kprobe/out_of_memory")
int kprobe_enter(struct pt_regs *regs)
{
	return enter((struct oom_control *)REGS_FIRST(regs));
}

SEC("kretprobe/out_of_memory")
int kretprobe_leave(struct pt_regs *regs)
{
	return leave(REGS_RESULT(regs) & 0xff);
}

/* Takes this processor's shot: the task that was sent SIGKILL right before, or NULL. */
static struct task_struct *take_shot(void)
{
	struct task_struct *task = NULL;
	struct shot *shot;
	uint32_t zero = 0;

	shot = bpf_map_lookup_elem(&shots, &zero);
	if (!shot)
		return NULL;
	if (shot->by == bpf_get_current_pid_tgid() &&
	    (!scope_oc || shot->when_ns >= scope_began_ns))
		task = (struct task_struct *)shot->task;
	shot->by = 0;
	shot->task = 0;
	return task;
}

/* The victim behind a thread's id, or NULL: one that exits already is marked without a signal. */
static struct task_struct *victim_of(uint32_t tid, struct task_struct *shot)
{
	struct task_struct *current = (struct task_struct *)bpf_get_current_task();
	struct oom_control *oc = (struct oom_control *)scope_oc;
	struct task_struct *task;

	if (shot && (uint32_t)BPF_CORE_READ(shot, pid) == tid)
		return shot;
	if (oc && scope_owner == bpf_get_current_pid_tgid()) {
		task = BPF_CORE_READ(oc, chosen);
		if ((uint32_t)BPF_CORE_READ(task, pid) == tid)
			return task;
	}
	return (uint32_t)BPF_CORE_READ(current, pid) == tid ? current : NULL;
}

SEC("raw_tp/mark_victim")
int mark_victim(struct bpf_raw_tracepoint_args *ctx)
{
	uint64_t self = bpf_get_current_pid_tgid();
	struct task_struct *task, *shot;
	struct workshop *w;

	if (scope_owner != self) {
		scope_owner = self;
		scope_oc = 0;
		scope_victims = 0;
	}
	shot = take_shot();
	task = victim_is_task ? (struct task_struct *)ctx->args[0]
			      : victim_of((uint32_t)ctx->args[0], shot);
	scope_victims++;
	scope_victim = task ? (uint32_t)BPF_CORE_READ(task, tgid) : 0;
	scope_mm = task ? (uint64_t)BPF_CORE_READ(task, mm) : 0;
	scope_marked_ns = bpf_ktime_get_boot_ns();
	w = begin_record(OOM_RECORD_VICTIM);
	if (!w)
		return 0;
	if (task)
		put_task(w, task);
	else
		w->r.task.tid = (uint32_t)ctx->args[0];
	if (shot && shot == task)
		w->r.flags |= OOM_RECORD_F_KILLED;
	end_record(w, task);
	return 0;
}

/*
 * Whether @task dies for its memory, the last victim's, alone. @result is 0 where the signal is news to
 * it: a member of a group that is killed gets another one when its own turn comes.
 */
static bool is_collateral(struct task_struct *task, uint64_t result)
{
	uint64_t mm;

	if (scope_owner != bpf_get_current_pid_tgid() || !scope_mm || result != 0)
		return false;
	/* A process whose first thread has ended has no memory there to compare. */
	mm = (uint64_t)BPF_CORE_READ(task, mm);
	/*
	 * Where the end of the oom is not seen, the same signal may come of something else a while later: a
	 * pid namespace that ends sends it to all its processes, zombies among them.
	 */
	if (!scope_oc && (!mm || bpf_ktime_get_boot_ns() - scope_marked_ns > COLLATERAL_NS))
		return false;
	return (!mm || mm == scope_mm) && (uint32_t)BPF_CORE_READ(task, tgid) != scope_victim;
}

/* Arguments: signal, info, task, group, result; the result is 0 where the signal is news to the task. */
SEC("raw_tp/signal_generate")
int signal_generate(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task;
	struct shot *shot;
	struct workshop *w;
	bool collateral;
	uint32_t zero = 0;

	if ((int)ctx->args[0] != SIGKILL || ctx->args[1] != SEND_SIG_PRIV)
		return 0;
	task = (struct task_struct *)ctx->args[2];
	collateral = is_collateral(task, ctx->args[4]);
	shot = bpf_map_lookup_elem(&shots, &zero);
	if (shot) {
		shot->when_ns = bpf_ktime_get_boot_ns();
		shot->by = collateral ? 0 : bpf_get_current_pid_tgid();
		shot->task = (uint64_t)task;
	}
	if (!collateral)
		return 0;
	w = begin_record(OOM_RECORD_COLLATERAL);
	if (!w)
		return 0;
	put_task(w, task);
	w->r.victims = scope_victim;
	end_record(w, NULL);
	return 0;
}
