/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loading, trying and reading
 *
 * Each level is one attempt with an object of its own, since an object that failed cannot be loaded
 * again: the same programs, of which those that the level does without are left out.
 *
 * libbpf explains itself through one function for the whole process. It is silenced while an attempt
 * runs and put back behind it: a library prints nothing, and a level that does not work is an answer.
 */
#include "source/bpf_oom.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
#include <oom.skel.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "source/bpf/oom_record.h"
#include "source/bpf_kernel.h"
#include "source/bpf_record.h"
#include "source/bpf_rights.h"

#define KPROBES "/sys/bus/event_source/devices/kprobe"

struct bpf_oom {
	struct oom_bpf *object;
	struct ring_buffer *ring;
	uint64_t page_size;
	int decoded; /* of the record that was just taken */
	struct sighting sighting;
};

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* Everything that one round of attempts shares. */
struct attempt {
	const struct bpf_oom_options *options;
	struct bpf_oom_report *report;
	struct bpf_kernel kernel;
	bool btf;
	uint64_t rights;
	uint64_t offsets;
	uint32_t processors;
};

static uint32_t ring_bytes(const struct bpf_oom_options *o)
{
	return o->ring_bytes > 0 ? o->ring_bytes : BPF_OOM_RING_BYTES;
}

static void __attribute__((format(printf, 3, 4)))
fail(struct attempt *a, enum bpf_oom_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(a->report->levels[level].why, BPF_OOM_WHY, format, args);
	va_end(args);
	a->report->levels[level].tried = BPF_OOM_FAILED;
}

/* Says what the kernel's error @r (negated) at @what means. */
static void refused(struct attempt *a, enum bpf_oom_level level, const char *what, int r)
{
	const char *obstacle = NULL;
	char missing[BPF_OOM_WHY / 2];

	if (r == -EPERM || r == -EACCES) {
		obstacle = bpf_rights_obstacle(ring_bytes(a->options));
		if (!bpf_rights_suffice(a->rights, missing, sizeof(missing)))
			obstacle = missing;
	}
	fail(a, level, "%s: %s%s%s", what, strerror(-r), obstacle ? "; " : "",
	     obstacle ? obstacle : "");
}

/* What has to be there before anything is tried. Returns whether it is. */
static bool precondition(struct attempt *a, enum bpf_oom_level level)
{
	char missing[BPF_OOM_WHY];

	if (!bpf_rights_suffice(a->rights, missing, sizeof(missing)))
		fail(a, level, "%s", missing);
	else if (!a->btf)
		fail(a, level,
		     "the kernel has no type information (CONFIG_DEBUG_INFO_BTF, "
		     "/sys/kernel/btf/vmlinux)");
	else if (!a->kernel.has_mark_victim || !a->kernel.has_signal_generate)
		fail(a, level, "the kernel's tracepoint %s is not one that is known",
		     a->kernel.has_mark_victim ? "signal:signal_generate" : "oom:mark_victim");
	else
		return true;
	return false;
}

static void choose_programs(struct oom_bpf *o, enum bpf_oom_level level)
{
	(void)bpf_program__set_autoload(o->progs.fentry_enter, level == BPF_OOM_FENTRY);
	(void)bpf_program__set_autoload(o->progs.fexit_leave, level == BPF_OOM_FENTRY);
	(void)bpf_program__set_autoload(o->progs.kprobe_enter, level == BPF_OOM_KPROBE);
	(void)bpf_program__set_autoload(o->progs.kretprobe_leave, level == BPF_OOM_KPROBE);
}

/* Returns an object that is loaded and attached, or NULL and the reason in the report. */
static struct oom_bpf *try_level(struct attempt *a, enum bpf_oom_level level)
{
	struct oom_bpf *o = oom_bpf__open();
	int r;

	if (!o) {
		refused(a, level, "cannot read the programs", errno_neg());
		return NULL;
	}
	choose_programs(o, level);
	o->rodata->victim_is_task = a->kernel.victim_is_task;
	o->rodata->per_cpu_offsets = a->offsets;
	o->rodata->processors = a->processors;
	o->rodata->root_v1 = a->options->root_v1;
	o->rodata->root_v2 = a->options->root_v2;
	r = bpf_map__set_max_entries(o->maps.ring, ring_bytes(a->options));
	if (r == 0)
		r = oom_bpf__load(o);
	if (r < 0) {
		refused(a, level, "the kernel does not take the programs", r);
	} else {
		r = oom_bpf__attach(o);
		if (r < 0 && level == BPF_OOM_KPROBE && access(KPROBES, F_OK) < 0)
			fail(a, level, "the kernel has no kprobes (CONFIG_KPROBE_EVENTS)");
		else if (r < 0)
			refused(a, level, "the kernel does not let them be attached", r);
	}
	if (r < 0) {
		oom_bpf__destroy(o);
		return NULL;
	}
	a->report->levels[level].tried = BPF_OOM_WORKS;
	return o;
}

static void attempt_init(struct attempt *a, const struct bpf_oom_options *options,
			 struct bpf_oom_report *report)
{
	struct btf *btf;

