/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>

#include "sink/text_words.h"

static void put_stat(struct words *w, const struct details_stat *s)
{
	words_paragraph(w);
	words_size_part(w, "anon", s->anon);
	words_size_part(w, "file", s->file);
	words_size_part(w, "kernel", s->kernel);
	words_size_part(w, "slab", s->slab);
	words_size_part(w, "sock", s->sock);
	words_size_part(w, "shmem", s->shmem);
}

static void put_largest(struct words *w, const struct oom_details *d)
{
	words_paragraph(w);
	for (size_t i = 0; i < d->largest_n; i++) {
		const struct details_process *p = &d->largest[i];

		words_part(w);
		if (i == 0)
			fprintf(w->f, "largest of %s%zu: ", d->more ? "the first " : "", d->looked);
		words_process(w, p->pid, p->comm);
		if (p->rss_bytes == BYTES_NONE)
			continue;
		fputc(' ', w->f);
		words_size(w, p->rss_bytes);
	}
}

static void put_program(struct words *w, const struct oom_details *d)
{
	if (d->victim_pid == 0)
		return;
	words_paragraph(w);
	if (d->exe) {
		words_part(w);
		fprintf(w->f, "%" PRIu32 " ran ", d->victim_pid);
		words_name(w, d->exe);
	}
	if (w->command_of != d->victim_pid)
		words_command(w, d->cmdline);
}

void words_of_details(struct words *w, const struct oom_details *d)
{
	if (d->victim_pid != 0 && !w->goes_on) {
		words_part(w);
		fprintf(w->f, "of the kill of %" PRIu32, d->victim_pid);
	}
	words_size_part(w, "limit", d->limit_bytes);
	words_size_part(w, "used", d->usage_bytes);
	words_size_part(w, "peak", d->peak_bytes);
	put_stat(w, &d->stat);
	put_largest(w, d);
	put_program(w, d);
	if (d->timed_out || !w->any) {
		words_paragraph(w);
		words_part(w);
		fputs(d->timed_out ? "not all could be read in time" : "nothing more could be read",
		      w->f);
	}
}