	*a = (struct attempt){ .options = options,
			       .report = report,
			       .rights = bpf_rights_effective() };
	report->level = BPF_OOM_NONE;
	btf = btf__load_vmlinux_btf();
	a->btf = !libbpf_get_error(btf);
	if (!a->btf)
		return;
	bpf_kernel_look(btf, &a->kernel);
	btf__free(btf);
	report->victim_is_task = a->kernel.victim_is_task;
	if (a->kernel.rss_per_processor && bpf_rights_suffice(a->rights, NULL, 0))
		bpf_kernel_processors(&a->offsets, &a->processors);
}

/* Called for each record; a negative result ends the round with this record taken. */
static int take(void *user, void *data, size_t size)
{
	struct bpf_oom *b = user;
	int r = bpf_record_decode(data, size, b->page_size, &b->sighting);

	b->decoded = r < 0 ? r : 1;
	return -ECANCELED;
}

static int open_ring(struct bpf_oom **ret, struct oom_bpf *o)
{
	struct bpf_oom *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	b->ring = ring_buffer__new(bpf_map__fd(o->maps.ring), take, b, NULL);
	if (!b->ring) {
		int r = errno_neg();

		free(b);
		return r;
	}
	b->object = o;
	*ret = b;
	return 0;
}

static int open_best(struct bpf_oom **ret, struct attempt *a)
{
	for (enum bpf_oom_level level = a->options->highest; level < BPF_OOM_LEVELS; level++) {
		struct oom_bpf *o;
		int r;

		if (a->report->levels[level].tried == BPF_OOM_FAILED || !precondition(a, level))
			continue;
		o = try_level(a, level);
		if (!o)
			continue;
		r = open_ring(ret, o);
		if (r == 0) {
			a->report->level = level;
			return 0;
		}
		oom_bpf__destroy(o);
		if (r == -ENOMEM)
			return r;
		refused(a, level, "the ring cannot be mapped", r);
	}
	return BPF_OOM_E_NONE;
}

/* libbpf has one for the whole process, in which other monitors may be opened at the same time. */
static struct {
	pthread_mutex_t lock;
	unsigned users;
	libbpf_print_fn_t before;
} quiet = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void quiet_begin(void)
{
	(void)pthread_mutex_lock(&quiet.lock);
	if (quiet.users++ == 0)
		quiet.before = libbpf_set_print(print_nothing);
	(void)pthread_mutex_unlock(&quiet.lock);
}

static void quiet_end(void)
{
	(void)pthread_mutex_lock(&quiet.lock);
	if (--quiet.users == 0)
		(void)libbpf_set_print(quiet.before);
	(void)pthread_mutex_unlock(&quiet.lock);
}

int bpf_oom_open(struct bpf_oom **ret, const struct bpf_oom_options *options,
		 struct bpf_oom_report *report)
{
	struct attempt a;
	int r;

	attempt_init(&a, options, report);
	if (!options->loud)
		quiet_begin();
	r = open_best(ret, &a);
	if (!options->loud)
		quiet_end();
	/* The kernel's types were some 10 MiB, needed once; the allocator would keep them for later. */
	(void)malloc_trim(0);
	return r;
}

int bpf_oom_probe(struct bpf_oom_report *report)
{
	enum bpf_oom_level best = BPF_OOM_NONE;

	for (enum bpf_oom_level level = BPF_OOM_FENTRY; level < BPF_OOM_LEVELS; level++) {
		struct bpf_oom_options options = { .highest = level };
		struct bpf_oom *b = NULL;
		int r = bpf_oom_open(&b, &options, report);

		if (r < 0)
			return r;
		bpf_oom_close(b);
		if (report->level < best)
			best = report->level;
		if (r == 0) /* open() has gone down to there by itself */
			level = report->level;
	}
	report->level = best;
	return 0;
}

struct bpf_oom *bpf_oom_close(struct bpf_oom *b)
{
	if (!b)
		return NULL;
	ring_buffer__free(b->ring);
	oom_bpf__destroy(b->object);
	free(b);
	return NULL;
}

int bpf_oom_fd(const struct bpf_oom *b)
{
	return ring_buffer__epoll_fd(b->ring);
}

int bpf_oom_next(struct bpf_oom *b, const struct sighting **ret)
{
	b->decoded = 0;
	(void)ring_buffer__consume(b->ring);
	if (b->decoded > 0)
		*ret = &b->sighting;
	return b->decoded;
}

uint64_t bpf_oom_lost(const struct bpf_oom *b, enum sighting_kind kind)
{
	static const enum oom_record_kind kinds[] = {
		[SIGHTING_LIMIT] = OOM_RECORD_LIMIT,
		[SIGHTING_VICTIM] = OOM_RECORD_VICTIM,
		[SIGHTING_COLLATERAL] = OOM_RECORD_COLLATERAL,
		[SIGHTING_END] = OOM_RECORD_END,
	};

	return __atomic_load_n(&b->object->bss->lost[kinds[kind]], __ATOMIC_RELAXED);
}
